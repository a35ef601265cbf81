"""The main job: from a salary file and a race sheet to lineups ready to upload."""

from __future__ import annotations

import enum
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from pitwall._chosen import bounds_of_pool, chosen_portfolio, first_that_keep
from pitwall._groups.base import read_input
from pitwall.client import Client
from pitwall.config import Contest, ExposureLimit, FieldConfig, PortfolioConfig
from pitwall.errors import InfeasibleError, InvalidInputError, Violation
from pitwall.files import NamedFile
from pitwall.types.contests import ContestResult, EntrySelection, SimulationResult
from pitwall.types.ownership import ContestProfile, OwnershipProjection
from pitwall.types.portfolio import Portfolio
from pitwall.types.race import ImportReport, OnProgress, Race, Rules, Track
from pitwall.types.scenarios import ScenarioSet

OnStage = Callable[[str], None]

EQUITY_POOL = 3
"""Lineups of the pool per lineup wanted, when entries are chosen by what they pay together."""

MAX_POOL = 500

_NO_CHOICE = "no {n} lineups of the pool keep all exposures together: entered are the first {first}, not the best paid"


def following_seed(seed: int) -> int:
    """The seed of an independent set: the next one, from the greatest the least."""
    return (seed + 1) % (1 << 63)


def quiet(stage: str) -> None:
    """Tell nobody about a stage."""


class SelectRule(enum.StrEnum):
    """How the entries are chosen: as the portfolio is proven, or by what they pay together."""

    TAIL = "tail"
    EQUITY = "equity"


@dataclass(frozen=True)
class JobConfig:
    """What to run.

    Attributes
    ----------
    race_id
        Name under which the race is kept.
    salaries, race_sheet
        The site's salary file; who starts where for whom.
    track, laps
        Where the race is run, and how far.
    stage_laps
        Laps of each stage, which sum to ``laps``. Default: 25 %, 30 % and the rest.
    contest, insight
        The contest to simulate, and how much its field knows that you do not: see ``FieldConfig``.
    portfolio
        How to build the lineups.
    series, site
        The championship; the site whose rules hold: draftkings or fanduel.
    start_time
        When the race starts, in UTC. Default: what the salary file says, if it does.
    n_scenarios, seed
        How many races to simulate, and the seed of everything random.
    select
        ``TAIL``: the portfolio as it is proven. ``EQUITY``: of a portfolio of ``EQUITY_POOL`` times as many
        lineups, those whose expected payout together is greatest.
    """

    race_id: str
    salaries: Path
    race_sheet: Path | None
    track: Track
    laps: int
    contest: Contest
    portfolio: PortfolioConfig = field(default_factory=PortfolioConfig)
    n_scenarios: int = 10_000
    seed: int = 1
    series: str = "cup"
    site: str = "draftkings"
    accept_guesses: bool = False
    withdraw_unlisted: bool = False
    start_time: datetime | None = None
    stage_laps: tuple[int, ...] = ()
    insight: float | None = None
    select: SelectRule = SelectRule.TAIL

    @property
    def contest_seed(self) -> int:
        """Seed of the scenarios on which the contest is played."""
        return following_seed(self.seed)

    @property
    def selection_seed(self) -> int:
        """Seed of the scenarios by which entries are selected from the pool: not those that made it."""
        return following_seed(self.contest_seed)


@dataclass(frozen=True)
class JobResult:
    """Everything the job found out.

    ``portfolio`` holds the lineups that are entered. Where they were selected, ``pool`` is the portfolio that was
    built, and what is known of its lineups as a whole; else None. ``inputs`` are the files by their role, ``salaries``
    and ``race_sheet``, as the race was made of them.
    """

    config: JobConfig
    race: Race
    import_report: ImportReport
    scenario_set: ScenarioSet
    contest_scenario_set: ScenarioSet
    ownership: OwnershipProjection
    portfolio: Portfolio
    pool: Portfolio | None
    selection: EntrySelection | None
    simulation: SimulationResult
    timings_seconds: dict[str, float]
    inputs: dict[str, NamedFile]

    @property
    def built(self) -> Portfolio:
        """The portfolio as the optimizer built it: the pool where entries were selected."""
        return self.pool or self.portfolio

    @property
    def contest(self) -> ContestResult:
        """The result of the contest."""
        return self.simulation.contests[0]


