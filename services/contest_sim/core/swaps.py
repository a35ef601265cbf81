"""Exchanging single entries of a choice for better ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from services.common.domain.work import Checkpoint, no_checkpoint
from services.contest_sim.core.gain_tiles import GainTiles
from services.contest_sim.core.selection_rules import Chosen, SelectionRules

Lineups = npt.NDArray[np.int8]

MIN_GAIN_CENTS = 1e-3
"""Smaller gains are rounding."""


def improve_by_swaps(
    tiles: GainTiles,
    alternatives: Lineups,
    chosen: Chosen,
    rules: SelectionRules,
    *,
    checkpoint: Checkpoint = no_checkpoint,
    after_each: Callable[[], None] = no_checkpoint,
) -> int:
    """Go once through the entries and exchange each for the best of ``alternatives``; how many were exchanged.

    Entries leave from the front and join at the end, so one turn passes each of them.
    """
    n_swapped = 0
    for _ in range(rules.n_entries):
        tiles.remove(0)
        leaving = chosen.remove(0)
        options = np.concatenate([leaving[None], alternatives[chosen.allows(alternatives)]])
        gains = tiles.objective_gains(options, rules.risk_aversion, checkpoint)
        best = int(gains.argmax())
        if gains[best] <= gains[0] + MIN_GAIN_CENTS:
            best = 0
        n_swapped += best > 0
        tiles.add(options[best])
        chosen.add(options[best])
        after_each()
    return n_swapped
