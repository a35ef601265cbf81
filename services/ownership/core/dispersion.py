"""How far a field strays from its projection: Dirichlet-type over-dispersion, and the intervals it gives.

A driver's share in one contest is taken as Beta with mean p and variance ``r p (1 - p)``, where
``r = rho (1 + missing_widens (1 - knowledge)) + (1 - rho) / n_entries``: what the field as a whole does differently,
more where inputs are missing, and what chance does in a small field. ``1 / rho = 1 + concentration``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import betainc, betaincinv

from services.ownership.core.slate import Floats

DEFAULT_CONCENTRATION = 45.0
"""Set by what is published, fitted to nothing: with the history missing, fields stray by 4.7 points per driver (4-6 are
to be expected), their most owned driver comes to 49 % (reported 43-56 %)."""
DEFAULT_MISSING_WIDENS = 1.0
"""Judgement: nothing known at all doubles the variance."""
_MOST_MISSING_WIDENS = 8.0
_PRIOR_RACES = 0.3
"""What the default knows: its logarithm may be off by about 0.9 (complete MMA fields, of which little is known
before lock, have a concentration of 9), that of one race's errors by about half of it."""
_PRIOR_RACES_WIDENING = 10.0
_SD_LOG_SIZE = 0.5
"""Of the logarithm of one contest's mean squared error about that of contests of its kind."""
_SD_FEE_WIDENS = 0.5
"""Judgement: a tenfold fee may multiply the variance by 1.6 either way."""
_LEAST_SPREAD = 0.05
_LEVELS = np.linspace(0.7, 0.9, 5)
_MAX_RATE = 0.95
_LOG_CONCENTRATIONS = (float(np.log(1.0)), float(np.log(1_000.0)))
_PRECISION = 0.01
"""Of the concentration's logarithm: a per cent moves an interval by half of one."""


@dataclass(frozen=True, eq=False)
class Basis:
    """What the projection of a slate rests on.

    Attributes
    ----------
    knowledge
        Share of the inputs that is known, in [0, 1]; shape (n_drivers,).
    blind
        Drivers without simulated points where others have them; shape (n_drivers,).
    n_entries
        Entries of the contest, 0 when not known.
    fee_decades
        Common logarithm of the entry fee over that of a typical contest.
    """

    knowledge: Floats
    blind: npt.NDArray[np.bool_]
    n_entries: int
    fee_decades: float = 0.0


@dataclass(frozen=True)
class Dispersion:
    """Over-dispersion of a driver's ownership between contests.

    ``fee_widens`` is what a tenfold fee adds to the logarithm of rho: dear fields are few users of one mind.
    """

    concentration: float = DEFAULT_CONCENTRATION
    missing_widens: float = DEFAULT_MISSING_WIDENS
    fee_widens: float = 0.0

    def rate(self, knowledge: Floats, n_entries: int | Floats, fee_decades: float | Floats = 0.0) -> Floats:
        """Variance over ``p (1 - p)``, per driver."""
        rho = np.minimum(np.exp(self.fee_widens * np.asarray(fee_decades)) / (1.0 + self.concentration), _MAX_RATE)
        chance = np.where(np.asarray(n_entries) > 0, (1.0 - rho) / np.maximum(n_entries, 1), 0.0)
        return np.minimum(rho * (1.0 + self.missing_widens * (1.0 - knowledge)) + chance, _MAX_RATE)

    def interval(self, shares: Floats, basis: Basis, level: float) -> tuple[Floats, Floats]:
        """Bounds per driver of the central interval of a level; shapes (n_drivers,).

        A blind driver's is as wide as anybody's could be, that of a driver at one half: his points may make him
        the favourite or nobody's choice, and his projection does not tell which. (Central intervals of 50 % and more
        are widest at one half.)
        """
        rate = self.rate(basis.knowledge, basis.n_entries, basis.fee_decades)
        lower, upper = interval(shares, rate, level)
        least, greatest = interval(np.full(len(shares), 0.5), rate, level)
        return _widened(lower, upper, np.where(basis.blind, greatest - least, 0.0))


