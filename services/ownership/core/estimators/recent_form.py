# ruff: noqa: N803  # X is the name of scikit-learn's convention
"""Ownership from the last races' points against what was expected of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from services.ownership.core.estimators.base import PricedEstimator
from services.ownership.core.estimators.salary_skill import SALARY_SLOPE
from services.ownership.core.features import residual_on, salary_z, standardise
from services.ownership.core.lookback import DriverHistory, Likeness
from services.ownership.core.slate import Floats, PlayedSlate, Slate


def surprise(played: PlayedSlate) -> Floats:
    """Points beyond expectation, in standard deviations of the race; NaN where points are not known.

    The expectation is the simulated mean where there is one, else what the salaries explain.
    """
    return played.once("surprise", lambda: _surprise(played))


def _surprise(played: PlayedSlate) -> Floats:
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


def _variance_of_form(half_life_races: float, shrinkage_races: float) -> float:
    """Variance of a shrunk, decayed mean of surprises of variance 1: ``sum w^2 / (sum w + shrinkage)^2``.

    The weight of the race k back is ``w = d^k`` with ``d = 0.5 ** (1 / half_life_races)``.
    """
    decay = 0.5 ** (1.0 / half_life_races)
    return float(decay**2 / (1.0 - decay**2) / (decay / (1.0 - decay) + shrinkage_races) ** 2)


class RecentFormEstimator(PricedEstimator):
    """Salary plus form: decayed means of a driver's surprises, shrunk to zero.

    Three means with different memories let the fit find out how far back a field looks.

    Parameters
    ----------
    half_lives_races
        Races after which a surprise counts half, per memory.
    shrinkage_races
        Weight of "no form", in races.
    salary_slope
        Default coefficient of salary.
    """

    name: ClassVar[str] = "recent_form"
    prior = {"salary": SALARY_SLOPE, "last_race": 0.0, "last_races": 0.30, "last_months": 0.0}  # noqa: RUF012
    n_price_features: ClassVar[int] = 1

    def __init__(
        self,
        prior_races: float = 2.0,
        half_lives_races: tuple[float, float, float] = (0.7, 2.0, 6.0),
        shrinkage_races: float = 1.0,
        salary_slope: float = SALARY_SLOPE,
    ) -> None:
        self.prior_races = prior_races
        self.half_lives_races = half_lives_races
        self.shrinkage_races = shrinkage_races
        self.salary_slope = salary_slope

    @property
    def races_behind_defaults(self) -> Floats:
        """The prior's weight, less for a form that varies little: one race tells less about its coefficient."""
        form = [_variance_of_form(half_life, self.shrinkage_races) for half_life in self.half_lives_races]
        return self.prior_races * np.array([1.0, *form])

    def _form(self, slates: Sequence[Slate]) -> list[tuple[Floats, Floats]]:
        """Per slate: shrunk form by memory (n_drivers, 3), and how much is known (n_drivers,); zeros at first."""
        history: DriverHistory | None = getattr(self, "history_", None)
        if history is None:
            n_memories = len(self.half_lives_races)
            return [(np.zeros((slate.n_drivers, n_memories)), np.zeros(slate.n_drivers)) for slate in slates]
        likenesses = [Likeness(half_life) for half_life in self.half_lives_races]
        return [self._shrunk(history.look_back(slate, likenesses)) for slate in slates]

    def _shrunk(self, found: Sequence[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
        """Shrunk form by memory, and how much is known by the middle one."""
        weight = found[1][1]
        form = np.stack([sums / (weights + self.shrinkage_races) for sums, weights in found], axis=1)
        return form, weight / (weight + self.shrinkage_races)

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
