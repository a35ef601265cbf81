"""How long computations report and how they are stopped, without knowing who called them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

Checkpoint = Callable[[], None]
"""Called between blocks of work, at least twice a second; raises ``DeadlineExceeded`` or ``Cancelled``."""


class ReportProgress(Protocol):
    """Called with the stage, the units done and the units in all (0 when not known)."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Tell that ``done`` of ``total`` units of ``stage`` are finished."""


def no_checkpoint() -> None:
    """A checkpoint that never stops the work."""


def no_progress(stage: str, done: int, total: int) -> None:
    """A reporter that tells nobody."""
