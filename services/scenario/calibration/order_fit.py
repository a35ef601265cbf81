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
from services.scenario.calibration.history import HistoricRace
from services.scenario.core.scores import rank_scores

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class OrderSettings:
    """Half life, in races of the series, of the weight of the past, and the strength of the pull to pooled values."""

    half_life_races: float = 40.0
    pooled_ridge: float = 1.0
    type_ridge: float = 4.0


@dataclass(frozen=True)
class OrderFit:
    """Coefficients of the order of finishers.

    Attributes
    ----------
    weights
        Of the form signals; shape (4,).
    start_effect, start_effect_unqualified
        Of the grid score, where the grid comes from qualifying and where it was drawn or set by a formula.
    """

    weights: Floats
    start_effect: float
    start_effect_unqualified: float

    def strength(self, signals: Floats) -> Floats:
        """Score of each car before grid and luck; shape (n_cars,)."""
        return np.asarray(signals @ self.weights)

    def grid_effect(self, race: HistoricRace) -> float:
        """Coefficient of the grid score in a race."""
        return self.start_effect if race.qualified else self.start_effect_unqualified


def design(known: KnownRace) -> Floats:
    """Signals and the grid score, in one column if there was qualifying and else in another; shape (n_cars, 6)."""
    grid = rank_scores(-known.race.start.astype(np.float64))
    qualified = float(known.race.qualified)
    return np.column_stack([known.signals, qualified * grid, (1.0 - qualified) * grid])


def favourite_ranks(known: KnownRace, fit: OrderFit) -> Ints:
    """Rank of each car by its expected score, 1 the favourite; shape (n_cars,)."""
    grid = rank_scores(-known.race.start.astype(np.float64))
    expected = fit.strength(known.signals) + fit.grid_effect(known.race) * grid
    return np.argsort(np.argsort(-expected, kind="stable"), kind="stable").astype(np.int64) + 1


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
    weights = np.asarray(0.5 ** (np.arange(len(past), 0, -1) / settings.half_life_races))
    pooled = _fit(past, weights, settings.pooled_ridge, np.zeros(design(past[-1]).shape[1]))
    fits: dict[TrackType, OrderFit] = {}
    for kind in TrackType:
        own = [index for index, known in enumerate(past) if known.race.track_type is kind]
        values = _fit([past[index] for index in own], weights[own], settings.type_ridge, pooled) if own else pooled
        fits[kind] = OrderFit(values[:-2], float(values[-2]), float(values[-1]))
    return fits


def _fit(past: Sequence[KnownRace], weights: Floats, ridge: float, centre: Floats) -> Floats:
    finishers = [_finishers(known) for known in past]
    # Results that name no car as running (one race of 2012 does) say nothing of the order of those that did.
    told = [index for index, rows in enumerate(finishers) if len(rows)]
    ordered, shares = [finishers[index] for index in told], weights[told].tolist()

    def objective(coefficients: Floats) -> tuple[float, Floats]:
        loss, gradient = attrition_loss(coefficients, ordered, shares)
        away = coefficients - centre
        return loss + ridge * float(away @ away), gradient + 2.0 * ridge * away

    return np.asarray(minimize(objective, centre, jac=True, method="L-BFGS-B").x)


def _finishers(known: KnownRace) -> Floats:
    order = np.argsort(known.race.finish)
    return design(known)[order[known.race.out[order] == 0]]
