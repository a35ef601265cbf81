"""The summary of a portfolio: exposures, diversity, plain alternatives, and what a careful user should know."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

import numpy as np

from pitwall.optimizer.v1 import optimizer_service_pb2 as pb
from pitwall.optimizer.v1 import portfolio_pb2
from services.common.domain.work import ReportProgress
from services.common.mapping import lineup_to_proto
from services.common.rpc.calls import Call
from services.common.universe.rules import Rule, compile_rules
from services.optimizer import answers, bootstrap
from services.optimizer.core.baseline import mean_lineup
from services.optimizer.core.diversity import diversity
from services.optimizer.core.exposure import ExposurePlan
from services.optimizer.core.exposure_bounds import ExposureMode
from services.optimizer.core.metrics import lineup_numbers, portfolio_ownership
from services.optimizer.core.objective import build_objective
from services.optimizer.core.portfolio import Outcome, PortfolioSpec, Search
from services.optimizer.core.query import Query, Solution
from services.optimizer.core.slate import lineup_units
from services.optimizer.inputs import Inputs, Peers
from services.optimizer.searches import Searches
from services.optimizer.validation import on_regime, own_values, validate

_WORTH_PLAYING = 0.75
"""Share of the best lineup's objective below which a lineup is thrown away.

On full slates all stay above 0.8, even at exposures of 25 %.
"""


@dataclass(frozen=True, eq=False)
class Context:
    """A build that has ended, with what it was made from."""

    request: pb.BuildPortfolioRequest
    inputs: Inputs
    spec: PortfolioSpec
    plan: ExposurePlan
    outcome: Outcome
    searches: Searches
    peers: Peers
    call: Call
    report: ReportProgress
    seconds_left: Callable[[], float]

    def should_stop(self) -> bool:
        """Whether the time for the search and for comparisons is over."""
        return self.seconds_left() <= 0


def summarize(context: Context) -> portfolio_pb2.PortfolioSummary:
    """The summary, without id and timings."""
    inputs, outcome = context.inputs, context.outcome
    search = context.searches.of_regime()
    entries = outcome.entries
    lineups = [entry.solution.columns for entry in entries]
    checks = _checks(context, search)
    return portfolio_pb2.PortfolioSummary(
        race_id=inputs.race.race_id,
        scenario_set_id=inputs.matrix.scenario_set_id,
        n_requested=context.spec.n_lineups,
        n_built=len(entries),
        all_proven=all(entry.solution.proven for entry in entries),
        n_legal_lineups=_count(context, search, []),
        n_allowed_lineups=_count(context, search, context.spec.rules),
        driver_exposures=answers.driver_exposures(inputs.race, context.plan),
        team_exposures=answers.team_exposures(inputs.race, context.plan),
        diversity=answers.diversity_to_proto(diversity(lineups, inputs.slate.n_drivers)),
        baseline=_baseline(context, search),
        **checks,
        warnings=_warnings(context, search),
        conflicting_rules=outcome.conflict,
        broken_exposures=_broken_exposures(context),
        soft_paid_points=_paid_points(context),
        ownership=_ownership(inputs, lineups),
        regimes=_regimes(context),
    )


def _checks(context: Context, search: Search) -> dict[str, Any]:
    """What the portfolio is worth beyond the scenarios that chose it, unless that was turned off."""
    request, inputs, entries = context.request, context.inputs, context.outcome.entries
    found: dict[str, Any] = {"n_generations": inputs.n_generations}
    if not entries:
        return found
    if not request.HasField("validate_on_fresh_scenarios") or request.validate_on_fresh_scenarios:
        context.report("validation", 0, 1)
        validated = validate(inputs, entries, context.peers, context.call, context.seconds_left)
        found["validation"] = validated.report
        found["n_generations"] += validated.generated
    if bootstrap.n_resamples(request):
        context.report("stability", 0, 1)
        found["stability"] = _stability(context, search)
    return found


def _stability(context: Context, search: Search) -> portfolio_pb2.StabilityReport | None:
    """The bootstrap of the best lineup under the rules of every lineup, as far as there is time; a warning without."""
    request, inputs, n_wanted = context.request, context.inputs, bootstrap.n_resamples(context.request)
    query = replace(
        _query(context, context.spec.rules), driver_units=search.objective.units(context.spec.driver_points)
    )
    rest = n_wanted, request.seed, context.searches, context.should_stop
    report = None
    best = search.solve(query, context.should_stop)
    if best is not None and best.proven:
        if request.exact_stability:
            report = bootstrap.by_search(inputs, best, query, *rest)
        else:
            report = bootstrap.among_contenders(inputs, search, best, query, *rest)
    n_done = 0 if report is None else report.n_resamples
    if n_done < n_wanted:
        inputs.warnings.append(f"time ran out: stability is from {n_done} of {n_wanted} resamples")
    return report


def _query(context: Context, rules: Sequence[Rule]) -> Query:
    n_drivers = context.inputs.slate.n_drivers
    return Query(
        driver_units=np.zeros(n_drivers, dtype=np.int64),
        rules=compile_rules(rules, n_drivers),
        momentary=compile_rules([], n_drivers),
    )


def _count(context: Context, search: Search, rules: Sequence[Rule]) -> int:
    return max(0, search.count(_query(context, rules)))


def _best(context: Context, search: Search, rules: Sequence[Rule]) -> Solution | None:
    """The best lineup under some rules, as far as there is time."""
    return search.solve(_query(context, rules), context.should_stop)


def _baseline(context: Context, search: Search) -> portfolio_pb2.BaselineReport:
    """The lineup of the greatest mean and that of the greatest objective, both without rules."""
    inputs = context.inputs
    objective = build_objective(inputs.terms, inputs.slate.n_scenarios)
    plain = mean_lineup(inputs.slate)
    best = _best(context, search, [])
    if best is None:
        best_columns, proven = plain, False
    else:
        best_columns, proven = best.columns, best.proven
    if not proven:
        inputs.warnings.append("time ran out for the comparison: its lineup is the best one found, without a proof")
    numbers = [
        lineup_numbers(
            inputs.slate,
            columns,
            ownership_percent=inputs.ownership_percent,
            optimal_percent=inputs.optimal_percent,
        )
        for columns in (plain, best_columns)
    ]
    values = [lineup_units(inputs.slate, objective, columns) for columns in (plain, best_columns)]
    built = [lineup_units(inputs.slate, objective, entry.solution.columns) for entry in context.outcome.entries]
    return portfolio_pb2.BaselineReport(
        mean_lineup=lineup_to_proto(inputs.race, plain),
        mean_metrics=answers.metrics_to_proto(numbers[0]),
        objective_lineup=lineup_to_proto(inputs.race, best_columns),
        objective_metrics=answers.metrics_to_proto(numbers[1]),
        tail_gain_points=objective.points(values[1] - values[0]),
        mean_given_up_points=numbers[0].mean - numbers[1].mean,
        stack_cost_points=_stack_cost(context, search),
        proven=proven,
        built_gain_points=max((objective.points(value - values[0]) for value in built), default=0.0),
    )


def _stack_cost(context: Context, search: Search) -> float:
    """Points of the objective between the proven best lineups without and with the stack rule."""
    loose = [rule for rule in context.spec.rules if rule.stack is None]
    if len(loose) == len(context.spec.rules):
        return 0.0
    free, stacked = _best(context, search, loose), _best(context, search, context.spec.rules)
    if free is None or stacked is None or not (free.proven and stacked.proven):
        context.inputs.warnings.append("time ran out: the cost of the stack rule is not known")
        return 0.0
    return search.objective.points(free.units - stacked.units)


def _ownership(inputs: Inputs, lineups: list[tuple[int, ...]]) -> portfolio_pb2.OwnershipReport | None:
    if inputs.ownership_percent is None or not lineups:
        return None
    found = portfolio_ownership(np.array(lineups), inputs.ownership_percent, inputs.optimal_percent)
    return portfolio_pb2.OwnershipReport(**vars(found))


def _regimes(context: Context) -> list[portfolio_pb2.RegimeReport]:
    """The lineups of each race flow on its own scenarios."""
    inputs, found = context.inputs, []
    for regime in [item.regime for item in context.request.regimes]:
        entries = [entry for entry in context.outcome.entries if entry.regime == regime]
        if entries:
            slate = on_regime(inputs.slate, inputs.matrix, regime)
            held = [list(entry.solution.columns) for entry in entries]
            report = portfolio_pb2.RegimeReport(
                regime=regime,
                n_scenarios=slate.n_scenarios,
                n_lineups=len(entries),
                objective_mean=fmean(own_values(inputs.slate, inputs.matrix, inputs.terms, entries, context.call)),
                mean_points=float(slate.mean_points[held].sum(axis=1).mean()),
            )
            found.append(report)
    return found


def _broken_exposures(context: Context) -> list[str]:
    """Bounds that the soft mode traded; the hard mode keeps them, as far as it came."""
    return context.plan.broken() if context.spec.mode is ExposureMode.SOFT else []


def _paid_points(context: Context) -> float:
    return sum(entry.objective.points(entry.paid_units) for entry in context.outcome.entries)


def _throw_away(lineups: Sequence[tuple[int, ...]], search: Search) -> list[str]:
    """A warning about lineups that are only there to make up the number."""
    values = [search.value(columns) for columns in lineups]
    least = _WORTH_PLAYING * max(values, default=0)
    n_poor = sum(value < least for value in values)
    if not n_poor:
        return []
    return [
        f"{n_poor} of {len(lineups)} lineups reach less than {100 * _WORTH_PLAYING:g} % of the best one's objective: "
        "the slate and the rules leave too few good lineups; ask for fewer or loosen exposures"
    ]


def _warnings(context: Context, search: Search) -> list[str]:
    """What the inputs warned of, and what the build fell short of."""
    entries = context.outcome.entries
    warnings = [*context.inputs.warnings, *_throw_away([entry.solution.columns for entry in entries], search)]
    open_gaps = [entry for entry in entries if not entry.solution.proven]
    if open_gaps:
        gap = max(e.objective.points(e.solution.upper_bound_units - e.solution.units) for e in open_gaps)
        warnings.append(f"time ran out: {len(open_gaps)} lineups are unproven, with gaps up to {gap:.2f} points")
    if len(entries) < context.spec.n_lineups and not context.outcome.conflict:
        warnings.append(f"time ran out: {len(entries)} of {context.spec.n_lineups} lineups built")
    if broken := _broken_exposures(context):
        paid = f"{_paid_points(context):.2f} points paid for exposures"
        warnings.append(f"{paid}, {len(broken)} of which are broken: {'; '.join(broken)}")
    if context.outcome.conflict:
        warnings.append(
            f"{len(entries)} of {context.spec.n_lineups} lineups built: no further one keeps all of "
            f"{'; '.join(context.outcome.conflict)}"
        )
    return warnings
