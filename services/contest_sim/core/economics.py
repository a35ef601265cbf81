"""What entries are worth: estimates with standard errors, and the portfolio's distribution of profit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from services.contest_sim.core.contest import Entries
from services.contest_sim.core.kelly import kelly_share
from services.contest_sim.core.outcome import Outcome

Floats = npt.NDArray[np.float64]

QUANTILE_LEVELS = (0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0)
CONFIDENCE = 0.95


@dataclass(frozen=True, eq=False)
class LineupWorth:
    """Per own lineup, arrays of shape (n_lineups,); money in cents per entry.

    ``profit_se`` counts scenario and field noise. Ranks count from 1; rates are shares of scenarios.
    """

    profit: Floats
    profit_se: Floats
    win_rate: Floats
    top1_rate: Floats
    cash_rate: Floats
    expected_duplicates: Floats
    realised_duplicates: Floats
    mean_rank: Floats
    best_rank: npt.NDArray[np.int64]


@dataclass(frozen=True)
class PortfolioWorth:
    """All entries together, money in cents.

    ``profit_lower`` and ``profit_upper`` bound the 95 % confidence interval of the mean. ``quantiles`` belong
    to ``QUANTILE_LEVELS``. ``kelly`` is the share of the bankroll that full Kelly would stake.
    """

    n_entries: int
    fees: int
    profit: float
    profit_se: float
    profit_lower: float
    profit_upper: float
    profit_sd: float
    quantiles: tuple[float, ...]
    loss_probability: float
    any_win_probability: float
    any_top1_probability: float
    kelly: float


@dataclass(frozen=True)
class Exposure:
    """Mean prize cents tied to one driver or regime, and its share of all prize money."""

    mean_prize: float
    share: float


def standard_error(field_means: Floats, variance: Floats, n_scenarios: int) -> Floats:
    """Standard error of a mean over scenarios dealt out among independent fields.

    The variance of the mean is that of one scenario over ``n_scenarios`` plus that of one field over the fields.
    Means per field vary by both, so it is estimated by their variance over their number; where chance
    puts that below ``variance / n_scenarios``, the latter stands.

    Parameters
    ----------
    field_means
        Mean of the scenarios of each field; shape (n_fields, ...).
    variance
        Variance over all scenarios; shape (...).
    """
    within = variance / n_scenarios
    if len(field_means) < 2:
        return np.sqrt(within)
    return np.sqrt(np.maximum(within, field_means.var(axis=0, ddof=1) / len(field_means)))


def lineup_worth(outcome: Outcome, entry_fee_cents: int) -> LineupWorth:
    """Worth of each lineup by itself, the other own entries being in the contest too."""
    n = outcome.n_scenarios
    mean = outcome.money.sum(axis=0) / n
    variance = np.maximum(outcome.squares / n - mean**2, 0.0) * (n / max(1, n - 1))
    sizes = np.bincount(outcome.field_of_scenario, minlength=outcome.n_fields)
    return LineupWorth(
        profit=mean - entry_fee_cents,
        profit_se=standard_error(outcome.money / sizes[:, None], variance, n),
        win_rate=outcome.wins / n,
        top1_rate=outcome.top1 / n,
        cash_rate=outcome.cashes / n,
        expected_duplicates=outcome.expected_duplicates.mean(axis=0),
        realised_duplicates=outcome.duplicates.mean(axis=0),
        mean_rank=outcome.rank_sums / n,
        best_rank=outcome.best_ranks,
    )


def portfolio_worth(outcomes: Sequence[Outcome], fees_cents: Sequence[int], n_entries: int) -> PortfolioWorth:
    """Worth of all entries over one contest or several played at once, scenario by scenario.

    ``fees_cents`` holds what the entries cost in each contest.
    """
    fees = sum(fees_cents)
    profit = np.sum([outcome.portfolio for outcome in outcomes], axis=0) - fees
    dealt, n_fields = outcomes[0].field_of_scenario, outcomes[0].n_fields
    means = np.bincount(dealt, weights=profit, minlength=n_fields) / np.bincount(dealt, minlength=n_fields)
    spread = profit.var(ddof=1) if len(profit) > 1 else 0.0
    error = float(standard_error(means, np.asarray(spread), len(profit)))
    freedom = n_fields - 1 if n_fields > 1 else max(1, len(profit) - 1)
    reach = error * float(stats.t.ppf((1 + CONFIDENCE) / 2, freedom))
    return PortfolioWorth(
        n_entries=n_entries,
        fees=fees,
        profit=float(profit.mean()),
        profit_se=error,
        profit_lower=float(profit.mean()) - reach,
        profit_upper=float(profit.mean()) + reach,
        profit_sd=float(np.sqrt(spread)),
        quantiles=tuple(np.quantile(profit, QUANTILE_LEVELS).tolist()),
        loss_probability=float((profit < 0).mean()),
        any_win_probability=float(np.any([outcome.any_win for outcome in outcomes], axis=0).mean()),
        any_top1_probability=float(np.any([outcome.any_top1 for outcome in outcomes], axis=0).mean()),
        kelly=kelly_share(profit / fees) if fees else 0.0,
    )


def driver_exposures(outcome: Outcome, entries: Entries, n_drivers: int) -> list[Exposure]:
    """Prize money won by entries that hold each driver; the shares add up to the roster size."""
    money = outcome.money.sum(axis=0) / outcome.n_scenarios * entries.copies
    by_driver = np.zeros(n_drivers)
    for slot in range(entries.lineups.shape[1]):
        np.add.at(by_driver, entries.lineups[:, slot].astype(np.int64), money)
    return _exposures(by_driver, by_driver, float(money.sum()))


def regime_exposures(outcome: Outcome, regimes: npt.NDArray[np.uint8], n_regimes: int) -> list[Exposure]:
    """Mean prize money within the scenarios of each regime; the shares add up to 1. Empty without regimes."""
    if not n_regimes:
        return []
    totals: Floats = np.bincount(regimes, weights=outcome.portfolio, minlength=n_regimes).astype(np.float64)
    sizes = np.bincount(regimes, minlength=n_regimes)
    return _exposures(totals / np.maximum(sizes, 1), totals, float(outcome.portfolio.sum()))


def _exposures(means: Floats, parts: Floats, whole: float) -> list[Exposure]:
    shares = parts / whole if whole else np.zeros(len(parts))
    return [Exposure(float(mean), float(share)) for mean, share in zip(means, shares, strict=True)]
