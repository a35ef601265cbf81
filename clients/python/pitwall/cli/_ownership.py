"""``pitwall ownership``: what the field will play."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from pitwall.cli._common import Bars, JsonOption, RaceArgument, client_of, errors, output, print_json, print_table
from pitwall.cli._ranges import within
from pitwall.cli._scenarios import SetOption
from pitwall.problems import read_bytes
from pitwall.sitefiles.ownership import read_ownership
from pitwall.types.ownership import ContestProfile, OwnershipModel, OwnershipRecord

app = typer.Typer(no_args_is_help=True, help="Ownership: what the field will play.")

_FEW_RACES = 5
"""Races below which a fitted model is warned of: one contest moves what all others are thought to be."""

EntriesOption = Annotated[
    int, typer.Option(help="Entries in the contest; 0 when not known.", callback=within("entries", 0, 10_000_000))
]
FeeOption = Annotated[
    float, typer.Option(help="Entry fee in dollars; 0 when not known.", callback=within("fee", 0, 1_000_000))
]
MaxEntriesOption = Annotated[
    int, typer.Option(help="Entries allowed per user; 0 when not known.", callback=within("max-entries", 0, 100_000))
]
LevelOption = Annotated[
    float, typer.Option(help="Level of the intervals.", callback=within("level", 0, 1, above_low=True, below_high=True))
]
RunOnOption = Annotated[
    datetime | None,
    typer.Option(
        formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M"],
        help="When the race was run, UTC; needed for a race imported without a date.",
    ),
]
DEFAULT_LEVEL = 0.8


@app.command("project")
def project(
    context: typer.Context,
    race_id: RaceArgument,
    scenario_set: SetOption = "",
    model: Annotated[str, typer.Option(help="Version of the model. Default: the active one.")] = "",
    own: Annotated[
        Path | None,
        typer.Option("--ownership", help="CSV of your own percentages (name or id, ownership); the rest is fitted."),
    ] = None,
    entries: EntriesOption = 0,
    fee: FeeOption = 0.0,
    max_entries: MaxEntriesOption = 0,
    level: LevelOption = DEFAULT_LEVEL,
    as_json: JsonOption = False,
) -> None:
    """Project the ownership of a race. Example: `pitwall ownership project sample`"""
    with client_of(context) as client:
        race = client.races.get(race_id)
        names = race.names_by_id
        projection = client.ownership.project(
            race_id,
            scenario_set_id=scenario_set,
            model_version=model,
            contest=ContestProfile(entries, round(fee * 100), max_entries),
            overrides_percent=None if own is None else read_ownership(own.name, read_bytes(own), race),
            interval_level=level,
        )
    if as_json:
        print_json(projection)
        return
    for warning in projection.warnings:
        errors.print(f"warning: {warning}", markup=False)
    rows = [
        (names[driver.driver_id], driver.percent, driver.lower_percent, driver.upper_percent)
        for driver in sorted(projection.drivers, key=lambda driver: -driver.percent)
    ]
    title = f"Ownership of {race_id}, total {projection.total_percent:.1f} %, model {projection.model_version}"
    print_table(title, ("driver", "%", f"low ({level:.0%})", f"high ({level:.0%})"), rows, narrow=("driver", "%"))


@app.command("record")
def record(
    context: typer.Context,
    race_id: Annotated[str, typer.Option("--race", help="Id of the race.", show_default=False)],
    standings: Annotated[
        Path | None, typer.Option(help="Contest standings as exported by the site, plain or zipped.")
    ] = None,
    actual: Annotated[
        Path | None, typer.Option("--ownership", help="CSV of actual percentages (name or id, ownership) instead.")
    ] = None,
    contest: Annotated[str, typer.Option(help="Name of the contest. Default: the number in the file's name.")] = "",
    entries: EntriesOption = 0,
    fee: FeeOption = 0.0,
    max_entries: MaxEntriesOption = 0,
    date: RunOnOption = None,
    as_json: JsonOption = False,
) -> None:
    """Record what the field really played, to learn from.

    Example: `pitwall ownership record --race sample --standings examples/contest-standings-190000001.csv`
    """
    source = standings or actual
    if source is None or (standings and actual):
        raise typer.BadParameter("give either --standings or --ownership")
    profile = ContestProfile(entries, round(fee * 100), max_entries)
    with client_of(context) as client:
        race = client.races.get(race_id)
        stored = client.ownership.record(
            race_id,
            contest or _contest_id(race_id, source),
            standings=standings,
            percent=None if actual is None else read_ownership(actual.name, read_bytes(actual), race, withdrawn=True),
            contest=profile,
            race_time=date,
        )
    if as_json:
        print_json(stored)
        return
    for warning in stored.warnings:
        errors.print(f"warning: {warning}", markup=False)
    names = race.names_by_id
    rows = [
        (names[driver.driver_id], driver.percent) for driver in sorted(stored.drivers, key=lambda item: -item.percent)
    ]
    print_table(f"Recorded {stored.contest_id} of {stored.race_id}, {_day(stored)}", ("driver", "%"), rows)


def _contest_id(race_id: str, source: Path) -> str:
    """The number in ``contest-standings-123.csv``, else race and plain name of the file: a contest has one race.

    Browsers number a file that is downloaded again, ``contest-standings-123 (1).csv``; it is the same contest.
    """
    number = re.fullmatch(r"contest-standings-(\d+)( ?\(\d+\))?", source.stem)
    return number[1] if number else re.sub(r"[^A-Za-z0-9_.-]", "_", f"{race_id}-{source.stem}")[:64]


def _day(stored: OwnershipRecord) -> str:
    return f"{stored.race_time:%Y-%m-%d}" if stored.race_time else "-"


@app.command("records")
def records(
    context: typer.Context,
    race_id: Annotated[str, typer.Option("--race", help="Only of this race.")] = "",
    as_json: JsonOption = False,
) -> None:
    """List the recorded contests, newest first. Example: `pitwall ownership records`"""
    with client_of(context) as client:
        found = list(client.ownership.records(race_id))
    if as_json:
        print_json(found)
        return
    rows = [(item.race_id, _day(item), item.contest_id, item.contest.n_entries, len(item.drivers)) for item in found]
    print_table("Recorded contests", ("race", "run on", "contest", "entries", "drivers"), rows)


@app.command("fit")
def fit(context: typer.Context, as_json: JsonOption = False) -> None:
    """Fit the model to all records and use it from now on. Example: `pitwall ownership fit`"""
    with client_of(context) as client, Bars(shown=not as_json) as bars:
        model = client.ownership.fit(on_progress=bars)
    if as_json:
        print_json(model)
    else:
        _print_models([model])
        if model.n_races < _FEW_RACES:
            told = f"it has learned from {model.n_races} of them, and fields differ; see `pitwall ownership evaluate`"
            errors.print(f"warning: {_FEW_RACES} races or more make a model: {told}", markup=False, soft_wrap=True)


@app.command("models")
def models(context: typer.Context, as_json: JsonOption = False) -> None:
    """List the models, newest first. Example: `pitwall ownership models`"""
    with client_of(context) as client:
        found = client.ownership.models()
    if as_json:
        print_json(found)
    else:
        _print_models(found)


def _print_models(found: Sequence[OwnershipModel]) -> None:
    rows = [
        (
            model.model_version,
            "yes" if model.active else "no",
            model.n_races,
            ", ".join(f"{name} {weight:.2f}" for name, weight in sorted(model.weights.items())),
        )
        for model in found
    ]
    print_table("Ownership models", ("version", "active", "races", "weights"), rows)


@app.command("evaluate")
def evaluate(context: typer.Context, level: LevelOption = DEFAULT_LEVEL, as_json: JsonOption = False) -> None:
    """Measure accuracy on recorded races (two or more), left out in turn. Example: `pitwall ownership evaluate`"""
    with client_of(context) as client, Bars(shown=not as_json) as bars:
        report = client.ownership.evaluate(interval_level=level, on_progress=bars)
    if as_json:
        print_json(report)
        return
    rows = [
        (
            row.name,
            row.mae,
            row.mae_se,
            row.weighted_mae,
            f"{row.bias_20:+.1f} {row.bias_30:+.1f} {row.bias_40:+.1f}",
            f"{row.recall_20:.2f} {row.recall_30:.2f} {row.recall_40:.2f}",
            row.spearman,
            100 * row.coverage,
            100 * row.skill,
        )
        for row in report.rows
    ]
    at = "20 30 40 %"
    columns = ("estimator", "MAE", "+-", "weighted", f"bias {at}", f"recall {at}", "Spearman", "coverage %", "skill %")
    narrow = ("estimator", "MAE", "+-", "weighted", "skill %")
    print_table(f"Ownership on {report.n_races} races left out in turn", columns, rows, narrow=narrow)


@app.command("delete")
def delete(
    context: typer.Context,
    race_id: Annotated[str, typer.Option("--race", help="Id of the race.", show_default=False)],
    contest: Annotated[str, typer.Option(help="Name of the contest as recorded.", show_default=False)],
    as_json: JsonOption = False,
) -> None:
    """Delete a recorded contest. Example: `pitwall ownership delete --race sample --contest 190000001`"""
    with client_of(context) as client:
        client.ownership.delete_record(race_id, contest)
    if as_json:
        print_json({"race_id": race_id, "contest_id": contest})
        return
    after = "`pitwall ownership fit` learns without it; once no record is left, the built-in model is used again"
    output.print(f"deleted contest {contest} of {race_id}; {after}", markup=False)
