"""Which search answers for which lineup of a portfolio: all scenarios, one race flow, or a random share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.common.rpc.calls import Call
from services.common.universe import UniverseTooLarge
from services.optimizer.core.allocation import allocate, interleave
from services.optimizer.core.branch_or_table import BranchOrTable
from services.optimizer.core.branch_search import BranchSearch
from services.optimizer.core.objective import Term, build_objective
from services.optimizer.core.portfolio import Search
from services.optimizer.core.slate import Slate
from services.optimizer.core.table_search import TableSearch
from services.optimizer.core.time_limit import TimeUp, ending
from services.optimizer.tables import TableLibrary


@dataclass(frozen=True, eq=False)
class SearchPlan:
    """What searches are made from.

    Attributes
    ----------
    content
        Identifies the scenarios.
    regimes, regime_names
        Race flow of each scenario as an index into the names.
    regime_weights
        Name and weight of the flows with lineups of their own; empty for all scenarios at once.
    scenario_share
        Share of the scenarios that each lineup is optimised on, drawn anew; 0 or 1 for all.
    by_table
        Make a table where none is kept; else branch and bound is tried first.
    """

    content: str
    slate: Slate
    terms: tuple[Term, ...]
    regimes: npt.NDArray[np.uint8]
    regime_names: tuple[str, ...]
    regime_weights: tuple[tuple[str, float], ...]
    scenario_share: float
    seed: int
    n_lineups: int
    by_table: bool = True


class Searches:
    """The searches of one portfolio, made when first needed."""

    def __init__(self, plan: SearchPlan, library: TableLibrary, call: Call, seconds_left: Callable[[], float]) -> None:
        self._plan = plan
        self._library = library
        self._seconds_left = seconds_left
        self._look = ending(call.checkpoint, lambda: seconds_left() <= 0)
        self.call = call
        self._made: dict[str, Search] = {}
        weights = [weight for _, weight in plan.regime_weights]
        parts = interleave(allocate(weights, plan.n_lineups)) if weights else []
        self._order = [plan.regime_weights[part][0] for part in parts]

    def for_lineup(self, index: int) -> tuple[Search, str]:
        """The search of a lineup and the race flow it is about."""
        regime = self._order[index] if self._order else ""
        if 0.0 < self._plan.scenario_share < 1.0:
            return self._on_share(index, self.scenarios(regime)), regime
        return self.of_regime(regime), regime

    def of_regime(self, regime: str = "") -> Search:
        """The search over all scenarios, or those of one race flow."""
        if regime not in self._made:
            plan = self._plan
            slate = plan.slate.on(self.scenarios(regime)) if regime else plan.slate
            self._made[regime] = self._open(slate, f"{plan.content} {regime}")
        return self._made[regime]

    def scenarios(self, regime: str) -> npt.NDArray[np.int64]:
        """Scenarios of a race flow; all without one."""
        if not regime:
            return np.arange(self._plan.slate.n_scenarios)
        return np.flatnonzero(self._plan.regimes == self._plan.regime_names.index(regime))

    def _open(self, slate: Slate, content: str) -> Search:
        """A table search; branch and bound first where that is the plan, unless the table is there.

        Where a table would be too large, or the time ends before it is made, there is branch and bound alone: it has a
        good lineup and a bound on the others from its first moment on.
        """
        objective = build_objective(self._plan.terms, slate.n_scenarios)
        checkpoint = self.call.checkpoint

        def open_table() -> Search:
            return TableSearch(self._library.get(content, slate, objective, self._look), checkpoint)

        if not self._plan.by_table and not self._library.has(content, slate, objective):
            return BranchOrTable(BranchSearch(slate, objective, checkpoint), open_table)
        try:
            return open_table()
        except (UniverseTooLarge, TimeUp):
            return BranchSearch(slate, objective, checkpoint)

    def uncached(self, slate: Slate) -> Search:
        """A search over scenarios that will not be asked for again."""
        objective = build_objective(self._plan.terms, slate.n_scenarios)
        checkpoint = self.call.checkpoint

        def open_table() -> Search:
            return TableSearch(self._library.build(slate, objective, self._look), checkpoint)

        return BranchOrTable(BranchSearch(slate, objective, checkpoint), open_table, self.of_regime)

    def _on_share(self, index: int, scenarios: npt.NDArray[np.int64]) -> Search:
        rng = np.random.default_rng([self._plan.seed, index])
        size = max(1, round(self._plan.scenario_share * len(scenarios)))
        return self.uncached(self._plan.slate.on(np.sort(rng.choice(scenarios, size, replace=False))))
