"""What the service is asked and what it answers, as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.common.domain.race import Race
from services.ownership.core.projection import Projection
from services.ownership.core.recording import FieldPicks, picks_from_standings, picks_from_table
from services.ownership.core.slate import Contest
from services.ownership.core.standings import Standings
from services.ownership.records import StoredRecord


@dataclass(frozen=True)
class ProjectionQuery:
    """What a projection is asked for; empty ids mean the newest set and the active model."""

    race_id: str
    scenario_set_id: str
    model_version: str
    contest: Contest
    interval_level: float


@dataclass(frozen=True, eq=False)
class ProjectionAnswer:
    """A projection with everything that names it."""

    race: Race
    scenario_set_id: str
    model_version: str
    projection: Projection
    projection_id: str


@dataclass(frozen=True, eq=False)
class ActualOwnership:
    """What a field did, in which kind of contest, and when; ``source`` is the field of the request that told it."""

    picks: FieldPicks
    contest: Contest
    source: str
    race_day: float | None = None


@dataclass(frozen=True, eq=False)
class Recorded:
    """A record as stored, and what a careful user should know of it."""

    record: StoredRecord
    warnings: tuple[str, ...]


def actual_from_table(
    driver_ids: Sequence[str], percents: Sequence[float], race: Race, given: Contest
) -> ActualOwnership:
    """From percentages by site id; `InvalidInput` when they cannot be this race's."""
    return ActualOwnership(picks_from_table(driver_ids, percents, race, field="table.percent"), given, "table")


def actual_from_standings(standings: Standings, race: Race, given: Contest) -> ActualOwnership:
    """From an export, which also tells the size of the contest where the user does not."""
    contest = Contest(
        n_entries=given.n_entries or standings.n_entries,
        entry_fee_dollars=given.entry_fee_dollars,
        max_entries_per_user=given.max_entries_per_user or standings.max_entries_per_user,
    )
    return ActualOwnership(picks_from_standings(standings, race), contest, "standings")
