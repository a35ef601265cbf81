"""How often drivers and teams may appear, kept exact to the last lineup and spread over the portfolio."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.common.universe.rules import Group, Limit, Rule
from services.optimizer.core.exposure_bounds import Counts, ExposureBounds
from services.optimizer.core.query import Toll
from services.optimizer.core.structure import DriverTable

_PACE_SLACK = 0.1
"""A driver may run ahead of an even spread by this share of the lineups allowed, less so towards the end."""


@dataclass(frozen=True, eq=False)
class SoftCharges:
    """What one lineup pays for the bounds it breaks: ``base_units``, less ``driver_units`` of its drivers, and tolls.

    A driver ahead of the bound costs the price. Every driver behind is in the base, and gives it back when held.
    """

    driver_units: Counts
    tolls: tuple[Toll, ...] = ()
    base_units: int = 0

    def paid_units(self, columns: Sequence[int]) -> int:
        """What a lineup pays; never negative."""
        held = list(columns)
        tolls = sum(toll.units for toll in self.tolls if toll.drivers[held].any())
        return self.base_units - int(self.driver_units[held].sum()) + tolls


class ExposurePlan:
    """Counts what has been used and says what the next lineup may, must and should hold."""

    def __init__(
        self, bounds: ExposureBounds, drivers: DriverTable, team_names: Sequence[str], salary_cap_dollars: int
    ) -> None:
        self.bounds = bounds
        self.drivers = drivers
        self.team_names = team_names
        self.team_members = drivers.team_index == np.arange(len(team_names))[:, None]
        self._salary_cap = salary_cap_dollars
        self.used: Counts = np.zeros(drivers.n_drivers, dtype=np.int64)
        self.team_used: Counts = np.zeros(len(team_names), dtype=np.int64)
        self.n_built = 0

    def add(self, columns: Sequence[int]) -> None:
        """Count one lineup."""
        self.used[list(columns)] += 1
        for team in {int(self.drivers.team_index[column]) for column in columns} - {-1}:
            self.team_used[team] += 1
        self.n_built += 1

    def hard_rules(self) -> list[Rule]:
        """What the next lineup must keep for the bounds to hold in the end."""
        bounds, names = self.bounds, self.drivers.names
        left = bounds.n_lineups - self.n_built
        rules = []
        for column in _where(self.used >= bounds.driver_max):
            name = _most(names[column], int(bounds.driver_max[column]), bounds.n_lineups)
            rules.append(Rule(name, excluded=self.drivers.mask([column])))
        for team in _where(self.team_used >= bounds.team_max):
            name = _most(f"team {self.team_names[team]}", int(bounds.team_max[team]), bounds.n_lineups)
            rules.append(Rule(name, excluded=self.team_members[team]))
        for column in _where(bounds.driver_min - self.used >= left):
            name = _least(names[column], int(bounds.driver_min[column]), bounds.n_lineups)
            rules.append(Rule(name, group=Group(self.drivers.mask([column]), 1)))
        return rules

    def look_ahead(self) -> list[Rule]:
        """What keeps minima, slots and salary of the lineups after the next one within reach.

        Sufficient, not necessary: to be waived before a build is given up.
        """
        left = self.bounds.n_lineups - self.n_built
        size = self.drivers.roster_size
        rules = []
        short = np.maximum(self.bounds.driver_min - self.used, 0)
        due = int(short.sum()) - size * (left - 1)
        if due > 0:
            rules.append(Rule("exposure minima of all drivers together", group=Group(short > 0, due)))
        room = np.minimum(self.bounds.driver_max - self.used, left)
        # A driver with room in all lineups left loses a slot whether chosen or not, so choosing one is free.
        full = room >= left
        free = int(room.sum()) - int(full.sum()) - size * (left - 1)
        if 0 <= free < size:
            rules.append(Rule("exposure maxima of all drivers together", group=Group(full, size - free)))
        if left > 1 and free >= 0 and due <= size:
            limit = self._salary_to_come(left, short, room)
            # Most of the time no lineup could break it; a rule less is a faster scan.
            if np.sort(limit.values)[-size:].sum() > limit.at_most:
                rules.append(Rule("exposure maxima and salary cap together", limit=limit))
        return rules

    def _salary_to_come(self, left: int, short: Counts, room: Counts) -> Limit:
        """Keep enough cheap drivers for the lineups after the next one.

        Their slots are filled at the least salary: minima first, then the cheapest drivers with room. A driver
        chosen now whose room shrinks by it is replaced by one of the next cheapest slots, at most the
        ``roster_size``-th of them, so the sum over a lineup never understates what its choice adds.
        """
        salaries, size = self.drivers.salaries_dollars, self.drivers.roster_size
        forced = np.minimum(short, left - 1)
        spare = np.minimum(room, left - 1) - forced
        order = np.argsort(salaries, kind="stable")
        slots = np.repeat(salaries[order], spare[order])
        wanted = size * (left - 1) - int(forced.sum())
        least = int((salaries * forced).sum() + slots[:wanted].sum())
        marginal = int(slots[min(wanted + size - 1, len(slots) - 1)]) if len(slots) else 0
        rise = np.where(room < left, np.maximum(marginal - salaries, 0), 0)
        rise = np.where((short > 0) & (short < left), marginal - salaries, rise)
        return Limit(rise.astype(np.float64), float(self._salary_cap * (left - 1) - least))

    def pace_rules(self) -> list[Rule]:
        """What keeps exposures spread through the portfolio; may be waived."""
        bounds = self.bounds
        if not bounds.spread:
            return []
        ahead, behind = self._ahead(), self._behind()
        rules = [Rule("even spread of maxima", excluded=ahead)] if ahead.any() else []
        rules += [Rule("even spread of teams", excluded=self.team_members[team]) for team in self._teams_ahead()]
        if behind.any():
            short = int(np.maximum(bounds.driver_min - self.used, 0).sum())
            due = min(int(behind.sum()), -(-short // (bounds.n_lineups - self.n_built)))
            rules.append(Rule("even spread of minima", group=Group(behind, min(due, self.drivers.roster_size))))
        return rules

    def _cap(self, most: Counts) -> Counts:
        """Lineups that may have been used once the next one is built."""
        return _pace_cap(most, self.n_built, self.bounds.n_lineups) if self.bounds.spread else most

    def _ahead(self) -> npt.NDArray[np.bool_]:
        return np.asarray(self.used >= self._cap(self.bounds.driver_max))

    def _teams_ahead(self) -> list[int]:
        return _where(self.team_used >= self._cap(self.bounds.team_max))

    def _behind(self) -> npt.NDArray[np.bool_]:
        least, n_lineups = self.bounds.driver_min, self.bounds.n_lineups
        even = least * (self.n_built + 1) // n_lineups
        return np.asarray(self.used < (even if self.bounds.spread else least + self.n_built + 1 - n_lineups))

    def soft_charges(self, price_units: int) -> SoftCharges:
        """What the next lineup pays in the soft mode, in units of an objective."""
        behind = self._behind()
        return SoftCharges(
            driver_units=price_units * (behind.astype(np.int64) - self._ahead()),
            tolls=tuple(Toll(self.team_members[team], price_units) for team in self._teams_ahead()),
            base_units=price_units * int(behind.sum()),
        )

    def broken(self) -> list[str]:
        """Names of the bounds that the lineups built so far break, minima as of a portfolio that is whole."""
        bounds, drivers = self.bounds, self.drivers.names
        over, short = _where(self.used > bounds.driver_max), _where(self.used < bounds.driver_min)
        teams = _where(self.team_used > bounds.team_max)
        return [
            *(_most(drivers[column], int(bounds.driver_max[column]), bounds.n_lineups) for column in over),
            *(_most(f"team {self.team_names[t]}", int(bounds.team_max[t]), bounds.n_lineups) for t in teams),
            *(_least(drivers[column], int(bounds.driver_min[column]), bounds.n_lineups) for column in short),
        ]


def _most(name: str, most: int, n_lineups: int) -> str:
    return f"exposure of {name} at most {most} of {n_lineups}"


def _least(name: str, least: int, n_lineups: int) -> str:
    return f"exposure of {name} at least {least} of {n_lineups}"


def _where(marked: npt.NDArray[np.bool_]) -> list[int]:
    return [int(index) for index in np.flatnonzero(marked)]


def _pace_cap(most: Counts, n_built: int, n_lineups: int) -> Counts:
    """Lineups that may have been used once the next one is built, by an even spread with some slack."""
    even = -(-most * (n_built + 1) // n_lineups)
    ahead = _PACE_SLACK * most * (n_lineups - n_built) / n_lineups
    slack = np.maximum(1, np.ceil(ahead)).astype(np.int64)
    return np.asarray(np.minimum(most, even + slack))
