"""Calling a method: metadata in, errors out as classes."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message

from pitwall.errors import CancelledError, from_rpc_error

R = TypeVar("R", bound=Message)
Cancelling = Callable[[Callable[[], object]], AbstractContextManager[None]]
"""Surrounds the wait for an answer; may run the function it is given to cancel the call."""


def _never(_cancel: Callable[[], object]) -> AbstractContextManager[None]:
    return nullcontext()


class Caller:
    """Makes calls with the token, the race id (for race-keyed balancing) and a request id for the logs.

    ``headers`` are sent with every call besides these; ``address`` and ``service`` are for messages about a place
    where nobody answers.
    """

    def __init__(
        self, token: str = "", headers: tuple[tuple[str, str], ...] = (), *, address: str = "", service: str = ""
    ) -> None:
        token_header = (("authorization", f"Bearer {token}"),) if token else ()
        self._address, self._service = address, service
        self._headers = (*token_header, *headers)

    def _metadata(self, race_id: str) -> tuple[tuple[str, str | bytes], ...]:
        # Headers hold printable ASCII only; an id beyond it is the service's to refuse, by name.
        header = race_id if race_id.isascii() and race_id.isprintable() else ""
        return (("race-id", header or "-"), ("x-request-id", uuid.uuid4().hex), *self._headers)

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
        call = method(request, timeout=timeout_seconds, metadata=self._metadata(race_id))
        try:
            with cancelling(call.cancel):
                yield from call
        except grpc.RpcError as error:
            raise from_rpc_error(error, address=self._address, service=self._service) from None
        finally:
            call.cancel()
