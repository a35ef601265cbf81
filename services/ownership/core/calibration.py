"""Shares from logits: one constant per slate, so that they sum to the roster size and none passes 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from services.common.jit import njit
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

        Padding gets 0.
        """
        return _shares(np.ascontiguousarray(logits, dtype=np.float64), self.sizes, self.totals)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _shares(logits: Floats, sizes: npt.NDArray[np.int64], totals: Floats) -> Floats:
    """Newton's step inside a shrinking bracket: the sum rises strictly with c, so it always ends."""
    shares = np.zeros(logits.shape)
    for slate in range(len(sizes)):
        n_drivers, total = sizes[slate], totals[slate]
        eta = logits[slate, :n_drivers] - logits[slate, :n_drivers].mean()
        eta = np.minimum(np.maximum(eta, -MAX_LOGIT_SPREAD), MAX_LOGIT_SPREAD)
        constant = np.log(total / (n_drivers - total))
        low, high = constant - MAX_LOGIT_SPREAD, constant + MAX_LOGIT_SPREAD
        for _ in range(_MAX_ITERATIONS):
            row = 1.0 / (1.0 + np.exp(-(eta + constant)))
            shares[slate, :n_drivers] = row
            excess = row.sum() - total
            if abs(excess) <= _TOLERANCE * total:
                break
            if excess < 0:
                low = constant
            else:
                high = constant
            newton = constant - excess / max((row * (1.0 - row)).sum(), 1e-300)
            constant = newton if low < newton < high else 0.5 * (low + high)
    return shares


def shares_from_logits(logits: Floats, total: float) -> Floats:
    """Shares of one slate that sum to ``total``; shape (n_drivers,), each inside (0, 1)."""
    return Batch.of([len(logits)], [total]).shares(logits[None, :])[0]


def logit(shares: Floats, floor: float = 1e-6) -> Floats:
    """Log odds of shares, which are kept ``floor`` away from 0 and 1."""
    inside = np.clip(shares, floor, 1.0 - floor)
    return np.log(inside) - np.log1p(-inside)
