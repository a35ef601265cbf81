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
    """Mean cents tied to one driver or regime: prizes, their share of all prize money, prizes less fees."""

    mean_prize: float
    share: float
    mean_profit: float


def driver_exposures(
    outcomes: Sequence[Outcome], entries: Entries, n_drivers: int, *, fee_cents: int
) -> list[Exposure]:
    """What entries that hold each driver win, and cost; the shares add up to the roster size.

    ``fee_cents`` is what one entry costs in all contests together.
    """
    money = sum(outcome.money.sum(axis=0) / outcome.n_scenarios for outcome in outcomes) * entries.copies
    prizes, held = np.zeros(n_drivers), np.zeros(n_drivers)
    for slot in range(entries.lineups.shape[1]):
        columns = entries.lineups[:, slot].astype(np.int64)
        np.add.at(prizes, columns, money)
        np.add.at(held, columns, entries.copies)
    return _exposures(prizes, _shares(prizes, float(money.sum())), prizes - held * fee_cents)


def regime_exposures(
    outcomes: Sequence[Outcome], regimes: npt.NDArray[np.uint8], n_regimes: int, *, fees_cents: int
) -> list[Exposure]:
    """What all entries win within the scenarios of each regime, and cost; the shares add up to 1.

    ``fees_cents`` is what all entries cost in all contests. Empty without regimes; 0 for one that never came.
    """
    if not n_regimes:
        return []
    money = np.sum([outcome.portfolio for outcome in outcomes], axis=0)
    totals: Floats = np.bincount(regimes, weights=money, minlength=n_regimes).astype(np.float64)
    sizes = np.bincount(regimes, minlength=n_regimes)
    means = totals / np.maximum(sizes, 1)
    return _exposures(means, _shares(totals, float(money.sum())), np.where(sizes > 0, means - fees_cents, 0.0))


def _shares(parts: Floats, whole: float) -> Floats:
    return parts / whole if whole else np.zeros(len(parts))


def _exposures(prizes: Floats, shares: Floats, profits: Floats) -> list[Exposure]:
    return [Exposure(*map(float, row)) for row in zip(prizes, shares, profits, strict=True)]
