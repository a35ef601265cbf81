"""What every field must obey: shares sum to the roster size, and lineups fit under the cap on average."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from services.common.domain.errors import InvalidInput
from services.ownership.core.calibration import logit, shares_from_logits
from services.ownership.core.features import salary_z
from services.ownership.core.slate import Floats, Slate

TYPICAL_CAP_USE = 0.995
"""Mean salary used over the cap. Five DraftKings MMA fields of 4,411-5,882 entries used $49,731-49,769 of $50,000."""
COMPLETE_TOLERANCE = 0.05
"""How far a complete set of the user's own shares may sum from the roster size and still be taken as rounding."""
_STEEPEST = 50.0


@dataclass(frozen=True, eq=False)
class FieldShares:
    """Shares a field can have, in [0, 1], summing to the roster size; shape (n_drivers,).

    Attributes
    ----------
    cheaper_per_sd
        Log odds taken per standard deviation of salary so that lineups fit under the cap; 0 if they did.
    rescaled_from
        What the user's complete shares summed to, when they had to be brought to the roster size; else None.
    """

    shares: Floats
    cheaper_per_sd: float = 0.0
    rescaled_from: float | None = None


def mean_lineup_salary(shares: Floats, slate: Slate) -> float:
    """Mean salary of the lineups of a field with these shares, in dollars."""
    return float(shares @ slate.salaries_dollars)


def cheapest_mean_salary(fixed: Floats, slate: Slate) -> float:
    """Least mean salary of a field with the fixed shares (NaN where free): the cheapest others fill the rest."""
    free = np.isnan(fixed)
    rest = slate.roster_size - float(fixed[~free].sum())
    prices = np.sort(slate.salaries_dollars[free])
    filled = np.clip(rest - np.arange(len(prices)), 0.0, 1.0)
    return float(fixed[~free] @ slate.salaries_dollars[~free] + filled @ prices)


def _check_cap(least: float, slate: Slate, *, field: str) -> None:
    over = least - slate.salary_cap_dollars
    if over > 1e-6:
        raise InvalidInput.field(
            field,
            f"no field can have this ownership: its lineups would cost ${least:,.0f} on average, "
            f"${over:,.0f} above the cap of ${slate.salary_cap_dollars:,.0f}; lower the expensive drivers",
        )


def _check_fixed(fixed: Floats, slate: Slate, *, field: str) -> None:
    """Raise `InvalidInput` when no free shares can complete the fixed ones."""
    free = int(np.isnan(fixed).sum())
    given = float(np.nansum(fixed))
    rest = slate.roster_size - given
    if free == 0:
        if abs(rest) > COMPLETE_TOLERANCE * slate.roster_size:
            raise InvalidInput.field(
                field, f"percentages sum to {100 * given:.1f}; a complete set must sum to {100 * slate.roster_size}"
            )
    elif not 0.0 < rest < free:
        raise InvalidInput.field(
            field,
            f"percentages sum to {100 * given:.1f}, which leaves {100 * rest:.1f} for {free} other drivers; "
            f"all must sum to {100 * slate.roster_size} with each between 0 and 100",
        )
    _check_cap(cheapest_mean_salary(fixed, slate) if rest > 0 else 0.0, slate, field=field)


def _complete(fixed: Floats, slate: Slate, *, field: str) -> FieldShares:
    given = float(fixed.sum())
    if abs(given - slate.roster_size) <= 1e-9:
        shares, rescaled_from = fixed, None
    else:
        shares, rescaled_from = shares_from_logits(logit(fixed), slate.roster_size), given
    _check_cap(mean_lineup_salary(shares, slate), slate, field=field)
    return FieldShares(shares, rescaled_from=rescaled_from)


def field_shares(logits: Floats, slate: Slate, fixed: Floats, *, field: str = "overrides_percent") -> FieldShares:
    """Shares from logits around the fixed ones (NaN where free) that sum to the roster size and fit the cap.

    Where the plain shares would cost more than `TYPICAL_CAP_USE` of the cap, log odds fall with salary just enough.

    Raises
    ------
    InvalidInput
        Naming ``field``, if no field can have the fixed shares; says by how much.
    """
    _check_fixed(fixed, slate, field=field)
    free = np.isnan(fixed)
    if not free.any():
        return _complete(fixed, slate, field=field)
    rest = slate.roster_size - float(fixed[~free].sum())
    price = salary_z(slate)[free]
    shares = fixed.copy()

    def cost(cheaper: float) -> float:
        shares[free] = shares_from_logits(logits[free] - cheaper * price, rest)
        return mean_lineup_salary(shares, slate)

    limit = slate.salary_cap_dollars * TYPICAL_CAP_USE
    if not cost(0.0) > limit:
        return FieldShares(shares)
    least = max(cheapest_mean_salary(fixed, slate), cost(_STEEPEST))
    _check_cap(least, slate, field=field)
    limit = limit if least < limit else 0.5 * (least + slate.salary_cap_dollars)
    cheaper = float(brentq(lambda t: cost(t) - limit, 0.0, _STEEPEST, xtol=1e-10)) if cost(0.0) > limit else 0.0
    cost(cheaper)
    return FieldShares(shares, cheaper_per_sd=cheaper)
