"""Rules that a set of entries keeps: exposure per driver, and how far apart any two are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Lineups = npt.NDArray[np.int8]


@dataclass(frozen=True)
class SelectionRules:
    """How many entries, and what they must keep.

    Attributes
    ----------
    max_driver_exposure
        Greatest share of entries that may hold any one driver; 1 for no limit.
    min_distinct_drivers
        Drivers in which any two entries differ, at least one: no lineup is entered twice.
    risk_aversion
        Weight of the standard deviation of profit, subtracted from its mean.
    """

    n_entries: int
    max_driver_exposure: float = 1.0
    min_distinct_drivers: int = 1
    risk_aversion: float = 0.0

    @property
    def max_per_driver(self) -> int:
        """Entries that may hold one driver."""
        return int(np.floor(self.max_driver_exposure * self.n_entries + 1e-9))


class Chosen:
    """Entries chosen so far, and who may still join."""

    def __init__(self, rules: SelectionRules, n_drivers: int) -> None:
        self._rules = rules
        self._counts = np.zeros(n_drivers, dtype=np.int64)
        self._held: list[npt.NDArray[np.bool_]] = []
        self.lineups: list[Lineups] = []

    def allows(self, lineups: Lineups) -> npt.NDArray[np.bool_]:
        """Which of ``lineups[row, slot]`` may join; shape (n_rows,)."""
        drivers = lineups.astype(np.int64)
        allowed: npt.NDArray[np.bool_] = np.all(self._counts[drivers] < self._rules.max_per_driver, axis=1)
        for held in self._held:
            allowed &= drivers.shape[1] - held[drivers].sum(axis=1) >= max(1, self._rules.min_distinct_drivers)
        return allowed

    def add(self, lineup: Lineups) -> None:
        """Let a lineup join."""
        drivers = lineup.astype(np.int64)
        held = np.zeros(len(self._counts), dtype=np.bool_)
        held[drivers] = True
        self._counts[drivers] += 1
        self._held.append(held)
        self.lineups.append(lineup)

    def remove(self, position: int) -> Lineups:
        """Take the lineup at a position out."""
        lineup = self.lineups.pop(position)
        self._held.pop(position)
        self._counts[lineup.astype(np.int64)] -= 1
        return lineup

    @property
    def complete(self) -> bool:
        """Whether all entries are chosen."""
        return len(self.lineups) >= self._rules.n_entries
