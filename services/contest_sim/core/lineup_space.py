"""The legal lineups with a base weight each: where field models live."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.common.blocks import Block, cut, run_blocks
from services.common.domain.work import Checkpoint, no_checkpoint
from services.common.universe import Universe
from services.contest_sim.core import field_kernels as kernels

Floats = npt.NDArray[np.float64]
ROWS_PER_BLOCK = 250_000


@dataclass(frozen=True, eq=False)
class LineupSpace:
    """All legal lineups and ``base[row] >= 0``, what an entrant thinks of each apart from its drivers."""

    universe: Universe
    base: Floats

    @property
    def blocks(self) -> list[Block]:
        """Row blocks of a size that keeps both cores busy and answers to a checkpoint."""
        return cut(self.universe.n_lineups, ROWS_PER_BLOCK)

    def moments(self, theta: Floats, *, checkpoint: Checkpoint = no_checkpoint) -> tuple[float, Floats, Floats]:
        """Log of the total weight, P(driver) and P(pair) under ``p(L) ~ base(L) exp(sum theta)``.

        Shapes: (n_drivers,) and (n_drivers, n_drivers), the latter symmetric with P(driver) on its diagonal.
        """
        roster = self.universe.roster_size
        shift = float(theta.mean())
        factors = np.exp(theta - shift)
        lineups, base = self.universe.lineups, self.base

        def work(start: int, stop: int) -> Floats:
            return kernels.moments(lineups[start:stop], base[start:stop], factors)

        sums = np.zeros((len(theta), len(theta)))
        for part in run_blocks(work, self.blocks, checkpoint=checkpoint):
            sums += part
        counts = np.diag(sums).copy()
        total = float(counts.sum()) / roster
        pairs = (sums + sums.T - np.diag(counts)) / total
        return float(np.log(total)) + roster * shift, counts / total, pairs

    def weights(self, theta: Floats, *, checkpoint: Checkpoint = no_checkpoint) -> Floats:
        """``base(L) exp(sum theta)`` up to a constant, per row; shape (n_lineups,)."""
        factors = np.exp(theta - theta.mean())
        out = np.empty(self.universe.n_lineups)

        def work(start: int, stop: int) -> None:
            kernels.lineup_weights(self.universe.lineups[start:stop], self.base[start:stop], factors, out[start:stop])

        for _ in run_blocks(work, self.blocks, checkpoint=checkpoint):
            pass
        return out

    def ownership(
        self, shares_between: Callable[[int, int], Floats], *, checkpoint: Checkpoint = no_checkpoint
    ) -> Floats:
        """Ownership of each driver; shape (n_drivers,).

        ``shares_between(start, stop)`` gives the shares of entries on the lineups of these rows.
        """
        flat = np.ones(self.universe.n_drivers)

        def work(start: int, stop: int) -> Floats:
            shares = shares_between(start, stop)
            return np.diag(kernels.moments(self.universe.lineups[start:stop], shares, flat)).copy()

        return np.sum(list(run_blocks(work, self.blocks, checkpoint=checkpoint)), axis=0)

    def best(self, values: Floats, *, checkpoint: Checkpoint = no_checkpoint) -> int:
        """Row of the lineup with positive base weight whose ``values`` add up to most."""

        def work(start: int, stop: int) -> tuple[float, int]:
            value, row = kernels.best_row(self.universe.lineups[start:stop], self.base[start:stop], values)
            return value, start + row

        return max(run_blocks(work, self.blocks, checkpoint=checkpoint), key=lambda found: found[0])[1]
