"""Whether the drivers chosen so far can still become a lineup that keeps all rules: compiled, never too strict."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from services.common.jit import njit
from services.common.universe.rule_kernels import popcount
from services.common.universe.rules import LIMIT_TOLERANCE

Int64 = npt.NDArray[np.int64]

_NEVER = 1 << 60
"""Salary of what cannot be had."""


@njit(cache=True, nogil=True)
def least_sums(values: npt.NDArray[np.float64], roster_size: int) -> npt.NDArray[np.float64]:
    """Return ``result[limit, r, start]``: the least sum of ``values[limit]`` over ``r`` drivers from ``start`` on.

    Where fewer than ``r`` drivers are left the entry is never read.
    """
    n_limits, n_drivers = values.shape
    result = np.zeros((n_limits, roster_size + 1, n_drivers + 1))
    for limit in range(n_limits):
        for start in range(n_drivers - 1, -1, -1):
            for r in range(1, min(roster_size, n_drivers - start) + 1):
                result[limit, r, start] = result[limit, r - 1, start + 1] + values[limit, start]
                if r <= n_drivers - start - 1:
                    result[limit, r, start] = min(result[limit, r, start], result[limit, r, start + 1])
    return result


def team_mates(team_index: Int64, stack: Int64, salaries: Int64) -> Int64:
    """Return the drivers of each team, the cheapest first, rows filled up with -1; no rows without a stack rule.

    A driver without a team is a team of one.
    """
    if not stack[1]:
        return np.zeros((0, 0), dtype=np.int64)
    own = np.where(team_index >= 0, team_index, team_index.max() + 1 + np.arange(len(team_index)))
    teams = [np.flatnonzero(own == team) for team in np.unique(own)]
    result = np.full((len(teams), max(map(len, teams))), -1, dtype=np.int64)
    for row, members in zip(result, teams, strict=True):
        row[: len(members)] = members[np.argsort(salaries[members], kind="stable")]
    return result


@njit(cache=True, nogil=True)
def drivers_after(driver: int, usable: Any) -> Any:
    """Return the ``usable`` drivers after one, as bits."""
    # A shift by the whole word would do nothing: there is no driver after the last one anyway.
    if driver >= 63:
        return np.uint64(0)
    return usable & (~np.uint64(0) << np.uint64(driver + 1))


@njit(cache=True, nogil=True)
def can_keep_groups(bits: Any, left: int, later: Any, rules: Any) -> bool:
    """Return whether some choice of ``left`` drivers out of ``later`` could keep all unconditional groups."""
    _, members, bounds, only_with, _, _, _, _ = rules
    for group in range(len(members)):
        if only_with[group] != 0:
            continue
        held = popcount(bits & members[group])
        if held > bounds[group, 1] or held + min(left, popcount(later & members[group])) < bounds[group, 0]:
            return False
    return True


@njit(cache=True, nogil=True)
def can_keep_limits(lineup: Any, depth: int, left: int, rules: Any, least: Any) -> bool:
    """Return whether the ``left`` drivers after the one at ``depth`` could keep all limits."""
    _, _, _, _, values, limits, _, _ = rules
    for limit in range(len(limits)):
        total = least[limit, left, lineup[0, depth] + 1]
        for slot in range(depth + 1):
            total += values[limit, lineup[0, slot]]
        if total > limits[limit] + LIMIT_TOLERANCE:
            return False
    return True


@njit(cache=True, nogil=True)
def cheapest_stacks(bits: Any, left: int, later: Any, salaries: Int64, mates: Int64, stack: Int64) -> int:
    """Return the least salary of ``left`` drivers out of ``later`` with whom every team is within ``stack``.

    Very large where there are none. Team by team: of a team the cheapest are taken first.
    """
    cost = np.full(left + 1, _NEVER)
    cost[0] = 0
    for team in range(len(mates)):
        held = 0
        for mate in mates[team]:
            held += mate >= 0 and (bits >> np.uint64(mate)) & np.uint64(1) != 0
        if held > stack[1]:
            return _NEVER
        for placed in range(left, -1, -1):
            best = cost[placed] if held == 0 or held >= stack[0] else _NEVER
            taken, price = 0, 0
            for mate in mates[team]:
                if mate < 0 or taken == placed or held + taken == stack[1]:
                    break
                if (later >> np.uint64(mate)) & np.uint64(1) == 0:
                    continue
                taken += 1
                price += salaries[mate]
                if held + taken >= stack[0]:
                    best = min(best, cost[placed - taken] + price)
            cost[placed] = best
    return cost[left]
