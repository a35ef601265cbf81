"""Simulating contests end to end: request in, result message out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pitwall.contestsim.v1 import contest_pb2, contestsim_service_pb2
from services.common.domain.race import Race
from services.common.domain.work import ReportProgress
from services.common.matrix.scenario_matrix import ScenarioMatrix
from services.common.rpc.calls import Call
from services.contest_sim import answers
from services.contest_sim.core.contest import Contest, Entries
from services.contest_sim.core.economics import lineup_worth, portfolio_worth
from services.contest_sim.core.exposures import driver_exposures, regime_exposures
from services.contest_sim.core.field_plan import KnownPlan, ModelPlan, Plan
from services.contest_sim.core.kelly import DEFAULT_FRACTION
from services.contest_sim.core.outcome import Outcome
from services.contest_sim.core.play import play_contests
from services.contest_sim.known_opposition import KnownOpposition, seated
from services.contest_sim.opposition import ModelOpposition, Opposition

DEFAULT_FIELDS = 40
"""Enough for races to find a field that is surprised in their direction."""

DOUBTFUL_RAKE = 0.5
"""Sites keep 5 to 20 % of the fees; a table that keeps more than half was made for another contest."""

INSIGHT_TOLERANCE = 0.02
"""An insight that falls short by more is told."""


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
    warnings: Sequence[str] = ()

    def run(self, call: Call, progress: ReportProgress) -> contestsim_service_pb2.SimulationResult:
        """Play all contests and say what came of it."""
        seats = take_seats(self.oppositions, self.contests, self.entries.n_entries)
        n_fields = effective_fields(self.n_fields, self.matrix.n_scenarios, seats)
        plan = field_plan(seats, self._sizes, self.seed, call)
        dealing = plan.deal(self.matrix.ticks, n_fields)
        outcomes = play_contests(
            self.matrix.ticks,
            self.contests,
            self.entries,
            plan.draw,
            n_fields=n_fields,
            dealing=dealing,
            checkpoint=call.checkpoint,
            progress=progress,
        )
        report = seats[0].report(max(1, self._sizes[0]))
        report.warnings[:] = [
            *prize_warnings(self.contests),
            *opposition_warnings(seats),
            *self.warnings,
            *field_warnings(seats, dealing.insight, n_fields, self.matrix.n_scenarios),
        ]
        return contestsim_service_pb2.SimulationResult(
            scenario_set_id=self.matrix.scenario_set_id,
            contests=[
                self._contest(index, contest, outcome)
                for index, (contest, outcome) in enumerate(zip(self.contests, outcomes, strict=True))
            ],
            field=report,
            n_scenarios=self.matrix.n_scenarios,
            n_fields=n_fields,
            seed=self.seed,
            combined=self._portfolio(self.contests, outcomes),
            insight=dealing.insight,
        )

    @property
    def _sizes(self) -> list[int]:
        """Opponents in each contest."""
        return [n_opponents(contest, self.entries.n_entries) for contest in self.contests]

    def _contest(self, index: int, contest: Contest, outcome: Outcome) -> contest_pb2.ContestResult:
        fee = contest.entry_fee_cents
        return contest_pb2.ContestResult(
            name=answers.contest_name(contest, index),
            lineups=answers.lineups_to_proto(lineup_worth(outcome, fee), fee),
            portfolio=self._portfolio([contest], [outcome]),
            prizes=answers.table_to_proto(contest.prizes),
            rake=contest.rake,
        )

    def _portfolio(self, contests: Sequence[Contest], outcomes: Sequence[Outcome]) -> contest_pb2.PortfolioResult:
        return portfolio_message(
            self.race, self.matrix, contests, self.entries, outcomes, kelly_fraction=self.kelly_fraction
        )


def take_seats(oppositions: Sequence[Opposition], contests: Sequence[Contest], n_own: int) -> Sequence[Opposition]:
    """The oppositions of contests, those that are known with a warning where they do not fill one.

    Raises
    ------
    InvalidInput
        If opponents are known and are too many or too few for a contest.
    """
    return [
        seated(opposition, contests, n_own) if isinstance(opposition, KnownOpposition) else opposition
        for opposition in oppositions
    ]


def n_opponents(contest: Contest, n_own: int) -> int:
    """Entries of others in a full contest."""
    return contest.n_entries - n_own


def effective_fields(asked: int, n_scenarios: int, oppositions: Sequence[Opposition]) -> int:
    """Fields to play: one when the field is known, else as asked but no more than scenarios."""
    if isinstance(oppositions[0], KnownOpposition):
        return 1
    return min(asked or DEFAULT_FIELDS, n_scenarios)


def opposition_warnings(oppositions: Sequence[Opposition]) -> list[str]:
    """What finding the opponents of all contests gave to think of, each once."""
    return list(dict.fromkeys(text for opposition in oppositions for text in opposition.warnings))


def prize_warnings(contests: Sequence[Contest]) -> list[str]:
    """A warning where prizes fall so far short of the fees that one of the two is likely wrong."""
    return [
        f"{answers.contest_name(contest, index)}: the prizes are {1.0 - contest.rake:.0%} of the fees of "
        f"{contest.n_entries:,} entries; check the number of entries, the fee and the prize table"
        for index, contest in enumerate(contests)
        if contest.rake > DOUBTFUL_RAKE
    ]


def field_warnings(oppositions: Sequence[Opposition], achieved: float, n_fields: int, n_scenarios: int) -> list[str]:
    """What too few fields leave out: insight, which flatters returns, and how fields differ, which flatters errors."""
    models = [item for item in oppositions if isinstance(item, ModelOpposition) and item.concentration > 0.0]
    if not models:
        return []
    more = f"raise n_fields ({DEFAULT_FIELDS} by default)"
    remedy = more if n_fields < n_scenarios else "take more scenarios, as each field plays one at least"
    warnings = []
    if achieved < models[0].insight - INSIGHT_TOLERANCE:
        warnings.append(
            f"the opponents know less than asked for: an insight of {achieved:.2f} is reached with n_fields {n_fields}"
            f", {models[0].insight:.2f} was asked for, and returns come out too high; {remedy}"
        )
    if n_fields == 1:
        warnings.append(f"one field is played, so errors and intervals leave out how fields differ; {remedy}")
    return warnings


def field_plan(oppositions: Sequence[Opposition], sizes: Sequence[int], seed: int, call: Call) -> Plan:
    """How fields are drawn for these oppositions, one per contest, and met."""
    first = oppositions[0]
    if isinstance(first, KnownOpposition):
        return KnownPlan(first.opponents, len(sizes))
    models = [opposition for opposition in oppositions if isinstance(opposition, ModelOpposition)]
    return ModelPlan(
        [item.model for item in models],
        sizes,
        [item.concentration for item in models],
        seed,
        first.insight,
        call.checkpoint,
    )


def portfolio_message(
    race: Race,
    matrix: ScenarioMatrix,
    contests: Sequence[Contest],
    entries: Entries,
    outcomes: Sequence[Outcome],
    *,
    kelly_fraction: float = DEFAULT_FRACTION,
) -> contest_pb2.PortfolioResult:
    """All entries in one contest or several at once, with what hangs on each driver and regime."""
    fees = [entries.n_entries * contest.entry_fee_cents for contest in contests]
    worth = portfolio_worth(outcomes, fees, entries.n_entries * len(contests))
    fee = sum(contest.entry_fee_cents for contest in contests)
    drivers = driver_exposures(outcomes, entries, len(race.driver_ids), fee_cents=fee)
    regimes = regime_exposures(outcomes, matrix.regimes, len(matrix.regime_names), fees_cents=sum(fees))
    return answers.portfolio_to_proto(
        worth,
        list(zip(race.driver_ids, drivers, strict=True)),
        list(zip(matrix.regime_names, regimes, strict=True)),
        kelly_fraction,
    )
