"""What a portfolio is worth beyond the scenarios that chose it: fresh scenarios and bootstrap."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean

import numpy as np

from pitwall.optimizer.v1 import portfolio_pb2
from pitwall.scenario.v1 import scenario_set_pb2
from services.common.matrix.scenario_matrix import ScenarioMatrix
from services.common.universe.rules import compile_rules
from services.optimizer.core.objective import Term, build_objective
from services.optimizer.core.portfolio import Entry
from services.optimizer.core.query import Query
from services.optimizer.core.slate import Slate, lineup_units
from services.optimizer.core.stability import bootstrap
from services.optimizer.inputs import Inputs, Peers, slate_of
from services.optimizer.searches import Searches

_N_SEEDS = 1 << 63
"""Seeds of independent sets follow one another and wrap here, as those of contests do."""


def fresh_scenarios(
    inputs: Inputs, entries: Sequence[Entry], peers: Peers, searches: Searches
) -> portfolio_pb2.ValidationReport | None:
    """Re-score lineups on as many scenarios of another seed; None, with a warning, for an uploaded set.

    The lineups of a race flow count on the scenarios of this flow, which are what chose them.
    """
    call = searches.call
    race, matrix = inputs.race, inputs.matrix
    found = peers.scenario.get_scenario_set(race.race_id, matrix.scenario_set_id, call)
    if found.source == scenario_set_pb2.SCENARIO_SOURCE_UPLOADED:
        inputs.warnings.append("no validation: an uploaded scenario set has no independent twin")
        return None
    seed = (found.recipe.seed + 1) % _N_SEEDS
    # Kept aside: builds to come are to find the set that chose these lineups, not the one that validates them.
    made = peers.scenario.generate(race.race_id, matrix.n_scenarios, seed, call, aside=True)
    fresh = peers.scenario.get_scenarios(race.race_id, made.scenario_set_id, call)
    before = fmean(own_values(inputs.slate, matrix, inputs.terms, entries))
    after = fmean(own_values(slate_of(race, fresh), fresh, inputs.terms, entries))
    return portfolio_pb2.ValidationReport(
        scenario_set_id=made.scenario_set_id,
        objective_in_sample=before,
        objective_fresh=after,
        shrinkage=(before - after) / before if before else 0.0,
    )


def own_values(slate: Slate, matrix: ScenarioMatrix, terms: tuple[Term, ...], entries: Sequence[Entry]) -> list[float]:
    """Terms of the objective for each lineup, points, on the scenarios of its own race flow."""
    slates = {regime: on_regime(slate, matrix, regime) for regime in {entry.regime for entry in entries}}
    values = []
    for entry in entries:
        own = slates[entry.regime]
        objective = build_objective(terms, own.n_scenarios)
        values.append(objective.points(lineup_units(own, objective, entry.solution.columns)))
    return values


def on_regime(slate: Slate, matrix: ScenarioMatrix, regime: str) -> Slate:
    """The scenarios of a race flow; all without one."""
    if not regime:
        return slate
    return slate.on(np.flatnonzero(matrix.regimes == matrix.regime_names.index(regime)))


def stability(
    inputs: Inputs,
    best: tuple[int, ...],
    searches: Searches,
    should_stop: Callable[[], bool],
    *,
    seed: int,
    n_resamples: int,
) -> portfolio_pb2.StabilityReport | None:
    """Bootstrap the best lineup without rules, as often as there is time for; None without time for one resample."""
    n_drivers = inputs.slate.n_drivers
    nothing = compile_rules([], n_drivers)
    plain = Query(np.zeros(n_drivers, dtype=np.int64), nothing, nothing)

    def find_best(slate: Slate) -> tuple[int, ...] | None:
        solution = None if should_stop() else searches.uncached(slate).solve(plain, should_stop)
        return solution.columns if solution is not None and solution.proven else None

    found = bootstrap(inputs.slate, inputs.terms, best, find_best, np.random.default_rng([seed, 1]), n_resamples)
    return None if found is None else portfolio_pb2.StabilityReport(**vars(found))
