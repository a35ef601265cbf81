"""Entries chosen one after the other, each the one that adds most to those before it.

What an entry adds is never more than what it would win alone: others of one's own only push it down and
share its places. So payouts of single lineups bound all gains, only candidates whose bound reaches the best
gain found are valued, and the ``n`` largest single payouts together bound every choice of ``n`` entries
(prizes never rise from one place to the next). Lazy evaluation: Minoux 1978. Gains of earlier rounds serve
as bounds too; they can be passed where a prize table has cliffs, which the swaps that follow make good.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.common.domain.work import Checkpoint, ReportProgress, no_checkpoint, no_progress
from services.contest_sim.core.completion import complete_choice
from services.contest_sim.core.gain_tiles import GainTiles
from services.contest_sim.core.selection_rules import Chosen, SelectionRules

Floats = npt.NDArray[np.float64]
Lineups = npt.NDArray[np.int8]
Rows = npt.NDArray[np.int64]

BATCH = 256
"""Candidates valued at a time: enough to use the tables while they are in cache."""

PASSED_OVER = 20_000
"""Candidates asked about at a time where the rules leave few."""


@dataclass(frozen=True, eq=False)
class Valuer:
    """Says what rows of a pool would add to the entries chosen so far."""

    tiles: GainTiles
    pool: Lineups
    chosen: Chosen
    checkpoint: Checkpoint

    @property
    def round(self) -> int:
        """Entries chosen so far."""
        return len(self.chosen.lineups)

    def allowed(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Those of ``rows`` that keep the rules."""
        return rows[self.chosen.allows(self.pool[rows])]

    def gains(self, rows: npt.NDArray[np.int64]) -> Floats:
        """Mean cents that each row would add."""
        return self.tiles.values(self.pool[rows], checkpoint=self.checkpoint)


class LazyCandidates:
    """Rows by what they may still add at most; rows enter in the order of their single payouts."""

    def __init__(self, payouts: Floats) -> None:
        self._payouts = payouts
        self._order = np.argsort(-payouts, kind="stable")
        self._next = 0
        self._heap: list[tuple[float, int, int]] = []

    def best(self, valuer: Valuer) -> int | None:
        """The row that adds most now, all others kept with their bounds; None when none keeps the rules."""
        while True:
            batch, winner = self._batch(valuer.round)
            if winner is not None:
                if len(valuer.allowed(np.array([winner]))):
                    return winner
                continue
            if not len(batch):
                return None
            valuer.checkpoint()
            rows = valuer.allowed(batch)
            if not len(rows):
                self._pass_over_refused(valuer)
                continue
            for row, gain in zip(rows.tolist(), valuer.gains(rows).tolist(), strict=True):
                heapq.heappush(self._heap, (-gain, row, valuer.round))

    def _pass_over_refused(self, valuer: Valuer) -> None:
        """Go on to the next waiting row that keeps the rules; what breaks them now is never taken later."""
        while self._next < len(self._order):
            valuer.checkpoint()
            kept = valuer.chosen.allows(valuer.pool[self._order[self._next : self._next + PASSED_OVER]])
            if kept.any():
                self._next += int(kept.argmax())
                return
            self._next += len(kept)

    def in_reach(self) -> npt.NDArray[np.int64]:
        """Rows that were valued, and the next best payouts."""
        rows = [row for _, row, _ in sorted(self._heap)]
        return np.array(rows + self._order[self._next : self._next + BATCH].tolist(), dtype=np.int64)

    def _batch(self, this_round: int) -> tuple[npt.NDArray[np.int64], int | None]:
        """Rows to value next; or the winner, when the greatest bound is a value of this round."""
        rows: list[int] = []
        while len(rows) < BATCH:
            found = self._pop()
            if found is None:
                break
            row, bound, valued = found
            if valued == this_round:
                if not rows:
                    return np.empty(0, dtype=np.int64), row
                heapq.heappush(self._heap, (-bound, row, valued))
                break
            rows.append(row)
        return np.array(rows, dtype=np.int64), None

    def _pop(self) -> tuple[int, float, int] | None:
        """Row with the greatest bound, that bound, and the round in which it was valued (-1: never)."""
        waiting = self._payouts[self._order[self._next]] if self._next < len(self._order) else -np.inf
        if self._heap and -self._heap[0][0] >= waiting:
            bound, row, valued = heapq.heappop(self._heap)
            return row, -bound, valued
        if self._next >= len(self._order):
            return None
        row = int(self._order[self._next])
        self._next += 1
        return row, float(self._payouts[row]), -1


def choose_greedily(
    tiles: GainTiles,
    pool: Lineups,
    payouts: Floats,
    chosen: Chosen,
    rules: SelectionRules,
    *,
    checkpoint: Checkpoint = no_checkpoint,
    progress: ReportProgress = no_progress,
) -> npt.NDArray[np.int64]:
    """Add entries of ``pool[row, slot]`` to ``chosen`` and ``tiles`` until all are chosen, by expected money.

    ``payouts[row]`` is what each would win alone. Where the best one after the other leave no candidate that
    keeps the rules, as few as need be are exchanged. Returns the rows that were in reach, best first.

    Raises
    ------
    Infeasible
        If no choice keeps the rules.
    """
    candidates = LazyCandidates(payouts)
    picked: list[int] = []
    while not chosen.complete:
        row = candidates.best(Valuer(tiles, pool, chosen, checkpoint))
        if row is None:
            _exchange(tiles, pool, picked, complete_choice(pool, payouts, picked, rules, checkpoint=checkpoint), chosen)
        else:
            tiles.add(pool[row])
            chosen.add(pool[row])
            picked.append(row)
        progress("select", len(chosen.lineups), rules.n_entries)
    return candidates.in_reach()


def _exchange(tiles: GainTiles, pool: Lineups, picked: Sequence[int], wanted: Rows, chosen: Chosen) -> None:
    """Replace the entries ``picked`` by those ``wanted``; what is in both stays where it is."""
    for position in reversed(range(len(picked))):
        if picked[position] not in wanted:
            tiles.remove(position)
            chosen.remove(position)
    for row in np.setdiff1d(wanted, picked):
        tiles.add(pool[row])
        chosen.add(pool[row])
