"""Which lineups are allowed, compiled to arrays that every search reads in the same way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]
RuleArrays = tuple[
    npt.NDArray[np.uint64],
    npt.NDArray[np.uint64],
    npt.NDArray[np.int64],
    npt.NDArray[np.uint64],
    npt.NDArray[np.float64],
    npt.NDArray[np.float64],
    npt.NDArray[np.int64],
    npt.NDArray[np.int64],
]

LIMIT_TOLERANCE = 1e-9
"""Sums of ownership are floats; a lineup that is over a limit by less than this is within it."""


@dataclass(frozen=True, eq=False)
class Group:
    """At least ``at_least`` and at most ``at_most`` of the ``members``.

    ``members`` is bool of shape (n_drivers,). With ``only_with`` >= 0 the bounds hold only for lineups that
    have this driver.
    """

    members: Mask
    at_least: int = 0
    at_most: int = 127
    only_with: int = -1


@dataclass(frozen=True, eq=False)
class Limit:
    """The sum of ``values`` over the lineup is at most ``at_most``; float64, shape (n_drivers,)."""

    values: npt.NDArray[np.float64]
    at_most: float


@dataclass(frozen=True, eq=False)
class Stack:
    """Of every team no driver, or ``at_least`` to ``at_most``.

    ``team_index`` is int64 of shape (n_drivers,), -1 for a driver without a team, who counts as a team of
    one.
    """

    team_index: npt.NDArray[np.int64]
    at_least: int
    at_most: int


@dataclass(frozen=True, eq=False)
class Rule:
    """One rule under the name by which messages call it; exactly one of the other fields is set."""

    name: str
    excluded: Mask | None = None
    group: Group | None = None
    limit: Limit | None = None
    stack: Stack | None = None


@dataclass(frozen=True, eq=False)
class LineupRules:
    """Rules as arrays.

    Attributes
    ----------
    excluded
        bool, shape (n_drivers,).
    members, at_least, at_most, only_with
        Groups: bool (n_groups, n_drivers) and int64 (n_groups,).
    values, limits
        float64 (n_limits, n_drivers) and (n_limits,).
    team_index, stack
        int64 (n_drivers,), and (2,) with the bounds; (0, 0) without a stack rule.
    """

    excluded: Mask
    members: Mask
    at_least: npt.NDArray[np.int64]
    at_most: npt.NDArray[np.int64]
    only_with: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]
    limits: npt.NDArray[np.float64]
    team_index: npt.NDArray[np.int64]
    stack: npt.NDArray[np.int64]

    @property
    def n_drivers(self) -> int:
        """Drivers on the slate."""
        return len(self.excluded)

    def reordered(self, order: npt.NDArray[np.int64]) -> LineupRules:
        """The same rules for drivers listed in another order: position ``p`` holds driver ``order[p]``."""
        position = np.empty_like(order)
        position[order] = np.arange(len(order))
        only_with = np.where(self.only_with >= 0, position[self.only_with], -1)
        return replace(
            self,
            excluded=self.excluded[order],
            members=np.ascontiguousarray(self.members[:, order]),
            only_with=only_with,
            values=np.ascontiguousarray(self.values[:, order]),
            team_index=self.team_index[order],
        )

    def arrays(self) -> RuleArrays:
        """The rules as kernels take them, sets of drivers as the bits of 64-bit words.

        Excluded drivers (1,), members of groups, bounds of groups (n_groups, 2), drivers on which groups
        depend, values, limits, team_index and stack.
        """
        only = np.array([1 << column if column >= 0 else 0 for column in self.only_with.tolist()], dtype=np.uint64)
        return (
            to_bits(self.excluded[None, :]),
            to_bits(self.members),
            np.stack([self.at_least, self.at_most], axis=1),
            only,
            self.values,
            self.limits,
            self.team_index,
            self.stack,
        )


def to_bits(masks: Mask) -> npt.NDArray[np.uint64]:
    """Rows of a bool matrix (n, n_drivers) as words: bit ``i`` stands for driver ``i``."""
    powers = np.uint64(1) << np.arange(masks.shape[1], dtype=np.uint64)
    return np.where(masks, powers, np.uint64(0)).sum(axis=1, dtype=np.uint64)


def compile_rules(rules: Sequence[Rule], n_drivers: int) -> LineupRules:
    """Return the conjunction of some rules."""
    groups = [rule.group for rule in rules if rule.group is not None]
    limits = [rule.limit for rule in rules if rule.limit is not None]
    stacks = [rule.stack for rule in rules if rule.stack is not None]
    masks = [rule.excluded for rule in rules if rule.excluded is not None]
    stack = stacks[0] if stacks else Stack(np.full(n_drivers, -1, dtype=np.int64), 0, 0)
    return LineupRules(
        excluded=np.logical_or.reduce([np.zeros(n_drivers, dtype=np.bool_), *masks]),
        members=np.array([group.members for group in groups], dtype=np.bool_).reshape(len(groups), n_drivers),
        at_least=np.array([group.at_least for group in groups], dtype=np.int64),
        at_most=np.array([group.at_most for group in groups], dtype=np.int64),
        only_with=np.array([group.only_with for group in groups], dtype=np.int64),
        values=np.array([limit.values for limit in limits], dtype=np.float64).reshape(len(limits), n_drivers),
        limits=np.array([limit.at_most for limit in limits], dtype=np.float64),
        team_index=stack.team_index,
        stack=np.array([stack.at_least, stack.at_most], dtype=np.int64),
    )
