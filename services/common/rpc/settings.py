"""What can be set on any server, read from the environment with a prefix per service."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal, TypeVar

from platformdirs import user_data_path
from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from pitwall.rpc import ConnectionConfig, stays_here
from services.common.domain.errors import FieldViolation, InvalidInput


def default_data_dir() -> Path:
    """``PITWALL_DATA_DIR``, else the user's data folder: embedded or not, services find the same records."""
    configured = os.environ.get("PITWALL_DATA_DIR", "")
    return Path(configured) if configured else user_data_path("pitwall")


S = TypeVar("S", bound=BaseSettings)


def load_settings(kind: type[S], **given: Any) -> S:
    """Settings from the environment, but for those ``given``.

    Raises
    ------
    InvalidInput
        Naming each variable that is not right.
    """
    try:
        return kind(**given)
    except ValidationError as error:
        prefix = kind.model_config.get("env_prefix", "")
        raise InvalidInput.of([_fault(prefix, item) for item in error.errors()]) from error


def _fault(prefix: str, item: ErrorDetails) -> FieldViolation:
    if not item["loc"]:
        return FieldViolation(f"{prefix}*", item["msg"].removeprefix("Value error, "))
    variable = f"{prefix}{'_'.join(map(str, item['loc']))}".upper()
    return FieldViolation(variable, f"{item['msg']}, is {item['input']!r}")


class ServerSettings(BaseSettings):
    """Where a server listens, what it admits and how it stops."""

    # Errors that quoted all that is set would print the token.
    model_config = SettingsConfigDict(env_prefix="PITWALL_", extra="ignore", hide_input_in_errors=True)

    host: str = Field("127.0.0.1", description="Address to listen on; 0.0.0.0 in a container.")
    port: int = Field(0, ge=0, le=65535, description="TCP port; 0 takes a free one. Not used with uds_path.")
    uds_path: str = Field("", description="Unix domain socket to listen on instead of TCP.")
    max_concurrent_rpcs: int = Field(
        32, ge=1, le=1000, description="Calls served at once; more are refused with RESOURCE_EXHAUSTED."
    )
    max_heavy_rpcs: int = Field(4, ge=1, le=100, description="Of these, calls that compute for long.")
    grace_seconds: float = Field(
        20.0,
        ge=0,
        le=600,
        description="Time for calls in flight after SIGTERM; those cancelled then take some seconds to end. Keep it "
        "ten below the orchestrator's.",
    )
    drain_pause_seconds: float = Field(
        0.5, ge=0, le=60, description="Pause between NOT_SERVING and refusing calls, for balancers to notice."
    )
    min_ping_seconds: float = Field(
        20.0, ge=0.01, le=600, description="Clients that ping oftener than this in a silent call are hung up on."
    )
    probe_seconds: float = Field(
        5.0, gt=0, le=600, description="Time between looks at the storage, by which health says SERVING or not."
    )
    reflection: bool = Field(True, description="Let grpcurl and other tools ask for the contract.")
    bearer_token: SecretStr = Field(
        SecretStr(""),
        description="Token that every call but those of health and reflection must carry; needs TLS, but for a "
        "loopback host or uds_path.",
    )
    tls_certificate_path: Path | None = Field(None, description="PEM chain of the server; with tls_key_path.")
    tls_key_path: Path | None = Field(None, description="PEM key of the server.")
    tls_client_ca_path: Path | None = Field(None, description="PEM authorities of clients: turns on mutual TLS.")
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "console"] = "json"

    @model_validator(mode="after")
    def _tls_is_complete(self) -> ServerSettings:
        if (self.tls_certificate_path is None) != (self.tls_key_path is None):
            raise ValueError("tls_certificate_path and tls_key_path go together: set both or neither")
        if self.tls_client_ca_path and not self.tls_certificate_path:
            raise ValueError("tls_client_ca_path needs tls_certificate_path and tls_key_path")
        return self

    @model_validator(mode="after")
    def _token_stays_secret(self) -> ServerSettings:
        here = bool(self.uds_path) or stays_here(f"{self.host}:{self.port}")
        if self.bearer_token.get_secret_value() and not (self.tls_certificate_path or here):
            raise ValueError(
                f"bearer_token would be sent to {self.host} in plaintext: set tls_certificate_path and tls_key_path, "
                "or listen on 127.0.0.1"
            )
        return self


class PeerSettings(BaseSettings):
    """How a service reaches the others."""

    model_config = SettingsConfigDict(env_prefix="PITWALL_PEER_", extra="ignore", hide_input_in_errors=True)

    tls_ca_path: Path | None = Field(None, description="PEM authorities of the peers; unset means plaintext.")
    tls_certificate_path: Path | None = Field(None, description="PEM certificate shown to peers with mutual TLS.")
    tls_key_path: Path | None = Field(None, description="PEM key of that certificate.")
    bearer_token: SecretStr = Field(
        SecretStr(""), description="Token the peers ask for; needs tls_ca_path, but for addresses of this machine."
    )

    @model_validator(mode="after")
    def _tls_is_complete(self) -> PeerSettings:
        if (self.tls_certificate_path is None) != (self.tls_key_path is None):
            raise ValueError("set tls_certificate_path and tls_key_path, or neither")
        if self.tls_certificate_path and not self.tls_ca_path:
            raise ValueError("tls_certificate_path and tls_key_path need tls_ca_path")
        return self

    def connection(self, address: str, *, with_token: bool = True) -> ConnectionConfig:
        """As a channel to an address takes it.

        Raises
        ------
        InvalidInput
            Naming the variable at fault, where the token would leave this machine in plaintext or cannot be sent.
        """
        token = self.bearer_token.get_secret_value() if with_token else ""
        if token and self.tls_ca_path is None and not stays_here(address):
            problem = f"the token would travel to {address} in plaintext; set this, which turns TLS on"
            raise InvalidInput.field("PITWALL_PEER_TLS_CA_PATH", problem)
        if not (token.isascii() and token.isprintable()):
            problem = "holds characters that no header carries; give printable ASCII in one line"
            raise InvalidInput.field("PITWALL_PEER_BEARER_TOKEN", problem)
        return ConnectionConfig(
            # A busy peer is waited for by who made the call that asks it: this one holds a place others could have.
            overload_wait_seconds=0.0,
            token=token,
            tls_ca_path=self.tls_ca_path,
            tls_certificate_path=self.tls_certificate_path,
            tls_key_path=self.tls_key_path,
        )
