"""Fitting the race flow by simulated moments.

The flow of a track type is chosen so that races simulated over the real fields (same grid, same form, same
distance) have the moments of the real races: weighted least squares over coefficients on a bounded scale, with
common random numbers and a weak pull to the starting values (McFadden 1989, method of simulated moments).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.common.domain.site_rules import DRAFTKINGS_CLASSIC
from services.common.domain.work import Checkpoint, no_checkpoint
from services.scenario.calibration.form import KnownRace
from services.scenario.calibration.moments import (
    MOMENTS,
    VARIANCE_RATIOS,
    known_alike,
    moment_values,
    real_statistics,
    simulated_statistics,
)
from services.scenario.calibration.noisy_least_squares import least_squares
from services.scenario.calibration.order_fit import UNQUALIFIED_WEIGHT, OrderFit, favourite_ranks, qualified_weights
from services.scenario.calibration.race_statistics import INDEX
from services.scenario.core.race_checks import default_stages
from services.scenario.core.race_flow import BlockResult, RaceFlow
from services.scenario.core.simulate import SimulationInput, simulate_block

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

BOUNDS: dict[str, tuple[float, float]] = {
    "sharpness": (0.6, 3.0),
    "accident_mean": (0.3, 12.0),
    "accident_shape": (0.5, 40.0),
    "accident_growth": (0.1, 0.92),
    "accident_tilt": (-2.0, 3.0),
    "damage_score": (0.05, 3.0),
    "caution_mean": (0.1, 12.0),
    "caution_shape": (0.5, 40.0),
    "caution_laps": (1.0, 14.0),
    "grid_hold": (0.2, 5.0),
    "settle": (0.02, 3.0),
    "race_day": (0.05, 0.95),
    "trouble_rate": (0.0, 0.4),
    "trouble_size": (0.2, 6.0),
    "run_sd": (0.05, 1.5),
    "front_sd": (0.0, 2.5),
    "lead_sharpness": (0.2, 6.0),
    "lead_hold": (0.02, 0.98),
    "lead_change_rate": (0.0005, 0.4),
    "stint_rate": (0.0005, 0.25),
    "stint_floor": (0.0, 0.4),
    "closing_bonus": (0.3, 60.0),
    "takeover_laps": (0.5, 40.0),
    "fast_sharpness": (0.0, 3.0),
    "fast_day_sd": (0.0, 3.0),
    "fast_front": (0.0, 0.98),
    "fast_sd": (0.05, 2.0),
    "fast_level": (-2.0, 6.0),
    "fast_leader": (0.001, 0.5),
    "fast_fresh": (-1.0, 4.0),
}
"""Coefficients that are fitted, and their range."""

SEED = 20_221_106
_MAX_GAP = 25.0


@dataclass(frozen=True)
class FlowFitSettings:
    """How much work the fit is.

    Attributes
    ----------
    max_races
        Newest races of the type that are looked at.
    half_life_races
        Races of the type after which a race counts half.
    unqualified_weight
        Weight of a race whose grid was drawn or set by a formula, against one with qualifying, which is what is
        forecast. Grids by draw put slow cars in front: at superspeedways the first five led 24 % of the laps of
        2020 and 2021, after 41 % in 2013-2019.
    n_scenarios
        Scenarios per race and trial.
    max_rounds
        Linearisations of the moments, each of two trials per run of the screening design and three steps.
    pull
        Weight of the pull to the starting values, in units of the scale.
    """

    max_races: int = 36
    half_life_races: float = 12.0
    unqualified_weight: float = UNQUALIFIED_WEIGHT
    n_scenarios: int = 32
    max_rounds: int = 6
    pull: float = 0.25
    workers: int = 2


@dataclass(frozen=True, eq=False)
class FlowFit:
    """The fitted flow and what it came from: moments real, simulated and tolerated."""

    flow: RaceFlow
    names: tuple[str, ...]
    real: Floats
    simulated: Floats
    tolerance: Floats


def race_input(known: KnownRace, fit: OrderFit, flow: RaceFlow) -> SimulationInput:
    """A historic race as it is simulated: DraftKings' rules, form as known before it."""
    race = known.race
    distance = race.scheduled_laps
    return SimulationInput(
        flow=flow._replace(start_effect=fit.grid_effect(race), score_bend=fit.bend),
        strength=fit.strength(known.signals),
        start=race.start,
        team=race.team_index,
        scheduled_laps=distance,
        stage_laps=default_stages(distance) if race.stage_breaks else (distance,),
        rules=DRAFTKINGS_CLASSIC,
    )


def simulate_races(
    inputs: Sequence[SimulationInput], n_scenarios: int, *, seed: int, workers: int
) -> list[BlockResult]:
    """One block per race, each with a random stream of its own."""
    with ThreadPoolExecutor(workers) as pool:
        return list(
            pool.map(lambda item: simulate_block(item[1], n_scenarios, seed=seed, block=item[0]), enumerate(inputs))
        )


def race_weights(n_races: int, half_life_races: float) -> Floats:
    """Weights of races in order, the newest 1; shape (n_races,)."""
    return np.asarray(0.5 ** (np.arange(n_races - 1, -1, -1) / half_life_races), dtype=np.float64)


