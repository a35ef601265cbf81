"""Race flow of scenarios that carry no label: classified from the variance and dominance of their points."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from services.common.domain.work import Checkpoint, no_checkpoint
from services.scenario.core.race_kernel import CHAOS, DOMINATOR, NORMAL

CHAOS_QUANTILE = 0.85
DOMINANCE_QUANTILE = 0.85
_BLOCK = 65_536


def classify_regimes(ticks: npt.NDArray[np.int16], *, checkpoint: Checkpoint = no_checkpoint) -> npt.NDArray[np.uint8]:
    """A label per scenario: chaos, dominator or normal; shape (n_scenarios,), uint8.

    Chaos: the correlation of points with each driver's own mean is among the lowest 15 % (who is good decides
    little). Dominator: the best score stands out from the third by the most, in standard deviations of its
    scenario (the best 15 %). Both are relative to the matrix at hand: about 15 % each whatever the race. Fuel races
    cannot be told from points alone. Constant matrices are normal, and so are those of one driver.

    Parameters
    ----------
    ticks
        ``ticks[scenario, driver]``, at least one row.
    """
    form, dominance = _order_kept(ticks, checkpoint), _dominance(ticks, checkpoint)
    labels = np.full(ticks.shape[0], NORMAL, dtype=np.uint8)
    labels[dominance > np.quantile(dominance, DOMINANCE_QUANTILE)] = DOMINATOR
    labels[form < np.quantile(form, 1.0 - CHAOS_QUANTILE)] = CHAOS
    return labels


def _order_kept(ticks: npt.NDArray[np.int16], checkpoint: Checkpoint) -> npt.NDArray[np.float64]:
    """Rank correlation of each row with the column means, 0 where there is no order; ties by column."""
    if ticks.shape[1] < 2:
        return np.zeros(ticks.shape[0])
    expected = _ranks(ticks.mean(axis=0, dtype=np.float64)[None])[0]
    kept = np.zeros(ticks.shape[0])
    for first in range(0, ticks.shape[0], _BLOCK):
        checkpoint()
        rows = ticks[first : first + _BLOCK]
        ranks = _ranks(rows)
        scale = (expected**2).sum()
        constant = rows.min(axis=1) == rows.max(axis=1)
        kept[first : first + _BLOCK] = np.where(constant, 0.0, ranks @ expected / scale)
    return kept


def _ranks(rows: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Ranks of each row, centred."""
    order = np.argsort(np.argsort(rows, axis=1, kind="stable"), axis=1, kind="stable")
    return np.asarray(order - 0.5 * (rows.shape[1] - 1), dtype=np.float64)


def _dominance(ticks: npt.NDArray[np.int16], checkpoint: Checkpoint) -> npt.NDArray[np.float64]:
    """Lead of the best over the third best in standard deviations of the row; 0 for fewer than three drivers."""
    lead = np.zeros(ticks.shape[0])
    if ticks.shape[1] < 3:
        return lead
    for first in range(0, ticks.shape[0], _BLOCK):
        checkpoint()
        rows = ticks[first : first + _BLOCK].astype(np.float64)
        top = np.partition(rows, (-3, -1), axis=1)
        spread = rows.std(axis=1)
        gap = top[:, -1] - top[:, -3]
        lead[first : first + _BLOCK] = np.divide(gap, spread, out=np.zeros(spread.size), where=spread > 0)
    return lead
