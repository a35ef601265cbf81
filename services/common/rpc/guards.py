"""What stands around every call: a log line, the mapping of errors, the token and limits.

A guard is a context manager that surrounds the whole call. For streams that includes their iteration:
a generator raises while it is iterated, long after the handler function has returned.
"""

from __future__ import annotations

import contextlib
import hmac
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from typing import Any

import grpc
import structlog

from pitwall.errors import PitwallError
from services.common.domain.errors import Overloaded, ServiceError, Unauthenticated
from services.common.rpc.handlers import Continuation, Handler, with_behaviour
from services.common.rpc.logs import current_request_id
from services.common.rpc.status import from_peer, to_status

Guard = Callable[[str, grpc.ServicerContext], contextlib.AbstractContextManager[None]]

_UNGUARDED = ("/grpc.health.", "/grpc.reflection.")
"""Open without a token: orchestrators ask for health, and reflection tells no more than the public contract."""
_WATCHED = ("/grpc.health.v1.Health/Watch", "/grpc.reflection.")
_OPERATORS_REASONS = frozenset(
    {"INTERNAL", "UNAVAILABLE", "STORAGE_FULL", "STORAGE_DAMAGED", "STORAGE_READ_ONLY", "CHECKSUM_MISMATCH"}
)
"""What a caller cannot mend: told as warnings."""
_FAILURE: ContextVar[dict[str, str]] = ContextVar("failure")
"""Why the call of this context has failed, for its line in the log."""
_log = structlog.get_logger("pitwall.rpc")


def is_own(method: str) -> bool:
    """Whether a method is of Pitwall's own services: not health, not reflection."""
    return not method.startswith(_UNGUARDED)


def is_watcher(method: str) -> bool:
    """Whether a method is a stream of health or reflection."""
    return method.startswith(_WATCHED)


