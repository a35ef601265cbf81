"""What becomes of streams whose server dies before it has said anything."""

import subprocess
import sys
import threading

import grpc
import pytest

from pitwall._calls import Caller
from pitwall._channel import ConnectionConfig, open_channel
from pitwall.errors import UnavailableError
from pitwall.scenario.v1 import scenario_service_pb2 as pb
from pitwall.scenario.v1 import scenario_service_pb2_grpc
from tests.conftest import REPOSITORY

REQUEST = pb.GenerateScenariosRequest(race_id="r", n_scenarios=1_000)


@pytest.fixture
def server():
    command = [sys.executable, "-m", "tests.unit.rpc.dying_server"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY)
    try:
        yield process, f"127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.kill()
        process.wait()


@pytest.mark.timeout(60)
@pytest.mark.parametrize("balancing", ["round_robin", "pick_first"])
def test_a_stream_ends_with_its_server(server, balancing):
    """With retries by gRPC it hangs past every deadline; they are made by the caller."""
    process, address = server
    outcome = []

    def call():
        config = ConnectionConfig(balancing=balancing)
        with open_channel(address, config) as channel:
            stub = scenario_service_pb2_grpc.ScenarioServiceStub(channel)
            try:
                list(Caller(max_attempts=3).stream(stub.GenerateScenarios, REQUEST))
            except UnavailableError as error:
                outcome.append(error)

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    assert process.stdout.readline() == "called\n"
    process.kill()
    thread.join(40)
    assert [type(error) for error in outcome] == [UnavailableError]


class Refused(grpc.RpcError):
    def __init__(self, code):
        self._code = code

    def code(self):
        return self._code

    def details(self):
        return "gone"

    def trailing_metadata(self):
        return ()


class Answers:
    """A stream that gives what it is told, the last of it an error or its end."""

    def __init__(self, *items):
        self._items, self.cancelled = list(items), False

    def __iter__(self):
        for item in self._items:
            if isinstance(item, Exception):
                raise item
            yield item

    def cancel(self):
        self.cancelled = True


class Method:
    def __init__(self, *calls):
        self.calls, self.timeouts = list(calls), []

    def __call__(self, request, timeout, metadata):
        self.timeouts.append(timeout)
        return self.calls[len(self.timeouts) - 1]


UNAVAILABLE, EXHAUSTED = grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_stream_of_which_nothing_has_come_is_asked_for_again_within_its_time():
    method = Method(Answers(Refused(UNAVAILABLE)), Answers("a", "b"))
    assert list(Caller(max_attempts=2).stream(method, REQUEST, timeout_seconds=30)) == ["a", "b"]
    first, second = method.timeouts
    assert 0 < second < first <= 30
    assert all(call.cancelled for call in method.calls)


@pytest.mark.parametrize(
    "calls",
    [
        [Answers("a", Refused(UNAVAILABLE)), Answers("a", "b")],  # it would give what was given before
        [Answers(Refused(EXHAUSTED)), Answers("a")],  # the service is there, and has said no
    ],
)
def test_other_streams_are_asked_for_once(calls):
    method = Method(*calls)
    with pytest.raises(Exception, match="gone"):
        list(Caller(max_attempts=2).stream(method, REQUEST))
    assert len(method.timeouts) == 1
