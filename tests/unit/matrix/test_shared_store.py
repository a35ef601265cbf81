"""Replicas that share an object store, each with local copies."""

import errno
import os

import fsspec
import numpy as np
import pytest

from services.common.domain.errors import ChecksumMismatch, Unavailable
from services.common.matrix.store import MatrixStore
from tests.unit.matrix.entries import KEY, built, empty, flip_last_byte, folders, halve


def test_replicas_share_an_object_store(tmp_path):
    url = "memory://pitwall-test-sets"
    first = MatrixStore(url, local_folder=tmp_path / "one")
    second = MatrixStore(url, local_folder=tmp_path / "two")
    first.put(KEY, built())
    assert np.array_equal(second.get(KEY).ticks, built().ticks)
    first.delete(KEY)
    assert MatrixStore(url, local_folder=tmp_path / "three").get(KEY) is None


@pytest.fixture
def shared():
    """URL of an object store that is gone after the test."""
    url = "memory://pitwall-test-replicas"
    yield url
    filesystem, root = fsspec.core.url_to_fs(url)
    filesystem.rm(root, recursive=True)


def remote_files(url):
    filesystem, root = fsspec.core.url_to_fs(url)
    return {path.rsplit("/", 1)[1]: filesystem.cat_file(path) for path in filesystem.find(root)}


@pytest.mark.parametrize("code", [errno.EIO, errno.ESTALE, errno.EACCES, errno.ENOMEM, errno.EMFILE])
def test_a_storage_that_does_not_let_itself_be_read_loses_nothing(tmp_path, monkeypatch, shared, code):
    MatrixStore(shared, local_folder=tmp_path).put(KEY, built())
    before = remote_files(shared)

    def refuse(*_arguments, **_options):
        raise OSError(code, os.strerror(code))

    replica = MatrixStore(shared, local_folder=tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("numpy.load", refuse)
        for call in (lambda: replica.get(KEY), lambda: replica.get_or_build(KEY, built)):
            with pytest.raises(Unavailable, match=os.strerror(code)):
                call()
    assert folders(tmp_path) == [KEY]
    assert remote_files(shared) == before
    assert np.array_equal(replica.get(KEY).ticks, built().ticks)


@pytest.mark.parametrize("name", ["ticks.npy", "regimes.npy", "meta.json"])
@pytest.mark.parametrize("damage", [flip_last_byte, halve, empty, lambda path: path.unlink()])
def test_a_damaged_copy_is_fetched_again(tmp_path, shared, name, damage):
    MatrixStore(shared, local_folder=tmp_path).put(KEY, built())
    before = remote_files(shared)
    damage(tmp_path / KEY / name)
    assert np.array_equal(MatrixStore(shared, local_folder=tmp_path).get(KEY).ticks, built().ticks)
    assert remote_files(shared) == before
    assert {path.name: path.read_bytes() for path in (tmp_path / KEY).iterdir()} == before
    assert folders(tmp_path) == [KEY]


def test_an_original_that_is_damaged_itself_is_dropped_and_rebuilt(tmp_path, shared):
    MatrixStore(shared, local_folder=tmp_path / "one").put(KEY, built())
    before = remote_files(shared)
    filesystem, root = fsspec.core.url_to_fs(shared)
    filesystem.pipe_file(f"{root}/{KEY}/ticks.npy", before["ticks.npy"][:-1] + b"!")
    replica = MatrixStore(shared, local_folder=tmp_path / "two")
    with pytest.raises(ChecksumMismatch, match="generate it again"):
        replica.get(KEY)
    assert folders(tmp_path / "two") == []
    assert remote_files(shared) == {}
    replica.get_or_build(KEY, built)
    assert remote_files(shared) == before


def test_an_original_that_cannot_be_fetched_stays(tmp_path, monkeypatch, shared):
    MatrixStore(shared, local_folder=tmp_path / "one").put(KEY, built())
    before = remote_files(shared)

    def refuse(*_arguments, **_options):
        raise ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")

    replica = MatrixStore(shared, local_folder=tmp_path / "two")
    with monkeypatch.context() as patch:
        patch.setattr("fsspec.implementations.memory.MemoryFileSystem.get_file", refuse)
        with pytest.raises(Unavailable, match="reset by peer"):
            replica.get(KEY)
    assert remote_files(shared) == before
    assert folders(tmp_path / "two") == []


def test_an_original_that_cannot_be_deleted_is_told_and_the_call_can_be_repeated(tmp_path, monkeypatch, shared):
    store = MatrixStore(shared, local_folder=tmp_path / "one")
    store.put(KEY, built())

    def refuse(*_arguments, **_options):
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr("fsspec.implementations.memory.MemoryFileSystem.rm", refuse)
        with pytest.raises(Unavailable, match="Permission denied"):
            store.delete(KEY)
    assert store.get(KEY) is not None, "the original is still there"
    store.delete(KEY)
    assert remote_files(shared) == {}
    assert store.get(KEY) is None


def test_an_original_that_was_never_complete_is_none(tmp_path, shared):
    MatrixStore(shared, local_folder=tmp_path / "one").put(KEY, built())
    filesystem, root = fsspec.core.url_to_fs(shared)
    filesystem.rm_file(f"{root}/{KEY}/regimes.npy")
    assert MatrixStore(shared, local_folder=tmp_path / "two").get(KEY) is None
