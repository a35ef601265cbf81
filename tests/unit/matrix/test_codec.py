import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pitwall import wire
from pitwall._matrix import download, upload_parts
from pitwall.errors import ChecksumMismatchError, ConflictError, UnavailableError
from pitwall.scenario.v1 import scenario_service_pb2, scenario_set_pb2
from services.common.domain.errors import ChecksumMismatch, InvalidInput
from services.common.matrix.codec import (
    decode_upload,
    encode,
    encode_all,
    points_to_ticks,
    ticks_to_points,
    upload_header,
)

DRIVERS = ("a", "b", "c")


def matrix_of(n_rows, n_columns=3, seed=0):
    return np.random.default_rng(seed).integers(-2000, 4000, (n_rows, n_columns), dtype=np.int16)


def header_for(matrix, start_row=0, end_row=None, content_hash=None):
    return scenario_set_pb2.MatrixHeader(
        race_id="r",
        scenario_set_id="0" * 16,
        n_rows=matrix.shape[0],
        driver_ids=[f"d{column}" for column in range(matrix.shape[1])],
        dtype=scenario_set_pb2.MATRIX_DTYPE_INT16,
        content_hash=content_hash or wire.content_hash(matrix),
        start_row=start_row,
        end_row=end_row or matrix.shape[0],
    )


def server_of(matrix, regimes, *, break_after=None, damage_at=None, log=None):
    """Streams a matrix, breaking each stream after some chunks and damaging one chunk once."""
    damaged = []

    def open_stream(request):
        if log is not None:
            log.append(request.start_row)
        end = request.end_row or matrix.shape[0]
        yield scenario_service_pb2.StreamMatrixResponse(header=header_for(matrix, request.start_row, end))
        for sent, (first_row, message) in enumerate(encode(matrix, regimes, request.start_row, end)):
            if break_after is not None and sent >= break_after:
                raise UnavailableError("broken")
            response = scenario_service_pb2.StreamMatrixResponse.FromString(message)
            if damage_at == first_row and not damaged:
                damaged.append(first_row)
                response.chunk.crc32c ^= 1
            yield response

    return open_stream


@settings(max_examples=25, deadline=None)
@given(n_rows=st.integers(1, 400), n_columns=st.integers(1, 60), seed=st.integers(0, 9))
def test_a_downloaded_matrix_equals_the_one_sent(n_rows, n_columns, seed):
    matrix = matrix_of(n_rows, n_columns, seed)
    regimes = (np.arange(n_rows) % 3).astype(np.uint8)
    result = download(server_of(matrix, regimes), scenario_service_pb2.StreamMatrixRequest(race_id="r"))
    assert np.array_equal(result.values, matrix)
    assert np.array_equal(result.regimes, regimes)


def test_a_row_range_lands_at_the_start_of_the_array():
    matrix, regimes = matrix_of(300), np.zeros(300, np.uint8)
    request = scenario_service_pb2.StreamMatrixRequest(race_id="r", start_row=37, end_row=205)
    assert np.array_equal(download(server_of(matrix, regimes), request).values, matrix[37:205])


def test_a_broken_stream_resumes_at_the_first_missing_row():
    matrix = matrix_of(200_000, 20)
    log = []
    step = wire.rows_per_chunk(200_000, 40)
    result = download(
        server_of(matrix, np.zeros(200_000, np.uint8), break_after=2, log=log),
        scenario_service_pb2.StreamMatrixRequest(race_id="r"),
    )
    assert np.array_equal(result.values, matrix)
    assert log == list(range(0, 200_000, 2 * step))


def test_damaged_rows_are_fetched_again():
    matrix = matrix_of(100_000, 20)
    log = []
    step = wire.rows_per_chunk(100_000, 40)
    result = download(
        server_of(matrix, np.zeros(100_000, np.uint8), damage_at=step, log=log),
        scenario_service_pb2.StreamMatrixRequest(race_id="r"),
    )
    assert np.array_equal(result.values, matrix)
    assert log == [0, step]


def test_a_stream_that_never_advances_is_given_up():
    matrix = matrix_of(50)
    with pytest.raises(UnavailableError):
        download(
            server_of(matrix, np.zeros(50, np.uint8), break_after=0),
            scenario_service_pb2.StreamMatrixRequest(race_id="r"),
        )


