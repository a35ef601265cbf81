"""Where matrices live: a bounded cache in memory over ``.npy`` files that are written whole or not at all.

An entry is a folder named by the scenario set's id, which names its content; its files appear by one atomic
rename, so a reader sees a complete entry or none, and several processes may share the folder. On a local disk
arrays are memory-mapped. Any other URL that fsspec knows (``s3://...``) serves as a shared second level behind
a local folder.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import fsspec
from cachetools import LRUCache

from services.common.domain.errors import ChecksumMismatch, InvalidInput, StorageFull, Unavailable
from services.common.domain.work import Checkpoint, no_checkpoint
from services.common.matrix.entry import (
    DAMAGE,
    FETCHING,
    FILES,
    WRITING,
    Built,
    StoredMatrix,
    move_into_place,
    read_entry,
    remove_entry,
    remove_stale_scratch,
    set_aside,
    stamp_of,
    write_entry,
)
from services.common.single_flight import SingleFlight

_KEY = re.compile(r"[0-9a-f]{16,64}")
_MAX_CACHED_ENTRIES = 64
"""Each keeps two mapped files open, of the 256 to 1,024 that systems allow a process."""


class MatrixStore:
    """Content-addressed store of matrices.

    Parameters
    ----------
    url
        Folder, or any URL that fsspec knows.
    max_memory_bytes
        Bound of the cache in memory: arrays and their serialized chunks. Least recently used entries leave, and
        do so too when there are many, for their files are open.
    local_folder
        Where entries of a remote URL are kept for mapping. Default: a temporary folder.
    """

    def __init__(self, url: str, *, max_memory_bytes: int = 512 << 20, local_folder: Path | None = None) -> None:
        try:
            filesystem, root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError) as error:
            raise InvalidInput.field("matrix_url", f"{url!r} is none that can be used: {error}") from error
        local = "file" in ([filesystem.protocol] if isinstance(filesystem.protocol, str) else filesystem.protocol)
        self._remote = None if local else filesystem
        self._remote_root = root
        self._folder = Path(root) if local else (local_folder or Path(tempfile.mkdtemp(prefix="pitwall-")))
        self._folder.mkdir(parents=True, exist_ok=True)
        remove_stale_scratch(self._folder)
        self._lock = threading.Lock()
        self._memory: LRUCache[str, StoredMatrix] = LRUCache(
            max_memory_bytes, getsizeof=lambda entry: entry.cache_bytes
        )
        self._flight = SingleFlight()

    def get(self, key: str) -> StoredMatrix | None:
        """The entry, or None.

        Raises
        ------
        ChecksumMismatch
            If the files do not match the hash they were stored with. The entry is removed, so that a generated
            set is rebuilt from its recipe by the next call.
        Unavailable
            If the storage does not let itself be read now. Nothing is removed.
        """
        with self._lock:
            entry = self._memory.get(key)
        if entry is None or not self._is_as_read(entry):
            entry = self._load(key)
            self._remember(entry)
        return entry

    def _is_as_read(self, entry: StoredMatrix) -> bool:
        """Whether the files of an entry in memory are still those that were read."""
        try:
            return stamp_of(self._entry_folder(entry.key)) == entry.stamp
        except OSError:
            return False

    def get_or_build(
        self, key: str, build: Callable[[], Built], *, checkpoint: Checkpoint = no_checkpoint
    ) -> StoredMatrix:
        """The entry, built at most once however many callers ask for it at the same time.

        ``checkpoint`` ends the wait for another caller's build.
        """
        with self._flight.alone(key, checkpoint):
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
        Unavailable
            If the storage cannot be written otherwise.
        """
        target = self._entry_folder(key)
        with self._scratch(WRITING) as scratch:
            write_entry(scratch, built)
            self._upload(key, scratch)
            move_into_place(scratch, target)
            entry = read_entry(key, target)
        self._remember(entry)
        return entry

    def delete(self, key: str) -> None:
        """Remove an entry; nothing happens when there is none.

        Raises
        ------
        Unavailable
            If the storage does not let it be removed now; to be repeated.
        """
        with self._lock:
            self._memory.pop(key, None)
        with _storage_errors(self._folder):
            remove_entry(self._entry_folder(key))
            if self._remote is not None and self._remote.exists(self._remote_path(key)):
                self._remote.rm(self._remote_path(key), recursive=True)

    def probe(self) -> None:
        """Nothing, while entries can be written; of a remote URL, the local folder is looked at.

        Raises
        ------
        Unavailable
            If the folder may not be written, or is gone and cannot be made by the next entry.
        """
        place = self._folder if self._folder.exists() else self._folder.parent
        with _storage_errors(self._folder), os.scandir(place):
            if not os.access(place, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(place))

    def memory_bytes(self) -> int:
        """Bytes in the cache."""
        with self._lock:
            return int(self._memory.currsize)

    def _remember(self, entry: StoredMatrix | None) -> None:
        if entry is None or entry.cache_bytes > self._memory.maxsize:
            return
        with self._lock:
            self._memory[entry.key] = entry
            while len(self._memory) > _MAX_CACHED_ENTRIES:
                self._memory.popitem()

    def _load(self, key: str) -> StoredMatrix | None:
        """The local copy, or else one of the remote original; a copy that is damaged gives way."""
        folder = self._entry_folder(key)
        with _storage_errors(self._folder):
            entry = self._local(key, folder)
        return entry if entry is not None else self._fetch(key, folder)

    def _local(self, key: str, folder: Path) -> StoredMatrix | None:
        """The copy in a folder, None where there is none or, damaged, it is dropped for the remote original."""
        try:
            return read_entry(key, folder)
        except (FileNotFoundError, *DAMAGE) as error:
            aside = set_aside(folder)
            if aside is None:
                return None
            with suppress(FileNotFoundError, *DAMAGE):
                read_entry(key, aside)
                # Another process has dropped what was damaged, and put this in its place.
                move_into_place(aside, folder)
                shutil.rmtree(aside, ignore_errors=True)  # where an equal one was there first
                return read_entry(key, folder)
            shutil.rmtree(aside, ignore_errors=True)
            if self._remote is None:
                raise _damaged(key) from error
            return None

    def _entry_folder(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise ValueError(f"not a key: {key!r}")
        return self._folder / key

    def _remote_path(self, key: str) -> str:
        return f"{self._remote_root.rstrip('/')}/{key}"

    def _upload(self, key: str, folder: Path) -> None:
        if self._remote is not None:
            for name in FILES:
                self._remote.put_file(str(folder / name), f"{self._remote_path(key)}/{name}")

    def _fetch(self, key: str, target: Path) -> StoredMatrix | None:
        """The entry as the remote has it, put in place; damaged at its origin, it is removed there."""
        if self._remote is None:
            return None
        with self._scratch(FETCHING) as scratch:
            paths = {name: f"{self._remote_path(key)}/{name}" for name in FILES}
            if not all(map(self._remote.exists, paths.values())):
                return None
            for name, path in paths.items():
                self._remote.get_file(path, str(scratch / name))
            try:
                entry = read_entry(key, scratch)
            except DAMAGE as error:
                self.delete(key)
                raise _damaged(key) from error
            # Mapped files stay open through the rename.
            move_into_place(scratch, target)
            return entry

    @contextmanager
    def _scratch(self, prefix: str) -> Iterator[Path]:
        """A folder for an entry until it is complete."""
        with _storage_errors(self._folder):
            # It may have been removed under us; with the folder around it, that is to be put back instead.
            self._folder.mkdir(exist_ok=True)
            scratch = Path(tempfile.mkdtemp(prefix=prefix, dir=self._folder))
            try:
                yield scratch
            finally:
                shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def _storage_errors(folder: Path) -> Iterator[None]:
    """What goes wrong with the storage as an error of the tree: no fault of an entry, nor of the caller."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull(
                f"no room left for scenario sets in {folder}; free some space or delete races",
                metadata={"folder": str(folder)},
            ) from error
        raise Unavailable(
            f"the storage of scenario sets cannot be used now ({error}); repeat the call, and look after {folder} "
            "if this goes on",
            metadata={"folder": str(folder)},
        ) from error


def _damaged(key: str) -> ChecksumMismatch:
    return ChecksumMismatch(f"scenario set {key} was damaged on disk and has been dropped; generate it again")
