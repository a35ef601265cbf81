"""Calls from one service to another: deadlines and cancellation pass through, errors keep their kind."""

import threading

import numpy as np
import pytest

from pitwall._calls import Caller
from pitwall.errors import CancelledError, DeadlineExceededError, NotFoundError, UnavailableError
from pitwall.ownership.v1 import ownership_pb2, ownership_service_pb2_grpc
from pitwall.ownership.v1 import ownership_service_pb2 as own
from pitwall.scenario.v1 import scenario_service_pb2 as pb
from pitwall.scenario.v1 import scenario_service_pb2_grpc, scenario_set_pb2
from services.common.domain.errors import FailedPrecondition, NotFound
from services.common.domain.race import Driver, Race, Track, TrackType
from services.common.domain.site_rules import DRAFTKINGS_CLASSIC
from services.common.mapping import race_to_proto
from services.common.matrix.codec import encode
from services.common.rpc.calls import open_call
from services.common.rpc.encoded import Encoded
from services.common.rpc.logs import current_request_id
from services.common.rpc.peers import ScenarioPeer, connect_scenario, projected_ownership
from services.common.rpc.server import ServiceBinding
from services.common.rpc.settings import PeerSettings
from services.common.rpc.testing import serve

DRIVERS = tuple(Driver(str(number), f"D{number}", 5_000 + 100 * number) for number in range(8))
RACE = Race("copper", Track(TrackType.SHORT), 100, DRAFTKINGS_CLASSIC, DRIVERS)
TICKS = np.arange(800, dtype=np.int16).reshape(100, 8)


class ScenarioServicer(scenario_service_pb2_grpc.ScenarioServiceServicer):
    """One race, one set; some calls wait until they are cancelled."""

    def __init__(self):
        self.entered, self.left = threading.Event(), threading.Event()
        self.n_streams, self.n_asked = 0, threading.Semaphore(0)
        self.streams, self.request_ids = threading.Event(), []
        self.streams.set()
        self.has_set = True

    def GetRace(self, request, context):
        if request.race_id != RACE.race_id:
            raise NotFound(f"there is no race {request.race_id!r}")
        return pb.GetRaceResponse(race=race_to_proto(RACE))

    def GetScenarioSet(self, request, context):
        if not self.has_set:
            raise NotFound("no set")
        self.n_asked.release()
        self.request_ids.append(dict(context.invocation_metadata())["x-request-id"])
        return pb.GetScenarioSetResponse(scenario_set=scenario_set_pb2.ScenarioSet(scenario_set_id="0" * 16))

    def StreamMatrix(self, request, context):
        self.n_streams += 1
        self.streams.wait(20)
        header = scenario_set_pb2.MatrixHeader(
            scenario_set_id="0" * 16,
            n_rows=100,
            end_row=100,
            driver_ids=RACE.driver_ids,
            dtype=scenario_set_pb2.MATRIX_DTYPE_INT16,
            regime_names=["normal"],
        )
        yield pb.StreamMatrixResponse(header=header)
        for _, message in encode(TICKS, np.zeros(100, np.uint8)):
            yield Encoded(message)

    def SummarizeScenarios(self, request, context):
        self._wait(context)
        return pb.SummarizeScenariosResponse()

    def GenerateScenarios(self, request, context):
        self._wait(context)
        yield pb.GenerateScenariosResponse()

    def _wait(self, context):
        gone = threading.Event()
        context.add_callback(gone.set)
        self.entered.set()
        gone.wait(20)
        self.left.set()


class FrontServicer(ownership_service_pb2_grpc.OwnershipServiceServicer):
    """A service that asks the scenario service."""

    def __init__(self, peer):
        self.peer, self.matrix = peer, None

    def ProjectOwnership(self, request, context):
        call = open_call(context)
        race = self.peer.get_race(request.race_id, call)
        if request.model_version == "summarize":
            self.peer.summarize(race.race_id, "", call)
        elif request.model_version == "generate":
            self.peer.generate(race.race_id, 100, 0, call)
        else:
            self.matrix = self.peer.get_scenarios(race.race_id, "", call)
        return own.ProjectOwnershipResponse()


