"""Settings into request messages."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from pitwall._config_checks import check_portfolio
from pitwall._decode import enum_value
from pitwall._groups.base import standings_file
from pitwall._numbers import MAX_CENTS, cents, whole
from pitwall.common.v1 import lineup_pb2, site_pb2
from pitwall.config import Contest, FieldConfig, PortfolioConfig, PrizeShape
from pitwall.contestsim.v1 import contest_pb2
from pitwall.optimizer.v1 import optimizer_service_pb2, portfolio_pb2
from pitwall.scenario.v1 import race_pb2
from pitwall.types.contests import PrizeTable
from pitwall.types.race import Driver, Race, Rules, Track


def driver_values(values: Mapping[str, float]) -> list[lineup_pb2.DriverValue]:
    """Numbers by site id."""
    return [lineup_pb2.DriverValue(driver_id=driver_id, value=value) for driver_id, value in values.items()]


def lineups(items: Iterable[Sequence[str]]) -> list[lineup_pb2.Lineup]:
    """Lineups by site ids."""
    return [lineup_pb2.Lineup(driver_ids=item) for item in items]


def rules(value: Rules) -> site_pb2.SiteRules:
    """Site rules."""
    return site_pb2.SiteRules(
        site=enum_value(site_pb2.SiteRules, "site", value.site),  # type: ignore[arg-type]
        roster_size=value.roster_size,
        salary_cap_dollars=value.salary_cap_dollars,
        scoring=None if value.scoring is None else site_pb2.ScoringRules(**vars(value.scoring)),
    )


def track(value: Track) -> race_pb2.Track:
    """A track."""
    kind = enum_value(race_pb2.Track, "type", value.type)
    return race_pb2.Track(name=value.name, type=kind, length_miles=value.length_miles)  # type: ignore[arg-type]


def _driver(value: Driver) -> race_pb2.Driver:
    return race_pb2.Driver(**{name: item for name, item in vars(value).items() if not _is_missing(item)})


def _is_missing(item: object) -> bool:
    """None, or the NaN that a data frame holds in its place."""
    return item is None or (isinstance(item, float) and math.isnan(item))


def race(value: Race) -> race_pb2.Race:
    """A race, without what the service adds."""
    message = race_pb2.Race(
        race_id=value.race_id,
        name=value.name,
        series=enum_value(race_pb2.Race, "series", value.series),  # type: ignore[arg-type]
        track=track(value.track),
        scheduled_laps=value.scheduled_laps,
        stage_laps=value.stage_laps,
        rules=rules(value.rules),
        drivers=[_driver(item) for item in value.drivers],
    )
    if value.start_time is not None:
        message.start_time.CopyFrom(timestamp(value.start_time))
    return message


def timestamp(value: datetime) -> Timestamp:
    """A point in time; UTC where it has no time zone."""
    message = Timestamp()
    message.FromDatetime(value)
    return message


def build_portfolio(
    race_id: str, scenario_set_id: str, config: PortfolioConfig
) -> optimizer_service_pb2.BuildPortfolioRequest:
    """The request that a portfolio config stands for.

    Raises
    ------
    InvalidInputError
        If a setting is of a kind that the message cannot carry.
    """
    check_portfolio(config)
    request = optimizer_service_pb2.BuildPortfolioRequest(
        race_id=race_id,
        scenario_set_id=scenario_set_id,
        n_lineups=config.n_lineups,
        objective=objective(config),
        exposure=_exposure(config),
        diversity=portfolio_pb2.DiversityRules(
            min_distinct_drivers=config.min_distinct_drivers, overlap_penalty=config.overlap_penalty
        ),
        leverage=_leverage(config),
        structure=structure(config),
        ownership_percent=driver_values(config.ownership_percent),
        scenario_share=config.scenario_share,
        seed=config.seed,
        validate_on_fresh_scenarios=config.validate_on_fresh_scenarios,
        stability_resamples=config.stability_resamples,
        exact_stability=config.exact_stability,
    )
    request.shortage = enum_value(type(request), "shortage", config.shortage)  # type: ignore[assignment]
    for regime, weight in config.regime_weights.items():
        request.regimes.add(regime=regime, weight=weight)
    if config.time_limit_seconds:
        request.time_limit.FromNanoseconds(int(config.time_limit_seconds * 1e9))
    return request


def objective(config: PortfolioConfig) -> portfolio_pb2.Objective:
    """The objective of a config; no terms leave the service's default."""
    message = portfolio_pb2.Objective(driver_points=driver_values(config.driver_points))
    for alpha, weight in config.cvar_weights.items():
        message.terms.add(cvar_alpha=alpha, weight=weight)
    if config.mean_weight:
        message.terms.add(mean=True, weight=config.mean_weight)
    return message


