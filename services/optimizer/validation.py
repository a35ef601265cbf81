"""What lineups are worth on scenarios that did not choose them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import hypot, sqrt
from statistics import fmean

import numpy as np

from pitwall.optimizer.v1 import portfolio_pb2
from pitwall.scenario.v1 import scenario_set_pb2
from services.common.domain.errors import ServiceError
from services.common.matrix.scenario_matrix import ScenarioMatrix
from services.common.rpc.calls import Call, PartOfCall
from services.optimizer.core.influence import mean_error
from services.optimizer.core.objective import Term, build_objective
from services.optimizer.core.portfolio import Entry
from services.optimizer.core.slate import Slate, lineup_units
from services.optimizer.inputs import BEARABLE_REASONS, Inputs, Peers, slate_of
from services.optimizer.supply import N_SEEDS, are_twins


@dataclass(frozen=True)
class Validated:
    """The report, if there is one, and whether it triggered a generation."""

    report: portfolio_pb2.ValidationReport | None = None
    generated: bool = False


def validate(
    inputs: Inputs, entries: Sequence[Entry], peers: Peers, call: Call, seconds_left: Callable[[], float]
) -> Validated:
    """Re-score lineups on independent scenarios; where that cannot be done a warning says why.

    The set is the next seed's, as large as the one that chose, which the scenario service often has already; or, where
    this build had more scenarios made because a set was too small, that small set: a build triggers one generation.
    """
    generated = False
    try:
        if seconds_left() <= 0:
            inputs.warnings.append("time ran out: the lineups are not validated on fresh scenarios")
            return Validated()
        part = PartOfCall(call, seconds_left())
        set_id = inputs.spare_set_id
        if not set_id:
            found = peers.scenario.get_scenario_set(inputs.race.race_id, inputs.matrix.scenario_set_id, part)
            if found.source == scenario_set_pb2.SCENARIO_SOURCE_UPLOADED:
                inputs.warnings.append(
                    "no validation: an uploaded scenario set has no independent twin; "
                    "the optimism of the stability report estimates what it would show"
                )
                return Validated()
            generated = True
            seed = (found.recipe.seed + 1) % N_SEEDS
            # Kept aside: builds to come are to find the set that chose these lineups, not the one that validates them.
            made = peers.scenario.generate(inputs.race.race_id, inputs.matrix.n_scenarios, seed, part, aside=True)
            if not are_twins(found.recipe, made.recipe):
                inputs.warnings.append(
                    "no validation: the scenarios that chose come from an earlier state of the race or an earlier race "
                    "model; generate scenarios again and build on them"
                )
                return Validated(None, generated)
            set_id = made.scenario_set_id
        fresh = peers.scenario.get_scenarios(inputs.race.race_id, set_id, part)
        return Validated(_report(inputs, fresh, entries, part), generated)
    except ServiceError as error:
        call.checkpoint()
        if error.reason not in BEARABLE_REASONS:
            raise
        inputs.warnings.append(f"no validation on fresh scenarios: {error.message}")
        return Validated(None, generated)


def _report(
    inputs: Inputs, fresh: ScenarioMatrix, entries: Sequence[Entry], call: Call
) -> portfolio_pb2.ValidationReport | None:
    known = [entry for entry in entries if not entry.regime or _has(fresh, entry.regime)]
    if len(known) < len(entries):
        inputs.warnings.append(
            f"{len(entries) - len(known)} lineups are not validated: their race flow has no fresh scenarios"
        )
    if not known:
        return None
    before, before_error = _objective(inputs.slate, inputs.matrix, inputs.terms, known, call)
    after, after_error = _objective(slate_of(inputs.race, fresh, call.checkpoint), fresh, inputs.terms, known, call)
    return portfolio_pb2.ValidationReport(
        scenario_set_id=fresh.scenario_set_id,
        n_scenarios=fresh.n_scenarios,
        objective_in_sample=before,
        objective_fresh=after,
        shrinkage=(before - after) / before if before else 0.0,
        shrinkage_se=hypot(before_error, after_error) / abs(before) if before else 0.0,
    )


def _has(matrix: ScenarioMatrix, regime: str) -> bool:
    return regime in matrix.regime_names and bool((matrix.regimes == matrix.regime_names.index(regime)).any())


def _objective(
    slate: Slate, matrix: ScenarioMatrix, terms: tuple[Term, ...], entries: Sequence[Entry], call: Call
) -> tuple[float, float]:
    """Mean over lineups of the terms of the objective, points, and its standard error."""
    variance = 0.0
    for regime in {entry.regime for entry in entries}:
        own, lineups = on_regime(slate, matrix, regime), [e.solution.columns for e in entries if e.regime == regime]
        error = mean_error(own, build_objective(terms, own.n_scenarios), lineups, call.checkpoint)
        # Race flows have no scenario in common, so their errors are independent.
        variance += (error * len(lineups) / len(entries)) ** 2
    return fmean(own_values(slate, matrix, terms, entries, call)), sqrt(variance)


def own_values(
    slate: Slate, matrix: ScenarioMatrix, terms: tuple[Term, ...], entries: Sequence[Entry], call: Call
) -> list[float]:
    """Terms of the objective for each lineup, points, on the scenarios of its own race flow."""
    slates = {regime: on_regime(slate, matrix, regime) for regime in {entry.regime for entry in entries}}
    values = []
    for entry in entries:
        call.checkpoint()
        own = slates[entry.regime]
        objective = build_objective(terms, own.n_scenarios)
        values.append(objective.points(lineup_units(own, objective, entry.solution.columns)))
    return values


def on_regime(slate: Slate, matrix: ScenarioMatrix, regime: str) -> Slate:
    """The scenarios of a race flow; all without one."""
    if not regime:
        return slate
    return slate.on(np.flatnonzero(matrix.regimes == matrix.regime_names.index(regime)))
