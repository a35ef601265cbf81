"""The runner under a small service: statuses, limits, deadlines, cancellation, drain."""

import socket
import threading
from unittest.mock import MagicMock

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from pitwall._calls import Caller
from pitwall._channel import ConnectionConfig, open_channel
from pitwall.common.v1 import error_reason_pb2, progress_pb2
from pitwall.errors import (
    ERRORS_BY_REASON,
    CancelledError,
    DeadlineExceededError,
    InfeasibleError,
    InvalidInputError,
    NotFoundError,
    OverloadedError,
    PitwallError,
    UnauthenticatedError,
    UnavailableError,
)
from pitwall.scenario.v1 import scenario_service_pb2 as pb
from pitwall.scenario.v1 import scenario_service_pb2_grpc
from services.common.domain import errors
from services.common.rpc import status
from services.common.rpc.calls import progress_reporter, stream_events, with_idle_limit
from services.common.rpc.encoded import Encoded
from services.common.rpc.guards import MAX_WATCHERS
from services.common.rpc.server import Server, ServiceBinding, start_server
from services.common.rpc.settings import ServerSettings
from services.common.rpc.testing import serve

NAME = "pitwall.scenario.v1.ScenarioService"


class SmallServicer(scenario_service_pb2_grpc.ScenarioServiceServicer):
    """Does to order what the tests need."""

    def __init__(self):
        self.entered = threading.Semaphore(0)
        self.release = threading.Event()
        self.work_ended = threading.Event()
        self.emitted = 0

    def GetRace(self, request, context):
        if request.race_id == "wait":
            self.entered.release()
            self.release.wait(20)
            return pb.GetRaceResponse()
        raise {
            "missing": errors.NotFound("there is no race 'missing'", metadata={"race_id": "missing"}),
            "bug": ZeroDivisionError("secret detail"),
            "infeasible": errors.Infeasible("no lineup", conflict=["lock of A", "exclude of A"]),
            "peer": InvalidInputError("from below"),
        }[request.race_id]

    def UploadMatrix(self, request_iterator, context):
        list(with_idle_limit(context, request_iterator, 0.2))
        return pb.UploadMatrixResponse()

    def ListRaces(self, request, context):
        return Encoded(pb.ListRacesResponse(next_page_token="encoded").SerializeToString())

    def GenerateScenarios(self, request, context):
        def work(emit, call):
            def wrap(progress):
                return pb.GenerateScenariosResponse(progress=progress)

            report = progress_reporter(emit, wrap, call)
            try:
                if request.race_id == "fails":
                    report("simulate", 1, 2)
                    raise errors.FailedPrecondition("mid-stream")
                if request.race_id == "short":
                    for done in range(3):
                        report("simulate", done + 1, 3)
                    return
                while True:
                    if request.race_id == "flood":
                        emit(wrap(progress_pb2.Progress(stage="x" * 65_536)))
                        self.emitted += 1
                    call.checkpoint()
                    self.entered.release()
                    threading.Event().wait(0.01)
            finally:
                self.work_ended.set()

        return stream_events(context, work)


@pytest.fixture
def servicer():
    return SmallServicer()


def binding(servicer, heavy=()):
    return ServiceBinding(
        NAME,
        lambda server: scenario_service_pb2_grpc.add_ScenarioServiceServicer_to_server(servicer, server),
        heavy_methods=frozenset(heavy),
    )


@pytest.fixture
def stub(servicer):
    with serve([binding(servicer)]) as channel:
        yield scenario_service_pb2_grpc.ScenarioServiceStub(channel)


def get(stub, race_id, **kwargs):
    return Caller().unary(stub.GetRace, pb.GetRaceRequest(race_id=race_id), race_id=race_id, **kwargs)


def generate(stub, race_id, **kwargs):
    return Caller().stream(
        stub.GenerateScenarios, pb.GenerateScenariosRequest(race_id=race_id, n_scenarios=100), **kwargs
    )


def test_an_error_arrives_as_its_class_with_its_data(stub):
    with pytest.raises(NotFoundError, match="there is no race 'missing'") as caught:
        get(stub, "missing")
    assert caught.value.metadata == {"race_id": "missing"}
    with pytest.raises(InfeasibleError) as caught:
        get(stub, "infeasible")
    assert caught.value.conflict == ("lock of A", "exclude of A")