def _exposure(config: PortfolioConfig) -> portfolio_pb2.ExposureRules:
    soft, hard = portfolio_pb2.EXPOSURE_MODE_SOFT, portfolio_pb2.EXPOSURE_MODE_HARD
    message = portfolio_pb2.ExposureRules(
        max_driver=config.max_driver_exposure,
        max_team=config.max_team_exposure,
        mode=soft if config.soft_exposures else hard,
        soft_price_points=config.soft_price_points,
        spread=config.spread_exposures,
    )
    for driver_id, (least, most) in config.driver_exposures.items():
        message.drivers.add(driver_id=driver_id, min=least, max=most)
    return message


def _leverage(config: PortfolioConfig) -> portfolio_pb2.LeverageRules:
    return portfolio_pb2.LeverageRules(
        ownership_penalty=config.ownership_penalty,
        max_driver_ownership_percent=config.max_driver_ownership_percent,
        min_low_owned=config.min_low_owned,
        low_owned_percent=config.low_owned_percent,
        max_total_ownership_percent=config.max_total_ownership_percent,
        max_ownership_product=config.max_ownership_product,
        max_expected_duplicates=config.max_expected_duplicates,
        field_entries=config.field_entries,
    )


def structure(config: PortfolioConfig) -> portfolio_pb2.StructureRules:
    """The structure rules of a config."""
    message = portfolio_pb2.StructureRules(
        locked_driver_ids=config.locked,
        excluded_driver_ids=config.excluded,
        salary_floor_dollars=config.salary_floor_dollars,
    )
    if config.stack is not None:
        message.stack.min, message.stack.max = config.stack
    if config.max_dominators is not None:
        message.dominators.max = config.max_dominators
        message.dominators.min_laps_led_share = config.dominator_laps_led_share
    for group in config.groups:
        message.groups.add(
            name=group.name,
            driver_ids=group.driver_ids,
            min=group.min,
            max=group.max,
            if_driver_id=group.if_driver_id,
        )
    return message


def contest(value: Contest) -> contest_pb2.ContestSpec:
    """A contest.

    Raises
    ------
    InvalidInputError
        Naming the number that is none, or money in parts of a cent.
    """
    message = contest_pb2.ContestSpec(
        name=value.name,
        n_entries=whole(value.n_entries, "n_entries"),
        entry_fee_cents=cents(value.entry_fee_dollars, "entry_fee_dollars"),
        max_entries_per_user=whole(value.max_entries_per_user, "max_entries_per_user"),
        overlay_cents=cents(value.overlay_dollars, "overlay_dollars"),
    )
    if isinstance(value.prizes, PrizeTable):
        message.table.SetInParent()
        for index, row in enumerate(value.prizes.rows):
            at = f"prizes.rows[{index}]"
            message.table.rows.add(
                **{name: whole(number, f"{at}.{name}", MAX_CENTS) for name, number in vars(row).items()}
            )
    elif isinstance(value.prizes, PrizeShape):
        message.shape.CopyFrom(contest_pb2.PrizeShape(**vars(value.prizes)))
    else:
        message.text = value.prizes
    return message


def field(value: FieldConfig) -> contest_pb2.FieldSpec:
    """The opponents."""
    if value.known_lineups or value.standings is not None:
        known = contest_pb2.KnownField(own_user=value.own_user)
        if value.standings is not None:
            known.standings.CopyFrom(standings_file(value.standings))
        for driver_ids, n_entries in value.known_lineups.items():
            known.lineups.add(lineup=lineup_pb2.Lineup(driver_ids=driver_ids), n_entries=n_entries)
        return contest_pb2.FieldSpec(known=known)
    return contest_pb2.FieldSpec(
        model=contest_pb2.ModelField(
            ownership_percent=driver_values(value.ownership_percent),
            salary_tilt=value.salary_tilt,
            sharpness=value.sharpness,
            contrast=value.contrast,
            redraw_ownership=value.redraw_ownership,
            insight=value.insight,
        )
    )
