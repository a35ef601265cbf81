"""A service whose storage goes away while it serves, and comes back."""

import grpc
import pytest

from pitwall.scenario.v1 import scenario_service_pb2 as pb
from pitwall.scenario.v1.scenario_service_pb2_grpc import ScenarioServiceStub
from services.common.rpc.testing import serve
from services.scenario.__main__ import build
from services.scenario.settings import ScenarioSettings
from tests.contract.scenario.world import generate, import_request, refusal


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "scenario"


@pytest.fixture
def stub(folder):
    with serve([build(ScenarioSettings(data_dir=folder, port=0, workers=2))]) as channel:
        yield ScenarioServiceStub(channel)


def test_calls_are_refused_while_the_data_folder_is_gone_and_nothing_is_lost(stub, folder):
    stub.ImportRace(import_request("kept"))
    aside = folder.rename(folder.with_name("aside"))
    calls = (
        lambda: stub.ImportRace(import_request("lost")),
        lambda: stub.GetRace(pb.GetRaceRequest(race_id="kept")),
        lambda: generate(stub, "kept"),
    )
    for call in calls:
        assert refusal(call) == (grpc.StatusCode.UNAVAILABLE, "UNAVAILABLE", [])
    assert not folder.exists()
    aside.rename(folder)
    assert [race.race_id for race in stub.ListRaces(pb.ListRacesRequest()).races] == ["kept"]
    assert generate(stub, "kept").race_id == "kept"
