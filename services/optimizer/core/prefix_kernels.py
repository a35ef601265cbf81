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
def add_driver(
    ticks: Ticks, salaries: Int64, edges: Int64, best: Array, reachable: Array, fewer: tuple[Int64, Array, Array]
) -> None:
    """Write what the best completion with one driver more than ``fewer`` comes to in each scenario.

    ``best[start, bucket, s]`` is the greatest sum over sets of drivers >= ``start`` whose salaries sum to at most
    ``edges[bucket]``, and ``reachable[start, bucket]`` whether there is any. ``fewer`` are the edges, bests and
    reachables of sets of one driver less; what is left for them is rounded up to an edge, so ``best`` may hold a set
    that costs a little more. Nothing that completes a legal lineup costs more than the last edge.
    """
    fewer_edges, fewer_best, fewer_reachable = fewer
    best[-1] = NO_COMPLETION
    reachable[-1] = False
    for start in range(len(ticks) - 1, -1, -1):
        for bucket in range(len(edges)):
            best[start, bucket] = best[start + 1, bucket]
            reachable[start, bucket] = reachable[start + 1, bucket]
            left = edges[bucket] - salaries[start]
            others = min(int(np.searchsorted(fewer_edges, left)), len(fewer_edges) - 1)
            if left >= 0 and fewer_reachable[start + 1, others]:
                _raise_to_sum(best[start, bucket], ticks[start], fewer_best[start + 1, others])
                reachable[start, bucket] = True


@njit(cache=True, nogil=True)
def _raise_to_sum(target: Ticks, left: Ticks, right: Ticks) -> None:
    for s in range(len(target)):
        target[s] = max(target[s], np.int16(left[s] + right[s]))


@njit(cache=True, nogil=True)
def live_scenarios(totals: Ticks, completion: Ticks, floor: int, live: npt.NDArray[np.int32]) -> int:
    """Write the scenarios in which ``totals + completion`` is greater than ``floor``; return how many there are."""
    n_live, narrow = 0, np.int16(floor)
    for s in range(len(totals)):
        live[n_live] = s
        n_live += int(np.int16(totals[s] + completion[s]) > narrow)
    return n_live


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
