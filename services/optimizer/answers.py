"""What the core found as messages of the optimizer's contract."""

from __future__ import annotations

from collections.abc import Sequence

from pitwall.optimizer.v1 import portfolio_pb2
from services.common.domain.race import Race
from services.common.mapping import lineup_to_proto
from services.optimizer.core.diversity import Diversity
from services.optimizer.core.exposure import ExposurePlan
from services.optimizer.core.metrics import LineupNumbers
from services.optimizer.core.portfolio import Entry

_METHODS = {
    "table": portfolio_pb2.SEARCH_METHOD_TABLE,
    "enumeration": portfolio_pb2.SEARCH_METHOD_ENUMERATION,
    "branch_and_bound": portfolio_pb2.SEARCH_METHOD_BRANCH_AND_BOUND,
}


def metrics_to_proto(numbers: LineupNumbers) -> portfolio_pb2.LineupMetrics:
    """Numbers of a lineup."""
    return portfolio_pb2.LineupMetrics(
        salary_dollars=numbers.salary_dollars,
        mean_points=numbers.mean,
        mean_points_se=numbers.mean_se,
        sd_points=numbers.sd,
        best_points=numbers.best,
        tails=[portfolio_pb2.TailMetrics(**vars(tail)) for tail in numbers.tails],
        ownership_total_percent=numbers.ownership_total,
        ownership_mean_percent=numbers.ownership_mean,
        ownership_max_percent=numbers.ownership_max,
        ownership_product=numbers.ownership_product,
        leverage_percent=numbers.leverage,
    )


def certificate_to_proto(entry: Entry, content_hash: str, solve_seconds: float) -> portfolio_pb2.Certificate:
    """The proof of a lineup; both bounds come from integers, so a complete proof has a gap of exactly 0."""
    solution, objective = entry.solution, entry.objective
    return portfolio_pb2.Certificate(
        objective=objective.points(solution.units),
        upper_bound=objective.points(solution.upper_bound_units),
        gap=objective.points(solution.upper_bound_units - solution.units),
        proven_optimal=solution.proven,
        lineups_covered=max(0, solution.n_covered),
        lineups_evaluated=solution.n_evaluated,
        method=_METHODS[solution.method],
        tails=[portfolio_pb2.TailSize(alpha=tail.alpha, k=tail.k) for tail in objective.tails],
        scenario_content_hash=content_hash,
        solve_seconds=solve_seconds,
        momentary_rules=entry.momentary_rules,
    )


def lineup_to_message(
    race: Race,
    entry: Entry,
    certificate: portfolio_pb2.Certificate,
    numbers: LineupNumbers,
    broken_rules: Sequence[str] = (),
) -> portfolio_pb2.PortfolioLineup:
    """One lineup of a portfolio."""
    return portfolio_pb2.PortfolioLineup(
        index=entry.index,
        lineup=lineup_to_proto(race, entry.solution.columns),
        certificate=certificate,
        metrics=metrics_to_proto(numbers),
        regime=entry.regime,
        soft_paid_points=entry.objective.points(entry.paid_units),
        broken_rules=broken_rules,
    )


def diversity_to_proto(report: Diversity) -> portfolio_pb2.DiversityReport:
    """How alike lineups are."""
    return portfolio_pb2.DiversityReport(
        jaccard_mean=report.jaccard_mean,
        jaccard_max=report.jaccard_max,
        most_similar_first=report.most_similar[0],
        most_similar_second=report.most_similar[1],
        min_distinct_drivers=report.min_distinct,
    )


def driver_exposures(race: Race, plan: ExposurePlan) -> list[portfolio_pb2.Exposure]:
    """Exposure of every driver that is used or bounded from below, greatest first."""
    bounds = plan.bounds
    rows = [
        _exposure(name, plan, int(used), int(low), int(high))
        for name, used, low, high in zip(race.driver_ids, plan.used, bounds.driver_min, bounds.driver_max, strict=True)
        if used or low
    ]
    return _greatest_first(rows)


def team_exposures(race: Race, plan: ExposurePlan) -> list[portfolio_pb2.Exposure]:
    """Exposure of every team that is used, greatest first."""
    counted = zip(race.teams, plan.team_used, plan.bounds.team_max, strict=True)
    return _greatest_first([_exposure(name, plan, int(used), 0, int(high)) for name, used, high in counted if used])


def _exposure(name: str, plan: ExposurePlan, used: int, low: int, high: int) -> portfolio_pb2.Exposure:
    share = used / max(1, plan.n_built)
    return portfolio_pb2.Exposure(name=name, n_lineups=used, share=share, min_lineups=low, max_lineups=high)


def _greatest_first(rows: Sequence[portfolio_pb2.Exposure]) -> list[portfolio_pb2.Exposure]:
    return sorted(rows, key=lambda row: (-row.n_lineups, row.name))
