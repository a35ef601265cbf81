"""Queries against a lineup table, answered with proof."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.common.blocks import available_threads, cut, held, run_blocks
from services.common.domain.work import Checkpoint
from services.common.universe.kernels import find_row
from services.common.universe.rule_kernels import forbid_near, mark_allowed
from services.common.universe.rules import LineupRules, to_bits
from services.optimizer.core import table_kernels as kernels
from services.optimizer.core.objective import Objective
from services.optimizer.core.query import Query, Solution
from services.optimizer.core.slate import lineup_units
from services.optimizer.core.table import TailTable

Int64 = npt.NDArray[np.int64]
Lineups = npt.NDArray[np.int8]

_LOWEST = -(1 << 62)
_HIGHEST = 1 << 62
_FIRST_BATCH = 256
_LARGEST_BATCH = 262_144
_LARGEST_BATCH_TOTALS = 4_000_000_000
"""Rows times scenarios between two looks at the clock: half a second or so."""
_ROW_BLOCK = 512
_MARK_BLOCK = 262_144
_HEAVIEST_BLOCKS = 64


@dataclass(frozen=True)
class _Scan:
    """Open rows with their bounds, the best exact row (-1 if none) with its value, allowed rows."""

    rows: Int64
    values: Int64
    best_row: int
    best: int
    n_allowed: int


class TableSearch:
    """Answers queries over all legal lineups; remembers the rules and earlier lineups of a portfolio."""

    def __init__(self, table: TailTable, checkpoint: Checkpoint) -> None:
        self._table = table
        self._checkpoint = checkpoint
        self._mean_units = table.objective.mean_units(table.ticks)
        self._rules: LineupRules | None = None
        self._earlier: tuple[tuple[int, ...], ...] = ()
        self._allowed = np.ones(table.n_lineups, dtype=np.bool_)
        self._min_distinct = 1

    @property
    def objective(self) -> Objective:
        """Gives the unit of values."""
        return self._table.objective

    def solve(self, query: Query, should_stop: Callable[[], bool]) -> Solution | None:
        """Return the best lineup that the query allows, None when it allows none.

        ``should_stop`` is asked between batches of rows; when it says so the best lineup so far is returned
        with the bound that is left.
        """
        with held(self._table.lock, self._checkpoint):
            return self._solve(query, should_stop)

    def value(self, columns: tuple[int, ...]) -> int:
        """Return what a lineup is worth by itself, in units of the objective."""
        return lineup_units(self._table.slate, self._table.objective, columns)

    def sample(self, query: Query, n: int) -> tuple[Lineups, bool]:
        """Return ``n`` allowed lineups spread over all, and whether there are no others; momentary rules aside."""
        self._mark(query)
        rows = np.flatnonzero(self._allowed)
        spread = np.linspace(0, len(rows) - 1, min(n, len(rows))).astype(np.int64)
        return self._table.columns_of(rows[spread]), len(rows) <= n

    def heaviest(self, query: Query) -> Lineups:
        """Return allowed lineups of great driver units less tolls, the greatest of all among them."""
        table = self._table
        self._mark(query)
        weights = np.asarray(table.driver_order(query.driver_units), dtype=np.int64)
        tolls, toll_units = self._tolls(query)

        def task(start: int, stop: int) -> int:
            span = slice(start, stop)
            row = kernels.heaviest_allowed(table.lineups[span], self._allowed[span], weights, tolls, toll_units)
            return start + row if row >= 0 else -1

        blocks = cut(table.n_lineups, max(1_024, -(-table.n_lineups // _HEAVIEST_BLOCKS)))
        rows = [row for row in run_blocks(task, blocks, checkpoint=self._checkpoint) if row >= 0]
        return table.columns_of(np.array(rows, dtype=np.int64))

    def allows_any(self, query: Query) -> bool:
        """Return whether any lineup is allowed."""
        with held(self._table.lock, self._checkpoint):
            return self._scan(query, _HIGHEST).n_allowed > 0

    def count(self, query: Query) -> int:
        """Return how many lineups are allowed."""
        with held(self._table.lock, self._checkpoint):
            return self._scan(query, _HIGHEST).n_allowed

    def _solve(self, query: Query, should_stop: Callable[[], bool]) -> Solution | None:
        table = self._table
        known = self._scan(query, _LOWEST, exact_only=True)
        found = self._scan(query, known.best)
        if found.n_allowed == 0:
            return None
        best_row, best, n_evaluated = found.best_row, found.best, 0
        rows, values = found.rows, found.values
        size, few, left = _FIRST_BATCH, _FIRST_BATCH, _LOWEST
        largest = max(_FIRST_BATCH, min(_LARGEST_BATCH, _LARGEST_BATCH_TOTALS // table.slate.n_scenarios))
        while True:
            keep = (values >= best) & (table.stage[rows] != kernels.STAGE_EXACT)
            rows, values = rows[keep], values[keep]
            if not len(rows):
                break
            if best_row >= 0 and should_stop():
                left = int(values.max())
                break
            # Thresholds that fit the value to beat are close for most rows in question.
            thresholds = table.own_thresholds(best_row) if best_row >= 0 else table.thresholds
            fresh = np.flatnonzero(table.stage[rows] == kernels.STAGE_PREFIX)
            bounded = fresh[_greatest(values[fresh], size)]
            self._tighten(rows[bounded], thresholds, query, best)
            values[bounded] = self._values(rows[bounded], query)
            # Of the rows with bounds of their own a few are worked out at once, to raise the value to beat.
            own = np.flatnonzero(table.stage[rows] != kernels.STAGE_PREFIX)
            chosen = own[_greatest(values[own], few)]
            n_evaluated += self._tighten(rows[chosen], thresholds, query, best)
            best_row, best = self._better(rows[chosen], query, best_row, best)
            size, few = min(4 * size, largest), few if len(fresh) else min(2 * few, largest)
        return Solution(
            columns=table.columns(best_row),
            units=best,
            upper_bound_units=max(best, left),
            n_covered=found.n_allowed,
            n_evaluated=n_evaluated,
            method="table",
        )

    def _tolls(self, query: Query) -> tuple[npt.NDArray[np.uint64], Int64]:
        """Drivers of each toll as bits in the order of the table, and its units."""
        drivers = np.array([self._table.driver_order(toll.drivers) for toll in query.tolls], dtype=np.bool_)
        units = np.array([toll.units for toll in query.tolls], dtype=np.int64)
        return to_bits(drivers.reshape(len(units), len(self._table.order))), units

    def _units(self, query: Query) -> Int64:
        return np.asarray(self._table.driver_order(query.driver_units), dtype=np.int64) + self._mean_units

    def _tighten(self, rows: Int64, thresholds: Int64, query: Query, least: int) -> int:
        """Take rows (ascending) one stage further; return how many became exact."""
        if not len(rows):
            return 0
        table, units = self._table, self._units(query)

        def task(start: int, stop: int) -> int:
            return table.tighten(rows[start:stop], thresholds, units, least)

        n_exact = sum(run_blocks(task, cut(len(rows), _ROW_BLOCK), checkpoint=self._checkpoint))
        prefixes = np.unique(np.searchsorted(table.prefix_start, rows, side="right") - 1)
        kernels.refresh_prefixes(prefixes, table.prefix_start, table.bound, table.prefix_bound)
        return n_exact

    def _better(self, batch: Int64, query: Query, best_row: int, best: int) -> tuple[int, int]:
        """The best exact row of a batch and the best so far, ties to the lexicographically first."""
        table = self._table
        rows = batch[table.stage[batch] == kernels.STAGE_EXACT]
        if not len(rows):
            return best_row, best
        values = self._values(rows, query)
        top = int(values.max())
        if best_row >= 0 and top < best:
            return best_row, best
        tied = [int(row) for row in rows[values == top]]
        if best_row >= 0 and top == best:
            tied.append(best_row)
        return min(tied, key=table.columns), top

    def _values(self, rows: Int64, query: Query) -> Int64:
        table = self._table
        lineups = table.lineups[rows]
        values = table.bound[rows] + self._units(query)[lineups].sum(axis=1)
        for toll in query.tolls:
            values -= toll.units * table.driver_order(toll.drivers)[lineups].any(axis=1)
        return np.asarray(values, dtype=np.int64)

    def _scan(self, query: Query, least: int, *, exact_only: bool = False) -> _Scan:
        """Go through all rows in as many spans as there are threads."""
        table = self._table
        self._mark(query)
        units = self._units(query)
        tolls, toll_units = self._tolls(query)
        momentary = query.momentary.reordered(table.order)
        n_prefixes = len(table.prefix_bound)
        open_rows = np.empty(table.n_lineups, dtype=np.int64)
        open_values = np.empty(table.n_lineups, dtype=np.int64)

        def task(start: int, stop: int) -> tuple[int, int, int, int]:
            first, last = int(table.prefix_start[start]), int(table.prefix_start[stop])
            return kernels.scan(
                (start, stop),
                table.lineups,
                table.prefix_start,
                table.prefix_bound,
                table.bound,
                table.stage,
                self._allowed,
                units,
                _best_two(units, momentary.excluded),
                tolls,
                toll_units,
                table.order,
                momentary.arrays(),
                exact_only,
                least,
                open_rows[first:last],
                open_values[first:last],
            )

        spans = cut(n_prefixes, -(-n_prefixes // available_threads()))
        parts = list(run_blocks(task, spans, checkpoint=self._checkpoint))
        firsts = [int(table.prefix_start[start]) for start, _ in spans]
        return self._merged(parts, firsts, open_rows, open_values)

    def _merged(
        self, parts: Sequence[tuple[int, int, int, int]], firsts: Sequence[int], rows: Int64, values: Int64
    ) -> _Scan:
        """What the spans that begin at the rows ``firsts`` found, as one."""
        found = [(row, best) for _, row, best, _ in parts if row >= 0]
        best = max((value for _, value in found), default=_LOWEST)
        tied = [row for row, value in found if value == best]
        filled = [slice(first, first + part[0]) for first, part in zip(firsts, parts, strict=True)]
        return _Scan(
            rows=np.concatenate([rows[span] for span in filled]),
            values=np.concatenate([values[span] for span in filled]),
            best_row=min(tied, key=self._table.columns) if tied else -1,
            best=best,
            n_allowed=sum(part[3] for part in parts),
        )

    def _mark(self, query: Query) -> None:
        """Bring the mask of allowed rows up to the rules and earlier lineups of a query."""
        table = self._table
        known = self._earlier
        fresh = query.rules is not self._rules or query.min_distinct != self._min_distinct
        if fresh or query.earlier[: len(known)] != known:
            rules = query.rules.reordered(table.order).arrays()

            def task(start: int, stop: int) -> None:
                mark_allowed(table.lineups[start:stop], self._allowed[start:stop], rules)

            list(run_blocks(task, cut(table.n_lineups, _MARK_BLOCK), checkpoint=self._checkpoint))
            known = ()
        for columns in query.earlier[len(known) :]:
            self._forbid(columns, query.min_distinct)
        self._rules, self._earlier, self._min_distinct = query.rules, query.earlier, query.min_distinct

    def _forbid(self, columns: tuple[int, ...], min_distinct: int) -> None:
        """Forbid a lineup and those that differ from it in fewer than ``min_distinct`` drivers."""
        table = self._table
        chosen = np.isin(table.order, columns)
        if min_distinct > 1:
            forbid_near(table.lineups, self._allowed, chosen, min_distinct)
        elif (row := find_row(table.lineups, np.flatnonzero(chosen).astype(np.int8))) >= 0:
            self._allowed[row] = False


def _greatest(values: Int64, size: int) -> Int64:
    """Positions of the ``size`` greatest values, ascending."""
    if len(values) <= size:
        return np.arange(len(values))
    return np.sort(np.argpartition(values, len(values) - size)[len(values) - size :])


def _best_two(units: Int64, excluded: npt.NDArray[np.bool_]) -> Int64:
    """Greatest sum of ``units`` over two drivers at ``start`` or later; shape (n_drivers + 1,)."""
    result = np.full(len(units) + 1, _LOWEST // 4, dtype=np.int64)
    usable = np.where(excluded, _LOWEST // 8, units)
    for start in range(len(units) - 1):
        result[start] = np.sort(usable[start:])[-2:].sum()
    return result
