"""The race as every service sees it: who races where, at what salary, under which rules."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from services.common.domain.site_rules import SiteRules


class Series(enum.Enum):
    """The championship."""

    CUP = "cup"
    XFINITY = "xfinity"
    TRUCK = "truck"


class TrackType(enum.Enum):
    """The family of tracks that race alike.

    Superspeedway: Daytona, Talladega, Atlanta since 2022. Short: ovals up to 1.06 miles. Road: road and
    street courses. Intermediate: all other paved ovals.
    """

    SUPERSPEEDWAY = "superspeedway"
    INTERMEDIATE = "intermediate"
    SHORT = "short"
    ROAD = "road"
    DIRT = "dirt"


@dataclass(frozen=True)
class Track:
    """Where the race is run; ``length_miles`` is 0 when not known."""

    type: TrackType
    name: str = ""
    length_miles: float = 0.0


@dataclass(frozen=True)
class Driver:
    """One entry. ``start_position`` is 0 when not known; optional numbers are None when not given."""

    driver_id: str
    name: str
    salary_dollars: int
    start_position: int = 0
    team: str = ""
    make: str = ""
    car_number: str = ""
    projected_points: float | None = None
    projected_points_sd: float | None = None
    decimal_win_odds: float | None = None
    rating: float | None = None
    projected_ownership_percent: float | None = None
    site_average_points: float | None = None
    withdrawn: bool = False
    practice_rank: float | None = None


@dataclass(frozen=True)
class Race:
    """A slate.

    ``drivers`` holds all entries as listed; ``starters`` those that are not withdrawn. Every array and
    matrix about a race has its columns in the order of ``starters``.
    """

    race_id: str
    track: Track
    scheduled_laps: int
    rules: SiteRules
    drivers: tuple[Driver, ...]
    name: str = ""
    series: Series = Series.CUP
    stage_laps: tuple[int, ...] = ()
    start_time: str = ""
    snapshot_hash: str = field(default="", compare=False)

    @cached_property
    def starters(self) -> tuple[Driver, ...]:
        """The drivers that start, in slate order."""
        return tuple(driver for driver in self.drivers if not driver.withdrawn)

    @cached_property
    def driver_ids(self) -> tuple[str, ...]:
        """Site ids of the starters."""
        return tuple(driver.driver_id for driver in self.starters)

    @cached_property
    def driver_index(self) -> dict[str, int]:
        """Column of each starter by site id."""
        return {driver_id: column for column, driver_id in enumerate(self.driver_ids)}

    @cached_property
    def salaries_dollars(self) -> npt.NDArray[np.int64]:
        """Salaries of the starters; shape (n_starters,)."""
        return np.array([driver.salary_dollars for driver in self.starters], dtype=np.int64)

    @cached_property
    def teams(self) -> tuple[str, ...]:
        """Names of the teams of starters, sorted; drivers without a team belong to none."""
        return tuple(sorted({driver.team for driver in self.starters if driver.team}))

    @cached_property
    def team_index(self) -> npt.NDArray[np.int64]:
        """Index into ``teams`` per starter, -1 without a team; shape (n_starters,)."""
        position = {team: index for index, team in enumerate(self.teams)}
        return np.array([position.get(driver.team, -1) for driver in self.starters], dtype=np.int64)
