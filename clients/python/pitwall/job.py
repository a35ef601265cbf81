"""The main job: from a salary file and a race sheet to lineups ready to upload."""

from __future__ import annotations

import importlib.metadata
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from pitwall._groups.base import OnProgress
from pitwall.client import Client
from pitwall.config import Contest, PortfolioConfig
from pitwall.files import to_json, write_atomically
from pitwall.sitefiles import lineup_file
from pitwall.types.contests import ContestResult, EntrySelection, SimulationResult
from pitwall.types.ownership import ContestProfile, OwnershipProjection
from pitwall.types.portfolio import Portfolio
from pitwall.types.race import ImportReport, Race, Rules, Track
from pitwall.types.scenarios import ScenarioSet

OnStage = Callable[[str], None]

EQUITY_POOL = 3
"""Lineups of the pool per lineup wanted, when entries are chosen by what they pay together."""

MAX_POOL = 500


def following_seed(seed: int) -> int:
    """The seed of an independent set: the next one, from the greatest the least."""
    return (seed + 1) % (1 << 63)


def quiet(stage: str) -> None:
    """Tell nobody about a stage."""


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
    contest
        The contest to simulate.
    portfolio
        How to build the lineups.
    series, site
        The championship; the site whose rules hold: draftkings or fanduel.
    n_scenarios, seed
        How many races to simulate, and the seed of everything random.
    select
        ``tail``: the portfolio as it is proven. ``equity``: of a portfolio of ``EQUITY_POOL`` times as many
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
    select: Literal["tail", "equity"] = "tail"

    @property
    def contest_seed(self) -> int:
        """Seed of the scenarios on which the contest is played."""
        return following_seed(self.seed)


@dataclass(frozen=True)
class JobResult:
    """Everything the job found out."""

    config: JobConfig
    race: Race
    import_report: ImportReport
    scenario_set: ScenarioSet
    contest_scenario_set: ScenarioSet
    ownership: OwnershipProjection
    portfolio: Portfolio
    selection: EntrySelection | None
    simulation: SimulationResult
    timings_seconds: dict[str, float]

    @property
    def contest(self) -> ContestResult:
        """The result of the contest."""
        return self.simulation.contests[0]


def run_job(
    client: Client,
    config: JobConfig,
    *,
    on_stage: OnStage = quiet,
    on_progress: OnProgress | None = None,
) -> JobResult:
    """Import, simulate, project, build, play.

    The contest is played on scenarios of their own: judged on those that chose them, lineups look better than
    they are.

    Raises
    ------
    PitwallError
        As the services answer; races and scenarios made until then stay.
    """
    timings: dict[str, float] = {}

    @contextmanager
    def stage(name: str) -> Iterator[None]:
        on_stage(name)
        started = time.perf_counter()
        yield
        timings[name] = round(time.perf_counter() - started, 3)

    client.contests.resolve_prizes(config.contest)  # prizes that cannot be are refused before any work
    with stage("import"):
        race, report = client.races.import_files(
            config.race_id,
            salaries=config.salaries,
            race_sheet=config.race_sheet,
            track=config.track,
            laps=config.laps,
            series=config.series,
            rules=Rules(config.site),
            accept_guesses=config.accept_guesses,
            withdraw_unlisted=config.withdraw_unlisted,
        )
    with stage("scenarios"):
        # The set of the lineups comes last, to be the newest of the race: what is asked next is about it.
        fresh, scenarios = (
            client.scenarios.generate(race.race_id, config.n_scenarios, seed=seed, on_progress=on_progress)
            for seed in (config.contest_seed, config.seed)
        )
    set_id = scenarios.scenario_set_id
    with stage("ownership"):
        ownership = client.ownership.project(race.race_id, scenario_set_id=set_id, contest=_profile(config.contest))
    with stage("lineups"):
        portfolio = client.optimizer.build(
            race.race_id,
            _pool_config(config),
            scenario_set_id=set_id,
            seed=config.seed,
            driver_names=race.names_by_id,
            on_progress=on_progress,
        )
    selection = None
    if config.select == "equity":
        with stage("selection"):
            selection, portfolio = _selected(client, config, race, portfolio, set_id, on_progress)
    with stage("contest"):
        simulation = client.contests.simulate(
            race.race_id,
            [item.driver_ids for item in portfolio.lineups],
            config.contest,
            scenario_set_id=fresh.scenario_set_id,
            seed=config.seed,
            on_progress=on_progress,
        )
    return JobResult(config, race, report, scenarios, fresh, ownership, portfolio, selection, simulation, timings)


def _pool_config(config: JobConfig) -> PortfolioConfig:
    if config.select == "tail":
        return config.portfolio
    return replace(config.portfolio, n_lineups=min(MAX_POOL, EQUITY_POOL * config.portfolio.n_lineups))


