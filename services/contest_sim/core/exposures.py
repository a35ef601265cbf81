"""On which drivers and regimes the prize money of a portfolio hangs, in one contest or several at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.contest_sim.core.contest import Entries
from services.contest_sim.core.outcome import Outcome

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Exposure:
    """Mean prize cents tied to one driver or regime, and its share of all prize money."""

    mean_prize: float
    share: float


def driver_exposures(outcomes: Sequence[Outcome], entries: Entries, n_drivers: int) -> list[Exposure]:
    """Prize money won by entries that hold each driver; the shares add up to the roster size."""
    money = sum(outcome.money.sum(axis=0) / outcome.n_scenarios for outcome in outcomes) * entries.copies
    by_driver = np.zeros(n_drivers)
    for slot in range(entries.lineups.shape[1]):
        np.add.at(by_driver, entries.lineups[:, slot].astype(np.int64), money)
    return _exposures(by_driver, by_driver, float(money.sum()))


def regime_exposures(outcomes: Sequence[Outcome], regimes: npt.NDArray[np.uint8], n_regimes: int) -> list[Exposure]:
    """Mean prize money within the scenarios of each regime; the shares add up to 1. Empty without regimes."""
    if not n_regimes:
        return []
    money = np.sum([outcome.portfolio for outcome in outcomes], axis=0)
    totals: Floats = np.bincount(regimes, weights=money, minlength=n_regimes).astype(np.float64)
    sizes = np.bincount(regimes, minlength=n_regimes)
    return _exposures(totals / np.maximum(sizes, 1), totals, float(money.sum()))


def _exposures(means: Floats, parts: Floats, whole: float) -> list[Exposure]:
    shares = parts / whole if whole else np.zeros(len(parts))
    return [Exposure(float(mean), float(share)) for mean, share in zip(means, shares, strict=True)]
