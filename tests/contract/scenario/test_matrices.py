"""Matrices streamed to clients, and uploaded by them."""

from __future__ import annotations

import grpc
import numpy as np
import pytest

from pitwall import wire
from pitwall.scenario.v1 import race_pb2, scenario_set_pb2
from pitwall.scenario.v1 import scenario_service_pb2 as pb
from pitwall.scenario.v1.scenario_service_pb2_grpc import ScenarioServiceStub
from services.common.matrix.codec import decode_upload
from services.common.rpc.testing import serve
from services.scenario.__main__ import build
from services.scenario.settings import ScenarioSettings
from tests.contract.scenario.world import (
    N,
    generate,
    header_for,
    read,
    refusal,
    upload,
)


def test_the_matrix_arrives_whole_with_its_hash(stub, race, scenario_set):
    header, ticks, regimes = read(stub, race_id=race.race_id, scenario_set_id=scenario_set.scenario_set_id)
    assert ticks.shape == (N, 38)
    assert ticks.dtype == np.int16
    assert wire.content_hash(ticks) == header.content_hash == scenario_set.content_hash
    assert list(header.driver_ids) == list(scenario_set.driver_ids)
    counts = np.bincount(regimes, minlength=len(header.regime_names))
    named = dict(zip(header.regime_names, counts, strict=True))
    assert {item.regime: item.n_scenarios for item in scenario_set.regimes} == {k: v for k, v in named.items() if v}


def test_rows_and_drivers_can_be_chosen_and_points_are_exact(stub, race, scenario_set):
    where = {"race_id": race.race_id, "scenario_set_id": scenario_set.scenario_set_id}
    _, ticks, regimes = read(stub, **where)
    header, part, labels = read(stub, **where, start_row=100, end_row=250)
    assert (header.start_row, header.end_row, header.n_rows) == (100, 250, N)
    assert (part == ticks[100:250]).all()
    assert (labels == regimes[100:250]).all()
    wanted = [scenario_set.driver_ids[5], scenario_set.driver_ids[0]]
    header, points, _ = read(stub, **where, driver_ids=wanted, dtype=scenario_set_pb2.MATRIX_DTYPE_FLOAT32)
    assert list(header.driver_ids) == wanted
    assert header.scale == 1
    assert (points == (ticks[:, [5, 0]] / 20).astype(np.float32)).all()


def test_a_broken_stream_is_resumed_at_the_next_row(stub, race):
    made = generate(stub, race.race_id, 20_000, seed=4)
    where = {"race_id": race.race_id, "scenario_set_id": made.scenario_set_id}
    _, whole, _ = read(stub, **where)
    stream = stub.StreamMatrix(pb.StreamMatrixRequest(**where))
    next(stream)
    first = next(stream).chunk
    stream.cancel()
    _, rest, _ = read(stub, **where, start_row=first.n_rows)
    assert (rest == whole[first.n_rows :]).all()
    assert read(stub, **where, start_row=20_000)[1].shape == (0, 38)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"start_row": N + 1}, "start_row"),
        ({"end_row": N + 1}, "end_row"),
        ({"start_row": 5, "end_row": 4}, "start_row"),
        ({"driver_ids": ["nobody"]}, "driver_ids[0]"),
    ],
)
def test_rows_and_drivers_outside_the_set_are_refused(stub, race, scenario_set, changes, field):
    request = pb.StreamMatrixRequest(race_id=race.race_id, scenario_set_id=scenario_set.scenario_set_id, **changes)
    code, _, fields = refusal(lambda: list(stub.StreamMatrix(request)))
    assert (code, fields) == (grpc.StatusCode.INVALID_ARGUMENT, [field])


def test_a_lost_or_damaged_matrix_is_rebuilt_from_its_recipe(race, tmp_path):
    settings = ScenarioSettings(data_dir=tmp_path, port=0)
    with serve([build(settings)]) as channel:
        stub = ScenarioServiceStub(channel)
        stub.PutRace(pb.PutRaceRequest(race=race))
        made = generate(stub, race.race_id, 200)
    ticks_file = tmp_path / "matrices" / made.scenario_set_id / "ticks.npy"
    damaged = bytearray(ticks_file.read_bytes())
    damaged[-1] ^= 1
    ticks_file.write_bytes(bytes(damaged))
    with serve([build(settings)]) as channel:
        header, ticks, _ = read(ScenarioServiceStub(channel), race_id=race.race_id)
    assert header.scenario_set_id == made.scenario_set_id
    assert wire.content_hash(ticks) == made.content_hash


