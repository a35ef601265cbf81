"""All that a portfolio is built from, fetched and checked before any search begins."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from pitwall.optimizer.v1 import optimizer_service_pb2 as pb
from pitwall.optimizer.v1 import portfolio_pb2
from services.common.domain.errors import FailedPrecondition, ServiceError
from services.common.domain.race import Race
from services.common.domain.work import Checkpoint, no_checkpoint
from services.common.matrix.scenario_matrix import ScenarioMatrix
from services.common.rpc.calls import Call, PartOfCall
from services.common.rpc.peers import OwnershipPeer, ScenarioPeer
from services.optimizer import mapping
from services.optimizer.core.objective import Term
from services.optimizer.core.slate import Slate, check_range
from services.optimizer.core.structure import Leverage, Structure, check_structure
from services.optimizer.supply import scenarios_for


@dataclass(frozen=True)
class Peers:
    """The services that the optimizer asks."""

    scenario: ScenarioPeer
    ownership: OwnershipPeer


_SUM_TOLERANCE = 0.1
"""Of the ownership that lineups hold, by which a user's may miss it without a warning."""
BEARABLE_REASONS = frozenset(
    {
        "DEADLINE_EXCEEDED",
        "FAILED_PRECONDITION",
        "NOT_FOUND",
        "OVERLOADED",
        "STORAGE_DAMAGED",
        "STORAGE_FULL",
        "STORAGE_READ_ONLY",
        "UNAVAILABLE",
        "UNIMPLEMENTED",
    }
)
"""Reasons for which a portfolio comes without numbers that no rule needs, and says so, rather than not at all."""
_SPARE_SHARE = 0.3
"""Of the time to the deadline that ownership and leverage may take where no rule needs them."""


@dataclass(frozen=True, eq=False)
class Inputs:
    """What a portfolio is built from.

    Attributes
    ----------
    ownership_percent, optimal_percent
        Per driver; None where nobody asked for them or could tell.
    n_generations
        Scenario generations triggered because the set was too small.
    spare_set_id
        The set that was too small, if another was made; independent of it.
    """

    race: Race
    matrix: ScenarioMatrix
    slate: Slate
    terms: tuple[Term, ...]
    structure: Structure
    leverage: Leverage
    ownership_percent: npt.NDArray[np.float64] | None
    optimal_percent: npt.NDArray[np.float64] | None = None
    n_generations: int = 0
    spare_set_id: str = ""
    warnings: list[str] = field(default_factory=list)


def slate_of(race: Race, matrix: ScenarioMatrix, checkpoint: Checkpoint = no_checkpoint) -> Slate:
    """The scenarios of a race as the core takes them.

    Raises
    ------
    FailedPrecondition
        If the race lists other drivers than the scenarios.
    """
    matrix.require_starters(race)
    slate = Slate(matrix.ticks_by_driver, race.salaries_dollars, race.rules.roster_size, race.rules.salary_cap_dollars)
    check_range(slate, checkpoint)
    return slate


def fetch(request: pb.BuildPortfolioRequest, peers: Peers, call: Call) -> Inputs:
    """Fetch and check what a portfolio request is about."""
    race = peers.scenario.get_race(request.race_id, call)
    supply = scenarios_for(request, peers.scenario, call)
    matrix, warnings = supply.matrix, list(supply.warnings)
    structure = fetch_structure(race, request.structure, matrix.scenario_set_id, peers, call)
    leverage = mapping.leverage_from_proto(request.leverage)
    # What no rule needs may take a part of the time only: lineups come before numbers about them.
    spare = PartOfCall(call, _SPARE_SHARE * call.remaining_seconds())
    patient = call if leverage.needs_ownership() else spare
    ownership = _ownership(request, race, matrix.scenario_set_id, leverage, peers, patient, warnings)
    inputs = Inputs(
        race=race,
        matrix=matrix,
        slate=slate_of(race, matrix, call.checkpoint),
        terms=supply.terms,
        structure=structure,
        leverage=leverage,
        ownership_percent=ownership,
        n_generations=supply.n_generations,
        spare_set_id=supply.spare_set_id,
        warnings=warnings,
    )
    call.checkpoint()
    return replace(inputs, optimal_percent=_optimal_percent(inputs, peers, spare))


def fetch_structure(
    race: Race, message: portfolio_pb2.StructureRules, scenario_set_id: str, peers: Peers, call: Call
) -> Structure:
    """Structure rules of a request, checked; who dominates comes from the scenarios."""
    dominators: tuple[int, ...] = ()
    if message.HasField("dominators"):
        share = message.dominators.min_laps_led_share or mapping.DEFAULT_DOMINATOR_SHARE
        dominators = _dominators(race, share, scenario_set_id, peers, call)
    structure = mapping.structure_from_proto(race, message, dominators)
    check_structure(structure, mapping.driver_table(race))
    return structure


def _dominators(race: Race, share: float, scenario_set_id: str, peers: Peers, call: Call) -> tuple[int, ...]:
    summary = peers.scenario.summarize(race.race_id, scenario_set_id, call)
    led = {row.driver_id: row.mean_laps_led for row in summary.drivers if row.HasField("mean_laps_led")}
    if set(led) != set(race.driver_ids):
        raise FailedPrecondition(
            "the limit on dominators needs laps led, which these scenarios do not have; "
            "generate scenarios, or use a group of drivers instead",
            metadata={"race_id": race.race_id, "missing": "laps led"},
        )
    laps = max(1.0, sum(led.values()))
    return tuple(column for column, driver_id in enumerate(race.driver_ids) if led[driver_id] / laps >= share)


def _ownership(
    request: pb.BuildPortfolioRequest,
    race: Race,
    scenario_set_id: str,
    leverage: Leverage,
    peers: Peers,
    call: Call,
    warnings: list[str],
) -> npt.NDArray[np.float64] | None:
    """The user's ownership, else the projection; without rules on it a failure to project is a warning."""
    if request.ownership_percent:
        percent = mapping.ownership_percent(race, request.ownership_percent)
        expected = 100.0 * race.rules.roster_size
        if abs(percent.sum() - expected) > _SUM_TOLERANCE * expected:
            warnings.append(f"ownership sums to {percent.sum():g} %, not to about {expected:g} %: is it complete?")
        return percent
    try:
        projected = peers.ownership.project(race, scenario_set_id, call)
    except ServiceError as error:
        if leverage.needs_ownership() or error.reason not in BEARABLE_REASONS:
            raise
        warnings.append(f"no ownership, so its numbers are 0: {error.message}")
        return None
    warnings.extend(projected.warnings)
    return projected.percent


def optimal_percent(race: Race, scenario_set_id: str, peers: Peers, call: Call) -> npt.NDArray[np.float64]:
    """Share of scenarios whose best lineup holds each driver; with known ownership it makes the leverage."""
    summary = peers.scenario.summarize(race.race_id, scenario_set_id, call, optimal_rates=True)
    rates = {row.driver_id: row.optimal_rate for row in summary.drivers}
    return np.array([100.0 * rates.get(driver_id, 0.0) for driver_id in race.driver_ids])


def _optimal_percent(inputs: Inputs, peers: Peers, call: Call) -> npt.NDArray[np.float64] | None:
    """``optimal_percent`` where it is of use; a warning where there is no time for it or it cannot be had."""
    if inputs.ownership_percent is None:
        return None
    try:
        return optimal_percent(inputs.race, inputs.matrix.scenario_set_id, peers, call)
    except ServiceError as error:
        if error.reason not in BEARABLE_REASONS:
            raise
        inputs.warnings.append(f"leverage is not known, so its numbers are 0: {error.message}")
        return None
