"""What a portfolio is worth beyond the scenarios that chose it: fresh scenarios and bootstrap."""

from __future__ import annotations

from statistics import fmean

import numpy as np

from pitwall.optimizer.v1 import portfolio_pb2
from pitwall.scenario.v1 import scenario_set_pb2
from services.common.universe.rules import compile_rules
from services.optimizer.core.objective import build_objective
from services.optimizer.core.query import Query
from services.optimizer.core.slate import Slate, lineup_units
from services.optimizer.core.stability import bootstrap
from services.optimizer.inputs import Inputs, Peers, slate_of
from services.optimizer.searches import Searches


def fresh_scenarios(
    inputs: Inputs, lineups: list[tuple[int, ...]], peers: Peers, searches: Searches
) -> portfolio_pb2.ValidationReport | None:
    """Re-score lineups on as many scenarios of another seed; None, with a warning, for an uploaded set."""
    call = searches.call
    race, matrix = inputs.race, inputs.matrix
    found = peers.scenario.get_scenario_set(race.race_id, matrix.scenario_set_id, call)
    if found.source == scenario_set_pb2.SCENARIO_SOURCE_UPLOADED:
        inputs.warnings.append("no validation: an uploaded scenario set has no independent twin")
        return None
    made = peers.scenario.generate(race.race_id, matrix.n_scenarios, found.recipe.seed + 1, call)
    fresh = slate_of(race, peers.scenario.get_scenarios(race.race_id, made.scenario_set_id, call))
    objective = build_objective(inputs.terms, inputs.slate.n_scenarios)
    again = build_objective(inputs.terms, fresh.n_scenarios)
    before = fmean(objective.points(lineup_units(inputs.slate, objective, columns)) for columns in lineups)
    after = fmean(again.points(lineup_units(fresh, again, columns)) for columns in lineups)
    return portfolio_pb2.ValidationReport(
        scenario_set_id=made.scenario_set_id,
        objective_in_sample=before,
        objective_fresh=after,
        shrinkage=(before - after) / before if before else 0.0,
    )


def stability(
    inputs: Inputs, best: tuple[int, ...], searches: Searches, seed: int, n_resamples: int
) -> portfolio_pb2.StabilityReport:
    """Bootstrap the best lineup without rules."""
    n_drivers = inputs.slate.n_drivers
    nothing = compile_rules([], n_drivers)
    plain = Query(np.zeros(n_drivers, dtype=np.int64), nothing, nothing)

    def find_best(slate: Slate) -> tuple[int, ...]:
        solution = searches.uncached(slate).solve(plain, lambda: False)
        return best if solution is None else solution.columns

    found = bootstrap(inputs.slate, inputs.terms, best, find_best, np.random.default_rng([seed, 1]), n_resamples)
    return portfolio_pb2.StabilityReport(**vars(found))
