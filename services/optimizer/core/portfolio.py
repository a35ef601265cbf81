"""The portfolio: one proven query after the other, exposures and diversity carried from each to the next."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from services.common.domain.errors import Infeasible
from services.common.domain.work import Checkpoint
from services.common.universe.rules import Group, LineupRules, Rule, compile_rules
from services.optimizer.core.completion import Lister
from services.optimizer.core.conflict import portfolio_conflict, smallest_conflict
from services.optimizer.core.demand import BoundRule, bound_rules, demand_of
from services.optimizer.core.exposure import ExposurePlan, SoftCharges
from services.optimizer.core.exposure_bounds import ExposureMode
from services.optimizer.core.finish_guard import FinishGuard
from services.optimizer.core.leaders import Leaders
from services.optimizer.core.objective import Objective
from services.optimizer.core.query import Query, Solution
from services.optimizer.core.time_limit import ShouldStop, ending

_MAX_REFUSALS = 3
"""Best lineups that may be refused, for leaving no way to finish, before one that is known to finish is taken."""


class Search(Lister, Protocol):
    """Finds the best lineup over some scenarios: a lineup table, or branch and bound without one."""

    @property
    def objective(self) -> Objective:
        """Gives the unit of values."""
        ...

    def solve(self, query: Query, should_stop: ShouldStop) -> Solution | None:
        """Return the best lineup that a query allows, None when it allows none."""
        ...

    def leaders(self, query: Query, best: Solution, depth: int, n: int, should_stop: ShouldStop) -> Leaders:
        """Return the lineups within ``depth`` units of the best one that a query allows, at most ``n`` of them."""
        ...

    def value(self, columns: tuple[int, ...]) -> int:
        """Return what a lineup is worth by itself, in units of the objective."""
        ...

    def allows_any(self, query: Query, checkpoint: Checkpoint) -> bool:
        """Return whether a query allows any lineup; ``checkpoint`` may end the look for one."""
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
    every lineup; the proof is about lineups that keep these too. ``paid_units`` is what the soft mode took for the
    bounds it breaks; the value of the solution is after it.
    """

    index: int
    solution: Solution
    objective: Objective
    regime: str = ""
    momentary_rules: tuple[str, ...] = ()
    paid_units: int = 0


@dataclass
class Outcome:
    """How a build ended: the rules in conflict when they ended it early; without any it was the time."""

    conflict: tuple[str, ...] = ()
    entries: list[Entry] = field(default_factory=list)


