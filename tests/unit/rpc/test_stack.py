"""A stack that cannot start leaves nothing behind, no folder, no open records, no port; health of one that does."""

import socket
import tempfile

import pytest
import sqlalchemy as sa
from grpc_health.v1 import health_pb2, health_pb2_grpc

import pitwall
from pitwall.errors import FailedPreconditionError, InvalidInputError, UnavailableError
from pitwall.rpc import open_channel
from services.common.rpc.server import Server
from services.common.rpc.settings import ServerSettings
from services.common.sql import open_engine
from services.scenario.records import Records
from services.stack import start_stack


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    """Where temporary folders are made."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def closed(monkeypatch):
    """Records of the scenario service that have been closed, counted."""
    counted, close = [], Records.close
    monkeypatch.setattr(Records, "close", lambda self: counted.append(self) or close(self))
    return counted


def test_a_folder_for_the_time_of_the_stack(scratch, closed, tmp_path):
    stack = start_stack(tmp_path / "data")
    assert len(list(scratch.iterdir())) == 1
    stack.stop(0)
    assert list(scratch.iterdir()) == []
    assert len(closed) == 1


def test_a_service_that_cannot_reach_another_names_it(scratch, tmp_path):
    with pitwall.local(tmp_path / "data") as client:
        (folder,) = scratch.iterdir()
        (folder / "inner").unlink()
        with pytest.raises(UnavailableError, match=f"^the scenario service: .*{folder}/inner"):
            client.optimizer.count("copper")


def test_records_that_cannot_be_read_leave_nothing(scratch, closed, tmp_path):
    start_stack(tmp_path / "data").stop(0)
    engine = open_engine(f"sqlite:///{tmp_path / 'data' / 'ownership' / 'ownership.db'}")
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE ownership_schema SET version_num = '0999'"))
    engine.dispose()
    closed.clear()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(FailedPreconditionError, match="newer version"):
        start_stack(tmp_path / "data", ServerSettings(port=port))
    socket.create_server(("127.0.0.1", port)).close()
    assert list(scratch.iterdir()) == []
    assert len(closed) == 1, "the scenario service had its records open already"


def test_a_port_that_is_taken_leaves_nothing(scratch, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(InvalidInputError, match="cannot listen"):
            start_stack(tmp_path / "data", ServerSettings(port=port))
    assert list(scratch.iterdir()) == []


def test_a_long_temporary_folder_leaves_room_for_the_socket(tmp_path, monkeypatch):
    folder = tmp_path / ("t" * 100)
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    start_stack(tmp_path / "data").stop(0)
    assert list(folder.iterdir()) == []


def test_a_socket_that_cannot_be_bound_frees_the_port(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(InvalidInputError, match="is its folder there"):
        Server(ServerSettings(port=port), inner_address=f"unix:{tmp_path}/none/inner")
    socket.create_server(("127.0.0.1", port)).close()


def test_a_start_that_fails_at_its_end_leaves_nothing(scratch, closed, tmp_path, monkeypatch):
    monkeypatch.setattr("services.common.rpc.server.reflection.enable_server_reflection", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        start_stack(tmp_path / "data")
    assert list(scratch.iterdir()) == []
    assert len(closed) == 1


def test_health_tells_the_service_whose_storage_fails_from_the_others(tmp_path):
    stack = start_stack(tmp_path / "data")
    (tmp_path / "data" / "ownership").rename(tmp_path / "aside")
    stack.probe()
    names = ("", "pitwall.ownership.v1.OwnershipService", "pitwall.scenario.v1.ScenarioService")
    with open_channel(stack.address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        told = [stub.Check(health_pb2.HealthCheckRequest(service=name)).status for name in names]
    stack.stop(0)
    statuses = health_pb2.HealthCheckResponse
    assert told == [statuses.NOT_SERVING, statuses.NOT_SERVING, statuses.SERVING]
