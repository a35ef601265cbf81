"""Shares of a portfolio as bounds in whole lineups."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from services.common.domain.errors import FieldViolation, InvalidInput
from services.common.domain.shares import at_most
from services.optimizer.core.structure import DriverTable

Counts = npt.NDArray[np.int64]

_EPSILON = 1e-9


class ExposureMode(enum.Enum):
    """Whether bounds hold, or cost a price when they do not."""

    HARD = "hard"
    SOFT = "soft"


@dataclass(frozen=True)
class ExposureConfig:
    """Shares of the portfolio, from 0 to 1.

    Attributes
    ----------
    max_driver, max_team
        For every driver, and for lineups with at least one driver of a team.
    drivers
        Column to (min, max); max None stands for ``max_driver``, or min where that is greater.
    soft_price_points
        What a lineup pays for each rule that it breaks, in the soft mode.
    spread
        Keep exposures close to even through the portfolio, instead of using them up at its start; in the soft mode
        it says whether a lineup pays from an even spread on, or only for what breaks a bound.
    """

    max_driver: float = 0.5
    max_team: float = 0.7
    drivers: Mapping[int, tuple[float, float | None]] = field(default_factory=dict)
    mode: ExposureMode = ExposureMode.HARD
    soft_price_points: float = 5.0
    spread: bool = True


@dataclass(frozen=True, eq=False)
class ExposureBounds:
    """Least and greatest number of lineups per driver, greatest per team, and whether to spread them evenly."""

    n_lineups: int
    driver_min: Counts
    driver_max: Counts
    team_max: Counts
    spread: bool = True


def exposure_bounds(
    config: ExposureConfig, drivers: DriverTable, n_teams: int, n_lineups: int, locked: Sequence[int]
) -> ExposureBounds:
    """Return the bounds as whole lineups.

    A locked driver is in all lineups, and so is the team: the general maxima do not bind them. Neither do they
    stand against a driver's own min, for the driver or for the team.

    Raises
    ------
    InvalidInput
        If a driver's min is above the max, or a locked driver has a max below 1.
    """
    n_drivers = drivers.n_drivers
    least = np.zeros(n_drivers, dtype=np.int64)
    most = np.full(n_drivers, at_most(config.max_driver, n_lineups), dtype=np.int64)
    teams = np.full(n_teams, at_most(config.max_team, n_lineups), dtype=np.int64)
    for column in locked:
        most[column] = n_lineups
        if (team := drivers.team_index[column]) >= 0:
            teams[team] = n_lineups
    violations = []
    for index, (column, (low, high)) in enumerate(config.drivers.items()):
        where, name = f"exposure.drivers[{index}]", drivers.names[column]
        least[column] = int(np.ceil(low * n_lineups - _EPSILON))
        if high is not None:
            most[column] = at_most(high, n_lineups)
            if column in locked and high < 1:
                violations.append(FieldViolation(f"{where}.max", f"{name} is locked into every lineup"))
        if high is not None and low > high:
            violations.append(FieldViolation(f"{where}.min", f"is {low:g} for {name}, above max {high:g}"))
        most[column] = max(most[column], least[column]) if high is None else most[column]
        if (team := drivers.team_index[column]) >= 0:
            teams[team] = max(teams[team], least[column])
    if violations:
        raise InvalidInput.of(violations)
    return ExposureBounds(n_lineups, least, np.maximum(most, least), teams, config.spread)
