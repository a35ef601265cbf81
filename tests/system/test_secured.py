"""The command line and a stack that asks for TLS, for a certificate of the client, and for a token."""

import pytest

import pitwall as sdk
from pitwall.errors import EXIT_INPUT, EXIT_SERVICE
from tests.pki import make_pki, needs_openssl
from tests.system.command import pitwall, serving

pytestmark = [pytest.mark.timeout(300), needs_openssl]

TOKEN = "s3cret-of-the-test"


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    return make_pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
def served(pki):
    """What a stack is set to that others reach."""
    return {
        "PITWALL_BEARER_TOKEN": TOKEN,
        "PITWALL_TLS_CERTIFICATE_PATH": str(pki / "server.pem"),
        "PITWALL_TLS_KEY_PATH": str(pki / "server.key"),
        "PITWALL_TLS_CLIENT_CA_PATH": str(pki / "ca.pem"),
    }


@pytest.fixture(scope="module")
def address(served, tmp_path_factory):
    with serving(tmp_path_factory.mktemp("data"), served) as address:
        yield address


@pytest.fixture
def options(pki, tmp_path):
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    return {
        "--token-path": tmp_path / "token",
        "--tls-ca-path": pki / "ca.pem",
        "--tls-certificate-path": pki / "client.pem",
        "--tls-key-path": pki / "client.key",
    }


def races(address, options):
    """How `race list` ends with options after the verb, where they are typed most often."""
    return pitwall("race", "list", "--json", "--address", address, *(word for pair in options.items() for word in pair))


def test_options_get_in(address, options):
    assert races(address, options).json == []


def test_variables_get_in_and_the_doctor_tells_of_them(address, options, monkeypatch):
    for option, path in options.items():
        monkeypatch.setenv(f"PITWALL_CLIENT_{option.removeprefix('--').replace('-', '_').upper()}", str(path))
    monkeypatch.setenv("PITWALL_ADDRESS", address)
    assert pitwall("race", "list", "--json").json == []
    told = pitwall("doctor", "--json")
    checks = {check["name"]: check for check in told.json}
    assert all(check["ok"] for name, check in checks.items() if name.startswith("service"))
    found = checks["connection"]["found"]
    assert all(str(options[f"--{name}"]) in found for name in ("tls-ca-path", "tls-certificate-path"))
    assert "a token" in found
    assert TOKEN not in told.out


def test_the_token_itself_is_a_variable(address, options, monkeypatch):
    del options["--token-path"]
    told = races(address, options)
    assert told.code == EXIT_INPUT
    assert told.violations["reason"] == "UNAUTHENTICATED"
    assert "PITWALL_CLIENT_TOKEN" in told.violations["message"]
    monkeypatch.setenv("PITWALL_CLIENT_TOKEN", TOKEN)
    assert races(address, options).json == []


def test_plaintext_is_told_how_tls_is_turned_on(address):
    told = races(address, {})
    assert told.code == EXIT_SERVICE
    assert "--tls-ca-path" in told.violations["message"]


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"--tls-ca-path": "/no/ca.pem"}, "/no/ca.pem: cannot be read"),
        ({"--token-path": "/no/token"}, "/no/token: cannot be read"),
        ({"--token-path": "/dev/null"}, "token_path: /dev/null is empty"),
        ({"--tls-key-path": None}, "tls_certificate_path: goes together with tls_key_path"),
        ({"--tls-ca-path": None}, "tls_ca_path: is needed"),
        ({"--tls-ca-path": ""}, "--tls-ca-path: is empty"),
    ],
)
def test_what_is_set_wrongly_is_named(address, options, changes, complaint):
    given = {name: value for name, value in (options | changes).items() if value is not None}
    told = races(address, given)
    assert told.code == EXIT_INPUT
    assert complaint in told.violations["message"]


def test_services_embedded_in_the_process_ask_for_nothing(served, tmp_path, monkeypatch):
    for name, value in served.items():
        monkeypatch.setenv(name, value)
        monkeypatch.setenv(name.replace("PITWALL_", "PITWALL_SCENARIO_"), value)
    monkeypatch.setenv("PITWALL_OPTIMIZER_HOST", "0.0.0.0")
    monkeypatch.setenv("PITWALL_OPTIMIZER_BEARER_TOKEN", TOKEN)
    with sdk.local(tmp_path) as client:
        assert list(client.races.list()) == []


def test_files_of_tls_without_an_address_are_not_passed_over(options, monkeypatch, tmp_path):
    told = pitwall("race", "list", "--json", "--data-dir", tmp_path, "--tls-ca-path", options["--tls-ca-path"])
    assert told.code == EXIT_INPUT
    assert "--tls-ca-path: is about a running stack; give its --address too" in told.violations["message"]
    monkeypatch.setenv("PITWALL_CLIENT_TLS_CA_PATH", str(options["--tls-ca-path"]))
    found = {check["name"]: check["found"] for check in pitwall("doctor", "--json", "--data-dir", tmp_path).json}
    assert found["connection"].endswith("that are set are for an --address, and none is given")
