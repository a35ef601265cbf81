"""Queries answered by branch and bound, for slates with too many lineups to list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.common.domain.work import Checkpoint
from services.common.universe import count_lineups
from services.common.universe.kernels import completion_salaries
from services.common.universe.rules import LineupRules, to_bits
from services.optimizer.core import branch_kernels as kernels
from services.optimizer.core.objective import Objective
from services.optimizer.core.query import Query, Solution
from services.optimizer.core.slate import Slate
from services.optimizer.core.start import best_start, driver_strengths, greedy_start, strength_order

Int64 = npt.NDArray[np.int64]

_NODE_SECONDS_PER_SCENARIO = 2e-10
_SLICE_SECONDS = 0.05


@dataclass(frozen=True, eq=False)
class _Walk:
    """A walk under way: where it stands, its thresholds, and the best lineup with [value, found, evaluated]."""

    following: Int64
    at: Int64
    totals: npt.NDArray[np.int16]
    thresholds: Int64
    best: npt.NDArray[np.int8]
    state: Int64


class BranchSearch:
    """Answers queries without a table; every query is a walk of its own."""

    def __init__(self, slate: Slate, objective: Objective, checkpoint: Checkpoint) -> None:
        self._slate = slate
        self._objective = objective
        self._checkpoint = checkpoint
        self._order = strength_order(slate, objective)
        self._ticks = np.ascontiguousarray(slate.ticks[self._order])
        self._salaries = slate.salaries_dollars[self._order]
        self._cheapest = completion_salaries(self._salaries, slate.roster_size)[0]
        self._mean_units = objective.mean_units(self._ticks)
        self._completions = kernels.best_completions(self._ticks, slate.roster_size)
        self._sizes = np.array([tail.k for tail in objective.tails], dtype=np.int64)
        self._multipliers = np.array([tail.multiplier for tail in objective.tails], dtype=np.int64)
        self._n_legal = count_lineups(slate.salaries_dollars, slate.roster_size, slate.salary_cap_dollars)
        self._thresholds = self._first_thresholds()

    @property
    def objective(self) -> Objective:
        """Gives the unit of values."""
        return self._objective

    def solve(self, query: Query, should_stop: Callable[[], bool]) -> Solution | None:
        """Return the best lineup that the query allows, None when it allows none.

        When ``should_stop`` says so the walk ends, once there is a lineup, with the bound of what is left.
        """
        walk = self._new_walk(self._thresholds.copy())
        upper = None
        while self._advance(walk, query) != kernels.DONE:
            self._checkpoint()
            if walk.state[1] and should_stop():
                upper = self._bound_left(walk, query)
                break
        if not walk.state[1]:
            return None
        value = int(walk.state[0])
        return Solution(
            columns=tuple(sorted(int(column) for column in self._order[walk.best])),
            units=value,
            upper_bound_units=value if upper is None else max(value, upper),
            n_covered=self._n_legal,
            n_evaluated=int(walk.state[2]),
            method="branch_and_bound",
        )

    def allows_any(self, query: Query) -> bool:
        """Return whether any lineup is allowed."""
        walk = self._new_walk(np.zeros(0, dtype=np.int64))
        while True:
            outcome = self._advance(walk, query, first_only=True)
            self._checkpoint()
            if outcome != kernels.PAUSED:
                return outcome == kernels.FOUND

    def count(self, query: Query) -> int:
        """Return how many lineups are allowed, -1 where only a listing could tell."""
        rules = (query.rules, query.momentary)
        free = not any(rule.excluded.any() or len(rule.at_least) or len(rule.limits) or rule.stack[1] for rule in rules)
        return self._n_legal - len(query.earlier) if free and query.min_distinct == 1 else -1

    def _first_thresholds(self) -> Int64:
        slate, strengths = self._slate, driver_strengths(self._ticks, self._objective)
        means = self._ticks.sum(axis=1, dtype=np.int64)
        starts = [
            greedy_start(weights, self._salaries, slate.roster_size, slate.salary_cap_dollars)
            for weights in (strengths, means)
        ]
        cap = slate.salary_cap_dollars
        return best_start(self._ticks, self._salaries, cap, self._objective, starts, self._checkpoint).thresholds

    def _new_walk(self, thresholds: Int64) -> _Walk:
        size, n_scenarios = self._slate.roster_size, self._slate.n_scenarios
        return _Walk(
            following=np.zeros(size, dtype=np.int64),
            at=np.zeros(1, dtype=np.int64),
            totals=np.zeros((size + 1, n_scenarios), dtype=np.int16),
            thresholds=thresholds,
            best=np.zeros(size, dtype=np.int8),
            state=np.zeros(3, dtype=np.int64),
        )

    def _advance(self, walk: _Walk, query: Query, *, first_only: bool = False) -> int:
        """Walk on for a twentieth of a second or so."""
        n_tails = len(walk.thresholds)
        units = query.driver_units[self._order] + self._mean_units
        blocked = (query.rules.excluded | query.momentary.excluded)[self._order]
        near = np.array([np.isin(self._order, columns) for columns in query.earlier], dtype=np.bool_)
        tolls = np.array([toll.drivers[self._order] for toll in query.tolls], dtype=np.bool_)
        seconds = _NODE_SECONDS_PER_SCENARIO * self._slate.n_scenarios + 1e-7
        outcome = kernels.walk(
            (walk.following, walk.at, walk.totals),
            (
                self._ticks,
                self._completions,
                self._salaries,
                self._cheapest,
                self._slate.salary_cap_dollars,
                self._order,
            ),
            (self._sizes[:n_tails], self._multipliers[:n_tails], walk.thresholds),
            (units, kernels.greatest_sums(units, blocked, self._slate.roster_size)),
            (self._arrays(query.rules), self._arrays(query.momentary), blocked),
            (to_bits(near.reshape(-1, len(units))), query.min_distinct),
            (to_bits(tolls.reshape(-1, len(units))), np.array([toll.units for toll in query.tolls], dtype=np.int64)),
            (walk.best, walk.state),
            int(_SLICE_SECONDS / seconds),
            first_only,
        )
        return int(outcome)

    def _arrays(self, rules: LineupRules) -> tuple[npt.NDArray[np.generic], ...]:
        return rules.reordered(self._order).arrays()

    def _bound_left(self, walk: _Walk, query: Query) -> int:
        """What no lineup in the unvisited part of the tree exceeds."""
        units = query.driver_units[self._order] + self._mean_units
        blocked = (query.rules.excluded | query.momentary.excluded)[self._order]
        size = self._slate.roster_size
        greatest = kernels.greatest_sums(units, blocked, size)
        chosen = [int(column) - 1 for column in walk.following]
        highest = int(walk.state[0])
        for depth in range(int(walk.at[0]) + 1):
            start, left = int(walk.following[depth]), size - depth
            if start + left > len(units):
                continue
            bound = kernels.node_bound(
                walk.totals[depth], self._completions[left, start], self._sizes, self._multipliers, walk.thresholds
            )
            value = int(units[chosen[:depth]].sum()) + int(greatest[left, start])
            highest = max(highest, int(bound) + value)
        return highest
