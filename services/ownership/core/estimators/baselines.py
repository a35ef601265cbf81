"""What a projection has to beat: equal ownership, salary alone, value alone."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from services.ownership.core.estimators.base import SlateEstimator
from services.ownership.core.features import points_per_dollar, salary_z, standardise
from services.ownership.core.slate import Floats, Slate


class UniformBaseline(SlateEstimator):
    """Everybody at roster size / number of drivers: 15.8 % at 38."""

    name: ClassVar[str] = "uniform"
    prior = {"nothing": 0.0}  # noqa: RUF012

    def __init__(self, prior_races: float = 1.0) -> None:
        self.prior_races = prior_races

    def features(self, slate: Slate) -> Floats:
        """Nothing tells drivers apart."""
        return np.zeros((slate.n_drivers, 1))

    def information(self, slate: Slate) -> Floats:
        """It needs nothing, so nothing is missing."""
        return np.ones(slate.n_drivers)


class SalaryBaseline(UniformBaseline):
    """A plain logit in salary, its slope fitted without shrinkage to speak of."""

    name: ClassVar[str] = "salary_only"
    prior = {"salary": 0.0}  # noqa: RUF012

    def __init__(self, prior_races: float = 0.01) -> None:
        self.prior_races = prior_races

    def features(self, slate: Slate) -> Floats:
        """Standardised salary."""
        return salary_z(slate)[:, None]


class ValueBaseline(SalaryBaseline):
    """A plain logit in simulated points per dollar."""

    name: ClassVar[str] = "value_only"
    prior = {"mean_per_dollar": 0.0}  # noqa: RUF012

    def features(self, slate: Slate) -> Floats:
        """Standardised points per dollar."""
        return standardise(points_per_dollar(slate.mean_points, slate))[:, None]
