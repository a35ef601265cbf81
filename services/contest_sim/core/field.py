"""The field of opponents as a probability distribution over all legal lineups."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from services.common.domain.work import Checkpoint, no_checkpoint
from services.common.universe import Universe
from services.contest_sim.core.entrants import ONE_ENTRY_EACH, Entrants
from services.contest_sim.core.field_parameters import FieldParameters, base_weights
from services.contest_sim.core.lineup_space import LineupSpace
from services.contest_sim.core.max_entropy import EntropyFit, NewtonSettings, fit_entropy, interior_shares
from services.contest_sim.core.nearest_ownership import nearest_ownership
from services.contest_sim.core.opponents import Opponents

Floats = npt.NDArray[np.float64]

MATCHED = 1e-4
"""Ownership counts as met within 0.01 points."""

_MAX_CORRECTIONS = 6

_INWARD = 1e-3
"""Step from the edge of what is legal towards its inside: there, and only there, is entropy finite."""


@dataclass(frozen=True, eq=False)
class Field:
    """How opponents choose, and the entries and ownership that come of it.

    Attributes
    ----------
    theta
        What each driver adds to the log-weight of a choice; shape (n_drivers,).
    weights
        Weight of each lineup in a single choice, up to a constant; shape (n_lineups,).
    target_shares, shares
        Ownership asked for and achieved, as shares that sum to the roster size; shape (n_drivers,).
    offset
        Ownership of single choices less that of entries: users do not repeat themselves; shape (n_drivers,).
    distance
        Euclidean distance in shares from what was asked for to what a legal field can have; 0 when it can be met.
    """

    space: LineupSpace
    entrants: Entrants
    theta: Floats
    weights: Floats
    entry_shares: Floats
    target_shares: Floats
    shares: Floats
    offset: Floats
    distance: float = 0.0

    @property
    def universe(self) -> Universe:
        """The legal lineups."""
        return self.space.universe

    @cached_property
    def _cumulative(self) -> Floats:
        return np.cumsum(self.weights)

    def probabilities(self, rows: npt.NDArray[np.int64]) -> Floats:
        """Expected share of entries on each lineup; 0 for row -1, a lineup that is not legal."""
        return np.where(rows >= 0, self.entry_shares[rows], 0.0)

    def sample(self, n_entries: int, rng: np.random.Generator, *, checkpoint: Checkpoint = no_checkpoint) -> Opponents:
        """Draw ``n_entries`` entries exactly, duplicates compressed."""
        rows = self.entrants.draw(self._cumulative, n_entries, rng, checkpoint=checkpoint)
        different, copies = np.unique(rows, return_counts=True)
        return Opponents(np.ascontiguousarray(self.universe.lineups[different]), copies.astype(np.int64))


def fit_field(
    universe: Universe,
    salary_cap_dollars: int,
    shares: Floats,
    parameters: FieldParameters,
    *,
    entrants: Entrants = ONE_ENTRY_EACH,
    log_affinity: Floats | None = None,
    checkpoint: Checkpoint = no_checkpoint,
) -> Field:
    """The maximum-entropy field with ownership ``shares[driver]`` (0 to 1, summing to the roster size).

    Where no legal field has it, the field has the nearest that one can have, and ``distance`` says how far.

    Parameters
    ----------
    entrants
        How many entries users have; by default one each.
    log_affinity
        Any further log-weight of each lineup, such as of pairs that a sport's players avoid; shape (n_lineups,).
    """
    target = interior_shares(shares, universe.roster_size)
    base = base_weights(universe, salary_cap_dollars, target, parameters)
    if log_affinity is not None:
        base = base * np.exp(log_affinity - log_affinity.max())
    space = LineupSpace(universe, base)
    fit, distance = fit_entropy(space, target, checkpoint=checkpoint), 0.0
    goal = target
    if fit.max_error > MATCHED:
        fit, goal, distance = _fit_nearest(space, target, checkpoint)
    field = _field(space, entrants, fit, target, distance, checkpoint)
    return field if distance or entrants.max_entries == 1 else _corrected(field, goal, checkpoint)


def _corrected(field: Field, goal: Floats, checkpoint: Checkpoint) -> Field:
    """The field refitted until its entries, not its single choices, have the ownership ``goal``."""
    for _ in range(_MAX_CORRECTIONS):
        if np.abs(goal - field.shares).max() <= MATCHED / 2:
            break
        wanted = interior_shares(goal + field.offset, field.universe.roster_size)
        fit = fit_entropy(field.space, wanted, start=field.theta, checkpoint=checkpoint)
        field = _field(field.space, field.entrants, fit, field.target_shares, 0.0, checkpoint)
    return field


def refit_field(field: Field, shares: Floats, *, checkpoint: Checkpoint = no_checkpoint) -> Field:
    """The field with other ownership, fitted from where ``field`` stands.

    Ownership that no legal field has is approached, not met: a mild pull towards the given field keeps the
    fit finite and costs a few hundredths of a point.
    """
    target = interior_shares(shares, field.universe.roster_size)
    wanted = interior_shares(target + field.offset, field.universe.roster_size)
    settings = NewtonSettings(tolerance=1e-4, max_steps=15, ridge=1e-4)
    fit = fit_entropy(field.space, wanted, start=field.theta, settings=settings, checkpoint=checkpoint)
    return _field(field.space, field.entrants, fit, target, 0.0, checkpoint)


def _fit_nearest(space: LineupSpace, target: Floats, checkpoint: Checkpoint) -> tuple[EntropyFit, Floats, float]:
    nearest = nearest_ownership(space, target, checkpoint=checkpoint)
    _, centre, _ = space.moments(np.zeros(len(target)), checkpoint=checkpoint)
    inside = interior_shares(nearest.shares + _INWARD * (centre - nearest.shares), space.universe.roster_size)
    return fit_entropy(space, inside, checkpoint=checkpoint), inside, nearest.distance


def _field(
    space: LineupSpace,
    entrants: Entrants,
    fit: EntropyFit,
    target: Floats,
    distance: float,
    checkpoint: Checkpoint,
) -> Field:
    weights = space.weights(fit.theta, checkpoint=checkpoint)
    entry_shares = entrants.entry_shares(weights / weights.sum())
    shares = fit.shares if entrants.max_entries == 1 else space.ownership(entry_shares, checkpoint=checkpoint)
    return Field(space, entrants, fit.theta, weights, entry_shares, target, shares, fit.shares - shares, distance)
