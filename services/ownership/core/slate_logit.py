"""Logistic regression of shares with a free constant per slate and coefficients shrunk to known ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.ownership.core.calibration import Batch
from services.ownership.core.slate import Floats

INFORMATION_PER_RACE = 5.0
"""Sum of p(1-p) over a slate of 38 drivers at 6 slots: the information one race has about a standardised feature."""
_MAX_STEPS = 50
_TOLERANCE = 1e-9


@dataclass(frozen=True, eq=False)
class Design:
    """Rows of several slates.

    Attributes
    ----------
    features
        Shape (n_slates, n_max, n_features), zeros in the padding.
    shares
        Observed shares; shape (n_slates, n_max), each slate summing to its total.
    weights
        Weight of each slate; shape (n_slates,).
    """

    batch: Batch
    features: Floats
    shares: Floats
    weights: Floats


def _objective(design: Design, coefficients: Floats, prior: Floats, penalty: Floats) -> tuple[float, Floats]:
    """Penalised quasi-deviance and the fitted shares."""
    fitted = design.batch.shares(design.features @ coefficients)
    inside = np.clip(fitted, 1e-12, 1.0 - 1e-12)
    loss = -(design.shares * np.log(inside) + (1.0 - design.shares) * np.log1p(-inside))
    total = float((np.where(design.batch.mask, loss, 0.0).sum(axis=1) * design.weights).sum())
    return total + 0.5 * float((penalty * (coefficients - prior) ** 2).sum()), fitted


def _newton_direction(design: Design, fitted: Floats, pull: Floats, penalty: Floats) -> Floats:
    """Newton's step for the coefficients, the constants of the slates profiled out.

    A constant takes the variance-weighted mean of each feature with it, hence the centred features.
    """
    variance = fitted * (1.0 - fitted) * design.weights[:, None]
    per_slate = np.maximum(variance.sum(axis=1), 1e-300)
    means = np.einsum("sd,sdf->sf", variance, design.features) / per_slate[:, None]
    centred = design.features - means[:, None, :]
    hessian = np.einsum("sd,sdf,sdg->fg", variance, centred, centred) + np.diag(penalty)
    residual = (design.shares - fitted) * design.weights[:, None]
    gradient = np.einsum("sd,sdf->f", residual, design.features) + penalty * pull
    return np.linalg.solve(hessian, gradient)


def fit_slate_logit(design: Design, prior: Floats, *, prior_races: Floats | float) -> Floats:
    """Coefficients b of ``shares = sigmoid(features @ b + c_slate)``; shape (n_features,).

    Maximises the binomial quasi-likelihood less ``sum(prior_races * INFORMATION_PER_RACE * (b - prior)^2) / 2``:
    the prior of a coefficient weighs as much as that many races. Concave, so Newton's method with halving finds
    the one optimum.
    """
    penalty = np.broadcast_to(np.asarray(prior_races) * INFORMATION_PER_RACE, prior.shape)
    coefficients = prior.copy()
    loss, fitted = _objective(design, coefficients, prior, penalty)
    for _ in range(_MAX_STEPS):
        step = _newton_direction(design, fitted, prior - coefficients, penalty)
        for _ in range(_MAX_STEPS):
            trial_loss, trial_fitted = _objective(design, coefficients + step, prior, penalty)
            if trial_loss <= loss:
                break
            step = 0.5 * step
        gain = loss - trial_loss
        if gain < 0:
            break
        coefficients, loss, fitted = coefficients + step, trial_loss, trial_fitted
        if gain <= _TOLERANCE * (1.0 + abs(loss)):
            break
    return coefficients
