"""Complaints about files, options and settings: the place, what is wrong, and what to do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from pitwall.errors import InvalidInputError, Violation


def refuse(violations: Sequence[Violation]) -> None:
    """Raise all complaints at once.

    Raises
    ------
    InvalidInputError
        Unless there are none.
    """
    if violations:
        first = violations[0]
        raise InvalidInputError(f"{first.field}: {first.description}", violations=violations)


def invalid(place: str, problem: str) -> InvalidInputError:
    """A single complaint, to be raised."""
    return InvalidInputError(f"{place}: {problem}", violations=[Violation(place, problem)])


@contextmanager
def told_as(places: Mapping[str, str | Callable[[re.Match[str]], str]]) -> Iterator[None]:
    """Name the place of complaints as the user knows it: the first pattern that a field begins with is replaced.

    Raises
    ------
    InvalidInputError
        That of the block, of those places.
    """
    try:
        yield
    except InvalidInputError as error:
        refuse([Violation(_place(item.field, places), item.description) for item in error.violations])
        raise


def _place(field: str, places: Mapping[str, str | Callable[[re.Match[str]], str]]) -> str:
    for pattern, place in places.items():
        found = re.match(pattern, field)
        if found:
            return (place if isinstance(place, str) else place(found)) + field[found.end() :]
    return field


def read_bytes(path: Path) -> bytes:
    """The bytes of a file.

    Raises
    ------
    InvalidInputError
        If it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise invalid(str(path), f"cannot be read ({error.strerror}); check the path") from error
