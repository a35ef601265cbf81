"""The field of opponents as a probability distribution over all legal lineups."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from services.common.domain.work import Checkpoint, no_checkpoint
from services.common.universe import Universe
from services.contest_sim.core.choices import Choices, choose
from services.contest_sim.core.entrants import ONE_ENTRY_EACH, Entrants
from services.contest_sim.core.field_parameters import FieldParameters, Prices, base_weights
from services.contest_sim.core.lineup_space import LineupSpace
from services.contest_sim.core.max_entropy import MARGIN, EntropyFit, fit_entropy, interior_shares
from services.contest_sim.core.nearest_ownership import nearest_ownership

Floats = npt.NDArray[np.float64]

MATCHED = 1e-4
"""Ownership counts as met within 0.01 points."""

_MAX_CORRECTIONS = 6

_INWARD = 1e-3
"""Step from the edge of what is legal towards its inside: there, and only there, is entropy finite."""


_PINNED = 0.05
"""Directions in which ownership answers less than this, relative to the freest, are pinned: by the sum, by the cap.

Each driver is measured by his own standard deviation, or one who is rarely owned would be taken for one who is pinned.
"""


@dataclass(frozen=True, eq=False)
class Field(Choices):
    """Choices that have a given ownership.

    Attributes
    ----------
    target_shares, shares
        Ownership asked for and achieved, as shares that sum to the roster size; shape (n_drivers,).
    offset
        Ownership of single choices less that of entries: users do not repeat themselves; shape (n_drivers,).
    distance
        Euclidean distance in shares from what was asked for to what a legal field can have; 0 when it can be met.
    """

    target_shares: Floats
    shares: Floats
    offset: Floats
    distance: float = 0.0

    def possible(self, surprise: Floats) -> Floats:
        """The part of a ``surprise`` in log-odds of ownership that the cap and the sum leave room for.

        Shape (..., n_drivers), as given. A field that spends its money cannot own more of the dear drivers
        without owning less of other dear ones.
        """
        correlation, inverse, deviation = self._answers
        free: Floats = (surprise * deviation) @ (inverse @ correlation) / deviation
        return free

    def surprised(self, surprise: Floats, *, checkpoint: Checkpoint = no_checkpoint) -> Choices:
        """The choices when ownership differs by ``surprise`` in log-odds, as far as that is possible.

        One pass over the universe: exact to first order, and free of bias to within a tenth of the surprise's
        standard deviation, as log-odds are what ``theta`` adds to. Shape of ``surprise``: (n_drivers,).
        """
        _, inverse, deviation = self._answers
        change = inverse @ (surprise * deviation) / deviation
        return choose(self.space, self.entrants, self.theta + change, checkpoint=checkpoint)

    @cached_property
    def _answers(self) -> tuple[Floats, Floats, Floats]:
        """How ownership answers to ``theta``, both in standard deviations of who is in a choice.

        The correlation of drivers in a choice, its inverse without the pinned directions, and the standard deviation
        of each driver; shapes (n_drivers, n_drivers) twice, and (n_drivers,).
        """
        _, shares, pairs = self.space.moments(self.theta)
        deviation = np.sqrt(np.maximum(self.shares * (1.0 - self.shares), MARGIN))
        correlation = (pairs - np.outer(shares, shares)) / np.outer(deviation, deviation)
        return correlation, np.linalg.pinv(correlation, rcond=_PINNED, hermitian=True), deviation


def fit_field(
    universe: Universe,
    prices: Prices,
    shares: Floats,
    parameters: FieldParameters,
    *,
    entrants: Entrants = ONE_ENTRY_EACH,
    checkpoint: Checkpoint = no_checkpoint,
) -> Field:
    """The field of these ``parameters`` with ownership ``shares[driver]``: see ``fit_to_ownership``."""
    target = interior_shares(shares, universe.roster_size)
    space = LineupSpace(universe, base_weights(universe, prices, target, parameters))
    return fit_to_ownership(space, target, entrants=entrants, checkpoint=checkpoint)


def fit_to_ownership(
    space: LineupSpace,
    shares: Floats,
    *,
    entrants: Entrants = ONE_ENTRY_EACH,
    checkpoint: Checkpoint = no_checkpoint,
) -> Field:
    """The maximum-entropy field over ``space`` with ``shares[driver]`` (0 to 1, summing to the roster size).

    Where no legal field has it, the field has the nearest that one can have, and ``distance`` says how far.

    Parameters
    ----------
    entrants
        How many entries users have; by default one each.
    """
    target = interior_shares(shares, space.universe.roster_size)
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
    choices = choose(space, entrants, fit.theta, checkpoint=checkpoint)
    shares = fit.shares
    if entrants.max_entries > 1:
        shares = space.ownership(choices.shares_between, checkpoint=checkpoint)
    return Field(space, entrants, fit.theta, choices.cumulative, target, shares, fit.shares - shares, distance)
