"""Rules that a set of entries keeps: exposures, and how far apart any two are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.common.domain.shares import at_most

Lineups = npt.NDArray[np.int8]


@dataclass(frozen=True)
class ExposureLimit:
    """At most ``max_share`` of the entries hold any of the drivers in ``columns``: a team, or one driver."""

    columns: tuple[int, ...]
    max_share: float
    name: str = ""


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
    limits
        Exposures of some drivers, or of any of several, beside the limit of all.
    """

    n_entries: int
    max_driver_exposure: float = 1.0
    min_distinct_drivers: int = 1
    risk_aversion: float = 0.0
    limits: tuple[ExposureLimit, ...] = ()

    @property
    def max_per_driver(self) -> int:
        """Entries that may hold one driver."""
        return at_most(self.max_driver_exposure, self.n_entries)

    def caps(self, n_drivers: int) -> Caps:
        """The limit of every driver, then the others; what they say of columns from ``n_drivers`` on is left out."""
        sets = np.zeros((n_drivers + len(self.limits), n_drivers), dtype=np.bool_)
        sets[:n_drivers] = np.eye(n_drivers, dtype=np.bool_)
        for row, limit in enumerate(self.limits, n_drivers):
            sets[row, [column for column in limit.columns if column < n_drivers]] = True
        most = [self.max_per_driver] * n_drivers + [at_most(limit.max_share, self.n_entries) for limit in self.limits]
        return Caps(sets, np.array(most, dtype=np.int64))


@dataclass(frozen=True, eq=False)
class Caps:
    """At most ``most[row]`` entries hold a driver of the set ``sets[row, driver]``."""

    sets: npt.NDArray[np.bool_]
    most: npt.NDArray[np.int64]

    def held_by(self, lineups: Lineups) -> npt.NDArray[np.bool_]:
        """Whether each of ``lineups[row, slot]`` holds a driver of each set; shape (n_sets, n_rows)."""
        held: npt.NDArray[np.bool_] = np.any(self.sets[:, lineups.astype(np.int64)], axis=2)
        return held

    @property
    def most_by_driver(self) -> npt.NDArray[np.int64]:
        """Entries that may hold each driver, by the tightest limit; shape (n_drivers,)."""
        most: npt.NDArray[np.int64] = np.where(self.sets, self.most[:, None], np.iinfo(np.int64).max).min(axis=0)
        return most


class Chosen:
    """Entries chosen so far, and who may still join."""

    def __init__(self, rules: SelectionRules, n_drivers: int) -> None:
        self._rules = rules
        self._caps = rules.caps(n_drivers)
        self._counts = np.zeros(len(self._caps.most), dtype=np.int64)
        self._held: list[npt.NDArray[np.bool_]] = []
        self.lineups: list[Lineups] = []

    def allows(self, lineups: Lineups) -> npt.NDArray[np.bool_]:
        """Which of ``lineups[row, slot]`` may join; shape (n_rows,)."""
        drivers = lineups.astype(np.int64)
        spent = np.any(self._caps.sets[self._counts >= self._caps.most], axis=0)
        allowed: npt.NDArray[np.bool_] = ~spent[drivers].any(axis=1)
        for held in self._held:
            allowed &= drivers.shape[1] - held[drivers].sum(axis=1) >= max(1, self._rules.min_distinct_drivers)
        return allowed

    def add(self, lineup: Lineups) -> None:
        """Let a lineup join."""
        held = np.zeros(self._caps.sets.shape[1], dtype=np.bool_)
        held[lineup.astype(np.int64)] = True
        self._counts += self._caps.held_by(lineup[None])[:, 0]
        self._held.append(held)
        self.lineups.append(lineup)

    def remove(self, position: int) -> Lineups:
        """Take the lineup at a position out."""
        lineup = self.lineups.pop(position)
        self._held.pop(position)
        self._counts -= self._caps.held_by(lineup[None])[:, 0]
        return lineup

    @property
    def complete(self) -> bool:
        """Whether all entries are chosen."""
        return len(self.lineups) >= self._rules.n_entries
