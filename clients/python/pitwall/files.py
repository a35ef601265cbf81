"""Files that leave Pitwall: written whole or not at all."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import os
import tempfile
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from pitwall.types.race import Race


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that readers see all of it or the one before.

    Raises
    ------
    OSError
        If the folder cannot be written or the disk is full; nothing is left behind then.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
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


def upload_csv(race: Race, lineups: Iterable[Sequence[str]]) -> bytes:
    """DraftKings' lineup upload: a column ``D`` per slot, cells ``Name (ID)``.

    Parameters
    ----------
    lineups
        Site ids of each lineup; every lineup fills the roster.
    """
    rows = list(lineups)
    slots = max((len(row) for row in rows), default=race.rules.roster_size)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(["D"] * slots)
    for row in rows:
        writer.writerow([f"{race.names_by_id[driver_id]} ({driver_id})" for driver_id in row])
    return text.getvalue().encode()


def to_json(value: Any) -> str:
    """Any answer as JSON text: dataclasses as objects, times in ISO 8601, numpy numbers as numbers."""
    return json.dumps(value, indent=2, default=_jsonable, allow_nan=False)


def _jsonable(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"cannot write {type(value).__name__} as JSON")
