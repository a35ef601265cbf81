"""``pitwall ownership``: what the field will play."""

from __future__ import annotations

from typing import Annotated

import typer

from pitwall.cli._common import JsonOption, RaceArgument, client_of, errors, print_json, print_table
from pitwall.cli._scenarios import SetOption

app = typer.Typer(no_args_is_help=True, help="Ownership: what the field will play.")


@app.command("project")
def project(
    context: typer.Context,
    race_id: RaceArgument,
    scenario_set: SetOption = "",
    model: Annotated[str, typer.Option(help="Version of the model. Default: the active one.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Project the ownership of a race. Example: `pitwall ownership project sample`"""
    with client_of(context) as client:
        names = client.races.get(race_id).names_by_id
        projection = client.ownership.project(race_id, scenario_set_id=scenario_set, model_version=model)
    if as_json:
        print_json(projection)
        return
    for warning in projection.warnings:
        errors.print(f"warning: {warning}", markup=False)
    rows = [
        (names[driver.driver_id], driver.percent, driver.lower_percent, driver.upper_percent)
        for driver in sorted(projection.drivers, key=lambda driver: -driver.percent)
    ]
    level = f"{projection.interval_level:.0%}"
    title = f"Ownership of {race_id}, total {projection.total_percent:.1f} %, model {projection.model_version}"
    print_table(title, ("driver", "%", f"low ({level})", f"high ({level})"), rows)
