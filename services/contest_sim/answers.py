"""Core results to contest-sim messages."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pitwall.common.v1 import lineup_pb2
from pitwall.contestsim.v1 import contest_pb2, contestsim_service_pb2
from services.common.domain.race import Race
from services.common.mapping import lineup_to_proto
from services.contest_sim.core.comparison import ComparedChoice
from services.contest_sim.core.contest import Contest
from services.contest_sim.core.economics import QUANTILE_LEVELS, LineupWorth, PortfolioWorth
from services.contest_sim.core.exposures import Exposure
from services.contest_sim.core.field_description import FieldDescription
from services.contest_sim.core.kelly import DEFAULT_FRACTION
from services.contest_sim.core.opponents import Opponents
from services.contest_sim.core.prizes import PrizeTable


def lineups_to_proto(worth: LineupWorth, entry_fee_cents: int) -> list[contest_pb2.LineupResult]:
    """One result per lineup; the return on a free entry is given as 0."""
    fee = entry_fee_cents or np.inf
    return [
        contest_pb2.LineupResult(
            index=index,
            roi=_estimate(worth.profit[index] / fee, worth.profit_se[index] / fee),
            profit_cents=_estimate(worth.profit[index], worth.profit_se[index]),
            win_rate=worth.win_rate[index],
            win_rate_standard_error=worth.win_rate_se[index],
            top1_rate=worth.top1_rate[index],
            top1_rate_standard_error=worth.top1_rate_se[index],
            cash_rate=worth.cash_rate[index],
            cash_rate_standard_error=worth.cash_rate_se[index],
            expected_duplicates=worth.expected_duplicates[index],
            realised_duplicates=worth.realised_duplicates[index],
            mean_rank=worth.mean_rank[index],
            mean_rank_standard_error=worth.mean_rank_se[index],
            best_rank=int(worth.best_rank[index]),
        )
        for index in range(len(worth.profit))
    ]


def portfolio_to_proto(
    worth: PortfolioWorth,
    drivers: Sequence[tuple[str, Exposure]] = (),
    regimes: Sequence[tuple[str, Exposure]] = (),
    kelly_fraction: float = DEFAULT_FRACTION,
) -> contest_pb2.PortfolioResult:
    """All entries together, with names and exposures of drivers and regimes, and a fraction of Kelly as stake."""
    fees = worth.fees or np.inf
    quantiles = zip(QUANTILE_LEVELS, worth.quantiles, strict=True)
    return contest_pb2.PortfolioResult(
        n_entries=worth.n_entries,
        fees_cents=worth.fees,
        roi=_estimate(worth.profit / fees, worth.profit_se / fees),
        profit_cents=_estimate(worth.profit, worth.profit_se),
        profit_cents_lower=worth.profit_lower,
        profit_cents_upper=worth.profit_upper,
        profit_sd_cents=worth.profit_sd,
        quantiles=[contest_pb2.ProfitQuantile(level=level, profit_cents=value) for level, value in quantiles],
        loss_probability=worth.loss_probability,
        loss_probability_standard_error=worth.loss_probability_se,
        any_win_probability=worth.any_win_probability,
        any_win_probability_standard_error=worth.any_win_probability_se,
        any_top1_probability=worth.any_top1_probability,
        any_top1_probability_standard_error=worth.any_top1_probability_se,
        drivers=[_exposure(name, exposure) for name, exposure in drivers],
        regimes=[_exposure(name, exposure) for name, exposure in regimes],
        kelly_stake_share=kelly_fraction * worth.kelly,
        kelly_fraction=kelly_fraction,
    )


def field_to_proto(
    race: Race,
    shares: npt.NDArray[np.float64],
    description: FieldDescription,
    *,
    max_error: float = 0.0,
    distance: float = 0.0,
    n_legal_lineups: int = 0,
    warnings: Sequence[str] = (),
) -> contest_pb2.FieldReport:
    """A field with its ownership ``shares[starter]``; error and distance from what was asked for, in points."""
    owned = zip(race.driver_ids, shares, strict=True)
    return contest_pb2.FieldReport(
        ownership_percent=[lineup_pb2.DriverValue(driver_id=name, value=100.0 * share) for name, share in owned],
        max_ownership_error=max_error,
        ownership_distance=distance,
        mean_salary_dollars=description.mean_salary_dollars,
        unique_share=description.unique_share,
        max_expected_copies=description.max_expected_copies,
        effective_lineups=description.effective_lineups,
        n_legal_lineups=n_legal_lineups,
        warnings=warnings,
    )


def opponents_to_proto(race: Race, opponents: Opponents) -> list[contest_pb2.EnteredLineup]:
    """The opponents' lineups, most copied first."""
    order = np.argsort(-opponents.copies, kind="stable")
    return [
        contest_pb2.EnteredLineup(
            lineup=lineup_to_proto(race, tuple(opponents.lineups[row].tolist())), n_entries=int(opponents.copies[row])
        )
        for row in order
    ]


def compared_to_proto(choice: ComparedChoice) -> contestsim_service_pb2.ComparedChoice:
    """A choice beside the selection."""
    return contestsim_service_pb2.ComparedChoice(
        name=choice.name,
        n_entries=choice.n_entries,
        profit_cents=_estimate(choice.profit, choice.profit_se),
        lead_cents=_estimate(choice.lead, choice.lead_se),
    )


def table_to_proto(table: PrizeTable) -> contest_pb2.PrizeTable:
    """A prize table in rows."""
    rows = [
        contest_pb2.PrizeRow(first_place=row.first_place, last_place=row.last_place, prize_cents=row.prize_cents)
        for row in table.rows
    ]
    return contest_pb2.PrizeTable(rows=rows)


def contest_name(contest: Contest, index: int) -> str:
    """Name for reports."""
    return contest.name or f"contest {index + 1}"


def _estimate(value: float, standard_error: float) -> lineup_pb2.Estimate:
    return lineup_pb2.Estimate(value=value, standard_error=standard_error)


def _exposure(name: str, exposure: Exposure) -> contest_pb2.ProfitExposure:
    return contest_pb2.ProfitExposure(
        name=name,
        mean_prize_cents=exposure.mean_prize,
        share=exposure.share,
        mean_profit_cents=exposure.mean_profit,
    )
