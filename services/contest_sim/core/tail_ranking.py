"""The lineups with the best upper tails, one after the other: what entry selection is compared with."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.common.blocks import cut, run_blocks
from services.common.domain.work import Checkpoint, ReportProgress, no_checkpoint, no_progress
from services.contest_sim.core.gain_kernels import add_excess, tail_means
from services.contest_sim.core.gain_tiles import ROWS_PER_BLOCK, GainTiles

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int32]
Lineups = npt.NDArray[np.int8]

_PROMISING, _BATCH, _ROWS_PER_BLOCK = 512, 512, 64


def rank_by_tail(
    tiles: GainTiles,
    pool: Lineups,
    promising: Lineups,
    k: int,
    *,
    checkpoint: Checkpoint = no_checkpoint,
    progress: ReportProgress = no_progress,
) -> Iterator[int]:
    """Rows of ``pool[row, slot]`` from the greatest mean of the ``k`` best totals down, found as they are asked for.

    For any threshold ``t``, ``t + sum(max(0, total - t)) / k`` is at least that mean (Rockafellar and Uryasev
    2000), so lineups are valued exactly in the order of this bound, and one is next when no bound passes its value.
    ``promising`` are lineups from which the threshold is taken: at the ``k``-th best total of a lineup its bound is
    its value.
    """
    columns = np.concatenate([tile.columns[:, : tile.n_lanes] for tile in tiles.tiles], axis=1)
    values = _TailValues(columns, k, checkpoint)
    threshold = values.edge(promising[:_PROMISING])
    bounds = threshold + _excess(tiles, pool, threshold, checkpoint, progress) / k
    order = np.argsort(-bounds, kind="stable")
    valued: list[tuple[float, int]] = []
    for start, stop in cut(len(order), _BATCH):
        while valued and -valued[0][0] >= bounds[order[start]]:
            yield heapq.heappop(valued)[1]
        rows = order[start:stop]
        for row, mean in zip(rows.tolist(), values.means(pool[rows]).tolist(), strict=True):
            heapq.heappush(valued, (-mean, row))
    while valued:
        yield heapq.heappop(valued)[1]


@dataclass(frozen=True, eq=False)
class _TailValues:
    """Exact tails of a few lineups at a time, from scores ``columns[driver, scenario]``."""

    columns: Counts
    k: int
    checkpoint: Checkpoint

    def edge(self, lineups: Lineups) -> int:
        """The ``k``-th best total of the one among ``lineups`` whose ``k`` best have the greatest mean."""
        best = lineups[int(np.argmax(self.means(lineups)))].astype(np.int64)
        return int(np.partition(self.columns[best].sum(axis=0), -self.k)[-self.k])

    def means(self, lineups: Lineups) -> Floats:
        """Mean of the ``k`` best totals of each lineup; shape (n_lineups,)."""

        def work(start: int, stop: int) -> Floats:
            return tail_means(self.columns, lineups[start:stop], self.k)

        return np.concatenate(list(run_blocks(work, cut(len(lineups), _ROWS_PER_BLOCK), checkpoint=self.checkpoint)))


def _excess(
    tiles: GainTiles, pool: Lineups, threshold: int, checkpoint: Checkpoint, progress: ReportProgress
) -> Floats:
    """Sum over scenarios of what each lineup scores above ``threshold``."""
    sums = np.zeros(len(pool), dtype=np.int64)

    def work(start: int, stop: int) -> int:
        for tile in tiles.tiles:
            add_excess(tile.columns, threshold, tile.n_lanes, pool[start:stop], sums[start:stop])
        return stop

    for done in run_blocks(work, cut(len(pool), ROWS_PER_BLOCK), checkpoint=checkpoint):
        progress("tails", done, len(pool))
    return sums.astype(np.float64)
