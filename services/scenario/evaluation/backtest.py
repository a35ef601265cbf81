"""Walking forward through seasons: every race is forecast from earlier races alone, then scored."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from services.common.domain.errors import InvalidInput
from services.common.domain.race import Series, TrackType
from services.common.domain.site_rules import DRAFTKINGS_CLASSIC, TICKS_PER_POINT
from services.common.domain.work import Checkpoint, ReportProgress, no_checkpoint, no_progress
from services.scenario.calibration.fit import MIN_RACES_OF_TYPE, FitSettings, TrackFit, fit_tracks, of_type, refit_track
from services.scenario.calibration.flow_fit import race_input
from services.scenario.calibration.form import KnownRace, follow
from services.scenario.calibration.history import read_history
from services.scenario.calibration.moments import real_statistics, simulated_statistics
from services.scenario.calibration.order_fit import OrderFit, favourite_ranks, fit_orders
from services.scenario.calibration.team_fit import teammate_products
from services.scenario.core.optimal import optimal_rates
from services.scenario.core.race_flow import BlockResult
from services.scenario.core.simulate import simulate_block
from services.scenario.evaluation.baselines import baselines
from services.scenario.evaluation.scores import (
    crps,
    energy_score,
    inside_interval,
    log_score_over_uniform,
    randomised_pit,
    spearman,
    variogram_score,
)

Floats = npt.NDArray[np.float64]

MODEL = "model"
LEVELS = (0.5, 0.8, 0.95)
EVENTS = (("win", 1), ("top5", 5), ("top10", 10))


@dataclass(frozen=True)
class BacktestSettings:
    """What a backtest does.

    Attributes
    ----------
    refit_orders_every
        Races after which the order of finishers is fitted again.
    refit_flow_every
        Races of a track type after which its flow is fitted again: in full before the first race, and from there on
        by ``refit_rounds`` rounds of improvement.
    n_scenarios
        Scenarios per race. Expected finishes at superspeedways lie within a few places of each other, and the mean of
        5,000 is known to a sixth of a place; with 2,000 the share of cars in 80 % intervals over 18 races still has a
        standard deviation of 0.3 points.
    n_joint
        Of these, how many enter scores whose work grows with pairs.
    """

    fit: FitSettings = field(default_factory=FitSettings)
    refit_orders_every: int = 6
    refit_flow_every: int = 2
    refit_rounds: int = 1
    n_scenarios: int = 5_000
    n_joint: int = 300
    seed: int = 7


@dataclass(frozen=True, eq=False)
class RaceScore:
    """Scores of one race by forecast (``model`` and the baselines); NaN where points are not known.

    ``events`` holds pairs of forecast chance and outcome per car; ``real_statistics`` a row of statistics,
    ``simulated_statistics`` a row per scenario; ``teammates`` the sums of products of real and simulated residuals
    and the number of pairs.
    """

    season: int
    race_num: int
    track: str
    track_type: TrackType
    spearman: dict[str, float]
    log_score: dict[str, float]
    crps: dict[str, float]
    energy: dict[str, float]
    variogram: dict[str, float]
    coverage: dict[float, float]
    pit: Floats
    events: dict[str, tuple[Floats, Floats]]
    real_statistics: Floats
    simulated_statistics: Floats
    teammates: tuple[float, float, int]
    hindsight_pit: float


def backtest(
    history: Path,
    seasons: tuple[int, int],
    *,
    series: Series = Series.CUP,
    settings: BacktestSettings | None = None,
    checkpoint: Checkpoint = no_checkpoint,
    report: ReportProgress = no_progress,
) -> list[RaceScore]:
    """Score every race of some seasons, walking forward.

    Parameters
    ----------
    history
        Folder in the layout that ``calibration.history.read_history`` describes.
    seasons
        First and last season to score.

    Raises
    ------
    InvalidInput
        If the folder has no race of these seasons, or none before them.
    """
    settings = settings or BacktestSettings()
    races = [race for race in read_history(history, series) if race.season <= seasons[1]]
    known = [item for item, _ in follow(races, settings.fit.form) if item.race.season >= settings.fit.first_season]
    n_scored = sum(item.race.season >= seasons[0] for item in known)
    if not n_scored or n_scored == len(known):
        raise InvalidInput.field(
            "seasons",
            f"{history} needs races of {seasons[0]}-{seasons[1]} and of earlier seasons, those before "
            f"{settings.fit.first_season} not counted: from that season on races are fitted and scored; "
            "choose other seasons or an earlier first season of the fits",
        )
    scores = []
    for past, item, fit in _walk(known, seasons[0], settings, checkpoint, report):
        checkpoint()
        scores.append(score_race(past, item, fit, settings))
        report("score races", len(scores), n_scored)
    return scores


def _walk(
    known: Sequence[KnownRace],
    first_season: int,
    settings: BacktestSettings,
    checkpoint: Checkpoint,
    report: ReportProgress,
) -> Iterator[tuple[Sequence[KnownRace], KnownRace, TrackFit]]:
    """Each race to be scored with the races before it and the coefficients fitted to these."""
    first = next(index for index, item in enumerate(known) if item.race.season >= first_season)
    again = dataclasses.replace(
        settings.fit, flow=dataclasses.replace(settings.fit.flow, max_rounds=settings.refit_rounds)
    )
    tracks = fit_tracks(known[:first], settings.fit, checkpoint=checkpoint, report=report)
    if not tracks:
        raise InvalidInput.field("seasons", f"need {MIN_RACES_OF_TYPE} earlier races of some track type to fit")
    orders: dict[TrackType, OrderFit] = {}
    unseen: Counter[TrackType] = Counter()
    for index in range(first, len(known)):
        past, item = known[:index], known[index]
        kind = item.race.track_type
        if kind in tracks and unseen[kind] >= settings.refit_flow_every:
            tracks[kind] = refit_track(past, kind, tracks[kind], again, checkpoint=checkpoint)
            unseen[kind] = 0
        elif kind not in tracks and len(of_type(past, kind)) >= MIN_RACES_OF_TYPE:
            tracks[kind] = refit_track(past, kind, None, settings.fit, checkpoint=checkpoint)
        if (index - first) % settings.refit_orders_every == 0:
            orders = fit_orders(past, settings.fit.order)
        track = tracks.get(kind) or tracks.get(TrackType.INTERMEDIATE) or next(iter(tracks.values()))
        yield past, item, TrackFit(orders[kind], track.flow, track.n_races)
        unseen[kind] += 1


def score_race(past: Sequence[KnownRace], item: KnownRace, fit: TrackFit, settings: BacktestSettings) -> RaceScore:
    """Scores of one race."""
    race = item.race
    key = (settings.seed, race.season, race.race_num)
    rng = np.random.default_rng(key)
    inputs = race_input(item, fit.order, fit.flow.flow)
    block = simulate_block(inputs, settings.n_scenarios, seed=int(rng.integers(1 << 31)), block=0)
    favourite = favourite_ranks(item, fit.order)
    simulated = simulated_statistics(block, favourite)
    finishes = block.finish.astype(np.int64)
    forecasts = baselines(past, item, rng, n_samples=settings.n_scenarios)
    expected = {MODEL: finishes.mean(axis=0), **{name: made.expected_finish for name, made in forecasts.items()}}
    log_scores = {name: made.log_score for name, made in forecasts.items() if made.log_score is not None}
    points = {MODEL: block.ticks / TICKS_PER_POINT, **{name: made.points for name, made in forecasts.items()}}
    observed = race.ticks() / TICKS_PER_POINT if race.has_points else None
    joint = {name: values[: settings.n_joint] for name, values in points.items()}
    return RaceScore(
        season=race.season,
        race_num=race.race_num,
        track=race.track,
        track_type=race.track_type,
        spearman={name: spearman(values, race.finish) for name, values in expected.items() if np.ptp(values) > 0},
        log_score={MODEL: log_score_over_uniform(finishes, race.finish), **log_scores},
        crps={} if observed is None else {name: float(crps(x, observed).mean()) for name, x in points.items()},
        energy={} if observed is None else {name: energy_score(x, observed) for name, x in joint.items()},
        variogram={} if observed is None else {name: variogram_score(x, observed) for name, x in joint.items()},
        coverage=_coverage(points[MODEL], observed),
        pit=np.empty(0) if observed is None else randomised_pit(points[MODEL], observed, rng),
        events=_events(finishes, race.finish),
        real_statistics=real_statistics(race, favourite),
        simulated_statistics=simulated,
        teammates=_teammates(item, block),
        hindsight_pit=_hindsight(item, block, inputs.strength, rng),
    )


def _coverage(points: Floats, observed: Floats | None) -> dict[float, float]:
    if observed is None:
        return {}
    return {level: float(inside_interval(points, observed, level).mean()) for level in LEVELS}


def _events(finishes: npt.NDArray[np.int64], finish: npt.NDArray[np.int64]) -> dict[str, tuple[Floats, Floats]]:
    return {name: ((finishes <= place).mean(axis=0), (finish <= place).astype(np.float64)) for name, place in EVENTS}


def _teammates(item: KnownRace, block: BlockResult) -> tuple[float, float, int]:
    """Sums of products of teammates' points net of their simulated means: real, simulated, and the pairs."""
    if not item.race.has_points:
        return 0.0, 0.0, 0
    mean, sd = block.ticks.mean(axis=0), block.ticks.std(axis=0) + 1e-9
    team = item.race.team_index
    real, pairs = teammate_products((item.race.ticks() - mean) / sd, team)
    simulated, _ = teammate_products((block.ticks - mean) / sd, team)
    return real, simulated, pairs


def pseudo_salaries(strength: Floats) -> npt.NDArray[np.int64]:
    """Salaries by rank of strength on the curve of real slates: $11,000 down to $4,700, mean about $7,550."""
    n = strength.size
    rank = np.argsort(np.argsort(-strength))
    curve = 4_700.0 + 6_300.0 * (1.0 - rank / (n - 1)) ** 1.2
    return (np.round(curve / 100.0) * 100.0).astype(np.int64)


def _hindsight(item: KnownRace, block: BlockResult, strength: Floats, rng: np.random.Generator) -> float:
    """Place of the real best-in-hindsight lineup in its simulated distribution (randomised PIT)."""
    if not item.race.has_points:
        return float("nan")
    rules = DRAFTKINGS_CLASSIC
    both = np.vstack([block.ticks[:400], item.race.ticks()[None].astype(np.int16)])
    best = optimal_rates(
        both, pseudo_salaries(strength), roster_size=rules.roster_size, salary_cap_dollars=rules.salary_cap_dollars
    ).best_ticks.astype(np.float64)
    return float(randomised_pit(best[:-1, None], best[-1:], rng)[0])
