"""Tables of older versions brought to today's shape, in place and whole or not at all.

Each service keeps a folder ``migrations`` of numbered revisions beside its ``tables.py``, and the database says in
the table ``<service>_schema`` which one it stands at. Opening it runs what is missing in one transaction, under a lock
that lets one process at a time do so; a database of a revision that is not in the folder was written by a newer
version and is refused.

To change a table:

1. change it in ``services/<service>/tables.py``;
2. write ``services/<service>/migrations/v<next number>_<what>.py`` with ``revision``, ``down_revision`` (the one
   before) and ``upgrade()``, made of Alembic's operations. SQLite alters little: a new column is added without NOT
   NULL, filled, and then closed inside ``op.batch_alter_table``, which copies the table (the ownership service's
   ``v0003_picks.py`` shows how). A revision looks at nothing outside of it that may change, and is never changed
   itself once somebody has run it. There is no way back, so there is no ``downgrade``.
3. run ``pytest tests/unit/common/test_migration.py``: it compares ``tables.py`` with what the revisions make, and
   opens databases of every shape there ever was.

What a column holds as JSON is part of its shape: when its keys change their meaning, an ``upgrade()`` rewrites the
rows, or is left empty where the reader can tell old from new, so that an older version refuses what it would misread.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from services.common.domain.errors import FailedPrecondition
from services.common.sql import alone, place_of

_ONE_AT_A_TIME = threading.Lock()
"""Alembic knows one migration per process."""


def upgrade(engine: sa.Engine, service: str, revisions: Path) -> None:
    """Bring the tables of a service to its newest revision; a failure leaves them as they were.

    Raises
    ------
    FailedPrecondition
        If a newer version has written them.
    """
    config = _config(service, revisions)
    scripts = ScriptDirectory.from_config(config)
    with engine.connect() as connection:
        if _is_newest(connection, service, scripts):
            return
    with _ONE_AT_A_TIME, _without_foreign_keys(engine) as connection, alone(connection, version_table(service)):
        if not _is_newest(connection, service, scripts):
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            _refuse_orphans(connection)


def version_table(service: str) -> str:
    """Table that says at which revision the tables of a service stand; services may share a database."""
    return f"{service}_schema"


def _config(service: str, revisions: Path) -> Config:
    config = Config(attributes={"version_table": version_table(service)})
    for option, folder in (("script_location", Path(__file__).parent), ("version_locations", revisions)):
        config.set_main_option(option, str(folder).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    return config


def _is_newest(connection: sa.Connection, service: str, scripts: ScriptDirectory) -> bool:
    context = MigrationContext.configure(connection, opts={"version_table": version_table(service)})
    current, newest = context.get_current_revision(), scripts.get_current_head()
    if current is not None and current not in {script.revision for script in scripts.walk_revisions()}:
        place = place_of(connection.engine)
        raise FailedPrecondition(
            f"{place} was written by a newer version of Pitwall (its {service} records have schema {current}, this "
            f"version knows them up to {newest}): use that version or a newer one, or another data folder "
            "(PITWALL_DATA_DIR)",
            metadata={"database": place, "schema": current, "newest_known_schema": str(newest)},
        )
    return current == newest


@contextmanager
def _without_foreign_keys(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection on which SQLite may alter a table by copying it, which foreign keys must not follow."""
    with engine.connect() as connection:
        is_sqlite = connection.dialect.name == "sqlite"
        if is_sqlite:
            connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        try:
            yield connection
        finally:
            if is_sqlite:
                connection.exec_driver_sql("PRAGMA foreign_keys=ON")


def _refuse_orphans(connection: sa.Connection) -> None:
    orphans = (
        connection.exec_driver_sql("PRAGMA foreign_key_check").all() if connection.dialect.name == "sqlite" else []
    )
    if orphans:
        raise RuntimeError(f"a migration leaves rows without what they refer to: {orphans[:3]}")
