"""Complaints about files, options and settings: the place, what is wrong, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
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