def test_an_own_matrix_is_kept_in_the_order_of_the_race(stub, race):
    rng = np.random.default_rng(6)
    points = rng.normal(30, 20, (300, 38)).astype(np.float32)
    order = rng.permutation(38)
    ids = [race.drivers[column].driver_id for column in order]
    header = header_for(race, 300, driver_ids=ids, dtype=scenario_set_pb2.MATRIX_DTYPE_FLOAT32)
    made = upload(stub, header, points[:, order])
    assert made.source == scenario_set_pb2.SCENARIO_SOURCE_UPLOADED
    assert not made.HasField("recipe")
    assert sum(item.n_scenarios for item in made.regimes) == 300
    assert "15 % chaos by construction" in made.warnings[0]
    _, ticks, _ = read(stub, race_id=race.race_id, scenario_set_id=made.scenario_set_id)
    assert (ticks == np.rint(points.astype(float) * 20)).all()
    summary = stub.SummarizeScenarios(
        pb.SummarizeScenariosRequest(race_id=race.race_id, scenario_set_id=made.scenario_set_id)
    )
    assert summary.drivers[0].mean_points == pytest.approx(ticks[:, 0].mean() / 20)
    assert not summary.drivers[0].HasField("win_rate")
    assert upload(stub, header, points[:, order]).scenario_set_id == made.scenario_set_id


def test_own_regime_labels_are_kept(stub, race):
    values = np.zeros((4, 38), np.int16)
    header = header_for(race, 4, regime_names=["wet", "dry"])
    made = upload(stub, header, values, regimes=bytes([0, 1, 1, 1]))
    assert [(item.regime, item.n_scenarios) for item in made.regimes] == [("wet", 1), ("dry", 3)]
    assert not made.warnings


def test_scenarios_that_are_all_alike_are_normal_without_a_word(stub, race):
    made = upload(stub, header_for(race, 3), np.ones((3, 38), np.int16))
    assert [(item.regime, item.n_scenarios) for item in made.regimes] == [("normal", 3)]
    assert not made.warnings


def test_uploads_at_fault_are_refused_and_leave_nothing(stub, folder, race):
    before = set((folder / "matrices").iterdir())
    nan = np.full((2, 38), np.nan, np.float32)
    floats = scenario_set_pb2.MATRIX_DTYPE_FLOAT32
    good = np.zeros((2, 38), np.int16)
    invalid, lost = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.DATA_LOSS
    cases = [
        (invalid, lambda: upload(stub, header_for(race, 2, dtype=floats), nan)),
        (invalid, lambda: upload(stub, header_for(race, 3), good)),
        (invalid, lambda: upload(stub, header_for(race, 2, driver_ids=["x"]), good)),
        (lost, lambda: upload(stub, header_for(race, 2), good, crc32c=1)),
        (lost, lambda: upload(stub, header_for(race, 2, content_hash="0" * 64), good)),
        (invalid, lambda: stub.UploadMatrix(iter([]))),
    ]
    assert [refusal(call)[0] for _, call in cases] == [code for code, _ in cases]
    assert set((folder / "matrices").iterdir()) == before


def test_an_upload_is_refused_when_its_race_was_stored_anew_meanwhile(stub, folder, race, monkeypatch):
    moving, moved = race_pb2.Race(), race_pb2.Race()
    for message in (moving, moved):
        message.CopyFrom(race)
        message.race_id = "moving"
    del moved.drivers[:]
    moved.drivers.extend(reversed(race.drivers))
    stub.PutRace(pb.PutRaceRequest(race=moving))
    before = set((folder / "matrices").iterdir())

    def decode_and_move(*arguments):
        decoded = decode_upload(*arguments)
        stub.PutRace(pb.PutRaceRequest(race=moved))
        return decoded

    values = np.arange(2 * 38, dtype=np.int16).reshape(2, 38)
    with monkeypatch.context() as patch:
        patch.setattr("services.scenario.servicer.decode_upload", decode_and_move)
        told = refusal(lambda: upload(stub, header_for(moving, 2), values))
    assert told[:2] == (grpc.StatusCode.ABORTED, "CONFLICT")
    assert set((folder / "matrices").iterdir()) == before
    again = upload(stub, header_for(moving, 2), values)
    _, ticks, _ = read(stub, race_id="moving", scenario_set_id=again.scenario_set_id)
    assert np.array_equal(ticks, values[:, ::-1])
