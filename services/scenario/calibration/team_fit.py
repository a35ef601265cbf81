"""How much the cars of a team share on the day, from the correlation of their results net of what was expected."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from services.common.domain.race import TrackType
from services.scenario.calibration.flow_fit import SEED, simulate_races
from services.scenario.calibration.form import KnownRace
from services.scenario.core.simulate import SimulationInput

Floats = npt.NDArray[np.float64]

TRIAL_SD = 0.6
MAX_SD = 0.8
POOLED_PAIRS = 1_500.0
"""Pairs of teammates that the correlation over all track types counts as: one type alone has a standard error of
0.03 to 0.09."""

InputWithTeamSd = Callable[[KnownRace, float], SimulationInput]


def teammate_products(values: Floats, team: npt.NDArray[np.int64]) -> tuple[float, int]:
    """Sum of products over pairs of teammates and their number; ``values`` standardised, shape (..., n_cars)."""
    total, pairs = 0.0, 0
    for index in np.unique(team[team >= 0]):
        members = values[..., team == index]
        size = members.shape[-1]
        if size > 1:
            both = (members.sum(axis=-1) ** 2 - (members**2).sum(axis=-1)) / 2.0
            total += float(both.mean())
            pairs += size * (size - 1) // 2
    return total, pairs


def teammate_correlations(
    known: Sequence[KnownRace], inputs: Sequence[SimulationInput], *, n_scenarios: int, workers: int
) -> tuple[float, float, int]:
    """Correlation of teammates' points net of their simulated means: real, simulated, and the pairs behind it."""
    blocks = simulate_races(inputs, n_scenarios, seed=SEED, workers=workers)
    real = simulated = 0.0
    pairs = 0
    for item, block in zip(known, blocks, strict=True):
        mean, sd = block.ticks.mean(axis=0), block.ticks.std(axis=0) + 1e-9
        team = item.race.team_index
        ours, count = teammate_products((block.ticks - mean) / sd, team)
        theirs, _ = teammate_products((item.race.ticks() - mean) / sd, team)
        real, simulated, pairs = real + theirs, simulated + ours, pairs + count
    return real / max(1, pairs), simulated / max(1, pairs), pairs


def fit_team_sd(
    known_by_type: Mapping[TrackType, Sequence[KnownRace]],
    build: InputWithTeamSd,
    *,
    n_scenarios: int = 300,
    workers: int = 2,
) -> dict[TrackType, float]:
    """Standard deviation of the team's day per track type.

    The correlation grows with the square of the standard deviation, so two simulated values give the third. Real
    correlations are shrunk to that of all types together. Types without exact points are left out.
    """
    found: dict[TrackType, tuple[float, float, float, int]] = {}
    for kind, known in known_by_type.items():
        scored = [item for item in known if item.race.has_points]
        if not scored:
            continue
        ends = [
            teammate_correlations(
                scored, [build(item, sd) for item in scored], n_scenarios=n_scenarios, workers=workers
            )
            for sd in (0.0, TRIAL_SD)
        ]
        found[kind] = (ends[0][0], ends[0][1], ends[1][1], ends[0][2])
    pairs = sum(item[3] for item in found.values())
    overall = sum(item[0] * item[3] for item in found.values()) / max(1, pairs)
    return {kind: _solve(*item, overall) for kind, item in found.items()}


def _solve(real: float, without: float, at_trial: float, pairs: int, overall: float) -> float:
    shrunk = (pairs * real + POOLED_PAIRS * overall) / (pairs + POOLED_PAIRS)
    gain = max(1e-3, at_trial - without) / TRIAL_SD**2
    return float(np.clip(np.sqrt(max(0.0, (shrunk - without) / gain)), 0.0, MAX_SD))
