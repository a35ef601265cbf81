"""OwnershipService on the wire: map, call, map."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import grpc

from pitwall.ownership.v1 import ownership_service_pb2
from pitwall.ownership.v1.ownership_service_pb2_grpc import OwnershipServiceServicer
from services.common.domain.race import Race
from services.common.rpc.calls import Call, Emit, open_call, progress_reporter, stream_events
from services.ownership import mapping
from services.ownership.answers import ActualOwnership, ProjectionQuery, actual_from_standings, actual_from_table
from services.ownership.application import Ownership
from services.ownership.core.ensemble import Work
from services.ownership.core.standings import read_standings

DEFAULT_LEVEL = 0.8
DEFAULT_PAGE_SIZE = 50


class OwnershipServicer(OwnershipServiceServicer):
    """Serves the operations of `Ownership`."""

    def __init__(self, ownership: Ownership) -> None:
        self._ownership = ownership

    def ProjectOwnership(
        self, request: ownership_service_pb2.ProjectOwnershipRequest, context: grpc.ServicerContext
    ) -> ownership_service_pb2.ProjectOwnershipResponse:
        """Project a race."""
        query = ProjectionQuery(
            race_id=request.race_id,
            scenario_set_id=request.scenario_set_id,
            model_version=request.model_version,
            contest=mapping.contest_from_proto(request.contest),
            interval_level=request.interval_level or DEFAULT_LEVEL,
        )
        answer = self._ownership.project(
            query,
            lambda race: mapping.overrides_from_proto(race, request.overrides_percent),
            open_call(context),
        )
        return ownership_service_pb2.ProjectOwnershipResponse(
            projection=mapping.projection_to_proto(answer, query.interval_level)
        )

    def RecordOwnership(
        self, request: ownership_service_pb2.RecordOwnershipRequest, context: grpc.ServicerContext
    ) -> ownership_service_pb2.RecordOwnershipResponse:
        """Store what a field did."""
        call = open_call(context)
        race = self._ownership.facts.race(request.race_id, call)
        actual = replace(_actual(request, race), race_day=mapping.told_day(request))
        done = self._ownership.record(race, request.contest_id, actual, call)
        return ownership_service_pb2.RecordOwnershipResponse(
            record=mapping.record_to_proto(done.record), warnings=done.warnings
        )

    def DeleteOwnershipRecord(
        self, request: ownership_service_pb2.DeleteOwnershipRecordRequest, context: grpc.ServicerContext
    ) -> ownership_service_pb2.DeleteOwnershipRecordResponse:
        """Forget a contest."""
        open_call(context).checkpoint()
        self._ownership.store.delete_record(request.race_id, request.contest_id)
        return ownership_service_pb2.DeleteOwnershipRecordResponse()

    def ListOwnershipRecords(
        self, request: ownership_service_pb2.ListOwnershipRecordsRequest, context: grpc.ServicerContext
    ) -> ownership_service_pb2.ListOwnershipRecordsResponse:
        """A page of records."""
        open_call(context).checkpoint()
        size = request.page_size or DEFAULT_PAGE_SIZE
        position = mapping.page_position(request.page_token)
        return mapping.listed(self._ownership.store.page(request.race_id, position, size + 1), size)

    def FitModel(
        self,
        request: ownership_service_pb2.FitModelRequest,
        context: grpc.ServicerContext,
    ) -> Iterator[ownership_service_pb2.FitModelResponse]:
        """Fit with progress."""

        def work(emit: Emit[ownership_service_pb2.FitModelResponse], call: Call) -> None:
            report = progress_reporter(emit, lambda p: ownership_service_pb2.FitModelResponse(progress=p), call)
            model = self._ownership.fit(Work(report, call.checkpoint))
            emit(ownership_service_pb2.FitModelResponse(model=mapping.model_to_proto(model)))

        return stream_events(context, work)

    def EvaluateModel(
        self, request: ownership_service_pb2.EvaluateModelRequest, context: grpc.ServicerContext
    ) -> Iterator[ownership_service_pb2.EvaluateModelResponse]:
        """Evaluate with progress."""

        def work(emit: Emit[ownership_service_pb2.EvaluateModelResponse], call: Call) -> None:
            report = progress_reporter(emit, lambda p: ownership_service_pb2.EvaluateModelResponse(progress=p), call)
            level = request.interval_level or DEFAULT_LEVEL
            rows, n_races = self._ownership.evaluate(level, Work(report, call.checkpoint))
            evaluation = ownership_service_pb2.OwnershipEvaluation(
                rows=[mapping.accuracy_to_proto(row) for row in rows], n_races=n_races
            )
            emit(ownership_service_pb2.EvaluateModelResponse(evaluation=evaluation))

        return stream_events(context, work)

    def ListModels(
        self,
        request: ownership_service_pb2.ListModelsRequest,
        context: grpc.ServicerContext,
    ) -> ownership_service_pb2.ListModelsResponse:
        """All models."""
        open_call(context).checkpoint()
        models = [mapping.model_to_proto(model) for model in self._ownership.models()]
        return ownership_service_pb2.ListModelsResponse(models=models)


def _actual(request: ownership_service_pb2.RecordOwnershipRequest, race: Race) -> ActualOwnership:
    contest = mapping.contest_from_proto(request.contest)
    if request.WhichOneof("source") == "standings":
        name = request.standings.name or "standings"
        return actual_from_standings(read_standings(name, request.standings.content), race, contest)
    rows = request.table.percent
    return actual_from_table([row.driver_id for row in rows], [row.value for row in rows], race, contest)
