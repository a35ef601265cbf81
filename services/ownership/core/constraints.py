"""What every field obeys: shares sum to the roster size, and lineups use most of the cap but not more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from services.common.domain.errors import Infeasible, InvalidInput
from services.ownership.core.calibration import logit, shares_from_logits
from services.ownership.core.features import salary_z
from services.ownership.core.slate import Floats, PlayedSlate, Slate

COMPLETE_TOLERANCE = 0.05
"""How far a complete set of the user's own shares may sum from the roster size and still be taken as rounding."""
_EXACT = 1e-12
_TOLD = 5e-5
"""From here on the sum of given percentages shows in two decimals that it is off."""
_DEAREST = -0.5
_CHEAPEST = 50.0
_USUAL_SPREAD = 0.0025
"""Standard deviation of the cap's use between contests of one kind of slate; judgement, $125 of $50,000."""
_RACES_BEHIND_SPREAD = 2.0
_MOST_CAP_USE = 0.998


@dataclass(frozen=True)
class CapUse:
    """Mean salary of a field's lineups over the cap, as it is seen in real fields.

    Fields that use less exist only on paper: whoever has money left takes a better driver. The defaults are judgement
    around five DraftKings MMA fields of 4,411-5,882 entries (spring 2026), which used $49,731-49,769 of $50,000.
    """

    low: float = 0.975
    high: float = 0.995


def fit_cap_use(played: Sequence[PlayedSlate], default: CapUse | None = None) -> CapUse:
    """What recorded fields used: their mean, one standard deviation either way, shrunk to the default band.

    The band's half width stands for what is not known of the mean, so a band of half width h weighs as much as
    ``(spread / h)^2`` races whose use varies by ``spread``: fields resemble each other, and few tell a lot.
    """
    prior = default or CapUse()
    uses = [mean_lineup_salary(p.field_shares, p.slate) / p.slate.salary_cap_dollars for p in played]
    known = np.array([use for use in uses if np.isfinite(use)])
    n_races = len(known)
    if not n_races:
        return prior
    squares = float(((known - known.mean()) ** 2).sum()) + _RACES_BEHIND_SPREAD * _USUAL_SPREAD**2
    spread = float(np.sqrt(squares / (n_races - 1 + _RACES_BEHIND_SPREAD)))
    middle, half_width = 0.5 * (prior.low + prior.high), 0.5 * (prior.high - prior.low)
    share = n_races / (n_races + (spread / half_width) ** 2)
    mean = share * float(known.mean()) + (1.0 - share) * middle
    margin = share * spread + (1.0 - share) * half_width
    # Shares recorded in rounded numbers may seem to use a little more than the cap.
    return CapUse(min(mean, _MOST_CAP_USE) - margin, min(mean + margin, _MOST_CAP_USE))


@dataclass(frozen=True, eq=False)
class FieldShares:
    """Shares a field can have, in [0, 1], summing to the roster size; shape (n_drivers,).

    Attributes
    ----------
    rescaled_from
        What the user's complete shares summed to, when they had to be brought to the roster size; else None.
    """

    shares: Floats
    rescaled_from: float | None = None


def mean_lineup_salary(shares: Floats, slate: Slate) -> float:
    """Mean salary of the lineups of a field with these shares, in dollars; NaN where salaries are not known."""
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


def _check_any_lineup(slate: Slate) -> None:
    least = float(np.sort(slate.salaries_dollars)[: slate.roster_size].sum())
    if least > slate.salary_cap_dollars:
        raise Infeasible(
            f"no lineup fits under the cap: the {slate.roster_size} cheapest drivers cost ${least:,.0f}, "
            f"${least - slate.salary_cap_dollars:,.0f} above ${slate.salary_cap_dollars:,.0f}",
            conflict=("salary_cap_dollars", "salary_dollars"),
        )


