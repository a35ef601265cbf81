import errno
import threading

import numpy as np
import pytest

from services.common.domain.errors import ChecksumMismatch, StorageFull
from services.common.matrix import store as store_module
from services.common.matrix.store import Built, MatrixStore

KEY = "0123456789abcdef"


def built(n_rows=100, value=7):
    return Built(np.full((n_rows, 4), value, np.int16), np.zeros(n_rows, np.uint8), {"wins": [1, 2]})


def folders(path):
    return sorted(entry.name for entry in path.iterdir())


def test_an_entry_survives_a_restart(tmp_path):
    MatrixStore(str(tmp_path)).put(KEY, built())
    entry = MatrixStore(str(tmp_path)).get(KEY)
    assert np.array_equal(entry.ticks, built().ticks)
    assert entry.meta == {"wins": [1, 2]}
    assert isinstance(entry.ticks, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        entry.ticks[0, 0] = 1


def test_a_missing_entry_is_none(tmp_path):
    assert MatrixStore(str(tmp_path)).get(KEY) is None


@pytest.mark.parametrize("key", ["../etc", "", "a/b", "0123", "0123456789ABCDEF", "0123456789abcdef\n"])
def test_a_key_cannot_leave_the_folder(tmp_path, key):
    with pytest.raises(ValueError, match="not a key"):
        MatrixStore(str(tmp_path)).get(key)


def test_memory_is_bounded_by_bytes(tmp_path):
    entry_bytes = 2 * 100 * 4 * 2
    store = MatrixStore(str(tmp_path), max_memory_bytes=3 * entry_bytes)
    for number in range(10):
        store.put(f"{number:016x}", built(value=number))
        assert store.memory_bytes() <= 3 * entry_bytes
    assert [store.get(f"{number:016x}").ticks[0, 0] for number in range(10)] == list(range(10))


def test_an_entry_larger_than_the_cache_is_served_from_disk(tmp_path):
    store = MatrixStore(str(tmp_path), max_memory_bytes=10)
    store.put(KEY, built())
    assert store.memory_bytes() == 0
    assert store.get(KEY) is not None


def test_many_callers_build_once(tmp_path):
    store = MatrixStore(str(tmp_path))
    builds, barrier, results = [], threading.Barrier(8), []

    def build():
        builds.append(1)
        return built()

    def call():
        barrier.wait()
        results.append(store.get_or_build(KEY, build))

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(builds) == 1
    assert len({id(result) for result in results}) == 1


def test_a_failed_build_leaves_nothing_and_can_be_repeated(tmp_path):
    store = MatrixStore(str(tmp_path))

    def fail():
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        store.get_or_build(KEY, fail)
    assert folders(tmp_path) == []
    assert store.get_or_build(KEY, built).ticks[0, 0] == 7


def test_a_full_disk_is_named_and_leaves_nothing(tmp_path, monkeypatch):
    def full(folder, entry):
        (folder / "ticks.npy").write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(store_module, "_write_entry", full)
    with pytest.raises(StorageFull, match="no room left"):
        MatrixStore(str(tmp_path)).put(KEY, built())
    assert folders(tmp_path) == []


def test_a_damaged_file_is_dropped_and_rebuilt(tmp_path):
    MatrixStore(str(tmp_path)).put(KEY, built())
    path = tmp_path / KEY / "ticks.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ChecksumMismatch, match="generate it again"):
        MatrixStore(str(tmp_path)).get(KEY)
    assert MatrixStore(str(tmp_path)).get_or_build(KEY, built).ticks[0, 0] == 7


def test_two_processes_may_write_the_same_entry(tmp_path):
    first, second = MatrixStore(str(tmp_path)), MatrixStore(str(tmp_path))
    first.put(KEY, built())
    assert np.array_equal(second.put(KEY, built()).ticks, built().ticks)
    assert folders(tmp_path) == [KEY]


def test_replicas_share_an_object_store(tmp_path):
    url = "memory://pitwall-test-sets"
    first = MatrixStore(url, local_folder=tmp_path / "one")
    second = MatrixStore(url, local_folder=tmp_path / "two")
    first.put(KEY, built())
    assert np.array_equal(second.get(KEY).ticks, built().ticks)
    first.delete(KEY)
    assert MatrixStore(url, local_folder=tmp_path / "three").get(KEY) is None


def test_readers_share_one_serialized_copy(tmp_path):
    store = MatrixStore(str(tmp_path))
    store.put(KEY, built())
    assert store.get(KEY).encoded() is store.get(KEY).encoded()
