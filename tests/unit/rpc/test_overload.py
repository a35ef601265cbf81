"""A server that has too many calls: clients wait and call again, services that ask it for others do not."""

import contextlib
import threading
from unittest.mock import MagicMock

import grpc
import numpy as np
import pytest
from typer.testing import CliRunner

import pitwall
from pitwall import ConnectionConfig
from pitwall._calls import Caller
from pitwall._waiting import Patience, Pauses
from pitwall.cli import app
from pitwall.errors import CancelledError, OverloadedError
from pitwall.ownership.v1 import ownership_pb2, ownership_service_pb2_grpc
from pitwall.ownership.v1 import ownership_service_pb2 as own
from pitwall.scenario.v1 import race_pb2, scenario_service_pb2_grpc, scenario_set_pb2
from pitwall.scenario.v1 import scenario_service_pb2 as pb
from services.common.domain.errors import Overloaded
from services.common.rpc.calls import open_call
from services.common.rpc.peers import connect_scenario
from services.common.rpc.server import ServiceBinding, start_server
from services.common.rpc.settings import PeerSettings, ServerSettings


class ScenarioServicer(scenario_service_pb2_grpc.ScenarioServiceServicer):
    """Counts the calls that it gets; ``GetRace`` keeps its place until it is released."""

    def __init__(self):
        self.held, self.release = threading.Event(), threading.Event()
        self.asked, self.rows, self.refuses = [], 0, threading.Event()

    def GetRace(self, request, context):
        if request.race_id == "hold":
            self.held.set()
            self.release.wait(60)
        return pb.GetRaceResponse(race=race_pb2.Race(race_id=request.race_id))

    def ListRaces(self, request, context):
        self.asked.append("list")
        if request.page_token == "never":
            raise Overloaded("busy", retry_seconds=3600)
        return pb.ListRacesResponse()

    def GenerateScenarios(self, request, context):
        self.asked.append("generate")
        if request.race_id == "never":
            self.refuses.set()
            raise Overloaded("busy", retry_seconds=3600)
        yield pb.GenerateScenariosResponse(scenario_set=scenario_set_pb2.ScenarioSet(scenario_set_id="0" * 16))

    def SummarizeScenarios(self, request, context):
        return pb.SummarizeScenariosResponse()

    def UploadMatrix(self, request_iterator, context):
        self.asked.append("upload")
        parts = list(request_iterator)
        assert parts[0].HasField("header")
        self.rows = sum(part.chunk.n_rows for part in parts[1:])
        return pb.UploadMatrixResponse()


class OwnershipServicer(ownership_service_pb2_grpc.OwnershipServiceServicer):
    """Asks the scenario service before it answers."""

    def __init__(self, peer):
        self.peer = peer

    def ProjectOwnership(self, request, context):
        self.peer.summarize(request.race_id, "", open_call(context))
        return own.ProjectOwnershipResponse(projection=ownership_pb2.OwnershipProjection())

    def ListModels(self, request, context):
        return own.ListModelsResponse()


@contextlib.contextmanager
def served(kind, servicer, name):
    add = getattr(
        {"Scenario": scenario_service_pb2_grpc, "Ownership": ownership_service_pb2_grpc}[kind],
        f"add_{kind}ServiceServicer_to_server",
    )
    binding = ServiceBinding(name, lambda server: add(servicer, server))
    server = start_server([binding], ServerSettings(port=0, max_concurrent_rpcs=1, drain_pause_seconds=0.0))
    try:
        yield server.address
    finally:
        server.stop(0)


@pytest.fixture
def servicer():
    return ScenarioServicer()


@pytest.fixture
def address(servicer):
    with served("Scenario", servicer, "pitwall.scenario.v1.ScenarioService") as address:
        yield address


@pytest.fixture
def holder(address, servicer):
    """A call that has the only place of the server until it is released."""
    with grpc.insecure_channel(address) as channel:
        stub = scenario_service_pb2_grpc.ScenarioServiceStub(channel)
        call = stub.GetRace.future(pb.GetRaceRequest(race_id="hold"), timeout=60)
        assert servicer.held.wait(10)
        yield call
        servicer.release.set()
        call.result()


@pytest.fixture
def pauses(monkeypatch, servicer, holder):
    """The pauses that calls have made; at the second the place becomes free."""
    made = []

    def wait(_self, seconds, _cancelling):
        made.append(seconds)
        if len(made) == 2:
            servicer.release.set()
            holder.result()

    monkeypatch.setattr(Pauses, "wait", wait)
    return made


