"""Races and records of scenario sets in SQL: an SQLite file by default, PostgreSQL by URL."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from google.protobuf import json_format
from sqlalchemy import Select, delete, select, tuple_
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.orm.exc import StaleDataError

from pitwall.scenario.v1 import race_pb2
from services.common.database_probe import DatabaseProbe
from services.common.domain.errors import InvalidInput, NotFound
from services.common.domain.race import Race
from services.common.mapping import race_from_proto, race_to_proto
from services.common.migration import upgrade
from services.common.sql import open_engine
from services.scenario.tables import RaceRow, SetRow

MIGRATIONS = Path(__file__).with_name("migrations")
Clock = Callable[[], dt.datetime]


def utc_now() -> dt.datetime:
    """The time in UTC."""
    return dt.datetime.now(dt.UTC)


_Row = TypeVar("_Row", RaceRow, SetRow)
_Order = tuple[InstrumentedAttribute[str], ...]


@dataclass(frozen=True)
class RaceRecord:
    """A stored race and when it was stored and changed."""

    race: Race
    create_time: dt.datetime
    update_time: dt.datetime


@dataclass(frozen=True)
class SetRecord:
    """A scenario set as recorded: all but its matrix.

    Attributes
    ----------
    race
        The race as it stood when the set was made: with the recipe it rebuilds the set.
    uploaded
        The numbers are the user's; ``model_version`` and ``calibration_version`` are then empty.
    regimes
        Scenarios per race flow.
    warnings
        What the user should know of the set: projections not reached, labels that were guessed.
    """

    scenario_set_id: str
    race: Race
    uploaded: bool
    model_version: str
    calibration_version: str
    n_scenarios: int
    seed: int
    content_hash: str
    size_bytes: int
    regimes: tuple[tuple[str, int], ...]
    create_time: dt.datetime
    warnings: tuple[str, ...] = ()

    @property
    def versions(self) -> tuple[str, str]:
        """Of the model and the calibration that made it."""
        return self.model_version, self.calibration_version


_FACTS = (
    "uploaded",
    "model_version",
    "calibration_version",
    "n_scenarios",
    "seed",
    "content_hash",
    "size_bytes",
    "regimes",
    "warnings",
)


class Records:
    """Races and sets; every method is one transaction."""

    def __init__(self, url: str, *, clock: Clock = utc_now) -> None:
        self._engine = open_engine(url)
        self._clock = clock
        upgrade(self._engine, "scenario", MIGRATIONS)
        self.probe = DatabaseProbe(self._engine, "scenario")

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def put_race(self, race: Race) -> RaceRecord:
        """Store a race, replacing one of the same id."""
        try:
            return self._put_race(race)
        except (IntegrityError, StaleDataError):
            # Meanwhile another call has stored the first race of this id, or deleted the one to be replaced.
            return self._put_race(race)

    def _put_race(self, race: Race) -> RaceRecord:
        now = _text(self._clock())
        with Session(self._engine) as session, session.begin():
            row = session.get(RaceRow, race.race_id)
            if row is None:
                row = RaceRow(race_id=race.race_id, create_time=now)
                session.add(row)
            row.document, row.update_time = _document(race), now
            return _race_record(row)

    def find_race(self, race_id: str) -> RaceRecord | None:
        """The race, None when there is none."""
        with Session(self._engine) as session:
            row = session.get(RaceRow, race_id)
            return None if row is None else _race_record(row)

    def get_race(self, race_id: str) -> RaceRecord:
        """The race; ``NotFound`` when there is none."""
        with Session(self._engine) as session:
            return _race_record(_race_row(session, race_id))

    def list_races(self, page_size: int, page_token: str) -> tuple[list[RaceRecord], str]:
        """A page of races, newest change first, and the token of the next, empty at the end."""
        with Session(self._engine) as session:
            rows, token = _page(session, select(RaceRow), _RACE_ORDER, page_size, page_token)
            return [_race_record(row) for row in rows], token

    def delete_race(self, race_id: str) -> list[str]:
        """Delete a race with the records of its sets; returns the ids of these sets."""
        with Session(self._engine) as session, session.begin():
            row = _race_row(session, race_id)
            ids = list(session.scalars(select(SetRow.scenario_set_id).where(SetRow.race_id == race_id)))
            session.execute(delete(SetRow).where(SetRow.race_id == race_id))
            session.delete(row)
            return ids

    def add_set(self, record: SetRecord, *, aside: bool = False) -> SetRecord:
        """Record a set unless it is there, make it the newest of its race, and return what is recorded.

        A set kept ``aside`` comes after all that were asked for as such, and leaves its place to one that is there.

        Raises
        ------
        NotFound
            If the race was deleted meanwhile.
        """
        facts = json.dumps({name: getattr(record, name) for name in _FACTS})
        now = _text(self._clock())
        row = SetRow(
            scenario_set_id=record.scenario_set_id,
            race_id=record.race.race_id,
            race_document=_document(record.race),
            facts=facts,
            create_time=now,
            request_time=_NEVER if aside else now,
        )
        try:
            with Session(self._engine) as session, session.begin():
                known = session.get(SetRow, record.scenario_set_id)
                if known is None:
                    _race_row(session, record.race.race_id)
                    session.add(row)
                elif not aside:
                    known.request_time = now
        except (IntegrityError, StaleDataError):
            # Another call has recorded the same set, or the race or the set is gone: what follows tells which.
            pass
        return self.get_set(record.race.race_id, record.scenario_set_id)

    def get_set(self, race_id: str, scenario_set_id: str) -> SetRecord:
        """A set of a race; ``NotFound`` when there is none."""
        with Session(self._engine) as session:
            _race_row(session, race_id)
            row = session.get(SetRow, scenario_set_id)
            if row is None or row.race_id != race_id:
                raise NotFound(
                    f"race {race_id!r} has no scenario set {scenario_set_id!r}",
                    metadata={"race_id": race_id, "scenario_set_id": scenario_set_id},
                )
            return _set_record(row)

    def list_sets(self, race_id: str, page_size: int, page_token: str) -> tuple[list[SetRecord], str]:
        """A page of the sets of a race, the one asked for last first, and the token of the next, empty at the end.

        Raises
        ------
        NotFound
            If there is no such race.
        """
        with Session(self._engine) as session:
            _race_row(session, race_id)
            query = select(SetRow).where(SetRow.race_id == race_id)
            rows, token = _page(session, query, _SET_ORDER, page_size, page_token)
            return [_set_record(row) for row in rows], token

    def newest_set(self, race_id: str, versions: tuple[str, str]) -> SetRecord | None:
        """The set asked for last of the race as it stands now, if there is one; ``NotFound`` for the race.

        Of generated sets only those of these ``versions`` of model and calibration count: sets of two models
        say little about each other.
        """
        query = select(SetRow).where(SetRow.race_id == race_id).order_by(*(column.desc() for column in _SET_ORDER))
        with Session(self._engine) as session:
            current = _race(_race_row(session, race_id).document).snapshot_hash
            records = (_set_record(row) for row in session.scalars(query))
            of_now = (record for record in records if record.race.snapshot_hash == current)
            return next((record for record in of_now if record.uploaded or record.versions == versions), None)


_RACE_ORDER = (RaceRow.update_time, RaceRow.race_id)
_NEVER = ""
"""Before every time a set was asked for."""
_SET_ORDER = (SetRow.request_time, SetRow.scenario_set_id)
"""Columns by which pages are ordered, the greatest first; the last tells rows of the same time apart."""


def _page(
    session: Session, query: Select[_Row], order: _Order, page_size: int, page_token: str
) -> tuple[list[_Row], str]:
    """Rows after those of the page that a token ends, and the token of this page if there are more."""
    query = query.order_by(*(column.desc() for column in order)).limit(page_size + 1)
    if page_token:
        query = query.where(tuple_(*order) < tuple_(*_read_token(page_token)))
    rows = list(session.scalars(query))
    page = rows[:page_size]
    return page, _token(page[-1], order) if len(rows) > page_size else ""


def _race_row(session: Session, race_id: str) -> RaceRow:
    row = session.get(RaceRow, race_id)
    if row is None:
        raise NotFound(
            f"there is no race {race_id!r}; import it first or list the races there are", metadata={"race_id": race_id}
        )
    return row


def _race_record(row: RaceRow) -> RaceRecord:
    return RaceRecord(_race(row.document), _time(row.create_time), _time(row.update_time))


def _set_record(row: SetRow) -> SetRecord:
    facts = json.loads(row.facts)
    facts["regimes"] = tuple((name, count) for name, count in facts["regimes"])
    facts["warnings"] = tuple(facts.get("warnings", ()))
    return SetRecord(
        scenario_set_id=row.scenario_set_id,
        race=_race(row.race_document),
        create_time=_time(row.create_time),
        **facts,
    )


def _document(race: Race) -> str:
    return json_format.MessageToJson(race_to_proto(race), indent=None)


def _race(document: str) -> Race:
    return race_from_proto(json_format.Parse(document, race_pb2.Race()))


def _text(time: dt.datetime) -> str:
    return time.astimezone(dt.UTC).isoformat(timespec="microseconds")


def _time(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


def _token(row: RaceRow | SetRow, order: _Order) -> str:
    values = [getattr(row, column.key) for column in order]
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode()


def _read_token(token: str) -> Sequence[str]:
    try:
        time, row_id = json.loads(base64.urlsafe_b64decode(token.encode()))
        return [str(time), str(row_id)]
    except (ValueError, TypeError, binascii.Error, UnicodeDecodeError) as error:
        raise InvalidInput.field("page_token", "is not one that this service issued; start without it") from error
