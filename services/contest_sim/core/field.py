"""The field of opponents as a probability distribution over all legal lineups."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from services.common.domain.work import Checkpoint, no_checkpoint
from services.common.universe import Universe
from services.contest_sim.core.field_parameters import FieldParameters, base_weights
from services.contest_sim.core.lineup_space import LineupSpace
from services.contest_sim.core.max_entropy import EntropyFit, NewtonSettings, fit_entropy, interior_shares
from services.contest_sim.core.nearest_ownership import nearest_ownership
from services.contest_sim.core.opponents import Opponents

Floats = npt.NDArray[np.float64]

MATCHED = 1e-4
"""Ownership counts as met within 0.01 points."""

_INWARD = 1e-3
"""Step from the edge of what is legal towards its inside: there, and only there, is entropy finite."""


@dataclass(frozen=True, eq=False)
class Field:
    """``weights[row]`` of every legal lineup, up to a constant, with the ownership they give.

    Attributes
    ----------
    theta
        What each driver adds to the log-weight; shape (n_drivers,).
    target_shares, shares
        Ownership asked for and achieved, as shares that sum to the roster size; shape (n_drivers,).
    distance
        Euclidean distance in shares from what was asked for to what a legal field can have; 0 when it can be met.
    """

    space: LineupSpace
    theta: Floats
    weights: Floats
    target_shares: Floats
    shares: Floats
    distance: float = 0.0

    @property
    def universe(self) -> Universe:
        """The legal lineups."""
        return self.space.universe

    @cached_property
    def _cumulative(self) -> Floats:
        return np.cumsum(self.weights)

    @property
    def total_weight(self) -> float:
        """Sum of the weights."""
        return float(self._cumulative[-1])

    def probabilities(self, rows: npt.NDArray[np.int64]) -> Floats:
        """Probability that an entry holds each lineup; 0 for row -1, a lineup that is not legal."""
        return np.where(rows >= 0, self.weights[rows], 0.0) / self.total_weight

    def sample(self, n_entries: int, rng: np.random.Generator) -> Opponents:
        """Draw ``n_entries`` independent entries exactly, by inversion, duplicates compressed.

        Sorted uniforms come from exponential spacings, so that one pass over the universe serves any number.
        """
        spacings = np.cumsum(rng.standard_exponential(n_entries + 1))
        levels = spacings[:-1] * (self.total_weight / spacings[-1])
        rows = np.minimum(np.searchsorted(self._cumulative, levels, side="right"), self._last_possible)
        different, copies = np.unique(rows, return_counts=True)
        return Opponents(np.ascontiguousarray(self.universe.lineups[different]), copies.astype(np.int64))

    @cached_property
    def _last_possible(self) -> int:
        """Last row with any weight: where rounding at the upper end belongs."""
        return int(np.flatnonzero(self.weights)[-1])


def fit_field(
    universe: Universe,
    salary_cap_dollars: int,
    shares: Floats,
    parameters: FieldParameters,
    *,
    log_affinity: Floats | None = None,
    checkpoint: Checkpoint = no_checkpoint,
) -> Field:
    """The maximum-entropy field with ownership ``shares[driver]`` (0 to 1, summing to the roster size).

    Where no legal field has it, the field has the nearest that one can have, and ``distance`` says how far.

    Parameters
    ----------
    log_affinity
        Any further log-weight of each lineup, such as of pairs that a sport's players avoid; shape (n_lineups,).
    """
    target = interior_shares(shares, universe.roster_size)
    base = base_weights(universe, salary_cap_dollars, target, parameters)
    if log_affinity is not None:
        base = base * np.exp(log_affinity - log_affinity.max())
    space = LineupSpace(universe, base)
    fit, distance = fit_entropy(space, target, checkpoint=checkpoint), 0.0
    if fit.max_error > MATCHED:
        fit, distance = _fit_nearest(space, target, checkpoint)
    return _field(space, fit, target, distance, checkpoint)


def refit_field(field: Field, shares: Floats, *, checkpoint: Checkpoint = no_checkpoint) -> Field:
    """The field with other ownership, fitted from where ``field`` stands.

    Ownership that no legal field has is approached, not met: a mild pull towards the given field keeps the
    fit finite and costs a few hundredths of a point.
    """
    target = interior_shares(shares, field.universe.roster_size)
    settings = NewtonSettings(tolerance=1e-4, max_steps=15, ridge=1e-4)
    fit = fit_entropy(field.space, target, start=field.theta, settings=settings, checkpoint=checkpoint)
    return _field(field.space, fit, target, 0.0, checkpoint)


def _fit_nearest(space: LineupSpace, target: Floats, checkpoint: Checkpoint) -> tuple[EntropyFit, float]:
    nearest = nearest_ownership(space, target, checkpoint=checkpoint)
    _, centre, _ = space.moments(np.zeros(len(target)), checkpoint=checkpoint)
    inside = interior_shares(nearest.shares + _INWARD * (centre - nearest.shares), space.universe.roster_size)
    return fit_entropy(space, inside, checkpoint=checkpoint), nearest.distance


def _field(space: LineupSpace, fit: EntropyFit, target: Floats, distance: float, checkpoint: Checkpoint) -> Field:
    weights = space.weights(fit.theta, checkpoint=checkpoint)
    return Field(space, fit.theta, weights, target, fit.shares, distance)
