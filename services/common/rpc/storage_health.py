"""What ``grpc.health.v1`` says of the services of a server: SERVING while the storage that each uses can be used."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog
from grpc_health.v1 import health, health_pb2

from services.common.domain.errors import ServiceError, Unavailable

_log = structlog.get_logger("pitwall.health")

Probe = Callable[[], None]
"""Looks at the storage of a service, and raises what a call would meet if it cannot be used."""

_WHOLE = ""
"""Name of the server as a whole, which serves while all of its services do."""

_LONGEST_LOOK_SECONDS = 10.0
"""After which storage counts as one that does not answer."""


class StorageHealth:
    """Keeps the statuses, by what probes find; a change is told once, to who watches and in the log."""

    def __init__(self) -> None:
        self.servicer = health.HealthServicer()
        self._probes: dict[str, Probe] = {}
        self._problems: dict[str, str] = {}
        self._lock = threading.Lock()
        self._drains = False
        self._looks: threading.Thread | None = None
        self._probed = (_WHOLE, 0.0)

    def add(self, name: str, probe: Probe) -> None:
        """Look after a service, too; until the next look its status is not known."""
        self._probes[name] = probe

    def look(self) -> None:
        """Probe every storage; what has changed since the last look is told."""
        for name, probe in self._probes.items():
            self._probed = (name, time.monotonic())
            self._tell(name, _problem(probe))
        self._sum_up()

    def look_aside(self) -> None:
        """Look in a thread of its own: storage may hang. One that a look has not come back from is told as well."""
        if self._looks is None or not self._looks.is_alive():
            self._looks = threading.Thread(target=self.look, name="storage", daemon=True)
            self._looks.start()
            return
        name, since = self._probed
        if time.monotonic() - since > _LONGEST_LOOK_SECONDS:
            self._tell(name, Unavailable(f"the storage does not answer within {_LONGEST_LOOK_SECONDS:g} seconds"))
            self._sum_up()

    def drain(self) -> None:
        """NOT_SERVING from now on, whatever probes find."""
        with self._lock:
            self._drains = True
        self.servicer.enter_graceful_shutdown()

    def _tell(self, name: str, error: ServiceError | None) -> None:
        with self._lock:
            before = self._problems.get(name, "")
            if self._drains or not self._set(name, error.message if error else ""):
                return
        if error:
            _log.warning("storage fails", service=name, reason=error.reason, problem=error.message)
        elif before:
            _log.info("storage works again", service=name)

    def _sum_up(self) -> None:
        with self._lock:
            self._set(_WHOLE, next((problem for name in self._probes if (problem := self._problems.get(name))), ""))

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
