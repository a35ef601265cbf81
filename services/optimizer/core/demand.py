"""What the lineups of a portfolio add up to: bounds per driver and team, by name or taken together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.optimizer.core.exposure_bounds import ExposureBounds
from services.optimizer.core.structure import DriverTable

Counts = npt.NDArray[np.int64]
Lineups = npt.NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class Demand:
    """What the lineups of a portfolio, or those to come, add up to.

    Attributes
    ----------
    least, most
        Lineups per driver; shape (n_drivers,).
    team_most, team_members
        Lineups per team, shape (n_teams,), and its drivers, bool (n_teams, n_drivers).
    min_distinct
        Drivers in which any two lineups differ at least; 0 where lineups may repeat.
    """

    n_lineups: int
    least: Counts
    most: Counts
    team_most: Counts
    team_members: npt.NDArray[np.bool_]
    min_distinct: int

    def after(self, lineups: Lineups) -> Demand:
        """What is left once some lineups are built."""
        held, teams = self.incidence(lineups)
        return Demand(
            n_lineups=self.n_lineups - len(lineups),
            least=self.least - held.sum(axis=1),
            most=self.most - held.sum(axis=1),
            team_most=self.team_most - teams.sum(axis=1),
            team_members=self.team_members,
            min_distinct=self.min_distinct,
        )

    def incidence(self, lineups: Lineups) -> tuple[Counts, Counts]:
        """Which driver and which team is in which lineup: 0 or 1, (n_drivers, n) and (n_teams, n)."""
        held = np.zeros((len(self.least), len(lineups)), dtype=np.int64)
        np.put_along_axis(held, lineups.T.astype(np.int64), 1, axis=0)
        return held, (self.team_members.astype(np.int64) @ held > 0).astype(np.int64)

    def is_met(self) -> bool:
        """Whether bounds leave nothing to do and nothing undone; for a demand without lineups left."""
        return bool((self.least <= 0).all() and (self.most >= 0).all() and (self.team_most >= 0).all())


@dataclass(frozen=True, eq=False)
class BoundRule:
    """One rule on a whole portfolio under the name by which messages call it; fields as in ``Demand``."""

    name: str
    least: Counts | None = None
    most: Counts | None = None
    team_most: Counts | None = None
    min_distinct: int = 0


def demand_of(rules: Sequence[BoundRule], n_lineups: int, team_members: npt.NDArray[np.bool_]) -> Demand:
    """Return all rules taken together."""
    n_teams, n_drivers = team_members.shape
    return Demand(
        n_lineups=n_lineups,
        least=_strictest(np.maximum, [rule.least for rule in rules], np.zeros(n_drivers, dtype=np.int64)),
        most=_strictest(np.minimum, [rule.most for rule in rules], np.full(n_drivers, n_lineups)),
        team_most=_strictest(np.minimum, [rule.team_most for rule in rules], np.full(n_teams, n_lineups)),
        team_members=team_members,
        min_distinct=max((rule.min_distinct for rule in rules), default=0),
    )


def _strictest(take: np.ufunc, given: Sequence[Counts | None], start: Counts) -> Counts:
    for counts in given:
        start = start if counts is None else take(start, counts)
    return start


def bound_rules(bounds: ExposureBounds, drivers: DriverTable, team_names: Sequence[str]) -> list[BoundRule]:
    """Return the bounds on exposures as rules: a minimum each, maxima that are equal as one."""
    n_lineups = bounds.n_lineups
    rules = [
        BoundRule(
            f"exposure of {drivers.names[column]} at least {bounds.driver_min[column]} of {n_lineups}",
            least=np.where(np.arange(drivers.n_drivers) == column, bounds.driver_min, 0),
        )
        for column in np.flatnonzero(bounds.driver_min)
    ]
    for most, name in _maxima(bounds.driver_max, n_lineups, drivers.names, "driver"):
        rules.append(BoundRule(f"exposure of {name}", most=most))
    for most, name in _maxima(bounds.team_max, n_lineups, [f"team {name}" for name in team_names], "team"):
        rules.append(BoundRule(f"exposure of {name}", team_most=most))
    return rules


def _maxima(most: Counts, n_lineups: int, names: Sequence[str], kind: str) -> list[tuple[Counts, str]]:
    """Counts that bind those with one greatest number only, and how to say so."""
    found = []
    for number in np.unique(most[most < n_lineups]):
        bound = np.flatnonzero(most == number)
        who = names[bound[0]] if len(bound) == 1 else f"any {kind} out of {len(bound)}"
        found.append((np.where(most == number, most, n_lineups), f"{who} at most {number} of {n_lineups}"))
    return found
