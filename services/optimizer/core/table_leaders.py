"""The best rows of a lineup table, with proof that none is missing."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from services.common.blocks import cut, run_blocks
from services.common.domain.work import Checkpoint
from services.optimizer.core.leaders import Leaders, leaders_of
from services.optimizer.core.query import Query
from services.optimizer.core.table_rows import LOWEST, TableRows, greatest
from services.optimizer.core.tighten_kernels import STAGE_EXACT
from services.optimizer.core.time_limit import ShouldStop, ending

Int64 = npt.NDArray[np.int64]

_ROW_BLOCK = 262_144
_LARGEST_BATCH = 16_384


def find_leaders(
    rows: TableRows, query: Query, floor: int, n: int, checkpoint: Checkpoint, should_stop: ShouldStop
) -> Leaders:
    """Return all allowed rows of at least a value, or the ``n`` best of them; no momentary rules.

    As in a search, bounds are lowered from the greatest down: all rows whose bound reaches the value are worked out, so
    that none can be missing. When the time is over, what is left open is below what is returned.
    """
    table = rows.table
    look = ending(checkpoint, should_stop)
    rows.allowed.follow(query)
    found, values = _pick(rows, query, floor, checkpoint)
    while True:
        exact = table.stage[found] == STAGE_EXACT
        floor = max(floor, _nth_greatest(values[exact], n))
        left = values[~exact & (values >= floor)]
        if not len(left) or should_stop():
            break
        kept = values >= floor
        found, values = found[kept], values[kept]
        unknown = np.flatnonzero(table.stage[found] != STAGE_EXACT)
        batch = unknown[greatest(values[unknown], _LARGEST_BATCH)]
        rows.tighten(found[batch], table.thresholds, look)
        values[batch] = rows.values(found[batch], query)
    if len(left):
        floor = max(floor, int(left.max()) + 1)
    return leaders_of(table.columns_of(found[exact]), values[exact], floor, n)


def _nth_greatest(values: Int64, n: int) -> int:
    """The n-th greatest value; very low where there are fewer."""
    return int(np.partition(values, len(values) - n)[len(values) - n]) if len(values) >= n else LOWEST


def _pick(rows: TableRows, query: Query, floor: int, checkpoint: Checkpoint) -> tuple[Int64, Int64]:
    """Allowed rows whose bounds reach a value, ascending, and the bounds."""

    def task(start: int, stop: int) -> tuple[Int64, Int64]:
        allowed = start + np.flatnonzero(rows.allowed.mask[start:stop])
        values = rows.values(allowed, query)
        kept = values >= floor
        return allowed[kept], values[kept]

    parts = list(run_blocks(task, cut(rows.table.n_lineups, _ROW_BLOCK), checkpoint=checkpoint))
    found, values = (np.concatenate(part) for part in zip(*parts, strict=True))
    return found, values