class PortfolioBuilder:
    """Builds one portfolio; ``search_for`` names the search and the regime of each lineup."""

    def __init__(
        self,
        spec: PortfolioSpec,
        plan: ExposurePlan,
        search_for: Callable[[int], tuple[Search, str]],
        should_stop: ShouldStop,
        checkpoint: Checkpoint,
    ) -> None:
        self._spec = spec
        self._plan = plan
        self._search_for = search_for
        self._should_stop = should_stop
        self._look = ending(checkpoint, should_stop)
        self._n_drivers = len(spec.driver_points)
        self._rules = compile_rules(spec.rules, self._n_drivers)
        self._nothing = compile_rules([], self._n_drivers)
        self.bounds = self._bound_rules()
        self._guard = FinishGuard(demand_of(self.bounds, spec.n_lineups, plan.team_members), self._look)
        self.outcome = Outcome()

    def build(self) -> Iterator[Entry]:
        """Yield lineups as they are proven; ends early, with ``outcome.conflict`` set, when rules collide.

        When ``should_stop`` says so the lineup under way is the last: the first one comes in any case, if with a gap.

        Raises
        ------
        Infeasible
            If the rules on single lineups leave none at all.
        """
        for index in range(self._spec.n_lineups):
            if index and self._should_stop():
                return
            search, regime = self._search_for(index)
            # The rules of a single lineup say all there is to say of a portfolio of one.
            if index == 0 and self._spec.n_lineups > 1:
                self._guard.start(self._later(), search)
            found = self._next(search)
            if found is None:
                self.outcome.conflict = self._conflict(search)
                return
            solution, momentary = found
            paid = self._charges(search).paid_units(solution.columns)
            self._plan.add(solution.columns)
            names = tuple(dict.fromkeys(rule.name for rule in momentary))
            entry = Entry(index, solution, search.objective, regime, names, paid)
            self.outcome.entries.append(entry)
            yield entry

    def _bound_rules(self) -> list[BoundRule]:
        """What holds for the portfolio as a whole; exposures have a price instead in the soft mode."""
        spec, plan = self._spec, self._plan
        distinct = BoundRule(self._distance_name(), min_distinct=spec.min_distinct)
        soft = spec.mode is ExposureMode.SOFT
        return [*([] if soft else bound_rules(plan.bounds, plan.drivers, plan.team_names)), distinct]

    def _distance_name(self) -> str:
        least = self._spec.min_distinct
        return "no lineup twice" if least == 1 else f"lineups differ in at least {least} drivers"

    def _next(self, search: Search) -> tuple[Solution, list[Rule]] | None:
        """The best lineup under all rules, and the momentary ones among them.

        Spread and look-ahead are waived before a bound is given up. Where the best lineups would leave no way to
        finish, the best of those known to finish is taken.
        """
        attempts: list[list[Rule]] = [[]]
        if self._spec.mode is ExposureMode.HARD:
            hard, ahead, pace = self._plan.hard_rules(), self._plan.look_ahead(), self._plan.pace_rules()
            attempts = [[*hard, *ahead, *pace], [*hard, *ahead], hard]
        left = _MAX_REFUSALS
        for momentary in [attempt for at, attempt in enumerate(attempts) if attempt not in attempts[:at]]:
            rules = list(momentary)
            while left and (solution := self._best(search, rules)) is not None:
                if self._admit(search, solution):
                    return solution, rules
                held = np.isin(np.arange(self._n_drivers), solution.columns)
                rules.append(Rule("the portfolio can be finished", group=Group(held, 0, len(solution.columns) - 1)))
                left -= 1
        return self._held_ahead(search)

    def _best(self, search: Search, momentary: Sequence[Rule]) -> Solution | None:
        query = self._query(search, compile_rules(momentary, self._n_drivers))
        found = search.solve(query, self._should_stop)
        base = self._charges(search).base_units
        if found is None or not base:
            return found
        return replace(found, units=found.units - base, upper_bound_units=found.upper_bound_units - base)

    def _charges(self, search: Search) -> SoftCharges:
        """What the next lineup pays for the bounds it breaks; nothing in the hard mode, where it keeps them."""
        if self._spec.mode is ExposureMode.HARD:
            return SoftCharges(np.zeros(self._n_drivers, dtype=np.int64))
        return self._plan.soft_charges(int(search.objective.units(np.array(self._spec.soft_price_points))))

    def _admit(self, search: Search, solution: Solution) -> bool:
        return self._guard.admit(solution.columns, lambda: self._later(solution.columns), search)

    def _held_ahead(self, search: Search) -> tuple[Solution, list[Rule]] | None:
        """The best of the lineups that are known to finish the portfolio."""
        if self._guard.ahead is None:
            return None
        query = self._query(search, self._nothing)
        lineups = [tuple(int(column) for column in lineup) for lineup in self._guard.ahead]
        base = self._charges(search).base_units
        units = {columns: search.value(columns) + query.extra_units(columns) - base for columns in lineups}
        best = min(lineups, key=lambda columns: (-units[columns], columns))
        solution = Solution(best, units[best], units[best], len(lineups), len(lineups), "enumeration")
        self._admit(search, solution)
        return solution, [Rule("one of the lineups that finish the portfolio")]

    def _later(self, *more: tuple[int, ...]) -> Query:
        """What is allowed once ``more`` lineups are built, whatever it is worth."""
        return Query(
            driver_units=np.zeros(self._n_drivers, dtype=np.int64),
            rules=self._rules,
            momentary=self._nothing,
            earlier=(*self._earlier(), *more),
            min_distinct=self._spec.min_distinct,
        )

    def _query(self, search: Search, momentary: LineupRules) -> Query:
        spec, plan = self._spec, self._plan
        charges = self._charges(search)
        return Query(
            driver_units=search.objective.units(spec.driver_points - spec.overlap_penalty * plan.used)
            + charges.driver_units,
            rules=self._rules,
            momentary=momentary,
            tolls=charges.tolls,
            earlier=self._earlier(),
            min_distinct=spec.min_distinct,
        )

    def _earlier(self) -> tuple[tuple[int, ...], ...]:
        return tuple(entry.solution.columns for entry in self.outcome.entries)

    def _conflict(self, search: Search) -> tuple[str, ...]:
        """The names of a smallest set of rules that leaves no full portfolio, or else no next lineup."""
        impossible = self._guard.impossible
        names = self._conflict_of_all(search) if impossible else self._conflict_of_next(search)
        if not self.outcome.entries:
            what = f"portfolio of {self._spec.n_lineups} lineups" if impossible else "lineup"
            raise Infeasible(
                f"no {what} within the salary cap keeps all rules; these collide: {'; '.join(names)}. "
                "Loosen one of them",
                conflict=names,
            )
        return names

    def _conflict_of_all(self, search: Search) -> tuple[str, ...]:
        return portfolio_conflict(
            self._spec.rules, self.bounds, self._spec.n_lineups, self._plan.team_members, search, self._look
        )

    def _conflict_of_next(self, search: Search) -> tuple[str, ...]:
        hard = [] if self._spec.mode is ExposureMode.SOFT else self._plan.hard_rules()
        distinct = Rule(self._distance_name())
        earlier = self._earlier()

        def allowed(rules: Sequence[Rule]) -> bool:
            query = Query(
                driver_units=np.zeros(self._n_drivers, dtype=np.int64),
                rules=compile_rules(rules, self._n_drivers),
                momentary=self._nothing,
                earlier=earlier if distinct in rules else (),
                min_distinct=self._spec.min_distinct,
            )
            return search.allows_any(query, self._look)

        rules = [*hard, *([distinct] if earlier else []), *self._spec.rules]
        return tuple(rule.name for rule in smallest_conflict(rules, allowed))
