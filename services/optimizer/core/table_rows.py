"""Rows of a lineup table as queries see them: what they are worth at most, which are open, and how to know better."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.common.blocks import available_threads, cut, run_blocks
from services.common.domain.work import Checkpoint
from services.common.universe.rules import to_bits
from services.optimizer.core import scan_kernels, tighten_kernels
from services.optimizer.core.allowed_rows import AllowedRows
from services.optimizer.core.query import Query
from services.optimizer.core.table import TailTable
from services.optimizer.core.time_limit import TimeUp

Int64 = npt.NDArray[np.int64]

LOWEST, HIGHEST = -(1 << 62), 1 << 62
_ROW_BLOCK = 2_048
_ROW_BLOCK_TOTALS = 50_000_000
"""Rows, and rows times scenarios, that are tightened in one piece: some hundredths of a second."""
_VALUE_BLOCK = 1 << 18
_SCAN_BLOCK = 1 << 22
"""Rows that are scanned in one piece: a tenth of a second or so."""


@dataclass(frozen=True)
class Scan:
    """Open rows with their bounds, the best exact row (-1 if none) with its value, allowed rows."""

    rows: Int64
    values: Int64
    best_row: int
    best: int
    n_allowed: int


class TableRows:
    """Bounds and values of rows under a query; remembers which rows are allowed."""

    def __init__(self, table: TailTable, checkpoint: Checkpoint) -> None:
        self.table = table
        self.allowed = AllowedRows(table, checkpoint)
        self._checkpoint = checkpoint
        self._mean_units = table.objective.mean_units(table.ticks)

    def tolls(self, query: Query) -> tuple[npt.NDArray[np.uint64], Int64]:
        """Drivers of each toll as bits in the order of the table, and its units."""
        drivers = np.array([self.table.driver_order(toll.drivers) for toll in query.tolls], dtype=np.bool_)
        units = np.array([toll.units for toll in query.tolls], dtype=np.int64)
        return to_bits(drivers.reshape(len(units), len(self.table.order))), units

    def tighten(self, rows: Int64, thresholds: Int64, look: Checkpoint) -> int:
        """Take rows (ascending) one stage further, as far as there is time; return how many became exact."""
        if not len(rows):
            return 0
        table = self.table

        def task(start: int, stop: int) -> int:
            return table.tighten(rows[start:stop], thresholds)

        n_exact = 0
        size = max(1, min(_ROW_BLOCK, _ROW_BLOCK_TOTALS // table.slate.n_scenarios))
        with suppress(TimeUp):
            for n_done in run_blocks(task, cut(len(rows), size), checkpoint=look):
                n_exact += n_done
        prefixes = np.unique(np.searchsorted(table.prefix_start, rows, side="right") - 1)
        tighten_kernels.refresh_prefixes(prefixes, table.prefix_start, table.bound, table.prefix_bound)
        return n_exact

    def values(self, rows: Int64, query: Query) -> Int64:
        """Bounds of rows with what the query adds; of exact rows their values."""
        table, units, tolls = self.table, self._units(query), self.tolls(query)
        values = np.empty(len(rows), dtype=np.int64)

        def task(start: int, stop: int) -> None:
            span = slice(start, stop)
            scan_kernels.write_values(rows[span], table.lineups, table.bound, units, tolls, values[span])

        list(run_blocks(task, cut(len(rows), _VALUE_BLOCK), checkpoint=self._checkpoint))
        return values

    def best_exact(self, query: Query) -> int:
        """The greatest value among rows whose value is known; very low where there are none."""
        table = self.table
        if not table.objective.tails:
            # All are known, and a scan for open rows finds the best of them.
            return LOWEST
        self.allowed.follow(query)
        momentary = query.momentary.reordered(table.order).arrays()
        return int(
            scan_kernels.best_of(
                np.flatnonzero(table.stage == tighten_kernels.STAGE_EXACT),
                table.lineups,
                table.bound,
                self.allowed.mask,
                self._units(query),
                self.tolls(query),
                momentary,
                LOWEST,
            )
        )

    def scan(self, query: Query, least: int) -> Scan:
        """Go through all rows in as many spans as there are threads."""
        table = self.table
        self.allowed.follow(query)
        rows = (table.lineups, table.prefix_start, table.prefix_bound, table.bound, table.stage, self.allowed.mask)
        tolls, momentary = self.tolls(query), query.momentary.reordered(table.order)
        rules, units = momentary.arrays(), self._units_and_pairs(query, momentary.excluded)
        n_prefixes = len(table.prefix_bound)
        open_rows = np.empty(table.n_lineups, dtype=np.int64)
        open_values = np.empty(table.n_lineups, dtype=np.int64)

        def task(start: int, stop: int) -> tuple[int, int, int, int]:
            first, last = int(table.prefix_start[start]), int(table.prefix_start[stop])
            return scan_kernels.scan(
                (start, stop),
                rows,
                units,
                tolls,
                table.order,
                rules,
                least,
                open_rows[first:last],
                open_values[first:last],
            )

        spans = cut(n_prefixes, -(-n_prefixes // max(available_threads(), table.n_lineups // _SCAN_BLOCK)))
        parts = list(run_blocks(task, spans, checkpoint=self._checkpoint))
        firsts = [int(table.prefix_start[start]) for start, _ in spans]
        return self._merged(parts, firsts, open_rows, open_values)

    def _merged(
        self, parts: Sequence[tuple[int, int, int, int]], firsts: Sequence[int], rows: Int64, values: Int64
    ) -> Scan:
        """What the spans that begin at the rows ``firsts`` found, as one."""
        found = [(row, best) for _, row, best, _ in parts if row >= 0]
        best = max((value for _, value in found), default=LOWEST)
        tied = [row for row, value in found if value == best]
        filled = [slice(first, first + part[0]) for first, part in zip(firsts, parts, strict=True)]
        return Scan(
            rows=np.concatenate([rows[span] for span in filled]),
            values=np.concatenate([values[span] for span in filled]),
            best_row=min(tied, key=self.table.columns) if tied else -1,
            best=best,
            n_allowed=sum(part[3] for part in parts),
        )

    def _units(self, query: Query) -> Int64:
        return np.asarray(self.table.driver_order(query.driver_units), dtype=np.int64) + self._mean_units

    def _units_and_pairs(self, query: Query, excluded: npt.NDArray[np.bool_]) -> tuple[Int64, Int64]:
        units = self._units(query)
        return units, _best_two(units, excluded)


def _best_two(units: Int64, excluded: npt.NDArray[np.bool_]) -> Int64:
    """Greatest sum of ``units`` over two drivers at ``start`` or later; shape (n_drivers + 1,)."""
    result = np.full(len(units) + 1, LOWEST // 4, dtype=np.int64)
    usable = np.where(excluded, LOWEST // 8, units)
    for start in range(len(units) - 1):
        result[start] = np.sort(usable[start:])[-2:].sum()
    return result


def greatest(values: Int64, size: int) -> Int64:
    """Positions of the ``size`` greatest values, ascending."""
    if len(values) <= size:
        return np.arange(len(values))
    return np.sort(np.argpartition(values, len(values) - size)[len(values) - size :])
