import json
import re

import numpy as np
import pytest

from pitwall import files
from pitwall.types.race import Track


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "deep" / "out.csv"
    files.write_atomically(path, b"one")
    files.write_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    assert [entry.name for entry in path.parent.iterdir()] == ["out.csv"]


def test_a_full_disk_leaves_the_file_before(tmp_path, monkeypatch):
    path = tmp_path / "out.csv"
    files.write_atomically(path, b"before")

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        files.write_atomically(path, b"after")
    assert path.read_bytes() == b"before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.csv"]


def test_what_cannot_be_written_is_named_as_it_was_given(tmp_path):
    (tmp_path / "file").write_text("here")
    for path in (tmp_path, tmp_path / "file" / "out.csv"):
        with pytest.raises(OSError, match=re.escape(str(path)) + "'?$"):
            files.write_atomically(path, b"x")
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_json_takes_dataclasses_and_numpy_and_refuses_nan():
    assert json.loads(files.to_json({"track": Track("short"), "x": np.float32(1.5)}))["track"]["type"] == "short"
    with pytest.raises(ValueError, match="JSON compliant"):
        files.to_json(float("nan"))


def test_a_folder_to_be_is_tried_where_it_would_be_made(tmp_path):
    files.check_writable(tmp_path / "deep" / "out")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("here")
    with pytest.raises(OSError, match="file"):
        files.check_writable(tmp_path / "file" / "out")
