"""``pitwall entries``: lineups into the site's entries template."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pitwall.cli._common import JsonOption, errors, output, print_json, print_table
from pitwall.cli._ranges import within
from pitwall.files import write_atomically
from pitwall.problems import read_bytes
from pitwall.sitefiles import EntriesTemplate, FillPlan, FillRule, fill_entries, read_entries, read_lineups

app = typer.Typer(no_args_is_help=True, help="Entries: the site's entries template, filled.")


@app.callback()
def _entries() -> None:
    """Keep ``fill`` a verb of its own although it is the only one."""


@app.command("fill")
def fill(
    template: Annotated[Path, typer.Option(help="DKEntries.csv as downloaded.", show_default=False)],
    lineups: Annotated[Path, typer.Option(help="Lineups, best first, such as out/lineups.csv.", show_default=False)],
    out: Annotated[Path, typer.Option(help="File to write, for upload.", show_default=False)],
    rule: Annotated[
        FillRule,
        typer.Option(help="top: each contest takes lineups from the top; spread: those least taken so far."),
    ] = FillRule.TOP,
    contest: Annotated[
        list[str] | None, typer.Option(help="Id of a contest to fill; repeatable. Default: all.")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Also entries that hold a lineup already.")] = False,
    repeat: Annotated[bool, typer.Option("--repeat", help="Repeat lineups in a contest with more entries.")] = False,
    cap: Annotated[int, typer.Option(help="Salary cap in dollars.", callback=within("cap", 1))] = 50_000,
    as_json: JsonOption = False,
) -> None:
    """Fill reserved entries with lineups; every byte that need not change stays.

    Contests and entries are taken in the order of the file; each entry takes the first lineup that its contest
    does not hold yet. Locked drivers stay.

    Example: `pitwall entries fill --template examples/DKEntries.csv --lineups out/lineups.csv --out out/DKEntries.csv`
    """
    parsed = read_entries(template.name, read_bytes(template), salary_cap_dollars=cap)
    plan = fill_entries(
        parsed,
        read_lineups(lineups, parsed.pool),
        rule=rule,
        contest_ids=contest or (),
        replace=replace,
        repeat=repeat,
    )
    write_atomically(out, plan.content)
    if as_json:
        print_json({name: value for name, value in vars(plan).items() if name != "content"} | {"file": str(out)})
    else:
        _print_plan(parsed, plan, out)


def _print_plan(template: EntriesTemplate, plan: FillPlan, out: Path) -> None:
    entries = {entry.entry_id: entry for entry in template.entries}
    rows = [
        (item.entry_id, entries[item.entry_id].contest_name, entries[item.entry_id].entry_fee, item.lineup)
        for item in plan.filled
    ]
    print_table("Entries filled", ("entry", "contest", "fee", "lineup"), rows)
    if plan.kept:
        keep = "entry keeps" if len(plan.kept) == 1 else "entries keep"
        output.print(f"{len(plan.kept)} {keep} the lineup there was; --replace fills those with a lineup too")
    for left in plan.left:
        errors.print(f"warning: entry {left.entry_id} is as before: {left.reason}", markup=False)
    if plan.unused:
        output.print(f"lineups that no entry took: {', '.join(map(str, plan.unused))}")
    output.print(f"wrote {out}", markup=False)
