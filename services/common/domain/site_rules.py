"""What a legal lineup is and how drivers score, site by site.

Points are integers in ticks of 1/20 point: every DraftKings score is a multiple of 0.05 and every
FanDuel score a multiple of 0.1, so totals and ties are exact.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

TICKS_PER_POINT = 20
"""One point is 20 ticks."""

MAX_ROSTER_SIZE = 10


class Site(enum.Enum):
    """The fantasy site."""

    DRAFTKINGS = "draftkings"
    FANDUEL = "fanduel"
    CUSTOM = "custom"


@dataclass(frozen=True)
class ScoringRules:
    """How a race turns into points, all in ticks.

    Attributes
    ----------
    finish_ticks
        For 1st, 2nd, ...; places beyond the list score 0.
    place_differential_ticks
        Per place gained from the official start, negative when places are lost.
    lap_led_ticks, fastest_lap_ticks, lap_completed_ticks
        Per lap.
    """

    finish_ticks: tuple[int, ...]
    place_differential_ticks: int = 0
    lap_led_ticks: int = 0
    fastest_lap_ticks: int = 0
    lap_completed_ticks: int = 0

    def finish_table(self, n_drivers: int) -> npt.NDArray[np.int32]:
        """Return ticks for finishing 1st .. n-th; shape (n_drivers,), int32."""
        table = np.zeros(n_drivers, dtype=np.int32)
        known = self.finish_ticks[:n_drivers]
        table[: len(known)] = known
        return table


@dataclass(frozen=True)
class SiteRules:
    """Roster size, salary cap in dollars and scoring of one contest form."""

    site: Site
    roster_size: int
    salary_cap_dollars: int
    scoring: ScoringRules


def _draftkings_finish_points(place: int) -> int:
    """Points for a place: one more is lost after 10th, 20th and 30th, two more after the win."""
    if place == 1:
        return 45
    return 44 - place - (place > 10) - (place > 20) - (place > 30)


def _fanduel_finish_points(place: int) -> int:
    """Points for a place: 43, 40, 38, then 37 for 4th and one less a place down to 1."""
    if place <= 3:
        return (43, 40, 38)[place - 1]
    return 41 - place


def _ticks(points: float) -> int:
    return round(points * TICKS_PER_POINT)


DRAFTKINGS_CLASSIC = SiteRules(
    site=Site.DRAFTKINGS,
    roster_size=6,
    salary_cap_dollars=50_000,
    scoring=ScoringRules(
        finish_ticks=tuple(_ticks(_draftkings_finish_points(place)) for place in range(1, 41)),
        place_differential_ticks=_ticks(1),
        lap_led_ticks=_ticks(0.25),
        fastest_lap_ticks=_ticks(0.45),
    ),
)
"""DraftKings NASCAR Classic, fastest laps at 0.45 as since 2021."""

FANDUEL = SiteRules(
    site=Site.FANDUEL,
    roster_size=5,
    salary_cap_dollars=50_000,
    scoring=ScoringRules(
        finish_ticks=tuple(_ticks(_fanduel_finish_points(place)) for place in range(1, 41)),
        place_differential_ticks=_ticks(0.5),
        lap_led_ticks=_ticks(0.1),
        lap_completed_ticks=_ticks(0.1),
    ),
)
"""FanDuel NASCAR; fastest laps do not score there."""

DEFAULT_RULES = {Site.DRAFTKINGS: DRAFTKINGS_CLASSIC, Site.FANDUEL: FANDUEL}
