"""Walks over the tree of lineups: where they stand, how they go on, and what they have not seen is worth at most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from services.common.domain.work import Checkpoint
from services.common.universe.kernels import completion_salaries
from services.common.universe.rules import LineupRules, to_bits
from services.optimizer.core import branch_kernels as kernels
from services.optimizer.core.branch_rules import least_sums, team_mates
from services.optimizer.core.branch_shrink import Copies, new_copies
from services.optimizer.core.objective import Objective
from services.optimizer.core.query import Query
from services.optimizer.core.slate import Slate
from services.optimizer.core.tail_kernels import tail_threshold, top_sum

Int64 = npt.NDArray[np.int64]
Lineups = npt.NDArray[np.int8]

_NODE_SECONDS_PER_SCENARIO = 1e-10
_NODE_SECONDS = 1e-7
SLICE_SECONDS = 0.02
"""Of a walk between two looks at the caller."""


@dataclass(frozen=True, eq=False)
class Tree:
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
    def of(slate: Slate, objective: Objective, order: Int64, checkpoint: Checkpoint, *, blind: bool = False) -> Tree:
        """The tree with the drivers in some order."""
        ticks = np.ascontiguousarray(slate.ticks[order, : 0 if blind else slate.n_scenarios])
        salaries = slate.salaries_dollars[order]
        return Tree(
            order=order,
            ticks=ticks,
            completions=kernels.best_completions(ticks, slate.roster_size, checkpoint),
            salaries=salaries,
            cheapest=completion_salaries(salaries, slate.roster_size)[0],
            mean_units=objective.mean_units(ticks),
        )


@dataclass(frozen=True, eq=False)
class Walk:
    """A walk under way: where it stands, its thresholds, and the best lineup with [value, found, evaluated]."""

    following: Int64
    at: Int64
    totals: npt.NDArray[np.int16]
    copies: Copies
    thresholds: Int64
    best: npt.NDArray[np.int8]
    state: Int64


class Walks:
    """Begins walks over a slate and takes them on."""

    def __init__(self, slate: Slate, objective: Objective) -> None:
        self._slate = slate
        self._objective = objective
        self._sizes = np.array([tail.k for tail in objective.tails], dtype=np.int64)
        self._multipliers = np.array([tail.multiplier for tail in objective.tails], dtype=np.int64)

    def new_walk(self, tree: Tree, thresholds: Int64) -> Walk:
        """A walk that has not begun; without thresholds it values nothing."""
        size = self._slate.roster_size
        return Walk(
            following=np.zeros(size, dtype=np.int64),
            at=np.zeros(1, dtype=np.int64),
            totals=np.zeros((size + 1, tree.ticks.shape[1]), dtype=np.int16),
            copies=new_copies(len(tree.ticks), size, tree.ticks.shape[1]),
            thresholds=thresholds,
            best=np.zeros(size, dtype=np.int8),
            state=np.zeros(3, dtype=np.int64),
        )

    def advance(self, tree: Tree, walk: Walk, query: Query, listing: tuple[Lineups, Int64] | None = None) -> int:
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

    def bound_left(self, tree: Tree, walk: Walk, query: Query) -> int:
        """What no lineup in the unvisited part of the tree exceeds."""
        size = self._slate.roster_size
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


def _units(tree: Tree, query: Query) -> Int64:
    return np.asarray(query.driver_units[tree.order] + tree.mean_units)


def _reserve(rules: LineupRules, tree: Tree, roster_size: int) -> tuple[npt.NDArray[np.float64], Int64]:
    """What a walk keeps at hand of some rules, to see when they cannot be kept any more."""
    return least_sums(rules.values, roster_size), team_mates(rules.team_index, rules.stack, tree.salaries)


def _blocked(tree: Tree, query: Query) -> npt.NDArray[np.bool_]:
    return np.asarray((query.rules.excluded | query.momentary.excluded)[tree.order])


def columns_of(tree: Tree, positions: npt.NDArray[np.integer[Any]]) -> tuple[int, ...]:
    """Columns of the slate, ascending."""
    return tuple(sorted(int(column) for column in tree.order[positions]))
