"""Races imported, stored, listed and deleted."""

from __future__ import annotations

import grpc
import pytest

from pitwall.scenario.v1 import race_pb2
from pitwall.scenario.v1 import scenario_service_pb2 as pb
from services.common.domain.errors import StorageFull
from services.scenario.records import Records
from tests.contract.scenario.world import (
    example,
    generate,
    import_request,
    refusal,
)


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
