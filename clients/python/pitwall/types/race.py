"""Races and what an import says of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import cached_property

import pandas as pd


@dataclass(frozen=True)
class Progress:
    """How far a long call has come; ``total`` is 0 when not known."""

    stage: str
    done: int
    total: int
    elapsed_seconds: float


OnProgress = Callable[[Progress], None]
"""Told how far a long call has come, as often as its service says."""


@dataclass(frozen=True)
class Track:
    """Where the race is run.

    ``type`` is one of superspeedway, intermediate, short, road, dirt; ``length_miles`` 0 when not known.
    """

    type: str
    name: str = ""
    length_miles: float = 0.0


@dataclass(frozen=True)
class Scoring:
    """How a race turns into points, in ticks of 1/20 point; see the ScoringRules message of the contract."""

    finish_ticks: tuple[int, ...]
    place_differential_ticks: int = 0
    lap_led_ticks: int = 0
    fastest_lap_ticks: int = 0
    lap_completed_ticks: int = 0


@dataclass(frozen=True)
class Rules:
    """Roster size, salary cap and scoring; what is 0 or None is taken from the site (draftkings, fanduel).

    A custom site needs all three.
    """

    site: str = "draftkings"
    roster_size: int = 0
    salary_cap_dollars: int = 0
    scoring: Scoring | None = None


@dataclass(frozen=True)
class Driver:
    """One entry of a race; see the Driver message of the contract for limits."""

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
    """A slate: who races where, at what salary, under which rules."""

    race_id: str
    track: Track
    scheduled_laps: int
    drivers: tuple[Driver, ...]
    rules: Rules = field(default_factory=Rules)
    name: str = ""
    series: str = "cup"
    stage_laps: tuple[int, ...] = ()
    start_time: datetime | None = None
    snapshot_hash: str = ""
    create_time: datetime | None = None
    update_time: datetime | None = None

    @cached_property
    def names_by_id(self) -> dict[str, str]:
        """Names of all entries by site id."""
        return {driver.driver_id: driver.name for driver in self.drivers}

    @cached_property
    def starters(self) -> tuple[Driver, ...]:
        """The drivers that start, in slate order."""
        return tuple(driver for driver in self.drivers if not driver.withdrawn)

    def frame(self) -> pd.DataFrame:
        """One row per entry, indexed by site id."""
        return pd.DataFrame([asdict(driver) for driver in self.drivers]).set_index("driver_id")


@dataclass(frozen=True)
class MatchedName:
    """One joined pair of names; ``match`` is exact, by_rule or guess."""

    salary_name: str
    sheet_name: str
    match: str
    score: float


@dataclass(frozen=True)
class ImportReport:
    """What an import did with the names of its two files.

    ``replaced`` is about the race that stood under the same id before, empty where there is nothing to say.
    """

    matched: tuple[MatchedName, ...]
    unmatched_salary_names: tuple[str, ...]
    unmatched_sheet_names: tuple[str, ...]
    warnings: tuple[str, ...]
    replaced: str = ""