def test_always_damaged_rows_are_an_error_and_not_data():
    matrix = matrix_of(50)

    def open_stream(request):
        yield scenario_service_pb2.StreamMatrixResponse(header=header_for(matrix))
        for _, message in encode(matrix, np.zeros(50, np.uint8)):
            response = scenario_service_pb2.StreamMatrixResponse.FromString(message)
            response.chunk.crc32c ^= 1
            yield response

    with pytest.raises(ChecksumMismatchError):
        download(open_stream, scenario_service_pb2.StreamMatrixRequest(race_id="r"))


def test_a_set_that_changes_between_two_streams_is_a_conflict():
    matrix = matrix_of(20_000, 20)
    hashes = iter(["1" * 64, "2" * 64])

    def open_stream(request):
        yield scenario_service_pb2.StreamMatrixResponse(
            header=header_for(matrix, request.start_row, content_hash=next(hashes))
        )
        _, message = next(encode(matrix, np.zeros(20_000, np.uint8), request.start_row))
        yield scenario_service_pb2.StreamMatrixResponse.FromString(message)
        raise UnavailableError("broken")

    with pytest.raises(ConflictError):
        download(open_stream, scenario_service_pb2.StreamMatrixRequest(race_id="r"))


def test_serialized_chunks_are_the_messages_they_stand_for():
    matrix, regimes = matrix_of(30_000, 20), np.ones(30_000, np.uint8)
    encoded = encode_all(matrix, regimes)
    rows = [
        np.frombuffer(scenario_service_pb2.StreamMatrixResponse.FromString(message).chunk.data, np.int16)
        for message in encoded.messages
    ]
    assert np.array_equal(np.concatenate(rows).reshape(-1, 20), matrix)
    assert list(encoded.covering(0, 30_000)) == list(encoded.messages)
    assert list(encoded.covering(encoded.first_rows[1], encoded.first_rows[3])) == list(encoded.messages[1:3])
    with pytest.raises(LookupError):
        encoded.covering(1, 30_000)


def upload(matrix, driver_ids=DRIVERS, change=lambda messages: messages):
    parts = iter(change(list(upload_parts("r", matrix, driver_ids))))
    return decode_upload(upload_header(parts), parts, DRIVERS)


def test_an_uploaded_matrix_of_ticks_is_kept_as_it_is():
    matrix = matrix_of(5_000)
    assert np.array_equal(upload(matrix).ticks, matrix)


def test_uploaded_points_are_rounded_to_ticks():
    points = np.array([[1.0, -3.05, 44.449], [0.024, 0.026, 100.0]])
    assert upload(points).ticks.tolist() == [[20, -61, 889], [0, 1, 2000]]


def test_columns_may_come_in_any_order():
    matrix = matrix_of(10)
    assert np.array_equal(upload(matrix, ("c", "a", "b")).ticks, matrix[:, [1, 2, 0]])


@settings(max_examples=200, deadline=None)
@given(ticks=st.integers(-32767, 32767))
def test_float32_points_carry_ticks_exactly(ticks):
    assert points_to_ticks(ticks_to_points(np.array([[ticks]], np.int16)), 0)[0, 0] == ticks


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 5_000.0])
def test_a_value_that_is_no_points_is_refused_with_its_place(value):
    points = np.zeros((3, 3))
    points[2, 1] = value
    with pytest.raises(InvalidInput, match="row 2, column 1"):
        upload(points)


@pytest.mark.parametrize(
    ("driver_ids", "message"), [(("a", "b"), "lacks driver 'c'"), (("a", "b", "c", "x"), "holds driver 'x'")]
)
def test_wrong_drivers_are_named(driver_ids, message):
    with pytest.raises(InvalidInput, match=message):
        upload(matrix_of(4, len(driver_ids)), driver_ids)


def damaged(messages):
    messages[1].chunk.crc32c ^= 1
    return messages


def short(messages):
    messages[0].header.n_rows += 1
    return messages


def long(messages):
    messages[0].header.n_rows -= 1
    return messages


def doubled(messages):
    return [*messages, messages[1]]


def headless(messages):
    return messages[1:]


def truncated(messages):
    data = messages[1].chunk.data[:-2]
    messages[1].chunk.data = data
    messages[1].chunk.crc32c = wire.checksum(data)
    return messages


def unknown_regime(messages):
    messages[1].chunk.regimes = b"\x07" * messages[1].chunk.n_rows
    return messages


@pytest.mark.parametrize("change", [short, long, doubled, headless, truncated, unknown_regime])
def test_a_malformed_upload_is_refused(change):
    with pytest.raises(InvalidInput):
        upload(matrix_of(40), change=change)


def test_a_damaged_upload_is_refused():
    with pytest.raises(ChecksumMismatch):
        upload(matrix_of(40), change=damaged)
