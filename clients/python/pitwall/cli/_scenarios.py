"""``pitwall scenarios``: generate, summary, export, upload."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer

from pitwall.cli._common import Bars, JsonOption, RaceArgument, client_of, errors, output, print_json, print_table
from pitwall.cli._ranges import MAX_SEED, within
from pitwall.files import write_atomically
from pitwall.problems import invalid, told_as
from pitwall.sitefiles.matrices import read_matrix
from pitwall.sitefiles.parquet import parquet_bytes
from pitwall.types.scenarios import DriverSummary, ScenarioMatrix, ScenarioRecipe, ScenarioSet

app = typer.Typer(no_args_is_help=True, help="Scenarios: simulated races.")

SetOption = Annotated[str, typer.Option("--set", help="Id of the scenario set. Default: the newest of the race.")]


def print_set(scenario_set: ScenarioSet) -> None:
    """A set in three lines, and its warnings."""
    mix = ", ".join(f"{item.regime} {item.n_scenarios / scenario_set.n_scenarios:.0%}" for item in scenario_set.regimes)
    output.print(f"scenario set {scenario_set.scenario_set_id}: {scenario_set.n_scenarios:,} scenarios", markup=False)
    output.print(f"made by: {_origin(scenario_set.recipe)}", markup=False)
    output.print(f"race flows: {mix or 'not known'}", markup=False)
    print_set_warnings(scenario_set)


def _origin(recipe: ScenarioRecipe | None) -> str:
    if recipe is None:
        return "you, uploaded"
    return f"race model {recipe.model_version}, calibration {recipe.calibration_version}, seed {recipe.seed}"


def print_set_warnings(scenario_set: ScenarioSet) -> None:
    """What to know of a set."""
    for warning in scenario_set.warnings:
        errors.print(f"warning: {warning}", markup=False, soft_wrap=True)


@app.command("generate")
def generate(
    context: typer.Context,
    race_id: RaceArgument,
    n: Annotated[
        int,
        typer.Option(
            "--n", help="Races to simulate; 10,000 put 100 in a 99 % tail.", callback=within("n", 100, 1_000_000)
        ),
    ] = 10_000,
    seed: Annotated[
        int,
        typer.Option(help="Seed; the same seed gives the same scenarios.", callback=within("seed", 0, MAX_SEED)),
    ] = 1,
    as_json: JsonOption = False,
) -> None:
    """Simulate a race. Example: `pitwall scenarios generate sample --n 10000 --seed 1`"""
    with client_of(context) as client, Bars(shown=not as_json) as bars:
        made = client.scenarios.generate(race_id, n, seed=seed, on_progress=bars)
    if as_json:
        print_json(made)
    else:
        print_set(made)


@app.command("summary")
def summary(
    context: typer.Context,
    race_id: RaceArgument,
    scenario_set: SetOption = "",
    optimal: Annotated[bool, typer.Option(help="Also the share of best-in-hindsight lineups per driver.")] = True,
    correlations: Annotated[
        bool, typer.Option("--correlations", help="Also the correlations of the drivers' points.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Say what the scenarios hold for each driver. Example: `pitwall scenarios summary sample`"""
    with client_of(context) as client:
        answer = client.scenarios.summary(race_id, scenario_set, optimal_rates=optimal, correlations=correlations)
    if as_json:
        document: dict[str, object] = {"scenario_set": answer.scenario_set, "drivers": answer.drivers}
        if answer.correlations is not None:
            ids, values = list(answer.correlations.index), answer.correlations.to_numpy().tolist()
            document["correlations"] = {"driver_ids": ids, "values": values}
        print_json(document)
        return
    print_set(answer.scenario_set)
    drivers = sorted(answer.drivers, key=lambda driver: -driver.mean_points)
    _print_points(drivers)
    _print_rates(drivers)
    if answer.correlations is not None:
        _print_correlations(drivers, answer.correlations)


def _percent(rate: float | None) -> float | None:
    return None if rate is None else 100 * rate


def _print_points(drivers: Sequence[DriverSummary]) -> None:
    levels = [f"p{item.level:g}" for item in drivers[0].percentiles]
    rows = [
        (
            driver.name,
            driver.mean_points,
            driver.sd_points,
            *(item.points for item in driver.percentiles),
            _percent(driver.optimal_rate),
        )
        for driver in drivers
    ]
    columns = ("driver", "mean", "sd", *levels, "optimal %")
    print_table("Points", columns, rows, narrow=("driver", "mean", "sd", levels[-1], "optimal %"))


