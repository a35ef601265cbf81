"""Ownership as it may turn out: one draw per simulated contest.

Real fields are over-dispersed between contests, not between entries, so the vector is drawn once and all
entries of the contest follow it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv

Floats = npt.NDArray[np.float64]

DEFAULT_CONCENTRATION = 36.0
"""For ownership without a stated uncertainty: a driver projected at 16 % has a standard deviation of 6 points."""

_EDGE = 1e-4


def draw_shares(shares: Floats, concentration: float, levels: Floats) -> Floats:
    """Ownership around ``shares`` (summing to the roster size) with variance ``p (1 - p) / (1 + c)`` each.

    ``levels[driver]``, uniform on (0, 1), say how far up its distribution each driver comes out, so that the same
    levels move different projections alike. Beta quantiles per driver, then one constant on the log-odds of
    all, so that the sum holds and no driver passes 100 %. Shape (n_drivers,).
    """
    inside = np.clip(shares, _EDGE, 1.0 - _EDGE)
    drawn = betaincinv(inside * concentration, (1.0 - inside) * concentration, levels)
    return shift_to_sum(np.clip(drawn, _EDGE, 1.0 - _EDGE), float(shares.sum()))


def draw_surprise(shares: Floats, concentration: float, levels: Floats) -> Floats:
    """Log-odds of ownership drawn by ``draw_shares`` less those of ``shares``; shape (n_drivers,)."""
    drawn = draw_shares(shares, concentration, levels)
    return log_odds(drawn) - log_odds(np.clip(shares, _EDGE, 1.0 - _EDGE))


def log_odds(shares: Floats) -> Floats:
    """``log(p / (1 - p))`` of shares inside (0, 1)."""
    odds: Floats = np.log(shares / (1.0 - shares))
    return odds


def shift_to_sum(shares: Floats, total: float) -> Floats:
    """``sigmoid(logit(shares) + c)`` with the constant that makes the sum ``total``; shares inside (0, 1)."""
    odds = shares / (1.0 - shares)
    low, high = -40.0, 40.0
    for _ in range(80):
        middle = (low + high) / 2
        shifted = odds * np.exp(middle)
        if float((shifted / (1.0 + shifted)).sum()) < total:
            low = middle
        else:
            high = middle
    shifted = odds * np.exp(high)
    return shifted / (1.0 + shifted)
