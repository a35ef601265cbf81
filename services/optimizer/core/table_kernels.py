"""Compiled passes over the lineup table; see ``table`` for what they add up to.

Drivers stand in the order of the table, strongest first. A *prefix* is all but the last two drivers of a
lineup; lineups that share one are neighbours.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from services.common.jit import njit
from services.common.universe.rule_kernels import keeps_groups, keeps_stack, precedes
from services.common.universe.rules import LIMIT_TOLERANCE
from services.optimizer.core.tail_kernels import (
    add_into,
    excess,
    joint_excess,
    next_guess,
    tail_threshold,
)

Array = npt.NDArray[Any]
Ticks = npt.NDArray[np.int16]
Int64 = npt.NDArray[np.int64]
Int8 = npt.NDArray[np.int8]

STAGE_PREFIX, STAGE_OWN, STAGE_EXACT = 0, 1, 2
"""What the bound of a row is: its prefix's, its own at thresholds close to its k-th greatest totals, its value."""

_LEAP_TICKS = 60


@njit(cache=True, nogil=True)
def best_pairs(ticks: Ticks, salaries: Int64, edges: Int64) -> npt.NDArray[np.int16]:
    """Return per scenario the best two drivers that a prefix may be completed with.

    ``result[start, bucket, s]`` is the greatest sum over pairs of columns >= ``start`` whose salaries sum to
    at most ``edges[bucket]``; cells without a pair are never read.
    """
    n_drivers, n_scenarios = ticks.shape
    best = np.full((n_drivers + 1, len(edges), n_scenarios), np.int16(-16384))
    pair = np.empty(n_scenarios, dtype=np.int16)
    for start in range(n_drivers - 2, -1, -1):
        best[start] = best[start + 1]
        for mate in range(start + 1, n_drivers):
            bucket = np.searchsorted(edges, salaries[start] + salaries[mate])
            if bucket < len(edges):
                add_into(pair, ticks[start], ticks[mate])
                _raise_to(best[start, bucket], pair)
        for bucket in range(1, len(edges)):
            _raise_to(best[start, bucket], best[start, bucket - 1])
    return best


@njit(cache=True, nogil=True)
def best_singles(ticks: Ticks, salaries: Int64, edges: Int64) -> npt.NDArray[np.int16]:
    """Return ``result[start, bucket, s]``: as ``best_pairs``, with one driver of at most ``edges[bucket]``."""
    n_drivers, n_scenarios = ticks.shape
    best = np.full((n_drivers + 1, len(edges), n_scenarios), np.int16(-16384))
    for start in range(n_drivers - 1, -1, -1):
        best[start] = best[start + 1]
        for bucket in range(np.searchsorted(edges, salaries[start]), len(edges)):
            _raise_to(best[start, bucket], ticks[start])
    return best


@njit(cache=True, nogil=True)
def _raise_to(target: Ticks, other: Ticks) -> None:
    for s in range(len(target)):
        target[s] = max(target[s], other[s])


@njit(cache=True, nogil=True)
def add_prefix_excess(
    ticks: Ticks, prefixes: Int8, buckets: Int8, pairs: Array, thresholds: Int64, result: Int64
) -> None:
    """Add to ``result[prefix, tail]`` the excess of the best completion of each scenario."""
    depth = prefixes.shape[1]
    totals = np.zeros((depth + 1, ticks.shape[1]), dtype=np.int16)
    for prefix in range(len(prefixes)):
        changed = _first_change(prefixes, prefix, prefix - 1)
        for slot in range(changed, depth):
            add_into(totals[slot + 1], totals[slot], ticks[prefixes[prefix, slot]])
        start = prefixes[prefix, depth - 1] + 1 if depth > 0 else 0
        for tail in range(len(thresholds)):
            completion = pairs[start, buckets[prefix]]
            result[prefix, tail] += joint_excess(totals[depth], completion, thresholds[tail])


