"""Responses that are already serialized: encode once, serve many."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc

from services.common.rpc.handlers import Continuation, Handler, replaced


@dataclass(frozen=True, slots=True)
class Encoded:
    """Wire bytes of a response message; a servicer may yield it in place of the message."""

    data: bytes


def _passing(serialize: Callable[[Any], bytes]) -> Callable[[Any], bytes]:
    def serializer(message: Any) -> bytes:
        return message.data if type(message) is Encoded else serialize(message)

    return serializer


class EncodedInterceptor(grpc.ServerInterceptor):
    """Lets every handler answer with ``Encoded`` bytes."""

    def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Handler | None:
        """Wrap the handler's serializer."""
        handler = continuation(handler_call_details)
        if handler is None or handler.response_serializer is None:
            return handler
        return replaced(handler, response_serializer=_passing(handler.response_serializer))
