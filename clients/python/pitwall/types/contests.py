"""Contests and what entries are worth in them. Money is in cents."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from pitwall.types.portfolio import Lineup


@dataclass(frozen=True)
class Estimate:
    """A simulated value and its standard error."""

    value: float
    standard_error: float


@dataclass(frozen=True)
class PrizeRow:
    """Each place from ``first_place`` to ``last_place`` pays ``prize_cents``."""

    first_place: int
    last_place: int
    prize_cents: int


@dataclass(frozen=True)
class PrizeTable:
    """Prizes from first place down."""

    rows: tuple[PrizeRow, ...]


@dataclass(frozen=True)
class ResolvedPrizes:
    """Prizes as rows, their sum, and the share of fees that is not paid out."""

    table: PrizeTable
    pool_cents: int
    rake: float


@dataclass(frozen=True)
class DriverPercent:
    """Ownership of one driver in per cent."""

    driver_id: str
    value: float


@dataclass(frozen=True)
class FieldReport:
    """What the field looks like."""

    ownership_percent: tuple[DriverPercent, ...]
    max_ownership_error: float
    mean_salary_dollars: float
    unique_share: float
    max_expected_copies: float
    effective_lineups: float
    n_legal_lineups: int
    warnings: tuple[str, ...]
    ownership_distance: float


@dataclass(frozen=True)
class LineupResult:
    """What one entered lineup is worth; ``index`` is its position in the request.

    Standard errors count scenario and field noise.
    """

    index: int
    roi: Estimate
    profit_cents: Estimate
    win_rate: float
    top1_rate: float
    cash_rate: float
    expected_duplicates: float
    realised_duplicates: float
    mean_rank: float
    best_rank: int
    win_rate_standard_error: float
    top1_rate_standard_error: float
    cash_rate_standard_error: float
    mean_rank_standard_error: float


@dataclass(frozen=True)
class ProfitQuantile:
    """Profit at a level in [0, 1]."""

    level: float
    profit_cents: float


@dataclass(frozen=True)
class ProfitExposure:
    """Prize money tied to one driver or regime, and what is left of it after the fees of the same entries."""

    name: str
    mean_prize_cents: float
    share: float
    mean_profit_cents: float = 0.0


@dataclass(frozen=True)
class PortfolioResult:
    """What all entries together are worth."""

    n_entries: int
    fees_cents: int
    roi: Estimate
    profit_cents: Estimate
    profit_cents_lower: float
    profit_cents_upper: float
    profit_sd_cents: float
    quantiles: tuple[ProfitQuantile, ...]
    loss_probability: float
    any_win_probability: float
    any_top1_probability: float
    drivers: tuple[ProfitExposure, ...]
    regimes: tuple[ProfitExposure, ...]
    kelly_stake_share: float
    kelly_fraction: float
    loss_probability_standard_error: float
    any_win_probability_standard_error: float
    any_top1_probability_standard_error: float


@dataclass(frozen=True)
class ContestResult:
    """Result of one contest."""

    name: str
    lineups: tuple[LineupResult, ...]
    portfolio: PortfolioResult
    prizes: PrizeTable
    rake: float

    def frame(self) -> pd.DataFrame:
        """One row per lineup, money in dollars."""
        return pd.DataFrame(
            {
                "index": item.index,
                "roi": item.roi.value,
                "roi_se": item.roi.standard_error,
                "profit_dollars": item.profit_cents.value / 100,
                "win_rate": item.win_rate,
                "win_rate_se": item.win_rate_standard_error,
                "top1_rate": item.top1_rate,
                "top1_rate_se": item.top1_rate_standard_error,
                "cash_rate": item.cash_rate,
                "cash_rate_se": item.cash_rate_standard_error,
                "expected_duplicates": item.expected_duplicates,
                "mean_rank": item.mean_rank,
            }
            for item in self.lineups
        ).set_index("index")


@dataclass(frozen=True)
class SimulationResult:
    """Results of all contests against one field; ``combined`` adds the contests up scenario by scenario.

    ``insight`` is the field's, as achieved with so many fields.
    """

    scenario_set_id: str
    contests: tuple[ContestResult, ...]
    field: FieldReport
    n_scenarios: int
    n_fields: int
    seed: int
    combined: PortfolioResult
    insight: float


@dataclass(frozen=True)
class ComparedChoice:
    """A choice judged on fresh scenarios, beside the selection: ``lead_cents`` is how much more that one makes."""

    name: str
    n_entries: int
    profit_cents: Estimate
    lead_cents: Estimate


@dataclass(frozen=True)
class EntrySelection:
    """The entries that together pay best, in the order in which they were chosen.

    ``comparisons`` holds them and plainer choices under the same rules, all judged on fresh scenarios.
    ``insight`` is that of their fields, as achieved with so many.
    """

    entries: tuple[LineupResult, ...]
    lineups: tuple[Lineup, ...]
    profit_cents: float
    upper_bound_cents: float
    portfolio: PortfolioResult
    fresh_profit_cents: dict[str, float]
    comparisons: tuple[ComparedChoice, ...]
    warnings: tuple[str, ...]
    insight: float
