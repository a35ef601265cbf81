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


def _known_surprise(contests: Sequence[PlayedSlate]) -> Floats:
    """The surprise of a race from whichever of its contests came with points, the last one first."""
    known = surprise(contests[-1])
    for played in reversed(contests[:-1]):
        earlier = surprise(played)
        if earlier.shape == known.shape:
            known = np.where(np.isfinite(known), known, earlier)
    return known


class RecentFormEstimator(SlateEstimator):
    """Salary plus form: decayed means of a driver's surprises, shrunk to zero.

    Three means with different memories let the fit find out how far back a field looks.
    """

    name: ClassVar[str] = "recent_form"
    prior = {"salary": SALARY_SLOPE, "last_race": 0.0, "last_races": 0.30, "last_months": 0.0}  # noqa: RUF012
    n_price_features: ClassVar[int] = 1

    def __init__(
        self,
        prior_races: float = 2.0,
        half_lives_races: tuple[float, float, float] = (0.7, 2.0, 6.0),
        shrinkage_races: float = 1.0,
    ) -> None:
        self.prior_races = prior_races
        self.half_lives_races = half_lives_races
        self.shrinkage_races = shrinkage_races

    def _form(self, slates: Sequence[Slate]) -> list[tuple[Floats, Floats]]:
        """Per slate: shrunk form by memory (n_drivers, 3), and how much is known (n_drivers,); zeros at first."""
        history: DriverHistory | None = getattr(self, "history_", None)
        if history is None:
            n_memories = len(self.half_lives_races)
            return [(np.zeros((slate.n_drivers, n_memories)), np.zeros(slate.n_drivers)) for slate in slates]
        found = [history.look_back(slates, Likeness(half_life)) for half_life in self.half_lives_races]
        shrunk = [[s / (w + self.shrinkage_races) for s, w in memory] for memory in found]
        weights = [w for _, w in found[1]]
        return [
            (np.stack(columns, axis=1), w / (w + self.shrinkage_races))
            for *columns, w in zip(*shrunk, weights, strict=True)
        ]

    def learn_history(self, X: Sequence[PlayedSlate], y: Sequence[Floats]) -> None:  # noqa: ARG002
        """Remember each driver's surprises, once per race even if several contests were recorded."""
        contests: dict[str, list[PlayedSlate]] = {}
        for played in X:
            contests.setdefault(played.slate.race_id, []).append(played)
        races = [of_race[-1] for of_race in contests.values()]
        self.history_ = DriverHistory(races, [_known_surprise(of_race) for of_race in contests.values()])

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
