"""A slate from a race and what its scenarios say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from services.common.domain.names import plain_name
from services.common.domain.race import Race
from services.ownership.core.slate import Contest, Floats, Slate

_SECONDS_PER_DAY = 86_400.0


@dataclass(frozen=True)
class Simulated:
    """Points of one driver over the scenarios; NaN where not told. The ceiling is their 95th percentile."""

    mean_points: float
    ceiling_points: float
    optimal_rate: float


_UNKNOWN = Simulated(float("nan"), float("nan"), float("nan"))


def race_day(race: Race) -> float | None:
    """Days since 1970 at the start of a race, None when the start is not known."""
    if not race.start_time:
        return None
    return datetime.fromisoformat(race.start_time).timestamp() / _SECONDS_PER_DAY


def _known(values: list[float | None]) -> Floats:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _win_log_odds(race: Race) -> Floats:
    """Log odds of winning from decimal odds d: a probability of 1/d is odds of 1 to d - 1."""
    odds = _known([driver.decimal_win_odds for driver in race.starters])
    return -np.log(odds - 1.0)


def slate_of(race: Race, simulated: Mapping[str, Simulated], *, contest: Contest, day: float) -> Slate:
    """What is known of a race before lock.

    Raises
    ------
    InvalidInput
        If no more drivers start than fill a roster.
    """
    rows = [simulated.get(driver_id, _UNKNOWN) for driver_id in race.driver_ids]
    return Slate(
        race_id=race.race_id,
        driver_keys=tuple(plain_name(driver.name) for driver in race.starters),
        salaries_dollars=race.salaries_dollars.astype(np.float64),
        mean_points=np.array([row.mean_points for row in rows]),
        ceiling_points=np.array([row.ceiling_points for row in rows]),
        optimal_rate=np.array([row.optimal_rate for row in rows]),
        win_log_odds=_win_log_odds(race),
        rating=_known([driver.rating for driver in race.starters]),
        site_average_points=_known([driver.site_average_points for driver in race.starters]),
        roster_size=race.rules.roster_size,
        salary_cap_dollars=float(race.rules.salary_cap_dollars),
        track_type=race.track.type.value,
        day=day,
        contest=contest,
    )
