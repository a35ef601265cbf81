"""How strong each driver is, from whatever the slate and the history say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.common.domain.names import name_key
from services.common.domain.race import Driver, Race
from services.scenario.core.calibration import Calibration
from services.scenario.core.scores import rank_scores, standardise

Floats = npt.NDArray[np.float64]

FORM_PRIOR_RACES = 6.0
"""Races of history that count as much as the market does."""

FORM_KEPT_PER_SEASON = 0.5
"""What is left of the weight of form per season since: ratings correlate 0.86 over one winter, and drivers change
cars."""


@dataclass(frozen=True)
class Trust:
    """Weights of the signals against each other; only their ratios matter.

    The salary is the site's own forecast and always there. Odds are sharper, a user's rating is his business,
    the site's average mixes tracks and carries over the last season (its correlation with points within a race
    was -0.01 to 0.41 on four slates). Practice weighs a sixth of what form does in the fits to real races.
    """

    salary: float = 1.0
    odds: float = 2.0
    rating: float = 1.0
    form: float = 1.0
    site_average: float = 0.15
    practice: float = 0.15


DEFAULT_TRUST = Trust()


def driver_skill(race: Race, calibration: Calibration, trust: Trust = DEFAULT_TRUST) -> Floats:
    """Skill of each starter, mean 0; standard deviation 1 when all signals agree; shape (n_starters,).

    A weighted mean of signals on a common scale, so signals that contradict each other shrink the field together.
    A signal that only some drivers have is put on the level of their salaries first: being known is neither an
    advantage nor a drawback.
    """
    salary = 0.5 * rank_scores(race.salaries_dollars.astype(np.float64))
    salary += 0.5 * standardise(race.salaries_dollars.astype(np.float64))
    total, weight = trust.salary * salary, np.full(salary.size, trust.salary)
    for values, trusted in _signals(race, calibration, trust):
        scores = _on_level_of(salary, values)
        known = np.isfinite(scores)
        total[known] += (trusted * scores)[known]
        weight[known] += np.broadcast_to(trusted, known.shape)[known]
    skill = total / weight
    return np.asarray(skill - skill.mean())


def driver_strength(race: Race, calibration: Calibration, trust: Trust = DEFAULT_TRUST) -> Floats:
    """Score of each starter before grid, sharpness and luck; shape (n_starters,)."""
    track = calibration.track(race.series, race.track.type)
    return track.skill_score * driver_skill(race, calibration, trust)


def _signals(race: Race, calibration: Calibration, trust: Trust) -> list[tuple[Floats, Floats]]:
    """Values (NaN where unknown) and trust per starter of each signal but the salary."""
    form, n_races = _form(race, calibration)
    everyone = np.ones(form.size)
    odds = -np.log(_column(race, lambda driver: driver.decimal_win_odds))
    average = _column(race, lambda driver: driver.site_average_points or None)
    return [
        (odds, trust.odds * everyone),
        (_column(race, lambda driver: driver.rating), trust.rating * everyone),
        (average, trust.site_average * everyone),
        (-_column(race, lambda driver: driver.practice_rank), trust.practice * everyone),
        (form, trust.form * n_races / (n_races + FORM_PRIOR_RACES)),
    ]


def _column(race: Race, read: Callable[[Driver], float | None]) -> Floats:
    values = (read(driver) for driver in race.starters)
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _form(race: Race, calibration: Calibration) -> tuple[Floats, Floats]:
    """Score by form and races behind it per starter, NaN and 0 for drivers whom the history does not know."""
    track, forms = calibration.track(race.series, race.track.type), calibration.forms(race.series)
    found = [forms.get(name_key(driver.name)) for driver in race.starters]
    values = np.array([np.nan if form is None else track.form_score(form, race.track.type) for form in found])
    n_races = np.array([0.0 if form is None else form.n_races for form in found])
    return values, n_races * FORM_KEPT_PER_SEASON ** _form_age(race, calibration)


def _form_age(race: Race, calibration: Calibration) -> int:
    """Seasons since the history ended; one where the race has no date."""
    year = race.start_time[:4]
    return calibration.seasons_since(race.series, int(year)) if year.isdigit() else 1


def _on_level_of(reference: Floats, values: Floats) -> Floats:
    """Values with the mean and spread that the reference has among the drivers who have a value.

    All NaN where they say nothing: fewer than three values, or the same for all, which would pull everyone together.
    """
    known = np.isfinite(values)
    if known.sum() < 3 or np.ptp(values[known]) == 0.0:
        return np.full(values.size, np.nan)
    return standardise(values) * reference[known].std() + reference[known].mean()
