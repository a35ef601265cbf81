"""An entry of the matrix store: a folder of ``.npy`` files and a document with their hashes."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import threading
import time
import tokenize
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy_format

from pitwall import wire
from services.common.matrix.codec import EncodedMatrix, encode_all

_TICKS_FILE, _REGIMES_FILE, _META_FILE = "ticks.npy", "regimes.npy", "meta.json"
FILES = (_TICKS_FILE, _REGIMES_FILE, _META_FILE)
"""In the order in which they are written: the last one says that the entry is complete."""

DAMAGE = (EOFError, KeyError, TypeError, ValueError, SyntaxError, tokenize.TokenError)
"""What `read_entry` raises when a file is cut or changed; the last two for the header of an array."""

WRITING, FETCHING, _DROPPED = ".writing-", ".fetching-", ".dropped-"
_SCRATCH_PREFIXES = (WRITING, FETCHING, _DROPPED)
_STALE_SECONDS = 24 * 3600.0


Stamp = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, eq=False)
class Built:
    """A matrix to be stored: int16 ticks, one regime byte per row, and facts that do not follow from the ticks."""

    ticks: npt.NDArray[np.int16]
    regimes: npt.NDArray[np.uint8]
    meta: dict[str, Any]


@dataclass(frozen=True, eq=False)
class StoredMatrix:
    """A matrix at rest; ``ticks`` and ``regimes`` are read-only, mapped from disk where possible.

    ``stamp`` is that of the files when they were read.
    """

    key: str
    ticks: npt.NDArray[np.int16]
    regimes: npt.NDArray[np.uint8]
    content_hash: str
    meta: dict[str, Any]
    stamp: Stamp = ()
    _encoding: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _encoded: list[EncodedMatrix] = field(default_factory=list, repr=False)

    def encoded(self) -> EncodedMatrix:
        """The chunks of the stored type, serialized by the first reader and shared by all."""
        with self._encoding:
            if not self._encoded:
                self._encoded.append(encode_all(self.ticks, self.regimes))
            return self._encoded[0]

    @property
    def cache_bytes(self) -> int:
        """Bytes to reckon with in the cache: the array and its serialized chunks."""
        return 2 * int(self.ticks.nbytes)


def write_entry(folder: Path, built: Built) -> None:
    """Write the files of an entry into an empty folder, and to the disk."""
    ticks = np.ascontiguousarray(built.ticks, dtype="<i2")
    regimes = np.ascontiguousarray(built.regimes, dtype=np.uint8)
    _write_array(folder / _TICKS_FILE, ticks)
    _write_array(folder / _REGIMES_FILE, regimes)
    meta = {"content_hash": wire.content_hash(ticks), "regimes_hash": _digest(regimes), "meta": built.meta}
    (folder / _META_FILE).write_text(json.dumps(meta))
    # The rename must not reach the disk before what it names.
    for name in FILES:
        with (folder / name).open("rb") as file:
            os.fsync(file.fileno())


def _write_array(path: Path, array: npt.NDArray[Any]) -> None:
    """A ``.npy`` file, by writes that say why they fail: those of ``np.save`` lose the errno of a full disk."""
    with path.open("wb") as file:
        npy_format.write_array_header_1_0(file, npy_format.header_data_from_array_1_0(array))
        file.write(array.data)


def read_entry(key: str, folder: Path) -> StoredMatrix:
    """The entry, mapped; any of ``DAMAGE`` when it is not as it was written, ``OSError`` when it cannot be read."""
    stamp = stamp_of(folder)
    document = json.loads((folder / _META_FILE).read_text())
    ticks = np.load(folder / _TICKS_FILE, mmap_mode="r")
    regimes = np.load(folder / _REGIMES_FILE, mmap_mode="r")
    if wire.content_hash(ticks) != document["content_hash"]:
        raise ValueError("the ticks are not those that were stored")
    if regimes.shape != ticks.shape[:1] or _digest(regimes) != document["regimes_hash"]:
        raise ValueError("the regimes are not those that were stored")
    return StoredMatrix(
        key=key, ticks=ticks, regimes=regimes, content_hash=document["content_hash"], meta=document["meta"], stamp=stamp
    )


def stamp_of(folder: Path) -> Stamp:
    """Size and time of the last change of the arrays of an entry: reading a mapped file that was cut ends the process.

    Raises
    ------
    OSError
        If they are not there.
    """
    stats = [(folder / name).stat() for name in (_TICKS_FILE, _REGIMES_FILE)]
    return tuple((found.st_ino, found.st_size, found.st_mtime_ns) for found in stats)


def _digest(regimes: npt.NDArray[np.uint8]) -> str:
    return hashlib.sha256(np.ascontiguousarray(regimes).data).hexdigest()


def move_into_place(scratch: Path, target: Path) -> None:
    """Rename a complete folder; when another process was first, its equal entry stays."""
    try:
        scratch.rename(target)
    except OSError:
        if not (target / _META_FILE).exists():
            raise


def remove_entry(folder: Path) -> None:
    """Remove an entry at one stroke, so that no reader sees half of it; nothing happens when there is none."""
    with suppress(OSError):
        aside = set_aside(folder)
        if aside is not None:
            shutil.rmtree(aside, ignore_errors=True)


def set_aside(folder: Path) -> Path | None:
    """Where an entry has been moved, out of the sight of readers; None when there is none."""
    aside = folder.with_name(f"{_DROPPED}{uuid.uuid4().hex}")
    try:
        return folder.rename(aside)
    except FileNotFoundError:
        return None


def remove_stale_scratch(folder: Path) -> None:
    """What a crash left half-written and nobody writes any more."""
    oldest = time.time() - _STALE_SECONDS
    for scratch in folder.glob(".*-*"):
        if scratch.name.startswith(_SCRATCH_PREFIXES) and scratch.stat().st_mtime < oldest:
            shutil.rmtree(scratch, ignore_errors=True)
