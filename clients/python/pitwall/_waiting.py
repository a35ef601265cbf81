"""When a call is made again: after a service was away, or too busy to take it."""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from pitwall.errors import CancelledError, OverloadedError, PitwallError, UnavailableError

Cancelling = Callable[[Callable[[], object]], AbstractContextManager[None]]
"""Surrounds the wait for an answer; may run the function it is given to cancel the call."""

OnWait = Callable[[OverloadedError], object]
"""Told of a call that waits for a service that refused it."""

_FIRST_PAUSE_SECONDS = 0.1
"""Before a call is made again, unless the service asks for more; the next pauses are twice as long each."""
_LONGEST_PAUSE_SECONDS = 3.0
"""To which the pauses before a busy service grow: it may be idle meanwhile. One that asks for longer ones gets them."""
_JITTER = 0.5
"""Share by which such a pause is longer at most: what was refused together is not to come back together."""


def never(_cancel: Callable[[], object]) -> AbstractContextManager[None]:
    """Surrounds a wait that nobody cancels."""
    return nullcontext()


def untold(_error: OverloadedError) -> None:
    """Tell nobody of a wait."""


@dataclass(frozen=True)
class Patience:
    """How long a call may take, and how much of that it may wait for a service that is too busy to take it.

    Attributes
    ----------
    overload_wait_seconds
        Longest wait of a call in all; 0 for none.
    call_seconds, long_call_seconds
        Deadlines by the channel: of short calls, and of those that stream.
    on_wait
        Told once of each call that begins to wait.
    """

    overload_wait_seconds: float = 0.0
    call_seconds: float = math.inf
    long_call_seconds: float = math.inf
    on_wait: OnWait = untold


NO_PATIENCE = Patience()


class Pauses:
    """The pauses of a client's calls, which end at once when their call is cancelled or the client is closed."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._closed = False

    def wait(self, seconds: float, cancelling: Cancelling) -> None:
        """Pause; raises ``CancelledError`` where that ends before its time."""
        cancelled = False

        def cancel() -> None:
            nonlocal cancelled
            with self._changed:
                cancelled = True
                self._changed.notify_all()

        with cancelling(cancel), self._changed:
            if self._changed.wait_for(lambda: cancelled or self._closed, seconds):
                raise CancelledError("the call was cancelled")

    @property
    def closed(self) -> bool:
        """Whether no pause, and no call, is to come any more."""
        return self._closed

    def close(self) -> None:
        """End all pauses, and those to come."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


class Tries:
    """The tries of one call: how long the next may take, and whether and when it is made.

    Parameters
    ----------
    wait
        Pauses for so many seconds.
    seconds
        Deadline of the call, from now.
    patience
        How long it may wait for a busy service, and who is told.
    max_attempts
        How often the call is made while the service is unavailable.
    """

    def __init__(self, wait: Callable[[float], None], seconds: float, *, patience: Patience, max_attempts: int) -> None:
        self._wait, self._on_wait = wait, patience.on_wait
        self._ends = time.monotonic() + seconds
        self._wait_seconds_left = patience.overload_wait_seconds
        self._attempts_left = max_attempts
        self._away_seconds, self._busy_seconds = _FIRST_PAUSE_SECONDS, 0.0

    def timeout_seconds(self) -> float | None:
        """Time for the next try, None for no limit but the channel's."""
        return None if math.isinf(self._ends) else max(0.0, self._ends - time.monotonic())

    def wait_after(self, error: PitwallError) -> None:
        """Pause until the next try; where there is to be none, the error that ended this one is raised.

        A refusal that asks for no delay is final: it is of a message too large for gRPC.
        """
        if isinstance(error, OverloadedError) and error.retry_seconds is not None:
            is_first, pause = not self._busy_seconds, self._busy_pause(error, error.retry_seconds)
            if is_first:
                self._on_wait(error)
            self._wait(pause)
        elif self._is_away(error) and self._has(self._away_seconds):
            self._attempts_left -= 1
            self._wait(self._away_seconds)
            self._away_seconds *= 2
        else:
            raise error

    def _is_away(self, error: PitwallError) -> bool:
        """Whether it may be back when the call is made again."""
        return isinstance(error, UnavailableError) and error.retriable and self._attempts_left > 1

    def _has(self, seconds: float) -> bool:
        return time.monotonic() + seconds < self._ends

    def _busy_pause(self, error: PitwallError, asked_seconds: float) -> float:
        """As long as the service asks for, and longer by at most half of what is left: the call needs time too."""
        least = max(asked_seconds, _FIRST_PAUSE_SECONDS)
        room = min(self._wait_seconds_left, self._ends - time.monotonic())
        if room < least:
            raise error
        self._busy_seconds = max(least, min(2 * self._busy_seconds, _LONGEST_PAUSE_SECONDS))
        jittered = self._busy_seconds * random.uniform(1.0, 1.0 + _JITTER)  # noqa: S311 - nobody gains by guessing it
        pause = min(jittered, max(least, room / 2))
        self._wait_seconds_left -= pause
        return pause
