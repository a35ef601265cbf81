"""One way to run a server: health, reflection, guards, limits, TLS, drain."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from concurrent import futures
from dataclasses import dataclass

import grpc
import structlog
from grpc_health.v1 import health, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from pitwall.errors import InvalidInputError
from services.common.rpc.encoded import EncodedInterceptor
from services.common.rpc.guards import (
    INNER_HEADER,
    MAX_WATCHERS,
    CallLimits,
    Guard,
    GuardInterceptor,
    error_guard,
    is_watcher,
    log_guard,
    token_guard,
)
from services.common.rpc.ongoing import OngoingCalls
from services.common.rpc.settings import ServerSettings
from services.common.rpc.stopping import StopSignal
from services.common.rpc.storage_health import Probe, StorageHealth
from services.common.rpc.tls import server_credentials
from services.common.rpc.validation import ValidationInterceptor

_log = structlog.get_logger("pitwall.server")

MAX_REQUEST_BYTES = 16 << 20
"""Largest request message; larger ones are refused by gRPC with both sizes named."""

_SPARE_THREADS = MAX_WATCHERS + 8
"""Threads beyond the call limit, so that health checks and refusals are answered when all others are taken."""

_CANCELLED_SECONDS = 5.0
"""Time for calls to end that were cancelled, by a drain too: work looks up once a second, on a busy machine later."""

_LEFT_SECONDS = 1.0
"""Time to end for calls whose work is left behind."""


def _nothing() -> None:
    pass


@dataclass(frozen=True)
class ServiceBinding:
    """A servicer ready to be served.

    Attributes
    ----------
    name
        Full name of the gRPC service, such as ``pitwall.scenario.v1.ScenarioService``; empty for what is only
        to be closed with the server.
    add_to
        Registers the servicer with a server.
    heavy_methods
        Short names of methods that compute for long; they share a limit of their own.
    probe
        Looks at the storage that the servicer uses, if any; health says NOT_SERVING while it raises.
    close
        Frees what the servicer holds, after the last call.
    """

    name: str
    add_to: Callable[[grpc.Server], None]
    heavy_methods: frozenset[str] = frozenset()
    probe: Probe = _nothing
    close: Callable[[], None] = _nothing


class Server:
    """A gRPC server that listens from the start and serves once bindings are added.

    The address is known before the servicers are built, because in an embedded stack they call each other
    through it.

    Parameters
    ----------
    inner_address
        A second address in plaintext, such as ``unix:/run/pitwall/inner``, by which servicers of one process
        reach each other whatever TLS the outer one has.
    """

    def __init__(self, settings: ServerSettings, *, inner_address: str = "") -> None:
        self.settings = settings
        self._bindings: list[ServiceBinding] = []
        self._health = StorageHealth()
        self._ongoing = OngoingCalls()
        self._limits = CallLimits(settings.max_concurrent_rpcs, settings.max_heavy_rpcs)
        self._server = self._new_server()
        try:
            self.port, self.address = self._listen()
            if inner_address:
                self._bind(inner_address, None)
        except InvalidInputError:
            self.abandon()
            raise
        self.inner_headers = ((INNER_HEADER, self._limits.inner_secret),)

    def _new_server(self) -> grpc.Server:
        settings = self.settings
        guards: list[Guard] = [self._ongoing.guard, log_guard, error_guard]
        if token := settings.bearer_token.get_secret_value():
            guards.append(token_guard(token))
        guards.append(self._limits.guard)
        # A call may wait for one that it makes on the same server, and that one for another.
        threads = 3 * settings.max_concurrent_rpcs + _SPARE_THREADS
        return grpc.server(
            futures.ThreadPoolExecutor(max_workers=threads, thread_name_prefix="rpc"),
            interceptors=[
                EncodedInterceptor(),
                *(GuardInterceptor(guard, is_watcher) for guard in (error_guard, self._limits.watch_guard)),
                *map(GuardInterceptor, guards),
                ValidationInterceptor(),
            ],
            maximum_concurrent_rpcs=threads,
            options=[
                # Bounded, and enough for the largest fields of opponents; matrices travel in chunks of 1 MiB.
                ("grpc.max_receive_message_length", MAX_REQUEST_BYTES),
                # Without this a second server binds the same port in silence.
                ("grpc.so_reuseport", 0),
                # Clients ping while a call is silent; by default gRPC hangs up on more than one ping in five minutes.
                ("grpc.http2.min_ping_interval_without_data_ms", round(1000 * settings.min_ping_seconds)),
                ("grpc.keepalive_permit_without_calls", 1),
            ],
        )

    def _listen(self) -> tuple[int, str]:
        settings = self.settings
        target = f"unix:{settings.uds_path}" if settings.uds_path else f"{settings.host}:{settings.port}"
        port = self._bind(target, server_credentials(settings))
        return port, target if settings.uds_path else f"{settings.host}:{port}"

    def _bind(self, target: str, credentials: grpc.ServerCredentials | None) -> int:
        try:
            if credentials:
                return self._server.add_secure_port(target, credentials)
            return self._server.add_insecure_port(target)
        except RuntimeError as error:
            hint = "is another process using it? Choose another port"
            if target.startswith("unix:"):
                hint = "is another process using it, is its folder there, is the path longer than 100 characters?"
            raise InvalidInputError(f"cannot listen on {target}: {hint}") from error

    def add(self, binding: ServiceBinding) -> None:
        """Register a servicer, which is closed with the server from now on."""
        self._bindings.append(binding)
        binding.add_to(self._server)
        if binding.name:
            self._health.add(binding.name, binding.probe)
        self._limits.add_heavy(f"/{binding.name}/{method}" for method in binding.heavy_methods)

    def start(self) -> None:
        """Serve what was added; health answers from now on."""
        health_pb2_grpc.add_HealthServicer_to_server(self._health.servicer, self._server)
        names = [binding.name for binding in self._bindings if binding.name]
        if self.settings.reflection:
            reflection.enable_server_reflection([*names, health.SERVICE_NAME, reflection.SERVICE_NAME], self._server)
        self.probe()
        self._server.start()
        _log.info("serving", address=self.address, services=names)

    def probe(self) -> None:
        """Look at the storage of each service, and let health say what was found."""
        self._health.look()

    def serve_until(self, stop: StopSignal) -> int:
        """Look at the storage from time to time until told to stop, then drain; returns what ``stop`` does."""
        while not stop.comes_within(self.settings.probe_seconds):
            self._health.look_aside()
        return self.stop()

    def stop(self, grace_seconds: float | None = None) -> int:
        """Drain: NOT_SERVING, a pause for balancers, no new calls, wait for those in flight, close.

        Calls beyond the grace are cancelled; only work that does not stop even then outlasts the drain.

        Returns
        -------
        int
            Calls that were left behind with their work.
        """
        grace = self.settings.grace_seconds if grace_seconds is None else grace_seconds
        self._health.drain()
        _log.info("draining", address=self.address, n_calls=self._ongoing.n_calls, grace_seconds=grace)
        if grace > 0:
            time.sleep(min(self.settings.drain_pause_seconds, grace))
        self._server.stop(grace).wait()
        n_left = self._wait_for_cancelled()
        self._close_bindings()
        _log.info("stopped", address=self.address)
        return n_left

    def _wait_for_cancelled(self) -> int:
        """gRPC is done with a call when it is cancelled; what serves it ends a little later, or is left behind."""
        n_calls = self._ongoing.wait_for_end(_CANCELLED_SECONDS)
        if n_calls:
            _log.warning("calls do not end", address=self.address, n_calls=n_calls)
            self._ongoing.leave_behind()
            self._ongoing.wait_for_end(_LEFT_SECONDS)
        return n_calls

    def abandon(self) -> None:
        """Give up before serving: stop listening, and free what the servicers added so far hold."""
        with contextlib.suppress(ValueError):  # it has started already
            self._server.start()  # gRPC frees the address of a server that has stopped, not of one that never started
        self._server.stop(None).wait()
        self._close_bindings()

    def _close_bindings(self) -> None:
        for binding in reversed(self._bindings):
            binding.close()


def start_server(bindings: Sequence[ServiceBinding], settings: ServerSettings) -> Server:
    """Serve some bindings at once."""
    server = Server(settings)
    for binding in bindings:
        server.add(binding)
    server.start()
    return server
