import errno
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from services.common.domain.errors import ChecksumMismatch, DeadlineExceeded, InvalidInput, StorageFull, Unavailable
from services.common.matrix import entry as entry_module
from services.common.matrix import store as store_module
from services.common.matrix.store import MatrixStore
from tests.conftest import REPOSITORY
from tests.unit.matrix.entries import KEY, built, empty, flip_last_byte, folders, halve


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


def test_the_cache_keeps_few_files_open(tmp_path):
    store = MatrixStore(str(tmp_path))
    for number in range(100):
        store.put(f"{number:016x}", built(value=number))
    assert store.memory_bytes() <= 64 * store.get(f"{99:016x}").cache_bytes
    assert store.get(f"{99:016x}") is store.get(f"{99:016x}")


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

    monkeypatch.setattr(store_module, "write_entry", full)
    with pytest.raises(StorageFull, match="no room left"):
        MatrixStore(str(tmp_path)).put(KEY, built())
    assert folders(tmp_path) == []


def test_a_write_that_a_real_file_refuses_says_why(tmp_path):
    """By a limit on the size of files, as no test can fill a disk: the system refuses to write on in the same way."""
    program = f"""
import pathlib, resource
from services.common.matrix.entry import write_entry
from tests.unit.matrix.test_store import built
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    write_entry(pathlib.Path({str(tmp_path)!r}), built(n_rows=25_000))
except OSError as error:
    print(error.errno)
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=True, timeout=120
    )
    assert ran.stdout.strip() == str(errno.EFBIG)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
@pytest.mark.parametrize("name", ["ticks.npy", "regimes.npy", "meta.json"])
def test_a_device_without_room_is_named_and_leaves_nothing(tmp_path, monkeypatch, name):
    write_entry = store_module.write_entry

    def onto_full_device(folder, entry):
        (folder / name).symlink_to("/dev/full")
        write_entry(folder, entry)

    monkeypatch.setattr(store_module, "write_entry", onto_full_device)
    with pytest.raises(StorageFull, match="no room left"):
        MatrixStore(str(tmp_path)).put(KEY, built(n_rows=25_000))
    assert folders(tmp_path) == []


@pytest.mark.parametrize("name", ["ticks.npy", "regimes.npy", "meta.json"])
@pytest.mark.parametrize("damage", [flip_last_byte, halve, empty, lambda path: path.unlink()])
def test_a_damaged_entry_is_dropped_and_rebuilt(tmp_path, name, damage):
    MatrixStore(str(tmp_path)).put(KEY, built())
    damage(tmp_path / KEY / name)
    with pytest.raises(ChecksumMismatch, match="generate it again"):
        MatrixStore(str(tmp_path)).get(KEY)
    assert MatrixStore(str(tmp_path)).get_or_build(KEY, built).ticks[0, 0] == 7


def break_header(path):
    path.write_bytes(path.read_bytes().replace(b"}", b"{", 1))


@pytest.mark.parametrize("name", ["ticks.npy", "regimes.npy"])
def test_a_damaged_header_is_damage_too(tmp_path, name):
    MatrixStore(str(tmp_path)).put(KEY, built())
    break_header(tmp_path / KEY / name)
    with pytest.raises(ChecksumMismatch, match="generate it again"):
        MatrixStore(str(tmp_path)).get(KEY)
    assert folders(tmp_path) == []


def test_files_that_are_cut_behind_a_cached_entry_are_not_read(tmp_path):
    """Reading a mapped file beyond its end would end the process."""
    store = MatrixStore(str(tmp_path))
    store.put(KEY, built(n_rows=10_000))
    path = tmp_path / KEY / "ticks.npy"
    os.truncate(path, 2_000)
    with pytest.raises(ChecksumMismatch, match="generate it again"):
        store.get(KEY)
    assert store.get_or_build(KEY, built).ticks.sum() == built().ticks.sum()
    flip_last_byte(path)
    with pytest.raises(ChecksumMismatch):
        store.get(KEY)


def test_a_folder_that_has_been_removed_is_made_anew(tmp_path):
    store = MatrixStore(str(tmp_path / "matrices"))
    (tmp_path / "matrices").rmdir()
    assert store.put(KEY, built()).ticks.shape == (100, 4)


@pytest.mark.parametrize("use", [lambda store: store.put(KEY, built()), MatrixStore.probe])
def test_a_folder_that_has_gone_with_the_one_around_it_is_not_made_anew(tmp_path, use):
    store = MatrixStore(str(tmp_path / "data" / "matrices"))
    shutil.rmtree(tmp_path / "data")
    with pytest.raises(Unavailable, match="data/matrices"):
        use(store)
    assert folders(tmp_path) == []


def test_a_probe_asks_whether_the_folder_takes_entries(tmp_path, monkeypatch):
    store = MatrixStore(str(tmp_path / "matrices"))
    store.probe()
    with monkeypatch.context() as forbidding:
        # By a stand-in, as nothing is forbidden to a superuser that may run this.
        forbidding.setattr(os, "access", lambda *_: False)
        with pytest.raises(Unavailable, match=r"Permission denied: .*/matrices"):
            store.probe()
    (tmp_path / "matrices").rmdir()
    store.probe()
    assert folders(tmp_path) == [], "a look makes nothing"
    (tmp_path / "matrices").touch()
    with pytest.raises(Unavailable, match="Not a directory"):
        store.probe()


@pytest.mark.parametrize("url", ["nothing://bucket/x", "s3"])
def test_an_address_that_names_no_storage_is_refused(url, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if "://" in url:
        with pytest.raises(InvalidInput, match="matrix_url: 'nothing://bucket/x' is none that can be used"):
            MatrixStore(url)
    else:
        MatrixStore(url)  # a folder


def test_what_another_process_has_put_in_the_place_of_damage_stays(tmp_path, monkeypatch):
    """One process reads damage; before it drops it, another has dropped and rebuilt it."""
    store = MatrixStore(str(tmp_path))
    store.put(KEY, built())
    (tmp_path / KEY / "ticks.npy").write_bytes(b"cut")
    moved = entry_module.set_aside

    def late(folder):
        monkeypatch.setattr(store_module, "set_aside", moved)
        other = MatrixStore(str(tmp_path))
        with pytest.raises(ChecksumMismatch):
            other.get(KEY)
        other.put(KEY, built())
        return moved(folder)

    monkeypatch.setattr(store_module, "set_aside", late)
    found = MatrixStore(str(tmp_path)).get(KEY)
    assert np.array_equal(found.ticks, built().ticks)
    assert [path.name for path in tmp_path.iterdir()] == [KEY]


def test_an_entry_that_another_process_deletes_meanwhile_is_none(tmp_path, monkeypatch):
    store = MatrixStore(str(tmp_path))
    store.put(KEY, built())
    read = entry_module.read_entry

    def late(key, folder):
        MatrixStore(str(tmp_path)).delete(KEY)
        return read(key, folder)

    monkeypatch.setattr(store_module, "read_entry", late)
    assert MatrixStore(str(tmp_path)).get(KEY) is None


def test_waiting_for_another_build_ends_at_the_deadline(tmp_path):
    store = MatrixStore(str(tmp_path))
    building, release = threading.Event(), threading.Event()

    def slow():
        building.set()
        release.wait(20)
        return built()

    def expired():
        raise DeadlineExceeded("too late")

    first = threading.Thread(target=store.get_or_build, args=(KEY, slow))
    first.start()
    assert building.wait(10)
    with pytest.raises(DeadlineExceeded):
        store.get_or_build(KEY, built, checkpoint=expired)
    release.set()
    first.join()
    assert store.get(KEY) is not None


def test_what_a_crash_left_is_cleaned_up_and_what_is_being_written_is_not(tmp_path):
    old, new = tmp_path / ".writing-old", tmp_path / ".writing-new"
    old.mkdir()
    new.mkdir()
    os.utime(old, (0, 0))
    MatrixStore(str(tmp_path))
    assert folders(tmp_path) == [".writing-new"]


def test_two_processes_may_write_the_same_entry(tmp_path):
    first, second = MatrixStore(str(tmp_path)), MatrixStore(str(tmp_path))
    first.put(KEY, built())
    assert np.array_equal(second.put(KEY, built()).ticks, built().ticks)
    assert folders(tmp_path) == [KEY]


def test_readers_share_one_serialized_copy(tmp_path):
    store = MatrixStore(str(tmp_path))
    store.put(KEY, built())
    assert store.get(KEY).encoded() is store.get(KEY).encoded()
