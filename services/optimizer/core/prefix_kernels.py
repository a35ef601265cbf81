"""Compiled bounds of prefixes: what the best completion of all but the last two drivers of a lineup comes to.

Drivers stand in the order of the table, strongest first; lineups that share a prefix are neighbours.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from services.common.jit import njit
from services.optimizer.core.tail_kernels import add_into, joint_excess

Array = npt.NDArray[Any]
Ticks = npt.NDArray[np.int16]
Int64 = npt.NDArray[np.int64]
Int8 = npt.NDArray[np.int8]

NO_COMPLETION = np.int16(-16384)
"""Ticks where nothing completes a lineup: low, and its sum with any total fits 16 bits."""


@njit(cache=True, nogil=True)
def best_pairs(ticks: Ticks, salaries: Int64, edges: Int64) -> npt.NDArray[np.int16]:
    """Return per scenario the best two drivers that a prefix may be completed with.

    ``result[start, bucket, s]`` is the greatest sum over pairs of columns >= ``start`` whose salaries sum to
    at most ``edges[bucket]``; cells without a pair are never read.
    """
    n_drivers, n_scenarios = ticks.shape
    best = np.full((n_drivers + 1, len(edges), n_scenarios), NO_COMPLETION)
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
def add_single(best: Array, start: int, ticks: Ticks, salaries: Int64, edges: Int64) -> None:
    """Write ``best[start, bucket, s]``: as ``best_pairs``, with one driver; entries of later starts are there."""
    best[start] = best[start + 1]
    for bucket in range(np.searchsorted(edges, salaries[start]), len(edges)):
        _raise_to(best[start, bucket], ticks[start])


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
        changed = first_change(prefixes, prefix, prefix - 1)
        for slot in range(changed, depth):
            add_into(totals[slot + 1], totals[slot], ticks[prefixes[prefix, slot]])
        start = prefixes[prefix, depth - 1] + 1 if depth > 0 else 0
        for tail in range(len(thresholds)):
            completion = pairs[start, buckets[prefix]]
            result[prefix, tail] += joint_excess(totals[depth], completion, thresholds[tail])


@njit(cache=True, nogil=True)
def first_change(rows: Int8, row: int, previous: int) -> int:
    """First slot in which two rows differ; 0 when there is no previous one."""
    if previous < 0:
        return 0
    for slot in range(rows.shape[1]):
        if rows[row, slot] != rows[previous, slot]:
            return slot
    return rows.shape[1]
