"""Compiled depth-first branch and bound over drivers, in slices of nodes so that it can be stopped.

Drivers stand strongest first. A node is a set of chosen drivers with the first column that may still join;
its bound adds, scenario by scenario, the best completion from there on (``table`` says why that is one).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from services.common.domain.work import Checkpoint, no_checkpoint
from services.common.jit import njit
from services.common.universe.rule_kernels import keeps_rules, popcount, precedes
from services.optimizer.core.branch_rules import can_keep_groups, can_keep_limits, cheapest_stacks, drivers_after
from services.optimizer.core.branch_shrink import FLOOR, LOWEST, WIDTH, Copies, completion_at, enter, ticks_at
from services.optimizer.core.prefix_kernels import NO_COMPLETION
from services.optimizer.core.tail_kernels import add_into, excess, joint_excess, tail_threshold

Int64 = npt.NDArray[np.int64]
Ticks = npt.NDArray[np.int16]

DONE, PAUSED, FULL = 0, 1, 2


@njit(cache=True, nogil=True)
def _add_start(result: npt.NDArray[np.int16], top: npt.NDArray[np.int16], start: int, scores: Ticks) -> None:
    """Write the sums from a start on; ``top`` holds the greatest ticks of later ones, and then of this one too."""
    roster_size, n_scenarios = top.shape
    for s in range(n_scenarios):
        value = scores[s]
        for rank in range(roster_size):
            if value > top[rank, s]:
                value, top[rank, s] = top[rank, s], value
    n_left = result.shape[1] - 1 - start
    for r in range(1, min(roster_size, n_left) + 1):
        add_into(result[r, start], result[r - 1, start], top[r - 1])


def best_completions(ticks: Ticks, roster_size: int, checkpoint: Checkpoint = no_checkpoint) -> npt.NDArray[np.int16]:
    """Return ``result[r, start, s]``: the sum of the ``r`` greatest of ``ticks[start:, s]``.

    Where fewer than ``r`` drivers are left the entry is never read.
    """
    n_drivers, n_scenarios = ticks.shape
    result = np.zeros((roster_size + 1, n_drivers + 1, n_scenarios), dtype=np.int16)
    top = np.full((roster_size, n_scenarios), NO_COMPLETION)
    for start in reversed(range(n_drivers)):
        checkpoint()
        _add_start(result, top, start, ticks[start])
    return result


@njit(cache=True, nogil=True)
def greatest_sums(units: Int64, excluded: npt.NDArray[np.bool_], roster_size: int) -> Int64:
    """Return ``result[r, start]``: the greatest sum of ``units`` over ``r`` usable drivers from ``start`` on."""
    lowest = -(2**58)
    result = np.full((roster_size + 1, len(units) + 1), lowest)
    result[0] = 0
    for start in range(len(units) - 1, -1, -1):
        for r in range(1, roster_size + 1):
            result[r, start] = result[r, start + 1]
            if not excluded[start] and result[r - 1, start + 1] > lowest:
                result[r, start] = max(result[r, start], result[r - 1, start + 1] + units[start])
    return result


@njit(cache=True, nogil=True)
def node_bound(total: Ticks, completion: Ticks, tails: tuple[Int64, Int64, Int64], floor: int) -> int:
    """Return the bound of a node at the thresholds, or the ``floor`` below which excesses are not known."""
    sizes, multipliers, thresholds = tails
    value = 0
    for tail in range(len(sizes)):
        threshold = max(thresholds[tail], floor)
        over = joint_excess(total, completion, threshold) if len(completion) else excess(total, threshold)
        value += multipliers[tail] * (sizes[tail] * threshold + over)
    return value


@njit(cache=True, nogil=True)
def _can_keep(
    lineup: Any, depth: int, bits: Any, usable: Any, allowance: int, salaries: Int64, rules: Any, reserve: Any
) -> bool:
    """Return whether some lineup that begins so could keep groups, limits and stacks within a salary allowance."""
    least, mates = reserve
    left = lineup.shape[1] - depth - 1
    later = drivers_after(lineup[0, depth], usable)
    if not can_keep_groups(bits, left, later, rules):
        return False
    if not can_keep_limits(lineup, depth, left, rules, least):
        return False
    return len(mates) == 0 or cheapest_stacks(bits, left, later, salaries, mates, rules[7]) <= allowance


@njit(cache=True, nogil=True)
def _choose(following: Int64, depth: int, lineup: Any, salaries: Int64, driver_units: Int64) -> tuple[Any, int, int]:
    """Write the drivers down to ``depth``; return them as bits, their salary and their units."""
    bits, spent, value = np.uint64(0), 0, 0
    for slot in range(depth + 1):
        driver = following[slot] - 1
        lineup[0, slot] = driver
        bits |= np.uint64(1) << np.uint64(driver)
        spent += salaries[driver]
        value += driver_units[driver]
    return bits, spent, value


@njit(cache=True, nogil=True)
def walk(
    node: tuple[Int64, Int64, npt.NDArray[np.int16]],
    copies: Copies,
    slate: tuple[Ticks, npt.NDArray[np.int16], Int64, Int64, int, Int64],
    tails: tuple[Int64, Int64, Int64],
    units: tuple[Int64, Int64],
    rules: tuple[Any, Any, Any],
    reserves: tuple[Any, Any],
    nearness: tuple[npt.NDArray[np.uint64], int],
    tolls: tuple[npt.NDArray[np.uint64], Int64],
    incumbent: tuple[npt.NDArray[np.int8], Int64],
    max_nodes: int,
    listing: tuple[npt.NDArray[np.int8], Int64],
) -> int:
    """Visit up to ``max_nodes`` nodes; return whether the walk is done, paused or the listing full.

    ``node`` is where the walk stands: the next column per depth, [depth], and the totals per depth, on the
    scenarios that ``copies`` say. ``rules`` end with the drivers not excluded, as bits; ``reserves`` are, of both
    rules, the ``least_sums`` of the limits and the ``team_mates``. ``incumbent`` holds the best lineup and [its
    value, whether there is one, leaves evaluated]; thresholds of ``tails`` follow it. Only nodes whose bound is
    below the best value are left, so all ties are seen. Where the ``listing`` has rows, allowed lineups are
    written there instead, counted in its second part, and none is valued.
    """
    following, at, totals = node
    ticks, completions, salaries, cheapest, salary_cap, order = slate
    shared, momentary, usable = rules
    roster_size, n_drivers = len(following), len(salaries)
    lineup = np.zeros((1, roster_size), dtype=np.int8)
    nothing = np.zeros(0, dtype=np.int16)
    budget = max_nodes
    while budget > 0:
        budget -= 1
        depth = at[0]
        if depth < 0:
            return DONE
        driver = following[depth]
        left = roster_size - depth - 1
        if driver + left >= n_drivers:
            at[0] -= 1
            continue
        following[depth] = driver + 1
        if (usable >> np.uint64(driver)) & np.uint64(1) == 0:
            continue
        bits, spent, value = _choose(following, depth, lineup, salaries, units[0])
        allowance = salary_cap - spent
        if cheapest[left, driver + 1] > allowance:
            continue
        if not _can_keep(lineup, depth, bits, usable, allowance, salaries, shared, reserves[0]):
            continue
        if not _can_keep(lineup, depth, bits, usable, allowance, salaries, momentary, reserves[1]):
            continue
        width, floor = copies.read[depth, WIDTH], copies.read[depth, FLOOR]
        total = totals[depth + 1, :width]
        add_into(total, totals[depth, :width], ticks_at(copies, depth, ticks, driver))
        completion = completion_at(copies, depth, completions, left, driver + 1) if left else nothing
        reach = value + units[1][left, driver + 1] + node_bound(total, completion, tails, floor)
        if incumbent[1][1] != 0 and reach < incumbent[1][0]:
            continue
        if left > 0:
            # Thresholds of a lineup that the rules do not allow may be too high for a floor.
            least = tails[2].min() if incumbent[1][1] != 0 and len(tails[2]) else LOWEST
            copied = enter(copies, depth, total, ticks, completions, driver + 1, left, least)
            budget -= copied // max(1, totals.shape[1])
            at[0] += 1
            following[depth + 1] = driver + 1
            continue
        if not (
            keeps_rules(lineup, 0, shared)
            and keeps_rules(lineup, 0, momentary)
            and _is_far(bits, nearness, roster_size)
        ):
            continue
        if len(listing[0]):
            listing[0][listing[1][0]] = lineup[0]
            listing[1][0] += 1
            if listing[1][0] == len(listing[0]):
                return FULL
            continue
        if width < totals.shape[1]:
            _add_up(lineup, ticks, totals[roster_size])
        _evaluate_leaf(lineup, totals[roster_size], value - _due(bits, tolls), tails, incumbent, order)
    return PAUSED


@njit(cache=True, nogil=True)
def _add_up(lineup: npt.NDArray[np.int8], ticks: Ticks, total: Ticks) -> None:
    """Write the totals of a lineup on all scenarios."""
    total[:] = 0
    for driver in lineup[0]:
        add_into(total, total, ticks[driver])


@njit(cache=True, nogil=True)
def _due(bits: Any, tolls: tuple[npt.NDArray[np.uint64], Int64]) -> int:
    """Return the tolls that a lineup pays."""
    units = 0
    for toll in range(len(tolls[1])):
        if bits & tolls[0][toll]:
            units += tolls[1][toll]
    return units


@njit(cache=True, nogil=True)
def _is_far(bits: Any, nearness: tuple[npt.NDArray[np.uint64], int], roster_size: int) -> bool:
    """Return whether a lineup differs in enough drivers from each earlier one."""
    near = 0
    for other in nearness[0]:
        near += roster_size - popcount(bits & other) < nearness[1]
    return near == 0


@njit(cache=True, nogil=True)
def _evaluate_leaf(
    lineup: npt.NDArray[np.int8],
    total: Ticks,
    units: int,
    tails: tuple[Int64, Int64, Int64],
    incumbent: tuple[npt.NDArray[np.int8], Int64],
    order: Int64,
) -> None:
    """Take a lineup as the best so far if it is; its k-th greatest totals become the thresholds then."""
    sizes, multipliers, thresholds = tails
    best, state = incumbent
    value = units
    for tail in range(len(sizes)):
        value += multipliers[tail] * (sizes[tail] * thresholds[tail] + excess(total, thresholds[tail]))
    if state[1] != 0 and value < state[0]:
        return
    own = np.empty_like(thresholds)
    value = units
    for tail in range(len(sizes)):
        own[tail] = tail_threshold(total, sizes[tail], thresholds[tail])
        value += multipliers[tail] * (sizes[tail] * own[tail] + excess(total, own[tail]))
    state[2] += 1
    if state[1] == 0 or value > state[0] or (value == state[0] and precedes(lineup[0], best, order)):
        best[:] = lineup[0]
        state[0] = value
        state[1] = 1
        thresholds[:] = own