def fit_flow(
    known: Sequence[KnownRace],
    fit: OrderFit,
    start: RaceFlow,
    settings: FlowFitSettings | None = None,
    *,
    begin: FlowFit | None = None,
    checkpoint: Checkpoint = no_checkpoint,
) -> FlowFit:
    """Fit the flow of a track type to its newest races.

    Parameters
    ----------
    start
        Coefficients that are kept, and starting values of those that are fitted.
    begin
        An earlier fit whose values are the starting ones instead.
    """
    settings = settings or FlowFitSettings()
    dispersion = _dispersion(known)
    known = known[-settings.max_races :]
    if begin is not None:
        start = start._replace(**{name: getattr(begin.flow, name) for name in BOUNDS})
    weights = race_weights(len(known), settings.half_life_races)
    weights *= qualified_weights(known, settings.unqualified_weight)
    ranks = [favourite_ranks(item, fit) for item in known]
    target = _Target(known, ranks, weights, dispersion)

    def simulated(flow: RaceFlow) -> Floats:
        checkpoint()
        inputs = [race_input(item, fit, flow) for item in known]
        blocks = simulate_races(inputs, settings.n_scenarios, seed=SEED, workers=settings.workers)
        rows = [simulated_statistics(block, rank).mean(axis=0) for block, rank in zip(blocks, ranks, strict=True)]
        return target.moments(np.array(rows))

    origin = _pack(start)

    def residuals(values: Floats) -> Floats:
        # Races of one character: with the spread the fit would be noisier, and sharpen itself to make up for it.
        moments = simulated(_unpack(values, start)._replace(race_spread=0.0))
        gap = np.clip((moments - target.real) / target.tolerance, -_MAX_GAP, _MAX_GAP)
        return np.concatenate([gap, settings.pull * (values - origin)])

    flow = _unpack(least_squares(residuals, origin, settings.max_rounds), start)
    return FlowFit(flow, target.names, target.real, simulated(flow), target.tolerance)


def _dispersion(known: Sequence[KnownRace]) -> dict[str, float]:
    """Variance ratios over all races: few of the newest cannot tell them, and they outlast changes of level.

    At intermediate tracks cars out vary 2.2 (2010-2016), 3.0 (2017-2019), 2.3 (2020-2021) times as much as binomial.
    """
    rows = np.array([real_statistics(item.race, item.race.start) for item in known])
    return dict(zip(VARIANCE_RATIOS, moment_values(VARIANCE_RATIOS, rows).tolist(), strict=True))


class _Target:
    """Moments of the real races and how closely they are known; ``fixed`` holds those known from elsewhere."""

    def __init__(
        self, known: Sequence[KnownRace], ranks: Sequence[Ints], weights: Floats, fixed: Mapping[str, float]
    ) -> None:
        rows = np.array([real_statistics(item.race, rank) for item, rank in zip(known, ranks, strict=True)])
        self._rows = rows
        self._weights = weights
        names = tuple(MOMENTS)
        real = moment_values(names, rows, weights)
        real[[names.index(name) for name in fixed]] = list(fixed.values())
        usable = np.isfinite(real)
        self.names = tuple(name for name, keep in zip(names, usable, strict=True) if keep)
        self.real = real[usable]
        rng = np.random.default_rng(SEED)
        times_drawn = rng.multinomial(len(rows), np.full(len(rows), 1.0 / len(rows)), 200).astype(np.float64)
        spread = moment_values(self.names, rows, times_drawn * weights)
        self.tolerance = np.maximum(np.nanstd(spread, axis=1), 0.05 * np.abs(self.real) + 1e-4)
        self._allow_for_few_cautions(rows)

    def _allow_for_few_cautions(self, rows: Floats) -> None:
        """Hold cautions no closer than Poisson counts of as many races tell: drawn again, a handful looks too sure."""
        n_known = int(np.isfinite(rows[:, INDEX["cautions"]]).sum())
        for at, name in enumerate(self.names):
            if name == "cautions":
                self.tolerance[at] = max(self.tolerance[at], np.sqrt(self.real[at] / n_known))
            elif name == "cautions_dispersion":
                self.tolerance[at] = max(self.tolerance[at], np.sqrt(2.0 / max(1, n_known - 1)))

    def moments(self, rows: Floats) -> Floats:
        """The moments that are fitted, of rows of statistics (one per race)."""
        return np.nan_to_num(moment_values(self.names, known_alike(self._rows, rows), self._weights))


def _pack(flow: RaceFlow) -> Floats:
    """Coefficients on the whole line: the logit of their place in the range."""
    values = [float(getattr(flow, name)) for name in BOUNDS]
    shares = [(value - low) / (high - low) for value, (low, high) in zip(values, BOUNDS.values(), strict=True)]
    clipped = np.clip(shares, 0.01, 0.99)
    return np.asarray(np.log(clipped / (1.0 - clipped)), dtype=np.float64)


def _unpack(values: Floats, start: RaceFlow) -> RaceFlow:
    shares = 1.0 / (1.0 + np.exp(-np.clip(values, -6.0, 6.0)))
    named = {
        name: low + share * (high - low) for (name, (low, high)), share in zip(BOUNDS.items(), shares, strict=True)
    }
    return start._replace(**{name: float(value) for name, value in named.items()})
