"""The time for a search: once it is over, what is found by then is the answer."""

from __future__ import annotations

from collections.abc import Callable

from services.common.domain.work import Checkpoint

ShouldStop = Callable[[], bool]


class TimeUp(Exception):
    """The time for the search is over."""


def ending(checkpoint: Checkpoint, should_stop: ShouldStop) -> Checkpoint:
    """A checkpoint that also raises ``TimeUp`` when the time for the search is over."""

    def look() -> None:
        checkpoint()
        if should_stop():
            raise TimeUp

    return look
