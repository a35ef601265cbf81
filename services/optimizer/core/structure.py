"""The rules a user may set on single lineups, as named rules over drivers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.common.domain.errors import FieldViolation, InvalidInput
from services.common.universe.rules import Group, Limit, Mask, Rule, Stack

_LEAST_FRACTION = 1e-9
"""Ownership that counts as none: logarithms need a positive number."""


@dataclass(frozen=True)
class GroupSpec:
    """At least ``at_least`` and at most ``at_most`` (None: any number) of some columns.

    ``if_column`` limits the rule to lineups that hold this column.
    """

    name: str
    columns: tuple[int, ...]
    at_least: int = 0
    at_most: int | None = None
    if_column: int | None = None


@dataclass(frozen=True)
class Structure:
    """Which lineups are allowed besides the site's rules; columns of the slate.

    Attributes
    ----------
    stack
        (min, max) drivers of any team that is used at all; None for no rule.
    max_dominators, dominators
        At most so many of these columns; None for no rule.
    """

    locked: tuple[int, ...] = ()
    excluded: tuple[int, ...] = ()
    salary_floor_dollars: int = 0
    stack: tuple[int, int] | None = None
    groups: tuple[GroupSpec, ...] = ()
    max_dominators: int | None = None
    dominators: tuple[int, ...] = ()


@dataclass(frozen=True)
class Leverage:
    """How lineups stand against the ownership of the field; percentages from 0 to 100 per driver."""

    ownership_penalty: float = 0.0
    max_driver_percent: float | None = None
    min_low_owned: int = 0
    low_owned_percent: float = 10.0
    max_total_percent: float | None = None
    max_product: float | None = None
    max_duplicates: float | None = None
    field_entries: int = 5_000

    def needs_ownership(self) -> bool:
        """Whether any rule looks at ownership."""
        limits = (self.max_driver_percent, self.max_total_percent, self.max_product, self.max_duplicates)
        return bool(self.ownership_penalty or self.min_low_owned or any(limit is not None for limit in limits))


@dataclass(frozen=True, eq=False)
class DriverTable:
    """What rules know of the drivers; arrays of shape (n_drivers,)."""

    names: tuple[str, ...]
    salaries_dollars: npt.NDArray[np.int64]
    team_index: npt.NDArray[np.int64]
    roster_size: int

    @property
    def n_drivers(self) -> int:
        """Drivers that start."""
        return len(self.names)

    def mask(self, columns: Sequence[int]) -> Mask:
        """True at some columns."""
        marked = np.zeros(self.n_drivers, dtype=np.bool_)
        marked[list(columns)] = True
        return marked


def check_structure(structure: Structure, drivers: DriverTable) -> None:
    """Make sure that no rule contradicts another by itself.

    Raises
    ------
    InvalidInput
        Naming every field at fault.
    """
    found: list[FieldViolation] = []

    def add(field: str, description: str) -> None:
        found.append(FieldViolation(f"structure.{field}", description))

    for column in sorted(set(structure.locked) & set(structure.excluded)):
        add("locked_driver_ids", f"{drivers.names[column]} is both locked and excluded; drop one of the two")
    if len(structure.locked) > drivers.roster_size:
        add("locked_driver_ids", f"{len(structure.locked)} drivers for {drivers.roster_size} slots")
    if structure.stack is not None and structure.stack[0] > structure.stack[1]:
        add("stack.min", f"is {structure.stack[0]}, above max {structure.stack[1]}")
    for index, group in enumerate(structure.groups):
        where = f"groups[{index}]"
        if group.at_most is not None and group.at_least > group.at_most:
            add(f"{where}.min", f"is {group.at_least}, above max {group.at_most}")
        if group.at_least > min(len(group.columns), drivers.roster_size):
            add(f"{where}.min", f"is {group.at_least}, but only {len(group.columns)} drivers are in the group")
    if found:
        raise InvalidInput.of(found)


def structure_rules(structure: Structure, drivers: DriverTable) -> list[Rule]:
    """Return the structure as rules, each under the name that messages use."""
    names = drivers.names
    rules = [Rule(f"exclude {names[column]}", excluded=drivers.mask([column])) for column in structure.excluded]
    rules += [Rule(f"lock {names[column]}", group=Group(drivers.mask([column]), 1)) for column in structure.locked]
    if structure.salary_floor_dollars > 0:
        floor = Limit(-drivers.salaries_dollars.astype(np.float64), -float(structure.salary_floor_dollars))
        rules.append(Rule(f"salary floor ${structure.salary_floor_dollars:,}", limit=floor))
    if structure.stack is not None:
        low, high = structure.stack
        rules.append(Rule(f"team stack {low}-{high}", stack=Stack(drivers.team_index, low, high)))
    rules += [_group_rule(group, drivers) for group in structure.groups]
    if structure.max_dominators is not None:
        group_of = Group(drivers.mask(structure.dominators), 0, structure.max_dominators)
        rules.append(Rule(f"at most {structure.max_dominators} dominators", group=group_of))
    return rules


def _group_rule(spec: GroupSpec, drivers: DriverTable) -> Rule:
    most = drivers.roster_size if spec.at_most is None else spec.at_most
    only_with = -1 if spec.if_column is None else spec.if_column
    name = spec.name or ", ".join(drivers.names[column] for column in spec.columns)
    condition = "" if spec.if_column is None else f" with {drivers.names[spec.if_column]}"
    group = Group(drivers.mask(spec.columns), spec.at_least, most, only_with)
    return Rule(f"group {name} {spec.at_least}-{most}{condition}", group=group)


def leverage_rules(
    leverage: Leverage, ownership_percent: npt.NDArray[np.float64], log_copies: npt.NDArray[np.float64] | None
) -> list[Rule]:
    """Return the limits on ownership as rules.

    Parameters
    ----------
    ownership_percent
        Projected ownership; shape (n_drivers,).
    log_copies
        Per driver, so that the sum over a lineup is the logarithm of its expected copies in the field, see
        ``duplicates.log_copies``; needed for ``max_duplicates`` only.
    """
    rules = []
    if leverage.max_driver_percent is not None:
        over = ownership_percent > leverage.max_driver_percent
        rules.append(Rule(f"ownership per driver at most {leverage.max_driver_percent:g} %", excluded=over))
    if leverage.min_low_owned > 0:
        low = ownership_percent < leverage.low_owned_percent
        name = f"at least {leverage.min_low_owned} drivers below {leverage.low_owned_percent:g} % ownership"
        rules.append(Rule(name, group=Group(low, leverage.min_low_owned)))
    if leverage.max_total_percent is not None:
        name = f"total ownership at most {leverage.max_total_percent:g} %"
        rules.append(Rule(name, limit=Limit(ownership_percent, leverage.max_total_percent)))
    if leverage.max_product is not None:
        logs = np.log(np.maximum(ownership_percent / 100.0, _LEAST_FRACTION))
        name = f"product of ownership at most {leverage.max_product:g}"
        rules.append(Rule(name, limit=Limit(logs, float(np.log(leverage.max_product)))))
    if leverage.max_duplicates is not None and log_copies is not None:
        name = f"expected duplicates at most {leverage.max_duplicates:g}"
        rules.append(Rule(name, limit=Limit(log_copies, float(np.log(leverage.max_duplicates)))))
    return rules
