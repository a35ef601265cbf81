"""Looking at the records of a service before a call has to find out."""

from __future__ import annotations

import sqlalchemy as sa

from services.common.database_file import DatabaseFile, watched_file
from services.common.migration import version_table
from services.common.sql import damaged, fresh_engine, place_of


class DatabaseProbe:
    """Called, it raises what a call would meet where the records of a service are gone, damaged or not to be written.

    It costs one transaction that changes nothing. Once a statement has met damage, which may lie anywhere in a file,
    all of it is read as well, until it is sound.
    """

    def __init__(self, engine: sa.Engine, service: str) -> None:
        self._engine = fresh_engine(engine)
        self._file = watched_file(engine)
        version = sa.column("version_num", sa.String)
        table = sa.table(version_table(service), version)
        self._no_change = table.update().where(version == "").values(version_num=version)

    def __call__(self) -> None:
        """Look.

        Raises
        ------
        ServiceError
            As the statements of the engine do.
        """
        if self._engine is None:
            return
        with self._engine.connect() as connection:
            connection.execute(self._no_change)
            connection.rollback()
            if self._file is not None and self._file.met_damage:
                _read_all(connection, self._file)


def _read_all(connection: sa.Connection, file: DatabaseFile) -> None:
    found = connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar_one()
    if found != "ok":
        raise damaged(place_of(connection.engine), found)
    file.met_damage = False
