"""What ``grpc.health.v1`` says of the services of a server: SERVING while the storage that each uses can be used."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from grpc_health.v1 import health, health_pb2

from services.common.domain.errors import ServiceError

_log = structlog.get_logger("pitwall.health")

Probe = Callable[[], None]
"""Looks at the storage of a service, and raises what a call would meet if it cannot be used."""

_WHOLE = ""
"""Name of the server as a whole, which serves while all of its services do."""


class StorageHealth:
    """Keeps the statuses, by what probes find; a change is told once, to who watches and in the log."""

    def __init__(self) -> None:
        self.servicer = health.HealthServicer()
        self._probes: dict[str, Probe] = {}
        self._problems: dict[str, str] = {}

    def add(self, name: str, probe: Probe) -> None:
        """Look after a service, too; until the next look its status is not known."""
        self._probes[name] = probe

    def look(self) -> None:
        """Probe every storage; what has changed since the last look is told."""
        for name, probe in self._probes.items():
            self._tell(name, probe)
        self._set(_WHOLE, next((self._problems[name] for name in self._probes if self._problems[name]), ""))

    def drain(self) -> None:
        """NOT_SERVING from now on, whatever probes find."""
        self.servicer.enter_graceful_shutdown()

    def _tell(self, name: str, probe: Probe) -> None:
        error = _problem(probe)
        before = self._problems.get(name, "")
        if not self._set(name, error.message if error else ""):
            return
        if error:
            _log.warning("storage fails", service=name, reason=error.reason, problem=error.message)
        elif before:
            _log.info("storage works again", service=name)

    def _set(self, name: str, problem: str) -> bool:
        """Whether this is news."""
        if self._problems.get(name) == problem:
            return False
        self._problems[name] = problem
        statuses = health_pb2.HealthCheckResponse
        self.servicer.set(name, statuses.NOT_SERVING if problem else statuses.SERVING)
        return True


def _problem(probe: Probe) -> ServiceError | None:
    try:
        probe()
    except ServiceError as error:
        return error
    except Exception as error:  # noqa: BLE001 - one that nobody foresaw must not end the server
        return ServiceError(f"{type(error).__name__}: {error}")
    return None
