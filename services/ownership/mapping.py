"""Protobuf messages of the ownership contract, to and from what the core works with."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import numpy as np

from pitwall.common.v1 import lineup_pb2
from pitwall.ownership.v1 import ownership_pb2, ownership_service_pb2
from pitwall.scenario.v1 import scenario_service_pb2
from services.common.domain.errors import FieldViolation, InvalidInput
from services.common.domain.race import Race
from services.ownership.answers import ProjectionAnswer
from services.ownership.core.evaluation import Accuracy
from services.ownership.core.inputs import Simulated
from services.ownership.core.projection import Fixed, Projection
from services.ownership.core.slate import Contest
from services.ownership.dates import SECONDS_PER_DAY
from services.ownership.records import StoredRecord
from services.ownership.store import StoredModel

_CEILING_LEVEL = 95.0


def contest_from_proto(message: ownership_pb2.ContestProfile) -> Contest:
    """The kind of contest, 0 where not given."""
    return Contest(message.n_entries, message.entry_fee_cents / 100.0, message.max_entries_per_user)


def contest_to_proto(contest: Contest) -> ownership_pb2.ContestProfile:
    """The kind of contest."""
    return ownership_pb2.ContestProfile(
        n_entries=contest.n_entries,
        entry_fee_cents=round(100 * contest.entry_fee_dollars),
        max_entries_per_user=contest.max_entries_per_user,
    )


def simulated_from_proto(response: scenario_service_pb2.SummarizeScenariosResponse) -> Mapping[str, Simulated]:
    """What the scenarios say, by site id."""
    return {
        driver.driver_id: Simulated(
            mean_points=driver.mean_points,
            ceiling_points=next((p.points for p in driver.percentiles if p.level == _CEILING_LEVEL), float("nan")),
            optimal_rate=driver.optimal_rate if driver.HasField("optimal_rate") else float("nan"),
        )
        for driver in response.drivers
    }


def overrides_from_proto(race: Race, values: Sequence[lineup_pb2.DriverValue]) -> Fixed:
    """The user's own shares per starter: the request's before the race's.

    Raises
    ------
    InvalidInput
        For unknown or repeated drivers and percentages outside 0-100.
    """
    of_race, of_request = "race.drivers.projected_ownership_percent", "overrides_percent"
    own = [driver.projected_ownership_percent for driver in race.starters]
    shares = np.array([np.nan if percent is None else percent / 100.0 for percent in own], dtype=np.float64)
    if not values:
        return Fixed(shares, of_race)
    wrong = []
    seen: set[str] = set()
    for row, value in enumerate(values):
        path = f"{of_request}[{row}]"
        if value.driver_id not in race.driver_index:
            text = f"{value.driver_id!r} does not start in race {race.race_id!r}"
            wrong.append(FieldViolation(f"{path}.driver_id", text))
        elif value.driver_id in seen:
            wrong.append(FieldViolation(f"{path}.driver_id", f"{value.driver_id!r} is named twice"))
        elif not 0.0 <= value.value <= 100.0:
            wrong.append(FieldViolation(f"{path}.value", f"must lie between 0 and 100, is {value.value:g}"))
        else:
            shares[race.driver_index[value.driver_id]] = value.value / 100.0
        seen.add(value.driver_id)
    if wrong:
        raise InvalidInput.of(wrong)
    both = any(
        driver.projected_ownership_percent is not None and driver.driver_id not in seen for driver in race.starters
    )
    return Fixed(shares, f"{of_request}, {of_race}" if both else of_request)


def _components(projection: Projection, column: int) -> list[ownership_pb2.OwnershipComponent]:
    fixed = projection.fixed[column]
    if not np.isnan(fixed):
        return [ownership_pb2.OwnershipComponent(estimator="user", percent=100.0 * fixed, weight=1.0)]
    return [
        ownership_pb2.OwnershipComponent(estimator=name, percent=100.0 * share, weight=weight)
        for name, share, weight in zip(
            projection.member_names,
            projection.member_shares[column].tolist(),
            projection.member_weights[column].tolist(),
            strict=True,
        )
    ]


def projection_to_proto(answer: ProjectionAnswer, interval_level: float) -> ownership_pb2.OwnershipProjection:
    """A projection, drivers in the order of the race."""
    projection = answer.projection
    message = ownership_pb2.OwnershipProjection(
        race_id=answer.race.race_id,
        scenario_set_id=answer.scenario_set_id,
        model_version=answer.model_version,
        total_percent=100.0 * float(projection.shares.sum()),
        interval_level=interval_level,
        concentration=projection.concentration,
        projection_id=answer.projection_id,
        warnings=projection.warnings,
    )
    for column, driver_id in enumerate(answer.race.driver_ids):
        message.drivers.add(
            driver_id=driver_id,
            percent=100.0 * projection.shares[column],
            lower_percent=100.0 * projection.lower[column],
            upper_percent=100.0 * projection.upper[column],
            components=_components(projection, column),
        )
    return message


def record_to_proto(record: StoredRecord) -> ownership_pb2.OwnershipRecord:
    """A record."""
    message = ownership_pb2.OwnershipRecord(
        record_id=record.record_id,
        race_id=record.race_id,
        contest_id=record.contest_id,
        contest=contest_to_proto(record.played.slate.contest),
        drivers=[
            ownership_pb2.DriverOwnership(driver_id=driver_id, percent=100.0 * share)
            for driver_id, share in zip(record.driver_ids, record.played.shares.tolist(), strict=True)
        ],
    )
    message.create_time.FromDatetime(datetime.fromtimestamp(record.created_at, UTC))
    message.race_time.FromSeconds(round(record.played.slate.day * SECONDS_PER_DAY))
    return message


def told_day(request: ownership_service_pb2.RecordOwnershipRequest) -> float | None:
    """Days since 1970 at which the race was run, None where the request does not say."""
    return request.race_time.ToSeconds() / SECONDS_PER_DAY if request.HasField("race_time") else None


def model_to_proto(model: StoredModel) -> ownership_pb2.OwnershipModel:
    """A fitted model."""
    message = ownership_pb2.OwnershipModel(
        model_version=model.model_version,
        n_races=model.n_races,
        weights=dict(model.weights),
        active=model.active,
    )
    if model.created_at:
        message.create_time.FromDatetime(datetime.fromtimestamp(model.created_at, UTC))
    return message


def accuracy_to_proto(row: Accuracy) -> ownership_pb2.OwnershipAccuracy:
    """Accuracy of one estimator, in points of ownership; what cannot be told stays 0."""
    return ownership_pb2.OwnershipAccuracy(
        name=row.name,
        mae=100.0 * row.mae,
        mae_se=100.0 * row.mae_se,
        weighted_mae=100.0 * row.weighted_mae,
        bias=100.0 * row.bias,
        spearman=row.spearman,
        coverage=row.coverage,
        skill=row.skill,
        recall_20=row.recall[0],
        recall_30=row.recall[1],
        recall_40=row.recall[2],
        bias_20=100.0 * row.popular_bias[0],
        bias_30=100.0 * row.popular_bias[1],
        bias_40=100.0 * row.popular_bias[2],
    )


def page_token(record: StoredRecord) -> str:
    """Token of the page that begins behind a record."""
    return base64.urlsafe_b64encode(json.dumps([record.created_at, record.record_id]).encode()).decode()


def page_position(token: str) -> tuple[float, str] | None:
    """Position of a token, None for the first page.

    Raises
    ------
    InvalidInput
        If the token is not one that this service gave out.
    """
    if not token:
        return None
    try:
        created, last = json.loads(base64.urlsafe_b64decode(token.encode()))
        return float(created), str(last)
    except (ValueError, TypeError) as error:
        raise InvalidInput.field("page_token", "is not one that this service gave out; start without one") from error


def listed(records: Sequence[StoredRecord], size: int) -> ownership_service_pb2.ListOwnershipRecordsResponse:
    """A page from up to ``size + 1`` records: one more than fit means that there is another page."""
    more = len(records) > size
    return ownership_service_pb2.ListOwnershipRecordsResponse(
        records=[record_to_proto(record) for record in records[:size]],
        next_page_token=page_token(records[size - 1]) if more else "",
    )
