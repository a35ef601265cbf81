"""What a lineup is worth, as exact integer arithmetic.

``f(L) = sum_m w_m Q_k(m)(T(L)) + w_mean mean(T(L)) + sum_{i in L} d_i`` with ``Q_k`` the mean of the ``k``
greatest scenario totals ``T`` (upper-tail CVaR). Totals are integers in ticks, so with ``A_k`` the sum of
the ``k`` greatest, every ``w_m / k_m`` is a fraction and ``f`` an integer in *units* of ``1 / denominator``
tick. Bounds and values are compared as integers: no float margin, and ties are real ties.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm

import numpy as np
import numpy.typing as npt

from services.common.domain.errors import FieldViolation, InvalidInput
from services.common.domain.site_rules import TICKS_PER_POINT
from services.common.domain.tail import tail_size

Units = npt.NDArray[np.int64]

_MAX_DENOMINATOR = 1 << 31
"""With it, 2**31 ticks (10**8 points) fit a 64-bit integer: more than any total with its penalties."""

MAX_POINTS_PER_DRIVER = 1_000_000.0
"""Greatest bonus or penalty of one driver that leaves room in 64 bits."""


@dataclass(frozen=True)
class Term:
    """``weight`` times the CVaR at level ``alpha``, or times the mean where ``alpha`` is None."""

    alpha: float | None
    weight: float


DEFAULT_TERMS = (Term(0.99, 0.7), Term(0.95, 0.3))


@dataclass(frozen=True)
class Tail:
    """The ``k`` greatest totals of the level ``alpha``; each of their ticks is worth ``multiplier`` units."""

    alpha: float
    k: int
    multiplier: int


@dataclass(frozen=True)
class Objective:
    """A weighted list of terms over a fixed number of scenarios, in integers.

    Attributes
    ----------
    tails
        Of positive weight, levels ascending.
    mean_multiplier
        Units that one tick of one scenario is worth through the mean.
    denominator
        Units per tick. Weights are exact unless their common denominator would pass 2**31; then those of the
        largest tails are, as far as it goes, and the others are off by ``k / 2**31`` at most.
    """

    tails: tuple[Tail, ...]
    mean_multiplier: int
    denominator: int
    n_scenarios: int

    def points(self, units: int) -> float:
        """Units as points."""
        return units / (self.denominator * TICKS_PER_POINT)

    def units(self, points: npt.NDArray[np.float64]) -> Units:
        """Points as units, rounded to the nearest: far below a millionth of a point."""
        exact = np.rint(np.asarray(points, dtype=np.float64) * (self.denominator * TICKS_PER_POINT))
        return exact.astype(np.int64)

    def mean_units(self, ticks_by_driver: npt.NDArray[np.int16]) -> Units:
        """What each driver adds through the mean term; shape (n_drivers,)."""
        return ticks_by_driver.sum(axis=1, dtype=np.int64) * self.mean_multiplier


def build_objective(terms: Sequence[Term], n_scenarios: int) -> Objective:
    """Return the integer objective of some terms; weights are normalised to sum to 1.

    Raises
    ------
    InvalidInput
        For a level outside (0, 1), a negative or infinite weight, or weights that are all zero.
    """
    _check(terms)
    weights: dict[float | None, Fraction] = {}
    for term in terms:
        weights[term.alpha] = weights.get(term.alpha, Fraction(0)) + Fraction(repr(float(term.weight)))
    total = sum(weights.values())
    per_tick: dict[float | None, Fraction] = {}
    sizes: dict[float | None, int] = {}
    for alpha, weight in weights.items():
        if weight:
            sizes[alpha] = n_scenarios if alpha is None else tail_size(alpha, n_scenarios)
            per_tick[alpha] = weight / total / sizes[alpha]
    denominator = _denominator([per_tick[alpha] for alpha in sorted(per_tick, key=lambda alpha: -sizes[alpha])])
    multipliers = {alpha: round(share * denominator) for alpha, share in per_tick.items()}
    levels = sorted(alpha for alpha in multipliers if alpha is not None)
    tails = tuple(Tail(alpha, sizes[alpha], multipliers[alpha]) for alpha in levels)
    return Objective(tails, multipliers.get(None, 0), denominator, n_scenarios)


def _denominator(shares: Sequence[Fraction]) -> int:
    """A common denominator of as many shares as have one up to the greatest, the first ones before the others.

    What a multiplier is rounded by counts once per scenario of the tail, so that large tails need theirs exact.
    """
    denominator = 1
    for share in shares:
        common = lcm(denominator, share.denominator)
        denominator = common if common <= _MAX_DENOMINATOR else denominator
    return denominator * (_MAX_DENOMINATOR // denominator)


def _check(terms: Sequence[Term]) -> None:
    violations = []
    for index, term in enumerate(terms):
        where = f"objective.terms[{index}]"
        if term.alpha is not None and not 0.0 < term.alpha < 1.0:
            violations.append(FieldViolation(f"{where}.cvar_alpha", f"must lie between 0 and 1, is {term.alpha}"))
        if not 0.0 <= term.weight < float("inf"):
            violations.append(FieldViolation(f"{where}.weight", f"must not be negative, is {term.weight}"))
    if not violations and not any(term.weight > 0 for term in terms):
        violations.append(FieldViolation("objective.terms", "at least one weight must be above zero"))
    if violations:
        raise InvalidInput.of(violations)