def _check_fixed(fixed: Floats, slate: Slate, *, field: str) -> None:
    """Raise `InvalidInput` when no free shares can complete the fixed ones."""
    free = int(np.isnan(fixed).sum())
    given = float(np.nansum(fixed))
    rest = slate.roster_size - given
    if free == 0 and abs(rest) > COMPLETE_TOLERANCE * slate.roster_size:
        raise InvalidInput.field(
            field, f"percentages sum to {100 * given:.1f}; a complete set must sum to {100 * slate.roster_size}"
        )
    if free and not 0.0 < rest < free:
        raise InvalidInput.field(
            field,
            f"percentages sum to {100 * given:.1f}, which leaves {100 * rest:.1f} for {free} other drivers; "
            f"all must sum to {100 * slate.roster_size} with each between 0 and 100",
        )
    if free:
        _check_cap(cheapest_mean_salary(fixed, slate), slate, field=field)


def _complete(fixed: Floats, slate: Slate, *, field: str) -> FieldShares:
    given = float(fixed.sum())
    off = abs(given - slate.roster_size)
    shares = fixed if off <= _EXACT else _brought_to(float(slate.roster_size), fixed)
    _check_cap(mean_lineup_salary(shares, slate), slate, field=field)
    return FieldShares(shares, rescaled_from=given if off >= _TOLD else None)


def _brought_to(total: float, given: Floats) -> Floats:
    """Shares of that sum, log odds moved by one constant; nobody's and everybody's choices stay so where they can."""
    moved = (given > 0.0) & (given < 1.0)
    rest = total - float(given[~moved].sum())
    if not 0.0 < rest < moved.sum():
        return shares_from_logits(logit(given), total)
    shares = given.copy()
    shares[moved] = shares_from_logits(logit(given[moved]), rest)
    return shares


def field_shares(
    logits: Floats, slate: Slate, *, cap_use: CapUse, fixed: Floats | None = None, field: str = "overrides_percent"
) -> FieldShares:
    """Shares from logits around the fixed ones (NaN where free) that sum to the roster size and fit the cap.

    Where the plain shares would use less of the cap than fields do, or more, log odds move with salary just enough.

    Raises
    ------
    InvalidInput
        Naming ``field``, if no field can have the fixed shares; says by how much.
    Infeasible
        If no lineup at all fits under the cap.
    """
    _check_any_lineup(slate)
    given = np.full(slate.n_drivers, np.nan) if fixed is None else fixed
    _check_fixed(given, slate, field=field)
    free = np.isnan(given)
    if not free.any():
        return _complete(given, slate, field=field)
    rest = slate.roster_size - float(given[~free].sum())
    price = salary_z(slate)[free]

    def tilted(cheaper: float) -> Floats:
        shares = given.copy()
        shares[free] = shares_from_logits(logits[free] - cheaper * price, rest)
        return shares

    def cost(cheaper: float) -> float:
        return mean_lineup_salary(tilted(cheaper), slate)

    least = max(cheapest_mean_salary(given, slate), cost(_CHEAPEST))
    shares = tilted(_price_tilt(cost, least, slate.salary_cap_dollars, cap_use))
    _check_cap(mean_lineup_salary(shares, slate), slate, field=field)
    return FieldShares(shares)


def _price_tilt(cost: Callable[[float], float], least: float, cap: float, use: CapUse) -> float:
    """Log odds to take per standard deviation of salary so that the cost falls into the usual band; 0 if it does."""
    low, high = use.low * cap, use.high * cap
    plain = cost(0.0)
    if low <= plain <= high or not np.isfinite(plain):
        return 0.0
    if plain < low:
        return _DEAREST if cost(_DEAREST) < low else float(brentq(lambda t: cost(t) - low, _DEAREST, 0.0))
    reachable = max(high, 0.5 * (least + cap)) if least >= high else high
    if plain <= reachable or cost(_CHEAPEST) >= reachable:
        return 0.0 if plain <= reachable else _CHEAPEST
    return float(brentq(lambda t: cost(t) - reachable, 0.0, _CHEAPEST))