def test_a_defect_is_internal_and_tells_nothing_of_the_inside(stub):
    with pytest.raises(PitwallError) as caught:
        get(stub, "bug")
    assert caught.value.reason == "INTERNAL"
    assert "secret" not in str(caught.value)


def test_an_error_of_a_service_below_keeps_its_reason(stub):
    with pytest.raises(InvalidInputError, match="from below"):
        get(stub, "peer")


def test_an_error_in_the_middle_of_a_stream_is_mapped_too(stub):
    stream = generate(stub, "fails")
    assert next(stream).progress.stage == "simulate"
    with pytest.raises(PitwallError) as caught:
        next(stream)
    assert caught.value.reason == "FAILED_PRECONDITION"


@pytest.mark.parametrize("race_id", ["../etc/passwd", "", "A", "a" * 65, "a/b", "a\n", ".."])
def test_rules_of_the_proto_are_enforced_with_the_field_named(stub, race_id):
    with pytest.raises(InvalidInputError) as caught:
        get(stub, race_id)
    assert [violation.field for violation in caught.value.violations] == ["race_id"]


@pytest.mark.parametrize("n_scenarios", [0, -1, 10**9])
def test_scenario_counts_out_of_range_are_refused(stub, n_scenarios):
    request = pb.GenerateScenariosRequest(race_id="r", n_scenarios=n_scenarios)
    with pytest.raises(InvalidInputError, match="n_scenarios"):
        list(Caller().stream(stub.GenerateScenarios, request))


def test_nested_violations_name_the_element(stub):
    request = pb.PutRaceRequest()
    request.race.drivers.add(driver_id="1", name="A", salary_dollars=5000)
    request.race.drivers.add(driver_id="2", name="B", salary_dollars=-1)
    with pytest.raises(InvalidInputError) as caught:
        Caller().unary(stub.PutRace, request)
    assert "race.drivers[1].salary_dollars" in {violation.field for violation in caught.value.violations}


def test_an_unimplemented_method_says_so(stub):
    with pytest.raises(PitwallError) as caught:
        Caller().unary(stub.DeleteRace, pb.DeleteRaceRequest(race_id="r"))
    assert caught.value.reason == "UNIMPLEMENTED"


def test_serialized_answers_pass_through(stub):
    assert Caller().unary(stub.ListRaces, pb.ListRacesRequest()).next_page_token == "encoded"


def test_progress_always_reports_the_end_of_a_stage(stub):
    done = [(event.progress.done, event.progress.total) for event in generate(stub, "short")]
    assert done[-1] == (3, 3)


def test_cancelling_a_stream_stops_the_work(stub, servicer):
    call = stub.GenerateScenarios(pb.GenerateScenariosRequest(race_id="endless", n_scenarios=100))
    assert servicer.entered.acquire(timeout=10)
    call.cancel()
    assert servicer.work_ended.wait(1.0), "the work went on for more than a second after the cancellation"


def test_a_deadline_stops_the_work(stub, servicer):
    with pytest.raises(DeadlineExceededError):
        list(generate(stub, "endless", timeout_seconds=0.3))
    assert servicer.work_ended.wait(1.0), "the work went on for more than a second after the deadline"


def test_a_slow_reader_holds_the_work_up_instead_of_filling_memory(stub, servicer):
    stream = generate(stub, "flood")
    next(stream)
    seen = -1
    while seen != servicer.emitted:
        seen = servicer.emitted
        threading.Event().wait(0.5)
    assert servicer.emitted < 500, "32 MB ran ahead of a reader that takes nothing"
    stream.close()
    assert servicer.work_ended.wait(2.0)


def test_calls_beyond_the_limit_are_refused_at_once_and_health_still_answers(servicer):
    settings = ServerSettings(port=0, max_concurrent_rpcs=2, drain_pause_seconds=0.0)
    with serve([binding(servicer)], settings) as channel:
        stub = scenario_service_pb2_grpc.ScenarioServiceStub(channel)
        waiting = [stub.GetRace.future(pb.GetRaceRequest(race_id="wait")) for _ in range(2)]
        for _ in waiting:
            assert servicer.entered.acquire(timeout=10)
        with pytest.raises(OverloadedError) as caught:
            get(stub, "missing")
        assert caught.value.retriable
        assert caught.value.retry_seconds == 1.0
        health = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service=NAME))
        assert health.status == health_pb2.HealthCheckResponse.SERVING
        servicer.release.set()
        for call in waiting:
            call.result(timeout=10)
        with pytest.raises(NotFoundError):
            get(stub, "missing")


