"""How many copies of a lineup a field is expected to hold, from projected ownership alone.

The field is taken as the maximum-entropy distribution over all legal lineups whose ownership is the
projected one: ``p(L)`` is proportional to a product of one factor per driver. The product of ownerships
itself would ignore the salary cap. A field model with more to go by belongs to the contest simulation.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from services.common.domain.errors import FailedPrecondition, InvalidInput
from services.common.domain.work import Checkpoint
from services.common.jit import njit
from services.common.universe.counting import SalarySteps

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]

_MAX_ROUNDS = 200
_TOLERANCE = 1e-4
_LEAST_SHARE = 1e-4
_GREATEST_SHARE = 0.999
_MAX_CELLS = 20_000_000
_MOST_SCALING = 2.0
"""Ownership that has to be scaled by more, either way, is of another contest or in another unit."""


def log_copies(
    salaries_dollars: Int64,
    roster_size: int,
    salary_cap_dollars: int,
    *,
    ownership_percent: Float64,
    field_entries: int,
    checkpoint: Checkpoint,
) -> tuple[Float64, float]:
    """Return one number per driver whose sum over a lineup is the logarithm of its expected copies.

    Iterative proportional fitting on the odds of each driver until ownership is met to 0.01 points.
    Ownership is scaled to sum to the roster size first. Also returns the greatest deviation left, in
    points: above 0.01 when the projection is out of reach of legal lineups.

    Raises
    ------
    InvalidInput
        If ownership sums to less than half or more than twice of what lineups of this size hold.
    FailedPrecondition
        If salaries have too small a common step to tell all totals apart.
    """
    _check_sum(float(ownership_percent.sum()), 100.0 * roster_size)
    salary = SalarySteps.of(salaries_dollars, roster_size, salary_cap_dollars)
    if len(salaries_dollars) * (roster_size + 1) * (salary.top + 1) > _MAX_CELLS:
        raise FailedPrecondition(
            f"expected duplicates need salaries in steps of $100 or so, these are in steps of ${salary.dollars}; "
            "leave the limit on duplicates out, or limit the product of ownership instead"
        )
    share = ownership_percent / ownership_percent.sum() * roster_size
    share = np.clip(share, _LEAST_SHARE, _GREATEST_SHARE)
    odds = share / (1.0 - share)
    total, deviation = 1.0, 0.0
    for _ in range(_MAX_ROUNDS):
        checkpoint()
        total, sums = _weigh(salary.steps, odds, roster_size, salary.top)
        held = np.clip(sums / total, 1e-12, 1 - 1e-12)
        deviation = float(np.abs(held - share).max())
        if deviation < _TOLERANCE:
            break
        odds *= share / held * (1.0 - held) / (1.0 - share)
    constant = np.log(field_entries / total) / roster_size
    return np.log(odds) + constant, 100.0 * deviation


def _check_sum(percent: float, expected: float) -> None:
    if not expected / _MOST_SCALING <= percent <= expected * _MOST_SCALING:
        raise InvalidInput.field(
            "ownership_percent",
            f"sums to {percent:g} %, where lineups hold {expected:g} % of drivers: expected duplicates would mean "
            f"nothing; give percentages that sum to about {expected:g}, or leave the limit on duplicates out",
        )


@njit(cache=True, nogil=True)
def _weigh(steps: Int64, odds: Float64, roster_size: int, top: int) -> tuple[float, Float64]:
    """Return the sum of the products of odds over all legal lineups, and per driver over those that hold it.

    A lineup with a driver is a choice among the drivers before, and one among those after that the salary
    left can pay: both are summed by size and salary, so no lineup is listed.
    """
    n_drivers = len(steps)
    # after[d, r, s]: r drivers from d on, of a salary of at most s.
    after = np.zeros((n_drivers + 1, roster_size + 1, top + 1))
    after[:, 0, :] = 1.0
    for driver in range(n_drivers - 1, -1, -1):
        for r in range(1, roster_size + 1):
            after[driver, r] = after[driver + 1, r]
            for s in range(steps[driver], top + 1):
                after[driver, r, s] += odds[driver] * after[driver + 1, r - 1, s - steps[driver]]
    # before[r, s]: r drivers before the present one, of a salary of exactly s.
    before = np.zeros((roster_size + 1, top + 1))
    before[0, 0] = 1.0
    sums = np.zeros(n_drivers)
    for driver in range(n_drivers):
        step = steps[driver]
        for r in range(roster_size):
            for s in range(top + 1 - step):
                sums[driver] += before[r, s] * after[driver + 1, roster_size - 1 - r, top - step - s]
        sums[driver] *= odds[driver]
        for r in range(roster_size, 0, -1):
            for s in range(step, top + 1):
                before[r, s] += odds[driver] * before[r - 1, s - step]
    return after[0, roster_size, top], sums