def _selected(
    client: Client, config: JobConfig, race: Race, pool: Portfolio, set_id: str, on_progress: OnProgress | None
) -> tuple[EntrySelection, Portfolio]:
    """The entries of a pool that together pay best, and the portfolio of these alone, in the order of choice."""
    wanted = config.portfolio
    selection = client.contests.select_entries(
        race.race_id,
        min(wanted.n_lineups, len(pool.lineups)),
        config.contest,
        pool=[item.driver_ids for item in pool.lineups],
        max_driver_exposure=wanted.max_driver_exposure or 0.0,
        min_distinct_drivers=max(1, wanted.min_distinct_drivers),
        scenario_set_id=set_id,
        seed=config.seed,
        on_progress=on_progress,
    )
    by_drivers = {item.driver_ids: item for item in pool.lineups}
    chosen = [replace(by_drivers[item.driver_ids], index=index) for index, item in enumerate(selection.lineups)]
    return selection, replace(pool, lineups=tuple(chosen))


def _profile(contest: Contest) -> ContestProfile:
    return ContestProfile(
        n_entries=contest.n_entries,
        entry_fee_cents=round(contest.entry_fee_dollars * 100),
        max_entries_per_user=contest.max_entries_per_user,
    )


def result_document(result: JobResult) -> dict[str, Any]:
    """What ``result.json`` holds: lineups, portfolio, contest, timings, and all it takes to repeat the job."""
    recipe = result.scenario_set.recipe
    return {
        "lineups": _lineup_rows(result),
        "portfolio": result.portfolio.summary,
        "selection": _selection_facts(result.selection),
        "contest": {
            "result": result.contest.portfolio,
            "prizes": result.contest.prizes,
            "rake": round(result.contest.rake, 6),
            "entries": result.config.contest.n_entries,
            "entry_fee_dollars": result.config.contest.entry_fee_dollars,
            "field": result.simulation.field,
            "n_scenarios": result.simulation.n_scenarios,
            "n_fields": result.simulation.n_fields,
        },
        "ownership": [
            {"driver": result.race.names_by_id[driver.driver_id], "percent": driver.percent}
            for driver in result.ownership.drivers
        ],
        "import_report": result.import_report,
        "timings_seconds": result.timings_seconds,
        "versions": {
            "pitwall": importlib.metadata.version("pitwall"),
            "race_model": recipe.model_version if recipe else "",
            "calibration": recipe.calibration_version if recipe else "",
            "ownership_model": result.ownership.model_version,
        },
        "seeds": {
            "scenarios": result.config.seed,
            "lineups": result.config.seed,
            "contest_scenarios": result.config.contest_seed,
            "contest": result.simulation.seed,
        },
        "hashes": {
            "race": result.race.snapshot_hash,
            "scenario_set": result.scenario_set.scenario_set_id,
            "scenario_content": result.scenario_set.content_hash,
            "contest_scenario_set": result.contest_scenario_set.scenario_set_id,
            "contest_scenario_content": result.contest_scenario_set.content_hash,
            "ownership": result.ownership.projection_id,
            "portfolio": result.portfolio.summary.portfolio_id,
        },
    }


def _selection_facts(selection: EntrySelection | None) -> dict[str, Any] | None:
    if selection is None:
        return None
    return {
        "profit_cents": selection.profit_cents,
        "upper_bound_cents": selection.upper_bound_cents,
        "fresh_profit_cents": selection.fresh_profit_cents,
    }


def _lineup_rows(result: JobResult) -> list[dict[str, Any]]:
    rows = []
    for item, played in zip(result.portfolio.lineups, result.contest.lineups, strict=True):
        certificate, metrics = item.certificate, item.metrics
        rows.append(
            {
                "drivers": [result.race.names_by_id[driver_id] for driver_id in item.driver_ids],
                "driver_ids": list(item.driver_ids),
                "salary": metrics.salary_dollars,
                "objective": certificate.objective,
                "upper_bound": certificate.upper_bound,
                "proven_optimal": certificate.proven_optimal,
                "cvar_99": metrics.cvar(0.99),
                "mean": metrics.mean_points,
                "ownership_total": metrics.ownership_total_percent,
                "roi": played.roi.value,
                "roi_standard_error": played.roi.standard_error,
                "win_rate": played.win_rate,
                "cash_rate": played.cash_rate,
                "expected_duplicates": played.expected_duplicates,
                "certificate": certificate,
            }
        )
    return rows


def write_outputs(result: JobResult, folder: Path, layout: str = "") -> tuple[Path, Path]:
    """Write ``lineups.csv``, ready to upload, and ``result.json``; returns their paths.

    Another layout than the site's (see ``pitwall.sitefiles.lineup_file``) gives the file its own ending.
    """
    suffix = layout if layout in ("json", "parquet") else "csv"
    lineups_path, result_path = folder / f"lineups.{suffix}", folder / "result.json"
    csv_bytes = lineup_file(result.race, [item.driver_ids for item in result.portfolio.lineups], layout)
    json_bytes = (to_json(result_document(result)) + "\n").encode()
    write_atomically(lineups_path, csv_bytes)
    write_atomically(result_path, json_bytes)
    return lineups_path, result_path
