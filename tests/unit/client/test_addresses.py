"""What calls say about addresses where Pitwall is not."""

from concurrent import futures

import grpc
import pytest

from pitwall import ConnectionConfig, InvalidInputError, UnavailableError, UnimplementedError, connect
from pitwall._channel import stays_here
from pitwall.cli._common import Connection
from pitwall.client import Addresses
from tests.pki import make_pki, needs_openssl


def test_a_server_of_something_else_is_named():
    server = grpc.server(futures.ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with connect(f"127.0.0.1:{port}") as client:
            with pytest.raises(UnimplementedError, match=f"{port}: this address does not serve ScenarioService"):
                client.races.get("sample")
            with pytest.raises(UnimplementedError, match="does not serve ContestSimService"):
                list(client.contests.sample_field("sample", 10))
    finally:
        server.stop(None)


def test_each_service_has_a_variable_of_its_own(monkeypatch):
    for port, name in enumerate(("SCENARIO", "OWNERSHIP", "OPTIMIZER", "CONTEST_SIM"), start=1):
        monkeypatch.setenv(f"PITWALL_{name}_ADDRESS", f"127.0.0.1:{port}")
    with Connection().open() as client:
        assert client.addresses == Addresses("127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3", "127.0.0.1:4")


def test_an_address_without_a_server_says_how_to_start_one():
    config = ConnectionConfig(max_attempts=1)
    told = r"^127\.0\.0\.1:1 does not answer.*pitwall serve"
    with connect("127.0.0.1:1", config=config) as client, pytest.raises(UnavailableError, match=told):
        client.races.get("sample")


@pytest.fixture
def pki(tmp_path):
    return make_pki(tmp_path)


@needs_openssl
@pytest.mark.parametrize(
    ("served_by", "told"),
    [("tls", r"shows a certificate that tls_ca_path .* does not vouch for"), ("plaintext", "answers without TLS")],
)
def test_what_is_amiss_with_tls_is_told(pki, tmp_path, served_by, told):
    (tmp_path / "other").mkdir()
    config = ConnectionConfig(max_attempts=1, tls_ca_path=make_pki(tmp_path / "other") / "ca.pem")
    server = grpc.server(futures.ThreadPoolExecutor(1))
    pair = ((pki / "server.key").read_bytes(), (pki / "server.pem").read_bytes())
    secure = grpc.ssl_server_credentials([pair])
    tls = served_by == "tls"
    port = server.add_secure_port("127.0.0.1:0", secure) if tls else server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with connect(f"127.0.0.1:{port}", config=config) as client, pytest.raises(UnavailableError, match=told):
            client.races.get("sample")
    finally:
        server.stop(None)


@pytest.mark.parametrize(
    ("address", "here"),
    [
        ("127.0.0.1:50050", True),
        ("localhost:50050", True),
        ("[::1]:50050", True),
        ("dns:///localhost:50050", True),
        ("dns:localhost:50050", True),
        ("ipv4:127.0.0.1:50050", True),
        ("ipv6:[::1]:50050", True),
        ("LOCALHOST:50050", True),
        ("dns://8.8.8.8/localhost:50050", False),
        ("ipv4:10.0.0.1:50050", False),
        ("unix:/run/pitwall", True),
        ("0.0.0.0:50050", False),
        ("10.0.0.1:50050", False),
        ("dns:///scenario:50051", False),
        ("localhost.example.org:50050", False),
    ],
)
def test_a_token_leaves_this_machine_by_tls_alone(address, here):
    assert stays_here(address) == here
    config = ConnectionConfig(token="s3cret")
    if here:
        connect(address, config=config).close()
    else:
        with pytest.raises(InvalidInputError, match=r"token: would travel to .* in plaintext; set tls_ca_path"):
            connect(address, config=config)
    assert "s3cret" not in repr(config)


@pytest.mark.parametrize("token", ["two\nlines", "sécret"])
def test_a_token_that_no_header_carries_is_refused(token):
    with pytest.raises(InvalidInputError, match="token: "):
        ConnectionConfig(token=token)
