"""Forecasts that the race model has to beat, each a sample of points per car.

All see earlier races only. Points of one track type are put on the length of the race at hand: what hangs on
laps is scaled by their number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.stats import rankdata

from services.common.domain.site_rules import DRAFTKINGS_CLASSIC, TICKS_PER_POINT
from services.scenario.calibration.form import KnownRace
from services.scenario.core.scores import rank_scores

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

NAMES = ("climatology", "start_order", "trailing_finish", "plackett_luce")
NEIGHBOURS = 2
"""Places up and down from which points are borrowed."""
MAX_RACES = 40
_FINISH_SIGNAL = 2


@dataclass(frozen=True, eq=False)
class Forecast:
    """A sample of points, shape (n_samples, n_cars), and the expected finish of each car.

    Points are NaN where no earlier race has points to borrow. ``log_score`` is the log-probability of the real order
    over that of the uniform one, where the forecast has one.
    """

    points: Floats
    expected_finish: Floats
    log_score: float | None = None


@dataclass(frozen=True, eq=False)
class _Past:
    """Cars of earlier races of the type: places at start, by form and at the end, and where their points came from."""

    start: Ints
    form: Floats
    finish: Ints
    per_lap: Floats


def baselines(
    past: Sequence[KnownRace], target: KnownRace, rng: np.random.Generator, *, n_samples: int
) -> dict[str, Forecast]:
    """Every baseline forecast of a race.

    Parameters
    ----------
    past
        Earlier races of any type, the newest last.
    """
    scored = [item for item in past if item.race.has_points]
    same = [item for item in scored if item.race.track_type is target.race.track_type]
    cars = _past_cars((same or scored or past)[-MAX_RACES:])
    form = _form_rank(target)
    mean_finish = np.full(target.race.n_cars, 0.5 * (target.race.n_cars + 1))
    everyone = np.zeros(target.race.n_cars)
    return {
        "climatology": Forecast(
            _borrow(cars, target, everyone, np.zeros(cars.start.size), 0, rng, n_samples), mean_finish
        ),
        "start_order": Forecast(
            _borrow(cars, target, target.race.start, cars.start, NEIGHBOURS, rng, n_samples),
            target.race.start.astype(np.float64),
        ),
        "trailing_finish": Forecast(_borrow(cars, target, form, cars.form, NEIGHBOURS, rng, n_samples), form),
        "plackett_luce": _plackett_luce(past, cars, target, rng, n_samples),
    }


def _past_cars(races: Sequence[KnownRace]) -> _Past:
    scoring = DRAFTKINGS_CLASSIC.scoring
    per_lap = [
        (scoring.lap_led_ticks * item.race.laps_led + scoring.fastest_lap_ticks * item.race.fastest_laps)
        / (TICKS_PER_POINT * item.race.laps_run)
        for item in races
    ]
    return _Past(
        start=np.concatenate([item.race.start for item in races]),
        form=np.concatenate([_form_rank(item) for item in races]),
        finish=np.concatenate([item.race.finish for item in races]),
        per_lap=np.concatenate(per_lap),
    )


def _form_rank(known: KnownRace) -> Floats:
    """Rank by trailing finish, 1 the best; ties at their mean."""
    return np.asarray(rankdata(-known.signals[:, _FINISH_SIGNAL]), dtype=np.float64)


def _site_points(finish: Ints, start: Ints, per_lap: Floats, target: KnownRace) -> Floats:
    n = target.race.n_cars
    places = np.clip(finish, 1, n)
    table = DRAFTKINGS_CLASSIC.scoring.finish_table(n) / TICKS_PER_POINT
    return np.asarray(table[places - 1] + start - places + per_lap * target.race.scheduled_laps)


def _borrow(
    cars: _Past,
    target: KnownRace,
    places: Floats | Ints,
    past_places: Floats | Ints,
    width: int,
    rng: np.random.Generator,
    n_samples: int,
) -> Floats:
    """Finish and laps of past cars at about the same place, scored from the car's own start."""
    points = np.empty((n_samples, target.race.n_cars))
    distance = np.abs(past_places[None, :] - places[:, None])
    for car in range(target.race.n_cars):
        near = np.flatnonzero(distance[car] <= max(width, distance[car].min()))
        pick = rng.choice(near, n_samples)
        points[:, car] = _site_points(cars.finish[pick], target.race.start[car], cars.per_lap[pick], target)
    return points


def _plackett_luce(
    past: Sequence[KnownRace], cars: _Past, target: KnownRace, rng: np.random.Generator, n_samples: int
) -> Forecast:
    """Orders drawn first to last from worths in trailing finish and start; laps from past cars that finished there."""
    same = [item for item in past if item.race.track_type is target.race.track_type]
    weights = fit_plackett_luce(same[-MAX_RACES:])
    utility = _features(target) @ weights
    noise = rng.gumbel(size=(n_samples, target.race.n_cars))
    finishes = np.argsort(np.argsort(-(utility + noise), axis=1), axis=1).astype(np.int64) + 1
    points = np.empty(finishes.shape)
    for place in range(1, target.race.n_cars + 1):
        pool = np.flatnonzero(np.abs(cars.finish - place) <= (0 if place <= 3 else NEIGHBOURS))
        rows, columns = np.nonzero(finishes == place)
        per_lap = cars.per_lap[rng.choice(pool, rows.size)] if pool.size else np.zeros(rows.size)
        points[rows, columns] = _site_points(finishes[rows, columns], target.race.start[columns], per_lap, target)
    order = np.argsort(target.race.finish)
    uniform = -float(np.log(np.arange(1, order.size + 1)).sum())
    return Forecast(points, finishes.mean(axis=0), log_probability(utility[order]) - uniform)


def _features(known: KnownRace) -> Floats:
    return np.column_stack([known.signals[:, _FINISH_SIGNAL], rank_scores(-known.race.start.astype(np.float64))])


def log_probability(utility: Floats) -> float:
    """Log-probability under Plackett-Luce of the order in which utilities stand, the winner's first."""
    return float((utility - np.logaddexp.accumulate(utility[::-1])[::-1]).sum())


def fit_plackett_luce(past: Sequence[KnownRace]) -> Floats:
    """Weights of trailing finish and start in ordinary Plackett-Luce, by maximum likelihood; shape (2,)."""
    ordered = [_features(item)[np.argsort(item.race.finish)] for item in past]

    def loss(weights: Floats) -> float:
        total = 0.5 * float(weights @ weights)
        for rows in ordered:
            total -= log_probability(rows @ weights)
        return total

    return np.asarray(minimize(loss, np.zeros(2), method="L-BFGS-B").x)
