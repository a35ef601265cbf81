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

PILOT_SCENARIOS = (1_024,) * 6 + (4_096,) * 4
"""Scenarios of each round: coarse first, then fine."""

POINTS_PER_SCORE = 9.0
"""Mean points that one unit of score adds, about; a slope for the rounds, not a result."""

MAX_STEP = 1.0
MAX_SCORE = 6.0


def projected_points(race: Race) -> Floats:
    """The user's projections, NaN where there is none; shape (n_starters,)."""
    values = (driver.projected_points for driver in race.starters)
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def steer(inputs: SimulationInput, target_points: Floats, *, checkpoint: Checkpoint = no_checkpoint) -> SimulationInput:
    """The same race with strengths under which simulated means follow the projections.

    A race hands out a nearly fixed total of points, so projections fix what drivers are worth against each
    other: their common level is that of the race. Each round moves strengths by the gap over the slope
    (a damped Newton step with a fixed slope) under common random numbers. Drivers without a projection keep
    their strength.

    Parameters
    ----------
    target_points
        Projections, NaN where there is none; shape (n_starters,).
    """
    wanted = np.isfinite(target_points)
    if not wanted.any():
        return inputs
    strength = inputs.strength.copy()
    for n_scenarios in PILOT_SCENARIOS:
        pilot = simulate(
            dataclasses.replace(inputs, strength=strength), n_scenarios, seed=PILOT_SEED, checkpoint=checkpoint
        )
        gap = target_points - pilot.ticks.mean(axis=0) / TICKS_PER_POINT
        gap -= gap[wanted].mean() if wanted.all() else 0.0
        step = np.clip(gap / POINTS_PER_SCORE, -MAX_STEP, MAX_STEP)
        strength[wanted] = np.clip(strength + step, -MAX_SCORE, MAX_SCORE)[wanted]
    return dataclasses.replace(inputs, strength=strength)
