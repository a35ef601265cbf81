"""The opponents of one contest, each different lineup held once with its copies."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from services.contest_sim.core.lineup_keys import lineup_keys


@dataclass(frozen=True, eq=False)
class Opponents:
    """Entries of others: ``lineups[row, slot]`` int8, all different and in ascending order, ``copies[row]`` int64.

    Compression loses nothing: a contest depends on how many entries hold each lineup, not on whose they are.
    """

    lineups: npt.NDArray[np.int8]
    copies: npt.NDArray[np.int64]

    @classmethod
    def compress(cls, lineups: npt.NDArray[np.int8], copies: npt.NDArray[np.int64] | None = None) -> Opponents:
        """Join equal rows of ``lineups`` (columns ascending), adding up their ``copies`` (default: one each)."""
        counts = np.ones(len(lineups), dtype=np.int64) if copies is None else copies
        _, first, group = np.unique(lineup_keys(lineups), return_index=True, return_inverse=True)
        joined = np.bincount(group, weights=counts, minlength=len(first)).astype(np.int64)
        return cls(np.ascontiguousarray(lineups[first]), joined)

    @property
    def n_entries(self) -> int:
        """Entries in all."""
        return int(self.copies.sum())

    @cached_property
    def keys(self) -> npt.NDArray[np.int64]:
        """Ascending keys of the lineups."""
        return lineup_keys(self.lineups)

    def copies_of(self, lineups: npt.NDArray[np.int8]) -> npt.NDArray[np.int64]:
        """Entries that hold each of ``lineups``; 0 for those nobody plays."""
        wanted = lineup_keys(lineups)
        if not len(self.keys):
            return np.zeros(len(wanted), dtype=np.int64)
        place = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
        return np.where(self.keys[place] == wanted, self.copies[place], 0)