def test_long_computations_have_a_limit_of_their_own(servicer):
    settings = ServerSettings(port=0, max_heavy_rpcs=1, drain_pause_seconds=0.0)
    with serve([binding(servicer, ["GenerateScenarios"])], settings) as channel:
        stub = scenario_service_pb2_grpc.ScenarioServiceStub(channel)
        call = stub.GenerateScenarios(pb.GenerateScenariosRequest(race_id="endless", n_scenarios=100))
        assert servicer.entered.acquire(timeout=10)
        with pytest.raises(OverloadedError, match="GenerateScenarios"):
            next(generate(stub, "endless"))
        with pytest.raises(NotFoundError):
            get(stub, "missing")
        call.cancel()
        assert servicer.work_ended.wait(2.0)


def test_a_second_server_cannot_take_the_same_port(servicer):
    server = start_server([binding(servicer)], ServerSettings(port=0))
    try:
        with pytest.raises(InvalidInputError, match="another process"):
            Server(ServerSettings(port=server.port))
    finally:
        server.stop(0)


def test_a_stopping_server_lets_calls_in_flight_finish(servicer):
    server = start_server([binding(servicer)], ServerSettings(port=0, drain_pause_seconds=0.0))
    channel = open_channel(server.address, ConnectionConfig(max_attempts=1))
    stub = scenario_service_pb2_grpc.ScenarioServiceStub(channel)
    call = stub.GetRace.future(pb.GetRaceRequest(race_id="wait"))
    assert servicer.entered.acquire(timeout=10)
    stopping = threading.Thread(target=server.stop, args=(10,))
    stopping.start()
    refused = False
    while not refused:
        refused = _is_refused(server.address)
    servicer.release.set()
    call.result(timeout=10)
    stopping.join(10)
    assert not stopping.is_alive()
    channel.close()


def _is_refused(address):
    with open_channel(address, ConnectionConfig(max_attempts=1)) as channel:
        try:
            get(scenario_service_pb2_grpc.ScenarioServiceStub(channel), "missing")
        except NotFoundError:
            return False
        except (UnavailableError, CancelledError):  # the latter when the call crossed the shutdown
            return True


def _silent_call(servicer, min_ping_seconds, ping_seconds, silent_seconds):
    settings = ServerSettings(port=0, drain_pause_seconds=0.0, min_ping_seconds=min_ping_seconds)
    server = start_server([binding(servicer)], settings)
    release = threading.Timer(silent_seconds, servicer.release.set)
    release.start()
    try:
        with open_channel(server.address, ConnectionConfig(max_attempts=1, ping_seconds=ping_seconds)) as channel:
            stub = scenario_service_pb2_grpc.ScenarioServiceStub(channel)
            return Caller(address=server.address).unary(stub.GetRace, pb.GetRaceRequest(race_id="wait"))
    finally:
        servicer.release.set()
        release.cancel()
        server.stop(0)


def test_a_silent_call_outlives_many_pings(servicer):
    # gRPC pings once a second at most and hangs up at the fourth that is too early.
    assert _silent_call(servicer, 0.05, 0.1, silent_seconds=6.0) == pb.GetRaceResponse()


def test_who_pings_too_often_is_told_so_and_not_to_start_the_service(servicer):
    with pytest.raises(UnavailableError, match="raise ping_seconds") as caught:
        _silent_call(servicer, 20.0, 0.1, silent_seconds=10.0)
    assert "start it" not in str(caught.value)


def test_clients_ping_less_often_than_servers_allow():
    assert ConnectionConfig().ping_seconds > ServerSettings().min_ping_seconds


def test_a_unix_socket_serves_too(servicer, tmp_path):
    server = start_server([binding(servicer)], ServerSettings(uds_path=str(tmp_path / "s")))
    with open_channel(server.address) as channel, pytest.raises(NotFoundError):
        get(scenario_service_pb2_grpc.ScenarioServiceStub(channel), "missing")
    server.stop(0)


