"""What the groups of calls share."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from google.protobuf.message import Message

from pitwall._decode import decode
from pitwall.errors import InvalidInputError, PitwallError, Violation
from pitwall.files import NamedFile
from pitwall.scenario.v1 import race_pb2
from pitwall.types.race import OnProgress, Progress

FileSource = str | Path | bytes | NamedFile

M = TypeVar("M", bound=Message)

_ZIPPED_FROM_BYTES = 1 << 20
"""Size from which standings travel zipped: messages take 3 MiB, those of 110,000 entries have 20."""
_ARCHIVE = b"PK\x03\x04"


def read_input(source: str | Path, field: str) -> NamedFile:
    """The file of a path.

    Raises
    ------
    InvalidInputError
        If the file cannot be read or is empty.
    """
    path = Path(source)
    try:
        content = path.read_bytes()
    except OSError as error:
        reason = f"cannot read {path}: {error.strerror}; check the path"
        raise InvalidInputError(f"{field}: {reason}", violations=[Violation(field, reason)]) from error
    if not content:
        reason = f"{path} is empty; export it again"
        raise InvalidInputError(f"{field}: {reason}", violations=[Violation(field, reason)])
    return NamedFile(path.name, content)


def input_file(source: FileSource, field: str) -> race_pb2.InputFile:
    """A file to send: a path, its bytes, or what was read of it before.

    Raises
    ------
    InvalidInputError
        If the file cannot be read or is empty.
    """
    if isinstance(source, bytes):
        return race_pb2.InputFile(content=source)
    file = source if isinstance(source, NamedFile) else read_input(source, field)
    return race_pb2.InputFile(name=file.name, content=file.content)


def standings_file(source: FileSource) -> race_pb2.InputFile:
    """Standings to send; large ones travel zipped, as every service that takes standings reads archives.

    Raises
    ------
    InvalidInputError
        If the file cannot be read or is empty.
    """
    file = input_file(source, "standings")
    if len(file.content) >= _ZIPPED_FROM_BYTES and not file.content.startswith(_ARCHIVE):
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
            packed.writestr("standings.csv", file.content)
        file.content = archive.getvalue()
    return file


def progress_of(event: Any, on_progress: OnProgress | None) -> bool:
    """Whether a stream event was progress, which is passed on."""
    if not event.HasField("progress"):
        return False
    if on_progress is not None:
        on_progress(decode(Progress, event.progress))
    return True


def last_event(events: Iterator[M], name: str, on_progress: OnProgress | None) -> Any:
    """The field ``name`` of the event that ends a stream, progress passed on meanwhile."""
    last = None
    # The stream is read to its end: a call left before it counts as cancelled.
    for event in events:
        if not progress_of(event, on_progress):
            last = getattr(event, name)
    if last is None:
        raise PitwallError(f"the stream ended without its {name}")
    return last
