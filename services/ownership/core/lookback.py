"""What a driver's earlier races say, weighted by how like the present one they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from services.common.jit import njit
from services.ownership.core.features import salary_z
from services.ownership.core.slate import Floats, PlayedSlate, Slate

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Likeness:
    """How much an earlier race counts.

    Attributes
    ----------
    half_life_races
        Races after which a race counts half.
    other_track_weight
        Weight of a race on another type of track.
    price_band_sd
        Difference in standardised salary at which a race counts ``1/e``.
    first_race_back, last_race_back
        Races that count at all, counted backwards: 1 is the last one.
    """

    half_life_races: float = float("inf")
    other_track_weight: float = 1.0
    price_band_sd: float = float("inf")
    first_race_back: float = 1.0
    last_race_back: float = float("inf")

    def as_tuple(self) -> tuple[float, float, float, float, float]:
        """As the kernel takes it."""
        bounds = float(self.first_race_back), float(self.last_race_back)
        return self.half_life_races, self.other_track_weight, self.price_band_sd, *bounds


@dataclass(frozen=True, eq=False)
class Memory:
    """Values of drivers in past races; parallel arrays of shape (n_rows,), sorted by driver, then by race.

    Attributes
    ----------
    driver, race, track
        Index of the driver, order of the race in time (races of the same day share one), type of the track.
    salary
        Standardised salary in that race.
    value
        What is remembered.
    """

    driver: Integers
    race: Integers
    track: Integers
    salary: Floats
    value: Floats


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _look_back(
    target: tuple[Integers, Integers, Integers, Floats],
    memory: tuple[Integers, Integers, Integers, Floats, Floats],
    first: Integers,
    likeness: tuple[float, float, float, float, float],
) -> tuple[Floats, Floats]:
    """Weighted sum and weight of earlier rows of the same driver, per target row."""
    driver, race, track, salary = target
    _, m_race, m_track, m_salary, m_value = memory
    half_life, other_track, band, first_back, last_back = likeness
    sums, weights = np.zeros(len(driver)), np.zeros(len(driver))
    for row in range(len(driver)):
        if driver[row] < 0:
            continue
        for past in range(first[driver[row]], first[driver[row] + 1]):
            if m_race[past] >= race[row]:
                break
            back = race[row] - m_race[past]
            if back < first_back or back > last_back:
                continue
            weight = 0.5 ** (back / half_life)
            weight *= np.exp(-abs(salary[row] - m_salary[past]) / band)
            if m_track[past] != track[row]:
                weight *= other_track
            sums[row] += weight * m_value[past]
            weights[row] += weight
    return sums, weights


class DriverHistory:
    """Past values per driver, looked up by likeness.

    Only races of earlier days are ever looked at. A race that is remembered itself stands at its remembered day: it
    never sees itself or what came after it, whatever day it is said to be now.
    """

    def __init__(self, played: Sequence[PlayedSlate], values: Sequence[Floats]) -> None:
        self.day_of_race = {p.slate.race_id: p.slate.day for p in played}
        self.days = np.unique(list(self.day_of_race.values()))
        self.tracks = sorted({p.slate.track_type for p in played})
        self.keys = sorted({key for p in played for key in p.slate.driver_keys})
        self._driver_of = {key: index for index, key in enumerate(self.keys)}
        rows = [self._target(p.slate) for p in played]
        remembered = np.concatenate(values) if values else np.empty(0)
        columns = [np.concatenate(parts) for parts in zip(*rows, strict=True)] if rows else [np.empty(0)] * 4
        known = np.isfinite(remembered)
        order = np.lexsort((columns[1][known], columns[0][known]))
        driver, race, track = (column[known][order].astype(np.int64) for column in columns[:3])
        self.memory = Memory(driver, race, track, columns[3][known][order], remembered[known][order])
        self._first = np.searchsorted(driver, np.arange(len(self.keys) + 1))

    def _target(self, slate: Slate) -> tuple[Integers, Integers, Integers, Floats]:
        n_drivers = slate.n_drivers
        driver = np.array([self._driver_of.get(key, -1) for key in slate.driver_keys], dtype=np.int64)
        day = min(slate.day, self.day_of_race.get(slate.race_id, slate.day))
        race = np.full(n_drivers, np.searchsorted(self.days, day), dtype=np.int64)
        track_code = self.tracks.index(slate.track_type) if slate.track_type in self.tracks else -1
        return driver, race, np.full(n_drivers, track_code, dtype=np.int64), salary_z(slate)

    def look_back(self, slate: Slate, likenesses: Sequence[Likeness]) -> list[tuple[Floats, Floats]]:
        """Weighted sum of a driver's earlier values and its weight, two arrays (n_drivers,) per likeness."""
        target, memory = self._target(slate), self.memory
        rows = (memory.driver, memory.race, memory.track, memory.salary, memory.value)
        return [_look_back(target, rows, self._first, likeness.as_tuple()) for likeness in likenesses]

    def state(self) -> dict[str, Any]:
        """As plain values; `from_state` takes them back."""
        memory = self.memory
        return {
            "day_of_race": self.day_of_race,
            "tracks": list(self.tracks),
            "keys": list(self.keys),
            "driver": memory.driver.tolist(),
            "race": memory.race.tolist(),
            "track": memory.track.tolist(),
            "salary": memory.salary.tolist(),
            "value": memory.value.tolist(),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> DriverHistory:
        """The history whose `state` this is."""
        history = cls([], [])
        history.day_of_race = {str(race): float(day) for race, day in state["day_of_race"].items()}
        history.days = np.unique(list(history.day_of_race.values()))
        history.tracks = [str(track) for track in state["tracks"]]
        history.keys = [str(key) for key in state["keys"]]
        history._driver_of = {key: index for index, key in enumerate(history.keys)}
        whole = [np.array(state[name], dtype=np.int64) for name in ("driver", "race", "track")]
        real = [np.array(state[name], dtype=np.float64) for name in ("salary", "value")]
        history.memory = Memory(whole[0], whole[1], whole[2], real[0], real[1])
        history._first = np.searchsorted(whole[0], np.arange(len(history.keys) + 1))
        return history
