import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pitwall.errors import InvalidInputError
from pitwall.sitefiles.matrices import read_matrix
from pitwall.sitefiles.parquet import parquet_bytes

IDS = ("11", "12", "13")


def test_points_and_ticks_come_from_npy(tmp_path):
    for points in (np.arange(6, dtype=np.int16).reshape(2, 3), np.arange(6.0).reshape(2, 3) / 7):
        np.save(tmp_path / "m.npy", points)
        read, ids = read_matrix(tmp_path / "m.npy", IDS)
        assert ids == IDS
        assert read.dtype == points.dtype
        assert (read == points).all()


def test_columns_of_a_csv_are_driver_ids(tmp_path):
    (tmp_path / "m.csv").write_bytes(b"\xef\xbb\xbf13,11\n1.5,-2\n0,3\n")
    read, ids = read_matrix(tmp_path / "m.csv", IDS)
    assert ids == ("13", "11")
    assert read.tolist() == [[1.5, -2.0], [0.0, 3.0]]


def parquet(frame):
    pytest.importorskip("pyarrow", reason="parquet is an optional extra")
    return parquet_bytes(frame)


def test_columns_of_parquet_are_driver_ids(tmp_path):
    frame = pd.DataFrame({"13": [1.5, 0.0], "11": np.array([-2, 3], dtype=np.int16)})
    (tmp_path / "m.parquet").write_bytes(parquet(frame))
    read, ids = read_matrix(tmp_path / "m.parquet", IDS)
    assert ids == ("13", "11")
    assert read.tolist() == [[1.5, -2.0], [0.0, 3.0]]


def test_parquet_of_words_is_refused(tmp_path):
    (tmp_path / "m.parquet").write_bytes(parquet(pd.DataFrame({"11": ["many"]})))
    with pytest.raises(InvalidInputError, match=r"m\.parquet: must hold numbers"):
        read_matrix(tmp_path / "m.parquet", IDS)


@settings(max_examples=150)
@given(st.data())
def test_damaged_parquet_gives_a_matrix_or_a_refusal(tmp_path_factory, data):
    content = bytearray(parquet(pd.DataFrame({"11": [1.0, 2.0], "12": [3.0, 4.0]})))
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(content) - 1))
        content[start : start + data.draw(st.integers(0, 20))] = data.draw(st.binary(max_size=8))
    path = tmp_path_factory.getbasetemp() / "damaged.parquet"
    path.write_bytes(content)
    try:
        points, ids = read_matrix(path, IDS)
    except InvalidInputError as error:
        points, ids = np.zeros((0, 0)), ()
        assert_places(error)
    assert points.ndim == 2
    assert points.shape[1] == len(ids)


def test_parquet_without_pyarrow_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "m.parquet").write_bytes(b"PAR1")
    with pytest.raises(InvalidInputError, match=r"pitwall\[parquet\]"):
        read_matrix(tmp_path / "m.parquet", IDS)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("m.npy", b"not an array"),
        ("m.csv", b"11,12\n1,x\n"),
        ("m.csv", b""),
        ("m.txt", b"1"),
        ("missing.npy", None),
    ],
)
def test_other_files_are_refused_by_name(tmp_path, name, content):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidInputError, match=name.replace(".", r"\.")):
        read_matrix(tmp_path / name, IDS)


@pytest.mark.parametrize("text", ["1,2,3\n45,5,30,2,10,1\n", "1;2;3\n45,5;30,2;10,1\n"])
def test_decimal_commas_make_no_columns(tmp_path, text):
    (tmp_path / "m.csv").write_text(text)
    with pytest.raises(InvalidInputError, match="decimals with a point"):
        read_matrix(tmp_path / "m.csv", ["1", "2", "3"])


@pytest.mark.parametrize("points", [np.zeros(3), np.zeros((2, 4)), np.array([["a", "b", "c"]])])
def test_arrays_of_another_form_are_refused(tmp_path, points):
    np.save(tmp_path / "m.npy", points)
    with pytest.raises(InvalidInputError, match=r"m\.npy"):
        read_matrix(tmp_path / "m.npy", IDS)


def test_pickled_objects_are_never_loaded(tmp_path):
    np.save(tmp_path / "m.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(InvalidInputError):
        read_matrix(tmp_path / "m.npy", IDS)


@example(b"PK\x03\x04", ".npy", False)
@given(st.binary(max_size=120), st.sampled_from([".npy", ".csv"]), st.booleans())
def test_any_bytes_give_a_matrix_or_a_refusal(tmp_path_factory, content, suffix, with_magic):
    path = tmp_path_factory.getbasetemp() / f"any{suffix}"
    path.write_bytes((b"\x93NUMPY\x01\x00" if with_magic else b"") + content)
    try:
        points, ids = read_matrix(path, IDS)
    except InvalidInputError as error:
        shape = (0, 0)
        assert_places(error)
    else:
        shape = points.shape
        assert shape[1] == len(ids)


def assert_places(error):
    assert all(violation.field for violation in error.violations)
