"""``pitwall runs`` and ``pitwall report``: what was run, shown again, and done again."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from pitwall.cli._common import (
    Bars,
    JsonOption,
    client_of,
    connection_of,
    errors,
    output,
    print_json,
    print_table,
    tell_stages,
)
from pitwall.client import Client
from pitwall.errors import NotFoundError
from pitwall.files import check_writable, write_atomically
from pitwall.job import JobResult, quiet, run_job
from pitwall.report import collect_report, report_from_json, report_html
from pitwall.results import same_findings, write_outputs
from pitwall.runs import LINEUPS, Run, RunStore

app = typer.Typer(no_args_is_help=True, help="Runs: what was run, with everything that it takes to do it again.")

RunArgument = Annotated[str, typer.Argument(help="Id of a run, the beginning of one, or latest.")]
OutOption = Annotated[Path, typer.Option(help="Folder for the files.")]


def store_of(context: typer.Context) -> RunStore:
    """The runs of the data folder that ``--data-dir`` names."""
    return RunStore(connection_of(context).data_dir or None)


def check_places(out: Path, store: RunStore) -> None:
    """Refuse a folder that cannot be written before the work whose files go there; makes no folder.

    Raises
    ------
    OSError
        If the folder of the files or that of the runs cannot be written.
    """
    check_writable(out)
    check_writable(store.folder)


def keep_run(client: Client, store: RunStore, result: JobResult, out: Path, layout: str = "") -> tuple[Run, list[Path]]:
    """Write the files of a run and store it; returns what is stored and the paths of the files."""
    report = collect_report(client, result)
    paths = [*write_outputs(result, out, layout), out / "report.html"]
    write_atomically(paths[-1], report_html(report))
    return store.save(result, dataclasses.asdict(report)), paths


@app.command("list")
def list_runs(context: typer.Context, as_json: JsonOption = False) -> None:
    """List the runs, newest first. Example: `pitwall runs list`"""
    runs = store_of(context).list(lambda error: errors.print(f"warning: {error.message}", markup=False))
    if as_json:
        print_json([_line(run) for run in runs])
        return
    rows = [
        (run.run_id, run.config.race_id, f"{_local(run.create_time)}", len(run.result["lineups"]), _profit(run))
        for run in runs
    ]
    print_table("Runs", ("id", "race", "made", "lineups", "expected profit $"), rows)


def _line(run: Run) -> dict[str, object]:
    return {
        "run_id": run.run_id,
        "race_id": run.config.race_id,
        "create_time": run.create_time,
        "n_lineups": len(run.result["lineups"]),
        "expected_profit_dollars": _profit(run),
    }


def _profit(run: Run) -> float:
    return float(run.result["contest"]["result"]["profit_cents"]["value"]) / 100


def _local(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M}"


@app.command("show")
def show_run(context: typer.Context, run: RunArgument = "latest", as_json: JsonOption = False) -> None:
    """Show a run: settings, inputs with their hashes, versions, seeds. Example: `pitwall runs show latest`"""
    found = store_of(context).get(run)
    if as_json:
        print_json({field.name: getattr(found, field.name) for field in dataclasses.fields(found)})
        return
    result = found.result
    rows: list[tuple[str, str]] = [("folder", str(found.folder)), ("made", _local(found.create_time))]
    rows += [(f"input {item.name}", item.sha256) for item in found.inputs]
    rows.append((LINEUPS, found.lineups_sha256))
    for group in ("versions", "seeds", "hashes"):
        rows += [(f"{group}: {name}", str(value)) for name, value in result[group].items()]
    rows += [(f"seconds: {stage}", f"{spent:.1f}") for stage, spent in found.timings_seconds.get("stages", {}).items()]
    print_table(f"Run {found.run_id} of {found.config.race_id}", ("what", "value"), rows)


@app.command("rerun")
def rerun(
    context: typer.Context,
    run: RunArgument = "latest",
    out: OutOption = Path("out"),
    as_json: JsonOption = False,
) -> None:
    """Do a run again from its stored files, and compare lineups, result and report.

    The race of the run replaces one that has been changed under its id since; a warning says so.

    Example: `pitwall runs rerun latest --out out/again`
    """
    store = store_of(context)
    before = store.get(run)
    with client_of(context) as client, Bars(shown=not as_json) as bars:
        on_stage = quiet if as_json else tell_stages
        check_places(out, store)
        replaced = _replaced_race(client, before)
        if replaced:
            errors.print(f"warning: {replaced}", markup=False)
        result = run_job(client, before.config, on_stage=on_stage, on_progress=bars)
        after, paths = keep_run(client, store, result, out)
    same = _sameness(before, after)
    changed = _changes(before, after)
    if as_json:
        answer = {"run_id": after.run_id, "of": before.run_id, **same, "changed": changed}
        print_json(answer | {"warnings": [replaced] if replaced else []})
        return
    output.print(f"run {after.run_id}, files in {paths[0].parent}", markup=False)
    if all(same.values()):
        how = "byte by byte" if after.result == before.result else "though some proofs were found in another way"
        output.print(f"lineups, result and report are the same, {how}")
    else:
        what = ", ".join(name.removeprefix("same_") for name, equal in same.items() if not equal)
        why = ", ".join(changed) or "nothing that is recorded"
        errors.print(f"warning: not the same: {what}; changed since: {why}", markup=False)


def _replaced_race(client: Client, before: Run) -> str:
    """What to say where the race of a run has been changed under its id; empty where it has not."""
    race_id = before.config.race_id
    try:
        current = client.races.get(race_id)
    except NotFoundError:
        return ""
    if current.snapshot_hash == before.result["hashes"]["race"]:
        return ""
    return f"race {race_id!r} has been changed since this run; it becomes again what it was then"


def _sameness(before: Run, after: Run) -> dict[str, bool]:
    """Which files of two runs are the same; result.json and report.html follow from what is stored of them.

    In which way a proof was found does not count.
    """
    return {
        "same_lineups": after.lineups_sha256 == before.lineups_sha256,
        "same_result": same_findings(after.result, before.result),
        "same_report": after.report == before.report,
    }


def _changes(before: Run, after: Run) -> list[str]:
    """Versions, inputs and what came of them that differ between two runs."""
    names = [
        name
        for group in ("versions", "hashes")
        for name, value in before.result[group].items()
        if after.result[group].get(name) != value
    ]
    hashes = {item.role: item.sha256 for item in before.inputs}
    return names + [item.role for item in after.inputs if hashes.get(item.role) != item.sha256]


def report(
    context: typer.Context,
    run: RunArgument = "latest",
    out: Annotated[Path, typer.Option(help="File to write.")] = Path("out/report.html"),
    as_json: JsonOption = False,
) -> None:
    """Write the report of a run: one HTML file that opens offline. Example: `pitwall report latest`"""
    found = store_of(context).get(run)
    write_atomically(out, report_html(report_from_json(found.report)))
    if as_json:
        print_json({"run_id": found.run_id, "file": str(out)})
    else:
        output.print(f"wrote {out}: the report of run {found.run_id}", markup=False)
