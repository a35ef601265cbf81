"""A search over scenarios that are asked a few times only, by whichever way is the cheaper.

Branch and bound nearly always is: it pays for no rows that it never looks at. Where its bounds are loose it may
go on for long, so it is given as long as a table would take; then the table is made.
"""

from __future__ import annotations

from collections.abc import Callable

from services.common.domain.work import Checkpoint
from services.common.universe import UniverseTooLarge
from services.optimizer.core.branch_search import BranchSearch
from services.optimizer.core.branch_walks import SLICE_SECONDS
from services.optimizer.core.demand import Lineups
from services.optimizer.core.leaders import Leaders
from services.optimizer.core.objective import Objective
from services.optimizer.core.portfolio import Search
from services.optimizer.core.query import Query, Solution
from services.optimizer.core.time_limit import ShouldStop, TimeUp

_TABLE_SECONDS_PER_LINEUP = 4e-8
_TABLE_SECONDS_PER_TOTAL = 1.5e-11
"""Measured on 2.4 million lineups and 10,000 scenarios, two cores."""


def table_seconds(n_legal: int, n_scenarios: int) -> float:
    """What a table takes to make, about."""
    return n_legal * (_TABLE_SECONDS_PER_LINEUP + _TABLE_SECONDS_PER_TOTAL * n_scenarios)


class BranchOrTable:
    """Walks first, and makes the table once walks have cost as much.

    ``open_table`` makes the table; ``open_lister`` gives what answers where scenarios do not matter, by default the
    table.
    """

    def __init__(
        self, branch: BranchSearch, open_table: Callable[[], Search], open_lister: Callable[[], Search] | None = None
    ) -> None:
        self._branch = branch
        self._open_table = open_table
        self._open_lister = open_lister
        self._table: Search | None = None
        self._slices_left = 1 + round(table_seconds(branch.n_legal, branch.objective.n_scenarios) / SLICE_SECONDS)

    @property
    def objective(self) -> Objective:
        """Gives the unit of values."""
        return self._branch.objective

    def solve(self, query: Query, should_stop: ShouldStop) -> Solution | None:
        """Return the best lineup that the query allows, None when it allows none."""
        if self._table is None:
            found = self._branch.solve(query, lambda: self._is_spent() or should_stop())
            if found is None or found.proven or should_stop():
                return found
            try:
                self._table = self._table_or_branch()
            except TimeUp:
                return found
        return self._table.solve(query, should_stop)

    def value(self, columns: tuple[int, ...]) -> int:
        """Return what a lineup is worth by itself, in units of the objective."""
        return self._branch.value(columns)

    def allows_any(self, query: Query, checkpoint: Checkpoint) -> bool:
        """Return whether any lineup is allowed."""
        return self._lister().allows_any(query, checkpoint)

    def count(self, query: Query) -> int:
        """Return how many lineups are allowed, -1 where that is not known."""
        count = self._branch.count(query)
        return count if count >= 0 else self._lister().count(query)

    def leaders(self, query: Query, best: Solution, depth: int, n: int, should_stop: ShouldStop) -> Leaders:
        """Return the allowed lineups within ``depth`` units of the best one, at most ``n``."""
        return (self._table or self._branch).leaders(query, best, depth, n, should_stop)

    def sample(self, query: Query, n: int) -> tuple[Lineups, bool]:
        """Return ``n`` allowed lineups spread over all, and whether there are no others."""
        return self._lister().sample(query, n)

    def heaviest(self, query: Query) -> Lineups:
        """Return allowed lineups of great driver units less tolls, the greatest of all among them."""
        return self._lister().heaviest(query)

    def _lister(self) -> Search:
        if self._open_lister is not None:
            return self._open_lister()
        try:
            self._table = self._table or self._table_or_branch()
        except TimeUp:
            return self._branch
        return self._table

    def _is_spent(self) -> bool:
        """Asked once per slice of a walk: counted, not timed, so that a portfolio can be built again."""
        self._slices_left -= 1
        return self._slices_left < 0

    def _table_or_branch(self) -> Search:
        try:
            return self._open_table()
        except UniverseTooLarge:
            return self._branch