@pytest.fixture
def stack():
    servicer = ScenarioServicer()
    scenario = ServiceBinding(
        "pitwall.scenario.v1.ScenarioService",
        lambda server: scenario_service_pb2_grpc.add_ScenarioServiceServicer_to_server(servicer, server),
    )
    with serve([scenario]) as channel:
        front = FrontServicer(ScenarioPeer(channel, caller=Caller(request_id=current_request_id)))
        binding = ServiceBinding(
            "pitwall.ownership.v1.OwnershipService",
            lambda server: ownership_service_pb2_grpc.add_OwnershipServiceServicer_to_server(front, server),
        )
        with serve([binding]) as front_channel:
            yield servicer, front, ownership_service_pb2_grpc.OwnershipServiceStub(front_channel)


def project(stub, kind="", race_id="copper", **options):
    request = own.ProjectOwnershipRequest(race_id=race_id, model_version=kind)
    return Caller().unary(stub.ProjectOwnership, request, **options)


def test_a_matrix_is_fetched_once(stack):
    servicer, front, stub = stack
    for _ in range(3):
        project(stub)
    assert np.array_equal(front.matrix.ticks, TICKS)
    assert front.matrix.driver_ids == RACE.driver_ids
    assert servicer.n_streams == 1


def test_calls_that_want_a_matrix_at_the_same_time_fetch_it_once(stack):
    servicer, _, stub = stack
    servicer.streams.clear()
    request = own.ProjectOwnershipRequest(race_id="copper")
    calls = [stub.ProjectOwnership.future(request, timeout=20) for _ in range(4)]
    for _ in calls:
        assert servicer.n_asked.acquire(timeout=10)
    servicer.streams.set()
    for call in calls:
        call.result()
    assert servicer.n_streams == 1


def test_what_is_missing_keeps_its_kind(stack):
    servicer, _, stub = stack
    with pytest.raises(NotFoundError, match="nowhere"):
        project(stub, race_id="nowhere")
    servicer.has_set = False
    with pytest.raises(Exception, match="no set") as caught:
        project(stub)
    assert caught.value.reason == "FAILED_PRECONDITION"


def test_what_is_about_the_service_below_names_it(stack):
    _, front, stub = stack
    front.peer = connect_scenario("127.0.0.1:1", PeerSettings())
    with pytest.raises(UnavailableError, match=r"^the scenario service: 127\.0\.0\.1:1 does not answer"):
        project(stub)


def test_what_is_about_the_request_is_said_as_below(stack):
    _, _, stub = stack
    with pytest.raises(NotFoundError, match=r"^there is no race 'nowhere'"):
        project(stub, race_id="nowhere")


@pytest.mark.parametrize("kind", ["summarize", "generate"])
def test_a_cancellation_reaches_the_service_below(stack, kind):
    servicer, _, stub = stack
    future = stub.ProjectOwnership.future(own.ProjectOwnershipRequest(race_id="copper", model_version=kind))
    assert servicer.entered.wait(10)
    future.cancel()
    assert servicer.left.wait(1.0), "the call below went on for more than a second"


@pytest.mark.parametrize("kind", ["summarize", "generate"])
def test_a_deadline_reaches_the_service_below(stack, kind):
    servicer, _, stub = stack
    with pytest.raises((DeadlineExceededError, CancelledError)):
        project(stub, kind, timeout_seconds=0.5)
    assert servicer.left.wait(1.0), "the call below went on for more than a second"


def test_a_projection_of_other_drivers_is_refused():
    projection = ownership_pb2.OwnershipProjection(drivers=[ownership_pb2.DriverOwnership(driver_id="0")])
    with pytest.raises(FailedPrecondition, match="list different drivers"):
        projected_ownership(RACE, projection)


def test_a_call_that_is_made_for_another_has_its_request_id(stack):
    servicer, _, stub = stack
    metadata = (("x-request-id", "known"),)
    stub.ProjectOwnership(own.ProjectOwnershipRequest(race_id="copper"), metadata=metadata)
    assert servicer.request_ids == ["known"]
