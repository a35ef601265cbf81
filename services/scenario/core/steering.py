"""Steering simulated means to the user's projections."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from services.common.domain.race import Race
from services.common.domain.site_rules import TICKS_PER_POINT
from services.common.domain.work import Checkpoint, no_checkpoint
from services.scenario.core.simulate import SimulationInput, simulate

Floats = npt.NDArray[np.float64]

PILOT_SEED = 20_170_226
"""Fixed, so that strengths depend on the race alone and not on the seed of the set."""

PILOT_SCENARIOS = (512,) * 5 + (2_048,) * 2 + (4_096,) * 2
"""Scenarios of each round: coarse first, then fine."""

POINTS_PER_SCORE = 9.0
"""Mean points that one unit of score adds at sharpness 1, about, before the rounds have measured it."""

SLOPE_RANGE = (4.0, 80.0)
MAX_STEP = 1.0
MIN_MEASURED_STEP = 0.05
MAX_SCORE = 6.0


def projected_points(race: Race) -> Floats:
    """The user's projections, NaN where there is none; shape (n_starters,)."""
    values = (driver.projected_points for driver in race.starters)
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def steer(
    inputs: SimulationInput, target_points: Floats, *, workers: int = 1, checkpoint: Checkpoint = no_checkpoint
) -> SimulationInput:
    """The same race with strengths under which simulated means follow the projections.

    A race hands out a nearly fixed total of points, so projections fix what drivers are worth against each
    other: their common level is that of the race. Each round moves every strength by its gap over its slope,
    which the rounds before have measured (a secant step per driver), under common random numbers in rounds of one
    size. Drivers without a projection keep their strength.

    Parameters
    ----------
    target_points
        Projections, NaN where there is none; shape (n_starters,).
    """
    wanted = np.isfinite(target_points)
    if not wanted.any():
        return inputs
    strength, slope = inputs.strength.copy(), np.full(wanted.size, POINTS_PER_SCORE * inputs.flow.sharpness)
    step, gap = np.zeros(wanted.size), np.zeros(wanted.size)
    for n_scenarios in PILOT_SCENARIOS:
        pilot = dataclasses.replace(inputs, strength=strength)
        drawn = simulate(pilot, n_scenarios, seed=PILOT_SEED, workers=workers, checkpoint=checkpoint)
        mean = drawn.ticks.mean(axis=0)
        before, gap = gap, target_points - mean / TICKS_PER_POINT
        gap -= gap[wanted].mean() if wanted.all() else 0.0
        slope = _measured_slope(slope, step, before - gap)
        step = np.where(wanted, np.clip(gap / slope, -MAX_STEP, MAX_STEP), 0.0)
        strength = np.clip(strength + step, -MAX_SCORE, MAX_SCORE)
    return dataclasses.replace(inputs, strength=strength)


def _measured_slope(slope: Floats, step: Floats, gain: Floats) -> Floats:
    """Slopes moved half way to what the last step showed, where it was large enough to show anything."""
    moved = np.abs(step) > MIN_MEASURED_STEP
    shown = np.divide(gain, step, out=slope.copy(), where=moved)
    return np.asarray(np.clip(0.5 * slope + 0.5 * np.clip(shown, *SLOPE_RANGE), *SLOPE_RANGE))
