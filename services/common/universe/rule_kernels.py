"""Compiled checks of single lineups against rules."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from services.common.jit import njit
from services.common.universe.rules import LIMIT_TOLERANCE

Array = npt.NDArray[Any]


@njit(cache=True, nogil=True)
def row_bits(lineups: npt.NDArray[np.int8], row: int) -> Any:
    """Return the drivers of a lineup as the bits of a word."""
    bits = np.uint64(0)
    for slot in range(lineups.shape[1]):
        bits |= np.uint64(1) << np.uint64(lineups[row, slot])
    return bits


@njit(cache=True, nogil=True)
def popcount(word: Any) -> int:
    """Return the number of bits set (Hacker's Delight, section 5-1)."""
    word -= (word >> np.uint64(1)) & np.uint64(0x5555555555555555)
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return int((word * np.uint64(0x0101010101010101)) >> np.uint64(56))


@njit(cache=True, nogil=True, forceinline=True)
def keeps_groups(bits: Any, excluded: Array, members: Array, bounds: Array, only_with: Array) -> bool:
    """Return whether a lineup, as bits, keeps exclusions and groups."""
    if bits & excluded[0]:
        return False
    for group in range(len(members)):
        if only_with[group] == 0 or bits & only_with[group]:
            held = popcount(bits & members[group])
            if held < bounds[group, 0] or held > bounds[group, 1]:
                return False
    return True


@njit(cache=True, nogil=True)
def keeps_limits(lineups: npt.NDArray[np.int8], row: int, values: Array, limits: Array) -> bool:
    """Return whether the lineup of a row keeps all limits."""
    for limit in range(len(limits)):
        total = 0.0
        for slot in range(lineups.shape[1]):
            total += values[limit, lineups[row, slot]]
        if total > limits[limit] + LIMIT_TOLERANCE:
            return False
    return True


@njit(cache=True, nogil=True)
def keeps_stack(lineups: npt.NDArray[np.int8], row: int, team_index: Array, stack: Array) -> bool:
    """Return whether every team of the lineup of a row is used within the bounds of the stack rule."""
    for slot in range(lineups.shape[1]):
        team = team_index[lineups[row, slot]]
        mates = 0
        for other in range(lineups.shape[1]):
            mates += other == slot or (team >= 0 and team_index[lineups[row, other]] == team)
        if not stack[0] <= mates <= stack[1]:
            return False
    return True


@njit(cache=True, nogil=True)
def keeps_rules(lineups: npt.NDArray[np.int8], row: int, rules: Any) -> bool:
    """Return whether the lineup of a row keeps all rules (``LineupRules.arrays``)."""
    excluded, members, bounds, only_with, values, limits, team_index, stack = rules
    if not keeps_groups(row_bits(lineups, row), excluded, members, bounds, only_with):
        return False
    if len(limits) > 0 and not keeps_limits(lineups, row, values, limits):
        return False
    return stack[1] == 0 or keeps_stack(lineups, row, team_index, stack)


@njit(cache=True, nogil=True)
def mark_allowed(lineups: npt.NDArray[np.int8], allowed: npt.NDArray[np.bool_], rules: Any) -> None:
    """Write to ``allowed`` whether each row of ``lineups`` keeps the rules (``LineupRules.arrays``)."""
    for row in range(len(lineups)):
        allowed[row] = keeps_rules(lineups, row, rules)


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
