"""How far a field strays from its projection: Dirichlet-type over-dispersion, and the intervals it gives.

A driver's share in one contest is taken as Beta with mean p and variance ``r p (1 - p)``, where
``r = rho (1 + missing_widens (1 - knowledge)) + (1 - rho) / n_entries``: what the field as a whole does differently,
more where inputs are missing, and what chance does in a small field. ``1 / rho = 1 + concentration``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import betainc, betaincinv

from services.ownership.core.slate import Floats

DEFAULT_CONCENTRATION = 30.0
"""An error of 5-6 points at the mean ownership of 16 %, the accuracy to expect without history."""
DEFAULT_MISSING_WIDENS = 1.0
"""Judgement: nothing known at all doubles the variance."""
_MOST_MISSING_WIDENS = 8.0
_PRIOR_RACES = 1.0
_PRIOR_RACES_WIDENING = 10.0
_LEAST_SPREAD = 0.05
_LEVELS = np.linspace(0.7, 0.9, 5)
_MAX_RATE = 0.95


@dataclass(frozen=True)
class Dispersion:
    """Over-dispersion of a driver's ownership between contests."""

    concentration: float = DEFAULT_CONCENTRATION
    missing_widens: float = DEFAULT_MISSING_WIDENS

    def rate(self, knowledge: Floats, n_entries: int) -> Floats:
        """Variance over ``p (1 - p)``, per driver."""
        rho = 1.0 / (1.0 + self.concentration)
        chance = (1.0 - rho) / n_entries if n_entries > 0 else 0.0
        return np.minimum(rho * (1.0 + self.missing_widens * (1.0 - knowledge)) + chance, _MAX_RATE)


def beta_parameters(shares: Floats, rate: Floats) -> tuple[Floats, Floats]:
    """The two parameters of Beta distributions with these means and variances ``rate p (1-p)``."""
    size = 1.0 / rate - 1.0
    return shares * size, (1.0 - shares) * size


def interval(shares: Floats, rate: Floats, level: float) -> tuple[Floats, Floats]:
    """Bounds of the central interval of a level; they always enclose the projection."""
    a, b = beta_parameters(shares, rate)
    tail = 0.5 * (1.0 - level)
    lower, upper = betaincinv(a, b, tail), betaincinv(a, b, 1.0 - tail)
    return np.minimum(lower, shares), np.maximum(upper, shares)


@dataclass(frozen=True, eq=False)
class Residual:
    """A left-out race: what was projected, what was known, what happened; arrays of shape (n_drivers,)."""

    projected: Floats
    actual: Floats
    knowledge: Floats
    n_entries: int

    def covered(self, dispersion: Dispersion, level: float) -> Floats:
        """1 for each driver whose share lies inside his interval."""
        lower, upper = interval(self.projected, dispersion.rate(self.knowledge, self.n_entries), level)
        return ((self.actual >= lower) & (self.actual <= upper)).astype(np.float64)


def _ranks(residuals: Sequence[Residual], dispersion: Dispersion) -> Floats:
    """Probability-integral transforms of what happened, folded: 0 in the middle, 1 at the ends."""
    folded = []
    for residual in residuals:
        a, b = beta_parameters(residual.projected, dispersion.rate(residual.knowledge, residual.n_entries))
        folded.append(np.abs(2.0 * betainc(a, b, residual.actual) - 1.0))
    return np.concatenate(folded)


def _fit_missing_widens(residuals: Sequence[Residual]) -> float:
    """How the variance grows with what is missing: a line through squared errors over ``p (1 - p)``."""
    missing = np.concatenate([1.0 - r.knowledge for r in residuals])
    size = np.concatenate([(r.actual - r.projected) ** 2 / (r.projected * (1.0 - r.projected)) for r in residuals])
    fitted = DEFAULT_MISSING_WIDENS
    if np.ptp(missing) > _LEAST_SPREAD:
        slope, full = np.polyfit(missing, size, 1)
        fitted = _MOST_MISSING_WIDENS if full <= 0.0 else float(np.clip(slope / full, 0.0, _MOST_MISSING_WIDENS))
    share = len(residuals) / (len(residuals) + _PRIOR_RACES_WIDENING)
    return share * fitted + (1.0 - share) * DEFAULT_MISSING_WIDENS


def fit_dispersion(residuals: Sequence[Residual]) -> Dispersion:
    """The concentration whose intervals of 70 % to 90 % cover left-out races as they should.

    Coverage, not likelihood, is what is matched: it is what a user relies on, and one freak driver does not
    decide it. The result is shrunk, on the log scale, to the default as if that were one race.
    """
    if not residuals:
        return Dispersion()
    widens = _fit_missing_widens(residuals)

    def miss(log_concentration: float) -> float:
        folded = _ranks(residuals, Dispersion(float(np.exp(log_concentration)), widens))
        return float(((folded[:, None] <= _LEVELS).mean(axis=0) - _LEVELS).sum()) ** 2

    found = minimize_scalar(miss, bounds=(np.log(1.0), np.log(1_000.0)), method="bounded")
    n_races, prior = len(residuals), np.log(DEFAULT_CONCENTRATION)
    concentration = np.exp((n_races * found.x + _PRIOR_RACES * prior) / (n_races + _PRIOR_RACES))
    return Dispersion(float(concentration), widens)
