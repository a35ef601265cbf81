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
from services.ownership.core.defaults import Defaults
from services.ownership.core.dispersion import Dispersion, Residual, fit_dispersion
from services.ownership.core.estimators import (
    HistoricalEstimator,
    ProjectionEstimator,
    RecentFormEstimator,
    SalarySkillEstimator,
    SlateEstimator,
)
from services.ownership.core.left_out import LeftOutSlate, basis_of, folds, opinions_of, seen_by
from services.ownership.core.slate import Floats, PlayedSlate, Slate
from services.ownership.core.stacking import Blend, Opinions, fit_blend

MAX_FOLDS = 20
STATE_FORMAT = 4
"""Raised when `OwnershipEnsemble.state` changes its meaning, so that an old model is refitted and not misread."""


class ModelOfAnotherVersion(FailedPrecondition):
    """The model was fitted by a version of Pitwall that meant something else by its parameters."""


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


@dataclass(frozen=True, eq=False)
class _Learnt:
    """What a fit found, or the defaults in its place."""

    members: list[SlateEstimator]
    blend: Blend
    dispersion: Dispersion
    cap_use: CapUse
    n_races: int


class OwnershipEnsemble(BaseEstimator):  # type: ignore[misc]
    """Projects ownership. Without a fit it answers from documented defaults.

    Parameters
    ----------
    members
        Estimators to blend. Default: historical, projection, salary-skill, recent form.
    defaults
        What to answer from without history.
    max_folds
        Groups of races left out in turn to fit the weights; every race alone up to this many.
    """

    def __init__(
        self,
        members: Sequence[SlateEstimator] | None = None,
        defaults: Defaults | None = None,
        max_folds: int = MAX_FOLDS,
    ) -> None:
        self.members = members
        self.defaults = defaults
        self.max_folds = max_folds

    @property
    def _state(self) -> _Learnt:
        """What was learnt; before a fit what the parameters say as they stand."""
        learnt: _Learnt | None = getattr(self, "_learnt", None)
        if learnt is not None:
            return learnt
        members = self._fresh_members()
        return _Learnt(members, self._known.blend(members), Dispersion(), self._known.cap_use, 0)

    @property
    def members_(self) -> list[SlateEstimator]:
        """The estimators, in the order of `weights`."""
        return self._state.members

    @property
    def blend_(self) -> Blend:
        """How strongly each member speaks."""
        return self._state.blend

    @property
    def dispersion_(self) -> Dispersion:
        """How far fields stray from the projection."""
        return self._state.dispersion

    @property
    def cap_use_(self) -> CapUse:
        """How much of the cap fields use."""
        return self._state.cap_use

    @property
    def n_races_(self) -> int:
        """Races fitted to, 0 before a fit."""
        return self._state.n_races

    def _fresh_members(self) -> list[SlateEstimator]:
        if self.members is None:
            return [make() for make in _MEMBERS]
        return [clone(member) for member in self.members]

    @property
    def _known(self) -> Defaults:
        return self.defaults or Defaults()

    @property
    def weights(self) -> dict[str, float]:
        """Weight of each member in the blend: non-negative, sum to one."""
        state = self._state
        return {member.name: float(w) for member, w in zip(state.members, state.blend.weights, strict=True)}

    def opinions(self, slate: Slate) -> Opinions:
        """What each member says of a slate."""
        return opinions_of(self.members_, slate)

    def fit(self, X: Sequence[PlayedSlate], y: Sequence[Floats], *, work: Work | None = None) -> Self:
        """Fit weights and dispersion on races left out, then the members on all."""
        work = work or Work()
        self.left_out_ = self._left_out(X, y, work)
        actual = [seen.actual for seen in self.left_out_]
        members = self._fresh_members()
        blend = fit_blend([seen.opinions for seen in self.left_out_], actual, self._known.blend(members))
        cap_use = fit_cap_use(X, self._known.cap_use)
        dispersion = fit_dispersion([_residual(seen, blend, cap_use) for seen in self.left_out_])
        for member in members:
            work.checkpoint()
            member.fit(X, y)
        self._learnt = _Learnt(members, blend, dispersion, cap_use, len({played.slate.race_id for played in X}))
        return self

    def _left_out(self, X: Sequence[PlayedSlate], y: Sequence[Floats], work: Work) -> list[LeftOutSlate]:
        """Each slate as seen by members that did not see its race."""
        groups = folds(X, self.max_folds)
        rows: list[LeftOutSlate] = []
        for done, out in enumerate(groups):
            work.report("leave races out", done, len(groups))
            members = self._fresh_members()
            if not out.all():
                for member in members:
                    work.checkpoint()
                    member.fit(list(compress(X, ~out)), list(compress(y, ~out)))
            held = zip(compress(X, out), compress(y, out), strict=True)
            rows += [seen_by(members, played.slate, shares) for played, shares in held]
        work.report("leave races out", len(groups), len(groups))
        return rows

    def logits(self, slate: Slate) -> Floats:
        """The blend's log odds before the slate's constant; shape (n_drivers,)."""
        return self.blend_.logits(self.opinions(slate))

    def predict(self, X: Sequence[Slate]) -> list[Floats]:
        """Shares of each slate, in (0, 1), summing to its roster size."""
        return [field_shares(self.logits(slate), slate, cap_use=self.cap_use_).shares for slate in X]

    def state(self) -> dict[str, Any]:
        """The fitted model as plain values; `load_state` takes it back."""
        return {
            "format": STATE_FORMAT,
            "members": {member.name: member.state() for member in self.members_},
            "strengths": {m.name: float(b) for m, b in zip(self.members_, self.blend_.strengths, strict=True)},
            "sharpness_per_feature": self.blend_.sharpness_per_feature.tolist(),
            "concentration": self.dispersion_.concentration,
            "missing_widens": self.dispersion_.missing_widens,
            "fee_widens": self.dispersion_.fee_widens,
            "cap_use": [self.cap_use_.low, self.cap_use_.high],
            "n_races": self.n_races_,
        }

    def load_state(self, state: Mapping[str, Any]) -> Self:
        """Become the ensemble whose `state` this is.

        Raises
        ------
        ModelOfAnotherVersion
            If it was written by a version that meant something else by it.
        """
        if state.get("format") != STATE_FORMAT:
            raise ModelOfAnotherVersion(
                "the ownership model was fitted by another version of Pitwall; fit it again, or name another"
            )
        members = self._fresh_members()
        for member in members:
            member.load_state(state["members"][member.name])
        strengths = np.array([state["strengths"][member.name] for member in members])
        self._learnt = _Learnt(
            members=members,
            blend=Blend(strengths, np.array(state["sharpness_per_feature"])),
            dispersion=Dispersion(state["concentration"], state["missing_widens"], state["fee_widens"]),
            cap_use=CapUse(*state["cap_use"]),
            n_races=state["n_races"],
        )
        return self


def _residual(seen: LeftOutSlate, blend: Blend, cap_use: CapUse) -> Residual:
    projected = field_shares(blend.logits(seen.opinions), seen.slate, cap_use=cap_use).shares
    return Residual(projected, seen.actual, basis_of(seen.slate, blend.knowledge(seen.opinions)))
