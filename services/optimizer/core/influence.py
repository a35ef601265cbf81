"""The sampling error of an objective: what each scenario adds to it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from services.common.domain.site_rules import TICKS_PER_POINT
from services.common.domain.work import Checkpoint
from services.optimizer.core.objective import Objective
from services.optimizer.core.slate import Slate
from services.optimizer.core.tail_kernels import tail_threshold


def influence(slate: Slate, objective: Objective, columns: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """Return per scenario what it adds to the terms of the objective, points; shape (n_scenarios,).

    ``w_mean T_s + sum_m w_m (t_m + max(0, T_s - t_m) S / k_m)`` with ``t_m`` the k-th greatest total. The mean over
    scenarios is the objective, and the spread that of its influence function.
    """
    totals = slate.totals(columns)
    guess = int(totals.mean())
    added = objective.mean_multiplier * slate.n_scenarios * totals.astype(np.float64)
    for tail in objective.tails:
        threshold = tail_threshold(totals, tail.k, guess)
        over = np.maximum(totals.astype(np.float64) - threshold, 0.0) * slate.n_scenarios
        added += tail.multiplier * (tail.k * threshold + over)
    return np.asarray(added / (objective.denominator * TICKS_PER_POINT))


def mean_error(slate: Slate, objective: Objective, lineups: Sequence[tuple[int, ...]], checkpoint: Checkpoint) -> float:
    """Standard error of the mean objective of some lineups, points; they share scenarios, so errors do not cancel."""
    if slate.n_scenarios < 2:
        return 0.0
    added = np.zeros(slate.n_scenarios)
    for columns in lineups:
        checkpoint()
        added += influence(slate, objective, columns)
    return float((added / len(lineups)).std(ddof=1) / np.sqrt(slate.n_scenarios))
