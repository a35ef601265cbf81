"""Queries against a lineup table, answered with proof."""

from __future__ import annotations

from itertools import chain, repeat

import numpy as np
import numpy.typing as npt

from services.common.blocks import cut, held, run_blocks
from services.common.domain.work import Checkpoint
from services.optimizer.core.leaders import Leaders
from services.optimizer.core.objective import Objective
from services.optimizer.core.query import Query, Solution
from services.optimizer.core.scan_kernels import heaviest_allowed
from services.optimizer.core.slate import lineup_units
from services.optimizer.core.table import TailTable
from services.optimizer.core.table_leaders import find_leaders
from services.optimizer.core.table_rows import HIGHEST, LOWEST, TableRows, greatest
from services.optimizer.core.tighten_kernels import STAGE_EXACT, STAGE_PREFIX
from services.optimizer.core.time_limit import ShouldStop, ending

Int64 = npt.NDArray[np.int64]
Lineups = npt.NDArray[np.int8]

_FEW = 256
"""Rows that are bounded first, to raise the value to beat; then all that still reach it, as they lie together."""
_LARGEST_BATCH_TOTALS = 100_000_000_000
"""Rows times scenarios after which the value to beat is looked at again: a few seconds."""
_HEAVIEST_BLOCKS = 64


class TableSearch:
    """Answers queries over all legal lineups; remembers the rules and earlier lineups of a portfolio."""

    def __init__(self, table: TailTable, checkpoint: Checkpoint) -> None:
        self._table = table
        self._checkpoint = checkpoint
        self._rows = TableRows(table, checkpoint)

    @property
    def objective(self) -> Objective:
        """Gives the unit of values."""
        return self._table.objective

    def solve(self, query: Query, should_stop: ShouldStop) -> Solution | None:
        """Return the best lineup that the query allows, None when it allows none.

        When ``should_stop`` says so the best lineup so far is returned with the bound that is left; the first one
        comes in any case.
        """
        with held(self._table.lock, self._checkpoint):
            return self._solve(query, should_stop)

    def value(self, columns: tuple[int, ...]) -> int:
        """Return what a lineup is worth by itself, in units of the objective."""
        return lineup_units(self._table.slate, self._table.objective, columns)

    def leaders(self, query: Query, best: Solution, depth: int, n: int, should_stop: ShouldStop) -> Leaders:
        """Return the allowed lineups within ``depth`` units of the best one, at most ``n``; momentary rules aside."""
        with held(self._table.lock, self._checkpoint):
            return find_leaders(self._rows, query, best.units - depth, n, self._checkpoint, should_stop)

    def sample(self, query: Query, n: int) -> tuple[Lineups, bool]:
        """Return ``n`` allowed lineups spread over all, and whether there are no others; momentary rules aside."""
        self._rows.allowed.follow(query)
        rows, complete = self._rows.allowed.spread(n)
        return self._table.columns_of(rows), complete

    def heaviest(self, query: Query) -> Lineups:
        """Return allowed lineups of great driver units less tolls, the greatest of all among them."""
        table = self._table
        self._rows.allowed.follow(query)
        weights = np.asarray(table.driver_order(query.driver_units), dtype=np.int64)
        tolls, toll_units = self._rows.tolls(query)

        def task(start: int, stop: int) -> int:
            span = slice(start, stop)
            row = heaviest_allowed(table.lineups[span], self._rows.allowed.mask[span], weights, tolls, toll_units)
            return start + row if row >= 0 else -1

        blocks = cut(table.n_lineups, max(1_024, -(-table.n_lineups // _HEAVIEST_BLOCKS)))
        rows = [row for row in run_blocks(task, blocks, checkpoint=self._checkpoint) if row >= 0]
        return table.columns_of(np.array(rows, dtype=np.int64))

    def allows_any(self, query: Query, checkpoint: Checkpoint) -> bool:
        """Return whether any lineup is allowed."""
        checkpoint()
        with held(self._table.lock, checkpoint):
            return self._rows.scan(query, HIGHEST).n_allowed > 0

    def count(self, query: Query) -> int:
        """Return how many lineups are allowed."""
        with held(self._table.lock, self._checkpoint):
            return self._rows.scan(query, HIGHEST).n_allowed

    def _solve(self, query: Query, should_stop: ShouldStop) -> Solution | None:
        table = self._table
        found = self._rows.scan(query, self._rows.best_exact(query))
        if found.n_allowed == 0:
            return None
        best_row, best, n_evaluated = found.best_row, found.best, 0
        rows, values = found.rows, found.values
        few, left = _FEW, LOWEST
        largest = max(_FEW, _LARGEST_BATCH_TOTALS // table.slate.n_scenarios)
        for size in chain([_FEW], repeat(largest)):
            keep = (values >= best) & (table.stage[rows] != STAGE_EXACT)
            self._checkpoint()
            rows, values = rows[keep], values[keep]
            if not len(rows):
                break
            if best_row >= 0 and should_stop():
                left = int(values.max())
                break
            look = ending(self._checkpoint, should_stop) if best_row >= 0 else self._checkpoint
            # Thresholds that fit the value to beat are close for most rows in question.
            thresholds = table.own_thresholds(best_row) if best_row >= 0 else table.thresholds
            fresh = np.flatnonzero(table.stage[rows] == STAGE_PREFIX)
            self._checkpoint()
            bounded = fresh[greatest(values[fresh], size)]
            self._rows.tighten(rows[bounded], thresholds, look)
            values[bounded] = self._rows.values(rows[bounded], query)
            # Of the rows with bounds of their own a few are worked out at once, to raise the value to beat.
            own = np.flatnonzero(table.stage[rows] != STAGE_PREFIX)
            self._checkpoint()
            chosen = own[greatest(values[own], few)]
            n_evaluated += self._rows.tighten(rows[chosen], thresholds, look)
            best_row, best = self._better(rows[chosen], query, best_row, best)
            few = few if len(fresh) else min(2 * few, largest)
        return Solution(
            columns=table.columns(best_row),
            units=best,
            upper_bound_units=max(best, left),
            n_covered=found.n_allowed,
            n_evaluated=n_evaluated,
            method="table",
        )

    def _better(self, batch: Int64, query: Query, best_row: int, best: int) -> tuple[int, int]:
        """The best exact row of a batch and the best so far, ties to the lexicographically first."""
        table = self._table
        rows = batch[table.stage[batch] == STAGE_EXACT]
        if not len(rows):
            return best_row, best
        values = self._rows.values(rows, query)
        top = int(values.max())
        if best_row >= 0 and top < best:
            return best_row, best
        tied = [int(row) for row in rows[values == top]]
        if best_row >= 0 and top == best:
            tied.append(best_row)
        return min(tied, key=table.columns), top
