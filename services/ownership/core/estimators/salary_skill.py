"""Ownership from salary against strength: the underpriced get popular."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from services.ownership.core.estimators.base import SlateEstimator
from services.ownership.core.features import liking, residual_on, salary_z, strength
from services.ownership.core.slate import Floats, Slate

SALARY_SLOPE = 0.27
"""Log odds of ownership per standard deviation of salary: mean over seven complete DraftKings MMA fields of spring
2026 (the same roster form; 170-4,411 entries; 0.20-0.38), the nearest public stand-in for NASCAR."""

CURVE_IS_FIRM = {"salary_squared": 32.0}
"""How salary bends differs from slate to slate: in three of four MMA events the cheapest were unloved beyond their
price, in the fourth not, and a bend learnt from the three did worse there than a straight line. So it takes many
races to believe."""


class SalarySkillEstimator(SlateEstimator):
    """Salary, its square, and the strength that salary does not explain.

    Strength is the mean of what is known among simulated points, market odds, ratings and the site's averages.
    """

    name: ClassVar[str] = "salary_skill"
    prior = {"salary": SALARY_SLOPE, "salary_squared": 0.0, "underpriced": 0.55}  # noqa: RUF012
    firm = CURVE_IS_FIRM

    def __init__(self, prior_races: float = 2.0) -> None:
        self.prior_races = prior_races

    def features(self, slate: Slate) -> Floats:
        """Salary, salary squared less its mean, and mispricing; standardised within the slate."""
        return slate.once("salary_skill_features", lambda: self._features(slate))

    @staticmethod
    def _features(slate: Slate) -> Floats:
        salary = salary_z(slate)
        mispriced = liking(residual_on(strength(slate), salary))
        return np.stack([salary, salary**2 - np.mean(salary**2), mispriced], axis=1)

    def information(self, slate: Slate) -> Floats:
        """One half for the salary, one half for a signal of strength."""
        known = np.isfinite(slate.salaries_dollars), np.isfinite(strength(slate))
        return 0.5 * known[0] + 0.5 * known[1]
