"""The cache of compiled kernels under several writers."""

import errno
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numba.core import caching

from services.common.jit import KeyedCacheFile, njit

STAMP = (1.0, 100)


def cache(folder, stamp=STAMP):
    return KeyedCacheFile(str(folder), "module.kernel-1.py311", stamp)


def test_kernels_use_it():
    assert caching.IndexDataCacheFile is KeyedCacheFile


def test_two_processes_that_save_different_signatures_at_once_keep_both(tmp_path):
    """numba's own index would give both the same file."""
    first, second = cache(tmp_path), cache(tmp_path)
    assert first.load("a") is None
    assert second.load("b") is None
    first.save("a", ("code of a",))
    second.save("b", ("code of b",))
    assert cache(tmp_path).load("a") == ("code of a",)
    assert cache(tmp_path).load("b") == ("code of b",)


def test_another_source_never_sees_the_code_of_this_one(tmp_path):
    cache(tmp_path).save("a", ("old",))
    changed = cache(tmp_path, (2.0, 100))
    assert changed.load("a") is None
    changed.save("a", ("new",))
    assert changed.load("a") == ("new",)
    assert cache(tmp_path).load("a") is None, "what is stale is removed"


def test_a_half_written_file_is_no_entry(tmp_path):
    entry = cache(tmp_path)
    entry.save("a", ("code",))
    next(tmp_path.glob("*.nbc")).write_bytes(b"")
    assert entry.load("a") is None


def test_flush_removes_everything(tmp_path):
    entry = cache(tmp_path)
    entry.save("a", ("code",))
    entry.flush()
    assert list(tmp_path.iterdir()) == []


SORTING = """
import numpy as np
from services.common.jit import njit

@njit(cache=True)
def first(values):
    return np.{function}(values)
"""
NAMES = """
import re, sys
import numpy as np
from {module} import first
first(np.array([3.0, 1.0, 2.0]))
code = next(iter(first.inspect_llvm().values()))
print(*set(re.findall(r"define linkonce_odr [^@]*@([^(]*run_quicksort[^(]*)[(]", code)))
"""


def test_processes_name_the_parts_of_kernels_differently(tmp_path):
    """Or the linker would take the inner part of one kernel's sort for another's."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": f"{tmp_path}:{Path.cwd()}"}
    names = []
    for module, function in (("one", "sort"), ("two", "argsort")):
        (tmp_path / f"{module}.py").write_text(SORTING.format(function=function))
        ran = subprocess.run(
            [sys.executable, "-c", NAMES.format(module=module)],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        names.append(set(ran.stdout.split()))
    assert all(names)
    numbers = [{int(number) for name in group for number in re.findall(r"B\d+v(\d+)", name)} for group in names]
    assert min(abs(a - b) for a in numbers[0] for b in numbers[1]) > 1_000_000


NOT_KEPT = """
import numpy as np
from numba.core import caching
caching.CacheImpl._locator_classes = []
import services.common.jit
from kernels import first
print(first(np.array([3.0, 1.0, 2.0])))
"""


def test_kernels_work_where_none_can_be_kept(tmp_path):
    """A read-only image without a folder for them; only numba's own ways to find one are taken away."""
    (tmp_path / "kernels.py").write_text(SORTING.format(function="sort"))
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{Path.cwd()}"}
    ran = subprocess.run([sys.executable, "-c", NOT_KEPT], env=environment, capture_output=True, text=True, check=True)
    assert ran.stdout == "[1. 2. 3.]\n"
    assert ran.stderr.count("compiled kernels are not kept") == 1
    assert "NUMBA_CACHE_DIR" in ran.stderr


def test_a_disk_without_room_for_a_kernel_does_not_end_the_call(monkeypatch):
    def full(self, name, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(KeyedCacheFile, "_save_data", full)

    @njit(cache=True)
    def total(values):
        return values.sum()

    with pytest.warns(RuntimeWarning, match="No space left"):
        assert total(np.arange(4)) == 6


@pytest.mark.parametrize("writeable", [True, False])
def test_a_kernel_compiles_and_runs(writeable):
    @njit
    def total(values):
        return values.sum()

    values = np.arange(4)
    values.setflags(write=writeable)
    assert total(values) == 6
