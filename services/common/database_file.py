"""The file of an SQLite database while it is in use: once it is gone or another, no call may pass for done."""

from __future__ import annotations

import os
import weakref
from contextlib import suppress

import sqlalchemy as sa

from services.common.domain.errors import Unavailable

_OPTION = "database_file"


class DatabaseFile:
    """Refuses connections while the file at its place is not the one that was opened first.

    SQLite goes on writing to a file that has been removed, makes a missing one anew without tables, and reads one that
    was put in its place whatever the version of its tables: each loses records, or finds none, in silence.

    Attributes
    ----------
    met_damage
        Whether a statement has met damage in the file since it was last found sound.
    """

    def __init__(self, path: str) -> None:
        self.met_damage = False
        self._path = path
        self._opened: tuple[int, int] | None = None

    def watch(self, engine: sa.Engine) -> None:
        """Check whenever a connection is opened, taken from the pool or commits, at the price of one look each."""
        engine.update_execution_options(**{_OPTION: self})
        sa.event.listen(engine, "do_connect", lambda *_: self.check())
        sa.event.listen(engine, "connect", lambda *_: self._remember())
        sa.event.listen(engine, "checkout", lambda *_: self.check())
        sa.event.listen(engine, "commit", self._check_commit)

    def check(self) -> None:
        """Nothing, while the file is there and the same.

        Raises
        ------
        Unavailable
            Naming the file and the remedy; it holds again as soon as the file is back.
        """
        if self._opened is None:
            return
        try:
            found = _identity(self._path)
        except OSError as error:
            raise self._refusal(
                f"is not there any more ({error.strerror}): put its folder back, or restart the service to begin anew "
                "without its records"
            ) from error
        if found != self._opened:
            raise self._refusal(
                "is not the file that the service has opened: put that one back, or to use this one stop the service, "
                "remove the -wal and -shm files beside it if they are of the other, and start again"
            )

    def _check_commit(self, connection: sa.Connection) -> None:
        try:
            self.check()
        except Unavailable:
            # Or the pool would give the connection on with the changes in it.
            connection.connection.rollback()
            raise

    def _remember(self) -> None:
        if self._opened is None:
            with suppress(OSError):  # SQLite's own URIs name no file that could be looked at
                self._opened = _identity(self._path)
                _hold(self, self._path)

    def _refusal(self, problem: str) -> Unavailable:
        return Unavailable(f"{self._path} {problem}", retry_helps=False, metadata={"database": self._path})


def watched_file(engine: sa.Engine) -> DatabaseFile | None:
    """What watches the file of an engine; None where there is no file to watch."""
    file: DatabaseFile | None = engine.get_execution_options().get(_OPTION)
    return file


def _hold(owner: object, path: str) -> None:
    """Keep the number of a file from being given to another as long as the owner lives."""
    flag = getattr(os, "O_PATH", None)  # unlike others, it takes no locks away when it is closed
    if flag is not None:
        weakref.finalize(owner, os.close, os.open(path, flag))


def _identity(path: str) -> tuple[int, int]:
    found = os.stat(path)
    return found.st_dev, found.st_ino
