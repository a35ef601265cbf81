"""How many copies of a lineup a field is expected to hold, from projected ownership alone.

The field is taken as the maximum-entropy distribution over all legal lineups whose ownership is the
projected one: ``p(L)`` is proportional to a product of one factor per driver. The product of ownerships
itself would ignore the salary cap. A field model with more to go by belongs to the contest simulation.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from services.common.domain.work import Checkpoint
from services.common.jit import njit
from services.common.universe import Universe

Float64 = npt.NDArray[np.float64]

_MAX_ROUNDS = 200
_TOLERANCE = 1e-4
_LEAST_SHARE = 1e-4
_GREATEST_SHARE = 0.999


def log_copies(
    universe: Universe, ownership_percent: Float64, field_entries: int, checkpoint: Checkpoint
) -> tuple[Float64, float]:
    """Return one number per driver whose sum over a lineup is the logarithm of its expected copies.

    Iterative proportional fitting on the odds of each driver until ownership is met to 0.01 points.
    Ownership is scaled to sum to the roster size first. Also returns the greatest deviation left, in
    points: above 0.01 when the projection is out of reach of legal lineups.
    """
    share = ownership_percent / ownership_percent.sum() * universe.roster_size
    share = np.clip(share, _LEAST_SHARE, _GREATEST_SHARE)
    odds = share / (1.0 - share)
    total, held, deviation = 1.0, share, 0.0
    for _ in range(_MAX_ROUNDS):
        checkpoint()
        total, sums = _weigh(universe.lineups, odds)
        held = np.clip(sums / total, 1e-12, 1 - 1e-12)
        deviation = float(np.abs(held - share).max())
        if deviation < _TOLERANCE:
            break
        odds *= share / held * (1.0 - held) / (1.0 - share)
    constant = np.log(field_entries / total) / universe.roster_size
    return np.log(odds) + constant, 100.0 * deviation


@njit(cache=True, nogil=True)
def _weigh(lineups: npt.NDArray[np.int8], odds: Float64) -> tuple[float, Float64]:
    """Return the sum of all products of odds, and per driver that of the lineups that hold the driver."""
    sums = np.zeros(len(odds))
    total = 0.0
    for row in range(len(lineups)):
        weight = 1.0
        for slot in range(lineups.shape[1]):
            weight *= odds[lineups[row, slot]]
        total += weight
        for slot in range(lineups.shape[1]):
            sums[lineups[row, slot]] += weight
    return total, sums
