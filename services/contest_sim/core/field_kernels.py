"""Inner loops of the field model over all legal lineups."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from services.common.jit import njit

Floats = npt.NDArray[np.float64]


@njit(cache=True, nogil=True)
def lineup_weights(lineups: npt.NDArray[np.int8], base: Floats, factors: Floats, weights: Floats) -> None:
    """Write ``weights[row] = base[row] * prod(factors[driver])`` over the drivers of each row."""
    for row in range(lineups.shape[0]):
        weight = base[row]
        for slot in range(lineups.shape[1]):
            weight *= factors[lineups[row, slot]]
        weights[row] = weight


@njit(cache=True, nogil=True)
def moments(lineups: npt.NDArray[np.int8], base: Floats, factors: Floats) -> Floats:
    """Return weighted counts of drivers and pairs: ``[i, i]`` holds driver i, ``[i, j]`` with i < j both.

    Rows are in lexicographic order, so that what all but the last slot share is added once per run of rows.
    """
    n_rows, roster = lineups.shape
    sums = np.zeros((len(factors), len(factors)))
    prefix = np.full(roster - 1, -1, dtype=np.int64)
    shared, run = 1.0, 0.0
    for row in range(n_rows):
        same = True
        for slot in range(roster - 1):
            same = same and lineups[row, slot] == prefix[slot]
        if not same:
            _add_prefix(sums, prefix, run)
            shared, run = 1.0, 0.0
            for slot in range(roster - 1):
                prefix[slot] = lineups[row, slot]
                shared *= factors[prefix[slot]]
        last = np.int64(lineups[row, roster - 1])
        weight = base[row] * shared * factors[last]
        run += weight
        sums[last, last] += weight
        for slot in range(roster - 1):
            sums[prefix[slot], last] += weight
    _add_prefix(sums, prefix, run)
    return sums


@njit(cache=True, nogil=True)
def _add_prefix(sums: Floats, prefix: npt.NDArray[np.int64], run: float) -> None:
    """Add a run's weight to the drivers and pairs of its prefix."""
    if run > 0.0:
        for first in range(len(prefix)):
            for second in range(first, len(prefix)):
                sums[prefix[first], prefix[second]] += run


@njit(cache=True, nogil=True)
def lineup_sums(lineups: npt.NDArray[np.int8], values: Floats, sums: Floats) -> None:
    """Write ``sums[row] = sum(values[driver])`` over the drivers of each row."""
    for row in range(lineups.shape[0]):
        total = 0.0
        for slot in range(lineups.shape[1]):
            total += values[lineups[row, slot]]
        sums[row] = total


@njit(cache=True, nogil=True)
def best_row(lineups: npt.NDArray[np.int8], allowed: Floats, values: Floats) -> tuple[float, int]:
    """Return the greatest sum of ``values`` over rows with positive ``allowed``, and its row (-1: none)."""
    best, best_at = -np.inf, -1
    for row in range(lineups.shape[0]):
        if allowed[row] > 0.0:
            total = 0.0
            for slot in range(lineups.shape[1]):
                total += values[lineups[row, slot]]
            if total > best:
                best, best_at = total, row
    return best, best_at
