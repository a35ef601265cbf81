"""Compiled passes over scenario totals.

All take int16 ticks. ``Q_k`` is found without sorting: the sum of the ``k`` greatest totals equals
``k t + sum(max(0, T - t))`` at ``t`` = the k-th greatest, and is below that for every other ``t``
(Rockafellar and Uryasev 2000, read as a *bound*; see ``table``). One pass counts and sums the excess over a
threshold; a handful of passes brackets the k-th greatest.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from services.common.jit import njit

Ticks = npt.NDArray[np.int16]
Int64 = npt.NDArray[np.int64]

_LEAST_TICKS, _GREATEST_TICKS = -(1 << 15), (1 << 15) - 1


@njit(cache=True, nogil=True, inline="always")
def add_into(target: Ticks, left: Ticks, right: Ticks) -> None:
    """``target = left + right`` scenario by scenario."""
    for s in range(len(target)):
        target[s] = np.int16(left[s] + right[s])


@njit(cache=True, nogil=True)
def _excess_32(totals: Ticks, threshold: int) -> np.int32:
    # The narrow casts keep the loop on 16-bit lanes; ``slate.check_range`` has made sure that they hold.
    zero, narrow, result = np.int16(0), np.int16(threshold), np.int32(0)
    for s in range(len(totals)):
        result = np.int32(result + np.int32(max(zero, np.int16(totals[s] - narrow))))
    return result


@njit(cache=True, nogil=True)
def _joint_excess_32(left: Ticks, right: Ticks, threshold: int) -> np.int32:
    zero, narrow, result = np.int16(0), np.int16(threshold), np.int32(0)
    for s in range(len(left)):
        total = np.int16(left[s] + right[s])
        result = np.int32(result + np.int32(max(zero, np.int16(total - narrow))))
    return result


@njit(cache=True, nogil=True)
def _count_above_32(totals: Ticks, threshold: int) -> np.int32:
    narrow, result = np.int16(threshold), np.int32(0)
    for s in range(len(totals)):
        result = np.int32(result + np.int32(totals[s] > narrow))
    return result


@njit(cache=True, nogil=True)
def excess(totals: Ticks, threshold: int) -> int:
    """Return ``sum(max(0, totals - threshold))``.

    In parts of 32,768 scenarios, whose sums fit 32 bits.
    """
    result = 0
    for start in range(0, len(totals), 32768):
        result += int(_excess_32(totals[start : start + 32768], threshold))
    return result


@njit(cache=True, nogil=True)
def joint_excess(left: Ticks, right: Ticks, threshold: int) -> int:
    """Return ``excess(left + right, threshold)`` without writing the totals down."""
    result = 0
    for start in range(0, len(left), 32768):
        result += int(_joint_excess_32(left[start : start + 32768], right[start : start + 32768], threshold))
    return result


@njit(cache=True, nogil=True)
def count_above(totals: Ticks, threshold: int) -> int:
    """Return how many totals are greater than ``threshold``."""
    result = 0
    for start in range(0, len(totals), 32768):
        result += int(_count_above_32(totals[start : start + 32768], threshold))
    return result


@njit(cache=True, nogil=True)
def _joint_pass_32(left: Ticks, right: Ticks, threshold: int) -> tuple[np.int32, np.int32]:
    zero, narrow = np.int16(0), np.int16(threshold)
    above, result = np.int32(0), np.int32(0)
    for s in range(len(left)):
        over = np.int16(np.int16(left[s] + right[s]) - narrow)
        above = np.int32(above + np.int32(over > zero))
        result = np.int32(result + np.int32(max(zero, over)))
    return above, result


@njit(cache=True, nogil=True)
def next_guess(left: Ticks, right: Ticks, k: int, threshold: int) -> tuple[int, int]:
    """Return ``excess(left + right, threshold)`` and a better guess at the k-th greatest total.

    The guess takes the tail for an exponential one, whose excess has the same mean over every threshold.
    """
    above, over = 0, 0
    for start in range(0, len(left), 32768):
        count, part = _joint_pass_32(left[start : start + 32768], right[start : start + 32768], threshold)
        above += int(count)
        over += int(part)
    if above == 0:
        return over, threshold - 64
    step = int(over / above * math.log(above / k))
    return over, threshold + max(-400, min(400, step))


@njit(cache=True, nogil=True)
def tail_threshold(totals: Ticks, k: int, guess: int) -> int:
    """Return a ``t`` at which ``k t + excess(totals, t)`` is the sum of the ``k`` greatest totals.

    That holds when at most ``k`` totals are greater than ``t`` and at least ``k`` are not below it. The
    bracket is closed by interpolating the logarithm of the count, which is close to linear in a tail. It stays within
    16 bits, whatever the guess: beyond them thresholds would wrap round.
    """
    if k >= len(totals):
        return int(totals.min())
    low, high = guess, guess
    n_low = n_high = count_above(totals, guess)
    step = 64
    while n_low < k:
        high, n_high = low, n_low
        low = max(low - step, _LEAST_TICKS)
        step *= 2
        n_low = count_above(totals, low) if low > _LEAST_TICKS else len(totals)
    if n_low == k:
        return low
    step = 64
    while n_high > k:
        low, n_low = high, n_high
        high = min(high + step, _GREATEST_TICKS)
        step *= 2
        n_high = count_above(totals, high)
    while high - low > 1 and n_high != k:
        share = math.log(n_low / k) / math.log(n_low / max(n_high, 0.5))
        middle = low + min(high - low - 1, max(1, int(share * (high - low))))
        above = count_above(totals, middle)
        if above > k:
            low, n_low = middle, above
        else:
            high, n_high = middle, above
    return high


@njit(cache=True, nogil=True)
def top_sum(totals: Ticks, k: int, threshold: int) -> int:
    """Return the sum of the ``k`` greatest totals, with ``threshold`` from ``tail_threshold``."""
    return k * threshold + excess(totals, threshold)


@njit(cache=True, nogil=True)
def joint_bound(left: Ticks, right: Ticks, sizes: Int64, multipliers: Int64, thresholds: Int64) -> int:
    """Return the fixed-threshold bound of the totals ``left + right``."""
    value = 0
    for tail in range(len(sizes)):
        over = joint_excess(left, right, thresholds[tail])
        value += multipliers[tail] * (sizes[tail] * thresholds[tail] + over)
    return value


@njit(cache=True, nogil=True)
def _fixed_bound(total: Ticks, sizes: Int64, multipliers: Int64, thresholds: Int64) -> int:
    """Return the fixed-threshold bound of one total."""
    value = 0
    for tail in range(len(sizes)):
        value += multipliers[tail] * (sizes[tail] * thresholds[tail] + excess(total, thresholds[tail]))
    return value


@njit(cache=True, nogil=True)
def own_value(total: Ticks, sizes: Int64, multipliers: Int64, thresholds: Int64) -> int:
    """Return the exact value of the tails of one total; sets ``thresholds``, which hold a guess."""
    for tail in range(len(sizes)):
        thresholds[tail] = tail_threshold(total, sizes[tail], thresholds[tail])
    return _fixed_bound(total, sizes, multipliers, thresholds)
