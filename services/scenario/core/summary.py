"""What a scenario set says about each driver."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.common.domain.site_rules import TICKS_PER_POINT
from services.common.domain.work import Checkpoint, no_checkpoint

DEFAULT_PERCENTILES = (5.0, 25.0, 50.0, 75.0, 95.0, 99.0)


@dataclass(frozen=True, eq=False)
class PointsSummary:
    """Moments and percentiles of points; arrays of shape (n_drivers,), ``percentiles`` (n_drivers, n_levels)."""

    mean: npt.NDArray[np.float64]
    mean_se: npt.NDArray[np.float64]
    sd: npt.NDArray[np.float64]
    levels: tuple[float, ...]
    percentiles: npt.NDArray[np.float64]


def summarize_points(
    ticks: npt.NDArray[np.int16], levels: Sequence[float] = (), *, checkpoint: Checkpoint = no_checkpoint
) -> PointsSummary:
    """Summary of ``ticks[scenario, driver]`` in points, one column at a time so that memory stays that of a column."""
    used = tuple(levels) or DEFAULT_PERCENTILES
    n_rows, n_drivers = ticks.shape
    mean, sd = np.empty(n_drivers), np.empty(n_drivers)
    percentiles = np.empty((n_drivers, len(used)))
    for driver in range(n_drivers):
        checkpoint()
        points = np.ascontiguousarray(ticks[:, driver], dtype=np.float64) / TICKS_PER_POINT
        mean[driver], sd[driver] = points.mean(), points.std(ddof=1) if n_rows > 1 else 0.0
        percentiles[driver] = np.percentile(points, used)
    return PointsSummary(mean, sd / np.sqrt(n_rows), sd, used, percentiles)


def correlations(
    ticks: npt.NDArray[np.int16], *, checkpoint: Checkpoint = no_checkpoint, block_rows: int = 65_536
) -> npt.NDArray[np.float64]:
    """Pearson correlations of the columns; a constant column correlates 0 with others. Shape (n_drivers, n_drivers)."""
    n_drivers = ticks.shape[1]
    mean = ticks.mean(axis=0, dtype=np.float64)
    cross = np.zeros((n_drivers, n_drivers))
    for first in range(0, ticks.shape[0], block_rows):
        checkpoint()
        rows = ticks[first : first + block_rows] - mean
        cross += rows.T @ rows
    sd = np.sqrt(np.diag(cross))
    scale = np.outer(sd, sd)
    result = np.divide(cross, scale, out=np.zeros_like(cross), where=scale > 0)
    np.fill_diagonal(result, 1.0)
    return np.clip(result, -1.0, 1.0)
