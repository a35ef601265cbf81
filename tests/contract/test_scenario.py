"""Every rpc of the scenario service against a real server on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import grpc
import numpy as np
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from pitwall import wire
from pitwall.scenario.v1 import race_pb2, scenario_set_pb2
from pitwall.scenario.v1 import scenario_service_pb2 as pb
from pitwall.scenario.v1.scenario_service_pb2_grpc import ScenarioServiceStub
from services.common.domain.errors import StorageFull
from services.common.matrix.codec import decode_upload
from services.common.rpc.testing import serve
from services.scenario.__main__ import build
from services.scenario.records import Records
from services.scenario.settings import ScenarioSettings

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
N = 600


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("scenario")


@pytest.fixture(scope="module")
def stub(folder) -> Iterator[ScenarioServiceStub]:
    with serve([build(ScenarioSettings(data_dir=folder, port=0, workers=2))]) as channel:
        yield ScenarioServiceStub(channel)


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


@pytest.fixture(scope="module")
def race(stub) -> race_pb2.Race:
    return stub.ImportRace(import_request("sample")).race


@pytest.fixture(scope="module")
def scenario_set(stub, race) -> scenario_set_pb2.ScenarioSet:
    return generate(stub, race.race_id)


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


def test_import_stores_the_race_and_reports_names(stub):
    response = stub.ImportRace(import_request("imported"))
    assert response.race.name == "Copper Basin 312"
    assert len(response.race.snapshot_hash) == 64
    assert len(response.report.matched) == 38
    assert {item.match for item in response.report.matched} == {
        race_pb2.NAME_MATCH_EXACT,
        race_pb2.NAME_MATCH_BY_RULE,
    }
    assert stub.GetRace(pb.GetRaceRequest(race_id="imported")).race == response.race


def test_an_import_in_place_of_other_drivers_says_how_many_changed(stub):
    def told(content: bytes) -> str:
        file = race_pb2.InputFile(name="DKSalaries.csv", content=content)
        return stub.ImportRace(import_request("again", salaries=file)).report.replaced

    first = example("DKSalaries.csv").content
    assert told(first) == ""
    assert told(first.replace(b",11200,", b",11100,", 1)) == ""
    ids = [line.split(b",")[3] for line in first.splitlines()[1:4]]
    assert all(first.count(one) == 2 for one in ids)
    other = first
    for one in ids:
        other = other.replace(one, b"9" + one)
    replaced = "race 'again' replaces one of the same id with other drivers: 3 of its 38 are gone, 3 of 38 are new"
    assert replaced in told(other)


@pytest.mark.parametrize("race_id", ["A b", "x" * 65])
def test_an_id_that_cannot_be_one_is_refused_in_words(stub, race_id):
    with pytest.raises(grpc.RpcError, match="is no id of a race: these are lower-case letters"):
        stub.GetRace(pb.GetRaceRequest(race_id=race_id))


def test_a_bad_file_names_row_and_column_and_stores_nothing(stub):
    content = example("DKSalaries.csv").content.replace(b",11200,", b",free,", 1)
    request = import_request("broken", salaries=race_pb2.InputFile(name="DKSalaries.csv", content=content))
    code, reason, fields = refusal(lambda: stub.ImportRace(request))
    assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_INPUT")
    assert fields == ["DKSalaries.csv: row 2, column Salary"]
    assert refusal(lambda: stub.GetRace(pb.GetRaceRequest(race_id="broken")))[0] is grpc.StatusCode.NOT_FOUND


def test_put_race_checks_across_fields_and_lists_every_fault(stub, race):
    bad = race_pb2.Race()
    bad.CopyFrom(race)
    bad.race_id = "bad"
    bad.drivers[1].driver_id = bad.drivers[0].driver_id
    bad.stage_laps[0] += 1
    code, _, fields = refusal(lambda: stub.PutRace(pb.PutRaceRequest(race=bad)))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert fields == ["race.drivers[1].driver_id", "race.stage_laps"]


@pytest.mark.parametrize("race_id", ["../../etc", "A", "", "a/b", "x" * 65, ".."])
def test_race_ids_cannot_leave_the_folder(stub, race, race_id):
    bad = race_pb2.Race()
    bad.CopyFrom(race)
    bad.race_id = race_id
    assert refusal(lambda: stub.PutRace(pb.PutRaceRequest(race=bad)))[0] is grpc.StatusCode.INVALID_ARGUMENT
    assert refusal(lambda: stub.GetRace(pb.GetRaceRequest(race_id=race_id)))[0] is grpc.StatusCode.INVALID_ARGUMENT


def test_put_replaces_and_makes_older_sets_stale(stub, race):
    changed = race_pb2.Race()
    changed.CopyFrom(race)
    changed.race_id = "changing"
    first = stub.PutRace(pb.PutRaceRequest(race=changed)).race
    old = generate(stub, "changing", 200)
    changed.drivers[0].withdrawn = True
    second = stub.PutRace(pb.PutRaceRequest(race=changed)).race
    assert second.create_time == first.create_time
    assert second.snapshot_hash != first.snapshot_hash
    missing = refusal(lambda: stub.GetScenarioSet(pb.GetScenarioSetRequest(race_id="changing")))
    assert missing[:2] == (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")
    sets = stub.ListScenarioSets(pb.ListScenarioSetsRequest(race_id="changing")).scenario_sets
    assert [(item.scenario_set_id, item.stale) for item in sets] == [(old.scenario_set_id, True)]
    assert len(generate(stub, "changing", 200).driver_ids) == 37


def test_sets_are_listed_by_pages(stub, race):
    copy = race_pb2.Race()
    copy.CopyFrom(race)
    copy.race_id = "sets-by-page"
    stub.PutRace(pb.PutRaceRequest(race=copy))
    made = [generate(stub, "sets-by-page", 100, seed=seed).scenario_set_id for seed in range(3)]
    request = pb.ListScenarioSetsRequest(race_id="sets-by-page", page_size=2)
    first = stub.ListScenarioSets(request)
    request.page_token = first.next_page_token
    second = stub.ListScenarioSets(request)
    listed = [item.scenario_set_id for item in (*first.scenario_sets, *second.scenario_sets)]
    assert listed == made[::-1]
    assert second.next_page_token == ""
    request.page_token = "nonsense"
    assert refusal(lambda: stub.ListScenarioSets(request))[0] is grpc.StatusCode.INVALID_ARGUMENT


def test_races_are_listed_by_pages(stub, race):
    for index in range(3):
        copy = race_pb2.Race()
        copy.CopyFrom(race)
        copy.race_id = f"page-{index}"
        stub.PutRace(pb.PutRaceRequest(race=copy))
    seen, token = [], ""
    while True:
        page = stub.ListRaces(pb.ListRacesRequest(page_size=2, page_token=token))
        assert len(page.races) <= 2
        seen += [item.race_id for item in page.races]
        token = page.next_page_token
        if not token:
            break
    assert seen[:3] == ["page-2", "page-1", "page-0"]
    assert len(seen) == len(set(seen)) == len(stub.ListRaces(pb.ListRacesRequest(page_size=500)).races)
    code, _, fields = refusal(lambda: stub.ListRaces(pb.ListRacesRequest(page_token="bm9uc2Vuc2U=")))
    assert (code, fields) == (grpc.StatusCode.INVALID_ARGUMENT, ["page_token"])


def test_a_full_disk_lets_a_race_be_deleted(stub, folder, monkeypatch):
    """Its records take room to be deleted: generated matrices make it, those of the user stay until they go too."""
    stub.ImportRace(import_request("bulky"))
    matrix = folder / "matrices" / generate(stub, "bulky", 100).scenario_set_id
    assert matrix.exists()
    delete = Records.delete_race

    def delete_with_room(records, race_id):
        if matrix.exists():
            raise StorageFull("the disk is full")
        return delete(records, race_id)

    monkeypatch.setattr(Records, "delete_race", delete_with_room)
    assert stub.DeleteRace(pb.DeleteRaceRequest(race_id="bulky")).n_scenario_sets == 1
    assert refusal(lambda: stub.GetRace(pb.GetRaceRequest(race_id="bulky")))[0] is grpc.StatusCode.NOT_FOUND


def test_delete_takes_the_sets_along(stub, folder, race):
    copy = race_pb2.Race()
    copy.CopyFrom(race)
    copy.race_id = "doomed"
    stub.PutRace(pb.PutRaceRequest(race=copy))
    made = generate(stub, "doomed", 200)
    assert (folder / "matrices" / made.scenario_set_id).is_dir()
    assert stub.DeleteRace(pb.DeleteRaceRequest(race_id="doomed")).n_scenario_sets == 1
    assert not (folder / "matrices" / made.scenario_set_id).exists()
    assert refusal(lambda: stub.DeleteRace(pb.DeleteRaceRequest(race_id="doomed")))[0] is grpc.StatusCode.NOT_FOUND


def test_generate_streams_progress_and_ends_with_the_set(stub, race):
    request = pb.GenerateScenariosRequest(race_id=race.race_id, n_scenarios=10_000, seed=3)
    events = list(stub.GenerateScenarios(request))
    progress = [event.progress for event in events[:-1]]
    assert progress
    assert progress[-1].done == progress[-1].total == 10_000
    assert [item.done for item in progress] == sorted(item.done for item in progress)
    made = events[-1].scenario_set
    assert made.recipe.n_scenarios == made.n_scenarios == 10_000
    assert made.recipe.seed == 3
    assert made.recipe.race_snapshot_hash == race.snapshot_hash
    assert made.recipe.model_version
    assert made.recipe.calibration_version
    assert sum(item.n_scenarios for item in made.regimes) == 10_000
    assert not made.stale


def test_generating_twice_is_the_same_thing(stub, race, scenario_set):
    assert generate(stub, race.race_id) == scenario_set
    assert generate(stub, race.race_id, seed=2).scenario_set_id != scenario_set.scenario_set_id


@pytest.mark.parametrize("n_scenarios", [0, 99, 1_000_001, 10**9])
def test_scenario_counts_are_limited(stub, race, n_scenarios):
    request = pb.GenerateScenariosRequest(race_id=race.race_id, n_scenarios=n_scenarios)
    code, _, fields = refusal(lambda: list(stub.GenerateScenarios(request)))
    assert (code, fields) == (grpc.StatusCode.INVALID_ARGUMENT, ["n_scenarios"])


def test_unknown_races_and_sets_are_not_found(stub, race):
    calls = [
        lambda: list(stub.GenerateScenarios(pb.GenerateScenariosRequest(race_id="nowhere", n_scenarios=100))),
        lambda: stub.ListScenarioSets(pb.ListScenarioSetsRequest(race_id="nowhere")),
        lambda: stub.GetScenarioSet(pb.GetScenarioSetRequest(race_id=race.race_id, scenario_set_id="ab" * 16)),
        lambda: list(stub.StreamMatrix(pb.StreamMatrixRequest(race_id=race.race_id, scenario_set_id="ab" * 16))),
        lambda: stub.SummarizeScenarios(pb.SummarizeScenariosRequest(race_id="nowhere")),
        lambda: upload(stub, header_for(race, 2, race_id="nowhere"), np.zeros((2, 38), np.int16)),
    ]
    assert {refusal(call)[:2] for call in calls} == {(grpc.StatusCode.NOT_FOUND, "NOT_FOUND")}


def test_a_cancelled_generation_keeps_nothing(stub, folder, race):
    before = set((folder / "matrices").iterdir())
    call = stub.GenerateScenarios(pb.GenerateScenariosRequest(race_id=race.race_id, n_scenarios=1_000_000, seed=77))
    next(call)
    call.cancel()
    generate(stub, race.race_id, 200, seed=78)
    sets = stub.ListScenarioSets(pb.ListScenarioSetsRequest(race_id=race.race_id)).scenario_sets
    assert 1_000_000 not in {item.n_scenarios for item in sets}
    added = set((folder / "matrices").iterdir()) - before
    assert len([path for path in added if not path.name.startswith(".")]) == 1


def test_a_deadline_ends_generation(stub, race):
    request = pb.GenerateScenariosRequest(race_id=race.race_id, n_scenarios=1_000_000, seed=79)
    with pytest.raises(grpc.RpcError) as caught:
        list(stub.GenerateScenarios(request, timeout=0.3))
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


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


def test_a_projection_out_of_reach_is_told_whenever_the_set_is_shown(stub, race):
    bold = race_pb2.Race()
    bold.CopyFrom(race)
    bold.race_id = "bold"
    for driver in bold.drivers:
        driver.ClearField("projected_points")
    bold.drivers[5].projected_points = 200.0
    stub.PutRace(pb.PutRaceRequest(race=bold))
    made = generate(stub, "bold", 2_000)
    assert [bold.drivers[5].name in warning and "200.0 points" in warning for warning in made.warnings] == [True]
    assert generate(stub, "bold", 2_000).warnings == made.warnings
    assert stub.GetScenarioSet(pb.GetScenarioSetRequest(race_id="bold")).scenario_set.warnings == made.warnings
    summary = stub.SummarizeScenarios(pb.SummarizeScenariosRequest(race_id="bold"))
    assert summary.scenario_set.warnings == made.warnings


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


def test_summaries_agree_with_the_matrix(stub, race, scenario_set):
    where = {"race_id": race.race_id, "scenario_set_id": scenario_set.scenario_set_id}
    _, ticks, _ = read(stub, **where)
    summary = stub.SummarizeScenarios(
        pb.SummarizeScenariosRequest(
            **where, percentile_levels=[90, 10], include_optimal_rates=True, include_correlations=True
        )
    )
    points = ticks / 20
    assert [driver.mean_points for driver in summary.drivers] == pytest.approx(points.mean(axis=0))
    assert [item.level for item in summary.drivers[0].percentiles] == [10, 90]
    assert [driver.percentiles[1].points for driver in summary.drivers] == pytest.approx(
        np.percentile(points, 90, axis=0)
    )
    assert sum(driver.win_rate for driver in summary.drivers) == pytest.approx(1)
    assert sum(driver.top5_rate for driver in summary.drivers) == pytest.approx(5)
    assert sum(driver.mean_finish for driver in summary.drivers) == pytest.approx(38 * 39 / 2)
    assert sum(driver.optimal_rate for driver in summary.drivers) == pytest.approx(6)
    values = np.array(summary.correlations.values).reshape(38, 38)
    assert values == pytest.approx(np.corrcoef(points.T), abs=1e-9)
    plain = stub.SummarizeScenarios(pb.SummarizeScenariosRequest(**where))
    assert not plain.drivers[0].HasField("optimal_rate")
    assert not plain.HasField("correlations")


def test_the_set_asked_for_last_is_the_newest(stub):
    stub.ImportRace(import_request("asked"))
    first, second = generate(stub, "asked", seed=1), generate(stub, "asked", seed=2)

    def newest():
        return stub.GetScenarioSet(pb.GetScenarioSetRequest(race_id="asked")).scenario_set.scenario_set_id

    assert newest() == second.scenario_set_id
    generate(stub, "asked", seed=1)
    assert newest() == first.scenario_set_id


def test_a_set_kept_aside_is_not_the_newest(stub):
    stub.ImportRace(import_request("aside"))
    first, second = generate(stub, "aside", seed=1), generate(stub, "aside", seed=2)

    def newest():
        return stub.GetScenarioSet(pb.GetScenarioSetRequest(race_id="aside")).scenario_set.scenario_set_id

    # Neither a new set nor one that is there takes the place of the newest, and both are found by their ids.
    fresh = generate(stub, "aside", seed=3, aside=True)
    assert generate(stub, "aside", seed=1, aside=True).scenario_set_id == first.scenario_set_id
    assert newest() == second.scenario_set_id
    found = stub.GetScenarioSet(pb.GetScenarioSetRequest(race_id="aside", scenario_set_id=fresh.scenario_set_id))
    assert found.scenario_set.recipe.seed == 3
    generate(stub, "aside", seed=3)
    assert newest() == fresh.scenario_set_id
