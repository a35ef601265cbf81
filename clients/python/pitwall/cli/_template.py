"""``pitwall race template``: a race sheet to fill in."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Annotated

import typer

from pitwall.cli._common import JsonOption, output, print_json
from pitwall.cli._race import SalariesOption
from pitwall.files import write_atomically
from pitwall.problems import invalid, read_bytes
from pitwall.sitefiles import read_player_list

COLUMNS = (
    "name",
    "start",
    "team",
    "make",
    "car",
    "projection",
    "sd",
    "odds",
    "rating",
    "practice",
    "ownership",
    "status",
)


def template(
    salaries: SalariesOption,
    out: Annotated[Path, typer.Option(help="Race sheet to write.")] = Path("race_sheet.csv"),
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file if there is one.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write a race sheet for a salary file: names filled in, start, team and the rest left to you.

    Example: `pitwall race template --salaries examples/DKSalaries.csv --out race_sheet.csv`
    """
    if out.exists() and not force:
        raise invalid("out", f"{out} exists already; choose another name or give --force")
    players = read_player_list(salaries.name, read_bytes(salaries))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for player in sorted(players, key=lambda player: (-player.salary_dollars, player.name)):
        writer.writerow([player.name, *[""] * (len(COLUMNS) - 1)])
    write_atomically(out, text.getvalue().encode())
    if as_json:
        print_json({"file": str(out), "n_drivers": len(players), "columns": COLUMNS})
    else:
        output.print(f"wrote {out}: {len(players)} drivers; fill in at least start and team", markup=False)
