"""Compiled tails of lineups on resampled scenarios: a resample only says how often each scenario was drawn."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from services.common.jit import njit
from services.optimizer.core.tail_kernels import add_into, tail_threshold

Ticks = npt.NDArray[np.int16]
Int64 = npt.NDArray[np.int64]


@njit(cache=True, nogil=True)
def best_scenarios(lineup: Int64, ticks: Ticks, n_best: int, scenarios: npt.NDArray[np.int32], totals: Ticks) -> None:
    """Write the ``n_best`` scenarios in which a lineup has most, the greatest total first, and the totals."""
    total = np.zeros(ticks.shape[1], dtype=np.int16)
    for driver in lineup:
        add_into(total, total, ticks[driver])
    threshold = tail_threshold(total, n_best, int(total.mean()))
    found = np.empty(n_best, dtype=np.int32)
    n_found = 0
    for above in (True, False):
        for s in range(len(total)):
            wanted = total[s] > threshold if above else total[s] == threshold
            if wanted and n_found < n_best:
                found[n_found] = s
                n_found += 1
    order = np.argsort(-total[found])
    for rank in range(n_best):
        scenarios[rank] = found[order[rank]]
        totals[rank] = total[found[order[rank]]]


@njit(cache=True, nogil=True)
def resampled_top_sums(
    scenarios: npt.NDArray[np.int32], totals: Ticks, times_drawn: npt.NDArray[np.uint8], k: int, sums: Int64
) -> bool:
    """Write the sum of the ``k`` greatest totals of a lineup in each resample; return whether that could be told.

    Scenarios stand greatest total first; ``times_drawn`` is (n_scenarios, n_resamples). It cannot be told where these
    scenarios were drawn too seldom to fill the tail.
    """
    n_resamples = times_drawn.shape[1]
    room = np.full(n_resamples, np.int32(k))
    sums[:] = 0
    for rank in range(len(scenarios)):
        drawn, total = times_drawn[scenarios[rank]], np.int64(totals[rank])
        for resample in range(n_resamples):
            taken = min(np.int32(drawn[resample]), room[resample])
            room[resample] = np.int32(room[resample] - taken)
            sums[resample] += taken * total
    return room.max() == 0
