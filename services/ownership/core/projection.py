"""The projection of a slate: what the ensemble says, made into a field that can exist, with intervals and reasons."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.ownership.core.constraints import field_shares
from services.ownership.core.ensemble import OwnershipEnsemble
from services.ownership.core.left_out import basis_of
from services.ownership.core.slate import Floats, Slate

_EDGE = 1e-9


@dataclass(frozen=True, eq=False)
class Projection:
    """Projected shares of a slate; arrays of shape (n_drivers,) unless said otherwise.

    Attributes
    ----------
    member_shares, member_weights
        What each member says alone and its weight for the driver; shape (n_drivers, n_members).
    fixed
        Shares that the user gave, NaN elsewhere.
    concentration
        Of the mean driver between contests: his variance is ``p (1 - p) / (1 + concentration)`` in a large field. What
        is not known of this slate lowers it, as it widens the intervals.
    warnings
        What a careful user should know.
    """

    shares: Floats
    lower: Floats
    upper: Floats
    member_names: tuple[str, ...]
    member_shares: Floats
    member_weights: Floats
    fixed: Floats
    concentration: float
    warnings: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Fixed:
    """Shares that the user gave, NaN where free, shape (n_drivers,), and the ``field`` that errors about them name."""

    shares: Floats
    field: str = "overrides_percent"


def project(ensemble: OwnershipEnsemble, slate: Slate, *, fixed: Fixed | None = None, level: float = 0.8) -> Projection:
    """Project the field of a slate around the shares that the user fixed.

    Raises
    ------
    InvalidInput
        If no field can have the fixed shares.
    """
    given = fixed or Fixed(np.full(slate.n_drivers, np.nan))
    opinions = ensemble.opinions(slate)
    result = field_shares(
        ensemble.blend_.logits(opinions), slate, cap_use=ensemble.cap_use_, fixed=given.shares, field=given.field
    )
    knowledge = ensemble.blend_.knowledge(opinions)
    inside = np.clip(result.shares, _EDGE, 1.0 - _EDGE)
    basis = basis_of(slate, knowledge)
    lower, upper = ensemble.dispersion_.interval(inside, basis, level)
    alone = [member.predict([slate])[0] for member in ensemble.members_]
    return Projection(
        shares=result.shares,
        lower=np.minimum(lower, result.shares),
        upper=np.maximum(upper, result.shares),
        member_names=tuple(member.name for member in ensemble.members_),
        member_shares=np.stack(alone, axis=1),
        member_weights=ensemble.blend_.driver_weights(opinions),
        fixed=given.shares,
        concentration=1.0 / float(ensemble.dispersion_.rate(knowledge, 0, basis.fee_decades).mean()) - 1.0,
        warnings=_warnings(slate, result.rescaled_from),
    )


def _warnings(slate: Slate, rescaled_from: float | None) -> tuple[str, ...]:
    found = []
    missing = int((~np.isfinite(slate.mean_points)).sum())
    if missing:
        found.append(f"{missing} of {slate.n_drivers} drivers have no simulated points; their intervals are wider")
    if rescaled_from is not None:
        found.append(f"the percentages given summed to {100 * rescaled_from:.2f} and were brought to the roster size")
    return tuple(found)
