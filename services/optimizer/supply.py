"""As many scenarios as the tails of a portfolio need: more of them, lower levels, or a refusal."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np

from pitwall.optimizer.v1 import optimizer_service_pb2 as pb
from pitwall.optimizer.v1 import portfolio_pb2
from pitwall.scenario.v1 import scenario_set_pb2
from services.common.domain.errors import FailedPrecondition, InvalidInput
from services.common.domain.tail import MIN_TAIL_SAMPLES
from services.common.matrix.scenario_matrix import ScenarioMatrix
from services.common.rpc.calls import Call
from services.common.rpc.peers import ScenarioPeer
from services.optimizer import mapping
from services.optimizer.core.objective import Term
from services.optimizer.core.shortage import needed_scenarios, supported_terms

MAX_SET_SCENARIOS = 1_000_000
"""Scenarios of the largest set that the scenario service generates."""

_LEAST_SCENARIOS = 100
"""Scenarios below which a lineup is not optimised on a share of them: even a mean would be luck."""

N_SEEDS = 1 << 63
"""Seeds of independent sets follow one another and wrap here."""

_SEED_STEP = 2
"""From the seed of a set to that of a larger one: the same seed would repeat its scenarios, and the next one is that of
the scenarios on which contests are played."""

_SPREAD_OF_COUNTS = 3.0
"""Standard deviations by which a race flow may come up less often in a new set."""


@dataclass(frozen=True, eq=False)
class Supply:
    """Scenarios, the terms that they support, how many generations it took, and what to warn of.

    ``spare_set_id`` names the set that was too small, where a twin was made; the two are independent.
    """

    matrix: ScenarioMatrix
    terms: tuple[Term, ...]
    n_generations: int = 0
    spare_set_id: str = ""
    warnings: tuple[str, ...] = ()


def scenarios_for(request: pb.BuildPortfolioRequest, scenario: ScenarioPeer, call: Call) -> Supply:
    """The scenarios of a request, by its policy on too few of them for the tails.

    What counts is what a single lineup is optimised on: the share of the scenarios, of the rarest race flow.

    Raises
    ------
    FailedPrecondition
        If there are too few and the policy is to refuse.
    InvalidInput
        For a level that no set supports, or a share or race flow that leaves too little of any.
    """
    terms = mapping.terms_from_proto(request.objective)
    _check_levels(terms)
    matrix = scenario.get_scenarios(request.race_id, request.scenario_set_id, call)
    needed, n_used = needed_scenarios(terms), _n_used(request, matrix)
    if n_used >= needed:
        return Supply(matrix, terms)
    warnings, n_generations, spare = [], 0, ""
    text = f"the tail needs {needed:,} scenarios for 100 samples, {_has(n_used, matrix.n_scenarios)}"
    if request.shortage == portfolio_pb2.SCENARIO_SHORTAGE_REFUSE:
        raise FailedPrecondition(
            f"{text}; generate more, or lower the level", metadata={"needed_scenarios": str(needed)}
        )
    if request.shortage != portfolio_pb2.SCENARIO_SHORTAGE_FALL_BACK:
        found = scenario.get_scenario_set(request.race_id, matrix.scenario_set_id, call)
        if found.source == scenario_set_pb2.SCENARIO_SOURCE_UPLOADED:
            warnings.append(f"{text}; an uploaded set cannot be enlarged")
        else:
            _check_reach(terms)
            n_wanted = _n_wanted(request, needed, n_used / matrix.n_scenarios)
            made = scenario.generate(request.race_id, n_wanted, (found.recipe.seed + _SEED_STEP) % N_SEEDS, call)
            warnings.append(f"{text}; {n_wanted:,} were simulated, which are the newest set of the race now")
            spare = matrix.scenario_set_id if are_twins(found.recipe, made.recipe) else ""
            matrix = scenario.get_scenarios(request.race_id, made.scenario_set_id, call)
            n_used, n_generations = _n_used(request, matrix), 1
    lowered = supported_terms(terms, n_used)
    if lowered != terms:
        used = dict.fromkeys("the mean" if term.alpha is None else f"{100 * term.alpha:g} %" for term in lowered)
        warnings.append(f"{text}; levels lowered to {', '.join(used)}")
    return Supply(matrix, lowered, n_generations, spare, tuple(warnings))


def are_twins(one: scenario_set_pb2.ScenarioRecipe, other: scenario_set_pb2.ScenarioRecipe) -> bool:
    """Whether two sets differ by their luck and size alone: the same race, model and coefficients."""
    return all(
        getattr(one, name) == getattr(other, name)
        for name in ("race_snapshot_hash", "model_version", "calibration_version")
    )


def _has(n_used: int, n_scenarios: int) -> str:
    if n_used == n_scenarios:
        return f"the set has {n_scenarios:,}"
    return f"lineups are optimised on as few as {n_used:,} of the {n_scenarios:,} of the set"


def _n_used(request: pb.BuildPortfolioRequest, matrix: ScenarioMatrix) -> int:
    """Scenarios that the least supplied lineup is optimised on."""
    n_least = matrix.n_scenarios
    if asked := mapping.regimes_from_proto(request.regimes, matrix.regime_names):
        counts = np.bincount(matrix.regimes, minlength=len(matrix.regime_names))
        n_least, rarest = min((int(counts[matrix.regime_names.index(name)]), name) for name, _ in asked)
        if not n_least:
            raise InvalidInput.field("regimes", f"no scenario of the set is of regime {rarest!r}; leave it out")
    if not 0.0 < request.scenario_share < 1.0:
        return n_least
    n_used = round(request.scenario_share * n_least)
    if n_used < _LEAST_SCENARIOS:
        raise InvalidInput.field(
            "scenario_share",
            f"is {request.scenario_share:g}, which leaves {n_used} of {n_least:,} scenarios to a lineup; "
            f"ask for {_LEAST_SCENARIOS / n_least:g} or more",
        )
    return n_used


def _n_wanted(request: pb.BuildPortfolioRequest, needed: int, fraction: float) -> int:
    """Scenarios of a set of which lineups use ``fraction``; some more where that is up to chance."""
    slack = 1.0 + _SPREAD_OF_COUNTS / sqrt(needed) if request.regimes else 1.0
    n_wanted = ceil(needed * slack / fraction)
    if n_wanted > MAX_SET_SCENARIOS:
        field = "regimes" if request.regimes else "scenario_share"
        raise InvalidInput.field(
            field,
            f"leaves {100 * fraction:.3g} % of the scenarios to a lineup, so that the tail would need {n_wanted:,}; "
            f"sets hold at most {MAX_SET_SCENARIOS:,}: use a greater part, lower the levels, or let them fall back",
        )
    return n_wanted


def _check_levels(terms: tuple[Term, ...]) -> None:
    for index, term in enumerate(terms):
        if term.alpha is not None and not 0 < term.alpha < 1:
            raise InvalidInput.field(
                f"objective.terms[{index}].cvar_alpha", f"must lie between 0 and 1, is {term.alpha:g}"
            )


def _check_reach(terms: tuple[Term, ...]) -> None:
    """Refuse levels that no scenario set could support."""
    for index, term in enumerate(terms):
        needed = needed_scenarios([term])
        if needed > MAX_SET_SCENARIOS:
            raise InvalidInput.field(
                f"objective.terms[{index}].cvar_alpha",
                f"is {term.alpha!r}, which needs {needed:,} scenarios for 100 samples in the tail; sets hold at most "
                f"{MAX_SET_SCENARIOS:,}: ask for {1 - MIN_TAIL_SAMPLES / MAX_SET_SCENARIOS} or less, "
                "or let levels fall back",
            )
