"""Waiting for SIGTERM or SIGINT, and the end that follows."""

from __future__ import annotations

import os
import signal
import sys
from queue import Empty, SimpleQueue


class StopSignal:
    """Has come once SIGTERM or SIGINT has, from the making of this on; made by the main thread."""

    def __init__(self) -> None:
        # An event would lock itself out if the signal came just as its own thread goes to wait for it.
        self._come = SimpleQueue[int]()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda number, _frame: self._come.put(number))

    def comes_within(self, seconds: float) -> bool:
        """Wait for the signal; True where it has come."""
        try:
            self._come.get(timeout=seconds)
        except Empty:
            return False
        return True


def end_without(n_calls: int) -> None:
    """End the process now if calls were left behind: Python would wait for the threads that serve them."""
    if n_calls:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