def _print_rates(drivers: Sequence[DriverSummary]) -> None:
    rows = [
        (
            driver.name,
            _percent(driver.win_rate),
            _percent(driver.top5_rate),
            _percent(driver.top10_rate),
            _percent(driver.dnf_rate),
            driver.mean_finish,
            driver.mean_laps_led,
            driver.mean_fastest_laps,
        )
        for driver in drivers
    ]
    columns = ("driver", "win %", "top-5 %", "top-10 %", "out %", "finish", "laps led", "fastest laps")
    print_table("Race", columns, rows, narrow=("driver", "win %", "top-5 %", "out %"))


def _print_correlations(drivers: Sequence[DriverSummary], matrix: pd.DataFrame) -> None:
    """The matrix in hundredths, as wide as it is: columns are the drivers in the order of the rows."""
    ids = [driver.driver_id for driver in drivers]
    hundredths = (100 * matrix.loc[ids, ids]).round().astype(int).to_numpy()
    width = max(len(driver.name) for driver in drivers)
    output.print("Correlations of points in hundredths; columns are numbered as the rows are")
    output.print(" " * (width + 4) + "".join(f"{number:4d}" for number in range(1, len(ids) + 1)), soft_wrap=True)
    for number, (driver, row) in enumerate(zip(drivers, hundredths.tolist(), strict=True), start=1):
        cells = "".join(f"{value:4d}" for value in row)
        output.print(f"{number:3d} {driver.name:<{width}}{cells}", markup=False, soft_wrap=True)


@app.command("export")
def export(
    context: typer.Context,
    race_id: RaceArgument,
    out: Annotated[Path, typer.Option(help="File to write: .csv, .npy or .parquet.", show_default=False)],
    scenario_set: SetOption = "",
    as_json: JsonOption = False,
) -> None:
    """Write the simulated points to a file. Example: `pitwall scenarios export sample --out out/points.csv`"""
    if out.suffix not in _WRITERS:
        raise invalid("--out", f"{out.name} must end with {', '.join(_WRITERS)}")
    with client_of(context) as client, Bars(shown=not as_json) as bars:
        matrix = client.scenarios.matrix(race_id, scenario_set, on_progress=bars)
    write_atomically(out, _WRITERS[out.suffix](matrix))
    n_rows, n_columns = matrix.points.shape
    if as_json:
        print_json({"file": str(out), "n_scenarios": n_rows, "driver_ids": matrix.driver_ids})
    else:
        output.print(f"wrote {out}: {n_rows:,} scenarios x {n_columns} drivers", markup=False)


def _csv(matrix: ScenarioMatrix) -> bytes:
    return matrix.frame().round(2).to_csv(index=False).encode()


def _npy(matrix: ScenarioMatrix) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, matrix.points)
    return buffer.getvalue()


def _parquet(matrix: ScenarioMatrix) -> bytes:
    return parquet_bytes(matrix.frame())


_WRITERS = {".csv": _csv, ".npy": _npy, ".parquet": _parquet}


_CELL = r"matrix: row ([0-9]+), column ([0-9]+)"
"""Where the service says that a cell is wrong, counted from 0."""


@app.command("upload")
def upload(
    context: typer.Context,
    race_id: RaceArgument,
    matrix: Annotated[
        Path,
        typer.Argument(
            help="A row per scenario: .csv or .parquet whose columns are driver ids, or .npy with a column per "
            "driver that starts, in the order of `pitwall race show --json`."
        ),
    ],
    as_json: JsonOption = False,
) -> None:
    """Use your own matrix of points. Example: `pitwall scenarios upload sample out/points.csv`"""
    with client_of(context) as client:
        starters = [driver.driver_id for driver in client.races.get(race_id).starters]
        points, driver_ids = read_matrix(matrix, starters)
        if not len(points):
            raise invalid(matrix.name, "holds no scenario; write a row for each")
        with told_as(
            {_CELL: lambda found: f"{matrix.name}: scenario {int(found[1]) + 1}, driver {driver_ids[int(found[2])]}"}
        ):
            stored = client.scenarios.upload(race_id, points, driver_ids)
    if as_json:
        print_json(stored)
    else:
        print_set(stored)
