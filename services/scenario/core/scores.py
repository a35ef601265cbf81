"""Turning ranks and values into scores that compare across races."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri
from scipy.stats import rankdata

from services.common.jit import njit

Floats = npt.NDArray[np.float64]


def normal_scores(n: int) -> Floats:
    """Expected standard normal order statistics of places 1 .. n (Blom 1958), the first positive; shape (n,)."""
    places = np.arange(1, n + 1)
    return np.asarray(-ndtri((places - 0.375) / (n + 0.25)), dtype=np.float64)


def rank_scores(values: Floats) -> Floats:
    """Normal scores of values, the largest positive, ties at their mean rank; NaN stays NaN. Shape as given."""
    scores = np.full(values.size, np.nan)
    known = np.isfinite(values)
    count = int(known.sum())
    if count:
        places = rankdata(-values[known])
        scores[known] = -ndtri((places - 0.375) / (count + 0.25))
    return scores


def standardise(values: Floats) -> Floats:
    """Values less their mean over their standard deviation, NaN left out and kept; zeros without spread."""
    known = np.isfinite(values)
    result = np.full(values.size, np.nan)
    if known.any():
        spread = values[known].std()
        result[known] = (values[known] - values[known].mean()) / spread if spread > 0 else 0.0
    return result


_LEAST_BEND, _MAX_EXPONENT = 1e-9, 30.0
_SMALL = 1e-3
"""Product of bend and score below which differences of exponentials lose their digits."""


@njit(cache=True, nogil=True)
def bent(score: Any, bend: float) -> Any:
    """A score with slope 1 at 0 that counts for less the higher it is: ``(1 - exp(-bend * score)) / bend``.

    With bend 0 it is the score itself. Takes a float or an array of them (float64) and gives the like, in kernels too.
    """
    if bend < _LEAST_BEND:
        return score * 1.0
    return -np.expm1(np.minimum(-bend * score, _MAX_EXPONENT)) / bend


def bent_slopes(scores: Floats, bend: float) -> tuple[Floats, Floats]:
    """Derivatives of ``bent`` by the score and by the bend; shapes as given."""
    small = np.abs(bend * scores) < _SMALL
    series = -(scores**2) * (0.5 - bend * scores / 3.0 + (bend * scores) ** 2 / 8.0)
    slope = np.exp(np.minimum(-bend * scores, _MAX_EXPONENT))
    exact = (bend * scores * slope - (1.0 - slope)) / max(bend, _LEAST_BEND) ** 2
    return slope, np.where(small, series, exact)
