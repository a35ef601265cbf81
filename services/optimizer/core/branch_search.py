"""Queries answered by branch and bound, for slates with too many lineups to list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from services.common.domain.work import Checkpoint
from services.common.universe import count_lineups
from services.common.universe.counting import count_allowed
from services.common.universe.kernels import completion_salaries
from services.common.universe.rules import LineupRules, to_bits
from services.optimizer.core import branch_kernels as kernels
from services.optimizer.core.branch_rules import least_sums, team_mates
from services.optimizer.core.branch_shrink import Copies, new_copies
from services.optimizer.core.objective import Objective
from services.optimizer.core.query import Query, Solution
from services.optimizer.core.slate import Slate, lineup_units
from services.optimizer.core.start import Start, best_start, driver_strengths, greedy_start, strength_order
from services.optimizer.core.tail_kernels import tail_threshold, top_sum

Int64 = npt.NDArray[np.int64]
Lineups = npt.NDArray[np.int8]

_NODE_SECONDS_PER_SCENARIO = 1e-10
_NODE_SECONDS = 1e-7
SLICE_SECONDS = 0.02
"""Of a walk between two looks at the caller."""
_ORDERS_PER_DRIVER = 6


@dataclass(frozen=True, eq=False)
class _Tree:
    """The slate with its drivers in the order in which walks take them.

    ``blind`` trees know no scenarios: walks on them only ask what is allowed and what driver units add up to.
    """

    order: Int64
    ticks: npt.NDArray[np.int16]
    completions: npt.NDArray[np.int16]
    salaries: Int64
    cheapest: Int64
    mean_units: Int64

    @staticmethod
    def of(slate: Slate, objective: Objective, order: Int64, *, blind: bool = False) -> _Tree:
        ticks = np.ascontiguousarray(slate.ticks[order, : 0 if blind else slate.n_scenarios])
        salaries = slate.salaries_dollars[order]
        return _Tree(
            order=order,
            ticks=ticks,
            completions=kernels.best_completions(ticks, slate.roster_size),
            salaries=salaries,
            cheapest=completion_salaries(salaries, slate.roster_size)[0],
            mean_units=objective.mean_units(ticks),
        )


@dataclass(frozen=True, eq=False)
class _Walk:
    """A walk under way: where it stands, its thresholds, and the best lineup with [value, found, evaluated]."""

    following: Int64
    at: Int64
    totals: npt.NDArray[np.int16]
    copies: Copies
    thresholds: Int64
    best: npt.NDArray[np.int8]
    state: Int64


class BranchSearch:
    """Answers queries without a table; every query is a walk of its own."""

    def __init__(self, slate: Slate, objective: Objective, checkpoint: Checkpoint) -> None:
        self._slate = slate
        self._objective = objective
        self._checkpoint = checkpoint
        order = strength_order(slate, objective)
        self._tree = _Tree.of(slate, objective, order)
        self._blind = _Tree.of(slate, objective, order, blind=True)
        self._sizes = np.array([tail.k for tail in objective.tails], dtype=np.int64)
        self._multipliers = np.array([tail.multiplier for tail in objective.tails], dtype=np.int64)
        self.n_legal = count_lineups(slate.salaries_dollars, slate.roster_size, slate.salary_cap_dollars)
        self._counted: tuple[LineupRules, int] | None = None
        self._start = self._climb()

    @property
    def objective(self) -> Objective:
        """Gives the unit of values."""
        return self._objective

    def solve(self, query: Query, should_stop: Callable[[], bool]) -> Solution | None:
        """Return the best lineup that the query allows, None when it allows none.

        When ``should_stop`` says so the walk ends with the bound of what is left; where it has not come to a
        lineup until then, the first one allowed is taken.
        """
        if self._n_keeping(query.rules) == 0:
            return None
        walk = self._new_walk(self._tree, self._start.thresholds.copy())
        self._take(walk, query, _columns(self._tree, self._start.lineup))
        upper = None
        while self._advance(self._tree, walk, query) != kernels.DONE:
            self._checkpoint()
            if should_stop():
                if not walk.state[1] and not self._take_first(walk, query):
                    return None
                upper = self._bound_left(walk, query)
                break
        if not walk.state[1]:
            return None
        value = int(walk.state[0])
        return Solution(
            columns=_columns(self._tree, walk.best),
            units=value,
            upper_bound_units=value if upper is None else max(value, upper),
            n_covered=self.n_legal,
            n_evaluated=int(walk.state[2]),
            method="branch_and_bound",
        )

    def value(self, columns: tuple[int, ...]) -> int:
        """Return what a lineup is worth by itself, in units of the objective."""
        return lineup_units(self._slate, self._objective, columns)

    def allows_any(self, query: Query) -> bool:
        """Return whether any lineup is allowed."""
        return len(self._list(self._blind, query, 1)) > 0

    def sample(self, query: Query, n: int) -> tuple[Lineups, bool]:
        """Return up to ``n`` allowed lineups: all of them, or the first ones with the drivers in different orders."""
        n_drivers = self._slate.n_drivers
        if 0 <= self._n_keeping(query.rules) < n:
            return self._list(self._blind, query, n), True
        found = set()
        for turn in range(min(n, _ORDERS_PER_DRIVER * n_drivers)):
            # Every driver is first in some orders, with others next to it.
            start, step = turn % n_drivers, 1 + turn // n_drivers
            order = np.argsort((np.arange(n_drivers) - start) * step % n_drivers, kind="stable")
            listed = self._list(_Tree.of(self._slate, self._objective, order, blind=True), query, 1)
            if not len(listed):
                return listed, True
            found.add(tuple(listed[0].tolist()))
        return np.array(sorted(found), dtype=np.int8), False

    def _take_first(self, walk: _Walk, query: Query) -> bool:
        """Make the first allowed lineup the best of a walk; return whether there is one."""
        for columns in self._list(self._blind, query, 1):
            self._take(walk, query, tuple(columns.tolist()))
        return bool(walk.state[1])

    def _take(self, walk: _Walk, query: Query, columns: tuple[int, ...]) -> None:
        """Make a lineup the best of a walk that has none, if it is allowed."""
        if query.allows(columns):
            walk.best[:] = np.flatnonzero(np.isin(self._tree.order, columns))
            walk.state[:] = self.value(columns) + query.extra_units(columns), 1, 1

    def heaviest(self, query: Query) -> Lineups:
        """Return the allowed lineup of the greatest driver units less tolls, if any."""
        walk = self._new_walk(self._blind, np.zeros(0, dtype=np.int64))
        while self._advance(self._blind, walk, query) != kernels.DONE:
            self._checkpoint()
        found = [_columns(self._blind, walk.best)] if walk.state[1] else []
        return np.array(found, dtype=np.int8).reshape(-1, self._slate.roster_size)

    def _list(self, tree: _Tree, query: Query, n: int) -> Lineups:
        """The first ``n`` allowed lineups that a walk comes to, all where it does not come to as many."""
        if self._n_keeping(query.rules) == 0:
            return np.zeros((0, self._slate.roster_size), dtype=np.int8)
        walk = self._new_walk(tree, np.zeros(0, dtype=np.int64))
        rows, filled = np.zeros((n, self._slate.roster_size), dtype=np.int8), np.zeros(1, dtype=np.int64)
        while self._advance(tree, walk, query, (rows, filled)) == kernels.PAUSED:
            self._checkpoint()
        self._checkpoint()
        listed = np.sort(tree.order[rows[: filled[0]]], axis=1)
        return listed[np.lexsort(listed.T[::-1])].astype(np.int8)

    def count(self, query: Query) -> int:
        """Return how many lineups the rules allow, -1 where only a listing could tell."""
        momentary = query.momentary
        bare = not (momentary.excluded.any() or len(momentary.at_least) or len(momentary.limits) or momentary.stack[1])
        return -1 if query.earlier or not bare else self._n_keeping(query.rules)

    def _n_keeping(self, rules: LineupRules) -> int:
        """How many legal lineups keep some rules, -1 where only a listing could tell."""
        if self._counted is None or self._counted[0] is not rules:
            slate = self._slate
            count = count_allowed(slate.salaries_dollars, slate.roster_size, slate.salary_cap_dollars, rules)
            self._counted = rules, -1 if count is None else count
        return self._counted[1]

    def _climb(self) -> Start:
        slate, tree = self._slate, self._tree
        weights = driver_strengths(tree.ticks, self._objective), tree.ticks.sum(axis=1, dtype=np.int64)
        cap = slate.salary_cap_dollars
        starts = [greedy_start(weight, tree.salaries, slate.roster_size, cap) for weight in weights]
        return best_start(tree.ticks, tree.salaries, cap, self._objective, starts, self._checkpoint)

    def _new_walk(self, tree: _Tree, thresholds: Int64) -> _Walk:
        size = self._slate.roster_size
        return _Walk(
            following=np.zeros(size, dtype=np.int64),
            at=np.zeros(1, dtype=np.int64),
            totals=np.zeros((size + 1, tree.ticks.shape[1]), dtype=np.int16),
            copies=new_copies(len(tree.ticks), size, tree.ticks.shape[1]),
            thresholds=thresholds,
            best=np.zeros(size, dtype=np.int8),
            state=np.zeros(3, dtype=np.int64),
        )

    def _advance(self, tree: _Tree, walk: _Walk, query: Query, listing: tuple[Lineups, Int64] | None = None) -> int:
        """Walk on for some hundredths of a second; without a listing lineups are valued."""
        n_tails = len(walk.thresholds)
        units, blocked, size = _units(tree, query), _blocked(tree, query), self._slate.roster_size
        listing = listing or (np.zeros((0, size), dtype=np.int8), np.zeros(1, dtype=np.int64))
        shared, momentary = query.rules.reordered(tree.order), query.momentary.reordered(tree.order)
        near = np.array([np.isin(tree.order, columns) for columns in query.earlier], dtype=np.bool_)
        tolls = np.array([toll.drivers[tree.order] for toll in query.tolls], dtype=np.bool_)
        return kernels.walk(
            (walk.following, walk.at, walk.totals),
            walk.copies,
            (tree.ticks, tree.completions, tree.salaries, tree.cheapest, self._slate.salary_cap_dollars, tree.order),
            (self._sizes[:n_tails], self._multipliers[:n_tails], walk.thresholds),
            (units, kernels.greatest_sums(units, blocked, size)),
            (shared.arrays(), momentary.arrays(), to_bits(~blocked[None, :])[0]),
            (_reserve(shared, tree, size), _reserve(momentary, tree, size)),
            (to_bits(near.reshape(-1, len(units))), query.min_distinct),
            (to_bits(tolls.reshape(-1, len(units))), np.array([toll.units for toll in query.tolls], dtype=np.int64)),
            (walk.best, walk.state),
            int(SLICE_SECONDS / (_NODE_SECONDS_PER_SCENARIO * tree.ticks.shape[1] + _NODE_SECONDS)),
            listing,
        )

    def _bound_left(self, walk: _Walk, query: Query) -> int:
        """What no lineup in the unvisited part of the tree exceeds."""
        tree, size = self._tree, self._slate.roster_size
        units = _units(tree, query)
        greatest = kernels.greatest_sums(units, _blocked(tree, query), size)
        chosen = [int(column) - 1 for column in walk.following]
        highest = int(walk.state[0])
        for depth in range(int(walk.at[0]) + 1):
            start, left = int(walk.following[depth]), size - depth
            if start + left > len(units):
                continue
            held = tree.ticks[chosen[:depth]].sum(axis=0, dtype=np.int16)
            bound = self._tail_units(held + tree.completions[left, start])
            value = int(units[chosen[:depth]].sum()) + int(greatest[left, start])
            highest = max(highest, bound + value)
        return highest

    def _tail_units(self, totals: npt.NDArray[np.int16]) -> int:
        """Exact value of the tails of some totals: of best completions, the least bound that they give."""
        guess = int(totals.mean())
        return sum(
            tail.multiplier * top_sum(totals, tail.k, tail_threshold(totals, tail.k, guess))
            for tail in self._objective.tails
        )


def _units(tree: _Tree, query: Query) -> Int64:
    return np.asarray(query.driver_units[tree.order] + tree.mean_units)


def _reserve(rules: LineupRules, tree: _Tree, roster_size: int) -> tuple[npt.NDArray[np.float64], Int64]:
    """What a walk keeps at hand of some rules, to see when they cannot be kept any more."""
    return least_sums(rules.values, roster_size), team_mates(rules.team_index, rules.stack, tree.salaries)


def _blocked(tree: _Tree, query: Query) -> npt.NDArray[np.bool_]:
    return np.asarray((query.rules.excluded | query.momentary.excluded)[tree.order])


def _columns(tree: _Tree, positions: npt.NDArray[np.integer[Any]]) -> tuple[int, ...]:
    return tuple(sorted(int(column) for column in tree.order[positions]))
