"""What has to hold across the fields of a race before it is stored."""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import json
from typing import Any

from services.common.domain.errors import FieldViolation, InvalidInput
from services.common.domain.race import Race
from services.common.domain.site_rules import MAX_ROSTER_SIZE
from services.scenario.core.race_kernel import OVERTIME_LAPS

DEFAULT_STAGE_SHARES = (0.25, 0.30)
"""Shares of the first two stages where the user gives none; the rest is the final stage."""

MAX_SIGNAL = 1e9
"""Largest size of a rating or an average."""

_INT16_MAX = 32_767


def complete_race(race: Race) -> Race:
    """The race with default stages and its snapshot hash, once it has passed all checks.

    Raises
    ------
    InvalidInput
        Listing every field at fault.
    """
    violations = [
        *_duplicate_drivers(race),
        *_starts(race),
        *_salaries(race),
        *_signals(race),
        *_stages(race),
        *_lineups(race),
        *_points_fit(race),
    ]
    if violations:
        raise InvalidInput.of(violations)
    staged = dataclasses.replace(race, stage_laps=race.stage_laps or default_stages(race.scheduled_laps))
    return dataclasses.replace(staged, snapshot_hash=snapshot_hash(staged))


def default_stages(scheduled_laps: int) -> tuple[int, ...]:
    """Laps of three stages that sum to the distance."""
    first, second = (max(1, round(share * scheduled_laps)) for share in DEFAULT_STAGE_SHARES)
    return (first, second, scheduled_laps - first - second)


def snapshot_hash(race: Race) -> str:
    """SHA-256 of everything that is known about a race, in hexadecimal."""
    content = dataclasses.asdict(dataclasses.replace(race, snapshot_hash=""))
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return value.value
    raise TypeError(type(value).__name__)


def _duplicate_drivers(race: Race) -> list[FieldViolation]:
    violations: list[FieldViolation] = []
    for attribute in ("driver_id", "name"):
        seen: dict[str, int] = {}
        for index, driver in enumerate(race.drivers):
            value = getattr(driver, attribute)
            first = seen.setdefault(value, index)
            if first != index:
                problem = f"{value!r} is drivers[{first}] already; each driver stands once"
                violations.append(FieldViolation(f"race.drivers[{index}].{attribute}", problem))
    return violations


def _starts(race: Race) -> list[FieldViolation]:
    violations: list[FieldViolation] = []
    seen: dict[int, int] = {}
    for index, driver in enumerate(race.drivers):
        if driver.withdrawn or driver.start_position == 0:
            continue
        first = seen.setdefault(driver.start_position, index)
        if first != index or driver.start_position < 0:
            problem = f"position {driver.start_position} is taken by drivers[{first}]; give each driver his own"
            violations.append(FieldViolation(f"race.drivers[{index}].start_position", problem))
    return violations


def _salaries(race: Race) -> list[FieldViolation]:
    return [
        FieldViolation(f"race.drivers[{index}].salary_dollars", f"is {driver.salary_dollars}; must be above 0")
        for index, driver in enumerate(race.drivers)
        if driver.salary_dollars <= 0
    ]


def _signals(race: Race) -> list[FieldViolation]:
    """Numbers on a scale of the user's own: squares of greater ones would overflow, and the signal be lost."""
    return [
        FieldViolation(
            f"race.drivers[{index}].{name}", f"is {value:g}; must lie between {-MAX_SIGNAL:g} and {MAX_SIGNAL:g}"
        )
        for index, driver in enumerate(race.drivers)
        for name in ("rating", "site_average_points")
        if (value := getattr(driver, name)) is not None and abs(value) > MAX_SIGNAL
    ]


def _stages(race: Race) -> list[FieldViolation]:
    total = sum(race.stage_laps)
    if not race.stage_laps or (total == race.scheduled_laps and min(race.stage_laps) > 0):
        return []
    if min(race.stage_laps) <= 0:
        return [FieldViolation("race.stage_laps", "each stage needs a lap at least")]
    problem = f"stages sum to {total} laps but {race.scheduled_laps} are scheduled; make them equal or leave them out"
    return [FieldViolation("race.stage_laps", problem)]


def _lineups(race: Race) -> list[FieldViolation]:
    size, cap = race.rules.roster_size, race.rules.salary_cap_dollars
    if not 2 <= size <= MAX_ROSTER_SIZE:
        return [FieldViolation("race.rules.roster_size", f"is {size}; must be from 2 to {MAX_ROSTER_SIZE}")]
    if len(race.starters) < size:
        problem = f"{len(race.starters)} drivers start but a lineup takes {size}; add drivers or lower the roster size"
        return [FieldViolation("race.drivers", problem)]
    cheapest = sum(sorted(driver.salary_dollars for driver in race.starters)[:size])
    if cheapest > cap:
        problem = f"no legal lineup: the {size} cheapest drivers cost ${cheapest:,} and the cap is ${cap:,}"
        return [FieldViolation("race.rules.salary_cap_dollars", f"{problem}; correct the salaries or the cap")]
    return []


def _points_fit(race: Race) -> list[FieldViolation]:
    """Scores are kept as 16-bit ticks: the largest conceivable one has to fit."""
    scoring = race.rules.scoring
    laps = race.scheduled_laps + OVERTIME_LAPS
    per_lap = abs(scoring.lap_led_ticks) + abs(scoring.fastest_lap_ticks) + abs(scoring.lap_completed_ticks)
    places = len(race.drivers) * abs(scoring.place_differential_ticks)
    largest = max((abs(ticks) for ticks in scoring.finish_ticks), default=0) + places + laps * per_lap
    if largest <= _INT16_MAX:
        return []
    problem = f"a driver could score {largest / 20:,.0f} points but at most {_INT16_MAX // 20:,} can be kept"
    return [FieldViolation("race.rules.scoring", f"{problem}; lower the points per lap")]
