"""A good lineup to begin with: its tails fix the thresholds of the bounds, never the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.common.blocks import cut, run_blocks
from services.common.domain.work import Checkpoint
from services.optimizer.core import climb_kernels as kernels
from services.optimizer.core.objective import Objective
from services.optimizer.core.slate import Slate
from services.optimizer.core.tail_kernels import own_value, tail_threshold, top_sum

Int64 = npt.NDArray[np.int64]
Ticks = npt.NDArray[np.int16]

_MAX_CLIMB_SCENARIOS = 10_000
_SPREAD_STARTS = 4
_ROW_BLOCK = 1 << 21


@dataclass(frozen=True, eq=False)
class Start:
    """A good lineup (positions ascending) and the k-th greatest of its totals per tail, ticks."""

    lineup: npt.NDArray[np.int8]
    thresholds: Int64


def driver_strengths(ticks: Ticks, objective: Objective, checkpoint: Checkpoint) -> Int64:
    """Value of every driver taken alone, in units of the objective; shape (n_drivers,)."""
    strengths = objective.mean_units(ticks)
    for tail in objective.tails:
        for driver, scores in enumerate(ticks):
            checkpoint()
            threshold = tail_threshold(scores, tail.k, int(scores.mean()))
            strengths[driver] += tail.multiplier * top_sum(scores, tail.k, threshold)
    return strengths


def strength_order(slate: Slate, objective: Objective, checkpoint: Checkpoint) -> Int64:
    """Columns from the strongest driver to the weakest: bounds over "later drivers" fall fastest so."""
    return np.argsort(-driver_strengths(slate.ticks, objective, checkpoint), kind="stable")


def spread_starts(
    ticks: Ticks, objective: Objective, lineups: npt.NDArray[np.int8], checkpoint: Checkpoint
) -> list[npt.NDArray[np.int8]]:
    """Return the heaviest lineups by mean and by strength, and a few spread over the universe."""
    weights = ticks.sum(axis=1, dtype=np.int64), driver_strengths(ticks, objective, checkpoint)
    rows = [_heaviest_row(lineups, weight, checkpoint) for weight in weights]
    rows.extend(np.linspace(0, len(lineups) - 1, _SPREAD_STARTS, dtype=np.int64))
    return [lineups[row] for row in dict.fromkeys(int(row) for row in rows)]


def _heaviest_row(lineups: npt.NDArray[np.int8], weights: Int64, checkpoint: Checkpoint) -> int:
    """Return the first row with the greatest sum of ``weights`` over its drivers."""

    def task(start: int, stop: int) -> int:
        return start + int(kernels.heaviest_row(lineups[start:stop], weights))

    rows = list(run_blocks(task, cut(len(lineups), _ROW_BLOCK), checkpoint=checkpoint))
    return max(rows, key=lambda row: (int(weights[lineups[row]].sum()), -row))


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

    def climb(start: npt.NDArray[np.int8], on: Ticks, tail_sizes: Int64) -> tuple[int, Start]:
        """Take the best single swap until there is none."""
        lineup, bonus = start.copy(), objective.mean_units(on)
        thresholds = np.full(len(full), int(on[start].sum(axis=0).mean()), dtype=np.int64)
        while True:
            checkpoint()
            total = kernels.lineup_totals(lineup, on)
            value = int(bonus[lineup].sum()) + own_value(total, tail_sizes, multipliers, thresholds)
            tails = tail_sizes, multipliers, thresholds
            _, slot, driver = kernels.best_swap(lineup, on, salaries, salary_cap, tails, bonus, value)
            if slot < 0:
                return value, Start(np.sort(lineup), thresholds)
            lineup[slot] = driver

    best_value, best = climb(starts[0], sample, sizes)
    for start in starts[1:]:
        value, found = climb(start, sample, sizes)
        if value > best_value:
            best_value, best = value, found
    return climb(best.lineup, ticks, full)[1]
