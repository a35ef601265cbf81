"""The size of an upper tail, an integer fixed in this one place."""

from __future__ import annotations

from fractions import Fraction

from services.common.domain.errors import InvalidInput

MIN_TAIL_SAMPLES = 100
"""Scenarios in the tail below which a level is not worth reporting: 1 % relative error or so."""


def tail_size(alpha: float, n_scenarios: int) -> int:
    """Return ``k = round((1 - alpha) * n_scenarios)``, at least 1: the scenarios in the upper tail.

    The product is taken in decimal, as the user wrote ``alpha``: binary floats would make
    ``(1 - 0.99) * 10_000`` 100.00000000000009 and ``(1 - 0.9) * 1_000`` 99.99999999999997.
    Halves round up.

    Raises
    ------
    InvalidInput
        If ``alpha`` is outside (0, 1) or there are no scenarios.
    """
    if not 0.0 < alpha < 1.0:
        raise InvalidInput.field("alpha", f"must lie between 0 and 1, is {alpha}")
    if n_scenarios < 1:
        raise InvalidInput.field("n_scenarios", f"must be at least 1, is {n_scenarios}")
    exact = (1 - Fraction(repr(float(alpha)))) * n_scenarios
    return max(1, int(exact + Fraction(1, 2)))


def recommended_scenarios(alpha: float) -> int:
    """Return the least number of scenarios that puts 100 of them in the tail: 10,000 for 99 %."""
    exact = MIN_TAIL_SAMPLES / (1 - Fraction(repr(float(alpha))))
    return -(-exact.numerator // exact.denominator)
