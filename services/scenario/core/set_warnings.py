"""What the user should know of a scenario set, in sentences."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from services.common.domain.race import Race
from services.common.domain.site_rules import TICKS_PER_POINT
from services.scenario.core.steering import projected_points

Floats = npt.NDArray[np.float64]

GAP_POINTS = 5.0
"""Points that a simulated mean may lie off its projection before it is said."""

NOISE_ERRORS = 3.0
"""Standard errors of a simulated mean that are not held against it."""

SPREAD_ROWS = 4_096
"""Scenarios from which standard errors are taken."""

CLASSIFIED_WARNING = (
    "the matrix came without race flows, so its own extremes were labelled: about 15 % of the scenarios are called "
    "dominator and 15 % chaos by construction, whatever the race; upload labels to say otherwise"
)


def projection_warnings(race: Race, ticks: npt.NDArray[np.int16]) -> list[str]:
    """What the simulated means miss of the projections they were steered to, the largest gap first.

    A race hands out a nearly fixed total of points: where every driver has a projection, their common level is told
    apart from what single drivers miss.

    Parameters
    ----------
    ticks
        ``ticks[scenario, driver]`` of the set.
    """
    targets, mean = projected_points(race), ticks.mean(axis=0, dtype=np.float64) / TICKS_PER_POINT
    level = float((targets - mean).mean()) if np.isfinite(targets).all() else 0.0
    gaps = np.nan_to_num(targets - mean - level)
    gaps[np.abs(gaps) <= GAP_POINTS + _noise(ticks)] = 0.0
    side = "above" if level > 0 else "below"
    common = (
        f"the projections lie {abs(level):.1f} points per driver {side} what this race hands out: only the differences "
        "between drivers were kept"
    )
    order = np.argsort(-np.abs(gaps), kind="stable")[: np.count_nonzero(gaps)]
    return [
        *([common] if abs(level) > GAP_POINTS else []),
        *(
            f"{race.starters[index].name} is projected to {targets[index]:.1f} points and simulated with a mean of "
            f"{mean[index]:.1f}: no strength takes him there in this race; correct the projection or expect that mean"
            for index in order
        ),
    ]


def _noise(ticks: npt.NDArray[np.int16]) -> Floats:
    """What the mean of each driver may be off by chance, in points; shape (n_drivers,)."""
    spread = ticks[:SPREAD_ROWS].std(axis=0, dtype=np.float64) / TICKS_PER_POINT
    return np.asarray(NOISE_ERRORS * spread / np.sqrt(ticks.shape[0]))
