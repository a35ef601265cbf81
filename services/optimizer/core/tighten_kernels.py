"""Compiled passes that lower the bounds of rows of the lineup table; see ``table`` for what they add up to."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from services.common.jit import njit
from services.optimizer.core.climb_kernels import lineup_totals
from services.optimizer.core.prefix_kernels import first_change, live_scenarios
from services.optimizer.core.slate import MAX_TOTAL_TICKS
from services.optimizer.core.tail_kernels import add_into, count_above, next_guess, own_value

Array = npt.NDArray[Any]
Ticks = npt.NDArray[np.int16]
Int64 = npt.NDArray[np.int64]
Int8 = npt.NDArray[np.int8]

STAGE_PREFIX, STAGE_OWN, STAGE_EXACT = 0, 1, 2
"""What the bound of a row is: its prefix's, its own at thresholds close to its k-th greatest totals, its value."""

COMPLETED = 3
"""Drivers of a lineup after those by which scenarios are left out."""

_LEAP_TICKS = 60
_FLOOR_TICKS = 500
"""How far below the thresholds asked for a row may find its own, and how near it may be led to them."""


@njit(cache=True, nogil=True)
def tighten(
    rows: Int64,
    lineups: Int8,
    ticks: Ticks,
    completion: tuple[Int64, int, Int64, Array],
    tails: tuple[Int64, Int64, Int64],
    bound: Int64,
    stage: Int8,
) -> int:
    """Lower ``bound`` of some rows by one stage; return how many became exact.

    A row whose bound is still that of its prefix gets its own, at thresholds that begin with those of ``tails``
    (sizes, multipliers, thresholds) and follow the rows; any other row gets its k-th greatest totals and so its
    value. Rows that share all but the last drivers look only at the scenarios in which the best ``completion``
    (salaries, cap, edges, bests of ``add_driver``) takes them over a floor, somewhat below all thresholds: no other
    scenario adds to an excess.
    """
    salaries, salary_cap, edges, completions = completion
    sizes, multipliers, thresholds = tails
    depth = max(0, lineups.shape[1] - COMPLETED)
    n_last = lineups.shape[1] - depth
    floor = max(-MAX_TOTAL_TICKS, thresholds.min() - _FLOOR_TICKS)
    shared = np.zeros((depth + 1, ticks.shape[1]), dtype=np.int16)
    live = np.empty(ticks.shape[1], dtype=np.int32)
    totals = np.empty((n_last + 1, ticks.shape[1]), dtype=np.int16)
    packed, is_packed = np.empty_like(ticks), np.zeros(len(ticks), dtype=np.bool_)
    guesses = thresholds.copy()
    n_live = n_exact = 0
    for index in range(len(rows)):
        lineup = lineups[rows[index]]
        changed = first_change(lineups, rows[index], rows[index - 1] if index > 0 else -1)
        if changed < depth or index == 0:
            left = salary_cap
            for slot in range(depth):
                left -= salaries[lineup[slot]]
                if slot >= changed:
                    add_into(shared[slot + 1], shared[slot], ticks[lineup[slot]])
            start = lineup[depth - 1] + 1 if depth > 0 else 0
            bucket = min(int(np.searchsorted(edges, left)), len(edges) - 1)
            n_live = live_scenarios(shared[depth], completions[start, bucket], floor, live)
            _pack(shared[depth], live[:n_live], totals[0])
            is_packed[:] = False
            changed = depth
        for slot in range(changed, lineups.shape[1]):
            driver = lineup[slot]
            if not is_packed[driver]:
                _pack(ticks[driver], live[:n_live], packed[driver])
                is_packed[driver] = True
            if slot < lineups.shape[1] - 1:
                at = slot - depth
                add_into(totals[at + 1, :n_live], totals[at, :n_live], packed[driver, :n_live])
        before, last = totals[n_last - 1, :n_live], packed[lineup[-1], :n_live]
        if stage[rows[index]] == STAGE_PREFIX:
            stage[rows[index]] = STAGE_OWN
            value = _tracked_bound(before, last, sizes, multipliers, guesses, floor)
            bound[rows[index]] = min(bound[rows[index]], value)
            continue
        total = totals[n_last, :n_live]
        add_into(total, before, last)
        if count_above(total, floor) < sizes.max():
            # Some tail reaches below the floor, into scenarios that were left out.
            total = lineup_totals(lineup, ticks)
        bound[rows[index]] = own_value(total, sizes, multipliers, guesses)
        stage[rows[index]] = STAGE_EXACT
        n_exact += 1
    return n_exact


@njit(cache=True, nogil=True)
def _pack(values: Ticks, live: npt.NDArray[np.int32], packed: Ticks) -> None:
    """Write the values of live scenarios side by side."""
    for at in range(len(live)):
        packed[at] = values[live[at]]


@njit(cache=True, nogil=True)
def _tracked_bound(left: Ticks, right: Ticks, sizes: Int64, multipliers: Int64, guesses: Int64, floor: int) -> int:
    """Return the bound of ``left + right`` at thresholds that follow the k-th greatest totals from row to row.

    Neighbours share most drivers, so the guess that one leaves is close for the next; after a leap the row
    gets a second pass. No threshold goes below ``floor``.
    """
    value = 0
    for tail in range(len(sizes)):
        threshold = max(floor, guesses[tail])
        over, guess = next_guess(left, right, sizes[tail], threshold)
        part = sizes[tail] * threshold + over
        if abs(max(floor, guess) - threshold) > _LEAP_TICKS:
            threshold = max(floor, guess)
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
