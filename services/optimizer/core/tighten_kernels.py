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
_FLOOR_TICKS = 800
"""How far below the thresholds asked for a row may follow its own: 40 points.

With less, more rows need their exact value later on; with more, more scenarios count.
"""


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
    sizes, multipliers, thresholds = tails
    depth = max(0, lineups.shape[1] - COMPLETED)
    floor = max(-MAX_TOTAL_TICKS, thresholds.min() - _FLOOR_TICKS)
    heads = np.zeros((depth + 1, ticks.shape[1]), dtype=np.int16)
    live, n_live = np.empty(ticks.shape[1], dtype=np.int32), 0
    totals = np.empty((lineups.shape[1] - depth + 1, ticks.shape[1]), dtype=np.int16)
    packed, is_packed = np.empty_like(ticks), np.zeros(len(ticks), dtype=np.bool_)
    guesses = thresholds.copy()
    n_exact = 0
    for index in range(len(rows)):
        row, lineup = rows[index], lineups[rows[index]]
        changed = first_change(lineups, row, rows[index - 1] if index > 0 else -1)
        if changed < depth or index == 0:
            n_live = _follow_head(lineup[:depth], changed, ticks, completion, floor, heads, live)
            _pack(heads[depth], live[:n_live], totals[0])
            is_packed[:] = False
            changed = depth
        for slot in range(changed, len(lineup)):
            if not is_packed[lineup[slot]]:
                _pack(ticks[lineup[slot]], live[:n_live], packed[lineup[slot]])
                is_packed[lineup[slot]] = True
        for slot in range(changed, len(lineup) - 1):
            before = totals[slot - depth, :n_live]
            add_into(totals[slot - depth + 1, :n_live], before, packed[lineup[slot], :n_live])
        rest, last = totals[-2, :n_live], packed[lineup[-1], :n_live]
        if stage[row] == STAGE_PREFIX:
            bound[row] = min(bound[row], _tracked_bound(rest, last, sizes, multipliers, guesses, floor))
            stage[row] = STAGE_OWN
            continue
        total = totals[-1, :n_live]
        add_into(total, rest, last)
        if count_above(total, floor) < sizes.max():
            # Some tail reaches below the floor, into scenarios that were left out.
            total = lineup_totals(lineup, ticks)
        bound[row] = own_value(total, sizes, multipliers, guesses)
        stage[row] = STAGE_EXACT
        n_exact += 1
    return n_exact


@njit(cache=True, nogil=True)
def _follow_head(
    head: Int8,
    changed: int,
    ticks: Ticks,
    completion: tuple[Int64, int, Int64, Array],
    floor: int,
    totals: Ticks,
    live: npt.NDArray[np.int32],
) -> int:
    """Bring the totals of the first drivers up to date from slot ``changed`` on; write and count live scenarios."""
    salaries, left, edges, best = completion
    for slot in range(len(head)):
        left -= salaries[head[slot]]
        if slot >= changed:
            add_into(totals[slot + 1], totals[slot], ticks[head[slot]])
    start = head[-1] + 1 if len(head) > 0 else 0
    bucket = min(int(np.searchsorted(edges, left)), len(edges) - 1)
    return live_scenarios(totals[len(head)], best[start, bucket], floor, live)


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
