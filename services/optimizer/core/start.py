"""A good lineup to begin with: its tails fix the thresholds of the bounds, never the answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.common.domain.work import Checkpoint
from services.optimizer.core import table_kernels as kernels
from services.optimizer.core.objective import Objective
from services.optimizer.core.slate import Slate
from services.optimizer.core.tail_kernels import tail_threshold, top_sum

Int64 = npt.NDArray[np.int64]
Ticks = npt.NDArray[np.int16]

_MAX_CLIMB_SCENARIOS = 10_000
_SPREAD_STARTS = 4


@dataclass(frozen=True, eq=False)
class Start:
    """A good lineup (positions ascending) and the k-th greatest of its totals per tail, ticks."""

    lineup: npt.NDArray[np.int8]
    thresholds: Int64


def driver_strengths(ticks: Ticks, objective: Objective) -> Int64:
    """Value of every driver taken alone, in units of the objective; shape (n_drivers,)."""
    strengths = objective.mean_units(ticks)
    for tail in objective.tails:
        for driver, scores in enumerate(ticks):
            threshold = tail_threshold(scores, tail.k, int(scores.mean()))
            strengths[driver] += tail.multiplier * top_sum(scores, tail.k, threshold)
    return strengths


def strength_order(slate: Slate, objective: Objective) -> Int64:
    """Columns from the strongest driver to the weakest: bounds over "later drivers" fall fastest so."""
    return np.argsort(-driver_strengths(slate.ticks, objective), kind="stable")


def best_start(
    ticks: Ticks,
    salaries: Int64,
    salary_cap: int,
    objective: Objective,
    lineups: npt.NDArray[np.int8],
    checkpoint: Checkpoint,
) -> Start:
    """Return the best lineup that swap climbs find.

    Climbs start from the heaviest lineups by mean and by strength and from a few spread over the universe,
    on at most 10,000 of the scenarios; the best is polished on all.
    """
    stride = -(-ticks.shape[1] // _MAX_CLIMB_SCENARIOS)
    sample = np.ascontiguousarray(ticks[:, ::stride])
    multipliers = np.array([tail.multiplier for tail in objective.tails], dtype=np.int64)
    full = np.array([tail.k for tail in objective.tails], dtype=np.int64)
    sizes = np.clip(full // stride, 1, sample.shape[1])

    def climb(start: npt.NDArray[np.int8], on: Ticks, tail_sizes: Int64) -> tuple[int, npt.NDArray[np.int8], Int64]:
        guess = np.full(len(full), int(on[start].sum(axis=0).mean()), dtype=np.int64)
        bonus = objective.mean_units(on)
        value, found = kernels.climb(start, on, salaries, salary_cap, tail_sizes, multipliers, bonus, guess)
        return value, found, guess

    starts = [kernels.heaviest_row(lineups, ticks.sum(axis=1, dtype=np.int64))]
    starts.append(kernels.heaviest_row(lineups, driver_strengths(ticks, objective)))
    starts.extend(np.linspace(0, len(lineups) - 1, _SPREAD_STARTS, dtype=np.int64))
    best_value, best_lineup = None, lineups[0]
    for row in dict.fromkeys(int(start) for start in starts):
        checkpoint()
        value, found, _ = climb(lineups[row], sample, sizes)
        if best_value is None or value > best_value:
            best_value, best_lineup = value, found
    checkpoint()
    _, lineup, thresholds = climb(best_lineup, ticks, full)
    return Start(lineup, thresholds)
