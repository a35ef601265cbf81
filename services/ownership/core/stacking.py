"""How much each member of the ensemble says, and how sharply: weights fitted on races left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from services.ownership.core.calibration import Batch
from services.ownership.core.features import CONTEST_FEATURES
from services.ownership.core.slate import Floats

DEFAULT_SHARPNESS_PER_FEATURE = (0.0, 0.11, 0.0)
"""Log sharpness per decade of (entries, fee, entries per user). The fee's: plain salary slopes of 0.36 on average in
four DraftKings MMA fields at $555 against 0.29 in three at $8 (spring 2026), the nearest public stand-in for NASCAR."""
DEFAULT_SHARPNESS = 2.0
"""Sum of the default strengths. Judgement: puts the most owned driver of a Cup slate at 40-55 %."""
_PRIOR_RACES = 3.0
_INFORMATION_PER_RACE = 0.25
"""What one race tells about the logarithm of a strength: 5 x variance of a typical member's contribution."""
_SD_LOG_STRENGTH = 1.0
_SD_CONTEST = 0.1


@dataclass(frozen=True, eq=False)
class Opinions:
    """What the members say of one slate.

    Attributes
    ----------
    signals
        Log odds per driver and member, up to a constant; shape (n_drivers, n_members).
    information
        How much each member knows per driver, in [0, 1]; shape (n_drivers, n_members).
    complete
        Members that say all there is to say of price and value; the others add to them; shape (n_members,).
    contest
        Features of the contest; shape (3,).
    """

    signals: Floats
    information: Floats
    complete: npt.NDArray[np.bool_]
    contest: Floats


def effective_strengths(strengths: Floats, information: Floats, complete: npt.NDArray[np.bool_]) -> Floats:
    """Strength of each member per driver; shape (..., n_members) as ``information``.

    What a complete member does not know, the other complete ones say in its place. One that adds stays silent
    where it knows nothing: its signal is 0 there.
    """
    whole = strengths * complete
    known = whole * information
    heard = known.sum(axis=-1, keepdims=True)
    taken_over = np.divide(whole.sum(), heard, out=np.ones_like(heard), where=heard > 0)
    return np.where(complete, np.where(heard > 0, known * taken_over, whole), strengths)


@dataclass(frozen=True, eq=False)
class Blend:
    """How strongly each member speaks and how steep the contest makes it.

    ``logit = exp(contest @ sharpness_per_feature) * sum_k b_k signal_k``, the strengths b of complete members passed
    on where inputs are missing (`effective_strengths`).

    Attributes
    ----------
    strengths
        Non-negative; shape (n_members,). Their sum is the sharpness, their shares are the weights.
    """

    strengths: Floats
    sharpness_per_feature: Floats = field(default_factory=lambda: np.array(DEFAULT_SHARPNESS_PER_FEATURE))

    @property
    def weights(self) -> Floats:
        """Shares of the strengths: non-negative, sum to one; shape (n_members,)."""
        return self.strengths / self.strengths.sum()

    def driver_weights(self, opinions: Opinions) -> Floats:
        """Weight of each member per driver, as far as it knows him; rows sum to one; (n_drivers, n_members).

        A driver whom no member knows gets the weights of the blend.
        """
        strengths = effective_strengths(self.strengths, opinions.information, opinions.complete)
        heard = np.where(opinions.complete, strengths, strengths * opinions.information)
        total = heard.sum(axis=1, keepdims=True)
        return np.where(total > 0.0, heard / np.where(total > 0.0, total, 1.0), self.weights)

    def knowledge(self, opinions: Opinions) -> Floats:
        """Share of the weight that has its inputs, per driver in [0, 1]."""
        return np.asarray(opinions.information @ self.weights, dtype=np.float64)

    def logits(self, opinions: Opinions) -> Floats:
        """The ensemble's uncalibrated log odds; shape (n_drivers,)."""
        strengths = effective_strengths(self.strengths, opinions.information, opinions.complete)
        steep = np.exp(opinions.contest @ self.sharpness_per_feature)
        return np.asarray(steep * (strengths * opinions.signals).sum(axis=1), dtype=np.float64)


