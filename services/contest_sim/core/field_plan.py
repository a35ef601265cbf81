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
    concentration
        Of ownership between contests; 0 plays all contests at the projected ownership.
    seed
        Field number i draws the same whatever else is asked.
    """

    fields: Sequence[Field]
    n_opponents: Sequence[int]
    concentration: float
    seed: int
    checkpoint: Checkpoint = no_checkpoint

    def draw(self, index: int) -> list[Drawn]:
        """Field number ``index`` of each contest.

        Ownership is drawn once for all contests of the race: what moves it, such as news before lock,
        moves it in all of them.
        """
        models = self._models(index)
        drawn = []
        for contest, n_opponents in enumerate(self.n_opponents):
            model = models[id(self.fields[contest])]
            rng = np.random.default_rng([self.seed, index, contest])
            drawn.append(Drawn(model.sample(n_opponents, rng, checkpoint=self.checkpoint), model))
        return drawn

    def _models(self, index: int) -> dict[int, Field]:
        """The models under ownership number ``index``, by identity of the projected one."""
        different = {id(field): field for field in self.fields}
        if self.concentration <= 0.0:
            return different
        # All models draw from the same stream, so that they see the same surprise.
        return {
            key: refit_field(
                field,
                draw_shares(field.shares, self.concentration, np.random.default_rng([self.seed, index])),
                checkpoint=self.checkpoint,
            )
            for key, field in different.items()
        }


@dataclass(frozen=True, eq=False)
class KnownPlan:
    """The same opponents in every scenario of each contest, as after lock."""

    opponents: Opponents
    n_contests: int

    def draw(self, index: int) -> list[Drawn]:  # noqa: ARG002 - every field is the one that is known
        """The opponents as they are."""
        return [Drawn(self.opponents)] * self.n_contests
