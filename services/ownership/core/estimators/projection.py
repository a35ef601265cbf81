"""Ownership from simulated points: what a player sees who reads projections."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from services.ownership.core.estimators.base import SlateEstimator
from services.ownership.core.features import liking, points_per_dollar, salary_z
from services.ownership.core.slate import Floats, Slate


class ProjectionEstimator(SlateEstimator):
    """Mean, ceiling and both per dollar, and the share of best-in-hindsight lineups.

    The defaults have no data behind them, for none is public: they are set so that slates simulated from real
    races give fields as practitioners report them (most owned driver 43-56 %, rank correlation with projected points
    and with points per dollar about 0.8 each).
    """

    name: ClassVar[str] = "projection"
    prior = {  # noqa: RUF012
        "mean_points": 0.35,
        "ceiling_points": 0.10,
        "mean_per_dollar": 0.40,
        "ceiling_per_dollar": 0.10,
        "optimal_rate": 0.10,
        "salary": 0.0,
    }

    def __init__(self, prior_races: float = 2.0) -> None:
        self.prior_races = prior_races

    def features(self, slate: Slate) -> Floats:
        """Standardised within the slate; what is not known counts as average."""
        return slate.once("projection_features", lambda: self._features(slate))

    @staticmethod
    def _looked_at(slate: Slate) -> tuple[Floats, ...]:
        """What the features measure but for the salary, in the order of ``prior``; NaN where not known."""
        return (
            slate.mean_points,
            slate.ceiling_points,
            points_per_dollar(slate.mean_points, slate),
            points_per_dollar(slate.ceiling_points, slate),
            np.log(np.maximum(slate.optimal_rate, 0.0) + 0.01),
        )

    def _features(self, slate: Slate) -> Floats:
        return np.stack([*(liking(column) for column in self._looked_at(slate)), salary_z(slate)], axis=1)

    def information(self, slate: Slate) -> Floats:
        """Share of the default coefficients whose feature is known."""
        known = np.isfinite(self._looked_at(slate))
        share = np.array(list(self.prior.values()))[: len(known)]
        return np.asarray(share @ known / share.sum(), dtype=np.float64)