class _Objective:
    """Penalised quasi-deviance of a blend on left-out races, and its gradient in log strengths and sharpness."""

    def __init__(self, opinions: Sequence[Opinions], shares: Sequence[Floats], default: Blend) -> None:
        self.batch = Batch.of([len(s) for s in shares], [float(s.sum()) for s in shares])
        self.signals = self.batch.stack([o.signals - o.signals.mean(axis=0) for o in opinions])
        self.information = self.batch.stack([o.information for o in opinions])
        self.complete = opinions[0].complete
        self.contests = np.stack([o.contest for o in opinions])
        self.shares = self.batch.stack(shares)
        self.n_members = len(default.strengths)
        self.start = np.concatenate([np.log(np.maximum(default.strengths, 1e-3)), default.sharpness_per_feature])
        sd = np.array([_SD_LOG_STRENGTH] * self.n_members + [_SD_CONTEST] * len(CONTEST_FEATURES))
        self.precision = _PRIOR_RACES * _INFORMATION_PER_RACE / sd**2

    def blend(self, parameters: Floats) -> Blend:
        """The blend of an unconstrained point."""
        return Blend(np.exp(parameters[: self.n_members]), parameters[self.n_members :])

    def _by_member(self, blend: Blend) -> tuple[Floats, Floats]:
        """Log odds (n_slates, n_max) before the contest's steepness, and their slope in each log strength."""
        effective = effective_strengths(blend.strengths, self.information, self.complete)
        spoken = effective * self.signals
        whole = np.where(self.complete, effective, 0.0)
        size = whole.sum(axis=-1, keepdims=True)
        share = np.divide(whole, size, out=np.zeros_like(whole), where=size > 0)
        mean = np.divide(
            (whole * self.signals).sum(axis=-1, keepdims=True), size, out=np.zeros_like(size), where=size > 0
        )
        nominal = np.where(self.complete, blend.strengths, 0.0) / max(float(blend.strengths @ self.complete), 1e-12)
        # A complete member's strength both shifts what the complete ones say and scales all they say.
        slope = np.where(self.complete, whole * (self.signals - mean) + nominal * size * mean, spoken)
        return spoken.sum(axis=-1), np.where(share.sum(axis=-1, keepdims=True) > 0, slope, spoken)

    def __call__(self, parameters: Floats) -> tuple[float, Floats]:
        """Value and gradient. With the constants at their best, d loss / d logit = fitted - shares."""
        blend = self.blend(parameters)
        flat, slopes = self._by_member(blend)
        steep = np.exp(self.contests @ blend.sharpness_per_feature)[:, None]
        fitted = self.batch.shares(steep * flat)
        inside = np.clip(fitted, 1e-12, 1 - 1e-12)
        loss = -(self.shares * np.log(inside) + (1.0 - self.shares) * np.log1p(-inside))[self.batch.mask].sum()
        error = np.where(self.batch.mask, fitted - self.shares, 0.0) * steep
        by_slate = (error * flat).sum(axis=1)
        gradient = np.concatenate([np.einsum("sd,sdk->k", error, slopes), by_slate @ self.contests])
        away = parameters - self.start
        return float(loss + 0.5 * (self.precision * away**2).sum()), gradient + self.precision * away


def fit_blend(opinions: Sequence[Opinions], shares: Sequence[Floats], default: Blend) -> Blend:
    """The blend that best explains shares of races its members did not see, shrunk to ``default``.

    The default weighs as much as three races; without any race it is the answer.
    """
    if not opinions:
        return default
    objective = _Objective(opinions, shares, default)
    found = minimize(objective, objective.start, jac=True, method="BFGS", options={"gtol": 1e-4})
    return objective.blend(np.asarray(found.x, dtype=np.float64))
