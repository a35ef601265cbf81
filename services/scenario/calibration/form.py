"""Form of drivers, followed through history: what was known before each race, and nothing later."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from services.common.domain.race import TrackType
from services.scenario.calibration.history import HistoricRace
from services.scenario.core.calibration import DriverForm
from services.scenario.core.scores import rank_scores, standardise

Floats = npt.NDArray[np.float64]

SIGNALS = ("rating", "track_type", "finish", "practice")
"""Columns of ``FormTracker.signals``, in the order of ``FormWeights``."""

MAX_AGE_SEASONS = 3


@dataclass(frozen=True)
class FormSettings:
    """How history fades and how far it is trusted.

    Chosen by the log score of the order of finishers, walking forward through the Cup seasons 2018-2021.

    Attributes
    ----------
    half_life_races, type_half_life_races
        Races of the series, and of a track type, after which a result counts half. Drivers keep their form:
        half-season ratings correlate 0.92 within a season and 0.86 over the winter.
    winter
        What is left of the weight of the past over a winter.
    prior_races, type_prior_races
        Races that the prior counts as. The prior of a driver is his team's form, that of a team the class
        level.
    class_level
        Normal score of a driver and team nothing is known of: part-timers run at the rear.
    """

    half_life_races: float = 18.0
    type_half_life_races: float = 8.0
    winter: float = 0.6
    prior_races: float = 6.0
    type_prior_races: float = 4.0
    class_level: float = -0.7
    team_prior_races: float = 2.0
    team_half_life_races: float = 37.5


@dataclass
class _Mean:
    """A decayed sum of scores and of their weights."""

    total: float = 0.0
    weight: float = 0.0

    def add(self, value: float) -> None:
        self.total += value
        self.weight += 1.0

    def fade(self, factor: float) -> None:
        self.total *= factor
        self.weight *= factor

    def shrunk(self, prior: float, prior_weight: float) -> float:
        return (self.total + prior_weight * prior) / (self.weight + prior_weight)


@dataclass
class _Driver:
    rating: _Mean = field(default_factory=_Mean)
    finish: _Mean = field(default_factory=_Mean)
    by_type: dict[TrackType, _Mean] = field(default_factory=dict)
    last_season: int = 0


class FormTracker:
    """State of knowledge after some races; ``signals`` reads it, ``learn`` adds a race."""

    def __init__(self, settings: FormSettings | None = None) -> None:
        self._settings = settings or FormSettings()
        self._drivers: dict[str, _Driver] = {}
        self._teams: dict[str, _Mean] = {}
        self._season = 0

    def signals(self, race: HistoricRace) -> Floats:
        """What is known of each car before the race; shape (n_cars, 4), columns ``SIGNALS``, never NaN."""
        settings = self._settings
        rows = np.zeros((race.n_cars, len(SIGNALS)))
        for car, (key, team) in enumerate(zip(race.keys, race.teams, strict=True)):
            driver, level = self._drivers.get(key) or _Driver(), self._team_level(team)
            by_type = driver.by_type.get(race.track_type) or _Mean()
            rows[car, 0] = driver.rating.shrunk(level, settings.prior_races)
            rows[car, 1] = by_type.shrunk(0.0, settings.type_prior_races)
            rows[car, 2] = driver.finish.shrunk(settings.class_level, settings.prior_races)
        rows[:, 3] = np.nan_to_num(rank_scores(-race.practice))
        return rows

    def learn(self, race: HistoricRace) -> None:
        """Take in the result of a race."""
        self._fade(race)
        settings = self._settings
        rating, finish = _rating_scores(race), rank_scores(-race.finish.astype(np.float64))
        levels = [self._team_level(team) for team in race.teams]
        for car, (key, team) in enumerate(zip(race.keys, race.teams, strict=True)):
            driver = self._drivers.setdefault(key, _Driver())
            before = driver.rating.shrunk(levels[car], settings.prior_races)
            driver.by_type.setdefault(race.track_type, _Mean()).add(rating[car] - before)
            driver.rating.add(rating[car])
            driver.finish.add(finish[car])
            driver.last_season = race.season
            if team:
                self._teams.setdefault(team, _Mean()).add(rating[car])

    def forms(self) -> dict[str, DriverForm]:
        """What is known of each driver who raced of late, for the calibration file."""
        settings = self._settings
        return {
            key: DriverForm(
                rating=driver.rating.shrunk(settings.class_level, settings.prior_races),
                finish=driver.finish.shrunk(settings.class_level, settings.prior_races),
                n_races=driver.rating.weight,
                by_type={kind: mean.shrunk(0.0, settings.type_prior_races) for kind, mean in driver.by_type.items()},
            )
            for key, driver in self._drivers.items()
            if driver.last_season > self._season - MAX_AGE_SEASONS
        }

    def _team_level(self, team: str) -> float:
        mean = self._teams.get(team) or _Mean()
        return mean.shrunk(self._settings.class_level, self._settings.team_prior_races)

    def _fade(self, race: HistoricRace) -> None:
        settings = self._settings
        winter = settings.winter if self._season and race.season != self._season else 1.0
        self._season = race.season
        decay = 0.5 ** (1.0 / settings.half_life_races) * winter
        for driver in self._drivers.values():
            driver.rating.fade(decay)
            driver.finish.fade(decay)
            for kind, mean in driver.by_type.items():
                same = kind is race.track_type
                mean.fade(winter * (0.5 ** (1.0 / settings.type_half_life_races) if same else 1.0))
        for mean in self._teams.values():
            mean.fade(0.5 ** (1.0 / settings.team_half_life_races))


@dataclass(frozen=True, eq=False)
class KnownRace:
    """A race with what was known before it: ``signals`` of shape (n_cars, 4)."""

    race: HistoricRace
    signals: Floats


def follow(
    races: Sequence[HistoricRace], settings: FormSettings | None = None
) -> Iterator[tuple[KnownRace, FormTracker]]:
    """Each race in order with what was known before it; the tracker has then learnt it."""
    tracker = FormTracker(settings)
    for race in races:
        known = KnownRace(race, tracker.signals(race))
        tracker.learn(race)
        yield known, tracker


def _rating_scores(race: HistoricRace) -> Floats:
    """Normal scores and standardised values of the driver rating, half and half; the finish where it is missing."""
    if np.isfinite(race.rating).sum() < race.n_cars // 2:
        return rank_scores(-race.finish.astype(np.float64))
    return np.nan_to_num(0.5 * rank_scores(race.rating) + 0.5 * standardise(race.rating))
