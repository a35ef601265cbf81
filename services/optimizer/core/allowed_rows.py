"""Which rows of a lineup table the rules and the earlier lineups of a portfolio allow, kept from query to query."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from services.common.blocks import cut, run_blocks
from services.common.domain.work import Checkpoint
from services.common.universe.kernels import find_row
from services.common.universe.rule_kernels import forbid_near, mark_allowed
from services.common.universe.rules import LineupRules
from services.optimizer.core.query import Query
from services.optimizer.core.table import TailTable

_ROW_BLOCK = 262_144


class AllowedRows:
    """The mask of allowed rows, brought up to the rules and earlier lineups of one query after the other.

    Momentary rules and tolls are not in it.
    """

    def __init__(self, table: TailTable, checkpoint: Checkpoint) -> None:
        self.mask: npt.NDArray[np.bool_] = np.ones(table.n_lineups, dtype=np.bool_)
        self._table = table
        self._checkpoint = checkpoint
        self._blocks = cut(table.n_lineups, _ROW_BLOCK)
        self._rules: LineupRules | None = None
        self._earlier: tuple[tuple[int, ...], ...] = ()
        self._min_distinct = 1

    def follow(self, query: Query) -> None:
        """Make the mask that of a query; quick when only earlier lineups were added."""
        known = self._earlier
        fresh = query.rules is not self._rules or query.min_distinct != self._min_distinct
        if fresh or query.earlier[: len(known)] != known:
            # Should the checkpoint raise on the way, the mask is of no query.
            self._rules = None
            self._mark(query.rules)
            known = ()
        for columns in query.earlier[len(known) :]:
            self._forbid(columns, query.min_distinct)
        self._rules, self._earlier, self._min_distinct = query.rules, query.earlier, query.min_distinct

    def spread(self, n: int) -> tuple[npt.NDArray[np.int64], bool]:
        """Up to ``n`` allowed rows spread over all, ascending, and whether there are no others."""

        def count(start: int, stop: int) -> int:
            return int(np.count_nonzero(self.mask[start:stop]))

        counts = np.array(list(run_blocks(count, self._blocks, checkpoint=self._checkpoint)))
        n_allowed = int(counts.sum())
        ranks = np.linspace(0, n_allowed - 1, min(n, n_allowed)).astype(np.int64)
        before = np.cumsum(counts) - counts
        rows = [np.zeros(0, dtype=np.int64)]
        for (start, stop), first, size in zip(self._blocks, before, counts, strict=True):
            wanted = ranks[(ranks >= first) & (ranks < first + size)] - first
            if len(wanted):
                self._checkpoint()
                rows.append(start + np.flatnonzero(self.mask[start:stop])[wanted])
        return np.concatenate(rows), n_allowed <= n

    def _mark(self, rules: LineupRules) -> None:
        table, arrays = self._table, rules.reordered(self._table.order).arrays()

        def task(start: int, stop: int) -> None:
            mark_allowed(table.lineups[start:stop], self.mask[start:stop], arrays)

        list(run_blocks(task, self._blocks, checkpoint=self._checkpoint))

    def _forbid(self, columns: tuple[int, ...], min_distinct: int) -> None:
        """Forbid a lineup and those that differ from it in fewer than ``min_distinct`` drivers."""
        table = self._table
        chosen = np.isin(table.order, columns)
        if min_distinct == 1:
            if (row := find_row(table.lineups, np.flatnonzero(chosen).astype(np.int8))) >= 0:
                self.mask[row] = False
            return

        def task(start: int, stop: int) -> None:
            forbid_near(table.lineups[start:stop], self.mask[start:stop], chosen, min_distinct)

        list(run_blocks(task, self._blocks, checkpoint=self._checkpoint))
