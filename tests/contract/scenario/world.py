"""The sample slate and calls of the scenario service."""

from __future__ import annotations

import grpc
import numpy as np
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from pitwall import wire
from pitwall.scenario.v1 import race_pb2, scenario_set_pb2
from pitwall.scenario.v1 import scenario_service_pb2 as pb
from tests.conftest import EXAMPLES

N = 600


def example(name: str) -> race_pb2.InputFile:
    return race_pb2.InputFile(name=name, content=(EXAMPLES / name).read_bytes())


def import_request(race_id: str, **changes) -> pb.ImportRaceRequest:
    values = {
        "race_id": race_id,
        "salaries": example("DKSalaries.csv"),
        "race_sheet": example("race_sheet.csv"),
        "track": race_pb2.Track(type=race_pb2.TRACK_TYPE_SHORT, name="Copper Basin", length_miles=1.0),
        "scheduled_laps": 312,
        "stage_laps": [60, 125, 127],
    }
    return pb.ImportRaceRequest(**(values | changes))


def generate(
    stub, race_id: str, n_scenarios: int = N, seed: int = 1, *, aside: bool = False
) -> scenario_set_pb2.ScenarioSet:
    request = pb.GenerateScenariosRequest(race_id=race_id, n_scenarios=n_scenarios, seed=seed, aside=aside)
    return list(stub.GenerateScenarios(request))[-1].scenario_set


def read(stub, **request) -> tuple[scenario_set_pb2.MatrixHeader, np.ndarray, np.ndarray]:
    parts = list(stub.StreamMatrix(pb.StreamMatrixRequest(**request)))
    header, chunks = parts[0].header, [part.chunk for part in parts[1:]]
    assert all(wire.checksum(chunk.data) == chunk.crc32c for chunk in chunks)
    dtype = wire.numpy_dtype(header.dtype)
    rows = [np.frombuffer(chunk.data, dtype).reshape(chunk.n_rows, len(header.driver_ids)) for chunk in chunks]
    regimes = [np.frombuffer(chunk.regimes, np.uint8) for chunk in chunks]
    empty = np.empty((0, len(header.driver_ids)), dtype)
    return header, np.concatenate([empty, *rows]), np.concatenate([np.empty(0, np.uint8), *regimes])


def refusal(call) -> tuple[grpc.StatusCode, str, list[str]]:
    """Status, reason and fields at fault of a call that must fail."""
    with pytest.raises(grpc.RpcError) as caught:
        call()
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in rpc_status.from_call(caught.value).details:
        if detail.Is(info.DESCRIPTOR):
            detail.Unpack(info)
        if detail.Is(bad.DESCRIPTOR):
            detail.Unpack(bad)
    return caught.value.code(), info.reason, [item.field for item in bad.field_violations]


def upload(stub, header: scenario_set_pb2.MatrixHeader, values: np.ndarray, **chunk) -> scenario_set_pb2.ScenarioSet:
    data = np.ascontiguousarray(values).tobytes()
    parts = {"start_row": 0, "n_rows": len(values), "data": data, "crc32c": wire.checksum(data)} | chunk
    messages = [
        pb.UploadMatrixRequest(header=header),
        pb.UploadMatrixRequest(chunk=scenario_set_pb2.MatrixChunk(**parts)),
    ]
    return stub.UploadMatrix(iter(messages)).scenario_set


def header_for(race: race_pb2.Race, n_rows: int, **changes) -> scenario_set_pb2.MatrixHeader:
    values = {
        "race_id": race.race_id,
        "n_rows": n_rows,
        "driver_ids": [driver.driver_id for driver in race.drivers],
        "dtype": scenario_set_pb2.MATRIX_DTYPE_INT16,
        "byte_order": scenario_set_pb2.BYTE_ORDER_LITTLE_ENDIAN,
    }
    return scenario_set_pb2.MatrixHeader(**(values | changes))
