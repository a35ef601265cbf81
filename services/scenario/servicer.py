"""The scenario service's rpcs: map, call, map."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import grpc

from pitwall.scenario.v1 import scenario_service_pb2 as pb
from pitwall.scenario.v1.scenario_service_pb2_grpc import ScenarioServiceServicer
from services.common.domain.work import Checkpoint
from services.common.mapping import race_from_proto
from services.common.matrix.codec import decode_upload, upload_header
from services.common.rpc.calls import Call, open_call, progress_reporter, stream_events, with_idle_limit
from services.common.rpc.calls import Emit as EmitEvent
from services.common.rpc.encoded import Encoded
from services.scenario import mapping
from services.scenario.core.optimal import OptimalRates, optimal_rates
from services.scenario.core.race_checks import complete_race
from services.scenario.core.race_import import import_race, replaced_warning
from services.scenario.core.summary import correlations, summarize_points
from services.scenario.records import Records
from services.scenario.sets import OpenSet, ScenarioSets

DEFAULT_PAGE_SIZE = 50
UPLOAD_IDLE_SECONDS = 60.0
HEAVY_METHODS = frozenset({"GenerateScenarios", "UploadMatrix", "SummarizeScenarios"})
"""Not StreamMatrix, which reads as a rule: where it has to rebuild a set, `ScenarioSets` bounds the simulations."""


class ScenarioServicer(ScenarioServiceServicer):
    """Answers the rpcs of ``pitwall.scenario.v1.ScenarioService``."""

    def __init__(self, records: Records, sets: ScenarioSets) -> None:
        self._records = records
        self._sets = sets

    def PutRace(self, request: pb.PutRaceRequest, context: grpc.ServicerContext) -> pb.PutRaceResponse:
        """Store a race."""
        record = self._records.put_race(complete_race(race_from_proto(request.race)))
        return pb.PutRaceResponse(race=mapping.record_to_proto(record))

    def ImportRace(self, request: pb.ImportRaceRequest, context: grpc.ServicerContext) -> pb.ImportRaceResponse:
        """Build a race from files and store it."""
        race, report = import_race(*mapping.import_request(request))
        before = self._records.find_race(race.race_id)
        record = self._records.put_race(race)
        if before is not None:
            report = replace(report, replaced=replaced_warning(before.race, race))
        return pb.ImportRaceResponse(race=mapping.record_to_proto(record), report=mapping.report_to_proto(report))

    def GetRace(self, request: pb.GetRaceRequest, context: grpc.ServicerContext) -> pb.GetRaceResponse:
        """Return a race."""
        return pb.GetRaceResponse(race=mapping.record_to_proto(self._records.get_race(request.race_id)))

    def ListRaces(self, request: pb.ListRacesRequest, context: grpc.ServicerContext) -> pb.ListRacesResponse:
        """List races."""
        records, token = self._records.list_races(request.page_size or DEFAULT_PAGE_SIZE, request.page_token)
        return pb.ListRacesResponse(races=map(mapping.record_to_proto, records), next_page_token=token)

    def DeleteRace(self, request: pb.DeleteRaceRequest, context: grpc.ServicerContext) -> pb.DeleteRaceResponse:
        """Delete a race and its sets."""
        return pb.DeleteRaceResponse(n_scenario_sets=self._sets.delete_race(request.race_id))

    def GenerateScenarios(
        self, request: pb.GenerateScenariosRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.GenerateScenariosResponse]:
        """Simulate a race."""

        def work(emit: EmitEvent[pb.GenerateScenariosResponse], call: Call) -> None:
            report = progress_reporter(emit, lambda progress: pb.GenerateScenariosResponse(progress=progress), call)
            record = self._sets.generate(
                request.race_id,
                request.n_scenarios,
                request.seed,
                aside=request.aside,
                checkpoint=call.checkpoint,
                report=report,
            )
            # Generated from the race as it stands, so not stale.
            found = mapping.set_to_proto(record, record.race.snapshot_hash)
            emit(pb.GenerateScenariosResponse(scenario_set=found))

        return stream_events(context, work)

    def GetScenarioSet(
        self,
        request: pb.GetScenarioSetRequest,
        context: grpc.ServicerContext,
    ) -> pb.GetScenarioSetResponse:
        """Return a set."""
        record = self._sets.find(request.race_id, request.scenario_set_id)
        return pb.GetScenarioSetResponse(scenario_set=mapping.set_to_proto(record, self._snapshot(request.race_id)))

    def ListScenarioSets(
        self,
        request: pb.ListScenarioSetsRequest,
        context: grpc.ServicerContext,
    ) -> pb.ListScenarioSetsResponse:
        """List the sets of a race."""
        snapshot = self._snapshot(request.race_id)
        size = request.page_size or DEFAULT_PAGE_SIZE
        records, token = self._records.list_sets(request.race_id, size, request.page_token)
        sets = [mapping.set_to_proto(record, snapshot) for record in records]
        return pb.ListScenarioSetsResponse(scenario_sets=sets, next_page_token=token)

    def StreamMatrix(  # type: ignore[override]
        self, request: pb.StreamMatrixRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.StreamMatrixResponse | Encoded]:
        """Stream a matrix; chunks of the stored form are serialized once for all readers."""
        call = open_call(context)
        opened = self._sets.open(request.race_id, request.scenario_set_id, checkpoint=call.checkpoint)
        part = mapping.MatrixSlice(opened, request)
        yield pb.StreamMatrixResponse(header=part.header())
        if part.is_stored_form:
            try:
                cached = opened.matrix.encoded().covering(part.start_row, part.end_row)
            except LookupError:
                pass
            else:
                yield from map(Encoded, cached)
                return
        for chunk in part.chunks():
            yield pb.StreamMatrixResponse(chunk=chunk)

    def UploadMatrix(
        self,
        request_iterator: Iterator[pb.UploadMatrixRequest],
        context: grpc.ServicerContext,
    ) -> pb.UploadMatrixResponse:
        """Keep a user's matrix."""
        call = open_call(context)
        parts = with_idle_limit(context, request_iterator, UPLOAD_IDLE_SECONDS)
        header = upload_header(parts)
        race = self._records.get_race(header.race_id).race
        decoded = decode_upload(header, parts, race.driver_ids)
        record = self._sets.upload(race, mapping.upload_from(decoded), checkpoint=call.checkpoint)
        return pb.UploadMatrixResponse(scenario_set=mapping.set_to_proto(record, record.race.snapshot_hash))

    def SummarizeScenarios(
        self, request: pb.SummarizeScenariosRequest, context: grpc.ServicerContext
    ) -> pb.SummarizeScenariosResponse:
        """Summarise a set."""
        checkpoint = open_call(context).checkpoint
        opened = self._sets.open(request.race_id, request.scenario_set_id, checkpoint=checkpoint)
        ticks, race = opened.matrix.ticks, opened.record.race
        points = summarize_points(ticks, sorted(set(request.percentile_levels)), checkpoint=checkpoint)
        optimal = _optimal(opened, checkpoint) if request.include_optimal_rates else None
        response = pb.SummarizeScenariosResponse(
            scenario_set=mapping.set_to_proto(opened.record, self._snapshot(request.race_id)),
            drivers=mapping.driver_summaries(opened, points, optimal),
        )
        if request.include_correlations:
            values = correlations(ticks, checkpoint=checkpoint)
            response.correlations.CopyFrom(mapping.correlations_to_proto(race, values))
        return response

    def _snapshot(self, race_id: str) -> str:
        return self._records.get_race(race_id).race.snapshot_hash


def _optimal(opened: OpenSet, checkpoint: Checkpoint) -> OptimalRates:
    race = opened.record.race
    return optimal_rates(
        opened.matrix.ticks,
        race.salaries_dollars,
        roster_size=race.rules.roster_size,
        salary_cap_dollars=race.rules.salary_cap_dollars,
        checkpoint=checkpoint,
    )
