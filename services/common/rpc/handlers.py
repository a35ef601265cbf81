"""Changing the handler of a method on its way through interceptors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, cast

import grpc

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Continuation: TypeAlias = "Callable[[grpc.HandlerCallDetails], Handler | None]"

_SHAPES = ("unary_unary", "unary_stream", "stream_unary", "stream_stream")


def replaced(handler: Handler, **changes: Any) -> Handler:
    """The same handler with some of its attributes changed (grpc's handlers are named tuples)."""
    return cast(Any, handler)._replace(**changes)


def with_behaviour(handler: Handler, wrap: Callable[[Callable[..., Any]], Callable[..., Any]]) -> Handler:
    """The same handler with its one behaviour wrapped, whatever its shape."""
    for shape in _SHAPES:
        inner = getattr(handler, shape)
        if inner is not None:
            return replaced(handler, **{shape: wrap(inner)})
    return handler