def test_the_token_is_asked_for(servicer):
    with serve([binding(servicer)], ServerSettings(port=0, bearer_token="s3cret", drain_pause_seconds=0)) as channel:
        stub = scenario_service_pb2_grpc.ScenarioServiceStub(channel)
        request = pb.GetRaceRequest(race_id="missing")
        with pytest.raises(UnauthenticatedError):
            Caller().unary(stub.GetRace, request)
        with pytest.raises(UnauthenticatedError):
            Caller("wrong").unary(stub.GetRace, request)
        with pytest.raises(NotFoundError):
            Caller("s3cret").unary(stub.GetRace, request)


def test_reflection_lists_the_services(servicer):
    with serve([binding(servicer)]) as channel:
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        request = reflection_pb2.ServerReflectionRequest(list_services="")
        names = {item.name for item in next(stub.ServerReflectionInfo(iter([request]))).list_services_response.service}
    assert {NAME, "grpc.health.v1.Health"} <= names


def test_idle_streams_of_reflection_are_few_and_health_still_answers(servicer):
    with serve([binding(servicer)]) as channel:
        silent, stub = threading.Event(), reflection_pb2_grpc.ServerReflectionStub(channel)

        def requests():
            yield reflection_pb2.ServerReflectionRequest(list_services="")
            silent.wait(20)

        streams = [stub.ServerReflectionInfo(requests()) for _ in range(MAX_WATCHERS)]
        for stream in streams:
            next(stream)
        with pytest.raises(grpc.RpcError) as caught:
            next(stub.ServerReflectionInfo(requests()))
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        health = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
        assert health.status == health_pb2.HealthCheckResponse.SERVING
        with pytest.raises(NotFoundError):
            get(scenario_service_pb2_grpc.ScenarioServiceStub(channel), "missing")
        silent.set()


def test_a_client_that_sends_nothing_loses_its_place(servicer):
    with serve([binding(servicer)]) as channel:
        stub, silent = scenario_service_pb2_grpc.ScenarioServiceStub(channel), threading.Event()

        def parts():
            silent.wait(20)
            yield pb.UploadMatrixRequest()

        with pytest.raises(grpc.RpcError) as caught:
            stub.UploadMatrix(parts(), timeout=15)
        silent.set()
        assert caught.value.code() is grpc.StatusCode.CANCELLED


def test_an_absent_server_is_unavailable_after_retries():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{listener.getsockname()[1]}"
    with open_channel(address, ConnectionConfig(max_attempts=2)) as channel, pytest.raises(UnavailableError):
        get(scenario_service_pb2_grpc.ScenarioServiceStub(channel), "missing")


def test_a_cancelled_call_is_a_cancelled_error(stub, servicer):
    call = stub.GetRace.future(pb.GetRaceRequest(race_id="wait"))
    assert servicer.entered.acquire(timeout=10)
    call.cancel()
    servicer.release.set()
    with pytest.raises(grpc.FutureCancelledError):
        call.result()
    assert ERRORS_BY_REASON["CANCELLED"] is CancelledError


def test_both_tables_of_errors_cover_the_contract():
    names = dict(error_reason_pb2.ErrorReason.items())
    reasons = {name.removeprefix("ERROR_REASON_") for name in names} - {"UNSPECIFIED"}
    assert set(ERRORS_BY_REASON) == reasons
    assert set(status.ERRORS_BY_REASON) == reasons
    for reason, error in status.ERRORS_BY_REASON.items():
        assert hasattr(grpc.StatusCode, error.status), reason


@pytest.mark.parametrize(
    ("race_id", "reason", "level"), [("missing", "NOT_FOUND", "info"), ("boom", "INTERNAL", "warning")]
)
def test_the_line_of_a_failed_call_says_why(stub, monkeypatch, race_id, reason, level):
    log = MagicMock()
    monkeypatch.setattr("services.common.rpc.guards._log", log)
    with pytest.raises(grpc.RpcError):
        stub.GetRace(pb.GetRaceRequest(race_id=race_id))
    (line,) = getattr(log, level).call_args_list
    assert line.args == ("call",)
    assert line.kwargs["reason"] == reason
    assert line.kwargs["problem"]
    assert line.kwargs["peer"]
