"""Requests of the optimizer's contract as what the core takes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pitwall.common.v1 import lineup_pb2
from pitwall.optimizer.v1 import portfolio_pb2
from services.common.domain.errors import FieldViolation, InvalidInput
from services.common.domain.race import Race
from services.optimizer.core.exposure_bounds import ExposureConfig, ExposureMode
from services.optimizer.core.objective import DEFAULT_TERMS, MAX_POINTS_PER_DRIVER, Term
from services.optimizer.core.structure import DriverTable, GroupSpec, Leverage, Structure

DEFAULT_MAX_DRIVER = 0.5
DEFAULT_MAX_TEAM = 0.7
DEFAULT_OVERLAP_PENALTY = 0.1
DEFAULT_SOFT_PRICE = 5.0
DEFAULT_LOW_OWNED_PERCENT = 10.0
DEFAULT_FIELD_ENTRIES = 5_000
DEFAULT_DOMINATOR_SHARE = 0.1


def driver_table(race: Race) -> DriverTable:
    """What rules know of the drivers of a race."""
    names = tuple(driver.name for driver in race.starters)
    return DriverTable(names, race.salaries_dollars, race.team_index, race.rules.roster_size)


def terms_from_proto(message: portfolio_pb2.Objective) -> tuple[Term, ...]:
    """The terms of an objective, by default 0.7 x CVaR 99 % + 0.3 x CVaR 95 %."""
    terms = tuple(
        Term(term.cvar_alpha if term.WhichOneof("measure") == "cvar_alpha" else None, term.weight)
        for term in message.terms
    )
    return terms or DEFAULT_TERMS


def driver_points(race: Race, values: Sequence[lineup_pb2.DriverValue]) -> npt.NDArray[np.float64]:
    """Points per driver, 0 where none are given; shape (n_drivers,)."""
    points = np.zeros(len(race.starters))
    for column, value, where in _columns(race, values, "objective.driver_points"):
        if abs(value) > MAX_POINTS_PER_DRIVER:
            raise InvalidInput.field(f"{where}.value", f"must be within a million points, is {value:g}")
        points[column] = value
    return points


def ownership_percent(race: Race, values: Sequence[lineup_pb2.DriverValue]) -> npt.NDArray[np.float64]:
    """Ownership given by the user, complete; shape (n_drivers,).

    Raises
    ------
    InvalidInput
        If it names drivers of another race, leaves one out, is not from 0 to 100, or is 0 throughout.
    """
    field = "ownership_percent"
    percent = np.full(len(race.starters), np.nan)
    for column, value, where in _columns(race, values, field):
        if not 0.0 <= value <= 100.0:
            raise InvalidInput.field(f"{where}.value", f"must lie between 0 and 100 per cent, is {value:g}")
        percent[column] = value
    missing = [race.driver_ids[column] for column in np.flatnonzero(np.isnan(percent))]
    if missing:
        raise InvalidInput.field(field, f"lacks {len(missing)} drivers that start, such as {missing[0]!r}; give all")
    if not percent.any():
        raise InvalidInput.field(field, "is 0 for every driver; give percentages, or none to have them projected")
    return percent


def _columns(race: Race, values: Sequence[lineup_pb2.DriverValue], field: str) -> list[tuple[int, float, str]]:
    """Column, value and field path of each entry."""
    violations, found, seen = [], [], set[str]()
    for index, item in enumerate(values):
        where = f"{field}[{index}]"
        if item.driver_id not in race.driver_index:
            violations.append(FieldViolation(f"{where}.driver_id", _unknown(race, item.driver_id)))
        elif item.driver_id in seen:
            violations.append(FieldViolation(f"{where}.driver_id", f"driver {item.driver_id!r} is listed twice"))
        else:
            found.append((race.driver_index[item.driver_id], item.value, where))
        seen.add(item.driver_id)
    if violations:
        raise InvalidInput.of(violations)
    return found


def _unknown(race: Race, driver_id: str) -> str:
    return f"driver {driver_id!r} does not start in race {race.race_id!r}"


def exposure_from_proto(race: Race, message: portfolio_pb2.ExposureRules) -> ExposureConfig:
    """Exposure rules with their defaults."""
    bounds: dict[int, tuple[float, float | None]] = {}
    for index, item in enumerate(message.drivers):
        column = _column(race, item.driver_id, f"exposure.drivers[{index}].driver_id")
        if column in bounds:
            raise InvalidInput.field(f"exposure.drivers[{index}].driver_id", f"{item.driver_id!r} is listed twice")
        bounds[column] = item.min, item.max if item.HasField("max") else None
    soft = message.mode == portfolio_pb2.EXPOSURE_MODE_SOFT
    return ExposureConfig(
        max_driver=message.max_driver if message.HasField("max_driver") else DEFAULT_MAX_DRIVER,
        max_team=message.max_team if message.HasField("max_team") else DEFAULT_MAX_TEAM,
        drivers=bounds,
        mode=ExposureMode.SOFT if soft else ExposureMode.HARD,
        soft_price_points=message.soft_price_points if message.HasField("soft_price_points") else DEFAULT_SOFT_PRICE,
        spread=message.spread if message.HasField("spread") else True,
    )


def leverage_from_proto(message: portfolio_pb2.LeverageRules) -> Leverage:
    """Leverage rules with their defaults."""

    given = {field.name for field, _ in message.ListFields()}

    def optional(name: str) -> float | None:
        return getattr(message, name) if name in given else None

    return Leverage(
        ownership_penalty=message.ownership_penalty,
        max_driver_percent=optional("max_driver_ownership_percent"),
        min_low_owned=message.min_low_owned,
        low_owned_percent=message.low_owned_percent or DEFAULT_LOW_OWNED_PERCENT,
        max_total_percent=optional("max_total_ownership_percent"),
        max_product=optional("max_ownership_product"),
        max_duplicates=optional("max_expected_duplicates"),
        field_entries=message.field_entries or DEFAULT_FIELD_ENTRIES,
    )


def structure_from_proto(
    race: Race, message: portfolio_pb2.StructureRules, dominators: Sequence[int] = ()
) -> Structure:
    """Structure rules; ``dominators`` are the columns that the limit on them is about."""
    locked = _all_columns(race, message.locked_driver_ids, "structure.locked_driver_ids")
    excluded = _all_columns(race, message.excluded_driver_ids, "structure.excluded_driver_ids")
    groups = tuple(_group(race, group, f"structure.groups[{index}]") for index, group in enumerate(message.groups))
    return Structure(
        locked=locked,
        excluded=excluded,
        salary_floor_dollars=message.salary_floor_dollars,
        stack=(message.stack.min, message.stack.max) if message.HasField("stack") else None,
        groups=groups,
        max_dominators=message.dominators.max if message.HasField("dominators") else None,
        dominators=tuple(dominators),
    )


def _group(race: Race, message: portfolio_pb2.GroupRule, field: str) -> GroupSpec:
    if any(mark in message.name for mark in ";\r\n"):
        # Names of rules in conflict are listed on one line, with "; " between them.
        raise InvalidInput.field(f"{field}.name", f"must hold neither ';' nor line breaks, is {message.name!r}")
    condition = message.if_driver_id
    return GroupSpec(
        name=message.name,
        columns=_all_columns(race, message.driver_ids, f"{field}.driver_ids"),
        at_least=message.min,
        at_most=message.max if message.HasField("max") else None,
        if_column=_column(race, condition, f"{field}.if_driver_id") if condition else None,
    )


def _all_columns(race: Race, driver_ids: Sequence[str], field: str) -> tuple[int, ...]:
    return tuple(_column(race, driver_id, f"{field}[{index}]") for index, driver_id in enumerate(driver_ids))


def _column(race: Race, driver_id: str, field: str) -> int:
    if driver_id not in race.driver_index:
        raise InvalidInput.field(field, _unknown(race, driver_id))
    return race.driver_index[driver_id]


def regimes_from_proto(messages: Sequence[portfolio_pb2.RegimeWeight], known: Sequence[str]) -> list[tuple[str, float]]:
    """Names and weights of the race flows asked for, all of them in the scenario set."""
    violations = []
    for index, item in enumerate(messages):
        if item.regime not in known:
            text = f"the scenario set has no regime {item.regime!r}; it has {', '.join(known) or 'none'}"
            violations.append(FieldViolation(f"regimes[{index}].regime", text))
        if item.regime in [other.regime for other in messages[:index]]:
            violations.append(FieldViolation(f"regimes[{index}].regime", f"{item.regime!r} is listed twice"))
    if messages and not any(item.weight > 0 for item in messages):
        violations.append(FieldViolation("regimes", "at least one weight must be above zero"))
    if violations:
        raise InvalidInput.of(violations)
    return [(item.regime, item.weight) for item in messages if item.weight > 0]
