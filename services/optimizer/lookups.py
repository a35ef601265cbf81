"""Answers about given lineups and about the universe as a whole."""

from __future__ import annotations

import numpy as np

from pitwall.optimizer.v1 import optimizer_service_pb2 as pb
from services.common.blocks import cut, run_blocks
from services.common.domain.errors import FieldViolation, InvalidInput
from services.common.domain.race import Race
from services.common.domain.work import Checkpoint
from services.common.mapping import lineup_columns, lineup_to_proto
from services.common.rpc.calls import Call
from services.common.universe import Universe, count_lineups, enumerate_lineups
from services.common.universe.counting import count_allowed
from services.common.universe.rule_kernels import mark_allowed
from services.common.universe.rules import LineupRules, compile_rules
from services.optimizer import answers, mapping
from services.optimizer.core.metrics import lineup_numbers
from services.optimizer.core.objective import build_objective
from services.optimizer.core.slate import lineup_units
from services.optimizer.core.structure import structure_rules
from services.optimizer.inputs import Peers, fetch_structure, optimal_percent, slate_of

_ROW_BLOCK = 262_144
"""Rows that are marked in one piece: some hundredths of a second."""


def score_lineups(request: pb.ScoreLineupsRequest, peers: Peers, call: Call) -> pb.ScoreLineupsResponse:
    """Value and numbers of each lineup on one scenario set; all must be legal."""
    race = peers.scenario.get_race(request.race_id, call)
    columns = [_legal_columns(race, request, index) for index in range(len(request.lineups))]
    own = mapping.ownership_percent(race, request.ownership_percent) if request.ownership_percent else None
    matrix = peers.scenario.get_scenarios(request.race_id, request.scenario_set_id, call)
    slate = slate_of(race, matrix, call.checkpoint)
    objective = build_objective(mapping.terms_from_proto(request.objective), slate.n_scenarios)
    bonus = objective.units(mapping.driver_points(race, request.objective.driver_points))
    optimal = None if own is None else optimal_percent(race, matrix.scenario_set_id, peers, call)
    response = pb.ScoreLineupsResponse(scenario_set_id=matrix.scenario_set_id)
    for held in columns:
        call.checkpoint()
        units = lineup_units(slate, objective, held) + int(bonus[list(held)].sum())
        levels = [tail.alpha for tail in objective.tails]
        numbers = lineup_numbers(slate, held, levels, ownership_percent=own, optimal_percent=optimal)
        response.lineups.add(
            lineup=lineup_to_proto(race, held),
            objective=objective.points(units),
            metrics=answers.metrics_to_proto(numbers),
        )
    return response


def _legal_columns(race: Race, request: pb.ScoreLineupsRequest, index: int) -> tuple[int, ...]:
    field = f"lineups[{index}]"
    found = verdict(race, pb.CandidateLineup(driver_ids=request.lineups[index].driver_ids))
    if not found.legal:
        raise InvalidInput.of([FieldViolation(field, problem) for problem in found.problems])
    return lineup_columns(race, request.lineups[index], field)


def verdict(race: Race, lineup: pb.CandidateLineup) -> pb.LineupVerdict:
    """Whether the site would take a lineup, with every reason why not."""
    ids = list(lineup.driver_ids)
    known = [race.driver_index[driver_id] for driver_id in ids if driver_id in race.driver_index]
    withdrawn = {driver.driver_id for driver in race.drivers if driver.withdrawn}
    problems = []
    if len(ids) != race.rules.roster_size:
        problems.append(f"{len(ids)} drivers, the site takes {race.rules.roster_size}")
    for driver_id in dict.fromkeys(ids):
        if ids.count(driver_id) > 1:
            problems.append(f"driver {driver_id!r} is listed {ids.count(driver_id)} times")
        if driver_id in withdrawn:
            problems.append(f"driver {driver_id!r} has withdrawn")
        elif driver_id not in race.driver_index:
            problems.append(f"driver {driver_id!r} is not on the slate")
    salary, cap = int(race.salaries_dollars[known].sum()), race.rules.salary_cap_dollars
    if salary > cap:
        problems.append(f"salary ${salary:,} is above the cap of ${cap:,}")
    return pb.LineupVerdict(legal=not problems, problems=problems, salary_dollars=salary)


def describe_universe(
    request: pb.DescribeUniverseRequest, peers: Peers, call: Call, *, max_listed: int
) -> pb.DescribeUniverseResponse:
    """Legal lineups of a race, and those that structure rules allow.

    Raises
    ------
    Infeasible
        If no lineup is legal.
    UniverseTooLarge
        If only a listing could tell which are allowed, and there are more than ``max_listed``.
    """
    race = peers.scenario.get_race(request.race_id, call)
    size, cap = race.rules.roster_size, race.rules.salary_cap_dollars
    structure = fetch_structure(race, request.structure, "", peers, call)
    rules = compile_rules(structure_rules(structure, mapping.driver_table(race)), len(race.starters))
    n_legal = count_lineups(race.salaries_dollars, size, cap, checkpoint=call.checkpoint)
    n_allowed = count_allowed(race.salaries_dollars, size, cap, rules, call.checkpoint)
    if n_legal and n_allowed is not None:
        return pb.DescribeUniverseResponse(n_legal_lineups=n_legal, n_allowed_lineups=n_allowed)
    universe = enumerate_lineups(race.salaries_dollars, size, cap, max_lineups=max_listed, checkpoint=call.checkpoint)
    n_allowed = _count_listed(universe, rules, call.checkpoint)
    return pb.DescribeUniverseResponse(n_legal_lineups=universe.n_lineups, n_allowed_lineups=n_allowed)


def _count_listed(universe: Universe, rules: LineupRules, checkpoint: Checkpoint) -> int:
    """How many lineups of a universe keep some rules."""
    arrays = rules.arrays()

    def task(start: int, stop: int) -> int:
        allowed = np.empty(stop - start, dtype=np.bool_)
        mark_allowed(universe.lineups[start:stop], allowed, arrays)
        return int(np.count_nonzero(allowed))

    return sum(run_blocks(task, cut(universe.n_lineups, _ROW_BLOCK), checkpoint=checkpoint))
