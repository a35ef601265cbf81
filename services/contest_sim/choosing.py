"""Choosing entries end to end: request in, selection message out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pitwall.contestsim.v1 import contest_pb2, contestsim_service_pb2
from services.common.domain.errors import FailedPrecondition
from services.common.domain.race import Race
from services.common.domain.work import ReportProgress
from services.common.mapping import lineup_to_proto
from services.common.matrix.scenario_matrix import ScenarioMatrix
from services.common.rpc.calls import Call
from services.contest_sim import answers
from services.contest_sim.core.contest import Contest, Entries
from services.contest_sim.core.economics import lineup_worth
from services.contest_sim.core.prizes import dollars
from services.contest_sim.core.selection import FRESH_EVERY, Selection, SelectionTask, select_entries
from services.contest_sim.core.selection_rules import SelectionRules
from services.contest_sim.opposition import Opposition
from services.contest_sim.simulation import (
    effective_fields,
    field_plan,
    field_warnings,
    n_opponents,
    opposition_warnings,
    portfolio_message,
    prize_warnings,
    take_seats,
)

LEAST_SCENARIOS = 2 * FRESH_EVERY
"""One fresh scenario would leave the standard errors of the comparison unknown."""

DOUBTFUL_ERRORS = 2.0
"""Standard errors by which a choice falls short of what it promised that are too many for chance."""


@dataclass(frozen=True, eq=False)
class Choosing:
    """What is to be chosen, and from what."""

    race: Race
    matrix: ScenarioMatrix
    contest: Contest
    opposition: Opposition
    pool: npt.NDArray[np.int8]
    rules: SelectionRules
    n_fields: int
    seed: int

    def run(self, call: Call, progress: ReportProgress) -> contestsim_service_pb2.EntrySelection:
        """Choose, and say what the choice is worth on scenarios it was not made on."""
        if self.matrix.n_scenarios < LEAST_SCENARIOS:
            text = f"selecting entries takes {LEAST_SCENARIOS} scenarios at least, to choose by and to judge by"
            raise FailedPrecondition(f"{text}; there are {self.matrix.n_scenarios}, generate more")
        seats = take_seats([self.opposition], [self.contest], self.rules.n_entries)
        sizes = [n_opponents(self.contest, self.rules.n_entries)]
        n_fresh = self.matrix.n_scenarios // FRESH_EVERY
        n_fields = effective_fields(self.n_fields, n_fresh, seats)
        task = SelectionTask(
            pool=self.pool,
            ticks=self.matrix.ticks,
            contest=self.contest,
            plan=field_plan(seats, sizes, self.seed, call),
            n_fields=n_fields,
            rules=self.rules,
        )
        selection = select_entries(task, checkpoint=call.checkpoint, progress=progress)
        doubts = [*field_warnings(seats, selection.insight, n_fields, n_fresh), *optimism_warnings(selection)]
        return self._answer(selection, [*prize_warnings([self.contest]), *opposition_warnings(seats), *doubts])

    def _answer(self, selection: Selection, warnings: Sequence[str]) -> contestsim_service_pb2.EntrySelection:
        entries = Entries(selection.lineups, np.ones(len(selection.lineups), dtype=np.int64))
        return contestsim_service_pb2.EntrySelection(
            entries=self._lineup_results(selection),
            lineups=[lineup_to_proto(self.race, tuple(lineup)) for lineup in selection.lineups.tolist()],
            profit_cents=selection.profit,
            upper_bound_cents=selection.upper_bound,
            portfolio=portfolio_message(
                self.race, self._fresh_matrix(selection), [self.contest], entries, [selection.fresh]
            ),
            fresh_profit_cents={choice.name: choice.profit for choice in selection.comparisons},
            comparisons=map(answers.compared_to_proto, selection.comparisons),
            warnings=warnings,
            insight=selection.insight,
        )

    def _lineup_results(self, selection: Selection) -> list[contest_pb2.LineupResult]:
        fee = self.contest.entry_fee_cents
        return answers.lineups_to_proto(lineup_worth(selection.fresh, fee), fee)

    def _fresh_matrix(self, selection: Selection) -> ScenarioMatrix:
        """The scenarios that the choice is judged by."""
        rows = selection.fresh_scenarios
        return replace(self.matrix, ticks=self.matrix.ticks[rows], regimes=self.matrix.regimes[rows])


def optimism_warnings(selection: Selection) -> list[str]:
    """A warning where fresh scenarios contradict those that made the choice: it was the best there by chance too."""
    fresh, *plainer = selection.comparisons
    if fresh.profit >= selection.profit - DOUBTFUL_ERRORS * fresh.profit_se:
        return []
    best = max(plainer, key=lambda choice: choice.profit)
    rival = f"; {best.name} is ahead there" if best.profit > fresh.profit else ""
    return [
        f"the choice earns {dollars(selection.profit)} on the scenarios that made it, {dollars(fresh.profit)} "
        f"+- {dollars(fresh.profit_se)} on fresh ones{rival}: believe the latter, and choose by more scenarios or "
        "from a smaller pool"
    ]
