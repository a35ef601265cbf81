"""Records of actual ownership and fitted models in SQL: a SQLite file by default, PostgreSQL by URL."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from services.common.database_probe import DatabaseProbe
from services.common.domain.errors import NotFound
from services.common.migration import upgrade
from services.common.sql import alone
from services.ownership import tables
from services.ownership.records import (
    StoredRecord,
    moved_to,
    record_body,
    record_from_body,
    record_id,
    refuse_conflicts,
)

MIGRATIONS = Path(__file__).with_name("migrations")

_WRITING = "ownership_records"
"""What writers do one after the other: each changes or deletes rows by what it sees of the others."""


@dataclass(frozen=True)
class StoredModel:
    """A fitted model without its parameters."""

    model_version: str
    created_at: float
    active: bool
    n_races: int
    weights: Mapping[str, float]


def _record(row: sa.Row[Any]) -> StoredRecord:
    return record_from_body(row.race_id, row.contest_id, row.created_at, row.body)


class OwnershipStore:
    """All access to the tables; every method is one transaction."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        upgrade(engine, "ownership", MIGRATIONS)
        self.probe = DatabaseProbe(engine, "ownership")

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def put_record(self, record: StoredRecord, *, source: str = "standings") -> None:
        """Store a record in place of an earlier one of the same contest; all records of a race have one day, the last.

        ``source`` is the field of the request that errors about the ownership name.

        Raises
        ------
        InvalidInput
            If it cannot stand beside the others (`refuse_conflicts`); nothing is changed then.
        """
        row = {
            "record_id": record.record_id,
            "race_id": record.race_id,
            "contest_id": record.contest_id,
            "created_at": record.created_at,
            "body": record_body(record),
            "picks": record.picks,
        }
        with self._engine.connect() as connection, alone(connection, _WRITING):
            connection.execute(tables.records.delete().where(tables.records.c.record_id == record.record_id))
            refuse_conflicts(record, self._akin(connection, record), source=source)
            self._move_race(connection, record)
            connection.execute(tables.records.insert().values(row))

    @staticmethod
    def _akin(connection: sa.Connection, record: StoredRecord) -> list[StoredRecord]:
        """Records of the same race, of the same contest, or with the same picks: no other can be in the way."""
        columns = tables.records.c
        akin = sa.or_(
            columns.race_id == record.race_id,
            columns.contest_id == record.contest_id,
            columns.picks == record.picks,
        )
        query = tables.records.select().where(akin).order_by(columns.created_at, columns.record_id)
        return [_record(row) for row in connection.execute(query)]

    @staticmethod
    def _move_race(connection: sa.Connection, record: StoredRecord) -> None:
        of_race = tables.records.c.race_id == record.race_id
        for other in connection.execute(tables.records.select().where(of_race)).all():
            body = moved_to(record.played.slate.day, other.body)
            connection.execute(
                tables.records.update().where(tables.records.c.record_id == other.record_id).values(body=body)
            )

    def delete_record(self, race_id: str, contest_id: str) -> None:
        """Forget a contest; with the last one the model goes back to the built-in one.

        Raises
        ------
        NotFound
            If it was not recorded.
        """
        this = tables.records.c.record_id == record_id(race_id, contest_id)
        with self._engine.connect() as connection, alone(connection, _WRITING):
            if not connection.execute(tables.records.delete().where(this)).rowcount:
                raise NotFound(
                    f"contest {contest_id!r} is not recorded for race {race_id!r}; see what is: "
                    "`pitwall ownership records`, ListOwnershipRecords",
                    metadata={"race_id": race_id, "contest_id": contest_id},
                )
            if connection.execute(sa.select(sa.func.count()).select_from(tables.records)).scalar() == 0:
                connection.execute(tables.models.update().values(active=False))

    def records(self) -> list[StoredRecord]:
        """All records, oldest race first."""
        with self._engine.connect() as connection:
            found = [_record(row) for row in connection.execute(tables.records.select())]
        return sorted(found, key=lambda record: (record.played.slate.day, record.race_id, record.contest_id))

    def page(self, race_id: str, after: tuple[float, str] | None, size: int) -> list[StoredRecord]:
        """Records, newest first, behind a position (creation time, id) in that order."""
        order = (tables.records.c.created_at.desc(), tables.records.c.record_id)
        query = tables.records.select().order_by(*order).limit(size)
        if race_id:
            query = query.where(tables.records.c.race_id == race_id)
        if after:
            created, last = after
            same = sa.and_(tables.records.c.created_at == created, tables.records.c.record_id > last)
            query = query.where(sa.or_(tables.records.c.created_at < created, same))
        with self._engine.connect() as connection:
            return [_record(row) for row in connection.execute(query)]

    def record_of_race(self, race_id: str) -> StoredRecord | None:
        """One of the records under a race's id, None without any: they agree on drivers and day."""
        with self._engine.connect() as connection:
            row = connection.execute(
                tables.records.select().where(tables.records.c.race_id == race_id).limit(1)
            ).first()
        return None if row is None else _record(row)

    def put_model(self, model: StoredModel, state: Mapping[str, Any]) -> None:
        """Store a model and make it the active one, both or neither."""
        with self._engine.connect() as connection, alone(connection, _WRITING):
            connection.execute(tables.models.update().values(active=False))
            connection.execute(tables.models.delete().where(tables.models.c.model_version == model.model_version))
            row = asdict(model) | {"weights": json.dumps(dict(model.weights)), "state": json.dumps(state)}
            connection.execute(tables.models.insert().values(row))

    def active_version(self) -> str | None:
        """Version of the active model, None while it is the built-in one."""
        query = sa.select(tables.models.c.model_version).where(tables.models.c.active)
        with self._engine.connect() as connection:
            return connection.execute(query).scalar()

    def model_state(self, model_version: str) -> dict[str, Any]:
        """Parameters of a model.

        Raises
        ------
        NotFound
            If there is no such model.
        """
        query = sa.select(tables.models.c.state).where(tables.models.c.model_version == model_version)
        with self._engine.connect() as connection:
            state = connection.execute(query).scalar()
        if state is None:
            raise NotFound(f"there is no ownership model {model_version!r}", metadata={"model_version": model_version})
        return json.loads(state)

    def models(self) -> list[StoredModel]:
        """All fitted models, newest first."""
        columns = [tables.models.c[name] for name in ("model_version", "created_at", "active", "n_races", "weights")]
        query = sa.select(*columns).order_by(tables.models.c.created_at.desc(), tables.models.c.model_version)
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return [
            StoredModel(row.model_version, row.created_at, row.active, row.n_races, json.loads(row.weights))
            for row in rows
        ]
