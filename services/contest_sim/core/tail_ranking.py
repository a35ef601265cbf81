"""The lineups with the best upper tails: what entry selection is compared with."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from services.common.blocks import cut, run_blocks
from services.common.domain.work import Checkpoint, no_checkpoint
from services.contest_sim.core.gain_kernels import add_excess
from services.contest_sim.core.gain_tiles import ROWS_PER_BLOCK, GainTiles

Floats = npt.NDArray[np.float64]
Lineups = npt.NDArray[np.int8]

_FIRST = 512


def rank_by_tail(
    tiles: GainTiles,
    pool: Lineups,
    promising: Lineups,
    k: int,
    n_wanted: int,
    *,
    checkpoint: Checkpoint = no_checkpoint,
) -> npt.NDArray[np.int64]:
    """Rows of the ``n_wanted`` lineups of ``pool[row, slot]`` with the greatest means of ``k`` best totals, best first.

    For any threshold ``t``, ``t + sum(max(0, total - t)) / k`` is at least that mean (Rockafellar and Uryasev
    2000), so lineups are valued exactly in the order of this bound until it falls below the last one wanted.
    ``promising`` are lineups from which the threshold is taken.
    """
    first = _totals(tiles, promising[:_FIRST])
    best = int(np.argmax(_top_means(first, k)))
    threshold = int(np.partition(first[best], -k)[-k])
    bounds = threshold + _excess(tiles, pool, threshold, checkpoint) / k
    order = np.argsort(-bounds, kind="stable")
    means = np.empty(0)
    for start, stop in cut(len(order), _FIRST):
        if len(means) >= n_wanted and np.partition(means, -n_wanted)[-n_wanted] >= bounds[order[start]]:
            break
        checkpoint()
        means = np.concatenate([means, _top_means(_totals(tiles, pool[order[start:stop]]), k)])
    rows: npt.NDArray[np.int64] = order[: len(means)][np.argsort(-means, kind="stable")[:n_wanted]]
    return rows


def _totals(tiles: GainTiles, lineups: Lineups) -> npt.NDArray[np.int32]:
    """Scores ``[lineup, scenario]``."""
    drivers = lineups.astype(np.int64)
    parts = [tile.columns[drivers].sum(axis=1)[:, : tile.n_lanes] for tile in tiles.tiles]
    return np.concatenate(parts, axis=1).astype(np.int32)


def _top_means(totals: npt.NDArray[np.int32], k: int) -> Floats:
    """Mean of the ``k`` greatest per row."""
    return np.partition(totals, -k, axis=1)[:, -k:].mean(axis=1, dtype=np.float64)


def _excess(tiles: GainTiles, pool: Lineups, threshold: int, checkpoint: Checkpoint) -> Floats:
    """Sum over scenarios of what each lineup scores above ``threshold``."""
    sums = np.zeros(len(pool), dtype=np.int64)

    def work(start: int, stop: int) -> None:
        for tile in tiles.tiles:
            add_excess(tile.columns, threshold, tile.n_lanes, pool[start:stop], sums[start:stop])

    for _ in run_blocks(work, cut(len(pool), ROWS_PER_BLOCK), checkpoint=checkpoint):
        pass
    return sums.astype(np.float64)
