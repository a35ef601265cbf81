"""Engines of the records: SQLite by default, PostgreSQL by URL; faults of the database as errors of the tree."""

from __future__ import annotations

import sqlite3
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, ExceptionContext, make_url
from sqlalchemy.pool import NullPool, StaticPool

from services.common.database_file import DatabaseFile, watched_file
from services.common.domain.errors import (
    InvalidInput,
    ServiceError,
    StorageDamaged,
    StorageFull,
    StorageReadOnly,
    Unavailable,
)

_LOCK_WAIT_SECONDS = 30.0
_CONNECT_SECONDS = 10
"""For a server that does not answer, unless the URL has another ``connect_timeout``; without, TCP tries for minutes."""
_RETRY_SECONDS = 0.02
_PRAGMAS = ("synchronous=NORMAL", "foreign_keys=ON")


def open_engine(url: str) -> sa.Engine:
    """An engine for a URL; the folder of an SQLite file is made, and writers wait for each other.

    Its statements raise ``StorageFull`` when the disk has no room, ``StorageDamaged`` when the file is damaged,
    ``StorageReadOnly`` when it may not be written, and ``Unavailable`` when the database cannot be reached or read,
    stays locked, or is no longer the file that was opened.

    Raises
    ------
    InvalidInput
        If it is no URL, or of a kind of database that is not installed.
    """
    try:
        parsed = make_url(url)
        is_sqlite = parsed.get_backend_name() == "sqlite"
        engine = _open_sqlite(parsed) if is_sqlite else _open_server(parsed)
    except ModuleNotFoundError as error:
        raise InvalidInput.field(
            "database_url",
            f"needs {error.name}, which is not installed: pip install 'pitwall[postgres]' brings psycopg, for "
            "postgresql+psycopg://user@host/database",
        ) from error
    except sa.exc.ArgumentError as error:
        # The URL itself may hold a password.
        raise InvalidInput.field(
            "database_url",
            "is no URL of a database that can be used; write such as sqlite:////folder/records.db or "
            "postgresql+psycopg://user@host/database",
        ) from error
    _map_errors(engine)
    return engine


def fresh_engine(engine: sa.Engine) -> sa.Engine | None:
    """For looks at a database: an engine that connects each time, as an open connection may answer from memory.

    It takes no connection from calls either. None for a database in memory, whose one connection they share.
    """
    if isinstance(engine.pool, StaticPool):
        return None
    file = watched_file(engine)
    connect_args = _server_arguments(engine.url) if file is None else {"timeout": _LOCK_WAIT_SECONDS}
    fresh = sa.create_engine(engine.url, poolclass=NullPool, connect_args=connect_args)
    if file is not None:
        file.watch(fresh)
    _map_errors(fresh)
    return fresh


def place_of(engine: sa.Engine) -> str:
    """What a user knows a database by: its file, or its URL without the password."""
    url = engine.url
    return url.database or ":memory:" if engine.dialect.name == "sqlite" else url.render_as_string()


@contextmanager
def alone(connection: sa.Connection, purpose: str) -> Iterator[None]:
    """A transaction during which no other of the same purpose runs, in this process or another.

    What it reads is true until it ends. It keeps all of its changes, of tables too, or none.
    """
    try:
        if connection.dialect.name == "sqlite":
            # Said by hand: the driver begins transactions late, and for changes of rows only.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(zlib.crc32(purpose.encode()))))
        yield
        connection.commit()
    finally:
        connection.rollback()


def _open_server(url: URL) -> sa.Engine:
    return sa.create_engine(url, pool_pre_ping=True, connect_args=_server_arguments(url))


def _server_arguments(url: URL) -> dict[str, Any]:
    if url.get_driver_name() != "psycopg" or "connect_timeout" in url.query:
        return {}
    return {"connect_timeout": _CONNECT_SECONDS}


def _open_sqlite(url: URL) -> sa.Engine:
    connect_args = {"timeout": _LOCK_WAIT_SECONDS, "check_same_thread": False}
    if url.database in (None, "", ":memory:"):
        # One connection, or every thread would see an empty database of its own.
        engine = sa.create_engine(url, connect_args=connect_args, poolclass=StaticPool)
    else:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        engine = sa.create_engine(url, connect_args=connect_args)
        DatabaseFile(url.database).watch(engine)
    sa.event.listen(engine, "connect", _set_pragmas)
    return engine


def _set_pragmas(connection: sqlite3.Connection, _record: Any) -> None:
    _write_ahead(connection)
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Journal by write-ahead log.

    While another connection writes a file that is not in this mode yet, as when several processes make it at once,
    SQLite refuses the change without the wait that other statements have.
    """
    give_up = time.monotonic() + _LOCK_WAIT_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= give_up:
                raise
            time.sleep(_RETRY_SECONDS)
        else:
            return


def _map_errors(engine: sa.Engine) -> None:
    sa.event.listen(engine, "handle_error", partial(_raise_service_error, engine.url.database or ""))


def _raise_service_error(database: str, context: ExceptionContext) -> None:
    error = service_error(context.original_exception, is_disconnect=context.is_disconnect, database=database)
    file = watched_file(context.engine) if context.engine is not None else None
    if file is not None and isinstance(error, StorageDamaged):
        file.met_damage = True
    if error is not None:
        raise error from context.original_exception


def service_error(original: BaseException, *, is_disconnect: bool, database: str) -> ServiceError | None:
    """The error of the tree that an error of a database (a file, or a name) stands for; None for a defect of ours."""
    text = str(original).lower()
    if "disk is full" in text or "no space left" in text:
        return StorageFull(f"the disk that holds the records ({database}) is full; free some space and repeat the call")
    if "not a database" in text or "malformed" in text:
        return damaged(database, str(original))
    if "readonly" in text or "read-only" in text:
        remedy = "give this user the right to, or choose another place (PITWALL_DATA_DIR)"
        if not isinstance(original, sqlite3.Error):
            remedy = "connect to the server that takes changes, as a user who may make them"
        return StorageReadOnly(f"{database} may not be written ({original}): {remedy}", metadata={"database": database})
    if is_disconnect or any(word in text for word in ("locked", "unable to open", "connection", "disk i/o error")):
        return Unavailable(
            f"the database of the records ({database}) cannot be used now: {original}; if this goes on, look after its "
            "folder, its disk or its server"
        )
    return None


def damaged(database: str, found: str) -> StorageDamaged:
    """The error of a file in which damage was found."""
    return StorageDamaged(
        f"{database} is damaged or no SQLite database ({found}): stop what uses it, move it away together with its "
        "-wal and -shm files, put a backup in its place or none to begin anew, and start again",
        metadata={"database": database},
    )
