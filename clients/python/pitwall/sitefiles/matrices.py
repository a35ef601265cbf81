"""One's own matrices of simulated points, from the files that numeric programs write."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from pitwall.problems import invalid, read_bytes
from pitwall.sitefiles.parquet import read_parquet


def read_matrix(path: Path, starters: Sequence[str]) -> tuple[npt.NDArray[Any], tuple[str, ...]]:
    """Points per (scenario, driver), and the ids of the drivers.

    Parameters
    ----------
    path
        ``.csv`` or ``.parquet`` whose columns are site ids, or ``.npy`` (int16 ticks or points) with a column for
        each driver that starts.
    starters
        Site ids of the drivers that start, the columns of a ``.npy`` file.

    Raises
    ------
    InvalidInputError
        If the file is not of its kind, holds anything but numbers, or lacks drivers.
    """
    readers = {".csv": _csv, ".parquet": _parquet, ".npy": _npy}
    if path.suffix not in readers:
        raise invalid(path.name, f"must end with {', '.join(readers)}; save the matrix as one of these")
    read_bytes(path)  # a file that cannot be read has its own message
    return readers[path.suffix](path, starters)


def _npy(path: Path, starters: Sequence[str]) -> tuple[npt.NDArray[Any], tuple[str, ...]]:
    try:
        points = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, OSError, BadZipFile) as error:  # numpy opens what begins like an archive as one
        raise invalid(path.name, f"is no array ({error}); write it with numpy.save") from error
    if not isinstance(points, np.ndarray) or points.dtype.kind not in "if":
        raise invalid(path.name, "must hold one array of numbers; write it with numpy.save")
    if points.ndim != 2 or points.shape[1] != len(starters):
        shape = " x ".join(map(str, points.shape))
        raise invalid(path.name, f"is {shape}; write a row per scenario and {len(starters)} columns, one per starter")
    return points, tuple(starters)


def _csv(path: Path, _starters: Sequence[str]) -> tuple[npt.NDArray[Any], tuple[str, ...]]:
    import pandas as pd  # only own matrices need it

    form = "write a comma between cells and decimals with a point"
    try:
        frame = pd.read_csv(path, dtype=np.float64, encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise invalid(path.name, f"is no CSV of numbers under a row of driver ids ({error}); {form}") from error
    if not isinstance(frame.index, pd.RangeIndex):  # made of the cells that are too many
        raise invalid(path.name, f"has rows with more cells than the header; {form}")
    return frame.to_numpy(), tuple(map(str, frame.columns))


def _parquet(path: Path, _starters: Sequence[str]) -> tuple[npt.NDArray[Any], tuple[str, ...]]:
    frame = read_parquet(path.name, read_bytes(path))
    try:
        return frame.to_numpy(dtype=np.float64), tuple(map(str, frame.columns))
    except (ValueError, TypeError) as error:
        raise invalid(path.name, f"must hold numbers under driver ids ({error})") from error
