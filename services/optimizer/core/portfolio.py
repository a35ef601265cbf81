"""The portfolio: one proven query after the other, exposures and diversity carried from each to the next."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from services.common.domain.errors import Infeasible
from services.common.universe.rules import LineupRules, Rule, compile_rules
from services.optimizer.core.exposure import ExposureMode, ExposurePlan
from services.optimizer.core.objective import Objective
from services.optimizer.core.query import Query, Solution, Toll


class Search(Protocol):
    """Finds the best lineup over some scenarios: a lineup table, or branch and bound without one."""

    @property
    def objective(self) -> Objective:
        """Gives the unit of values."""
        ...

    def solve(self, query: Query, should_stop: Callable[[], bool]) -> Solution | None:
        """Return the best lineup that a query allows, None when it allows none."""
        ...

    def allows_any(self, query: Query) -> bool:
        """Return whether a query allows any lineup."""
        ...

    def count(self, query: Query) -> int:
        """Return how many lineups a query allows."""
        ...


@dataclass(frozen=True, eq=False)
class PortfolioSpec:
    """What a portfolio is made of.

    Attributes
    ----------
    driver_points
        Added to the objective of every lineup that holds the driver, ownership penalty included; float64,
        shape (n_drivers,).
    rules
        Rules of every lineup, under their names.
    overlap_penalty
        Points taken per driver for each earlier lineup that holds the driver.
    min_distinct
        Drivers in which any two lineups differ at least.
    """

    n_lineups: int
    driver_points: npt.NDArray[np.float64]
    rules: Sequence[Rule]
    overlap_penalty: float = 0.1
    min_distinct: int = 1
    mode: ExposureMode = ExposureMode.HARD
    soft_price_points: float = 5.0


@dataclass(frozen=True)
class Entry:
    """One lineup with its proof.

    ``momentary_rules`` names what the lineups before it and those to come put on it, on top of the rules of
    every lineup; the proof is about lineups that keep these too.
    """

    index: int
    solution: Solution
    objective: Objective
    regime: str = ""
    momentary_rules: tuple[str, ...] = ()


@dataclass
class Outcome:
    """How a build ended: the rules in conflict when it ended early."""

    conflict: tuple[str, ...] = ()
    entries: list[Entry] = field(default_factory=list)


class PortfolioBuilder:
    """Builds one portfolio; ``search_for`` names the search and the regime of each lineup."""

    def __init__(
        self,
        spec: PortfolioSpec,
        plan: ExposurePlan,
        search_for: Callable[[int], tuple[Search, str]],
        should_stop: Callable[[], bool],
    ) -> None:
        self._spec = spec
        self._plan = plan
        self._search_for = search_for
        self._should_stop = should_stop
        self._n_drivers = len(spec.driver_points)
        self._rules = compile_rules(spec.rules, self._n_drivers)
        self._nothing = compile_rules([], self._n_drivers)
        self.outcome = Outcome()

    def build(self) -> Iterator[Entry]:
        """Yield lineups as they are proven; ends early, with ``outcome.conflict`` set, when rules collide.

        Raises
        ------
        Infeasible
            If the rules on single lineups leave none at all.
        """
        for index in range(self._spec.n_lineups):
            search, regime = self._search_for(index)
            found = self._next(search)
            if found is None:
                self.outcome.conflict = self._conflict(search)
                return
            solution, momentary = found
            self._plan.add(solution.columns)
            entry = Entry(index, solution, search.objective, regime, tuple(rule.name for rule in momentary))
            self.outcome.entries.append(entry)
            yield entry

    def _next(self, search: Search) -> tuple[Solution, list[Rule]] | None:
        """The best lineup under all rules, and the momentary ones among them.

        Spread and look-ahead are waived before a bound is given up.
        """
        if self._spec.mode is ExposureMode.SOFT:
            solution = search.solve(self._query(search, self._nothing), self._should_stop)
            return None if solution is None else (solution, [])
        hard, ahead, pace = self._plan.hard_rules(), self._plan.look_ahead(), self._plan.pace_rules()
        attempts = [[*hard, *ahead, *pace], [*hard, *ahead], hard]
        for momentary in [attempt for at, attempt in enumerate(attempts) if attempt not in attempts[:at]]:
            compiled = compile_rules(momentary, self._n_drivers)
            solution = search.solve(self._query(search, compiled), self._should_stop)
            if solution is not None:
                return solution, momentary
        return None

    def _query(self, search: Search, momentary: LineupRules) -> Query:
        spec, plan = self._spec, self._plan
        points = spec.driver_points - spec.overlap_penalty * plan.used
        tolls: tuple[Toll, ...] = ()
        if spec.mode is ExposureMode.SOFT:
            points = points + plan.soft_prices(spec.soft_price_points)
            tolls = plan.soft_tolls(int(search.objective.units(np.array(spec.soft_price_points))))
        return Query(
            driver_units=search.objective.units(points),
            rules=self._rules,
            momentary=momentary,
            tolls=tolls,
            earlier=self._earlier(),
            min_distinct=spec.min_distinct,
        )

    def _earlier(self) -> tuple[tuple[int, ...], ...]:
        return tuple(entry.solution.columns for entry in self.outcome.entries)

    def _conflict(self, search: Search) -> tuple[str, ...]:
        """The names of a smallest set of rules that leaves no next lineup."""
        hard = [] if self._spec.mode is ExposureMode.SOFT else self._plan.hard_rules()
        distinct = Rule(f"lineups differ in at least {self._spec.min_distinct} drivers")
        earlier = self._earlier()

        def allowed(rules: Sequence[Rule]) -> bool:
            query = Query(
                driver_units=np.zeros(self._n_drivers, dtype=np.int64),
                rules=compile_rules(rules, self._n_drivers),
                momentary=self._nothing,
                earlier=earlier if distinct in rules else (),
                min_distinct=self._spec.min_distinct,
            )
            return search.allows_any(query)

        rules = [*hard, *([distinct] if earlier else []), *self._spec.rules]
        names = tuple(rule.name for rule in smallest_conflict(rules, allowed))
        if not earlier:
            raise Infeasible(
                f"no lineup keeps all rules; these collide: {'; '.join(names)}. Loosen one of them", conflict=names
            )
        return names


def smallest_conflict(rules: Sequence[Rule], allowed: Callable[[Sequence[Rule]], bool]) -> list[Rule]:
    """Return rules that collide, of which none can be dropped, from rules that do (deletion filter)."""
    kept = list(rules)
    for rule in rules:
        without = [other for other in kept if other is not rule]
        if not allowed(without):
            kept = without
    return kept
