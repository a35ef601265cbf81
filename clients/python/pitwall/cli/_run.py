"""``pitwall run``: the main job."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pitwall.cli._common import (
    Bars,
    JsonOption,
    client_of,
    output,
    plural,
    print_json,
    print_table,
    tell_stages,
)
from pitwall.cli._contest_options import (
    DEFAULT_OPPONENTS,
    ContestOptions,
    InsightOption,
    OpponentsOption,
    with_contest_options,
)
from pitwall.cli._contests import print_comparisons, print_portfolio_result, print_warnings
from pitwall.cli._lineups import print_diagnostics, print_pool, refuse_shortage
from pitwall.cli._portfolio_options import (
    FormatOption,
    LineupsOption,
    MaxExposureOption,
    MaxTeamExposureOption,
    OwnershipPenaltyOption,
    SoftOption,
    StackOption,
    UniquesOption,
    parse_stack,
)
from pitwall.cli._race import (
    DateOption,
    GuessOption,
    LapsOption,
    SalariesOption,
    SeriesOption,
    SheetOption,
    SiteOption,
    StageLapsOption,
    TrackOption,
    WithdrawOption,
    planned_race,
    print_import_report,
)
from pitwall.cli._ranges import MAX_SEED, within
from pitwall.cli._runs import check_places, keep_run, store_of
from pitwall.cli._scenarios import print_set_warnings
from pitwall.config import PortfolioConfig
from pitwall.job import JobConfig, JobResult, SelectRule, quiet, run_job
from pitwall.results import result_document
from pitwall.sitefiles import require_layout


@with_contest_options
def run(
    context: typer.Context,
    salaries: SalariesOption,
    track: TrackOption,
    race_sheet: SheetOption = None,
    laps: LapsOption = None,
    stage_laps: StageLapsOption = "",
    series: SeriesOption = "cup",
    site: SiteOption = "draftkings",
    race_id: Annotated[str, typer.Option(help="Name under which the race is kept.")] = "race",
    scenarios: Annotated[
        int, typer.Option(help="Races to simulate.", callback=within("scenarios", 100, 1_000_000))
    ] = 10_000,
    lineups: LineupsOption = 20,
    max_exposure: MaxExposureOption = None,
    max_team_exposure: MaxTeamExposureOption = None,
    uniques: UniquesOption = 1,
    stack: StackOption = "",
    ownership_penalty: OwnershipPenaltyOption = 0.0,
    soft: SoftOption = False,
    select: Annotated[
        SelectRule, typer.Option(help="tail: lineups as proven; equity: those of a larger pool that together pay best.")
    ] = SelectRule.TAIL,
    opponents: OpponentsOption = DEFAULT_OPPONENTS,
    contest: ContestOptions = ContestOptions(),  # noqa: B008 - frozen, and an option each on the command line
    insight: InsightOption = None,
    seed: Annotated[int, typer.Option(help="Seed of everything random.", callback=within("seed", 0, MAX_SEED))] = 1,
    out: Annotated[Path, typer.Option(help="Folder for lineups.csv, result.json and report.html.")] = Path("out"),
    layout: FormatOption = "",
    accept_guesses: GuessOption = False,
    withdraw_unlisted: WithdrawOption = False,
    date: DateOption = None,
    as_json: JsonOption = False,
) -> None:
    """From a salary file and a race sheet to lineups ready to upload.

    Example: `pitwall run --salaries examples/DKSalaries.csv --race-sheet examples/race_sheet.csv --track phoenix
    --race-id sample`
    """
    require_layout(site, layout)  # before the work whose lineups it would refuse
    found, n_laps, stages = planned_race(track, laps, stage_laps, series)
    config = JobConfig(
        race_id=race_id,
        salaries=salaries,
        race_sheet=race_sheet,
        track=found,
        laps=n_laps,
        stage_laps=stages,
        series=series,
        site=site,
        contest=contest.contest(opponents, lineups),
        insight=insight,
        portfolio=PortfolioConfig(
            n_lineups=lineups,
            max_driver_exposure=max_exposure,
            max_team_exposure=max_team_exposure,
            min_distinct_drivers=uniques,
            stack=parse_stack(stack),
            ownership_penalty=ownership_penalty,
            soft_exposures=soft,
        ),
        n_scenarios=scenarios,
        seed=seed,
        accept_guesses=accept_guesses,
        withdraw_unlisted=withdraw_unlisted,
        start_time=date,
        select=select,
    )
    with contest.told():
        _run_and_tell(context, config, out, layout, as_json=as_json)


def _run_and_tell(context: typer.Context, config: JobConfig, out: Path, layout: str, *, as_json: bool) -> None:
    """Do the job, keep it as a run, and say what came out."""
    store = store_of(context)
    with client_of(context) as client, Bars(shown=not as_json) as bars:
        check_places(out, store)
        result = run_job(client, config, on_stage=quiet if as_json else tell_stages, on_progress=bars)
        stored, paths = keep_run(client, store, result, out, layout)
    if as_json:
        print_json(result_document(result) | {"run_id": stored.run_id, "timings_seconds": result.timings_seconds})
    else:
        _print_result(result, paths)
        output.print(f"stored as run {stored.run_id}", markup=False)
    refuse_shortage(result.portfolio)


def _print_result(result: JobResult, paths: list[Path]) -> None:
    print_import_report(result.import_report, with_sheet=result.config.race_sheet is not None)
    print_set_warnings(result.scenario_set)
    told = result.simulation.field.warnings
    print_warnings([*result.ownership.warnings, *told])
    _print_lineups(result)
    if result.pool is not None:
        print_pool(result.pool)
    print_diagnostics(result.built, stacked=result.config.portfolio.stack is not None)
    print_warnings(text for text in result.portfolio.summary.warnings if text not in result.built.summary.warnings)
    if result.selection is not None:
        print_warnings([warning for warning in result.selection.warnings if warning not in told])
        print_comparisons(result.selection)
    print_portfolio_result(result.contest.portfolio)
    seconds = ", ".join(f"{stage} {spent:.1f} s" for stage, spent in result.timings_seconds.items())
    output.print(f"took {seconds}", markup=False)
    summary = result.portfolio.summary
    upload = "upload this" if summary.n_built >= summary.n_requested else "not complete: see below"
    output.print(f"wrote {paths[0]} ({upload}), {paths[1]} and {paths[2]} (open this)", markup=False)


def _print_lineups(result: JobResult) -> None:
    rows = []
    for item, played in zip(result.portfolio.lineups, result.contest.lineups, strict=True):
        names = ", ".join(result.race.names_by_id[driver_id] for driver_id in item.driver_ids)
        certificate = item.certificate
        rows.append(
            (
                item.index + 1,
                names,
                item.metrics.salary_dollars,
                certificate.objective,
                "yes" if certificate.proven_optimal else f"gap {certificate.gap:.2f}",
                item.metrics.ownership_total_percent,
                100 * played.roi.value,
                100 * played.win_rate,
                played.expected_duplicates,
            )
        )
    columns = ("#", "drivers", "salary $", "objective", "proven", "own %", "ROI %", "win %", "copies")
    print_table(plural(len(rows), "lineup"), columns, rows, narrow=("#", "drivers", "objective", "proven", "ROI %"))
