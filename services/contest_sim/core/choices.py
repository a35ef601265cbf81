"""How opponents choose: a probability of each legal lineup, and the entries that come of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from services.common.blocks import run_blocks
from services.common.domain.work import Checkpoint, no_checkpoint
from services.common.universe import Universe
from services.contest_sim.core.entrants import Entrants, Repeats
from services.contest_sim.core.lineup_space import LineupSpace
from services.contest_sim.core.opponents import Opponents

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Choices:
    """Users who choose among all lineups.

    One number per lineup is kept, as there are millions of lineups; all else is worked out where it is asked for.

    Attributes
    ----------
    theta
        What each driver adds to the log-weight of a choice; shape (n_drivers,).
    cumulative
        Running sum over lineups of their weights in a single choice; shape (n_lineups,).
    """

    space: LineupSpace
    entrants: Entrants
    theta: Floats
    cumulative: Floats

    @property
    def universe(self) -> Universe:
        """The legal lineups."""
        return self.space.universe

    def chosen_between(self, start: int, stop: int) -> Floats:
        """Probability of each lineup from row ``start`` to ``stop`` in a single choice; shape (stop - start,)."""
        before = self.cumulative[start - 1] if start else 0.0
        return np.diff(self.cumulative[start:stop], prepend=before) / self.cumulative[-1]

    def shares_between(self, start: int, stop: int) -> Floats:
        """Expected share of entries on each lineup from row ``start`` to ``stop``; shape (stop - start,)."""
        repeats, total = self._repeats
        return repeats.held(self.chosen_between(start, stop)) / total

    @property
    def entry_shares(self) -> Floats:
        """Expected share of entries on each lineup; shape (n_lineups,)."""
        return self.shares_between(0, self.universe.n_lineups)

    def probabilities(self, rows: npt.NDArray[np.int64]) -> Floats:
        """Expected share of entries on each lineup; 0 for row -1, a lineup that is not legal."""
        repeats, total = self._repeats
        before = np.where(rows > 0, self.cumulative[rows - 1], 0.0)
        shares = repeats.held((self.cumulative[rows] - before) / self.cumulative[-1]) / total
        return np.where(rows >= 0, shares, 0.0)

    def sample(self, n_entries: int, rng: np.random.Generator, *, checkpoint: Checkpoint = no_checkpoint) -> Opponents:
        """Draw ``n_entries`` entries exactly, duplicates compressed."""
        rows = self.entrants.draw(self.cumulative, n_entries, rng, checkpoint=checkpoint)
        different, copies = np.unique(rows, return_counts=True)
        return Opponents(np.ascontiguousarray(self.universe.lineups[different]), copies.astype(np.int64))

    @cached_property
    def _repeats(self) -> tuple[Repeats, float]:
        """What users who never repeat themselves make of choices, and what that adds up to."""
        greatest = max(run_blocks(lambda *block: float(self.chosen_between(*block).max()), self.space.blocks))
        repeats = self.entrants.repeats(greatest)
        total = sum(
            run_blocks(lambda *block: float(repeats.held(self.chosen_between(*block)).sum()), self.space.blocks)
        )
        return repeats, total


def choose(space: LineupSpace, entrants: Entrants, theta: Floats, *, checkpoint: Checkpoint = no_checkpoint) -> Choices:
    """The choices with these ``theta``: one pass over the universe."""
    weights = space.weights(theta, checkpoint=checkpoint)
    return Choices(space, entrants, theta, np.cumsum(weights, out=weights))
