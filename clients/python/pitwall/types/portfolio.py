"""Portfolios, lineups and their proofs."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd


@dataclass(frozen=True)
class TailSize:
    """Scenarios in the tail of a level."""

    alpha: float
    k: int


@dataclass(frozen=True)
class Certificate:
    """Why a lineup is the best one allowed: ``objective`` equals ``upper_bound``, both in points.

    Allowed are lineups that keep the request's rules and the ``momentary_rules``: exposures used up by lineups
    before, their even spread, and what keeps the lineups to come within reach.
    """

    objective: float
    upper_bound: float
    gap: float
    proven_optimal: bool
    lineups_covered: int
    lineups_evaluated: int
    method: str
    tails: tuple[TailSize, ...]
    scenario_content_hash: str
    solve_seconds: float
    momentary_rules: tuple[str, ...] = ()


@dataclass(frozen=True)
class TailMetrics:
    """Upper tail of one lineup at one level, in points."""

    alpha: float
    k: int
    var: float
    cvar: float
    cvar_se: float
    conditional_upside: float


@dataclass(frozen=True)
class LineupMetrics:
    """What the scenarios and the field say of one lineup."""

    salary_dollars: int
    mean_points: float
    mean_points_se: float
    sd_points: float
    best_points: float
    tails: tuple[TailMetrics, ...]
    ownership_total_percent: float
    ownership_mean_percent: float
    ownership_max_percent: float
    ownership_product: float
    leverage_percent: float

    def cvar(self, alpha: float) -> float:
        """CVaR at a level.

        Raises
        ------
        KeyError
            If the level was not computed.
        """
        return {tail.alpha: tail.cvar for tail in self.tails}[alpha]


@dataclass(frozen=True)
class Lineup:
    """Site ids of a roster, in slate order."""

    driver_ids: tuple[str, ...]


@dataclass(frozen=True)
class PortfolioLineup:
    """One lineup of a portfolio with its proof and numbers."""

    index: int
    lineup: Lineup
    certificate: Certificate
    metrics: LineupMetrics
    regime: str
    soft_paid_points: float = 0.0
    broken_rules: tuple[str, ...] = ()

    @property
    def driver_ids(self) -> tuple[str, ...]:
        """Site ids of the drivers, in slate order."""
        return self.lineup.driver_ids


@dataclass(frozen=True)
class Exposure:
    """How often one driver or team appears."""

    name: str
    n_lineups: int
    share: float
    min_lineups: int
    max_lineups: int


@dataclass(frozen=True)
class DiversityReport:
    """How alike the lineups are."""

    jaccard_mean: float
    jaccard_max: float
    most_similar_first: int
    most_similar_second: int
    min_distinct_drivers: int


@dataclass(frozen=True)
class BaselineReport:
    """The portfolio's objective against the lineup of the greatest mean."""

    mean_lineup: Lineup | None
    mean_metrics: LineupMetrics | None
    objective_lineup: Lineup | None
    objective_metrics: LineupMetrics | None
    tail_gain_points: float
    mean_given_up_points: float
    stack_cost_points: float
    proven: bool = True
    built_gain_points: float = 0.0


@dataclass(frozen=True)
class ValidationReport:
    """The same lineups on scenarios that did not choose them."""

    scenario_set_id: str
    objective_in_sample: float
    objective_fresh: float
    shrinkage: float
    shrinkage_se: float = 0.0
    n_scenarios: int = 0


@dataclass(frozen=True)
class StabilityReport:
    """What becomes of the best lineup when scenarios are drawn again.

    Compared are ``n_contenders`` lineups: all within ``contender_depth_points`` of the best one. The least of the
    winners is ``deepest_winner_points`` below it. 0 contenders stand for an exact search of each resample.
    """

    n_resamples: int
    objective_cv: float
    same_lineup_share: float
    jaccard_mean: float
    optimism_points: float = 0.0
    n_contenders: int = 0
    contender_depth_points: float = 0.0
    deepest_winner_points: float = 0.0


@dataclass(frozen=True)
class OwnershipReport:
    """Ownership of a portfolio over its lineups, and its leverage score; per cent."""

    total_mean_percent: float
    total_max_percent: float
    driver_mean_percent: float
    driver_max_percent: float
    leverage_mean_percent: float


@dataclass(frozen=True)
class RegimeReport:
    """The lineups of one regime on its scenarios, points."""

    regime: str
    n_scenarios: int
    n_lineups: int
    objective_mean: float
    mean_points: float


@dataclass(frozen=True)
class PortfolioSummary:
    """The whole portfolio.

    ``n_allowed_lineups`` is 0 where it is not known: limits on ownership to keep, and too many lineups to list.
    """

    portfolio_id: str
    race_id: str
    scenario_set_id: str
    n_requested: int
    n_built: int
    all_proven: bool
    n_legal_lineups: int
    n_allowed_lineups: int
    driver_exposures: tuple[Exposure, ...]
    team_exposures: tuple[Exposure, ...]
    diversity: DiversityReport | None
    baseline: BaselineReport | None
    validation: ValidationReport | None
    stability: StabilityReport | None
    n_generations: int
    warnings: tuple[str, ...]
    conflicting_rules: tuple[str, ...]
    timings_seconds: dict[str, float]
    broken_exposures: tuple[str, ...] = ()
    soft_paid_points: float = 0.0
    ownership: OwnershipReport | None = None
    regimes: tuple[RegimeReport, ...] = ()


@dataclass(frozen=True)
class Portfolio:
    """Lineups in the order in which they were proven, and the summary."""

    lineups: tuple[PortfolioLineup, ...]
    summary: PortfolioSummary
    driver_names: dict[str, str] = field(default_factory=dict, repr=False)

    def frame(self) -> pd.DataFrame:
        """One row per lineup: drivers, salary, objective, proof, tails, ownership."""
        rows = []
        for item in self.lineups:
            row: dict[str, object] = {
                f"D{slot}": self.driver_names.get(driver_id, driver_id)
                for slot, driver_id in enumerate(item.driver_ids, start=1)
            }
            row |= {
                "salary": item.metrics.salary_dollars,
                "objective": item.certificate.objective,
                "proven": item.certificate.proven_optimal,
                "mean": item.metrics.mean_points,
                "ownership": item.metrics.ownership_total_percent,
            }
            rows.append(row | {f"cvar_{tail.alpha * 100:g}": tail.cvar for tail in item.metrics.tails})
        return pd.DataFrame(rows)


@dataclass(frozen=True)
class ScoredLineup:
    """A lineup scored on scenarios."""

    lineup: Lineup
    objective: float
    metrics: LineupMetrics


@dataclass(frozen=True)
class LineupVerdict:
    """Whether the site would take a lineup, and why not."""

    legal: bool
    problems: tuple[str, ...]
    salary_dollars: int


@dataclass(frozen=True)
class UniverseCounts:
    """Lineups that are legal, and those that structure rules allow too."""

    n_legal_lineups: int
    n_allowed_lineups: int
