# ruff: noqa: N803  # X is the name of scikit-learn's convention
"""The hybrid ensemble: four estimators, one blend, one dispersion."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, clone

from services.common.domain.errors import FailedPrecondition
from services.common.domain.work import Checkpoint, ReportProgress, no_checkpoint, no_progress
from services.ownership.core.constraints import CapUse, field_shares, fit_cap_use
from services.ownership.core.dispersion import Dispersion, Residual, fit_dispersion
from services.ownership.core.estimators import (
    HistoricalEstimator,
    ProjectionEstimator,
    RecentFormEstimator,
    SalarySkillEstimator,
    SlateEstimator,
)
from services.ownership.core.features import contest_features
from services.ownership.core.slate import Floats, PlayedSlate, Slate
from services.ownership.core.stacking import DEFAULT_SHARPNESS, Blend, Opinions, fit_blend

DEFAULT_WEIGHTS: Mapping[str, float] = {
    "historical": 0.25,
    "projection": 0.45,
    "salary_skill": 0.20,
    "recent_form": 0.10,
}
"""Weights without history. Judgement: practitioners report ownership to follow projected points and value first."""
MAX_FOLDS = 20
STATE_FORMAT = 1
"""Raised when `OwnershipEnsemble.state` changes its meaning, so that an old model is refitted and not misread."""
_MEMBERS: tuple[Callable[[], SlateEstimator], ...] = (
    HistoricalEstimator,
    ProjectionEstimator,
    SalarySkillEstimator,
    RecentFormEstimator,
)


@dataclass(frozen=True)
class Work:
    """How a long fit reports and stops."""

    report: ReportProgress = no_progress
    checkpoint: Checkpoint = no_checkpoint


def folds(X: Sequence[PlayedSlate], max_folds: int) -> list[np.ndarray[Any, np.dtype[np.bool_]]]:
    """Masks of the slates left out together: all contests of a race, races dealt out in turn; each (n_slates,)."""
    races = list(dict.fromkeys(played.slate.race_id for played in X))
    fold_of = {race: index % min(max_folds, len(races)) for index, race in enumerate(races)}
    fold = np.array([fold_of[played.slate.race_id] for played in X])
    return [fold == index for index in range(min(max_folds, len(races)))]


class OwnershipEnsemble(BaseEstimator):  # type: ignore[misc]
    """Projects ownership. Without a fit it answers from documented defaults.

    Parameters
    ----------
    members
        Estimators to blend. Default: historical, projection, salary-skill, recent form.
    default_weights
        Their weights without history, by name.
    max_folds
        Groups of races left out in turn to fit the weights; every race alone up to this many.
    """

    def __init__(
        self,
        members: Sequence[SlateEstimator] | None = None,
        default_weights: Mapping[str, float] | None = None,
        max_folds: int = MAX_FOLDS,
    ) -> None:
        self.members = members
        self.default_weights = default_weights
        self.max_folds = max_folds
        self.members_: list[SlateEstimator] = self._fresh_members()
        self.blend_ = self._default_blend()
        self.dispersion_ = Dispersion()
        self.cap_use_ = CapUse()
        self.n_races_ = 0

    def _fresh_members(self) -> list[SlateEstimator]:
        if self.members is None:
            return [make() for make in _MEMBERS]
        return [clone(member) for member in self.members]

    def _default_blend(self) -> Blend:
        known = self.default_weights or DEFAULT_WEIGHTS
        weights = np.array([known.get(member.name, 0.0) for member in self.members_])
        return Blend(DEFAULT_SHARPNESS * weights / weights.sum())

    @property
    def weights(self) -> dict[str, float]:
        """Weight of each member in the blend: non-negative, sum to one."""
        return {member.name: float(w) for member, w in zip(self.members_, self.blend_.weights, strict=True)}

    def opinions(self, slate: Slate) -> Opinions:
        """What each member says of a slate."""
        return _opinions(self.members_, slate)

    def fit(self, X: Sequence[PlayedSlate], y: Sequence[Floats], *, work: Work | None = None) -> Self:
        """Fit weights and dispersion on races left out, then the members on all."""
        work = work or Work()
        left_out = self._left_out_opinions(X, y, work)
        actual = [shares for _, shares, _ in left_out]
        self.members_ = self._fresh_members()
        self.blend_ = fit_blend([opinions for opinions, _, _ in left_out], actual, self._default_blend())
        self.cap_use_ = fit_cap_use(X)
        self.dispersion_ = fit_dispersion([self._residual(*row) for row in left_out])
        for member in self.members_:
            work.checkpoint()
            member.fit(X, y)
        self.n_races_ = len({played.slate.race_id for played in X})
        return self

    def _left_out_opinions(
        self, X: Sequence[PlayedSlate], y: Sequence[Floats], work: Work
    ) -> list[tuple[Opinions, Floats, Slate]]:
        """Opinions on each slate of members that did not see its race."""
        groups = folds(X, self.max_folds)
        rows: list[tuple[Opinions, Floats, Slate]] = []
        for done, out in enumerate(groups):
            work.report("leave races out", done, len(groups))
            members = self._fresh_members()
            if not out.all():
                for member in members:
                    work.checkpoint()
                    member.fit(list(compress(X, ~out)), list(compress(y, ~out)))
            held = zip(compress(X, out), compress(y, out), strict=True)
            rows += [(_opinions(members, played.slate), shares, played.slate) for played, shares in held]
        work.report("leave races out", len(groups), len(groups))
        return rows

    def logits(self, slate: Slate) -> Floats:
        """The blend's log odds before the slate's constant; shape (n_drivers,)."""
        return self.blend_.logits(self.opinions(slate))

    def predict(self, X: Sequence[Slate]) -> list[Floats]:
        """Shares of each slate, in (0, 1), summing to its roster size."""
        return [field_shares(self.logits(slate), slate, cap_use=self.cap_use_).shares for slate in X]

    def _residual(self, opinions: Opinions, actual: Floats, slate: Slate) -> Residual:
        projected = field_shares(self.blend_.logits(opinions), slate, cap_use=self.cap_use_).shares
        return Residual(projected, actual, self.blend_.knowledge(opinions), slate.contest.n_entries)

    def state(self) -> dict[str, Any]:
        """The fitted model as plain values; `load_state` takes it back."""
        return {
            "format": STATE_FORMAT,
            "members": {member.name: member.state() for member in self.members_},
            "strengths": {m.name: float(b) for m, b in zip(self.members_, self.blend_.strengths, strict=True)},
            "sharpness_per_feature": self.blend_.sharpness_per_feature.tolist(),
            "concentration": self.dispersion_.concentration,
            "missing_widens": self.dispersion_.missing_widens,
            "cap_use": [self.cap_use_.low, self.cap_use_.high],
            "n_races": self.n_races_,
        }

    def load_state(self, state: Mapping[str, Any]) -> Self:
        """Become the ensemble whose `state` this is.

        Raises
        ------
        FailedPrecondition
            If it was written by a version that meant something else by it.
        """
        if state.get("format") != STATE_FORMAT:
            raise FailedPrecondition(
                "the ownership model was fitted by another version of Pitwall; call FitModel again"
            )
        for member in self.members_:
            member.load_state(state["members"][member.name])
        strengths = np.array([state["strengths"][member.name] for member in self.members_])
        self.blend_ = Blend(strengths, np.array(state["sharpness_per_feature"]))
        self.dispersion_ = Dispersion(state["concentration"], state["missing_widens"])
        self.cap_use_ = CapUse(*state["cap_use"])
        self.n_races_ = state["n_races"]
        return self


def _opinions(members: Sequence[SlateEstimator], slate: Slate) -> Opinions:
    return Opinions(
        signals=np.stack([member.signal(slate) for member in members], axis=1),
        information=np.stack([member.information(slate) for member in members], axis=1),
        complete=np.array([member.n_price_features == 0 for member in members]),
        contest=contest_features(slate.contest),
    )
