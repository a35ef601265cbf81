"""Files that come in, as they were when they were read, and files that leave Pitwall, written whole or not at all."""

from __future__ import annotations

import dataclasses
import json
import os
import tempfile
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class NamedFile:
    """A file as it was when it was read: its name, which complaints about it bear, and its bytes."""

    name: str
    content: bytes = field(repr=False)


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that readers see all of it or the one before.

    Raises
    ------
    OSError
        Naming the file, if the folder cannot be written or the disk is full; nothing is left behind then.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_and_rename(path, content)
    except OSError as error:
        # Named by the file that is wanted, not by the scratch file on the way to it.
        raise OSError(error.errno, error.strerror, str(path)) from error


def _write_and_rename(path: Path, content: bytes) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    scratch = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes private files; the result is an ordinary one.
        umask = os.umask(0)
        os.umask(umask)
        scratch.chmod(0o666 & ~umask)
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


def check_writable(folder: Path) -> None:
    """Try whether files can be made in a folder, or in the one that it would be made in; leaves nothing behind.

    Raises
    ------
    OSError
        If they cannot.
    """
    path = folder.absolute()
    while not path.exists():
        path = path.parent
    with tempfile.TemporaryFile(dir=path):
        pass


def to_json(value: Any) -> str:
    """Any answer as JSON text: dataclasses as objects, dates and times in ISO 8601, numpy numbers as numbers."""
    return json.dumps(value, indent=2, default=_jsonable, allow_nan=False)


def _jsonable(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"cannot write {type(value).__name__} as JSON")
