"""The records of embedded services lay beside the folder of this service before they lay in it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import sqlalchemy as sa
from alembic import op

from services.common.sql import open_engine

revision = "0002"
down_revision = "0001"

_FILE, _FIRST_FILE = "ownership.db", "ownership.sqlite"


def upgrade() -> None:
    """Copy what the file of the first place holds and this one lacks; that file stays as it is."""
    connection = op.get_bind()
    file = Path(connection.engine.url.database or "")
    first = file.parent.parent / _FIRST_FILE
    if connection.dialect.name != "sqlite" or file.name != _FILE or not first.exists():
        return
    engine = open_engine(f"sqlite:///{first}")
    with closing(engine.connect()) as source:
        tables = sa.inspect(source).get_table_names()
        if "ownership_records" in tables:
            _copy_records(source, connection)
        if "ownership_models" in tables:
            _copy_models(source, connection)
    engine.dispose()


def _copy_records(source: sa.Connection, target: sa.Connection) -> None:
    insert = sa.text(
        "INSERT INTO ownership_records (record_id, race_id, contest_id, created_at, body)"
        " VALUES (:record_id, :race_id, :contest_id, :created_at, :body) ON CONFLICT DO NOTHING"
    )
    for row in source.execute(sa.text("SELECT * FROM ownership_records")).mappings():
        target.execute(insert, dict(row))


def _copy_models(source: sa.Connection, target: sa.Connection) -> None:
    """One model is active; if there is one here already, it stays so."""
    active = target.execute(sa.text("SELECT count(*) FROM ownership_models WHERE active")).scalar_one()
    insert = sa.text(
        "INSERT INTO ownership_models (model_version, created_at, active, n_races, weights, state)"
        " VALUES (:model_version, :created_at, :active, :n_races, :weights, :state) ON CONFLICT DO NOTHING"
    )
    for row in source.execute(sa.text("SELECT * FROM ownership_models")).mappings():
        target.execute(insert, dict(row) | ({"active": False} if active else {}))
