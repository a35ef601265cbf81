"""The end of a drain: after the calls that it cancels, and without those that do not stop."""

import subprocess
import sys
import threading

import grpc
import pytest

from pitwall.scenario.v1 import scenario_service_pb2 as pb
from pitwall.scenario.v1 import scenario_service_pb2_grpc
from services.common.domain.errors import Cancelled
from services.common.rpc.calls import stream_events
from services.common.rpc.server import ServiceBinding, start_server
from services.common.rpc.settings import ServerSettings


class Lines:
    """In place of the logs of a server: the names of its lines, and an event for the last."""

    def __init__(self):
        self.names, self.stopped = [], threading.Event()

    def info(self, name, **_values):
        self.names.append(name)
        if name == "stopped":
            self.stopped.set()

    warning = info


class Servicer(scenario_service_pb2_grpc.ScenarioServiceServicer):
    """Goes on for a while after it was cancelled, or does not notice."""

    def __init__(self, lines):
        self.lines, self.entered, self.stuck = lines, threading.Event(), threading.Event()
        self.ended, self.failure = threading.Event(), None

    def GetRace(self, request, context):
        gone = threading.Event()
        context.add_callback(gone.set)
        self.entered.set()
        gone.wait(20)
        self.lines.stopped.wait(0.5)  # what would come first if the server did not wait
        return pb.GetRaceResponse()

    def ListRaces(self, request, context):
        self.entered.set()
        self.stuck.wait(60)
        return pb.ListRacesResponse()

    def GenerateScenarios(self, request, context):
        def work(emit, _call):
            self.entered.set()
            self.stuck.wait(60)
            try:
                emit(pb.GenerateScenariosResponse())
            except Cancelled as error:
                self.failure = error
            self.ended.set()

        return stream_events(context, work)


@pytest.fixture
def lines(monkeypatch):
    lines = Lines()
    for module in ("guards", "server"):
        monkeypatch.setattr(f"services.common.rpc.{module}._log", lines)
    return lines


@pytest.fixture
def servicer(lines):
    servicer = Servicer(lines)
    yield servicer
    servicer.stuck.set()


def binding_of(servicer):
    return ServiceBinding(
        "pitwall.scenario.v1.ScenarioService",
        lambda server: scenario_service_pb2_grpc.add_ScenarioServiceServicer_to_server(servicer, server),
        close=lambda: servicer.lines.info("closed"),
    )


@pytest.fixture
def server(servicer):
    return start_server([binding_of(servicer)], ServerSettings(port=0, drain_pause_seconds=0.0))


@pytest.fixture
def stub(server):
    with grpc.insecure_channel(server.address) as channel:
        yield scenario_service_pb2_grpc.ScenarioServiceStub(channel)


def test_a_server_has_stopped_when_its_last_call_has_ended(server, servicer, stub, lines):
    call = stub.GetRace.future(pb.GetRaceRequest(race_id="r"))
    assert servicer.entered.wait(10)
    server.stop(0)
    assert lines.names == ["serving", "draining", "call", "closed", "stopped"]
    assert call.exception().code() in (grpc.StatusCode.CANCELLED, grpc.StatusCode.UNAVAILABLE)


@pytest.fixture
def short_of_time(monkeypatch):
    for name in ("_CANCELLED_SECONDS", "_LEFT_SECONDS"):
        monkeypatch.setattr(f"services.common.rpc.server.{name}", 0.3)


@pytest.mark.usefixtures("short_of_time")
def test_work_that_does_not_stop_is_left_behind_and_has_nobody_to_write_to(server, servicer, stub, lines, monkeypatch):
    monkeypatch.setattr("services.common.rpc.server._LEFT_SECONDS", 30.0)
    call = stub.GenerateScenarios(pb.GenerateScenariosRequest(race_id="r", n_scenarios=100))
    assert servicer.entered.wait(10)
    server.stop(0)
    assert lines.names == ["serving", "draining", "calls do not end", "call", "closed", "stopped"]
    assert not servicer.ended.is_set()
    servicer.stuck.set()
    assert servicer.ended.wait(10)
    assert isinstance(servicer.failure, Cancelled)
    assert call.code() is not grpc.StatusCode.OK


@pytest.mark.usefixtures("short_of_time")
def test_a_call_that_does_not_end_does_not_keep_a_server(server, servicer, stub, lines):
    call = stub.ListRaces.future(pb.ListRacesRequest())
    assert servicer.entered.wait(10)
    server.stop(0)
    assert lines.names == ["serving", "draining", "calls do not end", "closed", "stopped"]
    assert call.exception().code() is not grpc.StatusCode.OK


_STUCK = """
import os
import signal

import grpc
from pitwall.scenario.v1 import scenario_service_pb2 as pb
from services.common.rpc import process, server
from services.common.rpc.settings import ServerSettings
from tests.unit.rpc.test_drain import Servicer, Lines, binding_of

server._CANCELLED_SECONDS = server._LEFT_SECONDS = 0.1
servicer = Servicer(Lines())
serve = server.Server.serve_until


def serve_with_a_stuck_call(started, stop):
    stub = grpc.insecure_channel(started.address).unary_unary("/pitwall.scenario.v1.ScenarioService/ListRaces")
    call = stub.future(pb.ListRacesRequest().SerializeToString())
    assert servicer.entered.wait(10)
    os.kill(os.getpid(), signal.SIGTERM)
    return serve(started, stop)


server.Server.serve_until = serve_with_a_stuck_call
settings = ServerSettings(port=0, drain_pause_seconds=0.0, grace_seconds=0.0)
process._serve_until_signal(settings, lambda _settings: [binding_of(servicer)])
"""


def test_a_call_that_does_not_end_does_not_keep_the_process():
    # The call would last a minute, and Python waits for the threads of its pools.
    ended = subprocess.run([sys.executable, "-c", _STUCK], capture_output=True, text=True, timeout=45)
    assert ended.returncode == 0, ended.stderr
    assert '"stopped"' in ended.stdout + ended.stderr
