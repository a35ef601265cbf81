"""Which opponents each simulated contest meets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.common.domain.work import Checkpoint, no_checkpoint
from services.contest_sim.core.field import Field, refit_field
from services.contest_sim.core.lineup_keys import rows_of
from services.contest_sim.core.opponents import Opponents
from services.contest_sim.core.ownership_draw import draw_shares

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Drawn:
    """Opponents in one contest, with the model they were drawn from; None when they are known."""

    opponents: Opponents
    model: Field | None = None

    def expected_copies(self, lineups: npt.NDArray[np.int8]) -> Floats:
        """Opponents to be expected with each of ``lineups``; shape (n_lineups,)."""
        if self.model is None:
            return self.opponents.copies_of(lineups).astype(np.float64)
        return self.opponents.n_entries * self.model.probabilities(rows_of(self.model.universe, lineups))


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
    """

    fields: Sequence[Field]
    n_opponents: Sequence[int]
    concentrations: Sequence[float]
    seed: int
    checkpoint: Checkpoint = no_checkpoint

    def draw(self, index: int) -> list[Drawn]:
        """Field number ``index`` of each contest.

        The same surprise meets all contests of the race: what moves ownership, such as news before lock, moves
        it in each of them, by as much as its concentration lets it.
        """
        models = self._models(index)
        drawn = []
        for contest, (field, concentration) in enumerate(zip(self.fields, self.concentrations, strict=True)):
            model = models[id(field), concentration]
            rng = np.random.default_rng([self.seed, index, contest])
            opponents = model.sample(self.n_opponents[contest], rng, checkpoint=self.checkpoint)
            drawn.append(Drawn(opponents, model))
        return drawn

    def _models(self, index: int) -> dict[tuple[int, float], Field]:
        """The models under surprise number ``index``, each once, by identity of the projected one and concentration."""
        surprise = np.random.default_rng([self.seed, index]).random(self.fields[0].universe.n_drivers)
        models: dict[tuple[int, float], Field] = {}
        for field, concentration in zip(self.fields, self.concentrations, strict=True):
            key = id(field), concentration
            if key not in models:
                models[key] = self._moved(field, concentration, surprise)
        return models

    def _moved(self, field: Field, concentration: float, surprise: Floats) -> Field:
        """A model with the ownership that a surprise makes of it."""
        if concentration <= 0.0:
            return field
        shares = draw_shares(field.shares, concentration, surprise)
        return refit_field(field, shares, checkpoint=self.checkpoint)


@dataclass(frozen=True, eq=False)
class KnownPlan:
    """The same opponents in every scenario of each contest, as after lock."""

    opponents: Opponents
    n_contests: int

    def draw(self, index: int) -> list[Drawn]:  # noqa: ARG002 - every field is the one that is known
        """The opponents as they are."""
        return [Drawn(self.opponents)] * self.n_contests
