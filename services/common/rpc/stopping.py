"""Waiting for SIGTERM or SIGINT."""

from __future__ import annotations

import signal
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
