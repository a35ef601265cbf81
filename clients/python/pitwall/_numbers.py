"""Numbers of a call, checked by name before they meet a message that could not carry them, and money in words."""

from __future__ import annotations

import math
import operator

from pitwall.errors import InvalidInputError, Violation

MAX_COUNT = 2**31 - 1
MAX_SEED = 2**64 - 1
MAX_CENTS = 2**63 - 1

_ROUNDING_CENTS = 1e-6


def whole(value: int, name: str, greatest: int = MAX_COUNT) -> int:
    """A whole number from 0 to ``greatest``.

    Raises
    ------
    InvalidInputError
        Naming it otherwise.
    """
    try:
        number = operator.index(value)
    except TypeError:
        number = -1
    if not 0 <= number <= greatest:
        raise _refused(name, f"must be a whole number from 0 to {greatest}, is {value!r}")
    return number


def cents(dollars: float, name: str) -> int:
    """Dollars in whole cents.

    Raises
    ------
    InvalidInputError
        For what is not a number, or holds parts of a cent.
    """
    if not math.isfinite(dollars):
        raise _refused(name, f"must be an amount of money, is {dollars!r}")
    number = round(dollars * 100)
    if abs(dollars * 100 - number) > _ROUNDING_CENTS * max(1.0, abs(dollars)):
        raise _refused(name, f"must be in whole cents, is {dollars!r}")
    return number


def money(cents: float, *, signed: bool = False) -> str:
    """Cents in dollars: ``-$4.85``; with ``signed`` a gain has its sign, too."""
    sign = "-" if round(cents) < 0 else "+" if signed else ""
    return f"{sign}${abs(cents) / 100:,.2f}"


def _refused(name: str, problem: str) -> InvalidInputError:
    return InvalidInputError(f"{name}: {problem}", violations=[Violation(name, problem)])


def less_or_more(share: float) -> str:
    """``0.7 % less`` for 0.007, ``0.7 % more`` for -0.007."""
    return f"{100 * abs(share):.1f} % {'more' if share < 0 else 'less'}"
