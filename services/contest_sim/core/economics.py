"""What entries are worth: estimates with standard errors, and the portfolio's distribution of profit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from services.contest_sim.core.kelly import kelly_share
from services.contest_sim.core.outcome import Outcome
from services.contest_sim.core.standard_errors import error_of_mean, means_by_field, rate_variance, standard_error

Floats = npt.NDArray[np.float64]

QUANTILE_LEVELS = (0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0)
CONFIDENCE = 0.95


@dataclass(frozen=True, eq=False)
class LineupWorth:
    """Per own lineup, arrays of shape (n_lineups,); money in cents per entry.

    Names in ``_se`` are standard errors that count scenario and field noise. Ranks count from 1; rates are shares
    of scenarios.
    """

    profit: Floats
    profit_se: Floats
    win_rate: Floats
    win_rate_se: Floats
    top1_rate: Floats
    top1_rate_se: Floats
    cash_rate: Floats
    cash_rate_se: Floats
    expected_duplicates: Floats
    realised_duplicates: Floats
    mean_rank: Floats
    mean_rank_se: Floats
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
    loss_probability_se: float
    any_win_probability: float
    any_win_probability_se: float
    any_top1_probability: float
    any_top1_probability_se: float
    kelly: float


def lineup_worth(outcome: Outcome, entry_fee_cents: int) -> LineupWorth:
    """Worth of each lineup by itself, the other own entries being in the contest too."""
    n = outcome.n_scenarios
    mean = outcome.money.sum(axis=0) / n
    variance = np.maximum(outcome.squares / n - mean**2, 0.0) * (n / max(1, n - 1))
    sizes = np.bincount(outcome.field_of_scenario, minlength=outcome.n_fields)
    errors = _tally_errors(outcome)
    return LineupWorth(
        profit=mean - entry_fee_cents,
        profit_se=standard_error(outcome.money / sizes[:, None], variance, n),
        win_rate=outcome.wins / n,
        win_rate_se=errors[0],
        top1_rate=outcome.top1 / n,
        top1_rate_se=errors[1],
        cash_rate=outcome.cashes / n,
        cash_rate_se=errors[2],
        expected_duplicates=outcome.expected_duplicates.mean(axis=0),
        realised_duplicates=outcome.duplicates.mean(axis=0),
        mean_rank=outcome.rank_sums / n,
        mean_rank_se=errors[3],
        best_rank=outcome.best_ranks,
    )


def _tally_errors(outcome: Outcome) -> Floats:
    """Standard errors of win, top-1 % and cash rates and of the mean rank; shape (4, n_lineups)."""
    n = outcome.n_scenarios
    ranks = np.maximum(outcome.rank_squares / n - (outcome.rank_sums / n) ** 2, 0.0) / max(1, n - 1)
    within = np.vstack([rate_variance(outcome.tallies[:3], n), ranks])
    return error_of_mean(outcome.tally_variance, outcome.n_fields, within)


def portfolio_worth(outcomes: Sequence[Outcome], fees_cents: Sequence[int], n_entries: int) -> PortfolioWorth:
    """Worth of all entries over one contest or several played at once, scenario by scenario.

    ``fees_cents`` holds what the entries cost in each contest.
    """
    fees = sum(fees_cents)
    profit = np.sum([outcome.portfolio for outcome in outcomes], axis=0) - fees
    first = outcomes[0]
    spread = profit.var(ddof=1) if len(profit) > 1 else 0.0
    means = means_by_field(profit, first.field_of_scenario, first.n_fields)
    error = float(standard_error(means, np.asarray(spread), len(profit)))
    reach = error * float(stats.t.ppf((1 + CONFIDENCE) / 2, _freedom(first)))
    loss, loss_se = _probability(profit < 0, first)
    any_win, any_win_se = _probability(np.any([outcome.any_win for outcome in outcomes], axis=0), first)
    any_top1, any_top1_se = _probability(np.any([outcome.any_top1 for outcome in outcomes], axis=0), first)
    return PortfolioWorth(
        n_entries=n_entries,
        fees=fees,
        profit=float(profit.mean()),
        profit_se=error,
        profit_lower=float(profit.mean()) - reach,
        profit_upper=float(profit.mean()) + reach,
        profit_sd=float(np.sqrt(spread)),
        quantiles=tuple(np.quantile(profit, QUANTILE_LEVELS).tolist()),
        loss_probability=loss,
        loss_probability_se=loss_se,
        any_win_probability=any_win,
        any_win_probability_se=any_win_se,
        any_top1_probability=any_top1,
        any_top1_probability_se=any_top1_se,
        kelly=kelly_share(profit / fees) if fees else 0.0,
    )


def _freedom(dealt: Outcome) -> int:
    """Degrees of freedom of the variance that the standard error comes from."""
    return dealt.n_fields - 1 if dealt.n_fields > 1 else max(1, dealt.n_scenarios - 1)


def _probability(happened: npt.NDArray[np.bool_], dealt: Outcome) -> tuple[float, float]:
    """Share of the scenarios in which something ``happened[scenario]``, and its standard error."""
    means = means_by_field(happened, dealt.field_of_scenario, dealt.n_fields)
    between = means.var(ddof=1) if dealt.n_fields > 1 else np.zeros(())
    within = rate_variance(np.asarray(happened.sum()), dealt.n_scenarios)
    return float(happened.mean()), float(error_of_mean(between, dealt.n_fields, within))
