"""The bootstrap over contenders: the best lineups on all scenarios, valued exactly on every resample."""

from __future__ import annotations

from math import ceil, sqrt

import numpy as np
import numpy.typing as npt

from services.common.blocks import cut, run_blocks
from services.common.domain.work import Checkpoint
from services.optimizer.core.leaders import Leaders
from services.optimizer.core.objective import Objective
from services.optimizer.core.resample_kernels import best_scenarios, resampled_top_sums
from services.optimizer.core.slate import Slate
from services.optimizer.core.stability import Resampled

Int64 = npt.NDArray[np.int64]
Drawn = npt.NDArray[np.uint8]

_MOST_CONTENDERS, _LEAST_CONTENDERS = 1_000, 50
_LOOKS = 1_000_000_000
"""Contenders times resamples times scenarios of the greatest tail, about: some tenths of a second."""
_SPARE_SDS = 6.0
"""Standard deviations by which the scenarios of a tail may be drawn too seldom before more of them are needed."""
_LINEUP_BLOCK, _SCENARIO_BLOCK = 16, 1 << 15


def contender_count(objective: Objective, n_resamples: int) -> int:
    """How many contenders can be compared in little time."""
    size = max((tail.k for tail in objective.tails), default=1)
    return min(_MOST_CONTENDERS, max(_LEAST_CONTENDERS, _LOOKS // (size * n_resamples)))


def resample_contenders(
    slate: Slate,
    objective: Objective,
    driver_units: Int64,
    contenders: Leaders,
    rng: np.random.Generator,
    n_resamples: int,
    checkpoint: Checkpoint,
) -> Resampled:
    """Return the best contender of each resample; of equal ones the first in lexicographic order.

    Parameters
    ----------
    driver_units
        What the objective adds per driver, besides the scenarios; int64, shape (n_drivers,).
    contenders
        The first is the best lineup on all scenarios.
    """
    drawn = _draw(slate.n_scenarios, n_resamples, rng, checkpoint)
    lineups = contenders.lineups.astype(np.int64)
    tails = _tails(slate, objective, lineups, drawn, checkpoint)
    if objective.mean_multiplier:
        tails += objective.mean_multiplier * _driver_sums(slate, drawn, checkpoint)[lineups].sum(axis=1)
    values = tails + driver_units[lineups].sum(axis=1)[:, None]
    rank = np.empty(len(lineups), dtype=np.int64)
    rank[np.lexsort(lineups.T[::-1])] = np.arange(len(lineups))
    winner = np.array([min(np.flatnonzero(row == row.max()), key=rank.__getitem__) for row in values.T])
    held = [tuple(lineup) for lineup in lineups.tolist()]
    per_point = objective.points(1)
    return Resampled(
        winners=[held[row] for row in winner],
        tails=tails[0] * per_point,
        gains=(values[winner, np.arange(n_resamples)] - contenders.units[winner]) * per_point,
        behind=(contenders.units[0] - contenders.units[winner]) * per_point,
    )


def _draw(n_scenarios: int, n_resamples: int, rng: np.random.Generator, checkpoint: Checkpoint) -> Drawn:
    """How often each scenario is drawn, once on average; shape (n_scenarios, n_resamples)."""
    drawn = np.empty((n_scenarios, n_resamples), dtype=np.uint8)
    for resample in range(n_resamples):
        checkpoint()
        drawn[:, resample] = np.bincount(rng.integers(0, n_scenarios, n_scenarios), minlength=n_scenarios)
    return drawn


def _driver_sums(slate: Slate, drawn: Drawn, checkpoint: Checkpoint) -> Int64:
    """Ticks of each driver in each resample; shape (n_drivers, n_resamples). Floats hold such sums exactly."""

    def task(start: int, stop: int) -> npt.NDArray[np.float64]:
        span = slice(start, stop)
        return slate.ticks[:, span].astype(np.float64) @ drawn[span].astype(np.float64)

    sums = np.zeros((slate.n_drivers, drawn.shape[1]))
    for part in run_blocks(task, cut(slate.n_scenarios, _SCENARIO_BLOCK), checkpoint=checkpoint):
        sums += part
    return sums.astype(np.int64)


def _tails(slate: Slate, objective: Objective, lineups: Int64, drawn: Drawn, checkpoint: Checkpoint) -> Int64:
    """Tails of each lineup in each resample, units; shape (n_lineups, n_resamples)."""
    values = np.zeros((len(lineups), drawn.shape[1]), dtype=np.int64)
    n_best = [min(slate.n_scenarios, ceil(tail.k + _SPARE_SDS * sqrt(tail.k))) for tail in objective.tails]
    most = max(n_best, default=0)

    def task(start: int, stop: int) -> None:
        scenarios, totals = np.empty(most, dtype=np.int32), np.empty(most, dtype=np.int16)
        sums = np.empty(drawn.shape[1], dtype=np.int64)
        for at in range(start, stop):
            best_scenarios(lineups[at], slate.ticks, most, scenarios, totals)
            for tail, size in zip(objective.tails, n_best, strict=True):
                if not resampled_top_sums(scenarios[:size], totals[:size], drawn, tail.k, sums):
                    sums[:] = _by_all_scenarios(slate, lineups[at], drawn, tail.k)
                values[at] += tail.multiplier * sums

    if objective.tails:
        list(run_blocks(task, cut(len(lineups), _LINEUP_BLOCK), checkpoint=checkpoint))
    return values


def _by_all_scenarios(slate: Slate, columns: Int64, drawn: Drawn, k: int) -> Int64:
    """Top sums of a lineup whose best scenarios were drawn too seldom in some resample, from all scenarios."""
    totals = slate.totals(tuple(columns.tolist()))
    return np.array([np.sort(np.repeat(totals, times))[-k:].sum(dtype=np.int64) for times in drawn.T])
