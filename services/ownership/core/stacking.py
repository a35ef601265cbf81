"""How much each member of the ensemble says, and how sharply: weights fitted on races left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import minimize

from services.ownership.core.calibration import Batch
from services.ownership.core.features import CONTEST_FEATURES
from services.ownership.core.slate import Floats
from services.ownership.core.slate_logit import INFORMATION_PER_RACE

DEFAULT_SHARPNESS_PER_FEATURE = (0.0, 0.14, 0.0)
"""Log sharpness per decade of (entries, fee, entries per user). The fee's: salary slopes of 0.31 in four DraftKings MMA
fields at $555 against 0.24 in three at $8 (spring 2026), the nearest public stand-in for NASCAR."""
DEFAULT_LOG_SHARPNESS = 0.15
"""Averages of logits are flatter than a field. Judgement: puts the most owned driver of a Cup slate at 40-55 %."""
_PRIOR_RACES = 3.0
_SD_LOG_WEIGHT = 1.0
_SD_LOG_SHARPNESS = 0.3
_SD_CONTEST = 0.1


@dataclass(frozen=True, eq=False)
class Opinions:
    """What the members say of one slate.

    Attributes
    ----------
    logits
        Calibrated log odds per driver and member; shape (n_drivers, n_members).
    information
        How much each member knows per driver, in [0, 1]; shape (n_drivers, n_members).
    contest
        Features of the contest; shape (3,).
    """

    logits: Floats
    information: Floats
    contest: Floats


@dataclass(frozen=True, eq=False)
class Blend:
    """Weights of the members and sharpness of the field.

    ``logit = exp(log_sharpness + contest @ sharpness_per_feature) * sum_k w_k I_k logit_k / sum_k w_k I_k``

    Attributes
    ----------
    weights
        Non-negative, sum to one; shape (n_members,).
    log_sharpness
        How much steeper the field is than the average of its members' log odds.
    """

    weights: Floats
    log_sharpness: float = 0.0
    sharpness_per_feature: Floats = field(default_factory=lambda: np.array(DEFAULT_SHARPNESS_PER_FEATURE))

    def driver_weights(self, opinions: Opinions) -> Floats:
        """Weight of each member per driver: a member counts as far as it knows the driver; (n_drivers, n_members)."""
        known = self.weights * opinions.information
        total = known.sum(axis=1, keepdims=True)
        return np.divide(known, total, out=np.broadcast_to(self.weights, known.shape).copy(), where=total > 0)

    def knowledge(self, opinions: Opinions) -> Floats:
        """Share of the weight that has its inputs, per driver in [0, 1]."""
        return np.asarray(opinions.information @ self.weights, dtype=np.float64)

    def logits(self, opinions: Opinions) -> Floats:
        """The ensemble's uncalibrated log odds; shape (n_drivers,)."""
        sharpness = np.exp(self.log_sharpness + opinions.contest @ self.sharpness_per_feature)
        return sharpness * (self.driver_weights(opinions) * opinions.logits).sum(axis=1)


class _Objective:
    """Penalised quasi-deviance of a blend on left-out races, and its gradient."""

    def __init__(self, opinions: Sequence[Opinions], shares: Sequence[Floats], default: Blend) -> None:
        self.batch = Batch.of([len(s) for s in shares], [float(s.sum()) for s in shares])
        middle = [o.logits - o.logits.mean(axis=0) for o in opinions]
        self.logits = self.batch.stack(middle)
        self.information = self.batch.stack([o.information for o in opinions])
        self.contests = np.stack([o.contest for o in opinions])
        self.shares = self.batch.stack(shares)
        weights = np.maximum(default.weights, 1e-3)
        self.start = np.concatenate([np.log(weights), [default.log_sharpness], default.sharpness_per_feature])
        n_members = len(weights)
        sd = np.array([_SD_LOG_WEIGHT] * n_members + [_SD_LOG_SHARPNESS] + [_SD_CONTEST] * len(CONTEST_FEATURES))
        # One race says INFORMATION_PER_RACE about a parameter that moves all logits by one standard deviation.
        self.precision = _PRIOR_RACES * INFORMATION_PER_RACE * 0.1 / sd**2
        self.n_members = n_members

    def blend(self, parameters: Floats) -> Blend:
        """The blend of an unconstrained point: softmax weights."""
        raw = np.exp(parameters[: self.n_members] - parameters[: self.n_members].max())
        return Blend(raw / raw.sum(), float(parameters[self.n_members]), parameters[self.n_members + 1 :])

    def __call__(self, parameters: Floats) -> tuple[float, Floats]:
        """Value and gradient. With the constants at their best, d loss / d logit = fitted - shares."""
        blend = self.blend(parameters)
        known = self.information * blend.weights
        total = known.sum(axis=2)
        share = np.where(total[..., None] > 0, known / np.maximum(total, 1e-12)[..., None], blend.weights)
        mean = (share * self.logits).sum(axis=2)
        sharpness = np.exp(blend.log_sharpness + self.contests @ blend.sharpness_per_feature)[:, None]
        eta = sharpness * mean
        fitted = self.batch.shares(eta)
        inside = np.clip(fitted, 1e-12, 1 - 1e-12)
        loss = -(self.shares * np.log(inside) + (1.0 - self.shares) * np.log1p(-inside))[self.batch.mask].sum()
        slope = np.where(self.batch.mask, fitted - self.shares, 0.0)
        # Softmax of theta + log information: d mean / d theta_k = share_k (logit_k - mean).
        by_weight = np.einsum("sd,sdk->k", slope * sharpness, share * (self.logits - mean[..., None]))
        by_slate = (slope * eta).sum(axis=1)
        gradient = np.concatenate([by_weight, [by_slate.sum()], by_slate @ self.contests])
        away = parameters - self.start
        return float(loss + 0.5 * (self.precision * away**2).sum()), gradient + self.precision * away


def fit_blend(opinions: Sequence[Opinions], shares: Sequence[Floats], default: Blend) -> Blend:
    """The blend that best explains shares of races its members did not see, shrunk to ``default``.

    The default weighs as much as three races; without any race it is the answer.
    """
    if not opinions:
        return default
    objective = _Objective(opinions, shares, default)
    found = minimize(objective, objective.start, jac=True, method="L-BFGS-B")
    return objective.blend(np.asarray(found.x, dtype=np.float64))
