"""Compiled passes that lower the bounds of rows of the lineup table; see ``table`` for what they add up to."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from services.common.jit import njit
from services.optimizer.core.prefix_kernels import first_change
from services.optimizer.core.tail_kernels import add_into, joint_bound, next_guess, own_value

Array = npt.NDArray[Any]
Ticks = npt.NDArray[np.int16]
Int64 = npt.NDArray[np.int64]
Int8 = npt.NDArray[np.int8]

STAGE_PREFIX, STAGE_OWN, STAGE_EXACT = 0, 1, 2
"""What the bound of a row is: its prefix's, its own at thresholds close to its k-th greatest totals, its value."""

_LEAP_TICKS = 60


@njit(cache=True, nogil=True)
def tighten(
    rows: Int64,
    lineups: Int8,
    ticks: Ticks,
    completion: tuple[Int64, int, Int64, Array],
    tails: tuple[Int64, Int64, Int64],
    driver_units: Int64,
    cut: int,
    bound: Int64,
    stage: Int8,
) -> int:
    """Lower ``bound`` of some rows by one stage; return how many became exact.

    A row whose bound is still that of its prefix gets its own, at thresholds that begin with those of ``tails``
    (sizes, multipliers, thresholds) and follow the rows; any other row gets its k-th greatest totals and so its
    value. Rows that share all but the last driver are first bounded together, by the best last driver that
    ``completion`` (salaries, cap, edges, bests of ``add_single``) leaves them: it is enough that their value with
    ``driver_units`` cannot reach ``cut``.
    """
    salaries, salary_cap, edges, singles = completion
    sizes, multipliers, thresholds = tails
    roster_size = lineups.shape[1]
    totals = np.zeros((roster_size + 1, ticks.shape[1]), dtype=np.int16)
    guesses = thresholds.copy()
    best_last = _greatest_from(driver_units)
    n_exact = 0
    shared_bound = 0
    hopeless = False
    for index in range(len(rows)):
        row = rows[index]
        changed = first_change(lineups, row, rows[index - 1] if index > 0 else -1)
        if changed < roster_size - 1:
            units, left = 0, salary_cap
            for slot in range(roster_size - 1):
                if slot >= changed:
                    add_into(totals[slot + 1], totals[slot], ticks[lineups[row, slot]])
                units += driver_units[lineups[row, slot]]
                left -= salaries[lineups[row, slot]]
            hopeless = False
            shares = index + 1 < len(rows) and first_change(lineups, rows[index + 1], row) == roster_size - 1
            if shares and stage[row] == STAGE_PREFIX:
                start = lineups[row, roster_size - 2] + 1
                bucket = min(int(np.searchsorted(edges, left)), len(edges) - 1)
                mate = singles[start, bucket]
                shared_bound = joint_bound(totals[roster_size - 1], mate, sizes, multipliers, thresholds)
                hopeless = shared_bound + units + best_last[start] < cut
        if hopeless:
            bound[row] = min(bound[row], shared_bound)
            continue
        last = lineups[row, roster_size - 1]
        if stage[row] == STAGE_PREFIX:
            stage[row] = STAGE_OWN
            value = _tracked_bound(totals[roster_size - 1], ticks[last], sizes, multipliers, guesses)
            bound[row] = min(bound[row], value)
            continue
        add_into(totals[roster_size], totals[roster_size - 1], ticks[last])
        bound[row] = own_value(totals[roster_size], sizes, multipliers, guesses)
        stage[row] = STAGE_EXACT
        n_exact += 1
    return n_exact


@njit(cache=True, nogil=True)
def _greatest_from(values: Int64) -> Int64:
    """Return the greatest of ``values[start:]`` per ``start``."""
    result = np.full(len(values) + 1, -(2**60))
    for start in range(len(values) - 1, -1, -1):
        result[start] = max(result[start + 1], values[start])
    return result


@njit(cache=True, nogil=True)
def _tracked_bound(left: Ticks, right: Ticks, sizes: Int64, multipliers: Int64, guesses: Int64) -> int:
    """Return the bound of ``left + right`` at thresholds that follow the k-th greatest totals from row to row.

    Neighbours share most drivers, so the guess that one leaves is close for the next; after a leap the row
    gets a second pass.
    """
    value = 0
    for tail in range(len(sizes)):
        threshold = guesses[tail]
        over, guess = next_guess(left, right, sizes[tail], threshold)
        part = sizes[tail] * threshold + over
        if abs(guess - threshold) > _LEAP_TICKS:
            threshold = guess
            over, guess = next_guess(left, right, sizes[tail], threshold)
            part = min(part, sizes[tail] * threshold + over)
        guesses[tail] = guess
        value += multipliers[tail] * part
    return value


@njit(cache=True, nogil=True)
def refresh_prefixes(prefixes: Int64, prefix_start: Int64, bound: Int64, prefix_bound: Int64) -> None:
    """Set the bound of some prefixes to the greatest of their rows."""
    for prefix in prefixes:
        greatest = bound[prefix_start[prefix]]
        for row in range(prefix_start[prefix] + 1, prefix_start[prefix + 1]):
            greatest = max(greatest, bound[row])
        prefix_bound[prefix] = greatest
