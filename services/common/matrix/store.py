"""Where matrices live: a bytes-bounded cache in memory over ``.npy`` files that are written whole or not at all.

An entry is a folder named by the scenario set's id, which names its content; its files appear by one atomic
rename, so a reader sees a complete entry or none, and several processes may share the folder. On a local disk
arrays are memory-mapped. Any other URL that fsspec knows (``s3://...``) serves as a shared second level behind
a local folder.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import numpy.typing as npt
from cachetools import LRUCache
from numpy.lib import format as npy_format

from pitwall import wire
from services.common.domain.errors import ChecksumMismatch, StorageFull
from services.common.domain.work import Checkpoint, no_checkpoint
from services.common.matrix.codec import EncodedMatrix, encode_all

_KEY = re.compile(r"[0-9a-f]{16,64}")
_TICKS_FILE, _REGIMES_FILE, _META_FILE = "ticks.npy", "regimes.npy", "meta.json"
_FILES = (_TICKS_FILE, _REGIMES_FILE, _META_FILE)
_WRITING, _FETCHING = ".writing-", ".fetching-"
_SCRATCH_PREFIXES = (_WRITING, _FETCHING)
_STALE_SECONDS = 24 * 3600.0
_LOCK_POLL_SECONDS = 0.1


@dataclass(frozen=True, eq=False)
class Built:
    """A matrix to be stored: int16 ticks, one regime byte per row, and facts that do not follow from the ticks."""

    ticks: npt.NDArray[np.int16]
    regimes: npt.NDArray[np.uint8]
    meta: dict[str, Any]


@dataclass(frozen=True, eq=False)
class StoredMatrix:
    """A matrix at rest; ``ticks`` and ``regimes`` are read-only, mapped from disk where possible."""

    key: str
    ticks: npt.NDArray[np.int16]
    regimes: npt.NDArray[np.uint8]
    content_hash: str
    meta: dict[str, Any]
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


@dataclass(eq=False)
class _Flight:
    """Callers that build, or wait for, one entry."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    callers: int = 0


