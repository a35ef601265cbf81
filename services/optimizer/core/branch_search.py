"""Queries answered by branch and bound, for slates with too many lineups to list."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from services.common.domain.work import Checkpoint, no_checkpoint
from services.common.universe import count_lineups
from services.common.universe.counting import count_allowed
from services.common.universe.enumeration import no_lineup
from services.common.universe.rules import LineupRules
from services.optimizer.core import branch_kernels as kernels
from services.optimizer.core.branch_walks import Tree, Walk, Walks, columns_of
from services.optimizer.core.leaders import Leaders, leaders_of
from services.optimizer.core.objective import Objective
from services.optimizer.core.query import Query, Solution
from services.optimizer.core.slate import Slate, lineup_units
from services.optimizer.core.start import Start, best_start, driver_strengths, greedy_start, strength_order
from services.optimizer.core.tail_kernels import tail_threshold
from services.optimizer.core.time_limit import ShouldStop

Int64 = npt.NDArray[np.int64]
Lineups = npt.NDArray[np.int8]

_ORDERS_PER_DRIVER = 6
_IMPROVING_TOTALS = 20_000_000
"""Lineups times scenarios that are looked at to improve a lineup once the time is over: a moment."""
_LEADER_TRIES, _LEADER_SLICES = 4, 50
"""How often leaders are looked for, each time half as far below the best one; and slices of a walk to do so."""


class BranchSearch:
    """Answers queries without a table; every query is a walk of its own."""

    def __init__(self, slate: Slate, objective: Objective, checkpoint: Checkpoint) -> None:
        self._slate = slate
        self._objective = objective
        self._checkpoint = checkpoint
        self.n_legal = count_lineups(
            slate.salaries_dollars, slate.roster_size, slate.salary_cap_dollars, checkpoint=checkpoint
        )
        if not self.n_legal:
            raise no_lineup(slate.salaries_dollars, slate.roster_size, 0, slate.salary_cap_dollars)
        order = strength_order(slate, objective, checkpoint)
        self._tree = Tree.of(slate, objective, order, checkpoint)
        self._blind = Tree.of(slate, objective, order, no_checkpoint, blind=True)
        self._walks = Walks(slate, objective)
        self._proven: dict[bytes, Solution] = {}
        self._counted: tuple[LineupRules, int] | None = None
        self._start = self._climb()

    @property
    def objective(self) -> Objective:
        """Gives the unit of values."""
        return self._objective

    def solve(self, query: Query, should_stop: ShouldStop) -> Solution | None:
        """Return the best lineup that the query allows, None when it allows none.

        When ``should_stop`` says so the walk ends with the bound of what is left; where it has not come to a
        lineup until then, the first one allowed is taken.
        """
        key = _key(query)
        if key in self._proven:
            return self._proven[key]
        if self._n_keeping(query.rules, self._checkpoint) == 0:
            return None
        walk = self._walks.new_walk(self._tree, self._start.thresholds.copy())
        self._take(walk, query, columns_of(self._tree, self._start.lineup))
        upper = None
        while self._walks.advance(self._tree, walk, query) != kernels.DONE:
            self._checkpoint()
            if should_stop():
                if not walk.state[1] and not self._take_first(walk, query):
                    return None
                self._improve(walk, query)
                upper = self._walks.bound_left(self._tree, walk, query)
                break
        if not walk.state[1]:
            return None
        value = int(walk.state[0])
        solution = Solution(
            columns=columns_of(self._tree, walk.best),
            units=value,
            upper_bound_units=value if upper is None else max(value, upper),
            n_covered=self.n_legal,
            n_evaluated=int(walk.state[2]),
            method="branch_and_bound",
        )
        if solution.proven:
            self._proven[key] = solution
        return solution

    def value(self, columns: tuple[int, ...]) -> int:
        """Return what a lineup is worth by itself, in units of the objective."""
        return lineup_units(self._slate, self._objective, columns)

    def allows_any(self, query: Query, checkpoint: Checkpoint) -> bool:
        """Return whether any lineup is allowed."""
        return len(self._list(self._blind, query, 1, checkpoint)) > 0

    def sample(self, query: Query, n: int) -> tuple[Lineups, bool]:
        """Return up to ``n`` allowed lineups: all of them, or the first ones with the drivers in different orders."""
        n_drivers = self._slate.n_drivers
        if 0 <= self._n_keeping(query.rules, self._checkpoint) < n:
            return self._list(self._blind, query, n, self._checkpoint), True
        found = set()
        for turn in range(min(n, _ORDERS_PER_DRIVER * n_drivers)):
            # Every driver is first in some orders, with others next to it.
            start, step = turn % n_drivers, 1 + turn // n_drivers
            order = np.argsort((np.arange(n_drivers) - start) * step % n_drivers, kind="stable")
            tree = Tree.of(self._slate, self._objective, order, no_checkpoint, blind=True)
            listed = self._list(tree, query, 1, self._checkpoint)
            if not len(listed):
                return listed, True
            found.add(tuple(listed[0].tolist()))
        return np.array(sorted(found), dtype=np.int8), False

    def _take_first(self, walk: Walk, query: Query) -> bool:
        """Make the first allowed lineup the best of a walk; return whether there is one."""
        for columns in self._list(self._blind, query, 1, self._checkpoint):
            self._take(walk, query, tuple(columns.tolist()))
        return bool(walk.state[1])

    def _take(self, walk: Walk, query: Query, columns: tuple[int, ...]) -> None:
        """Make a lineup the best of a walk, if it is allowed."""
        if query.allows(columns):
            walk.best[:] = np.flatnonzero(np.isin(self._tree.order, columns))
            walk.state[:] = self.value(columns) + query.extra_units(columns), 1, walk.state[2] + 1

    def _improve(self, walk: Walk, query: Query) -> None:
        """Take single swaps that improve the best lineup of a walk, as many as a moment allows."""
        left = _IMPROVING_TOTALS // self._slate.n_scenarios
        improved = True
        while improved:
            improved = False
            for columns in self._swaps(columns_of(self._tree, walk.best), query):
                left -= 1
                if left < 0:
                    return
                if self.value(columns) + query.extra_units(columns) > walk.state[0]:
                    self._take(walk, query, columns)
                    improved = True
                    break

    def _swaps(self, columns: tuple[int, ...], query: Query) -> Iterator[tuple[int, ...]]:
        """Allowed lineups that differ in one driver, strong ones first."""
        slate = self._slate
        for driver in [int(driver) for driver in self._tree.order if driver not in columns]:
            for out in columns:
                swapped = tuple(sorted({*columns, driver} - {out}))
                fits = slate.salaries_dollars[list(swapped)].sum() <= slate.salary_cap_dollars
                if fits and query.allows(swapped):
                    yield swapped

    def leaders(self, query: Query, best: Solution, depth: int, n: int, should_stop: ShouldStop) -> Leaders:
        """Return the allowed lineups within ``depth`` units of the best one, at most ``n``; momentary rules aside.

        A walk that leaves what cannot reach a value lists all lineups that may. Where these are too many, or too many
        nodes lead to them, a greater value is tried.
        """
        for _ in range(_LEADER_TRIES):
            floor = best.units - depth
            listed = self._list_from(query, best, floor, n, should_stop)
            if listed is not None:
                held = [tuple(columns.tolist()) for columns in listed]
                units = [self.value(columns) + query.extra_units(columns) for columns in held]
                return leaders_of(listed, np.array(units, dtype=np.int64), floor, n)
            depth //= 2
        # The best one alone; another of equal value may be missing.
        return Leaders(np.array([best.columns], dtype=np.int8), np.array([best.units]), best.units + 1)

    def _list_from(self, query: Query, best: Solution, floor: int, n: int, should_stop: ShouldStop) -> Lineups | None:
        """All allowed lineups that may reach a value, None where they are too many or too far apart."""
        totals = self._slate.totals(best.columns)
        tails, guess = self._objective.tails, int(totals.mean())
        thresholds = np.array([tail_threshold(totals, tail.k, guess) for tail in tails], dtype=np.int64)
        walk = self._walks.new_walk(self._tree, thresholds)
        walk.state[:] = floor, 1, 0
        rows, filled = np.zeros((n, self._slate.roster_size), dtype=np.int8), np.zeros(1, dtype=np.int64)
        for _ in range(_LEADER_SLICES):
            self._checkpoint()
            ended = self._walks.advance(self._tree, walk, query, (rows, filled))
            if ended == kernels.DONE:
                return np.sort(self._tree.order[rows[: filled[0]]], axis=1).astype(np.int8)
            if ended == kernels.FULL or should_stop():
                return None
        return None

    def heaviest(self, query: Query) -> Lineups:
        """Return the allowed lineup of the greatest driver units less tolls, if any."""
        walk = self._walks.new_walk(self._blind, np.zeros(0, dtype=np.int64))
        while self._walks.advance(self._blind, walk, query) != kernels.DONE:
            self._checkpoint()
        found = [columns_of(self._blind, walk.best)] if walk.state[1] else []
        return np.array(found, dtype=np.int8).reshape(-1, self._slate.roster_size)

    def _list(self, tree: Tree, query: Query, n: int, checkpoint: Checkpoint) -> Lineups:
        """The first ``n`` allowed lineups that a walk comes to, all where it does not come to as many."""
        checkpoint()
        if self._n_keeping(query.rules, checkpoint) == 0:
            return np.zeros((0, self._slate.roster_size), dtype=np.int8)
        walk = self._walks.new_walk(tree, np.zeros(0, dtype=np.int64))
        rows, filled = np.zeros((n, self._slate.roster_size), dtype=np.int8), np.zeros(1, dtype=np.int64)
        while self._walks.advance(tree, walk, query, (rows, filled)) == kernels.PAUSED:
            checkpoint()
        checkpoint()
        listed = np.sort(tree.order[rows[: filled[0]]], axis=1)
        return listed[np.lexsort(listed.T[::-1])].astype(np.int8)

    def count(self, query: Query) -> int:
        """Return how many lineups the rules allow, -1 where only a listing could tell."""
        momentary = query.momentary
        bare = not (momentary.excluded.any() or len(momentary.at_least) or len(momentary.limits) or momentary.stack[1])
        return -1 if query.earlier or not bare else self._n_keeping(query.rules, self._checkpoint)

    def _n_keeping(self, rules: LineupRules, checkpoint: Checkpoint) -> int:
        """How many legal lineups keep some rules, -1 where only a listing could tell."""
        if self._counted is None or self._counted[0] is not rules:
            slate = self._slate
            sizes = slate.roster_size, slate.salary_cap_dollars
            count = count_allowed(slate.salaries_dollars, *sizes, rules, checkpoint)
            self._counted = rules, -1 if count is None else count
        return self._counted[1]

    def _climb(self) -> Start:
        slate, tree = self._slate, self._tree
        weights = (
            driver_strengths(tree.ticks, self._objective, self._checkpoint),
            tree.ticks.sum(axis=1, dtype=np.int64),
        )
        cap = slate.salary_cap_dollars
        starts = [greedy_start(weight, tree.salaries, slate.roster_size, cap) for weight in weights]
        return best_start(tree.ticks, tree.salaries, cap, self._objective, starts, self._checkpoint)


def _key(query: Query) -> bytes:
    """What tells a query from others."""
    tolls = [part for toll in query.tolls for part in (toll.drivers, np.array(toll.units))]
    near = np.array([query.min_distinct, *(column for columns in query.earlier for column in columns)])
    arrays = [query.driver_units, *query.rules.arrays(), *query.momentary.arrays(), *tolls, near]
    return b"|".join(str(array.shape).encode() + array.tobytes() for array in arrays)
