"""Calling a method: metadata in, errors out as classes."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message

from pitwall._waiting import NO_PATIENCE, Cancelling, Patience, Pauses, Tries, never
from pitwall.errors import ADVICE, Advice, CancelledError, PitwallError, from_rpc_error

R = TypeVar("R", bound=Message)


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
    patience
        How long calls wait for a service that is too busy to take them; by default not at all.
    advice
        What messages about such a place advise.
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
        patience: Patience = NO_PATIENCE,
        advice: Advice = ADVICE,
        request_id: Callable[[], str] = new_request_id,
    ) -> None:
        token_header = (("authorization", f"Bearer {token}"),) if token else ()
        self._address, self._service, self._advice = address, service, advice
        self._headers = (*token_header, *headers)
        self._max_attempts, self._request_id = max_attempts, request_id
        self._patience, self._pauses = patience, Pauses()

    def close(self) -> None:
        """Have calls that wait to be made again end as cancelled."""
        self._pauses.close()

    def _metadata(self, race_id: str) -> tuple[tuple[str, str | bytes], ...]:
        # Headers hold printable ASCII only; an id beyond it is the service's to refuse, by name.
        header = race_id if race_id.isascii() and race_id.isprintable() else ""
        return (("race-id", header or "-"), ("x-request-id", self._request_id()), *self._headers)

    def _tries(self, timeout_seconds: float | None, cancelling: Cancelling, *, long: bool, max_attempts: int) -> Tries:
        patience = self._patience
        deadline_seconds = patience.long_call_seconds if long else patience.call_seconds
        return Tries(
            lambda seconds: self._pauses.wait(seconds, cancelling),
            deadline_seconds if timeout_seconds is None else min(timeout_seconds, deadline_seconds),
            patience=patience,
            max_attempts=max_attempts,
        )

    def _told(self, error: grpc.RpcError) -> PitwallError:
        return from_rpc_error(error, address=self._address, service=self._service, advice=self._advice)

    @contextmanager
    def _cancelled_by_close(self) -> Iterator[None]:
        try:
            yield
        except ValueError:  # as gRPC says that the channel is closed
            if not self._pauses.closed:
                raise
            raise CancelledError("the client is closed") from None

    def unary(
        self,
        method: grpc.UnaryUnaryMultiCallable[Any, R] | grpc.StreamUnaryMultiCallable[Any, R],
        request: Message | Iterable[Message],
        *,
        race_id: str = "",
        timeout_seconds: float | None = None,
        cancelling: Cancelling | None = None,
    ) -> R:
        """One answer. ``timeout_seconds`` can only shorten the deadline of the channel's config.

        Of a request in parts, an iterator is sent once; what can be iterated anew is sent again like a message.
        """
        long = not isinstance(request, Message)
        tries = self._tries(timeout_seconds, cancelling or never, long=long, max_attempts=1)
        metadata = self._metadata(race_id)
        while True:
            sent = request if isinstance(request, Message) else iter(request)
            try:
                return self._answer(method, sent, tries.timeout_seconds(), metadata, cancelling)
            except PitwallError as error:
                if isinstance(request, Iterator):
                    raise
                tries.wait_after(error)

    def _answer(
        self,
        method: Any,
        request: Any,
        timeout_seconds: float | None,
        metadata: tuple[tuple[str, str | bytes], ...],
        cancelling: Cancelling | None,
    ) -> Any:
        try:
            with self._cancelled_by_close():
                if cancelling is None:
                    return method(request, timeout=timeout_seconds, metadata=metadata)
                future = method.future(request, timeout=timeout_seconds, metadata=metadata)
            with cancelling(future.cancel):
                return future.result()
        except grpc.FutureCancelledError:
            raise CancelledError("the call was cancelled") from None
        except grpc.RpcError as error:
            raise self._told(error) from None

    def stream(
        self,
        method: grpc.UnaryStreamMultiCallable[Any, R],
        request: Message,
        *,
        race_id: str = "",
        timeout_seconds: float | None = None,
        cancelling: Cancelling = never,
    ) -> Iterator[R]:
        """Answers as they come. Closing the iterator cancels the call."""
        tries = self._tries(timeout_seconds, cancelling, long=True, max_attempts=self._max_attempts)
        metadata = self._metadata(race_id)
        while True:
            with self._cancelled_by_close():
                call = method(request, timeout=tries.timeout_seconds(), metadata=metadata)
            begun = False
            try:
                with cancelling(call.cancel):
                    for answer in call:
                        begun = True
                        yield answer
                return
            except grpc.RpcError as error:
                failure = self._told(error)
                if begun:
                    raise failure from None
            finally:
                call.cancel()
            tries.wait_after(failure)