@njit(cache=True, nogil=True)
def _first_change(rows: Int8, row: int, previous: int) -> int:
    """First slot in which two rows differ; 0 when there is no previous one."""
    if previous < 0:
        return 0
    for slot in range(rows.shape[1]):
        if rows[row, slot] != rows[previous, slot]:
            return slot
    return rows.shape[1]


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
    ``completion`` (salaries, cap, edges, ``best_singles``) leaves them: it is enough that their value with
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
        changed = _first_change(lineups, row, rows[index - 1] if index > 0 else -1)
        if changed < roster_size - 1:
            units, left = 0, salary_cap
            for slot in range(roster_size - 1):
                if slot >= changed:
                    add_into(totals[slot + 1], totals[slot], ticks[lineups[row, slot]])
                units += driver_units[lineups[row, slot]]
                left -= salaries[lineups[row, slot]]
            hopeless = False
            shares = index + 1 < len(rows) and _first_change(lineups, rows[index + 1], row) == roster_size - 1
            if shares and stage[row] == STAGE_PREFIX:
                start = lineups[row, roster_size - 2] + 1
                bucket = min(int(np.searchsorted(edges, left)), len(edges) - 1)
                mate = singles[start, bucket]
                shared_bound = _joint_bound(totals[roster_size - 1], mate, sizes, multipliers, thresholds)
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
        bound[row] = _own_value(totals[roster_size], sizes, multipliers, guesses)
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
def _joint_bound(left: Ticks, right: Ticks, sizes: Int64, multipliers: Int64, thresholds: Int64) -> int:
    """Return the fixed-threshold bound of the totals ``left + right``."""
    value = 0
    for tail in range(len(sizes)):
        over = joint_excess(left, right, thresholds[tail])
        value += multipliers[tail] * (sizes[tail] * thresholds[tail] + over)
    return value


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
def _fixed_bound(total: Ticks, sizes: Int64, multipliers: Int64, thresholds: Int64) -> int:
    """Return the fixed-threshold bound of one total."""
    value = 0
    for tail in range(len(sizes)):
        value += multipliers[tail] * (sizes[tail] * thresholds[tail] + excess(total, thresholds[tail]))
    return value


@njit(cache=True, nogil=True)
def _own_value(total: Ticks, sizes: Int64, multipliers: Int64, thresholds: Int64) -> int:
    """Return the exact value of the tails of one total; sets ``thresholds``, which hold a guess."""
    for tail in range(len(sizes)):
        thresholds[tail] = tail_threshold(total, sizes[tail], thresholds[tail])
    return _fixed_bound(total, sizes, multipliers, thresholds)


@njit(cache=True, nogil=True)
def refresh_prefixes(prefixes: Int64, prefix_start: Int64, bound: Int64, prefix_bound: Int64) -> None:
    """Set the bound of some prefixes to the greatest of their rows."""
    for prefix in prefixes:
        greatest = bound[prefix_start[prefix]]
        for row in range(prefix_start[prefix] + 1, prefix_start[prefix + 1]):
            greatest = max(greatest, bound[row])
        prefix_bound[prefix] = greatest


