"""Turning ranks and values into scores that compare across races."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri
from scipy.stats import rankdata

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
