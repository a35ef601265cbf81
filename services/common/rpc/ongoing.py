"""The calls under way on a server: a drain waits for them, and in the end leaves behind what does not stop."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from contextvars import ContextVar

import grpc

_LEFT_BEHIND: ContextVar[threading.Event] = ContextVar("left_behind")
"""Set when the server of this context no longer waits for its calls."""


class OngoingCalls:
    """Counts the calls of a server that have begun and not ended, cancelled ones too: those end once they look up."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._n_calls = 0
        self._left_behind = threading.Event()

    @contextlib.contextmanager
    def guard(self, method: str, context: grpc.ServicerContext) -> Iterator[None]:  # noqa: ARG002
        """Count a call for as long as it lasts."""
        self._add(1)
        told = _LEFT_BEHIND.set(self._left_behind)
        try:
            yield
        finally:
            self._add(-1)
            _LEFT_BEHIND.reset(told)

    def _add(self, n_calls: int) -> None:
        with self._changed:
            self._n_calls += n_calls
            self._changed.notify_all()

    @property
    def n_calls(self) -> int:
        """Calls under way."""
        return self._n_calls

    def wait_for_end(self, seconds: float) -> int:
        """Wait until all have ended; returns how many have not by then."""
        with self._changed:
            self._changed.wait_for(lambda: not self._n_calls, seconds)
            return self._n_calls

    def leave_behind(self) -> None:
        """Let calls end whose work does not."""
        self._left_behind.set()


def left_behind() -> threading.Event:
    """Tells the call of this context when its server no longer waits for it; never outside of a server."""
    return _LEFT_BEHIND.get(None) or threading.Event()
