# ruff: noqa: N803  # X is the name of scikit-learn's convention
"""Ownership from the last races' points against what was expected of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from services.ownership.core.estimators.base import PricedEstimator
from services.ownership.core.estimators.salary_skill import SALARY_SLOPE
from services.ownership.core.features import residual_on, salary_z
from services.ownership.core.lookback import DriverHistory, Likeness
from services.ownership.core.slate import Floats, PlayedSlate, Slate

_MIN_KNOWN = 3
"""Drivers with known points below which a race has no level to measure them by."""
_LATELY = 5
"""Races back that tell how much is known of a driver's form."""
_MAX_SURPRISE = 3.5
"""Standard deviations beyond which a freak result counts no further."""


def surprise(played: PlayedSlate) -> Floats:
    """Points beyond expectation, less their mean over the race; NaN where points are not known.

    The expectation is the simulated mean where there is one, else what the salaries explain.
    """
    return played.once("surprise", lambda: _surprise(played))


def _surprise(played: PlayedSlate) -> Floats:
    slate = played.slate
    simulated = np.isfinite(slate.mean_points) & np.isfinite(played.points)
    by_salary = residual_on(played.points, salary_z(slate))
    beyond = np.where(simulated, played.points - slate.mean_points, by_salary)
    known = np.isfinite(beyond)
    if known.sum() < _MIN_KNOWN:
        return np.full(slate.n_drivers, np.nan)
    return beyond - beyond[known].mean()


def _scaled(races: Sequence[PlayedSlate], surprises: Sequence[Floats]) -> list[Floats]:
    """In standard deviations of all races up to the day of each: nothing is informed by what came after it.

    One race's own spread is known to a tenth only, and whoever looks at results sees points, not ranks of a race.
    """
    days = np.array([race.slate.day for race in races])
    squares = np.array([np.nansum(values**2) for values in surprises])
    counts = np.array([np.isfinite(values).sum() for values in surprises])
    scaled = []
    for day, values in zip(days, surprises, strict=True):
        spread = np.sqrt(squares[days <= day].sum() / max(counts[days <= day].sum(), 1))
        scaled.append(np.clip(values / (spread or 1.0), -_MAX_SURPRISE, _MAX_SURPRISE))
    return scaled


def _known_surprise(contests: Sequence[PlayedSlate]) -> Floats:
    """The surprise of a race from whichever of its contests came with points, the last one first."""
    known = surprise(contests[-1])
    for played in reversed(contests[:-1]):
        earlier = surprise(played)
        if earlier.shape == known.shape:
            known = np.where(np.isfinite(known), known, earlier)
    return known


class RecentFormEstimator(PricedEstimator):
    """Salary plus form: a driver's surprises in the last race, the one before and so on, longer ago in wider blocks.

    The fit finds out how much a field makes of each. Decayed means in their place cannot tell a field that looks at
    the last three races from one that looks at all of them a little. The defaults fade by half every two races.

    Parameters
    ----------
    races_back
        First and last race of each block, counted backwards: 1 is the race before this one.
    shrinkage_races
        Weight of "no form" in the mean of a block, in races.
    salary_slope
        Default coefficient of salary.
    """

    name: ClassVar[str] = "recent_form"
    prior = {  # noqa: RUF012
        "salary": SALARY_SLOPE,
        "last_race": 0.12,
        "second_last": 0.09,
        "third_last": 0.06,
        "fourth_and_fifth": 0.06,
        "sixth_to_tenth": 0.04,
    }
    n_price_features: ClassVar[int] = 1

    def __init__(
        self,
        prior_races: float = 2.0,
        races_back: tuple[tuple[int, int], ...] = ((1, 1), (2, 2), (3, 3), (4, 5), (6, 10)),
        shrinkage_races: float = 1.0,
        salary_slope: float = SALARY_SLOPE,
    ) -> None:
        self.prior_races = prior_races
        self.races_back = races_back
        self.shrinkage_races = shrinkage_races
        self.salary_slope = salary_slope

    @property
    def races_behind_defaults(self) -> Floats:
        """The prior's weight, less for a form that varies little: one race tells less about its coefficient.

        A shrunk mean of n surprises of variance 1 has the variance ``n / (n + shrinkage)^2``.
        """
        n_races = np.array([last - first + 1 for first, last in self.races_back])
        return self.prior_races * np.concatenate([[1.0], n_races / (n_races + self.shrinkage_races) ** 2])

    def _form(self, slates: Sequence[Slate]) -> list[tuple[Floats, Floats]]:
        """Per slate: shrunk form by block (n_drivers, n_blocks), and how much is known (n_drivers,); zeros at first."""
        history: DriverHistory | None = getattr(self, "history_", None)
        if history is None:
            n_blocks = len(self.races_back)
            return [(np.zeros((slate.n_drivers, n_blocks)), np.zeros(slate.n_drivers)) for slate in slates]
        blocks = [Likeness(first_race_back=first, last_race_back=last) for first, last in self.races_back]
        return [self._shrunk(history.look_back(slate, blocks)) for slate in slates]

    def _shrunk(self, found: Sequence[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
        """Shrunk form by block, and how much is known: races of the last five against the shrinkage."""
        form = np.stack([sums / (weights + self.shrinkage_races) for sums, weights in found], axis=1)
        lately = [weights for (_, last), (_, weights) in zip(self.races_back, found, strict=True) if last <= _LATELY]
        n_known = np.sum(lately, axis=0)
        return form, n_known / (n_known + self.shrinkage_races)

    def learn_history(self, X: Sequence[PlayedSlate], y: Sequence[Floats]) -> None:  # noqa: ARG002
        """Remember each driver's surprises, once per race even if several contests were recorded."""
        contests: dict[str, list[PlayedSlate]] = {}
        for played in X:
            contests.setdefault(played.slate.race_id, []).append(played)
        races = [of_race[-1] for of_race in contests.values()]
        surprises = [_known_surprise(of_race) for of_race in contests.values()]
        self.history_ = DriverHistory(races, _scaled(races, surprises))

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
