"""Between stored matrices and streams: chunks serialized once and served many times, uploads checked as they come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pitwall import wire
from pitwall.scenario.v1 import scenario_service_pb2, scenario_set_pb2
from services.common.domain.errors import ChecksumMismatch, InvalidInput

MAX_TICKS = np.iinfo(np.int16).max


@dataclass(frozen=True, eq=False)
class EncodedMatrix:
    """All chunks of a matrix as serialized ``StreamMatrixResponse`` messages, shared by every reader.

    Attributes
    ----------
    first_rows
        Row with which each chunk begins; ascending.
    messages
        The serialized messages.
    n_rows
        Rows in all.
    """

    first_rows: tuple[int, ...]
    messages: tuple[bytes, ...]
    n_rows: int

    @property
    def nbytes(self) -> int:
        """Memory held."""
        return sum(map(len, self.messages))

    def covering(self, start_row: int, end_row: int) -> Iterator[bytes]:
        """The messages of rows ``start_row .. end_row``, if the range falls on chunk borders.

        Raises
        ------
        LookupError
            If it does not; such a range is encoded for the one call.
        """
        borders = (*self.first_rows, self.n_rows)
        if start_row not in borders or end_row not in borders:
            raise LookupError(f"rows {start_row}..{end_row} do not fall on chunk borders")
        return iter(self.messages[borders.index(start_row) : borders.index(end_row)])


def encode(
    matrix: npt.NDArray[np.generic],
    regimes: npt.NDArray[np.uint8],
    start_row: int = 0,
    end_row: int | None = None,
) -> Iterator[tuple[int, bytes]]:
    """First row and serialized ``StreamMatrixResponse`` of each chunk of some rows."""
    for chunk in wire.chunks(matrix, regimes, start_row, matrix.shape[0] if end_row is None else end_row):
        yield chunk.start_row, scenario_service_pb2.StreamMatrixResponse(chunk=chunk).SerializeToString()


def encode_all(matrix: npt.NDArray[np.generic], regimes: npt.NDArray[np.uint8]) -> EncodedMatrix:
    """Every chunk of a matrix, serialized."""
    first_rows, messages = zip(*encode(matrix, regimes), strict=True)
    return EncodedMatrix(first_rows, messages, matrix.shape[0])


def ticks_to_points(ticks: npt.NDArray[np.int16]) -> npt.NDArray[np.float32]:
    """Ticks as float32 points: k / 20 correctly rounded."""
    return (ticks / np.float32(wire.TICKS_PER_POINT)).astype(np.float32, copy=False)


def points_to_ticks(points: npt.NDArray[np.floating], first_row: int) -> npt.NDArray[np.int16]:
    """Points rounded to the nearest tick of 1/20 point.

    Raises
    ------
    InvalidInput
        Naming the first row and column that is NaN, infinite or beyond int16 ticks (about 1,638 points).
    """
    ticks = np.rint(points.astype(np.float64) * wire.TICKS_PER_POINT)
    bad = ~(np.abs(ticks) <= MAX_TICKS)  # NaN compares false
    if bad.any():
        row, column = map(int, np.argwhere(bad)[0])
        raise InvalidInput.field(
            f"matrix: row {first_row + row}, column {column}",
            f"{points[row, column]} is not a number of points up to {MAX_TICKS / wire.TICKS_PER_POINT}; correct it",
        )
    return ticks.astype(np.int16)


@dataclass(frozen=True, eq=False)
class UploadedMatrix:
    """A checked upload: ticks in the order of the race's starters.

    Attributes
    ----------
    header
        The header as sent.
    ticks
        ``ticks[scenario, driver]``, int16.
    regimes
        Regime bytes as sent, or None.
    """

    header: scenario_set_pb2.MatrixHeader
    ticks: npt.NDArray[np.int16]
    regimes: npt.NDArray[np.uint8] | None


def upload_header(parts: Iterator[scenario_service_pb2.UploadMatrixRequest]) -> scenario_set_pb2.MatrixHeader:
    """The header of an upload, its first message.

    Raises
    ------
    InvalidInput
        If it is missing.
    """
    first = next(parts, None)
    if first is None or not first.HasField("header"):
        raise InvalidInput.field("header", "the first message must be the header")
    return first.header


def decode_upload(
    header: scenario_set_pb2.MatrixHeader,
    parts: Iterator[scenario_service_pb2.UploadMatrixRequest],
    driver_ids: Sequence[str],
) -> UploadedMatrix:
    """Assemble an upload, checking every part as it arrives.

    Parameters
    ----------
    header
        Its first message.
    parts
        The messages after it: chunks in row order.
    driver_ids
        The drivers that start in the race; columns may come in any order but must be these.

    Raises
    ------
    InvalidInput
        For wrong drivers, rows out of order, wrong sizes, or a value that is no number.
    ChecksumMismatch
        For damaged bytes.
    """
    columns = _column_order(header, driver_ids)
    ticks = np.empty((header.n_rows, len(columns)), np.int16)
    regimes: npt.NDArray[np.uint8] | None = None
    next_row = 0
    for part in parts:
        chunk = _checked_chunk(part, header, next_row)
        rows = slice(next_row, next_row + chunk.n_rows)
        ticks[rows] = _chunk_ticks(chunk, header)[:, columns]
        if chunk.regimes:
            regimes = np.zeros(header.n_rows, np.uint8) if regimes is None else regimes
            regimes[rows] = np.frombuffer(chunk.regimes, np.uint8)
        next_row += chunk.n_rows
    if next_row != header.n_rows:
        raise InvalidInput.field("header.n_rows", f"is {header.n_rows}, but {next_row} rows were sent")
    return UploadedMatrix(header, ticks, regimes)


def _column_order(header: scenario_set_pb2.MatrixHeader, expected: Sequence[str]) -> npt.NDArray[np.int64]:
    sent = {driver_id: column for column, driver_id in enumerate(header.driver_ids)}
    missing = [driver_id for driver_id in expected if driver_id not in sent]
    unknown = [driver_id for driver_id in sent if driver_id not in set(expected)]
    if missing or unknown:
        what = f"lacks driver {missing[0]!r}" if missing else f"holds driver {unknown[0]!r}, who does not start"
        raise InvalidInput.field("header.driver_ids", f"{what}; send one column per driver that starts")
    return np.array([sent[driver_id] for driver_id in expected], dtype=np.int64)


def _checked_chunk(
    part: scenario_service_pb2.UploadMatrixRequest, header: scenario_set_pb2.MatrixHeader, next_row: int
) -> scenario_set_pb2.MatrixChunk:
    if not part.HasField("chunk"):
        raise InvalidInput.field("chunk", "only the first message may be a header")
    chunk = part.chunk
    if chunk.start_row != next_row:
        raise InvalidInput.field(
            "chunk.start_row", f"is {chunk.start_row}; rows must come in order, next is {next_row}"
        )
    if next_row + chunk.n_rows > header.n_rows:
        raise InvalidInput.field("header.n_rows", f"is {header.n_rows}, but more rows were sent")
    if chunk.regimes and len(chunk.regimes) != chunk.n_rows:
        raise InvalidInput.field("chunk.regimes", f"needs one byte per row: {chunk.n_rows}, not {len(chunk.regimes)}")
    if chunk.regimes and max(chunk.regimes) >= len(header.regime_names):
        raise InvalidInput.field("chunk.regimes", f"index {max(chunk.regimes)} is beyond header.regime_names")
    return chunk


def _chunk_ticks(chunk: scenario_set_pb2.MatrixChunk, header: scenario_set_pb2.MatrixHeader) -> npt.NDArray[np.int16]:
    data = chunk.data
    if wire.checksum(data) != chunk.crc32c:
        raise ChecksumMismatch(f"rows from {chunk.start_row} arrived damaged: their CRC-32C does not match; send again")
    dtype = wire.numpy_dtype(header.dtype)
    expected_bytes = chunk.n_rows * len(header.driver_ids) * dtype.itemsize
    if len(data) != expected_bytes:
        raise InvalidInput.field(
            "chunk.data", f"has {len(data)} bytes, expected {expected_bytes} for {chunk.n_rows} rows"
        )
    values = np.frombuffer(data, dtype).reshape(chunk.n_rows, -1)
    if header.dtype == scenario_set_pb2.MATRIX_DTYPE_INT16:
        return values.astype(np.int16, copy=False)
    return points_to_ticks(values.astype(np.float32, copy=False), chunk.start_row)
