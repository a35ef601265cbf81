"""The matrix contract: how rows of an array become chunk messages and back.

Elements are little-endian, rows whole and in order, C layout. Stored matrices are int16 ticks of 1/20
point; on request they travel as float32 points.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import google_crc32c
import numpy as np
import numpy.typing as npt

from pitwall.scenario.v1 import scenario_set_pb2

TICKS_PER_POINT = 20
SMALL_MATRIX_BYTES = 4 << 20
SMALL_CHUNK_BYTES = 256 << 10
LARGE_CHUNK_BYTES = 1 << 20

_DTYPES: dict[int, np.dtype[np.generic]] = {
    scenario_set_pb2.MATRIX_DTYPE_INT16: np.dtype("<i2"),
    scenario_set_pb2.MATRIX_DTYPE_FLOAT32: np.dtype("<f4"),
}


def numpy_dtype(dtype: scenario_set_pb2.MatrixDtype.ValueType) -> np.dtype[np.generic]:
    """The numpy type of a wire type."""
    return _DTYPES[dtype]


def points_per_unit(dtype: scenario_set_pb2.MatrixDtype.ValueType) -> float:
    """What one unit of an element is worth: 0.05 points for ticks, 1 for float32."""
    return 1 / TICKS_PER_POINT if dtype == scenario_set_pb2.MATRIX_DTYPE_INT16 else 1.0


def rows_per_chunk(n_rows: int, row_bytes: int) -> int:
    """Rows of a chunk: about 1 MiB, or 256 KiB for matrices under 4 MiB (best rates of loopback TCP)."""
    target = SMALL_CHUNK_BYTES if n_rows * row_bytes < SMALL_MATRIX_BYTES else LARGE_CHUNK_BYTES
    return max(1, target // row_bytes)


def checksum(data: bytes) -> int:
    """CRC-32C (Castagnoli) of some bytes."""
    return int(google_crc32c.value(data))


def content_hash(matrix: npt.NDArray[np.int16]) -> str:
    """SHA-256 over type, shape and bytes of a stored matrix, in hexadecimal: its name in certificates."""
    digest = hashlib.sha256(f"{matrix.dtype.str} {matrix.shape[0]}x{matrix.shape[1]} ".encode())
    digest.update(np.ascontiguousarray(matrix).data)
    return digest.hexdigest()


def chunks(
    matrix: npt.NDArray[np.generic], regimes: npt.NDArray[np.uint8], start_row: int, end_row: int
) -> Iterator[scenario_set_pb2.MatrixChunk]:
    """Chunk messages of rows ``start_row .. end_row`` of a C-ordered little-endian matrix."""
    step = rows_per_chunk(matrix.shape[0], matrix.shape[1] * matrix.itemsize)
    for first in range(start_row, end_row, step):
        rows = matrix[first : min(first + step, end_row)]
        data = rows.tobytes()
        yield scenario_set_pb2.MatrixChunk(
            start_row=first,
            n_rows=rows.shape[0],
            data=data,
            crc32c=checksum(data),
            regimes=regimes[first : first + rows.shape[0]].tobytes(),
        )