class _Stages:
    """The stages of a job: each calls one service, is announced, and is timed."""

    def __init__(self, client: Client, config: JobConfig, on_stage: OnStage, on_progress: OnProgress | None) -> None:
        self._client, self._config = client, config
        self._on_stage, self._on_progress = on_stage, on_progress
        self.timings_seconds: dict[str, float] = {}
        self.inputs: dict[str, NamedFile] = {}

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        self._on_stage(name)
        started = time.perf_counter()
        yield
        self.timings_seconds[name] = round(time.perf_counter() - started, 3)

    def import_race(self) -> tuple[Race, ImportReport]:
        """The race of the files, and how their names were joined."""
        config = self._config
        paths = {"salaries": config.salaries, "race_sheet": config.race_sheet}
        with self._stage("import"):
            # Read once: by the time that they are stored with the run, others may have been saved over them.
            self.inputs = {role: read_input(path, role) for role, path in paths.items() if path is not None}
            return self._client.races.import_files(
                config.race_id,
                salaries=self.inputs["salaries"],
                race_sheet=self.inputs.get("race_sheet"),
                track=config.track,
                laps=config.laps,
                stage_laps=config.stage_laps,
                series=config.series,
                rules=Rules(config.site),
                accept_guesses=config.accept_guesses,
                withdraw_unlisted=config.withdraw_unlisted,
                start_time=config.start_time,
            )

    def simulate_races(self, race: Race) -> tuple[ScenarioSet, ScenarioSet, ScenarioSet]:
        """The set that makes the lineups, the one that the contest is played on, and the one that selects entries.

        The first is made last, to be the newest of the race: what is asked next is about it. Where nothing is
        selected, it is the third too.
        """
        config = self._config
        selects = config.select is SelectRule.EQUITY
        seeds = [*([config.selection_seed] if selects else []), config.contest_seed, config.seed]
        with self._stage("scenarios"):
            *selecting, fresh, choosing = (
                self._client.scenarios.generate(
                    race.race_id, config.n_scenarios, seed=seed, on_progress=self._on_progress
                )
                for seed in seeds
            )
        return choosing, fresh, selecting[0] if selects else choosing

    def project_ownership(self, scenarios: ScenarioSet) -> OwnershipProjection:
        """What the field will play."""
        contest = self._config.contest
        profile = ContestProfile(
            n_entries=contest.n_entries,
            entry_fee_cents=round(contest.entry_fee_dollars * 100),
            max_entries_per_user=contest.max_entries_per_user,
        )
        with self._stage("ownership"):
            return self._client.ownership.project(
                scenarios.race_id, scenario_set_id=scenarios.scenario_set_id, contest=profile
            )

    def build_lineups(self, race: Race, scenarios: ScenarioSet) -> Portfolio:
        """The lineups, or the pool of which entries are selected."""
        with self._stage("lineups"):
            return self._client.optimizer.build(
                race.race_id,
                _pool_config(self._config),
                scenario_set_id=scenarios.scenario_set_id,
                seed=self._config.seed,
                driver_names=race.names_by_id,
                on_progress=self._on_progress,
            )

    def select_entries(self, race: Race, pool: Portfolio, scenarios: ScenarioSet) -> tuple[EntrySelection, Portfolio]:
        """The entries of a pool that together pay best, and the portfolio of these alone, in the order of choice.

        They keep the exposures that the pool was built under. Where no choice does, they are the first of the pool that
        do, fewer than wanted if need be; soft exposures give way instead.
        """
        wanted, n_wanted = self._config.portfolio, self._config.portfolio.n_lineups
        bounds = bounds_of_pool(pool, race, n_wanted)

        def select(ids: Sequence[tuple[str, ...]], n_entries: int, limits: Sequence[ExposureLimit]) -> EntrySelection:
            return self._client.contests.select_entries(
                race.race_id,
                n_entries,
                self._config.contest,
                pool=ids,
                field=FieldConfig(insight=self._config.insight),
                limits=limits,
                min_distinct_drivers=max(1, wanted.min_distinct_drivers),
                scenario_set_id=scenarios.scenario_set_id,
                seed=self._config.seed,
                on_progress=self._on_progress,
            )

        built = [item.driver_ids for item in pool.lineups]
        told: tuple[str, ...] = ()
        conflict: tuple[str, ...] = ()
        n_entries = min(n_wanted, len(built))
        with self._stage("selection"):
            try:
                selection = select(built, n_entries, bounds.limits(n_entries))
            except InfeasibleError as error:
                conflict = error.conflict or ("the exposures of the pool",)
                first = first_that_keep(pool, bounds, n_wanted, soft=wanted.soft_exposures)
                selection = select(first, len(first), ())
                told = (_NO_CHOICE.format(n=n_entries, first=len(first)),)
        chosen = [item.driver_ids for item in selection.lineups]
        return selection, chosen_portfolio(pool, bounds, chosen, n_wanted, warnings=told, conflict=conflict)

    def play_contest(self, portfolio: Portfolio, fresh: ScenarioSet) -> SimulationResult:
        """What the lineups are worth."""
        with self._stage("contest"):
            return self._client.contests.simulate(
                fresh.race_id,
                [item.driver_ids for item in portfolio.lineups],
                self._config.contest,
                field=FieldConfig(insight=self._config.insight),
                scenario_set_id=fresh.scenario_set_id,
                seed=self._config.seed,
                on_progress=self._on_progress,
            )


