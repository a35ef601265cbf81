"""One integer per lineup, so that equal lineups are found by sorting."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from services.common.universe import Universe

BITS_PER_DRIVER = 6
"""Up to 64 columns and ten drivers fit 60 bits."""


def lineup_keys(lineups: npt.NDArray[np.int8]) -> npt.NDArray[np.int64]:
    """Return a key per row of ``lineups[row, slot]`` (columns ascending); keys sort like the rows do."""
    keys = np.zeros(len(lineups), dtype=np.int64)
    for slot in range(lineups.shape[1]):
        keys = (keys << BITS_PER_DRIVER) | lineups[:, slot].astype(np.int64)
    return keys


def rows_of(universe: Universe, lineups: npt.NDArray[np.int8]) -> npt.NDArray[np.int64]:
    """Row of each lineup in the universe, -1 where it is not legal; shape (n_lineups,)."""
    return np.array([universe.find(lineup) for lineup in lineups.tolist()], dtype=np.int64)
