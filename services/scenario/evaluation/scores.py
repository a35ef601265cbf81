"""Scores of forecasts given as samples, all negatively oriented unless said otherwise.

References: Gneiting and Raftery 2007 (CRPS, energy score), Scheuerer and Hamill 2015 (variogram score),
Czado, Gneiting and Held 2009 (randomised PIT).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from services.common.jit import njit

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def crps(samples: Floats, observed: Floats) -> Floats:
    """Continuous ranked probability score ``E|X - y| - E|X - X'| / 2`` per column.

    Parameters
    ----------
    samples
        Shape (n_samples, n_cars).
    observed
        Shape (n_cars,).
    """
    n = samples.shape[0]
    ordered = np.sort(samples, axis=0)
    places = (2.0 * np.arange(1, n + 1) - n - 1.0)[:, None]
    spread = (places * ordered).sum(axis=0) / n**2
    return np.asarray(np.abs(ordered - observed).mean(axis=0) - spread, dtype=np.float64)


def inside_interval(samples: Floats, observed: Floats, level: float) -> Floats:
    """Chance that the randomised PIT lies in the central interval, so that atoms count right; shape (n_cars,).

    0 or 1 but for observations whose atom holds an end of the interval.
    """
    below, equal = _below_and_equal(samples, observed)
    low, high = 0.5 * (1.0 - level), 0.5 * (1.0 + level)
    overlap = np.minimum(below + equal, high) - np.maximum(below, low)
    inside = ((below >= low) & (below <= high)).astype(np.float64)
    return np.asarray(np.divide(np.maximum(overlap, 0.0), equal, out=inside, where=equal > 0))


def randomised_pit(samples: Floats, observed: Floats, rng: np.random.Generator) -> Floats:
    """``P(X < y) + V P(X = y)`` with V uniform, per column: uniform when the forecast is calibrated."""
    below, equal = _below_and_equal(samples, observed)
    return np.asarray(below + rng.random(observed.size) * equal, dtype=np.float64)


def _below_and_equal(samples: Floats, observed: Floats) -> tuple[Floats, Floats]:
    """Shares of the samples below and at the observation; each of shape (n_cars,)."""
    return (samples < observed - 1e-9).mean(axis=0), (np.abs(samples - observed) <= 1e-9).mean(axis=0)


def energy_score(samples: Floats, observed: Floats) -> float:
    """``E|X - y| - E|X - X'| / 2`` of the whole vector, the pairs being sample i and i + n/2."""
    half = samples.shape[0] // 2
    distance = np.linalg.norm(samples - observed, axis=1).mean()
    return float(distance - 0.5 * np.linalg.norm(samples[:half] - samples[half : 2 * half], axis=1).mean())


def variogram_score(samples: Floats, observed: Floats, order: float = 0.5) -> float:
    """Mean over pairs of ``(|y_i - y_j|**p - E|X_i - X_j|**p)**2``: sensitive to dependence."""
    n = observed.size
    expected = np.zeros((n, n))
    for row in samples:
        expected += np.abs(row[:, None] - row[None, :]) ** order
    gap = np.abs(observed[:, None] - observed[None, :]) ** order - expected / samples.shape[0]
    return float((gap[np.triu_indices(n, 1)] ** 2).mean())


def spearman(expected: Floats, finish: Ints) -> float:
    """Rank correlation of an expected and a real order; ties of the expected one at their mean rank."""
    return float(np.corrcoef(rankdata(expected), finish)[0, 1])


def log_score_over_uniform(finishes: Ints, finish: Ints) -> float:
    """Nats by which the real order is likelier than under the uniform order. More is better.

    The simulator has no likelihood of its own, so its orders are first summarised by the nearest Plackett-Luce
    model in attrition form (the utilities that make the simulated orders likeliest), which is then scored.

    Parameters
    ----------
    finishes
        Simulated places, shape (n_samples, n_cars).
    finish
        Real places, shape (n_cars,).
    """
    orders = np.argsort(finishes, axis=1).astype(np.int64)
    utilities = nearest_attrition(orders)
    real = np.argsort(finish).astype(np.int64)
    uniform = -float(np.log(np.arange(1, finish.size + 1)).sum())
    return attrition_log_likelihood(utilities, real) - uniform


@njit(cache=True, nogil=True)
def attrition_log_likelihood(utilities: Floats, order: Ints) -> float:
    """Log-probability of an order (the winner first) when cars drop out, last place first, with worth exp(-u)."""
    left, total = 0.0, 0.0
    for place in range(order.size):
        worth = np.exp(-utilities[order[place]])
        left += worth
        total += np.log(worth / left)
    return total


@njit(cache=True, nogil=True)
def nearest_attrition(orders: Ints, rounds: int = 60) -> Floats:
    """Utilities of the attrition model that fits sampled orders best, by Hunter's (2004) MM algorithm.

    The worth of dropping out ``w = exp(-u)`` is updated as (times dropped before the end) / (sum of 1 / worth left
    over the stages at which the car was in); half a ghost drop keeps it finite. Shape (n_cars,), mean 0.
    """
    n_samples, n = orders.shape
    worth = np.ones(n)
    drops = np.full(n, 0.5)
    for s in range(n_samples):
        for place in range(1, n):
            drops[orders[s, place]] += 1.0
    for _ in range(rounds):
        stages = np.full(n, 0.5 / worth.mean())
        for s in range(n_samples):
            left = worth[orders[s, 0]]
            after = np.zeros(n)
            for place in range(1, n):
                left += worth[orders[s, place]]
                after[place] = 1.0 / left
            # A car is in at every stage from the last place up to its own: sum of the terms at its place and behind.
            behind = 0.0
            for place in range(n - 1, 0, -1):
                behind += after[place]
                stages[orders[s, place]] += behind
            stages[orders[s, 0]] += behind
        worth = drops / stages
        worth /= np.exp(np.log(worth).mean())
    return -np.log(worth)


@dataclass(frozen=True, eq=False)
class Reliability:
    """Forecast chances against what happened, by bins of the chance."""

    event: str
    forecast: tuple[float, ...]
    observed: tuple[float, ...]
    counts: tuple[int, ...]


def reliability(event: str, chances: Floats, happened: Floats, edges: Floats) -> Reliability:
    """Mean forecast and observed frequency per bin; empty bins are left out."""
    bins = np.clip(np.digitize(chances, edges) - 1, 0, edges.size - 2)
    used = [k for k in range(edges.size - 1) if (bins == k).any()]
    return Reliability(
        event=event,
        forecast=tuple(float(chances[bins == k].mean()) for k in used),
        observed=tuple(float(happened[bins == k].mean()) for k in used),
        counts=tuple(int((bins == k).sum()) for k in used),
    )
