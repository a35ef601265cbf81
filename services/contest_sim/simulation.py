"""Simulating contests end to end: request in, result message out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pitwall.contestsim.v1 import contest_pb2, contestsim_service_pb2
from services.common.domain.errors import InvalidInput
from services.common.domain.race import Race
from services.common.domain.work import ReportProgress
from services.common.matrix.scenario_matrix import ScenarioMatrix
from services.common.rpc.calls import Call
from services.contest_sim import answers
from services.contest_sim.core.contest import Contest, Entries
from services.contest_sim.core.economics import driver_exposures, lineup_worth, portfolio_worth, regime_exposures
from services.contest_sim.core.field_plan import KnownPlan, ModelPlan
from services.contest_sim.core.kelly import DEFAULT_FRACTION
from services.contest_sim.core.outcome import Outcome
from services.contest_sim.core.play import Draw, play_contests
from services.contest_sim.opposition import KnownOpposition, ModelOpposition, Opposition

DEFAULT_FIELDS = 10


@dataclass(frozen=True, eq=False)
class Simulation:
    """What is to be played."""

    race: Race
    matrix: ScenarioMatrix
    contests: Sequence[Contest]
    entries: Entries
    oppositions: Sequence[Opposition]
    n_fields: int
    seed: int
    kelly_fraction: float = DEFAULT_FRACTION

    def run(self, call: Call, progress: ReportProgress) -> contestsim_service_pb2.SimulationResult:
        """Play all contests and say what came of it."""
        n_fields = effective_fields(self.n_fields, self.matrix.n_scenarios, self.oppositions)
        outcomes = play_contests(
            self.matrix.ticks,
            self.contests,
            self.entries,
            self._draw(call),
            n_fields=n_fields,
            checkpoint=call.checkpoint,
            progress=progress,
        )
        return contestsim_service_pb2.SimulationResult(
            scenario_set_id=self.matrix.scenario_set_id,
            contests=[self._contest(index, outcome) for index, outcome in enumerate(outcomes)],
            field=self.oppositions[0].report(max(1, n_opponents(self.contests[0], self.entries.n_entries))),
            n_scenarios=self.matrix.n_scenarios,
            n_fields=n_fields,
            seed=self.seed,
            combined=self._combined(outcomes),
        )

    def _combined(self, outcomes: Sequence[Outcome]) -> contest_pb2.PortfolioResult:
        """All contests together."""
        n_entries = self.entries.n_entries
        fees = [n_entries * contest.entry_fee_cents for contest in self.contests]
        worth = portfolio_worth(outcomes, fees, n_entries * len(self.contests))
        return answers.portfolio_to_proto(worth, kelly_fraction=self.kelly_fraction)

    def _draw(self, call: Call) -> Draw:
        sizes = [n_opponents(contest, self.entries.n_entries) for contest in self.contests]
        return drawer(self.oppositions, sizes, self.seed, call)

    def _contest(self, index: int, outcome: Outcome) -> contest_pb2.ContestResult:
        contest = self.contests[index]
        return contest_pb2.ContestResult(
            name=answers.contest_name(contest, index),
            lineups=answers.lineups_to_proto(lineup_worth(outcome, contest.entry_fee_cents), contest.entry_fee_cents),
            portfolio=portfolio_message(
                self.race, self.matrix, contest, self.entries, outcome, kelly_fraction=self.kelly_fraction
            ),
            prizes=answers.table_to_proto(contest.prizes),
            rake=contest.rake,
        )


def n_opponents(contest: Contest, n_own: int) -> int:
    """Entries of others in a full contest."""
    return contest.n_entries - n_own


def effective_fields(asked: int, n_scenarios: int, oppositions: Sequence[Opposition]) -> int:
    """Fields to play: one when the field is known, else as asked but no more than scenarios."""
    if isinstance(oppositions[0], KnownOpposition):
        return 1
    return min(asked or DEFAULT_FIELDS, n_scenarios)


def drawer(oppositions: Sequence[Opposition], sizes: Sequence[int], seed: int, call: Call) -> Draw:
    """How fields are drawn for these oppositions, one per contest.

    Raises
    ------
    InvalidInput
        If a contest has fewer places for opponents than are known.
    """
    first = oppositions[0]
    if isinstance(first, KnownOpposition):
        n_known, room = first.opponents.n_entries, min(sizes)
        if n_known > room:
            text = f"{n_known} known opponents, but a contest has room for {room} beside your own entries"
            raise InvalidInput.field("field.known", f"{text}; leave your own entries out of it")
        return KnownPlan(first.opponents, len(sizes)).draw
    models = [opposition.model for opposition in oppositions if isinstance(opposition, ModelOpposition)]
    return ModelPlan(models, sizes, first.concentration, seed, call.checkpoint).draw


def portfolio_message(
    race: Race,
    matrix: ScenarioMatrix,
    contest: Contest,
    entries: Entries,
    outcome: Outcome,
    *,
    kelly_fraction: float = DEFAULT_FRACTION,
) -> contest_pb2.PortfolioResult:
    """All entries in one contest, with what hangs on each driver and regime."""
    worth = portfolio_worth([outcome], [entries.n_entries * contest.entry_fee_cents], entries.n_entries)
    drivers = driver_exposures(outcome, entries, len(race.driver_ids))
    regimes = regime_exposures(outcome, matrix.regimes, len(matrix.regime_names))
    return answers.portfolio_to_proto(
        worth,
        list(zip(race.driver_ids, drivers, strict=True)),
        list(zip(matrix.regime_names, regimes, strict=True)),
        kelly_fraction,
    )
