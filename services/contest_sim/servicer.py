"""ContestSimService: map, call, map."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import numpy as np

from pitwall.contestsim.v1 import contestsim_service_pb2 as pb
from pitwall.contestsim.v1 import contestsim_service_pb2_grpc as pb_grpc
from services.common.domain.race import Race
from services.common.matrix.scenario_matrix import ScenarioMatrix
from services.common.rpc.calls import Call, Emit, open_call, progress_reporter, stream_events
from services.common.rpc.peers import ScenarioPeer
from services.contest_sim import answers, mapping
from services.contest_sim.choosing import Choosing
from services.contest_sim.core.kelly import DEFAULT_FRACTION
from services.contest_sim.field_library import FieldLibrary
from services.contest_sim.opposition import OppositionFinder
from services.contest_sim.scratched import scoring_nothing, scratched_warnings, with_scratched
from services.contest_sim.simulation import Simulation

_LINEUPS_PER_MESSAGE = 2_000


class ContestSimServicer(pb_grpc.ContestSimServiceServicer):
    """Serves contests from the scenario and ownership services' answers."""

    def __init__(self, scenario: ScenarioPeer, opposition: OppositionFinder) -> None:
        self._scenario = scenario
        self._opposition = opposition

    @property
    def _library(self) -> FieldLibrary:
        return self._opposition.library

    def SimulateContest(
        self, request: pb.SimulateContestRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.SimulateContestResponse]:
        """Play contests; the result comes last."""

        def work(emit: Emit[pb.SimulateContestResponse], call: Call) -> None:
            simulation = self._simulation(request, call)
            progress = progress_reporter(emit, lambda p: pb.SimulateContestResponse(progress=p), call)
            emit(pb.SimulateContestResponse(result=simulation.run(call, progress)))

        yield from stream_events(context, work)

    def _simulation(self, request: pb.SimulateContestRequest, call: Call) -> Simulation:
        race = self._scenario.get_race(request.race_id, call)
        listed = with_scratched(race)
        entries = mapping.entries_from_proto(listed, request.entries, "entries")
        contests = [
            mapping.contest_from_proto(message, f"contests[{index}]") for index, message in enumerate(request.contests)
        ]
        for index, contest in enumerate(contests):
            contest.check_entries(entries.n_entries, f"contests[{index}]")
        matrix = self._scenarios(race, request.scenario_set_id, call)
        oppositions = [
            self._opposition.find(race, request.field, contest.setting, matrix.scenario_set_id, call)
            for contest in contests
        ]
        return Simulation(
            listed,
            matrix,
            contests,
            entries,
            oppositions,
            n_fields=request.n_fields,
            seed=request.seed,
            kelly_fraction=request.kelly_fraction or DEFAULT_FRACTION,
            warnings=scratched_warnings(
                listed, len(race.driver_ids), entries.lineups, entries.copies, "entries of your own"
            ),
        )

    def _scenarios(self, race: Race, scenario_set_id: str, call: Call) -> ScenarioMatrix:
        """The scenarios, with columns for the scratched; of other starters they are refused before any work."""
        return scoring_nothing(self._scenario.get_scenarios(race.race_id, scenario_set_id, call), race)

    def DescribeField(
        self, request: pb.DescribeFieldRequest, context: grpc.ServicerContext
    ) -> pb.DescribeFieldResponse:
        """Fit a field and describe it."""
        call = open_call(context)
        race = self._scenario.get_race(request.race_id, call)
        fields = [f"lineups[{index}]" for index in range(len(request.lineups))]
        lineups = mapping.legal_lineups(race, request.lineups, fields)
        found = self._opposition.find(
            race, request.field, mapping.setting_from_proto(request), request.scenario_set_id, call
        )
        return pb.DescribeFieldResponse(
            field=found.report(request.n_entries), expected_copies=found.expected_copies(lineups, request.n_entries)
        )

    def SampleField(
        self, request: pb.SampleFieldRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.SampleFieldResponse]:
        """Draw opponents, duplicates compressed."""
        call = open_call(context)
        race = self._scenario.get_race(request.race_id, call)
        found = self._opposition.find(
            race, request.field, mapping.setting_from_proto(request), request.scenario_set_id, call
        )
        opponents = found.sample(request.n_entries, np.random.default_rng(request.seed))
        messages = answers.opponents_to_proto(found.race, opponents)
        for start in range(0, len(messages), _LINEUPS_PER_MESSAGE):
            call.checkpoint()
            yield pb.SampleFieldResponse(lineups=messages[start : start + _LINEUPS_PER_MESSAGE])

    def SelectEntries(
        self, request: pb.SelectEntriesRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.SelectEntriesResponse]:
        """Choose the entries that together pay best; the choice comes last."""

        def work(emit: Emit[pb.SelectEntriesResponse], call: Call) -> None:
            choosing = self._choosing(request, call)
            progress = progress_reporter(emit, lambda p: pb.SelectEntriesResponse(progress=p), call)
            emit(pb.SelectEntriesResponse(selection=choosing.run(call, progress)))

        yield from stream_events(context, work)

    def _choosing(self, request: pb.SelectEntriesRequest, call: Call) -> Choosing:
        race = self._scenario.get_race(request.race_id, call)
        contest = mapping.contest_from_proto(request.contest, "contest")
        contest.check_entries(request.n_entries)
        pool = mapping.pool_from_proto(race, request)
        matrix = self._scenarios(race, request.scenario_set_id, call)
        opposition = self._opposition.find(race, request.field, contest.setting, matrix.scenario_set_id, call)
        lineups = self._library.universe(race, call.checkpoint).lineups if pool is None else pool
        rules = mapping.rules_from_proto(race, request)
        return Choosing(
            with_scratched(race),
            matrix,
            contest,
            opposition,
            lineups,
            rules,
            request.n_fields,
            request.seed,
        )

    def ResolvePrizes(
        self, request: pb.ResolvePrizesRequest, context: grpc.ServicerContext
    ) -> pb.ResolvePrizesResponse:
        """Any form of prizes as rows."""
        open_call(context).checkpoint()
        contest = mapping.contest_from_proto(request.contest, "contest")
        table = answers.table_to_proto(contest.prizes)
        return pb.ResolvePrizesResponse(table=table, pool_cents=contest.prizes.pool_cents, rake=contest.rake)