@njit(cache=True, nogil=True)
def scan(
    span: tuple[int, int],
    lineups: Int8,
    prefix_start: Int64,
    prefix_bound: Int64,
    bound: Int64,
    stage: Int8,
    allowed: npt.NDArray[np.bool_],
    driver_units: Int64,
    pair_units: Int64,
    toll_drivers: npt.NDArray[np.uint64],
    toll_units: Int64,
    order: Int64,
    momentary: Any,
    exact_only: bool,
    cut: int,
    open_rows: Int64,
    open_values: Int64,
) -> tuple[int, int, int, int]:
    """Look at all rows of the prefixes in ``span``.

    Rows that are allowed, not exact, and whose bound reaches both ``cut`` and the best exact value so far
    are written to ``open_rows`` and ``open_values``. Returns their number, the best exact row (-1 when
    none reaches the cut) and its value, and the number of allowed rows. With ``exact_only`` nothing but the
    best exact row is looked for.
    """
    excluded, members, bounds, only_with, values, limits, team_index, stack = momentary
    grouped = len(members) > 0
    stacked = stack[1] > 0
    sums = np.zeros(len(limits))
    roster_size = lineups.shape[1]
    n_open = 0
    best_row = -1
    best = cut
    n_allowed = 0
    for prefix in range(span[0], span[1]):
        first = prefix_start[prefix]
        units = 0
        shared = np.uint64(0)
        for slot in range(roster_size - 2):
            driver = lineups[first, slot]
            units += driver_units[driver]
            shared |= np.uint64(1) << np.uint64(driver)
        if shared & excluded[0]:
            continue
        for limit in range(len(limits)):
            sums[limit] = 0.0
            for slot in range(roster_size - 2):
                sums[limit] += values[limit, lineups[first, slot]]
        start = lineups[first, roster_size - 3] + 1 if roster_size > 2 else 0
        hopeless = prefix_bound[prefix] + units + pair_units[start] < best
        for row in range(first, prefix_start[prefix + 1]):
            if not allowed[row] or (exact_only and stage[row] != STAGE_EXACT):
                continue
            fifth = lineups[row, roster_size - 2]
            sixth = lineups[row, roster_size - 1]
            bits = shared | (np.uint64(1) << np.uint64(fifth)) | (np.uint64(1) << np.uint64(sixth))
            if bits & excluded[0] or (grouped and not keeps_groups(bits, excluded, members, bounds, only_with)):
                continue
            over = False
            for limit in range(len(limits)):
                over |= sums[limit] + values[limit, fifth] + values[limit, sixth] > limits[limit] + LIMIT_TOLERANCE
            if over or (stacked and not keeps_stack(lineups, row, team_index, stack)):
                continue
            n_allowed += 1
            if hopeless:
                continue
            value = bound[row] + units + driver_units[fifth] + driver_units[sixth]
            for toll in range(len(toll_units)):
                if bits & toll_drivers[toll]:
                    value -= toll_units[toll]
            if value < best:
                continue
            if stage[row] != STAGE_EXACT:
                open_rows[n_open] = row
                open_values[n_open] = value
                n_open += 1
            elif best_row < 0 or value > best or precedes(lineups[row], lineups[best_row], order):
                best = value
                best_row = row
    return n_open, best_row, best, n_allowed


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
def heaviest_allowed(
    lineups: Int8,
    allowed: npt.NDArray[np.bool_],
    weights: Int64,
    toll_drivers: npt.NDArray[np.uint64],
    toll_units: Int64,
) -> int:
    """Return the first allowed row with the greatest sum of ``weights`` less tolls, -1 without any."""
    best_row = -1
    best = 0
    for row in range(len(lineups)):
        if not allowed[row]:
            continue
        total = 0
        bits = np.uint64(0)
        for driver in lineups[row]:
            total += weights[driver]
            bits |= np.uint64(1) << np.uint64(driver)
        for toll in range(len(toll_units)):
            if bits & toll_drivers[toll]:
                total -= toll_units[toll]
        if best_row < 0 or total > best:
            best, best_row = total, row
    return best_row


@njit(cache=True, nogil=True)
def climb(
    start: Int8,
    ticks: Ticks,
    salaries: Int64,
    salary_cap: int,
    sizes: Int64,
    multipliers: Int64,
    driver_units: Int64,
    thresholds: Int64,
) -> tuple[int, Int8]:
    """Improve a lineup by its best single swap until there is none; return its value and columns.

    ``thresholds`` is overwritten by the k-th greatest totals of the result.
    """
    lineup = start.copy()
    total = np.zeros(ticks.shape[1], dtype=np.int16)
    for driver in lineup:
        add_into(total, total, ticks[driver])
    best = _own_value(total, sizes, multipliers, thresholds)
    for driver in lineup:
        best += driver_units[driver]
    trial = np.empty_like(thresholds)
    rest = np.empty_like(total)
    while True:
        swap_slot, swap_driver = -1, -1
        spent = 0
        held = np.zeros(ticks.shape[0], dtype=np.bool_)
        units = 0
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
                reach = value
                for tail in range(len(sizes)):
                    over = joint_excess(rest, ticks[driver], thresholds[tail])
                    reach += multipliers[tail] * (sizes[tail] * thresholds[tail] + over)
                if reach <= best:
                    continue
                trial[:] = thresholds
                candidate = rest + ticks[driver]
                value += _own_value(candidate.astype(np.int16), sizes, multipliers, trial)
                if value > best:
                    best, swap_slot, swap_driver = value, slot, driver
        if swap_slot < 0:
            break
        out = lineup[swap_slot]
        for s in range(len(total)):
            total[s] = np.int16(total[s] - ticks[out, s] + ticks[swap_driver, s])
        lineup[swap_slot] = swap_driver
        _own_value(total, sizes, multipliers, thresholds)
    return best, np.sort(lineup)
