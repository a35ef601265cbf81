"""``pitwall race``: import, list, show, delete."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from pitwall.cli._common import (
    JsonOption,
    RaceArgument,
    client_of,
    errors,
    first_few,
    output,
    plural,
    print_json,
    print_table,
)
from pitwall.cli._ranges import within
from pitwall.errors import InvalidInputError
from pitwall.problems import invalid
from pitwall.tracks import find_track
from pitwall.types.race import ImportReport, Race, Rules, Track

_MIN_LAPS, _MAX_LAPS, _MAX_STAGES = 10, 1_000, 5
"""Limits of a race, as its contract has them."""

app = typer.Typer(no_args_is_help=True, help="Races: who drives where, at what salary.")

SalariesOption = Annotated[Path, typer.Option(help="The site's salary file (DKSalaries.csv).", show_default=False)]
SheetOption = Annotated[
    Path | None,
    typer.Option(
        help="CSV with name, start, team and, if you have them, make, car, projection, sd, odds, rating, practice, "
        "ownership, status."
    ),
]
TrackOption = Annotated[
    str,
    typer.Option(
        help="Part of the track's name (phoenix), or its type: superspeedway, intermediate, short, road, dirt.",
        show_default=False,
    ),
]
LapsOption = Annotated[
    int | None,
    typer.Option(
        help="Scheduled laps. Default: the series' usual distance at the track, where it raced lately.",
        callback=within("laps", _MIN_LAPS, _MAX_LAPS),
    ),
]
StageLapsOption = Annotated[
    str,
    typer.Option(
        help="Laps of each stage, such as 60,65,187: at most five, which sum to the distance. A single number: no "
        "caution between stages. Default: 25 %, 30 % and the rest."
    ),
]
SeriesOption = Annotated[str, typer.Option(help="cup, xfinity or truck.")]
SiteOption = Annotated[str, typer.Option(help="draftkings or fanduel.")]
GuessOption = Annotated[bool, typer.Option("--accept-guesses", help="Join similar names, not only equal ones.")]
DateOption = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M"], help="When the race starts, UTC. Default: the salary file's."),
]
WithdrawOption = Annotated[
    bool, typer.Option("--withdraw-unlisted", help="Drivers missing in the race sheet do not start.")
]


def planned_race(track: str, laps: int | None, stage_laps: str, series: str) -> tuple[Track, int, tuple[int, ...]]:
    """The track that is meant, the laps scheduled there and those of each stage, empty where not given."""
    stages = _parse_stages(stage_laps)
    try:
        found, n_laps = find_track(track, laps or 0, series)
    except InvalidInputError as error:
        if not stages or error.violations[0].field != "laps":
            raise
        found, n_laps = find_track(track, sum(stages), series)  # stages tell a distance that is not known
    if stages and sum(stages) != n_laps:
        told = f"sums to {sum(stages)} laps but {n_laps} are scheduled; make them equal"
        raise invalid("--stage-laps", told if laps else f"{told}, or say how far the race goes by --laps")
    return found, n_laps, stages


def _parse_stages(text: str) -> tuple[int, ...]:
    """``60,65,187`` as laps of stages; empty for none."""
    parts = [part.strip() for part in text.split(",")] if text.strip() else []
    if not all(part.isascii() and part.isdecimal() and 0 < int(part) <= _MAX_LAPS for part in parts):
        raise invalid("--stage-laps", f"must be whole numbers from 1 to {_MAX_LAPS:,} such as 60,65,187, not {text}")
    if len(parts) > _MAX_STAGES:
        raise invalid("--stage-laps", f"must be at most {_MAX_STAGES} stages, not {len(parts)}")
    stages = tuple(int(part) for part in parts)
    if stages and not _MIN_LAPS <= sum(stages) <= _MAX_LAPS:
        raise invalid("--stage-laps", f"must sum to at least {_MIN_LAPS} and at most {_MAX_LAPS:,}, not {sum(stages)}")
    return stages


def print_import_report(report: ImportReport, *, with_sheet: bool) -> None:
    """What did not match by the same characters, on standard error; without a race sheet nothing had to."""
    for matched in report.matched:
        if matched.match == "guess":
            errors.print(f"guessed: {matched.salary_name} = {matched.sheet_name} ({matched.score:.2f})", markup=False)
    for names, where in ((report.unmatched_salary_names, "race sheet"), (report.unmatched_sheet_names, "salary file")):
        if names and with_sheet:
            errors.print(f"not in the {where}: {first_few(names, 10)}", markup=False, soft_wrap=True)
    for warning in (*report.warnings, *filter(None, [report.replaced])):
        errors.print(f"warning: {warning}", markup=False)


def print_race(race: Race) -> None:
    """A race as a table."""
    rows = [
        (
            driver.start_position or "-",
            driver.name + (" (withdrawn)" if driver.withdrawn else ""),
            driver.team or "-",
            driver.salary_dollars,
            driver.driver_id,
        )
        for driver in sorted(race.drivers, key=lambda driver: (driver.start_position or 99, -driver.salary_dollars))
    ]
    where = race.track.name or race.track.type
    several = len(race.stage_laps) > 1
    stages = f"in stages of {', '.join(map(str, race.stage_laps))}" if several else "without stage breaks"
    distance = f"{race.scheduled_laps} laps {stages}"
    title = f"{race.race_id}: {race.name} - {where}, {distance}, {len(race.starters)} starters"
    print_table(
        title, ("start", "driver", "team", "salary $", "id"), rows, narrow=("start", "driver", "salary $", "id")
    )


@app.command("import")
def import_race(
    context: typer.Context,
    race_id: RaceArgument,
    salaries: SalariesOption,
    track: TrackOption,
    race_sheet: SheetOption = None,
    laps: LapsOption = None,
    stage_laps: StageLapsOption = "",
    series: SeriesOption = "cup",
    site: SiteOption = "draftkings",
    name: Annotated[str, typer.Option(help="Title. Default: that of the salary file.")] = "",
    date: DateOption = None,
    accept_guesses: GuessOption = False,
    withdraw_unlisted: WithdrawOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make a race of a salary file and a race sheet.

    Example: `pitwall race import sample --salaries examples/DKSalaries.csv
    --race-sheet examples/race_sheet.csv --track phoenix`
    """
    found, n_laps, stages = planned_race(track, laps, stage_laps, series)
    with client_of(context) as client:
        race, report = client.races.import_files(
            race_id,
            salaries=salaries,
            race_sheet=race_sheet,
            track=found,
            laps=n_laps,
            stage_laps=stages,
            series=series,
            rules=Rules(site),
            name=name,
            accept_guesses=accept_guesses,
            withdraw_unlisted=withdraw_unlisted,
            start_time=date,
        )
    if as_json:
        print_json({"race": race, "report": report})
        return
    print_import_report(report, with_sheet=race_sheet is not None)
    print_race(race)


@app.command("list")
def list_races(context: typer.Context, as_json: JsonOption = False) -> None:
    """List the races, newest change first. Example: `pitwall race list`"""
    with client_of(context) as client:
        races = list(client.races.list())
    if as_json:
        print_json(races)
        return
    rows = [(race.race_id, race.name, race.track.name or race.track.type, len(race.starters)) for race in races]
    print_table("Races", ("id", "name", "track", "starters"), rows)


@app.command("show")
def show_race(context: typer.Context, race_id: RaceArgument, as_json: JsonOption = False) -> None:
    """Show a race. Example: `pitwall race show sample`"""
    with client_of(context) as client:
        race = client.races.get(race_id)
    if as_json:
        print_json(race)
    else:
        print_race(race)


@app.command("delete")
def delete_race(context: typer.Context, race_id: RaceArgument, as_json: JsonOption = False) -> None:
    """Delete a race and its scenario sets. Example: `pitwall race delete sample`"""
    with client_of(context) as client:
        n_sets = client.races.delete(race_id)
    if as_json:
        print_json({"race_id": race_id, "n_scenario_sets": n_sets})
        return
    output.print(f"deleted {race_id} and {plural(n_sets, 'scenario set')}", markup=False)