class MatrixStore:
    """Content-addressed store of matrices.

    Parameters
    ----------
    url
        Folder, or any URL that fsspec knows.
    max_memory_bytes
        Bound of the cache in memory: arrays and their serialized chunks. Least recently used entries leave.
    local_folder
        Where entries of a remote URL are kept for mapping. Default: a temporary folder.
    """

    def __init__(self, url: str, *, max_memory_bytes: int = 512 << 20, local_folder: Path | None = None) -> None:
        filesystem, root = fsspec.core.url_to_fs(url)
        local = "file" in ([filesystem.protocol] if isinstance(filesystem.protocol, str) else filesystem.protocol)
        self._remote = None if local else filesystem
        self._remote_root = root
        self._folder = Path(root) if local else (local_folder or Path(tempfile.mkdtemp(prefix="pitwall-")))
        self._folder.mkdir(parents=True, exist_ok=True)
        _remove_stale_scratch(self._folder)
        self._lock = threading.Lock()
        self._memory: LRUCache[str, StoredMatrix] = LRUCache(
            max_memory_bytes, getsizeof=lambda entry: entry.cache_bytes
        )
        self._flights: dict[str, _Flight] = {}

    def get(self, key: str) -> StoredMatrix | None:
        """The entry, or None.

        Raises
        ------
        ChecksumMismatch
            If the file does not match the hash it was stored with. The entry is removed, so that a generated
            set is rebuilt from its recipe by the next call.
        """
        with self._lock:
            entry = self._memory.get(key)
        if entry is None:
            entry = self._load(key)
            self._remember(entry)
        return entry

    def get_or_build(
        self, key: str, build: Callable[[], Built], *, checkpoint: Checkpoint = no_checkpoint
    ) -> StoredMatrix:
        """The entry, built at most once however many callers ask for it at the same time.

        ``checkpoint`` ends the wait for another caller's build.
        """
        with self._single_flight(key, checkpoint):
            try:
                entry = self.get(key)
            except ChecksumMismatch:
                entry = None
            return entry if entry is not None else self.put(key, build())

    def put(self, key: str, built: Built) -> StoredMatrix:
        """Write an entry whole, or nothing of it.

        Raises
        ------
        StorageFull
            If the disk has no room.
        """
        target = self._entry_folder(key)
        with _storage_errors(self._folder):
            scratch = Path(tempfile.mkdtemp(prefix=_WRITING, dir=self._folder))
            try:
                _write_entry(scratch, built)
                self._upload(key, scratch)
                _move_into_place(scratch, target)
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
        entry = _read_entry(key, target)
        self._remember(entry)
        return entry

    def delete(self, key: str) -> None:
        """Remove an entry; nothing happens when there is none."""
        with self._lock:
            self._memory.pop(key, None)
        shutil.rmtree(self._entry_folder(key), ignore_errors=True)
        if self._remote is not None and self._remote.exists(self._remote_path(key)):
            self._remote.rm(self._remote_path(key), recursive=True)

    def memory_bytes(self) -> int:
        """Bytes in the cache."""
        with self._lock:
            return int(self._memory.currsize)

    def _remember(self, entry: StoredMatrix | None) -> None:
        if entry is None:
            return
        with self._lock:
            if entry.cache_bytes <= self._memory.maxsize:
                self._memory[entry.key] = entry

    def _load(self, key: str) -> StoredMatrix | None:
        folder = self._entry_folder(key)
        if not folder.exists() and not self._download(key, folder):
            return None
        try:
            return _read_entry(key, folder)
        except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
            self.delete(key)
            raise ChecksumMismatch(
                f"scenario set {key} was damaged on disk and has been dropped; generate it again"
            ) from error

    def _entry_folder(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise ValueError(f"not a key: {key!r}")
        return self._folder / key

    def _remote_path(self, key: str) -> str:
        return f"{self._remote_root.rstrip('/')}/{key}"

    def _upload(self, key: str, folder: Path) -> None:
        if self._remote is None:
            return
        # The meta file goes last: its presence says that the entry is complete.
        for name in _FILES:
            self._remote.put_file(str(folder / name), f"{self._remote_path(key)}/{name}")

    def _download(self, key: str, folder: Path) -> bool:
        if self._remote is None or not self._remote.exists(f"{self._remote_path(key)}/{_META_FILE}"):
            return False
        with _storage_errors(self._folder):
            scratch = Path(tempfile.mkdtemp(prefix=_FETCHING, dir=self._folder))
            try:
                for name in _FILES:
                    self._remote.get_file(f"{self._remote_path(key)}/{name}", str(scratch / name))
                _move_into_place(scratch, folder)
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
        return True

    @contextmanager
    def _single_flight(self, key: str, checkpoint: Checkpoint) -> Iterator[None]:
        with self._lock:
            flight = self._flights.setdefault(key, _Flight())
            flight.callers += 1
        try:
            while not flight.lock.acquire(timeout=_LOCK_POLL_SECONDS):
                checkpoint()
            try:
                yield
            finally:
                flight.lock.release()
        finally:
            with self._lock:
                flight.callers -= 1
                if not flight.callers:
                    del self._flights[key]


@contextmanager
def _storage_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull(
                f"no room left for scenario sets in {folder}; free some space or delete races",
                metadata={"folder": str(folder)},
            ) from error
        raise


def _write_entry(folder: Path, built: Built) -> None:
    ticks = np.ascontiguousarray(built.ticks, dtype="<i2")
    regimes = np.ascontiguousarray(built.regimes, dtype=np.uint8)
    _write_array(folder / _TICKS_FILE, ticks)
    _write_array(folder / _REGIMES_FILE, regimes)
    meta = {"content_hash": wire.content_hash(ticks), "regimes_hash": _digest(regimes), "meta": built.meta}
    (folder / _META_FILE).write_text(json.dumps(meta))
    # The rename must not reach the disk before what it names.
    for name in _FILES:
        with (folder / name).open("rb") as file:
            os.fsync(file.fileno())


def _write_array(path: Path, array: npt.NDArray[Any]) -> None:
    """A ``.npy`` file, by writes that say why they fail: those of ``np.save`` lose the errno of a full disk."""
    with path.open("wb") as file:
        npy_format.write_array_header_1_0(file, npy_format.header_data_from_array_1_0(array))
        file.write(array.data)


def _move_into_place(scratch: Path, target: Path) -> None:
    """Rename a complete folder; when another process was first, its equal entry stays."""
    try:
        scratch.rename(target)
    except OSError:
        if not (target / _META_FILE).exists():
            raise


def _read_entry(key: str, folder: Path) -> StoredMatrix:
    """The entry, mapped; any of several errors when a file is missing, cut or changed."""
    document = json.loads((folder / _META_FILE).read_text())
    ticks = np.load(folder / _TICKS_FILE, mmap_mode="r")
    regimes = np.load(folder / _REGIMES_FILE, mmap_mode="r")
    if wire.content_hash(ticks) != document["content_hash"]:
        raise ValueError("the ticks are not those that were stored")
    if regimes.shape != ticks.shape[:1] or _digest(regimes) != document["regimes_hash"]:
        raise ValueError("the regimes are not those that were stored")
    return StoredMatrix(
        key=key, ticks=ticks, regimes=regimes, content_hash=document["content_hash"], meta=document["meta"]
    )


def _digest(regimes: npt.NDArray[np.uint8]) -> str:
    return hashlib.sha256(np.ascontiguousarray(regimes).data).hexdigest()


def _remove_stale_scratch(folder: Path) -> None:
    """What a crash left half-written and nobody writes any more."""
    oldest = time.time() - _STALE_SECONDS
    for scratch in folder.glob(".*-*"):
        if scratch.name.startswith(_SCRATCH_PREFIXES) and scratch.stat().st_mtime < oldest:
            shutil.rmtree(scratch, ignore_errors=True)
