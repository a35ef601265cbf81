"""Compiled kernels whose cache on disk several processes may share.

numba numbers the files of its cache in an index: two processes that compile different signatures of one
function at the same time may give both the same number, and a third may read a file before its index is
true. The wrong machine code then runs on the right arguments. Here a file is named by the hash of what it
holds code for - source, signature, processor - so there is no index to be wrong, and files appear whole.

numba also looks only at the file of the function itself, while a kernel holds the code of kernels that it
calls from other files. Here the sources of all kernels count.

And numba tells functions of the same name and types apart, such as the inner parts of ``np.sort`` and ``np.argsort``,
by a number counted from 1 in each process. Kernels that two processes compiled may share a number; the linker then
takes the code of one for both, and sorts come out unsorted or read beyond arrays. Here each process counts from a
random number.

Where numba finds no folder to write to, it refuses to make a kernel, and a full disk ends the call that compiled one.
Here kernels then work without being kept, and a warning says so.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import pickle
import secrets
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from numba import njit, prange
from numba.core import caching
from numba.core.bytecode import FunctionIdentity

__all__ = ["njit", "prange"]


class KeyedCacheFile(caching.IndexDataCacheFile):
    """numba's cache of one function, a file per signature, without an index."""

    def __init__(self, cache_path: str, filename_base: str, source_stamp: Any) -> None:
        super().__init__(cache_path, filename_base, source_stamp)
        self._base = f"{filename_base}.{_digest(self._version, source_stamp, _kernel_sources())}"
        self._any_source = f"{filename_base}.*.nbc"

    def flush(self) -> None:
        """Remove the files of all signatures."""
        self._remove(self._any_source, keep="")

    def save(self, key: Any, data: Any) -> None:
        """Write the file of a signature; files of an earlier source go."""
        self._remove(self._any_source, keep=self._base)
        self._save_data(self._name(key), data)

    def load(self, key: Any) -> Any:
        """What was saved for a signature, or None."""
        try:
            return self._load_data(self._name(key))
        except (OSError, EOFError, pickle.UnpicklingError):
            return None

    def _name(self, key: Any) -> str:
        return f"{self._base}.{_digest(key)}.nbc"

    def _remove(self, pattern: str, keep: str) -> None:
        for path in Path(self._cache_path).glob(pattern):
            if not (keep and path.name.startswith(keep)):
                with contextlib.suppress(OSError):
                    path.unlink()


@cache
def _kernel_sources() -> str:
    """Hash of all files that hold kernels."""
    services = Path(__file__).resolve().parent.parent
    sources = (path.read_bytes() for path in sorted(services.rglob("*.py")))
    return _digest(*(source for source in sources if b"common.jit import" in source))


def _digest(*parts: Any) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:24]


class NowhereLocator(caching.UserWideCacheLocator):
    """The last resort of a function: a folder that cannot be."""

    def get_cache_path(self) -> str:
        return os.devnull

    @classmethod
    def from_function(cls, py_func: Any, py_file: str) -> NowhereLocator | None:
        """A locator for any function that has a file."""
        return cls(py_func, py_file) if os.path.exists(py_file) else None


@contextlib.contextmanager
def _without_the_cache(_cache: caching.Cache) -> Iterator[None]:
    """Surrounds whatever the cache does with its files."""
    try:
        yield
    except OSError as error:
        warnings.warn(
            f"compiled kernels are not kept and every process compiles them anew, for minutes: {error}. "
            "NUMBA_CACHE_DIR names a folder with room for them",
            RuntimeWarning,
            stacklevel=1,
        )


setattr(caching, "IndexDataCacheFile", KeyedCacheFile)  # noqa: B010 - types forbid plain assignment to a class
setattr(caching.Cache, "_guard_against_spurious_io_errors", _without_the_cache)  # noqa: B010
setattr(caching.CacheImpl, "_locator_classes", [*caching.CacheImpl._locator_classes, NowhereLocator])  # noqa: B010
setattr(FunctionIdentity, "_unique_ids", itertools.count(secrets.randbits(48)))  # noqa: B010
