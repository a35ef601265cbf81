"""Fitting the order of finishers: Plackett-Luce in its attrition form, with weights and a ridge.

Reading a result from the last place upwards, each car to drop out next is drawn from those left with worth
``exp(-u)``, ``u = x b``. Cars that did not finish carry no information about the order of those that did
(independence of irrelevant alternatives) and are left out; their hazards are fitted apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from services.common.domain.race import TrackType
from services.scenario.calibration.form import KnownRace
from services.scenario.core.scores import rank_scores

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class OrderSettings:
    """Half lives in races of the weight of the past, and the strength of the pull to the pooled coefficients."""

    half_life_races: float = 60.0
    type_half_life_races: float = 20.0
    pooled_ridge: float = 1.0
    type_ridge: float = 5.0


@dataclass(frozen=True)
class OrderFit:
    """Coefficients: ``weights`` of the form signals, shape (4,), and ``start_effect`` of the grid score."""

    weights: Floats
    start_effect: float

    def strength(self, signals: Floats) -> Floats:
        """Score of each car before grid and luck; shape (n_cars,)."""
        return signals @ self.weights


def design(known: KnownRace) -> Floats:
    """Signals and, last, the grid score of each car; shape (n_cars, 5)."""
    return np.column_stack([known.signals, rank_scores(-known.race.start.astype(np.float64))])


def attrition_loss(coefficients: Floats, ordered: Sequence[Floats], weights: Sequence[float]) -> tuple[float, Floats]:
    """Negative log-likelihood of orders and its gradient.

    Parameters
    ----------
    ordered
        Covariates per race, cars in order of finish, the winner first; each of shape (n, p).
    weights
        Weight per race.
    """
    loss, gradient = 0.0, np.zeros_like(coefficients)
    for rows, weight in zip(ordered, weights, strict=True):
        minus = -(rows @ coefficients)
        worth = np.exp(minus - minus.max())
        left = np.cumsum(worth)
        loss -= weight * float((minus - minus.max() - np.log(left)).sum())
        mean = np.cumsum(worth[:, None] * rows, axis=0) / left[:, None]
        gradient += weight * (rows - mean).sum(axis=0)
    return loss, gradient


def fit_orders(past: Sequence[KnownRace], settings: OrderSettings | None = None) -> dict[TrackType, OrderFit]:
    """Coefficients per track type, pulled towards those of all races together; the newest race is the last."""
    settings = settings or OrderSettings()
    size = design(past[-1]).shape[1]
    pooled = _fit(past, settings.half_life_races, settings.pooled_ridge, np.zeros(size))
    fits: dict[TrackType, OrderFit] = {}
    for kind in TrackType:
        own = [known for known in past if known.race.track_type is kind]
        values = _fit(own, settings.type_half_life_races, settings.type_ridge, pooled) if own else pooled
        fits[kind] = OrderFit(values[:-1], float(values[-1]))
    return fits


def _fit(past: Sequence[KnownRace], half_life: float, ridge: float, centre: Floats) -> Floats:
    ordered = [_finishers(known) for known in past]
    weights = [0.5 ** (age / half_life) for age in range(len(past), 0, -1)]

    def objective(coefficients: Floats) -> tuple[float, Floats]:
        loss, gradient = attrition_loss(coefficients, ordered, weights)
        away = coefficients - centre
        return loss + ridge * float(away @ away), gradient + 2.0 * ridge * away

    return np.asarray(minimize(objective, centre, jac=True, method="L-BFGS-B").x)


def _finishers(known: KnownRace) -> Floats:
    order = np.argsort(known.race.finish)
    return design(known)[order[known.race.out[order] == 0]]
