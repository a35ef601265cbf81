"""What the ensemble answers from without history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from services.ownership.core.constraints import CapUse
from services.ownership.core.estimators import SlateEstimator
from services.ownership.core.stacking import DEFAULT_SHARPNESS, DEFAULT_SHARPNESS_PER_FEATURE, Blend

DEFAULT_WEIGHTS: Mapping[str, float] = {
    "historical": 0.25,
    "projection": 0.45,
    "salary_skill": 0.20,
    "recent_form": 0.10,
}
"""Weights without history. Judgement: practitioners report ownership to follow projected points and value first."""


@dataclass(frozen=True)
class Defaults:
    """What the ensemble answers from without history, and what a short history is shrunk to.

    Attributes
    ----------
    weights
        Weight of each member by name.
    sharpness
        Sum of the members' strengths.
    sharpness_per_feature
        Log sharpness per decade of entries, fee and entries per user.
    cap_use
        Mean salary of a field's lineups over the cap.
    """

    weights: Mapping[str, float] = field(default_factory=lambda: DEFAULT_WEIGHTS)
    sharpness: float = DEFAULT_SHARPNESS
    sharpness_per_feature: tuple[float, float, float] = DEFAULT_SHARPNESS_PER_FEATURE
    cap_use: CapUse = field(default_factory=CapUse)

    def blend(self, members: Sequence[SlateEstimator]) -> Blend:
        """The blend of these members without history."""
        weights = np.array([self.weights.get(member.name, 0.0) for member in members])
        return Blend(self.sharpness * weights / weights.sum(), np.array(self.sharpness_per_feature))