def _widened(lower: Floats, upper: Floats, width: Floats) -> tuple[Floats, Floats]:
    """Bounds inside [0, 1] at least so far apart: grown on both sides alike, where one side has room."""
    grow = np.maximum(width - (upper - lower), 0.0)
    down = np.minimum(np.maximum(0.5 * grow, grow - (1.0 - upper)), lower)
    return lower - down, upper + np.minimum(grow - down, 1.0 - upper)


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
    """A left-out race: what was projected, what happened, and what was known; arrays of shape (n_drivers,)."""

    projected: Floats
    actual: Floats
    basis: Basis

    def covered(self, dispersion: Dispersion, level: float) -> Floats:
        """1 for each driver whose share lies inside his interval."""
        lower, upper = dispersion.interval(self.projected, self.basis, level)
        return ((self.actual >= lower) & (self.actual <= upper)).astype(np.float64)


@dataclass(frozen=True, eq=False)
class _Pooled:
    """All drivers of some left-out races; arrays of shape (n_rows,)."""

    projected: Floats
    actual: Floats
    knowledge: Floats
    n_entries: Floats
    fee_decades: Floats

    @classmethod
    def of(cls, residuals: Sequence[Residual]) -> _Pooled:
        return cls(
            np.concatenate([r.projected for r in residuals]),
            np.concatenate([r.actual for r in residuals]),
            np.concatenate([r.basis.knowledge for r in residuals]),
            np.concatenate([np.full(len(r.actual), float(r.basis.n_entries)) for r in residuals]),
            np.concatenate([np.full(len(r.actual), r.basis.fee_decades) for r in residuals]),
        )

    def ranks(self, dispersion: Dispersion) -> Floats:
        """Probability-integral transforms of what happened, folded: 0 in the middle, 1 at the ends."""
        a, b = beta_parameters(self.projected, dispersion.rate(self.knowledge, self.n_entries, self.fee_decades))
        return np.asarray(np.abs(2.0 * betainc(a, b, self.actual) - 1.0))


def _fit_missing_widens(rows: _Pooled, n_races: int) -> float:
    """How the variance grows with what is missing: a line through squared errors over ``p (1 - p)``."""
    missing = 1.0 - rows.knowledge
    size = (rows.actual - rows.projected) ** 2 / (rows.projected * (1.0 - rows.projected))
    fitted = DEFAULT_MISSING_WIDENS
    if np.ptp(missing) > _LEAST_SPREAD:
        slope, full = np.polyfit(missing, size, 1)
        fitted = _MOST_MISSING_WIDENS if full <= 0.0 else float(np.clip(slope / full, 0.0, _MOST_MISSING_WIDENS))
    share = n_races / (n_races + _PRIOR_RACES_WIDENING)
    return share * fitted + (1.0 - share) * DEFAULT_MISSING_WIDENS


def _fit_fee_widens(residuals: Sequence[Residual]) -> float:
    """Slope of a contest's log mean squared error over ``p (1 - p)`` in the decades of its fee, shrunk to none."""
    decades = np.array([residual.basis.fee_decades for residual in residuals])
    if np.ptp(decades) <= _LEAST_SPREAD:
        return 0.0
    sizes = [((r.actual - r.projected) ** 2 / (r.projected * (1.0 - r.projected))).mean() for r in residuals]
    slope = np.polyfit(decades, np.log(np.maximum(sizes, 1e-9)), 1)[0]
    told = float(((decades - decades.mean()) ** 2).sum()) / _SD_LOG_SIZE**2
    return float(slope) * told / (told + 1.0 / _SD_FEE_WIDENS**2)


def fit_dispersion(residuals: Sequence[Residual]) -> Dispersion:
    """The concentration whose intervals of 70 % to 90 % cover left-out races as they should.

    Coverage, not likelihood, is what is matched: it is what a user relies on, and one freak driver does not
    decide it. The result is shrunk, on the log scale, to the default as if that were a third of a race.
    """
    if not residuals:
        return Dispersion()
    rows, n_races = _Pooled.of(residuals), len(residuals)
    widens, fee_widens = _fit_missing_widens(rows, n_races), _fit_fee_widens(residuals)

    def miss(log_concentration: float) -> float:
        folded = rows.ranks(Dispersion(float(np.exp(log_concentration)), widens, fee_widens))
        return float(((folded[:, None] <= _LEVELS).mean(axis=0) - _LEVELS).sum()) ** 2

    found = minimize_scalar(miss, bounds=_LOG_CONCENTRATIONS, method="bounded", options={"xatol": _PRECISION})
    total = n_races * found.x + _PRIOR_RACES * np.log(DEFAULT_CONCENTRATION)
    concentration = np.exp(total / (n_races + _PRIOR_RACES))
    return Dispersion(float(concentration), widens, fee_widens)
