"""The least presumptuous distribution over legal lineups that has a given ownership.

``p(L) ~ base(L) exp(sum over drivers of theta)``. ``theta`` minimises the convex dual
``log sum base exp(sum theta) - theta . target``, whose gradient is achieved minus target ownership and
whose Hessian is the covariance of who is in a lineup; Newton's method needs few passes over the universe.
(Conditional Bernoulli sampling: Chen, Dempster, Liu, Biometrika 1994, there without a salary cap.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.common.domain.work import Checkpoint, no_checkpoint
from services.contest_sim.core.lineup_space import LineupSpace

Floats = npt.NDArray[np.float64]

MARGIN = 1e-6
"""Ownership of 0 or 100 % needs infinite ``theta``; a ten-thousandth of a point off is near enough."""

MAX_THETA = 100.0
"""Beyond it a driver is in all or no lineups, and ownership that asks for more cannot be met."""


TOLERANCE = 1e-6
"""Greatest difference of achieved and target share to stop at: a ten-thousandth of a point."""

MAX_STEPS = 40

RIDGE = 1e-10
"""Pull of ``theta`` towards its start, which keeps it finite for any target."""


@dataclass(frozen=True, eq=False)
class EntropyFit:
    """``theta[driver]``, the ownership ``shares[driver]`` it achieves, and its greatest distance from the target."""

    theta: Floats
    shares: Floats
    max_error: float
    steps: int


def interior_shares(shares: Floats, roster_size: int) -> Floats:
    """``shares`` kept off 0 and 1 and scaled to sum to ``roster_size``; shape (n_drivers,)."""
    clipped = np.clip(shares, MARGIN, 1.0 - MARGIN)
    excess = clipped.sum() - roster_size
    room = (clipped - MARGIN) if excess > 0 else (1.0 - MARGIN - clipped)
    return clipped - excess * room / room.sum()


def fit_entropy(
    space: LineupSpace,
    target: Floats,
    *,
    start: Floats | None = None,
    checkpoint: Checkpoint = no_checkpoint,
) -> EntropyFit:
    """Fit ``theta`` to ``target`` shares (summing to the roster size) by damped Newton steps.

    The fit may miss a target that no legal field has: look at ``max_error``.
    """
    origin = np.log(target / (1.0 - target)) if start is None else start
    dual = _Dual(space, target, origin, checkpoint)
    point = dual.at(origin)
    steps = 0
    while point.error > TOLERANCE and steps < MAX_STEPS:
        following = _step(dual, point)
        steps += 1
        if following is None:
            break
        point = following
    return EntropyFit(point.theta, point.shares, float(np.abs(point.shares - target).max()), steps)


@dataclass(frozen=True, eq=False)
class _Point:
    """The dual and its derivatives at one ``theta``."""

    theta: Floats
    value: float
    shares: Floats
    gradient: Floats
    hessian: Floats

    @property
    def error(self) -> float:
        return float(np.abs(self.gradient).max())


@dataclass(frozen=True, eq=False)
class _Dual:
    space: LineupSpace
    target: Floats
    origin: Floats
    checkpoint: Checkpoint

    def at(self, theta: Floats) -> _Point:
        log_total, shares, pairs = self.space.moments(theta, checkpoint=self.checkpoint)
        away = theta - self.origin
        return _Point(
            theta,
            log_total - float(theta @ self.target) + 0.5 * RIDGE * float(away @ away),
            shares,
            shares - self.target + RIDGE * away,
            pairs - np.outer(shares, shares) + RIDGE * np.eye(len(theta)),
        )


def _step(dual: _Dual, point: _Point) -> _Point | None:
    """The point after one damped Newton step, or None when the dual falls no further."""
    direction = np.linalg.lstsq(point.hessian, point.gradient, rcond=1e-12)[0]
    direction -= direction.mean()
    slope = float(direction @ point.gradient)
    length = min(1.0, 8.0 / max(float(np.abs(direction).max()), 1e-300))
    for _ in range(12):
        trial = point.theta - length * direction
        if np.abs(trial - trial.mean()).max() <= MAX_THETA:
            following = dual.at(trial)
            if following.value <= point.value - 1e-4 * length * slope or following.error < point.error:
                return following
        length /= 3.0
    return None
