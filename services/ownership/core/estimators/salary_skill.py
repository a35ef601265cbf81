"""Ownership from salary against strength: the underpriced get popular."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from services.ownership.core.estimators.base import PricedEstimator
from services.ownership.core.features import known_of_strength, liking, residual_on, salary_z, strength
from services.ownership.core.slate import Floats, Slate

SALARY_SLOPE = 0.29
"""Log odds of ownership per standard deviation of salary at low stakes: mean of plain slopes in three complete
DraftKings MMA fields of 4,411 entries at $8 (spring 2026; 0.25, 0.29, 0.33), the nearest public stand-in for NASCAR.
Four dear fields of the same events have 0.28-0.47."""


class SalarySkillEstimator(PricedEstimator):
    """Salary, and the strength that salary does not explain.

    Strength is the mean of what is known among simulated points, market odds, ratings and the site's averages.

    Parameters
    ----------
    salary_slope
        Default coefficient of salary.
    """

    name: ClassVar[str] = "salary_skill"
    prior = {"salary": SALARY_SLOPE, "underpriced": 0.55}  # noqa: RUF012

    def __init__(self, prior_races: float = 2.0, salary_slope: float = SALARY_SLOPE) -> None:
        self.prior_races = prior_races
        self.salary_slope = salary_slope

    def features(self, slate: Slate) -> Floats:
        """Salary and mispricing; standardised within the slate."""
        return slate.once("salary_skill_features", lambda: self._features(slate))

    @staticmethod
    def _features(slate: Slate) -> Floats:
        salary = salary_z(slate)
        mispriced = liking(residual_on(strength(slate), salary))
        return np.stack([salary, mispriced], axis=1)

    def information(self, slate: Slate) -> Floats:
        """One half for the salary, one half for the signals of strength."""
        return 0.5 * np.isfinite(slate.salaries_dollars) + 0.5 * known_of_strength(slate)
