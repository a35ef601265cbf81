"""Protobuf messages of the common and race contracts, to and from domain types."""

from __future__ import annotations

from typing import Any

from pitwall.common.v1 import lineup_pb2, site_pb2
from pitwall.scenario.v1 import race_pb2
from services.common.domain.errors import InvalidInput
from services.common.domain.race import Driver, Race, Series, Track, TrackType
from services.common.domain.site_rules import DEFAULT_RULES, ScoringRules, Site, SiteRules

_OPTIONAL_NUMBERS = (
    "projected_points",
    "projected_points_sd",
    "decimal_win_odds",
    "rating",
    "projected_ownership_percent",
    "site_average_points",
    "practice_rank",
)
_DRIVER_FIELDS = (
    "driver_id",
    "name",
    "team",
    "make",
    "car_number",
    "salary_dollars",
    "start_position",
    "withdrawn",
)


def scoring_from_proto(message: site_pb2.ScoringRules) -> ScoringRules:
    """The scoring table of a message."""
    return ScoringRules(
        finish_ticks=tuple(message.finish_ticks),
        place_differential_ticks=message.place_differential_ticks,
        lap_led_ticks=message.lap_led_ticks,
        fastest_lap_ticks=message.fastest_lap_ticks,
        lap_completed_ticks=message.lap_completed_ticks,
    )


def rules_from_proto(message: site_pb2.SiteRules) -> SiteRules:
    """Site rules, what is unset taken from the site's published ones.

    Raises
    ------
    InvalidInput
        If a custom site leaves a rule unset.
    """
    site = Site[site_pb2.Site.Name(message.site or site_pb2.SITE_DRAFTKINGS).removeprefix("SITE_")]
    default = DEFAULT_RULES.get(site)
    complete = message.roster_size and message.salary_cap_dollars and message.HasField("scoring")
    if default is None and not complete:
        raise InvalidInput.field("rules", "a custom site needs roster_size, salary_cap_dollars and scoring")
    base = default or DEFAULT_RULES[Site.DRAFTKINGS]
    return SiteRules(
        site=site,
        roster_size=message.roster_size or base.roster_size,
        salary_cap_dollars=message.salary_cap_dollars or base.salary_cap_dollars,
        scoring=scoring_from_proto(message.scoring) if message.HasField("scoring") else base.scoring,
    )


def rules_to_proto(rules: SiteRules) -> site_pb2.SiteRules:
    """Site rules in full."""
    scoring = rules.scoring
    return site_pb2.SiteRules(
        site=site_pb2.Site.Value(f"SITE_{rules.site.name}"),
        roster_size=rules.roster_size,
        salary_cap_dollars=rules.salary_cap_dollars,
        scoring=site_pb2.ScoringRules(
            finish_ticks=scoring.finish_ticks,
            place_differential_ticks=scoring.place_differential_ticks,
            lap_led_ticks=scoring.lap_led_ticks,
            fastest_lap_ticks=scoring.fastest_lap_ticks,
            lap_completed_ticks=scoring.lap_completed_ticks,
        ),
    )


def driver_from_proto(message: race_pb2.Driver) -> Driver:
    """A driver; optional numbers that are not set become None."""
    present = {field.name for field, _ in message.ListFields()}
    values: dict[str, Any] = {name: getattr(message, name) for name in _DRIVER_FIELDS}
    values |= {name: getattr(message, name) for name in _OPTIONAL_NUMBERS if name in present}
    return Driver(**values)


def driver_to_proto(driver: Driver) -> race_pb2.Driver:
    """A driver; None is left unset."""
    numbers = {name: getattr(driver, name) for name in _OPTIONAL_NUMBERS if getattr(driver, name) is not None}
    return race_pb2.Driver(**{name: getattr(driver, name) for name in _DRIVER_FIELDS}, **numbers)


def track_from_proto(message: race_pb2.Track) -> Track:
    """A track; its type has been validated to be set."""
    kind = race_pb2.TrackType.Name(message.type).removeprefix("TRACK_TYPE_")
    return Track(type=TrackType[kind], name=message.name, length_miles=message.length_miles)


def track_to_proto(track: Track) -> race_pb2.Track:
    """A track."""
    kind = race_pb2.TrackType.Value(f"TRACK_TYPE_{track.type.name}")
    return race_pb2.Track(name=track.name, type=kind, length_miles=track.length_miles)


def series_from_proto(value: race_pb2.Series.ValueType) -> Series:
    """A championship, Cup when unset."""
    return Series[race_pb2.Series.Name(value or race_pb2.SERIES_CUP).removeprefix("SERIES_")]


def race_from_proto(message: race_pb2.Race) -> Race:
    """A race. Cross-field rules are the scenario service's to check."""
    return Race(
        race_id=message.race_id,
        name=message.name,
        series=series_from_proto(message.series),
        track=track_from_proto(message.track),
        scheduled_laps=message.scheduled_laps,
        stage_laps=tuple(message.stage_laps),
        rules=rules_from_proto(message.rules),
        drivers=tuple(driver_from_proto(driver) for driver in message.drivers),
        start_time=message.start_time.ToJsonString() if message.HasField("start_time") else "",
        snapshot_hash=message.snapshot_hash,
    )


def race_to_proto(race: Race) -> race_pb2.Race:
    """A race without the times of its record, which the store adds."""
    message = race_pb2.Race(
        race_id=race.race_id,
        name=race.name,
        series=race_pb2.Series.Value(f"SERIES_{race.series.name}"),
        track=track_to_proto(race.track),
        scheduled_laps=race.scheduled_laps,
        stage_laps=race.stage_laps,
        rules=rules_to_proto(race.rules),
        drivers=[driver_to_proto(driver) for driver in race.drivers],
        snapshot_hash=race.snapshot_hash,
    )
    if race.start_time:
        message.start_time.FromJsonString(race.start_time)
    return message


def lineup_columns(race: Race, lineup: lineup_pb2.Lineup, field: str) -> tuple[int, ...]:
    """Columns of a lineup's drivers, ascending.

    Raises
    ------
    InvalidInput
        Naming ``field``, if a driver does not start in the race.
    """
    unknown = [driver_id for driver_id in lineup.driver_ids if driver_id not in race.driver_index]
    if unknown:
        raise InvalidInput.field(field, f"driver {unknown[0]!r} does not start in race {race.race_id!r}")
    return tuple(sorted(race.driver_index[driver_id] for driver_id in lineup.driver_ids))


def lineup_to_proto(race: Race, columns: tuple[int, ...]) -> lineup_pb2.Lineup:
    """The lineup of some columns, in slate order."""
    return lineup_pb2.Lineup(driver_ids=[race.driver_ids[column] for column in sorted(columns)])
