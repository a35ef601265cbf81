"""What the scenarios and the field say of one lineup."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.common.domain.site_rules import TICKS_PER_POINT
from services.common.domain.tail import tail_size
from services.optimizer.core.slate import Slate

REPORTED_LEVELS = (0.9, 0.95, 0.99)


@dataclass(frozen=True)
class TailEstimate:
    """Upper tail at one level, in points.

    ``var`` is the k-th greatest total, ``cvar`` the mean of the ``k`` greatest, ``conditional_upside`` the
    CVaR minus the mean.
    """

    alpha: float
    k: int
    var: float
    cvar: float
    cvar_se: float
    conditional_upside: float


@dataclass(frozen=True)
class LineupNumbers:
    """Numbers of one lineup; points, dollars and per cent."""

    salary_dollars: int
    mean: float
    mean_se: float
    sd: float
    best: float
    tails: tuple[TailEstimate, ...]
    ownership_total: float = 0.0
    ownership_mean: float = 0.0
    ownership_max: float = 0.0
    ownership_product: float = 0.0
    leverage: float = 0.0


@dataclass(frozen=True)
class OwnershipNumbers:
    """Ownership of a portfolio: of lineups as a whole, of the drivers in their places, and the leverage; per cent."""

    total_mean_percent: float
    total_max_percent: float
    driver_mean_percent: float
    driver_max_percent: float
    leverage_mean_percent: float


def portfolio_ownership(
    lineups: npt.NDArray[np.int64],
    ownership_percent: npt.NDArray[np.float64],
    optimal_percent: npt.NDArray[np.float64] | None,
) -> OwnershipNumbers:
    """Return the ownership of lineups of columns, shape (n_lineups, roster_size); leverage 0 without optimal rates."""
    own = ownership_percent[lineups]
    leverage = 0.0 if optimal_percent is None else float((optimal_percent[lineups] - own).sum(axis=1).mean())
    totals = own.sum(axis=1)
    return OwnershipNumbers(float(totals.mean()), float(totals.max()), float(own.mean()), float(own.max()), leverage)


def tail_estimate(totals_points: npt.NDArray[np.float64], alpha: float) -> TailEstimate:
    """Return the upper tail of scenario totals, shape (n_scenarios,), with the error of its mean.

    ``SE = sqrt((v + alpha (cvar - var)^2) / k)`` with ``v`` the variance inside the tail: the influence
    function of CVaR is ``q + (T - q)+ / (1 - alpha)``.
    """
    k = tail_size(alpha, len(totals_points))
    tail = np.partition(totals_points, len(totals_points) - k)[len(totals_points) - k :]
    var, cvar = float(tail.min()), float(tail.mean())
    spread = float(tail.var(ddof=1)) if k > 1 else 0.0
    error = float(np.sqrt((spread + alpha * (cvar - var) ** 2) / k))
    return TailEstimate(alpha, k, var, cvar, error, cvar - float(totals_points.mean()))


def top_mean(totals_points: npt.NDArray[np.float64], share: float) -> float:
    """Return the mean of the best ``share`` of outcomes, in (0, 1)."""
    return tail_estimate(totals_points, 1.0 - share).cvar


def lineup_numbers(
    slate: Slate,
    columns: Sequence[int],
    levels: Sequence[float] = (),
    *,
    ownership_percent: npt.NDArray[np.float64] | None = None,
    optimal_percent: npt.NDArray[np.float64] | None = None,
) -> LineupNumbers:
    """Return the numbers of a lineup, tails at 90, 95, 99 % and at ``levels``.

    Parameters
    ----------
    ownership_percent
        Projected ownership; shape (n_drivers,).
    optimal_percent
        Share of scenarios whose best lineup holds the driver; with ownership it gives the leverage.
    """
    totals = slate.totals(tuple(columns)).astype(np.float64) / TICKS_PER_POINT
    held = list(columns)
    sd = float(totals.std(ddof=1)) if len(totals) > 1 else 0.0
    own = np.zeros(len(held)) if ownership_percent is None else ownership_percent[held]
    leverage = 0.0
    if ownership_percent is not None and optimal_percent is not None:
        leverage = float((optimal_percent[held] - own).sum())
    return LineupNumbers(
        salary_dollars=int(slate.salaries_dollars[held].sum()),
        mean=float(totals.mean()),
        mean_se=sd / float(np.sqrt(len(totals))),
        sd=sd,
        best=float(totals.max()),
        tails=tuple(tail_estimate(totals, alpha) for alpha in sorted({*REPORTED_LEVELS, *levels})),
        ownership_total=float(own.sum()),
        ownership_mean=float(own.mean()),
        ownership_max=float(own.max()),
        ownership_product=float(np.prod(own / 100.0)),
        leverage=leverage,
    )
