"""Ownership: project, record, fit, evaluate."""

from __future__ import annotations

import builtins
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from pitwall import _requests
from pitwall._calls import Caller
from pitwall._decode import decode
from pitwall._groups.base import FileSource, last_event, standings_file
from pitwall.ownership.v1 import ownership_pb2
from pitwall.ownership.v1 import ownership_service_pb2 as pb
from pitwall.ownership.v1.ownership_service_pb2_grpc import OwnershipServiceStub
from pitwall.types.ownership import (
    ContestProfile,
    OwnershipEvaluation,
    OwnershipModel,
    OwnershipProjection,
    OwnershipRecord,
)
from pitwall.types.race import OnProgress


def _profile(contest: ContestProfile | None) -> ownership_pb2.ContestProfile | None:
    return None if contest is None else ownership_pb2.ContestProfile(**vars(contest))


class Ownership:
    """What the field will play."""

    def __init__(self, stub: OwnershipServiceStub, caller: Caller) -> None:
        self._stub = stub
        self._caller = caller

    def project(
        self,
        race_id: str,
        *,
        scenario_set_id: str = "",
        model_version: str = "",
        contest: ContestProfile | None = None,
        overrides_percent: Mapping[str, float] | None = None,
        interval_level: float = 0.0,
    ) -> OwnershipProjection:
        """Projected ownership of a race; overrides by site id stand, the others are fitted around them."""
        request = pb.ProjectOwnershipRequest(
            race_id=race_id,
            scenario_set_id=scenario_set_id,
            model_version=model_version,
            contest=_profile(contest),
            overrides_percent=_requests.driver_values(overrides_percent or {}),
            interval_level=interval_level,
        )
        response = self._caller.unary(self._stub.ProjectOwnership, request, race_id=race_id)
        return decode(OwnershipProjection, response.projection)

    def record(
        self,
        race_id: str,
        contest_id: str,
        *,
        standings: FileSource | None = None,
        percent: Mapping[str, float] | None = None,
        contest: ContestProfile | None = None,
        race_time: datetime | None = None,
    ) -> OwnershipRecord:
        """Store the actual ownership of a contest, from the standings export or as numbers by site id.

        ``race_time`` tells when a race without a start time was run: histories only look at earlier races.
        """
        request = pb.RecordOwnershipRequest(
            race_id=race_id,
            contest_id=contest_id,
            contest=_profile(contest),
            race_time=None if race_time is None else _requests.timestamp(race_time),
        )
        if standings is not None:
            request.standings.CopyFrom(standings_file(standings))
        if percent is not None:
            request.table.percent.extend(_requests.driver_values(percent))
        response = self._caller.unary(self._stub.RecordOwnership, request, race_id=race_id)
        return replace(decode(OwnershipRecord, response.record), warnings=tuple(response.warnings))

    def delete_record(self, race_id: str, contest_id: str) -> None:
        """Delete a recorded contest; fitted models stay as they are."""
        request = pb.DeleteOwnershipRecordRequest(race_id=race_id, contest_id=contest_id)
        self._caller.unary(self._stub.DeleteOwnershipRecord, request, race_id=race_id)

    def records(self, race_id: str = "", page_size: int = 100) -> Iterator[OwnershipRecord]:
        """Recorded contests, newest first."""
        token = ""
        while True:
            request = pb.ListOwnershipRecordsRequest(race_id=race_id, page_size=page_size, page_token=token)
            response = self._caller.unary(self._stub.ListOwnershipRecords, request, race_id=race_id)
            yield from (decode(OwnershipRecord, record) for record in response.records)
            token = response.next_page_token
            if not token:
                return

    def fit(self, *, on_progress: OnProgress | None = None) -> OwnershipModel:
        """Fit the ensemble to all records and make it the active model; the same records give the same model."""
        events = self._caller.stream(self._stub.FitModel, pb.FitModelRequest())
        return decode(OwnershipModel, last_event(events, "model", on_progress))

    def evaluate(self, *, interval_level: float = 0.0, on_progress: OnProgress | None = None) -> OwnershipEvaluation:
        """Accuracy on races left out in turn."""
        request = pb.EvaluateModelRequest(interval_level=interval_level)
        events = self._caller.stream(self._stub.EvaluateModel, request)
        return decode(OwnershipEvaluation, last_event(events, "evaluation", on_progress))

    def models(self) -> builtins.list[OwnershipModel]:
        """The models, newest first, the built-in default last."""
        response = self._caller.unary(self._stub.ListModels, pb.ListModelsRequest())
        return [decode(OwnershipModel, model) for model in response.models]
