# ruff: noqa: N803  # X is the name of scikit-learn's convention
"""Ownership from the last races' points against what was expected of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from services.ownership.core.estimators.base import SlateEstimator
from services.ownership.core.estimators.salary_skill import SALARY_SLOPE
from services.ownership.core.features import residual_on, salary_z, standardise
from services.ownership.core.lookback import DriverHistory, Likeness
from services.ownership.core.slate import Floats, PlayedSlate, Slate


def surprise(played: PlayedSlate) -> Floats:
    """Points beyond expectation, in standard deviations of the race; NaN where points are not known.

    The expectation is the simulated mean where there is one, else what the salaries explain.
    """
    slate = played.slate
    simulated = np.isfinite(slate.mean_points) & np.isfinite(played.points)
    by_salary = residual_on(played.points, salary_z(slate))
    beyond = np.where(simulated, played.points - slate.mean_points, by_salary)
    known = np.isfinite(beyond)
    return np.where(known, standardise(beyond), np.nan)


class RecentFormEstimator(SlateEstimator):
    """Salary plus form: the decayed mean of a driver's surprises, shrunk to zero."""

    name: ClassVar[str] = "recent_form"
    prior = {"salary": SALARY_SLOPE, "form": 0.30}  # noqa: RUF012

    def __init__(self, prior_races: float = 2.0, half_life_races: float = 3.0, shrinkage_races: float = 1.0) -> None:
        self.prior_races = prior_races
        self.half_life_races = half_life_races
        self.shrinkage_races = shrinkage_races

    def _form(self, slates: Sequence[Slate]) -> list[tuple[Floats, Floats]]:
        """Shrunk form and how much is known of it, per slate; zeros without any history."""
        history: DriverHistory | None = getattr(self, "history_", None)
        if history is None:
            return [(np.zeros(slate.n_drivers), np.zeros(slate.n_drivers)) for slate in slates]
        found = history.look_back(slates, Likeness(self.half_life_races))
        return [(s / (w + self.shrinkage_races), w / (w + self.shrinkage_races)) for s, w in found]

    def learn_history(self, X: Sequence[PlayedSlate], y: Sequence[Floats]) -> None:  # noqa: ARG002
        """Remember each driver's surprises, once per race even if several contests were recorded."""
        races = list({played.slate.race_id: played for played in X}.values())
        self.history_ = DriverHistory(races, [surprise(played) for played in races])

    def training_features(self, X: Sequence[PlayedSlate]) -> list[Floats]:
        """Salary and form as it stood before each race."""
        slates = [played.slate for played in X]
        return [np.column_stack([salary_z(s), form]) for s, (form, _) in zip(slates, self._form(slates), strict=True)]

    def features(self, slate: Slate) -> Floats:
        """Salary and form."""
        return np.column_stack([salary_z(slate), self._form([slate])[0][0]])

    def information(self, slate: Slate) -> Floats:
        """How far the driver's own races outweigh the shrinkage."""
        return self._form([slate])[0][1]

    def state(self) -> dict[str, Any]:
        """Coefficients and history."""
        history: DriverHistory | None = getattr(self, "history_", None)
        return super().state() | ({"history": history.state()} if history else {})

    def load_state(self, state: Mapping[str, Any]) -> Self:
        """Become the estimator whose `state` this is."""
        if "history" in state:
            self.history_ = DriverHistory.from_state(state["history"])
        return super().load_state(state)
