"""What many callers want at once and one of them makes: each thing once, however many ask for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast

from cachetools import LRUCache

from services.common.blocks import held
from services.common.domain.work import Checkpoint

Value = TypeVar("Value")


@dataclass(eq=False)
class _Flight:
    """Callers that make, or wait for, one thing."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    callers: int = 0
    made: list[Any] = field(default_factory=list)
    """What the first caller has made, for those that waited for it."""


class SingleFlight:
    """Lets one caller at a time make a thing; the others wait for it, each for as long as its checkpoint lets it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._flights: dict[Hashable, _Flight] = {}

    @contextmanager
    def alone(self, key: Hashable, checkpoint: Checkpoint) -> Iterator[list[Any]]:
        """A block that no other caller is in for the same ``key``; what it puts into the list, those that wait find.

        The lock is forgotten with the last caller: one that gives up waiting leaves it to those that do not.
        """
        with self._lock:
            flight = self._flights.setdefault(key, _Flight())
            flight.callers += 1
        try:
            with held(flight.lock, checkpoint):
                yield flight.made
        finally:
            with self._lock:
                flight.callers -= 1
                if not flight.callers:
                    del self._flights[key]


class BuiltOnce(Generic[Value]):
    """Values used last, each built once however many ask for it at the same time; safe to share between calls.

    Parameters
    ----------
    capacity
        Most that is kept, in what ``size_of`` counts; what exceeds it alone is handed to those who asked while it was
        built, without being kept.
    size_of
        Size of a value; by default 1.
    """

    def __init__(self, capacity: float, size_of: Callable[[Value], float] = lambda _value: 1) -> None:
        self._lock = threading.Lock()
        self._values: LRUCache[Hashable, Value] = LRUCache(capacity, getsizeof=size_of)
        self._flight = SingleFlight()
        self._size_of = size_of

    def find(self, key: Hashable) -> Value | None:
        """The value, None where it is not kept."""
        with self._lock:
            return self._values.get(key)

    def get(self, key: Hashable, build: Callable[[], Value], checkpoint: Checkpoint) -> Value:
        """The value, built where it is not kept; ``checkpoint`` ends the wait for another caller's build.

        Where a build fails the next of those that wait tries.
        """
        found = self.find(key)
        if found is not None:
            return found
        with self._flight.alone(key, checkpoint) as made:
            if not made:
                found = self.find(key)
                if found is None:
                    found = build()
                    self._keep(key, found)
                made.append(found)
            return cast(Value, made[0])

    def _keep(self, key: Hashable, value: Value) -> None:
        with self._lock:
            if self._size_of(value) <= self._values.maxsize:
                self._values[key] = value
