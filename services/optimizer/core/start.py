"""A good lineup to begin with: its tails fix the thresholds of the bounds, never the answer."""

from __future__ import annotations

from collections.abc import Sequence
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


def spread_starts(ticks: Ticks, objective: Objective, lineups: npt.NDArray[np.int8]) -> list[npt.NDArray[np.int8]]:
    """Return the heaviest lineups by mean and by strength, and a few spread over the universe."""
    rows = [kernels.heaviest_row(lineups, ticks.sum(axis=1, dtype=np.int64))]
    rows.append(kernels.heaviest_row(lineups, driver_strengths(ticks, objective)))
    rows.extend(np.linspace(0, len(lineups) - 1, _SPREAD_STARTS, dtype=np.int64))
    return [lineups[row] for row in dict.fromkeys(int(row) for row in rows)]


def greedy_start(weights: Int64, salaries: Int64, roster_size: int, salary_cap: int) -> npt.NDArray[np.int8]:
    """Return a legal lineup, heavy drivers first as long as the cheapest can fill the other slots."""
    chosen: list[int] = []
    for driver in np.argsort(-weights, kind="stable"):
        others = np.sort(np.delete(salaries, [*chosen, driver]))
        filled = salaries[[*chosen, driver]].sum() + others[: roster_size - len(chosen) - 1].sum()
        if filled <= salary_cap and len(chosen) < roster_size:
            chosen.append(int(driver))
    return np.array(sorted(chosen), dtype=np.int8)


def best_start(
    ticks: Ticks,
    salaries: Int64,
    salary_cap: int,
    objective: Objective,
    starts: Sequence[npt.NDArray[np.int8]],
    checkpoint: Checkpoint,
) -> Start:
    """Return the best lineup that climbs by single swaps find from some starts.

    They run on at most 10,000 of the scenarios; the best is polished on all.
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

    best_value, best_lineup = None, starts[0]
    for start in starts:
        checkpoint()
        value, found, _ = climb(start, sample, sizes)
        if best_value is None or value > best_value:
            best_value, best_lineup = value, found
    checkpoint()
    _, lineup, thresholds = climb(best_lineup, ticks, full)
    return Start(lineup, thresholds)
