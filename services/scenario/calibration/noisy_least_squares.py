"""Least squares over residuals that are simulated, and so known with noise only."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.linalg import hadamard

Floats = npt.NDArray[np.float64]
Residuals = Callable[[Floats], Floats]

STEP = 0.25
"""How far each value moves to measure slopes."""

_DAMPINGS = (0.3, 3.0, 30.0)
_MAX_MOVE = 1.2
_LEAST_GAIN = 1e-3
_MEASUREMENTS = 2
"""Of the slopes at a place before the search gives it up."""


def least_squares(residuals: Residuals, origin: Floats, max_rounds: int) -> Floats:
    """Values near the least sum of squares: Levenberg-Marquardt with a loss that is linear far out.

    Outliers, such as the skewness of a thin start group, are weighted down by ``1 / sqrt(1 + r**2)``. Where no step
    helps and a round is left, the slopes are measured once more, by a design of its own: noise may have hidden the way.
    """
    rng = np.random.default_rng(0)
    best, now = origin, residuals(origin)
    loss = soft_loss(now)
    measured: list[Floats] = []
    for _ in range(max_rounds):
        measured.append(slopes(residuals, best, rng))
        jacobian = np.mean(measured, axis=0)
        weights = 1.0 / np.sqrt(1.0 + now**2)
        normal = jacobian.T @ (weights[:, None] * jacobian)
        slope = jacobian.T @ (weights * now)
        tried = []
        for damping in _DAMPINGS:
            move = np.linalg.solve(normal + damping * np.eye(origin.size), -slope)
            values = best + np.clip(move, -_MAX_MOVE, _MAX_MOVE)
            tried.append((values, residuals(values)))
        losses = [soft_loss(item[1]) for item in tried]
        if min(losses) >= loss - _LEAST_GAIN * abs(loss):
            if len(measured) == _MEASUREMENTS:
                break
            continue
        measured.clear()
        best, now = tried[int(np.argmin(losses))]
        loss = min(losses)
    return best


def slopes(residuals: Residuals, at: Floats, rng: np.random.Generator) -> Floats:
    """Slopes of the residuals by all values; shape (n_residuals, n_values).

    All values move at once, by the signs of a Hadamard matrix and of its mirror image (a two-level screening design,
    folded over: Plackett and Burman 1946, Box and Wilson 1951). Every run tells of every slope, so the noise of a slope
    is that of one run over the step and the root of the number of runs; curvature and products of two values cancel.
    Moving one value at a time by as much is about ten times as noisy. ``rng`` says which value goes with which column.
    """
    n_runs = 1 << at.size.bit_length()
    columns = 1 + rng.permutation(n_runs - 1)[: at.size]
    signs = hadamard(n_runs)[:, columns]
    up = np.array([residuals(at + STEP * row) for row in signs])
    down = np.array([residuals(at - STEP * row) for row in signs])
    return np.asarray((up - down).T @ signs / (2.0 * STEP * n_runs))


def soft_loss(residuals: Floats) -> float:
    """Half the sum of squares of small residuals; grows with the size of large ones."""
    return float((np.sqrt(1.0 + residuals**2) - 1.0).sum())
