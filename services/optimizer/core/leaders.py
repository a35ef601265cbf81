"""The best lineups of a query, all of them down to some value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Leaders:
    """The best allowed lineups, greatest value first.

    Attributes
    ----------
    lineups
        Columns, ascending; int8, shape (n, roster_size).
    units
        Their values as of the query, int64, shape (n,).
    floor_units
        Every allowed lineup of at least this value is among them: proven, not sampled.
    """

    lineups: npt.NDArray[np.int8]
    units: Int64
    floor_units: int


def leaders_of(lineups: npt.NDArray[np.int8], units: Int64, floor_units: int, n: int) -> Leaders:
    """Return the best ``n`` out of all lineups of at least ``floor_units``, or fewer where values are equal."""
    if len(units) > n:
        # Of lineups that tie for the last place none is taken: all of a value are in or out.
        floor_units = max(floor_units, int(np.partition(units, len(units) - n - 1)[len(units) - n - 1]) + 1)
    kept = units >= floor_units
    lineups, units = lineups[kept], units[kept]
    order = np.lexsort((*lineups.T[::-1], -units))
    return Leaders(lineups[order], units[order], floor_units)