class GuardInterceptor(grpc.ServerInterceptor):
    """Surrounds each call of some methods, by default those of Pitwall's own services, by a guard."""

    def __init__(self, guard: Guard, applies: Callable[[str], bool] = is_own) -> None:
        self._guard = guard
        self._applies = applies

    def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Handler | None:
        """Wrap the handler of the call."""
        handler = continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or not self._applies(method):
            return handler
        return with_behaviour(handler, lambda inner: self._guarded(method, inner, handler.response_streaming))

    def _guarded(self, method: str, inner: Callable[..., Any], streaming: bool) -> Callable[..., Any]:
        def unary(request: Any, context: grpc.ServicerContext) -> Any:
            with self._guard(method, context):
                return inner(request, context)

        def stream(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
            with self._guard(method, context):
                yield from inner(request, context)

        return stream if streaming else unary


def _metadata(context: grpc.ServicerContext, key: str) -> str:
    for name, value in context.invocation_metadata() or ():
        if name == key:
            return value if isinstance(value, str) else value.decode("latin-1")
    return ""


@contextlib.contextmanager
def log_guard(method: str, context: grpc.ServicerContext) -> Iterator[None]:
    """One line per call: method, race, request id, peer, code, milliseconds; of a failed one reason and message too."""
    request_id = _metadata(context, "x-request-id") or uuid.uuid4().hex
    started, peer = time.perf_counter(), context.peer()
    race_id = _metadata(context, "race-id")
    failure: dict[str, str] = {}
    told = _FAILURE.set(failure)
    with structlog.contextvars.bound_contextvars(
        request_id=request_id, method=method.rpartition("/")[2], race_id="" if race_id == "-" else race_id
    ):
        try:
            yield
        finally:
            code = context.code() or grpc.StatusCode.OK  # type: ignore[attr-defined]
            if not context.is_active() and code is grpc.StatusCode.OK:
                code = grpc.StatusCode.CANCELLED
            _FAILURE.reset(told)
            log = _log.warning if failure.get("reason") in _OPERATORS_REASONS else _log.info
            log(
                "call",
                peer=peer,
                code=code.name if isinstance(code, grpc.StatusCode) else str(code),
                milliseconds=round((time.perf_counter() - started) * 1e3, 1),
                **failure,
            )


@contextlib.contextmanager
def error_guard(method: str, context: grpc.ServicerContext) -> Iterator[None]:  # noqa: ARG001
    """Turn errors into rich statuses; what is unknown becomes INTERNAL and is logged with its traceback."""
    try:
        yield
    except ServiceError as error:
        _abort(context, error)
    except PitwallError as error:
        _abort(context, from_peer(error))
    except Exception as error:
        if context.code() is not None or not context.is_active():  # type: ignore[attr-defined]
            raise  # the handler has aborted by itself, or the caller is gone and took the request stream along
        _log.exception("unexpected error", error=repr(error))
        _abort(
            context, ServiceError(f"internal error; the log has the details under request id {current_request_id()}")
        )


def _abort(context: grpc.ServicerContext, error: ServiceError) -> None:
    _FAILURE.get({}).update(reason=error.reason, problem=error.message)
    context.abort_with_status(to_status(error))


def token_guard(token: str) -> Guard:
    """Refuse calls whose ``authorization`` is not the bearer token."""

    @contextlib.contextmanager
    def guard(method: str, context: grpc.ServicerContext) -> Iterator[None]:  # noqa: ARG001
        given = _metadata(context, "authorization")
        if not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
            told = "the token that was sent is not that of this service; " if given else ""
            raise Unauthenticated(
                f"{told}send the metadata 'authorization: Bearer <token>' that this service was set up with; the "
                "command line has it from PITWALL_CLIENT_TOKEN or --token-path"
            )
        yield

    return guard


MAX_WATCHERS = 16
"""Streams of health and reflection at once."""

INNER_HEADER = "x-pitwall-inner"
"""Carries the secret by which a server knows calls that its own servicers make on it."""


class CallLimits:
    """Refuses calls beyond a number at once, at once: queueing in silence would only hide the overload.

    Methods that compute for long share a second, smaller number. Calls that a servicer of the same process
    makes for a call that holds a place already take none: they would refuse, or wait for, their own caller.
    """

    def __init__(self, max_calls: int, max_heavy_calls: int) -> None:
        self.inner_secret = uuid.uuid4().hex
        self._max_calls, self._max_heavy_calls = max_calls, max_heavy_calls
        self._calls = threading.BoundedSemaphore(max_calls)
        self._heavy_calls = threading.BoundedSemaphore(max_heavy_calls)
        self._heavy_methods: set[str] = set()
        self._watchers = threading.BoundedSemaphore(MAX_WATCHERS)

    @contextlib.contextmanager
    def watch_guard(self, method: str, context: grpc.ServicerContext) -> Iterator[None]:  # noqa: ARG002
        """Hold one of the few places for streams of health and reflection, which keep a thread while they idle."""
        with contextlib.ExitStack() as stack:
            _enter(stack, self._watchers, f"{MAX_WATCHERS} streams of health and reflection are open already")
            yield

    def add_heavy(self, methods: Iterable[str]) -> None:
        """Count some methods, named as on the wire, as long computations."""
        self._heavy_methods.update(methods)

    @contextlib.contextmanager
    def guard(self, method: str, context: grpc.ServicerContext) -> Iterator[None]:
        """Hold a place for the time of the call."""
        if hmac.compare_digest(_metadata(context, INNER_HEADER), self.inner_secret):
            yield
            return
        with contextlib.ExitStack() as stack:
            _enter(stack, self._calls, f"as many calls are being served as may be ({self._max_calls})")
            if method in self._heavy_methods:
                name = method.rpartition("/")[2]
                running = f"{self._max_heavy_calls} long computations are running already, {name} would be another"
                _enter(stack, self._heavy_calls, running)
            yield


def _enter(stack: contextlib.ExitStack, semaphore: threading.BoundedSemaphore, full: str) -> None:
    if not semaphore.acquire(blocking=False):
        raise Overloaded(f"{full}; retry in a second", retry_seconds=1.0)
    stack.callback(semaphore.release)
