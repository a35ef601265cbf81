"""Channels: where a service is, how calls are retried, and how long they may take."""

from __future__ import annotations

import ipaddress
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor

from pitwall._waiting import OnWait, Patience, untold
from pitwall.contestsim.v1 import contestsim_service_pb2
from pitwall.optimizer.v1 import optimizer_service_pb2
from pitwall.ownership.v1 import ownership_service_pb2
from pitwall.problems import invalid, read_bytes
from pitwall.scenario.v1 import scenario_service_pb2

Balancing = Literal["round_robin", "ring_hash", "pick_first"]

_SERVICES: tuple[ServiceDescriptor, ...] = (
    scenario_service_pb2.DESCRIPTOR.services_by_name["ScenarioService"],
    ownership_service_pb2.DESCRIPTOR.services_by_name["OwnershipService"],
    optimizer_service_pb2.DESCRIPTOR.services_by_name["OptimizerService"],
    contestsim_service_pb2.DESCRIPTOR.services_by_name["ContestSimService"],
)
_RING_HASH_FLAG = "GRPC_EXPERIMENTAL_RING_HASH_SET_REQUEST_HASH_KEY"


@dataclass(frozen=True)
class ConnectionConfig:
    """How calls reach the services.

    Attributes
    ----------
    call_seconds
        Deadline of short calls.
    long_call_seconds
        Deadline of calls that compute or stream.
    max_attempts
        Attempts of a call that finds the service unavailable, 1-5; a stream is retried until its first message.
    overload_wait_seconds
        Longest time in all that a call, or each stream of a download, waits where the service has too many already
        (``OverloadedError``), as long as its deadline leaves room; it is made again as often as the service says, at
        growing intervals. 0: the error is raised at once. A stream waits until its first message.
    on_wait
        Called with the ``OverloadedError`` when a call begins to wait so, in the thread of the call.
    ping_seconds
        Time between pings in a silent call, which keep it open behind NAT; more than the servers'
        ``min_ping_seconds`` (20), as they hang up on who pings oftener.
    balancing
        How calls spread over the addresses of a ``dns:///`` target. ``ring_hash`` keeps all calls about a race on
        one replica, whose caches are then warm.
    token
        Bearer token sent with every call; needs TLS, but for addresses of this machine.
    tls_ca_path
        PEM authorities of the server; turns TLS on.
    tls_certificate_path, tls_key_path
        PEM pair of the client for mutual TLS; set both or neither, and ``tls_ca_path`` with them.

    Raises
    ------
    InvalidInputError
        If a part of the TLS settings is missing, no header can carry the token, or a wait is no time.
    """

    call_seconds: float = 60.0
    long_call_seconds: float = 3600.0
    max_attempts: int = 4
    overload_wait_seconds: float = field(default=300.0, kw_only=True)
    on_wait: OnWait = field(default=untold, repr=False, compare=False, kw_only=True)
    ping_seconds: float = 30.0
    balancing: Balancing = "round_robin"
    token: str = field(default="", repr=False)
    tls_ca_path: Path | None = None
    tls_certificate_path: Path | None = None
    tls_key_path: Path | None = None

    def __post_init__(self) -> None:
        for name in ("tls_ca_path", "tls_certificate_path", "tls_key_path"):
            if isinstance(getattr(self, name), str):  # as users have paths in other places
                object.__setattr__(self, name, Path(getattr(self, name)))
        if not self.overload_wait_seconds >= 0:  # nor NaN
            raise invalid("overload_wait_seconds", f"must not be negative, is {self.overload_wait_seconds:g}")
        if not (self.token.isascii() and self.token.isprintable()):
            raise invalid("token", "holds characters that no header carries; give printable ASCII in one line")
        if (self.tls_certificate_path is None) != (self.tls_key_path is None):
            raise invalid("tls_certificate_path", "goes together with tls_key_path: set both or neither")
        if self.tls_certificate_path is not None and self.tls_ca_path is None:
            raise invalid("tls_ca_path", "is needed with tls_certificate_path and tls_key_path")

    @property
    def patience(self) -> Patience:
        """How long calls may take and wait."""
        return Patience(self.overload_wait_seconds, self.call_seconds, self.long_call_seconds, self.on_wait)


