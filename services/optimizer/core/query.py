"""One lineup wanted of a search, and the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.common.universe.rule_kernels import mark_allowed
from services.common.universe.rules import LineupRules, Mask


@dataclass(frozen=True, eq=False)
class Toll:
    """``units`` are taken from every lineup that has at least one of the ``drivers``; never negative."""

    drivers: Mask
    units: int


@dataclass(frozen=True, eq=False)
class Query:
    """One lineup wanted: the best under additive terms, rules and distance from earlier lineups.

    Attributes
    ----------
    driver_units
        Added to the value of every lineup that has the driver; int64, shape (n_drivers,).
    rules
        Rules that hold for the whole portfolio; searches remember their answer to the same object.
    momentary
        Rules of this lineup alone.
    tolls
        Taken once per lineup.
    earlier, min_distinct
        The lineup differs in at least ``min_distinct`` drivers from each of these (columns ascending).
    """

    driver_units: npt.NDArray[np.int64]
    rules: LineupRules
    momentary: LineupRules
    tolls: tuple[Toll, ...] = ()
    earlier: tuple[tuple[int, ...], ...] = ()
    min_distinct: int = 1

    def extra_units(self, columns: Sequence[int]) -> int:
        """What driver units and tolls make of a lineup, besides its own value."""
        held = list(columns)
        tolls = sum(toll.units for toll in self.tolls if toll.drivers[held].any())
        return int(self.driver_units[held].sum()) - tolls

    def allows(self, columns: tuple[int, ...]) -> bool:
        """Return whether a legal lineup keeps all rules and its distance."""
        lineup, kept = np.array([columns], dtype=np.int8), np.zeros(1, dtype=np.bool_)
        for rules in (self.rules, self.momentary):
            mark_allowed(lineup, kept, rules.arrays())
            if not kept[0]:
                return False
        return all(len(set(columns) - set(other)) >= self.min_distinct for other in self.earlier)


@dataclass(frozen=True)
class Solution:
    """The answer to a query, its values in units of the objective.

    Attributes
    ----------
    columns
        Driver columns of the best lineup, ascending; of several the lexicographically first.
    units, upper_bound_units
        Its value, and what no allowed lineup exceeds; equal when the proof is complete.
    n_covered
        Allowed lineups the claim extends to; -1 when they were not counted.
    n_evaluated
        Lineups whose tail was evaluated exactly for this query.
    method
        ``table``, ``enumeration`` or ``branch_and_bound``.
    """

    columns: tuple[int, ...]
    units: int
    upper_bound_units: int
    n_covered: int
    n_evaluated: int
    method: str

    @property
    def proven(self) -> bool:
        """No allowed lineup is better: in integers, so without a tolerance."""
        return self.units == self.upper_bound_units
