"""Shares from logits: one constant per slate, so that they sum to the roster size and none passes 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from services.ownership.core.slate import Floats

MAX_LOGIT_SPREAD = 10.0
"""Logits further than this from their middle are drawn in, so that every share lies inside (0, 1) in floating point."""
_MAX_ITERATIONS = 100
_TOLERANCE = 1e-13


@dataclass(frozen=True, eq=False)
class Batch:
    """Several slates side by side: ``mask[slate, driver]`` marks the drivers that exist.

    Attributes
    ----------
    totals
        Sum that the shares of each slate must have; shape (n_slates,).
    """

    mask: npt.NDArray[np.bool_]
    totals: Floats

    @classmethod
    def of(cls, sizes: Sequence[int], totals: Sequence[float]) -> Batch:
        """A batch of slates with so many drivers each."""
        columns = np.arange(max(sizes, default=1))
        return cls(columns[None, :] < np.asarray(sizes)[:, None], np.asarray(totals, dtype=np.float64))

    @cached_property
    def sizes(self) -> npt.NDArray[np.int64]:
        """Drivers per slate; shape (n_slates,)."""
        return self.mask.sum(axis=1)

    def stack(self, rows: Sequence[Floats]) -> Floats:
        """Arrays per slate, (n_i, ...), side by side with zeros behind: (n_slates, n_max, ...)."""
        padded = np.zeros((*self.mask.shape, *rows[0].shape[1:]))
        for slate, row in enumerate(rows):
            padded[slate, : len(row)] = row
        return padded

    def shares(self, logits: Floats) -> Floats:
        """``sigmoid(logits + c)`` with the constant c of each slate that gives its total; (n_slates, n_max).

        Newton's step inside a shrinking bracket: the sum rises strictly with c, so it always ends.
        Padding gets 0.
        """
        middle = np.where(self.mask, logits, 0.0).sum(axis=1, keepdims=True) / self.sizes[:, None]
        eta = np.clip(logits - middle, -MAX_LOGIT_SPREAD, MAX_LOGIT_SPREAD)
        flat = np.log(self.totals / (self.sizes - self.totals))
        low, high = flat - MAX_LOGIT_SPREAD, flat + MAX_LOGIT_SPREAD
        constant = flat
        for _ in range(_MAX_ITERATIONS):
            shares = np.where(self.mask, expit(eta + constant[:, None]), 0.0)
            excess = shares.sum(axis=1) - self.totals
            if np.abs(excess).max() <= _TOLERANCE * self.totals.max():
                break
            low, high = np.where(excess < 0, constant, low), np.where(excess > 0, constant, high)
            newton = constant - excess / np.maximum((shares * (1.0 - shares)).sum(axis=1), 1e-300)
            inside = (newton > low) & (newton < high)
            constant = np.where(inside, newton, 0.5 * (low + high))
        return shares


def shares_from_logits(logits: Floats, total: float) -> Floats:
    """Shares of one slate that sum to ``total``; shape (n_drivers,), each inside (0, 1)."""
    return Batch.of([len(logits)], [total]).shares(logits[None, :])[0]


def logit(shares: Floats, floor: float = 1e-6) -> Floats:
    """Log odds of shares, which are kept ``floor`` away from 0 and 1."""
    inside = np.clip(shares, floor, 1.0 - floor)
    return np.log(inside) - np.log1p(-inside)