def run_job(
    client: Client,
    config: JobConfig,
    *,
    on_stage: OnStage = quiet,
    on_progress: OnProgress | None = None,
) -> JobResult:
    """Import, simulate, project, build, play.

    The contest is played on scenarios of their own, and so are entries selected from a pool: judged on those that
    made them, lineups look better than they are.

    Raises
    ------
    PitwallError
        As the services answer; races and scenarios made until then stay.
    """
    _refuse_least_shares(config)
    client.contests.resolve_prizes(config.contest)  # prizes that cannot be are refused before any work
    stages = _Stages(client, config, on_stage, on_progress)
    race, report = stages.import_race()
    scenarios, fresh, selecting = stages.simulate_races(race)
    ownership = stages.project_ownership(scenarios)
    portfolio, pool, selection = stages.build_lineups(race, scenarios), None, None
    if config.select is SelectRule.EQUITY:
        pool = portfolio
        selection, portfolio = stages.select_entries(race, pool, selecting)
    simulation = stages.play_contest(portfolio, fresh)
    return JobResult(
        config,
        race,
        report,
        scenarios,
        fresh,
        ownership,
        portfolio,
        pool,
        selection,
        simulation,
        stages.timings_seconds,
        stages.inputs,
    )


def _refuse_least_shares(config: JobConfig) -> None:
    """Refuse what a selection from a pool cannot promise."""
    least = [driver_id for driver_id, (low, _) in config.portfolio.driver_exposures.items() if low > 0]
    if config.select is SelectRule.EQUITY and least:
        problem = f"least shares are kept by select='tail' only, not by 'equity'; driver {least[0]!r} has one"
        raise InvalidInputError(f"driver_exposures: {problem}", violations=[Violation("driver_exposures", problem)])


def _pool_config(config: JobConfig) -> PortfolioConfig:
    if config.select is SelectRule.TAIL:
        return config.portfolio
    return replace(config.portfolio, n_lineups=min(MAX_POOL, EQUITY_POOL * config.portfolio.n_lineups))
