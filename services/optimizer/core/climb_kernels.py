"""Compiled local search: the heaviest lineup to begin with, and the best single swap of a lineup."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from services.common.jit import njit
from services.optimizer.core.tail_kernels import add_into, joint_bound, own_value

Ticks = npt.NDArray[np.int16]
Int64 = npt.NDArray[np.int64]
Int8 = npt.NDArray[np.int8]


@njit(cache=True, nogil=True)
def heaviest_row(lineups: Int8, weights: Int64) -> int:
    """Return the first row with the greatest sum of ``weights`` over its drivers."""
    best_row = 0
    best = -(2**62)
    for row in range(len(lineups)):
        total = 0
        for driver in lineups[row]:
            total += weights[driver]
        if total > best:
            best, best_row = total, row
    return best_row


@njit(cache=True, nogil=True)
def lineup_totals(lineup: Int8, ticks: Ticks) -> Ticks:
    """Return the total of a lineup per scenario."""
    total = np.zeros(ticks.shape[1], dtype=np.int16)
    for driver in lineup:
        add_into(total, total, ticks[driver])
    return total


@njit(cache=True, nogil=True)
def best_swap(
    lineup: Int8,
    ticks: Ticks,
    salaries: Int64,
    salary_cap: int,
    tails: tuple[Int64, Int64, Int64],
    driver_units: Int64,
    best: int,
) -> tuple[int, int, int]:
    """Return the value, slot and new driver of the single swap that improves a lineup of value ``best`` most.

    The slot is -1 where none does. ``tails`` are sizes, multipliers and the k-th greatest totals of the lineup, at
    which a bound tells most swaps that cannot improve it.
    """
    sizes, multipliers, thresholds = tails
    swap_slot, swap_driver = -1, -1
    total = lineup_totals(lineup, ticks)
    trial, rest = np.empty_like(thresholds), np.empty_like(total)
    held = np.zeros(ticks.shape[0], dtype=np.bool_)
    spent = units = 0
    for driver in lineup:
        held[driver] = True
        spent += salaries[driver]
        units += driver_units[driver]
    for slot in range(len(lineup)):
        out = lineup[slot]
        for s in range(len(total)):
            rest[s] = np.int16(total[s] - ticks[out, s])
        for driver in range(ticks.shape[0]):
            if held[driver] or spent - salaries[out] + salaries[driver] > salary_cap:
                continue
            value = units - driver_units[out] + driver_units[driver]
            if value + joint_bound(rest, ticks[driver], sizes, multipliers, thresholds) <= best:
                continue
            trial[:] = thresholds
            candidate = rest + ticks[driver]
            value += own_value(candidate.astype(np.int16), sizes, multipliers, trial)
            if value > best:
                best, swap_slot, swap_driver = value, slot, driver
    return best, swap_slot, swap_driver
