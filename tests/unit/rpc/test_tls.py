"""TLS, mutual TLS and tokens between real endpoints, with certificates made for the test."""

import os
import subprocess
import sys

import pytest

from pitwall._calls import Caller
from pitwall._channel import ConnectionConfig, open_channel
from pitwall.errors import InvalidInputError, UnauthenticatedError, UnavailableError
from pitwall.scenario.v1 import scenario_service_pb2 as pb
from pitwall.scenario.v1 import scenario_service_pb2_grpc
from services.common.domain.errors import InvalidInput
from services.common.rpc.healthcheck import is_serving
from services.common.rpc.server import ServiceBinding, start_server
from services.common.rpc.settings import PeerSettings, ServerSettings, load_settings
from tests.pki import make_pki, needs_openssl

pytestmark = needs_openssl

TOKEN = "s3cret"


class Servicer(scenario_service_pb2_grpc.ScenarioServiceServicer):
    def ListRaces(self, request, context):
        return pb.ListRacesResponse(next_page_token="secure")


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    return make_pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture(params=[False, True], ids=["tls", "mutual"])
def server(request, pki):
    settings = ServerSettings(
        port=0,
        drain_pause_seconds=0,
        bearer_token=TOKEN,
        tls_certificate_path=pki / "server.pem",
        tls_key_path=pki / "server.key",
        tls_client_ca_path=pki / "ca.pem" if request.param else None,
    )
    binding = ServiceBinding(
        "pitwall.scenario.v1.ScenarioService",
        lambda server: scenario_service_pb2_grpc.add_ScenarioServiceServicer_to_server(Servicer(), server),
    )
    server = start_server([binding], settings)
    yield server
    server.stop(0)


def list_races(server, **config):
    config = ConnectionConfig(max_attempts=1, call_seconds=10, **config)
    with open_channel(server.address, config) as channel:
        stub = scenario_service_pb2_grpc.ScenarioServiceStub(channel)
        return Caller(config.token).unary(stub.ListRaces, pb.ListRacesRequest()).next_page_token


def test_the_right_certificates_and_token_get_in(server, pki):
    pair = {"tls_certificate_path": pki / "client.pem", "tls_key_path": pki / "client.key"}
    assert list_races(server, token="s3cret", tls_ca_path=pki / "ca.pem", **pair) == "secure"


def test_a_wrong_token_does_not(server, pki):
    pair = {"tls_certificate_path": pki / "client.pem", "tls_key_path": pki / "client.key"}
    with pytest.raises(UnauthenticatedError):
        list_races(server, token="guess", tls_ca_path=pki / "ca.pem", **pair)


def test_plaintext_does_not(server):
    with pytest.raises(UnavailableError):
        list_races(server, token="s3cret")


def test_without_a_client_certificate_only_plain_tls_lets_in(server, pki):
    config = {"token": "s3cret", "tls_ca_path": pki / "ca.pem"}
    if server.settings.tls_client_ca_path is None:
        assert list_races(server, **config) == "secure"
    else:
        with pytest.raises(UnavailableError):
            list_races(server, **config)


def test_the_health_check_speaks_tls(server, pki):
    peers = PeerSettings(
        tls_ca_path=pki / "ca.pem", tls_certificate_path=pki / "client.pem", tls_key_path=pki / "client.key"
    )
    assert is_serving(server.address, 5, peers.connection(server.address))
    assert not is_serving(server.address, 5, ConnectionConfig(max_attempts=1))


@pytest.mark.parametrize(
    ("settings", "address", "variable"),
    [
        ({"bearer_token": TOKEN}, "dns:///scenario:50051", "PITWALL_PEER_TLS_CA_PATH"),
        ({"bearer_token": "two\nlines"}, "127.0.0.1:1", "PITWALL_PEER_BEARER_TOKEN"),
    ],
)
def test_what_keeps_a_peer_from_being_called_names_its_variable(settings, address, variable):
    with pytest.raises(InvalidInput) as caught:
        PeerSettings(**settings).connection(address)
    assert [item.field for item in caught.value.violations] == [variable]
    assert PeerSettings(**settings).connection(address, with_token=False).token == ""


@pytest.mark.parametrize("half", [{"tls_certificate_path": "/x"}, {"tls_certificate_path": "/x", "tls_key_path": "/y"}])
def test_half_of_the_tls_settings_of_a_peer_is_refused(half):
    with pytest.raises(InvalidInput, match=r"PITWALL_PEER_\*"):
        load_settings(PeerSettings, **half)


def test_a_check_that_cannot_be_made_is_a_sentence():
    done = subprocess.run(
        [sys.executable, "-m", "services.common.rpc.healthcheck", "127.0.0.1:1"],
        env={**os.environ, "PITWALL_PEER_TLS_CERTIFICATE_PATH": "/x"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("cannot check: PITWALL_PEER_*")
    assert "Traceback" not in done.stderr


def test_a_certificate_and_a_key_that_are_swapped_are_told_as_such(pki):
    settings = ServerSettings(tls_certificate_path=pki / "server.key", tls_key_path=pki / "server.pem")
    with pytest.raises(InvalidInputError, match=r"are no certificate and its key .* not swapped"):
        start_server([], settings)


def test_paths_may_be_texts(server, pki):
    settings = {"tls_ca_path": str(pki / "ca.pem"), "tls_certificate_path": str(pki / "client.pem")}
    config = ConnectionConfig(max_attempts=1, token=TOKEN, tls_key_path=str(pki / "client.key"), **settings)
    with open_channel(server.address, config) as channel:
        stub = scenario_service_pb2_grpc.ScenarioServiceStub(channel)
        assert Caller(TOKEN).unary(stub.ListRaces, pb.ListRacesRequest()).next_page_token == "secure"
