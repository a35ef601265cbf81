"""Whether a scenario set is large enough for the tails asked of it, and what it supports if not."""

from __future__ import annotations

from collections.abc import Sequence

from services.common.domain.tail import MIN_TAIL_SAMPLES, recommended_scenarios, tail_size
from services.optimizer.core.objective import Term

LEVELS = (0.99, 0.98, 0.95, 0.9, 0.8, 0.5)
"""Levels to fall back to, highest first."""


def needed_scenarios(terms: Sequence[Term]) -> int:
    """Return the least number of scenarios that puts 100 into every tail; 1 without tails."""
    levels = [term.alpha for term in terms if term.alpha is not None and term.weight > 0]
    return max((recommended_scenarios(alpha) for alpha in levels), default=1)


def supported_terms(terms: Sequence[Term], n_scenarios: int) -> tuple[Term, ...]:
    """Return the terms with every level that lacks samples lowered to the highest that has 100.

    Below 200 scenarios no level has, and the mean takes its place.
    """

    def supported(alpha: float | None) -> float | None:
        if alpha is None or tail_size(alpha, n_scenarios) >= MIN_TAIL_SAMPLES:
            return alpha
        lower = (level for level in LEVELS if level < alpha and tail_size(level, n_scenarios) >= MIN_TAIL_SAMPLES)
        return next(lower, None)

    return tuple(Term(supported(term.alpha), term.weight) for term in terms)
