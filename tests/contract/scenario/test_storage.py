"""A service whose storage goes away while it serves, and comes back."""

import sqlite3
from contextlib import closing
from functools import partialmethod

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from pitwall.rpc import open_channel
from pitwall.scenario.v1 import scenario_service_pb2 as pb
from pitwall.scenario.v1.scenario_service_pb2_grpc import ScenarioServiceStub
from services.common.database_file import DatabaseFile
from services.common.rpc.server import start_server
from services.scenario.__main__ import build
from services.scenario.settings import ScenarioSettings
from tests.contract.scenario.world import generate, import_request, refusal

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "scenario"


@pytest.fixture
def server(folder):
    settings = ScenarioSettings(data_dir=folder, port=0, workers=2)
    server = start_server([build(settings)], settings)
    yield server
    server.stop(0)


@pytest.fixture
def channel(server):
    with open_channel(server.address) as channel:
        yield channel


def test_calls_are_refused_while_the_data_folder_is_gone_and_nothing_is_lost(channel, folder):
    stub = ScenarioServiceStub(channel)
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


def test_a_folder_that_is_gone_is_told_after_one_call(channel, folder, monkeypatch):
    asked = []
    monkeypatch.setattr(DatabaseFile, "_refusal", partialmethod(_noted, DatabaseFile._refusal, asked))
    aside = folder.rename(folder.with_name("aside"))
    with pytest.raises(grpc.RpcError):
        ScenarioServiceStub(channel).GetRace(pb.GetRaceRequest(race_id="kept"))
    aside.rename(folder)
    assert len(asked) == 1


def _noted(file, refusal, asked, problem):
    asked.append(problem)
    return refusal(file, problem)


def lose_folder(folder):
    folder.rename(folder.with_name("aside"))
    return lambda: folder.with_name("aside").rename(folder)


def overwrite_records(folder):
    path = folder / "scenario.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    sound = path.read_bytes()
    path.write_bytes(b"notes of another program" * 100)
    return lambda: path.write_bytes(sound)


def block_matrices(folder):
    path = folder / "matrices"
    path.rmdir()
    path.touch()
    return path.unlink


@pytest.mark.parametrize("break_storage", [lose_folder, overwrite_records, block_matrices])
def test_health_follows_the_storage_down_and_up_again(server, channel, folder, break_storage):
    watched = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=30)
    assert next(watched).status == SERVING
    mend = break_storage(folder)
    server.probe()
    assert next(watched).status == NOT_SERVING
    mend()
    server.probe()
    assert next(watched).status == SERVING
    watched.cancel()
