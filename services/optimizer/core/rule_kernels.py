"""Compiled checks of single lineups against rules."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from services.optimizer.core.rules import LIMIT_TOLERANCE

Array = npt.NDArray[Any]


@njit(cache=True, nogil=True)
def is_allowed(
    lineup: npt.NDArray[np.int8],
    excluded: Array,
    members: Array,
    at_least: Array,
    at_most: Array,
    only_with: Array,
    values: Array,
    limits: Array,
    team_index: Array,
    stack: Array,
) -> bool:
    """Return whether one lineup keeps all rules; the arrays are those of ``LineupRules``."""
    for driver in lineup:
        if excluded[driver]:
            return False
    for group in range(len(at_least)):
        binding = only_with[group] < 0
        held = 0
        for driver in lineup:
            held += members[group, driver]
            binding |= driver == only_with[group]
        if binding and not at_least[group] <= held <= at_most[group]:
            return False
    for limit in range(len(limits)):
        total = 0.0
        for driver in lineup:
            total += values[limit, driver]
        if total > limits[limit] + LIMIT_TOLERANCE:
            return False
    return stack[1] == 0 or _stacked(lineup, team_index, stack)


@njit(cache=True, nogil=True)
def _stacked(lineup: npt.NDArray[np.int8], team_index: Array, stack: Array) -> bool:
    for driver in lineup:
        team = team_index[driver]
        mates = 0
        for other in lineup:
            mates += other == driver or (team >= 0 and team_index[other] == team)
        if not stack[0] <= mates <= stack[1]:
            return False
    return True


@njit(cache=True, nogil=True)
def mark_allowed(
    lineups: npt.NDArray[np.int8],
    allowed: npt.NDArray[np.bool_],
    excluded: Array,
    members: Array,
    at_least: Array,
    at_most: Array,
    only_with: Array,
    values: Array,
    limits: Array,
    team_index: Array,
    stack: Array,
) -> None:
    """Write ``is_allowed`` of every row of ``lineups`` to ``allowed``."""
    for row in range(len(lineups)):
        allowed[row] = is_allowed(
            lineups[row], excluded, members, at_least, at_most, only_with, values, limits, team_index, stack
        )


@njit(cache=True, nogil=True)
def forbid_near(
    lineups: npt.NDArray[np.int8],
    allowed: npt.NDArray[np.bool_],
    chosen: npt.NDArray[np.bool_],
    min_distinct: int,
) -> None:
    """Forbid rows that differ in fewer than ``min_distinct`` drivers from the lineup marked in ``chosen``."""
    roster_size = lineups.shape[1]
    for row in range(len(lineups)):
        distinct = 0
        for slot in range(roster_size):
            distinct += not chosen[lineups[row, slot]]
        if distinct < min_distinct:
            allowed[row] = False


@njit(cache=True, nogil=True)
def precedes(left: npt.NDArray[np.int8], right: npt.NDArray[np.int8], order: npt.NDArray[np.int64]) -> bool:
    """Return whether ``left`` comes before ``right`` once columns are those of the slate, ascending."""
    first = np.sort(order[left])
    second = np.sort(order[right])
    for slot in range(len(first)):
        if first[slot] != second[slot]:
            return first[slot] < second[slot]
    return False
