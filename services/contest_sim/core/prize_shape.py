"""Prize tables from their shape: share to first, share paid, least prize, rake."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from services.common.domain.errors import InvalidInput
from services.contest_sim.core.prizes import PrizeRow, PrizeTable, dollars


@dataclass(frozen=True)
class PrizeShape:
    """What a player knows of a contest whose table he has not copied.

    Defaults are those of weekly tournaments: a fifth of the pool to first, 22 % of entries paid at least one
    and a half fees, 15 % kept by the site. Where one place is paid, it takes the whole pool whatever
    ``first_share`` and ``min_cash_multiple`` say.
    """

    first_share: float = 0.2
    paid_share: float = 0.22
    min_cash_multiple: float = 1.5
    rake: float = 0.15


@dataclass(frozen=True)
class _Curve:
    """Prizes fall from ``first`` to ``least`` over ``n_paid`` places, in cents."""

    first: int
    least: int
    n_paid: int

    def cents(self, steepness: float) -> npt.NDArray[np.float64]:
        """``least + (first - least) / place ** steepness``; shape (n_paid,)."""
        places = np.arange(1, self.n_paid + 1, dtype=np.float64)
        return self.least + (self.first - self.least) * places**-steepness


def shape_prizes(shape: PrizeShape, n_entries: int, entry_fee_cents: int, field: str = "shape") -> PrizeTable:
    """The table of a shape; its prizes add up to ``(1 - rake)`` of the fees to the cent.

    Prizes follow ``least + (first - least) / place**a`` with the steepness ``a`` that spends the pool.

    Raises
    ------
    InvalidInput
        If the pool cannot pay the least prizes, or is more than all places paid like the first.
    """
    pool = round(n_entries * entry_fee_cents * (1.0 - shape.rake))
    curve = _Curve(
        first=round(shape.first_share * pool),
        least=round(shape.min_cash_multiple * entry_fee_cents),
        n_paid=max(1, round(shape.paid_share * n_entries)),
    )
    if curve.n_paid == 1:
        return PrizeTable.checked([PrizeRow(1, 1, pool)], field)
    _check(curve, pool, field)
    prizes = np.floor(curve.cents(_steepness(curve, pool))).astype(np.int64)
    prizes[: pool - int(prizes.sum())] += 1
    return PrizeTable.checked(_rows(prizes), field)


def _check(curve: _Curve, pool: int, field: str) -> None:
    """Refuse a shape whose prizes cannot add up to the pool."""
    if curve.least > curve.first:
        text = f"pays {dollars(curve.least)} to the last paid place, more than {dollars(curve.first)} to the first"
        raise InvalidInput.field(field, f"{text}; raise first_share or lower min_cash_multiple")
    smallest = curve.first + (curve.n_paid - 1) * curve.least
    if smallest > pool:
        text = f"needs {dollars(smallest)} for its least prizes, but the pool holds {dollars(pool)}"
        raise InvalidInput.field(field, f"{text}; lower first_share, paid_share or min_cash_multiple")
    if curve.n_paid * curve.first < pool:
        text = f"pays at most {dollars(curve.n_paid * curve.first)} of a pool of {dollars(pool)}"
        raise InvalidInput.field(field, f"{text}; raise first_share or paid_share")


def _steepness(curve: _Curve, pool: int) -> float:
    """The steepness at which the prizes add up to the pool, from below by less than a cent a place."""
    low, high = 0.0, 64.0
    for _ in range(200):
        middle = (low + high) / 2
        if curve.cents(middle).sum() > pool:
            low = middle
        else:
            high = middle
    return high


def _rows(prizes: npt.NDArray[np.int64]) -> list[PrizeRow]:
    """Ranges of equal prizes."""
    edges = [0, *(np.flatnonzero(np.diff(prizes)) + 1).tolist(), len(prizes)]
    return [PrizeRow(start + 1, stop, int(prizes[start])) for start, stop in pairwise(edges)]