CALLS = {
    "list": lambda client: list(client.races.list()),
    "generate": lambda client: client.scenarios.generate("r", 100),
    "upload": lambda client: client.scenarios.upload("r", np.zeros((300_000, 2), np.int16), ["1", "2"]),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_call_waits_for_its_place(address, servicer, pauses, name):
    with pitwall.connect(address) as client:
        CALLS[name](client)
    first, second = pauses
    assert 1.0 <= first <= 1.5
    assert 2.0 <= second <= 3.0
    assert servicer.asked == [name], "a call that is refused has not begun"
    assert servicer.rows == (300_000 if name == "upload" else 0)


def test_the_command_line_waits_too(address, servicer, pauses):
    done = CliRunner().invoke(app, ["--address", address, "race", "list"])
    assert done.exit_code == 0, done.output
    assert len(pauses) == 2
    assert servicer.asked == ["list"]
    assert done.stderr.count("waiting for a place: as many calls are being served as may be (1)") == 1


@pytest.mark.usefixtures("pauses")
def test_json_on_standard_error_has_no_words_before_it(address):
    done = CliRunner().invoke(app, ["--address", address, "race", "list", "--json"])
    assert done.exit_code == 0, done.output
    assert done.stderr == ""


@pytest.mark.parametrize("name", CALLS)
def test_waiting_can_be_switched_off(address, servicer, pauses, name):
    config = ConnectionConfig(overload_wait_seconds=0)
    with pitwall.connect(address, config=config) as client, pytest.raises(OverloadedError):
        CALLS[name](client)
    assert pauses == servicer.asked == []


@pytest.fixture
def stub(address):
    with grpc.insecure_channel(address) as channel:
        yield scenario_service_pb2_grpc.ScenarioServiceStub(channel)


@pytest.mark.parametrize(
    ("call_seconds", "timeout_seconds"), [(0.9, None), (60.0, 0.9)], ids=["by the channel", "by the call"]
)
def test_a_call_without_time_to_wait_says_that_the_service_is_busy(
    stub, servicer, pauses, call_seconds, timeout_seconds
):
    caller = Caller(patience=Patience(60, call_seconds, call_seconds))
    with pytest.raises(OverloadedError) as caught:
        caller.unary(stub.ListRaces, pb.ListRacesRequest(), timeout_seconds=timeout_seconds)
    assert caught.value.retry_seconds == 1.0
    request = pb.GenerateScenariosRequest(race_id="r", n_scenarios=100)
    with pytest.raises(OverloadedError):
        list(caller.stream(stub.GenerateScenarios, request, timeout_seconds=timeout_seconds))
    assert pauses == servicer.asked == []


def test_parts_that_are_gone_are_not_sent_again(stub, servicer, pauses):
    caller, parts = Caller(patience=Patience(60)), iter([pb.UploadMatrixRequest()])
    with pytest.raises(OverloadedError):
        caller.unary(stub.UploadMatrix, parts)
    assert pauses == servicer.asked == []


def test_a_service_that_asks_for_others_does_not_wait(address, servicer, pauses):
    peer = connect_scenario(address, PeerSettings())
    context = MagicMock(time_remaining=lambda: 60.0)
    with pytest.raises(Overloaded, match=r"^the scenario service: as many calls are being served") as caught:
        peer.get_race("r", open_call(context))
    assert caught.value.retry_seconds == 1.0
    assert pauses == []


def test_a_wait_for_a_service_behind_another_keeps_no_place_of_the_other(address, servicer, holder, monkeypatch):
    front = OwnershipServicer(connect_scenario(address, PeerSettings()))
    with served("Ownership", front, "pitwall.ownership.v1.OwnershipService") as front_address:
        impatient = ConnectionConfig(overload_wait_seconds=0)
        with pitwall.connect(front_address) as client, pitwall.connect(front_address, config=impatient) as other:

            def wait(_self, _seconds, _cancelling):
                other.ownership.models()  # takes the only place
                servicer.release.set()
                holder.result()

            monkeypatch.setattr(Pauses, "wait", wait)
            client.ownership.project("r")
    assert servicer.release.is_set()


def test_a_call_is_cancelled_while_it_waits(stub, servicer):
    surrounded = []

    @contextlib.contextmanager
    def cancelling(cancel):
        surrounded.append(cancel)
        if len(surrounded) == 2:
            cancel()
        yield

    caller, request = Caller(patience=Patience(10_000)), pb.ListRacesRequest(page_token="never")
    with pytest.raises(CancelledError):
        caller.unary(stub.ListRaces, request, cancelling=cancelling)
    assert servicer.asked == ["list"]


def test_calls_of_a_closed_client_are_cancelled(address):
    client = pitwall.connect(address)
    client.close()
    for call in CALLS.values():
        with pytest.raises(CancelledError, match="closed"):
            call(client)


def test_closing_the_client_ends_the_waits_of_other_threads(address, servicer):
    config, ended = ConnectionConfig(overload_wait_seconds=10_000, long_call_seconds=10_000), []
    with pitwall.connect(address, config=config) as client:

        def call():
            try:
                client.scenarios.generate("never", 100)
            except pitwall.PitwallError as error:
                ended.append(type(error))

        thread = threading.Thread(target=call, daemon=True)
        thread.start()
        assert servicer.refuses.wait(10)
    thread.join(10)
    assert ended == [CancelledError]
