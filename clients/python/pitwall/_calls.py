"""Calling a method: metadata in, errors out as classes."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message

from pitwall.errors import CancelledError, from_rpc_error

R = TypeVar("R", bound=Message)
_FIRST_PAUSE_SECONDS = 0.1
"""Before a call is made again; the next pauses are twice as long each."""
Cancelling = Callable[[Callable[[], object]], AbstractContextManager[None]]
"""Surrounds the wait for an answer; may run the function it is given to cancel the call."""


def _never(_cancel: Callable[[], object]) -> AbstractContextManager[None]:
    return nullcontext()


def new_request_id() -> str:
    """An id by which the log lines of one request are found."""
    return uuid.uuid4().hex


class Caller:
    """Makes calls with the token, the race id (for race-keyed balancing) and a request id for the logs.

    Parameters
    ----------
    headers
        Sent with every call besides these.
    address, service
        For messages about a place where nobody answers.
    max_attempts
        How often a call that answers by a stream is made while nothing has come of it and the service is unavailable.
    request_id
        Gives the id of the next call; by default a new one.
    """

    def __init__(
        self,
        token: str = "",
        headers: tuple[tuple[str, str], ...] = (),
        *,
        address: str = "",
        service: str = "",
        max_attempts: int = 1,
        request_id: Callable[[], str] = new_request_id,
    ) -> None:
        token_header = (("authorization", f"Bearer {token}"),) if token else ()
        self._address, self._service = address, service
        self._headers = (*token_header, *headers)
        self._max_attempts, self._request_id = max_attempts, request_id

    def _metadata(self, race_id: str) -> tuple[tuple[str, str | bytes], ...]:
        # Headers hold printable ASCII only; an id beyond it is the service's to refuse, by name.
        header = race_id if race_id.isascii() and race_id.isprintable() else ""
        return (("race-id", header or "-"), ("x-request-id", self._request_id()), *self._headers)

    def unary(
        self,
        method: grpc.UnaryUnaryMultiCallable[Any, R] | grpc.StreamUnaryMultiCallable[Any, R],
        request: Any,
        *,
        race_id: str = "",
        timeout_seconds: float | None = None,
        cancelling: Cancelling | None = None,
    ) -> R:
        """One answer. ``timeout_seconds`` can only shorten the deadline of the channel's config."""
        metadata = self._metadata(race_id)
        try:
            if cancelling is None:
                return method(request, timeout=timeout_seconds, metadata=metadata)
            future = method.future(request, timeout=timeout_seconds, metadata=metadata)
            with cancelling(future.cancel):
                return future.result()
        except grpc.FutureCancelledError:
            raise CancelledError("the call was cancelled") from None
        except grpc.RpcError as error:
            raise from_rpc_error(error, address=self._address, service=self._service) from None

    def stream(
        self,
        method: grpc.UnaryStreamMultiCallable[Any, R],
        request: Message,
        *,
        race_id: str = "",
        timeout_seconds: float | None = None,
        cancelling: Cancelling = _never,
    ) -> Iterator[R]:
        """Answers as they come. Closing the iterator cancels the call."""
        ends = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        for attempt in range(1, self._max_attempts + 1):
            left = None if ends is None else max(0.0, ends - time.monotonic())
            call = method(request, timeout=left, metadata=self._metadata(race_id))
            begun = False
            try:
                with cancelling(call.cancel):
                    for answer in call:
                        begun = True
                        yield answer
                return
            except grpc.RpcError as error:
                gone = error.code() is grpc.StatusCode.UNAVAILABLE
                if begun or not gone or attempt == self._max_attempts:
                    raise from_rpc_error(error, address=self._address, service=self._service) from None
            finally:
                call.cancel()
            time.sleep(_FIRST_PAUSE_SECONDS * 2 ** (attempt - 1))
