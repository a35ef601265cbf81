"""Fitting the order of finishers: Plackett-Luce in its attrition form, with weights and a ridge.

Reading a result from the last place upwards, each car to drop out next is drawn from those left with worth
``exp(-u)``, ``u = bent(x b)``: signals and grid add up to a score, which counts for less the higher it is (``bent``).
Cars that did not finish carry no information about the order of those that did (independence of irrelevant
alternatives) and are left out; their hazards are fitted apart.
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
from services.scenario.core.scores import bent, bent_slopes, rank_scores

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

TYPICAL_BEND, MAX_BEND = 0.25, 0.8
"""Where the fit of the bend begins, and how far it may go."""
UNQUALIFIED_WEIGHT = 0.25
"""Weight of a race whose grid was drawn or set by a formula, against one with qualifying, which is what is forecast."""


@dataclass(frozen=True)
class OrderSettings:
    """Half life, in races of the series, of the weight of the past, and the strength of the pull to pooled values.

    Walking forward through 2014-2021 (288 races), the bend gains 0.69 +- 0.08 nats a race over straight scores.

    Attributes
    ----------
    unqualified_weight
        Weight of a race without qualifying. Where the grid tells little of the pace of the day, form has to tell more:
        at full weight such races overrate form, and the grid of a race with qualifying counts for too little.
    """

    half_life_races: float = 40.0
    pooled_ridge: float = 1.0
    type_ridge: float = 4.0
    unqualified_weight: float = UNQUALIFIED_WEIGHT


@dataclass(frozen=True)
class OrderFit:
    """Coefficients of the order of finishers.

    Attributes
    ----------
    weights
        Of the form signals; shape (4,).
    start_effect, start_effect_unqualified
        Of the grid score, where the grid comes from qualifying and where it was drawn or set by a formula.
    bend
        How much less a step of score counts among the good than among the slow: see ``scores.bent``.
    """

    weights: Floats
    start_effect: float
    start_effect_unqualified: float
    bend: float = 0.0

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


def attrition_loss(scores: Floats) -> tuple[float, Floats]:
    """Negative log-likelihood of one order and its gradient; ``scores`` in order of finish, the winner's first."""
    log_worth = -scores
    log_left = np.logaddexp.accumulate(log_worth)
    # Each car's chances to drop out, summed over the draws that it takes part in.
    log_rates = np.logaddexp.accumulate(-log_left[::-1])[::-1]
    return float((log_left - log_worth).sum()), 1.0 - np.exp(log_worth + log_rates)


def order_loss(
    weights: Floats, bend: float, ordered: Sequence[Floats], shares: Sequence[float]
) -> tuple[float, Floats, float]:
    """Weighted negative log-likelihood of orders, its gradient in ``weights`` and its derivative in ``bend``.

    Parameters
    ----------
    ordered
        Covariates per race, cars in order of finish, the winner first; each of shape (n, p).
    shares
        Weight per race.
    """
    loss, gradient, by_bend = 0.0, np.zeros_like(weights), 0.0
    for rows, share in zip(ordered, shares, strict=True):
        scores = rows @ weights
        value, by_score = attrition_loss(bent(scores, bend))
        slope, change = bent_slopes(scores, bend)
        loss += share * value
        gradient += share * (rows.T @ (by_score * slope))
        by_bend += share * float(by_score @ change)
    return loss, gradient, by_bend


def fit_orders(past: Sequence[KnownRace], settings: OrderSettings | None = None) -> dict[TrackType, OrderFit]:
    """Coefficients per track type, pulled towards those of all races together; the newest race is the last.

    The bend is that of all races together: track types do not differ in it by more than their errors.
    """
    settings = settings or OrderSettings()
    weights = np.asarray(0.5 ** (np.arange(len(past), 0, -1) / settings.half_life_races))
    weights *= qualified_weights(past, settings.unqualified_weight)
    nothing = np.zeros(design(past[-1]).shape[1])
    pooled, bend = _fit(past, weights, settings.pooled_ridge, nothing, (0.0, MAX_BEND))
    fits: dict[TrackType, OrderFit] = {}
    for kind in TrackType:
        own = [index for index, known in enumerate(past) if known.race.track_type is kind]
        values = pooled
        if own:
            values, _ = _fit([past[k] for k in own], weights[own], settings.type_ridge, pooled, (bend, bend))
        fits[kind] = OrderFit(values[:-2], float(values[-2]), float(values[-1]), bend)
    return fits


def qualified_weights(known: Sequence[KnownRace], unqualified_weight: float) -> Floats:
    """1 for a race whose grid comes from qualifying, else ``unqualified_weight``; shape (n_races,)."""
    return np.where([item.race.qualified for item in known], 1.0, unqualified_weight)


def _fit(
    past: Sequence[KnownRace], weights: Floats, ridge: float, centre: Floats, bend_range: tuple[float, float]
) -> tuple[Floats, float]:
    """Coefficients, pulled to ``centre``, and the bend, pulled to what is typical; both by the strength ``ridge``."""
    ordered, shares = _told(past, weights)
    origin = np.append(centre, np.clip(TYPICAL_BEND, *bend_range))

    def objective(values: Floats) -> tuple[float, Floats]:
        loss, gradient, by_bend = order_loss(values[:-1], float(values[-1]), ordered, shares)
        away = values - origin
        return loss + ridge * float(away @ away), np.append(gradient, by_bend) + 2.0 * ridge * away

    bounds = [(None, None)] * centre.size + [bend_range]
    found = minimize(objective, origin, jac=True, method="L-BFGS-B", bounds=bounds).x
    return np.asarray(found[:-1]), float(found[-1])


def _told(past: Sequence[KnownRace], weights: Floats) -> tuple[list[Floats], list[float]]:
    """Covariates of finishers in order, and weights, of the races that tell an order.

    Results that name no car as running (one race of 2012 does) say nothing of the order of those that did.
    """
    finishers = [_finishers(known) for known in past]
    told = [index for index, rows in enumerate(finishers) if len(rows)]
    return [finishers[index] for index in told], weights[told].tolist()


def _finishers(known: KnownRace) -> Floats:
    """Covariates less their means over the field, of the finishers in order."""
    rows = design(known)
    order = np.argsort(known.race.finish)
    return np.asarray((rows - rows.mean(axis=0))[order[known.race.out[order] == 0]])
