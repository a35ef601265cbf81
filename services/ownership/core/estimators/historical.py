# ruff: noqa: N803  # X is the name of scikit-learn's convention
"""Ownership from the ownership a driver had before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from services.ownership.core.calibration import Batch, logit
from services.ownership.core.estimators.base import PricedEstimator
from services.ownership.core.estimators.recent_form import RecentFormEstimator
from services.ownership.core.estimators.salary_skill import SALARY_SLOPE
from services.ownership.core.features import liking, points_per_dollar, salary_z
from services.ownership.core.lookback import DriverHistory, Likeness
from services.ownership.core.slate import Floats, PlayedSlate, Slate
from services.ownership.core.slate_logit import Design, fit_slate_logit

_LOGIT_FLOOR = 0.004
"""Shares below this are noise of a handful of entries; their log odds would drown everything else."""


def _expected(slate: Slate) -> Floats:
    """Simulated points and points per dollar, standardised; shape (n_drivers, 2)."""
    return slate.once("expected", lambda: np.stack([liking(values) for values in _values(slate)], axis=1))


def _values(slate: Slate) -> tuple[Floats, Floats]:
    return slate.mean_points, points_per_dollar(slate.mean_points, slate)


class HistoricalEstimator(PricedEstimator):
    """The price of the slate plus a driver's lasting popularity beyond his price and projection.

    Popularity is the mean of ``logit(share) - what price, projection and form explain`` over his earlier races,
    weighted by age, likeness of the track and of the price band, and shrunk to zero by ``shrinkage_races``.

    Parameters
    ----------
    half_life_races, other_track_weight, price_band_sd
        How much an earlier race counts (`Likeness`).
    shrinkage_races
        Weight of "as popular as his price", in races.
    salary_slope
        Default coefficient of salary.
    """

    name: ClassVar[str] = "historical"
    prior = {"salary": SALARY_SLOPE, "popularity": 1.0}  # noqa: RUF012
    n_price_features: ClassVar[int] = 1

    def __init__(
        self,
        prior_races: float = 2.0,
        half_life_races: float = 30.0,
        other_track_weight: float = 0.6,
        price_band_sd: float = 2.0,
        shrinkage_races: float = 1.5,
        salary_slope: float = SALARY_SLOPE,
    ) -> None:
        self.prior_races = prior_races
        self.half_life_races = half_life_races
        self.other_track_weight = other_track_weight
        self.price_band_sd = price_band_sd
        self.shrinkage_races = shrinkage_races
        self.salary_slope = salary_slope

    def _popularity(self, slates: Sequence[Slate]) -> list[tuple[Floats, Floats]]:
        """Shrunk popularity and how much is known of it, per slate; zeros without any history."""
        history: DriverHistory | None = getattr(self, "history_", None)
        if history is None:
            return [(np.zeros(slate.n_drivers), np.zeros(slate.n_drivers)) for slate in slates]
        likeness = Likeness(self.half_life_races, self.other_track_weight, self.price_band_sd)
        found = [history.look_back(slate, [likeness])[0] for slate in slates]
        return [(s / (w + self.shrinkage_races), w / (w + self.shrinkage_races)) for s, w in found]

    def _explaining(self, X: Sequence[PlayedSlate], y: Sequence[Floats]) -> list[Floats]:
        """Price, projection and form of each slate: the part of ownership that is no lasting popularity."""
        form = RecentFormEstimator()
        form.learn_history(X, y)
        slates = [played.slate for played in X]
        forms = form.training_features(X)
        return [
            np.column_stack([salary_z(slate), _expected(slate), lately[:, 1:]])
            for slate, lately in zip(slates, forms, strict=True)
        ]

    def learn_history(self, X: Sequence[PlayedSlate], y: Sequence[Floats]) -> None:
        """Remember what of each field its prices, projections and form did not explain."""
        batch = Batch.of([played.slate.n_drivers for played in X], [float(shares.sum()) for shares in y])
        columns = self._explaining(X, y)
        design = Design(batch, batch.stack(columns), batch.stack(y), np.ones(len(X)))
        prior = np.concatenate([[self.salary_slope], np.zeros(columns[0].shape[1] - 1)])
        explained = batch.shares(design.features @ fit_slate_logit(design, prior, prior_races=self.prior_races))
        self.history_ = DriverHistory(
            X, [logit(s, _LOGIT_FLOOR) - logit(f[: len(s)], _LOGIT_FLOOR) for s, f in zip(y, explained, strict=True)]
        )

    def training_features(self, X: Sequence[PlayedSlate]) -> list[Floats]:
        """Salary and popularity as it stood before each race."""
        slates = [played.slate for played in X]
        popularity = [value for value, _ in self._popularity(slates)]
        return [np.column_stack([salary_z(s), p]) for s, p in zip(slates, popularity, strict=True)]

    def features(self, slate: Slate) -> Floats:
        """Salary and popularity."""
        return np.column_stack([salary_z(slate), self._popularity([slate])[0][0]])

    def information(self, slate: Slate) -> Floats:
        """How far the driver's own history outweighs the shrinkage; nothing where his price band is not known."""
        return self._popularity([slate])[0][1] * np.isfinite(slate.salaries_dollars)

    def state(self) -> dict[str, Any]:
        """Coefficients and history."""
        history: DriverHistory | None = getattr(self, "history_", None)
        return super().state() | ({"history": history.state()} if history else {})

    def load_state(self, state: Mapping[str, Any]) -> Self:
        """Become the estimator whose `state` this is."""
        if "history" in state:
            self.history_ = DriverHistory.from_state(state["history"])
        return super().load_state(state)
