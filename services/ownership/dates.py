"""When a race was run: histories look at earlier races only, so their order has to be right."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from services.common.domain.errors import InvalidInput
from services.common.domain.race import Race
from services.ownership.core.inputs import race_day

SECONDS_PER_DAY = 86_400.0
_SAME_DATE = 1.5
"""Days between two statements of one date: time zones, and a race that ended after midnight."""


@dataclass(frozen=True)
class RaceDay:
    """Days since 1970; ``guessed`` where nobody told it."""

    day: float
    guessed: bool = False


def date_text(day: float) -> str:
    """A day as a user writes it."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day)).strftime("%Y-%m-%d")


def day_of_record(race: Race, *, told: float | None, recorded: float | None, today: float) -> RaceDay:
    """The day of a race: its start, else what is told with the record, else what an earlier record says, else today.

    Raises
    ------
    InvalidInput
        If the race lies in the future, or what is told is not the day of its start.
    """
    known = race_day(race)
    if known is not None and known > today + _SAME_DATE:
        raise InvalidInput.field(
            "race_id",
            f"race {race.race_id!r} starts on {date_text(known)}, which lies in the future, so no field has played it; "
            "check the race, or import it with the right date",
        )
    if told is not None and told > today + _SAME_DATE:
        raise InvalidInput.field("race_time", f"{date_text(told)} lies in the future; give the day the race was run")
    if told is not None and known is not None and abs(told - known) > _SAME_DATE:
        raise InvalidInput.field(
            "race_time",
            f"race {race.race_id!r} starts on {date_text(known)}, not on {date_text(told)}; leave the date out, or "
            "import the race with the right one",
        )
    for day in (known, told, recorded):
        if day is not None:
            return RaceDay(day)
    return RaceDay(today, guessed=True)
