"""Ownership as a user gives it, checked and made to add up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from services.common.domain.errors import FieldViolation, InvalidInput
from services.contest_sim.core.ownership_draw import shift_to_sum

ALLOWED_SUM_ERROR = 0.05
"""Unfilled entries and rounding leave the sum a little off; further off, something is missing."""

_EDGE = 1e-6


def given_shares(
    percent: Mapping[str, float], driver_ids: Sequence[str], roster_size: int, field: str
) -> npt.NDArray[np.float64]:
    """Shares in the order of ``driver_ids`` that sum to the roster size; shape (n_drivers,).

    A sum that is off by up to 5 % is made up by one constant on all log-odds.

    Raises
    ------
    InvalidInput
        For drivers that do not start or are missing, values outside 0-100, or a sum that is far off.
    """
    known = set(driver_ids)
    violations = [
        FieldViolation(field, f"driver {name!r} does not start in this race") for name in percent if name not in known
    ]
    violations += [FieldViolation(field, f"driver {name!r} is missing") for name in driver_ids if name not in percent]
    violations += [
        FieldViolation(field, f"driver {name!r} is owned by {value} %; give 0 to 100")
        for name, value in percent.items()
        if not 0.0 <= value <= 100.0
    ]
    if violations:
        raise InvalidInput.of(violations)
    shares = np.array([percent[name] for name in driver_ids]) / 100.0
    if abs(shares.sum() / roster_size - 1.0) > ALLOWED_SUM_ERROR:
        text = f"sums to {100 * shares.sum():.1f} %; the ownership of a field sums to {100 * roster_size} %"
        raise InvalidInput.field(field, text)
    return shift_to_sum(np.clip(shares, _EDGE, 1.0 - _EDGE), float(roster_size))