def stays_here(address: str) -> bool:
    """Whether what is sent to an address, ``host:port`` or ``unix:/path``, does not leave this machine."""
    scheme, _, rest = address.partition(":")
    if scheme in ("unix", "unix-abstract"):
        return True
    if scheme in ("dns", "ipv4", "ipv6"):
        address = rest.removeprefix("///")  # with an authority, the host is what a server elsewhere says it is
    host = address.rpartition(":")[0].strip("[]").lower()
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name, of which nobody knows yet where it leads
        return False


def open_channel(address: str, config: ConnectionConfig | None = None) -> grpc.Channel:
    """A channel to an address: ``host:port``, ``dns:///name:port`` or ``unix:/path``.

    Raises
    ------
    InvalidInputError
        If a token would leave this machine in plaintext, or a file of the TLS settings cannot be read.
    """
    config = config or ConnectionConfig()
    if config.token and config.tls_ca_path is None and not stays_here(address):
        raise invalid("token", f"would travel to {address} in plaintext; set tls_ca_path, which turns TLS on")
    if config.balancing == "ring_hash":
        # Read by grpc when the first channel is made; without it calls fail for want of the hash header.
        os.environ.setdefault(_RING_HASH_FLAG, "1")
    options = [
        ("grpc.service_config", json.dumps(service_config(config))),
        ("grpc.keepalive_time_ms", round(1000 * config.ping_seconds)),
        ("grpc.keepalive_timeout_ms", 10_000),
        # Else only two pings go out on time and the others a minute apart.
        ("grpc.http2.max_pings_without_data", 0),
        # A service that has come back is found within seconds; by default the pauses grow to two minutes.
        ("grpc.initial_reconnect_backoff_ms", 200),
        ("grpc.min_reconnect_backoff_ms", 200),
        ("grpc.max_reconnect_backoff_ms", 2_000),
        # Streams of 1 MiB chunks: fewer, larger frames.
        ("grpc.http2.max_frame_size", 1 << 20),
    ]
    if config.tls_ca_path is None:
        return grpc.insecure_channel(address, options)
    return grpc.secure_channel(address, _credentials(config, config.tls_ca_path), options)


def _credentials(config: ConnectionConfig, ca_path: Path) -> grpc.ChannelCredentials:
    key = read_bytes(config.tls_key_path) if config.tls_key_path else None
    certificate = read_bytes(config.tls_certificate_path) if config.tls_certificate_path else None
    return grpc.ssl_channel_credentials(read_bytes(ca_path), key, certificate)


def service_config(config: ConnectionConfig) -> dict[str, Any]:
    """The gRPC service config: balancing, and deadline and retries per method."""
    balancer: dict[str, Any] = {config.balancing: {}}
    if config.balancing == "ring_hash":
        balancer = {"ring_hash_experimental": {"requestHashHeader": "race-id"}}
    methods = [method for service in _SERVICES for method in service.methods]
    return {
        "loadBalancingConfig": [balancer],
        "methodConfig": [_method_config(method, config) for method in methods],
    }


def _method_config(method: MethodDescriptor, config: ConnectionConfig) -> dict[str, Any]:
    long = method.server_streaming or method.client_streaming
    seconds = config.long_call_seconds if long else config.call_seconds
    entry: dict[str, Any] = {
        "name": [{"service": method.containing_service.full_name, "method": method.name}],
        "timeout": f"{seconds:.3f}s",
    }
    # An upload is not replayed here: what gRPC was given of it is gone. What answers by a stream is repeated by
    # `Caller`: where gRPC does it, a server that dies before its first message leaves the call hanging for good, past
    # deadline and cancellation (seen with grpcio 1.85).
    if config.max_attempts > 1 and not long:
        entry["retryPolicy"] = {
            "maxAttempts": config.max_attempts,
            "initialBackoff": "0.1s",
            "maxBackoff": "2s",
            "backoffMultiplier": 2,
            "retryableStatusCodes": ["UNAVAILABLE"],
        }
    return entry
