"""What servers are set to: names of variables, pairs that belong together, tokens in plaintext."""

import os

import pytest

from services.common.domain import errors
from services.common.rpc.settings import ServerSettings, load_settings


def test_half_a_tls_pair_is_refused(tmp_path):
    with pytest.raises(ValueError, match="go together"):
        ServerSettings(tls_key_path=tmp_path / "key")


@pytest.mark.parametrize("settings", [{"host": "::1"}, {"host": "localhost"}, {"host": "0.0.0.0", "uds_path": "s"}])
def test_a_token_is_taken_in_plaintext_where_it_stays_on_the_machine(settings):
    assert ServerSettings(bearer_token="s3cret", **settings).bearer_token.get_secret_value() == "s3cret"


def test_a_token_that_others_send_needs_tls(tmp_path):
    with pytest.raises(ValueError, match=r"bearer_token would be sent to 0\.0\.0\.0 in plaintext") as told:
        ServerSettings(host="0.0.0.0", bearer_token="s3cret")
    assert "s3cret" not in str(told.value)
    pair = {"tls_certificate_path": tmp_path / "chain", "tls_key_path": tmp_path / "key"}
    assert ServerSettings(host="0.0.0.0", bearer_token="s3cret", **pair).host == "0.0.0.0"


@pytest.mark.parametrize(
    ("variable", "value", "named"),
    [
        ("PITWALL_PORT", "many", "PITWALL_PORT: .* is 'many'"),
        ("PITWALL_LOG_LEVEL", "loud", "PITWALL_LOG_LEVEL: .* is 'loud'"),
        ("PITWALL_TLS_KEY_PATH", "key.pem", "go together"),
    ],
)
def test_a_setting_that_is_not_right_is_named(monkeypatch, variable, value, named):
    monkeypatch.setenv(variable, value)
    with pytest.raises(errors.InvalidInput, match=named):
        load_settings(ServerSettings)


def test_settings_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("PITWALL_PORT", "1234")
    assert ServerSettings().port == 1234
    assert "PITWALL_PORT" in os.environ
