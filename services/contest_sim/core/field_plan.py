"""Which opponents each simulated contest meets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from services.common.domain.work import Checkpoint, no_checkpoint
from services.contest_sim.core.choices import Choices
from services.contest_sim.core.dealing import Dealing, deal_by_insight, deal_evenly
from services.contest_sim.core.field import Field
from services.contest_sim.core.lineup_keys import rows_of
from services.contest_sim.core.opponents import Opponents
from services.contest_sim.core.ownership_draw import draw_surprise

Floats = npt.NDArray[np.float64]
Ticks = npt.NDArray[np.int16]


@dataclass(frozen=True, eq=False)
class Drawn:
    """Opponents in one contest, with the model they were drawn from; None when they are known."""

    opponents: Opponents
    model: Choices | None = None

    def expected_copies(self, lineups: npt.NDArray[np.int8]) -> Floats:
        """Opponents to be expected with each of ``lineups``; shape (n_lineups,)."""
        if self.model is None:
            return self.opponents.copies_of(lineups).astype(np.float64)
        return self.opponents.n_entries * self.model.probabilities(rows_of(self.model.universe, lineups))


class Plan(Protocol):
    """Draws fields by number, and says which scenario meets which."""

    def draw(self, index: int) -> Sequence[Drawn]:
        """Field number ``index`` of each contest."""

    def deal(self, ticks: Ticks, n_fields: int, first: int = 0) -> Dealing:
        """Deal ``ticks[scenario, driver]`` to the ``n_fields`` fields from number ``first`` on, counted from 0."""


@dataclass(frozen=True, eq=False)
class ModelPlan:
    """Fields drawn from a model per contest.

    Attributes
    ----------
    fields
        The model of each contest; contests may share one.
    n_opponents
        Opponents in each contest.
    concentrations
        Of each contest's ownership between fields; 0 plays it at the projected ownership.
    seed
        Field number i draws the same whatever else is asked.
    insight
        How well surprises of ownership go with those of the race: see ``dealing``.
    """

    fields: Sequence[Field]
    n_opponents: Sequence[int]
    concentrations: Sequence[float]
    seed: int
    insight: float = 0.0
    checkpoint: Checkpoint = no_checkpoint
    _surprises: dict[tuple[int, float, int], Floats] = dataclass_field(default_factory=dict, init=False, repr=False)

    def draw(self, index: int) -> list[Drawn]:
        """Field number ``index`` of each contest.

        The same surprise meets all contests of the race: what moves ownership, such as news before lock, moves
        it in each of them, by as much as its concentration lets it.
        """
        models: dict[tuple[int, float], Choices] = {}
        drawn = []
        for contest, (field, concentration) in enumerate(zip(self.fields, self.concentrations, strict=True)):
            key = id(field), concentration
            if key not in models:
                models[key] = self._surprised(field, concentration, index)
            rng = np.random.default_rng([self.seed, index, contest])
            opponents = models[key].sample(self.n_opponents[contest], rng, checkpoint=self.checkpoint)
            drawn.append(Drawn(opponents, models[key]))
        return drawn

    def deal(self, ticks: Ticks, n_fields: int, first: int = 0) -> Dealing:
        """Deal by insight into the surprises of the first contest that has any; the others share them.

        Columns beyond the field's, of drivers that do not start, play no part.
        """
        moving = [pair for pair in zip(self.fields, self.concentrations, strict=True) if pair[1] > 0.0]
        if self.insight == 0.0 or not moving:
            return deal_evenly(len(ticks), n_fields)
        field, concentration = moving[0]
        surprises = [self._surprise(field, concentration, first + index) for index in range(n_fields)]
        rng = np.random.default_rng([self.seed, first, n_fields])
        return deal_by_insight(
            ticks[:, : field.universe.n_drivers],
            field.possible(np.array(surprises)),
            self.insight,
            rng,
            checkpoint=self.checkpoint,
        )

    def _surprise(self, field: Field, concentration: float, index: int) -> Floats:
        """What surprise number ``index`` makes of a field's ownership, in log-odds; shape (n_drivers,)."""
        key = id(field), concentration, index
        if key not in self._surprises:
            levels = np.random.default_rng([self.seed, index]).random(field.universe.n_drivers)
            self._surprises[key] = draw_surprise(field.shares, concentration, levels)
        return self._surprises[key]

    def _surprised(self, field: Field, concentration: float, index: int) -> Choices:
        if concentration <= 0.0:
            return field
        return field.surprised(self._surprise(field, concentration, index), checkpoint=self.checkpoint)


@dataclass(frozen=True, eq=False)
class KnownPlan:
    """The same opponents in every scenario of each contest, as after lock."""

    opponents: Opponents
    n_contests: int

    def draw(self, index: int) -> list[Drawn]:  # noqa: ARG002 - every field is the one that is known
        """The opponents as they are."""
        return [Drawn(self.opponents)] * self.n_contests

    def deal(self, ticks: Ticks, n_fields: int, first: int = 0) -> Dealing:  # noqa: ARG002 - all fields are the same
        """Deal in turn."""
        return deal_evenly(len(ticks), n_fields)
