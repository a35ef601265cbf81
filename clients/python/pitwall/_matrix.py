"""Downloading a matrix into one preallocated array, with checksums and resume."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pitwall import wire
from pitwall.errors import ChecksumMismatchError, ConflictError, PitwallError, UnavailableError
from pitwall.problems import invalid
from pitwall.scenario.v1 import scenario_service_pb2, scenario_set_pb2

MAX_BROKEN_STREAMS = 5
"""Streams in a row that may break without a single new row before the download gives up."""

OpenStream = Callable[[scenario_service_pb2.StreamMatrixRequest], Iterator[scenario_service_pb2.StreamMatrixResponse]]


@dataclass(frozen=True, eq=False)
class DownloadedMatrix:
    """Rows of a scenario set.

    Attributes
    ----------
    values
        ``values[scenario, driver]``: int16 ticks of 1/20 point, or float32 points.
    header
        The header of the stream.
    regimes
        Index into ``header.regime_names`` per row; uint8.
    """

    values: npt.NDArray[np.generic]
    header: scenario_set_pb2.MatrixHeader
    regimes: npt.NDArray[np.uint8]


class _Receiver:
    """Fills the array, remembering how far it has come."""

    def __init__(self, request: scenario_service_pb2.StreamMatrixRequest) -> None:
        self._request = request
        self.next_row = request.start_row
        self.header: scenario_set_pb2.MatrixHeader | None = None
        self.values: npt.NDArray[np.generic] = np.empty((0, 0), np.int16)
        self.regimes: npt.NDArray[np.uint8] = np.empty(0, np.uint8)

    def resume_request(self) -> scenario_service_pb2.StreamMatrixRequest:
        request = scenario_service_pb2.StreamMatrixRequest()
        request.CopyFrom(self._request)
        request.start_row = self.next_row
        if self.header is not None:
            # A newer set must not take over half-way.
            request.scenario_set_id = self.header.scenario_set_id
            request.end_row = self.header.end_row
        return request

    @property
    def complete(self) -> bool:
        return self.header is not None and self.next_row >= self.header.end_row

    def take_header(self, header: scenario_set_pb2.MatrixHeader) -> None:
        if self.header is not None:
            if header.content_hash != self.header.content_hash:
                raise ConflictError("the scenario set changed during the download; start again")
            return
        self.header = header
        n_rows = header.end_row - header.start_row
        self.values = np.empty((n_rows, len(header.driver_ids)), wire.numpy_dtype(header.dtype))
        self.regimes = np.zeros(n_rows, np.uint8)

    def take_chunk(self, chunk: scenario_set_pb2.MatrixChunk) -> None:
        if self.header is None or chunk.start_row != self.next_row:
            raise ConflictError(f"rows out of order: expected row {self.next_row}, got {chunk.start_row}")
        data = chunk.data  # every access of the field copies it
        if wire.checksum(data) != chunk.crc32c:
            raise ChecksumMismatchError(f"rows from {chunk.start_row} arrived damaged")
        first = chunk.start_row - self._request.start_row
        rows = slice(first, first + chunk.n_rows)
        self.values[rows] = np.frombuffer(data, self.values.dtype).reshape(chunk.n_rows, -1)
        if chunk.regimes:
            self.regimes[rows] = np.frombuffer(chunk.regimes, np.uint8)
        self.next_row += chunk.n_rows


def download(
    open_stream: OpenStream,
    request: scenario_service_pb2.StreamMatrixRequest,
    on_rows: Callable[[int, int], None] | None = None,
) -> DownloadedMatrix:
    """Download rows, resuming a stream that breaks or arrives damaged from the first row still missing.

    Parameters
    ----------
    open_stream
        Starts the call.
    request
        What to download.
    on_rows
        Told the rows received and the rows in all after each chunk.
    """
    receiver = _Receiver(request)
    broken = 0
    while True:
        row_before = receiver.next_row
        try:
            _receive(receiver, open_stream(receiver.resume_request()), on_rows)
        except (UnavailableError, ChecksumMismatchError) as error:
            failure: PitwallError = error
        else:
            failure = UnavailableError("the stream of the matrix ended early")
        if receiver.complete:
            break
        broken = 0 if receiver.next_row > row_before else broken + 1
        if broken >= MAX_BROKEN_STREAMS:
            raise failure
    assert receiver.header is not None
    receiver.values.setflags(write=False)
    return DownloadedMatrix(receiver.values, receiver.header, receiver.regimes)


def _receive(
    receiver: _Receiver,
    stream: Iterator[scenario_service_pb2.StreamMatrixResponse],
    on_rows: Callable[[int, int], None] | None,
) -> None:
    for response in stream:
        if response.HasField("header"):
            receiver.take_header(response.header)
            continue
        receiver.take_chunk(response.chunk)
        if on_rows is not None and receiver.header is not None:
            on_rows(receiver.next_row, receiver.header.end_row)


@dataclass(frozen=True, eq=False)
class UploadParts:
    """The messages of an upload, which can be iterated, and so sent, more than once."""

    header: scenario_set_pb2.MatrixHeader
    values: npt.NDArray[np.generic]

    def __iter__(self) -> Iterator[scenario_service_pb2.UploadMatrixRequest]:
        yield scenario_service_pb2.UploadMatrixRequest(header=self.header)
        for chunk in wire.chunks(self.values, np.empty(0, np.uint8), 0, self.values.shape[0]):
            yield scenario_service_pb2.UploadMatrixRequest(chunk=chunk)


def upload_parts(race_id: str, matrix: npt.NDArray[np.generic], driver_ids: Sequence[str]) -> UploadParts:
    """The messages that upload a user's matrix: int16 ticks as they are, anything else as float32 points.

    What cannot be sent is refused here and not while they are iterated: gRPC would swallow the reason.

    Raises
    ------
    InvalidInputError
        If the matrix is none of numbers, or has not a column for each driver.
    """
    ticks = matrix.dtype == np.int16
    dtype = scenario_set_pb2.MATRIX_DTYPE_INT16 if ticks else scenario_set_pb2.MATRIX_DTYPE_FLOAT32
    values = _as_numbers(matrix, wire.numpy_dtype(dtype))
    if isinstance(driver_ids, str):
        raise invalid("driver_ids", f"must be a list of site ids, is the text {driver_ids!r}")
    ids = [str(driver_id) for driver_id in driver_ids]
    if not ids:
        raise invalid("driver_ids", "are missing: give the site id of the driver of each column")
    if values.ndim != 2 or values.shape[1] != len(ids):
        shape = " x ".join(map(str, values.shape)) or "a single number"
        raise invalid("points", f"must have a row per scenario and a column for each of {len(ids)} drivers, is {shape}")
    header = scenario_set_pb2.MatrixHeader(
        race_id=race_id,
        n_rows=values.shape[0],
        driver_ids=ids,
        dtype=dtype,
        byte_order=scenario_set_pb2.BYTE_ORDER_LITTLE_ENDIAN,
    )
    return UploadParts(header, values)


def _as_numbers(matrix: npt.NDArray[np.generic], dtype: np.dtype[np.generic]) -> npt.NDArray[np.generic]:
    if matrix.dtype.kind not in "biufOU":
        raise invalid("points", f"must be numbers, is an array of {matrix.dtype}")
    try:
        # What lies beyond float32 becomes infinite, which the service refuses by row and driver.
        with np.errstate(over="ignore"):
            return np.asarray(matrix, dtype=dtype, order="C")
    except (TypeError, ValueError, OverflowError) as error:
        raise invalid("points", f"must be numbers ({error})") from error
