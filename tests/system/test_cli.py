"""Each verb on the sample slate."""

import csv
import io
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import EXAMPLES
from tests.system.command import SLATE, pitwall

pytestmark = pytest.mark.timeout(300)


def test_run_writes_lineups_result_and_report(sample, folder):
    assert {path.name for path in folder.iterdir()} >= {"lineups.csv", "result.json", "report.html"}
    assert len(sample["lineups"]) == 5
    assert all(item["proven_optimal"] for item in sample["lineups"])
    rows = list(csv.reader((folder / "lineups.csv").open(newline="")))
    assert rows[0] == ["D"] * 6
    assert [cell.split(" (")[0] for cell in rows[1]] == sample["lineups"][0]["drivers"]


def test_entries_can_be_chosen_by_what_they_pay_together(cli, tmp_path):
    options = ("--track", "phoenix", "--race-id", "equity", "--scenarios", 1_000, "--lineups", 2, "--out", tmp_path)
    chosen = cli("run", *SLATE, *options, "--select", "equity", "--opponents", 300, "--json").json
    assert len(chosen["lineups"]) == 2
    assert chosen["pool"]["n_built"] == 6
    assert (chosen["portfolio"]["n_requested"], chosen["portfolio"]["n_built"]) == (2, 2)
    held = [driver_id for item in chosen["lineups"] for driver_id in item["driver_ids"]]
    exposures = {row["name"]: row["n_lineups"] for row in chosen["portfolio"]["driver_exposures"]}
    assert exposures == Counter(held)
    assert max(exposures.values()) == 1, "half of the entries at most, as in the pool"
    assert chosen["selection"]["profit_cents"] <= chosen["selection"]["upper_bound_cents"]
    assert {"selection", "best_single_roi"} <= set(chosen["selection"]["fresh_profit_cents"])
    assert all(item["n_entries"] == 2 for item in chosen["selection"]["comparisons"])
    seeds = chosen["seeds"]
    assert len({seeds["scenarios"], seeds["contest_scenarios"], seeds["selection_scenarios"]}) == 3
    folder = Path(cli("runs", "show", chosen["run_id"], "--json").json["folder"])
    curves = [curve["name"] for curve in json.loads((folder / "report.json").read_text())["curves"]]
    assert "best-mean lineup" in curves
    again = cli("runs", "rerun", chosen["run_id"], "--out", tmp_path / "again", "--json").json
    assert again["same_lineups"]


def test_the_version_is_told(cli):
    assert cli("--version").out.startswith("pitwall ")


def test_the_series_says_how_far_a_race_goes(cli):
    trucks = ("race", "import", "trucks", *SLATE, "--series", "truck", "--json")
    assert cli(*trucks, "--track", "phoenix").json["race"]["scheduled_laps"] == 150
    told = cli(*trucks, "--track", "michigan")
    assert told.code == 2
    assert "--laps" in told.violations["message"]
    assert cli("race", "delete", "trucks").code == 0


@pytest.mark.usefixtures("sample")
@pytest.mark.parametrize(
    "arguments",
    [
        ("race", "list"),
        ("race", "show", "sample"),
        ("scenarios", "generate", "sample", "--n", 2_000),
        ("scenarios", "summary", "sample"),
        ("ownership", "project", "sample"),
        ("optimize", "sample", "--lineups", 2),
        ("doctor",),
    ],
    ids=lambda arguments: " ".join(map(str, arguments[:2])),
)
def test_verbs_answer_as_tables_and_as_json(cli, arguments):
    assert cli(*arguments, "--json").json
    told = cli(*arguments)
    assert told.code == 0, told.err
    assert len(told.out) > 50


@pytest.mark.usefixtures("sample")
@pytest.mark.parametrize("suffix", ["csv", "npy", "parquet"])
def test_a_matrix_goes_out_and_comes_back(cli, suffix, tmp_path):
    path = tmp_path / f"points.{suffix}"
    written = cli("scenarios", "export", "sample", "--out", path, "--json").json
    stored = cli("scenarios", "upload", "sample", path, "--json").json
    assert stored["source"] == "uploaded"
    assert stored["n_scenarios"] == written["n_scenarios"]
    assert stored["driver_ids"] == written["driver_ids"]


@pytest.mark.usefixtures("sample")
def test_an_array_is_a_matrix_too(cli, tmp_path):
    cli("scenarios", "export", "sample", "--out", tmp_path / "points.npy")
    exported, stored = np.load(tmp_path / "points.npy"), cli("scenarios", "upload", "sample", tmp_path / "points.npy")
    assert stored.code == 0, stored.err
    np.save(tmp_path / "narrow.npy", exported[:, 1:])
    refused = cli("scenarios", "upload", "sample", tmp_path / "narrow.npy", "--json")
    assert refused.code == 2
    assert "narrow.npy" in refused.violations["violations"][0]["field"]


def fanduel_list():
    """The sample slate as FanDuel's player list."""
    head = "Id,Position,First Name,Nickname,Last Name,FPPG,Played,Salary,Game,Team,Opponent,Injury Indicator,"
    rows = csv.reader((EXAMPLES / "DKSalaries.csv").open(newline=""))
    players = [f"99-{row[3]},D,,{row[2]},,{row[8]},9,{row[5]},Copper Basin 312,,,,," for row in rows if row[0] == "D"]
    return "\n".join([head + "Injury Details,Tier", *players])


def test_a_fanduel_slate_gives_fanduels_upload(cli, tmp_path):
    (tmp_path / "players.csv").write_text(fanduel_list())
    files = ("--salaries", tmp_path / "players.csv", "--race-sheet", EXAMPLES / "race_sheet.csv", "--site", "fanduel")
    options = ("--track", "phoenix", "--race-id", "fd", "--scenarios", 2_000, "--lineups", 2, "--out", tmp_path / "out")
    answer = cli("run", *files, *options, "--json").json
    rows = list(csv.reader((tmp_path / "out" / "lineups.csv").open(newline="")))
    assert [len(row) for row in rows] == [5, 5, 5]
    assert [cell.partition(":")[2] for cell in rows[1]] == answer["lineups"][0]["drivers"]
    assert all(cell.startswith("99-") for cell in rows[1])
    scored = cli("simulate", "fd", "--lineups", tmp_path / "out" / "lineups.csv", "--opponents", 200, "--json").json
    assert len(scored["contests"][0]["lineups"]) == 2
    assert cli("race", "delete", "fd").code == 0


@pytest.mark.usefixtures("sample")
@pytest.mark.parametrize("layout", ["ids", "names", "json", "parquet"])
def test_lineups_in_other_layouts(cli, layout, tmp_path):
    out = tmp_path / f"lineups.{layout}"
    answer = cli("optimize", "sample", "--lineups", 2, "--out", out, "--format", layout, "--json").json
    names = answer["lineups"][0]["drivers"]
    if layout == "json":
        assert [driver["name"] for driver in json.loads(out.read_text())[0]["drivers"]] == names
    elif layout == "names":
        assert next(csv.reader(io.StringIO(out.read_text()))) == names
    filled = tmp_path / "DKEntries.csv"
    plan = cli("entries", "fill", "--template", EXAMPLES / "DKEntries.csv", "--lineups", out, "--out", filled, "--json")
    assert {item["lineup"] for item in plan.json["filled"]} == {1, 2}
    first = next(row for row in csv.reader(filled.open(newline="")) if row[0] == "5100000001")
    assert [cell.split(" (")[0] for cell in first[4:10]] == names


@pytest.mark.usefixtures("sample")
def test_the_entries_template_is_filled(folder, tmp_path):
    out = tmp_path / "DKEntries.csv"
    options = ("--template", EXAMPLES / "DKEntries.csv", "--lineups", folder / "lineups.csv", "--out", out)
    plan = pitwall("entries", "fill", *options, "--json").json
    assert [item["lineup"] for item in plan["filled"]] == [1, 2, 3, 4, 5, 1, 1, 2]
    before, after = (list(csv.reader(path.open(newline=""))) for path in (EXAMPLES / "DKEntries.csv", out))
    lineups = list(csv.reader((folder / "lineups.csv").open(newline="")))
    assert after[1][4:10] == lineups[1]
    assert [row[:4] + row[10:] for row in after] == [row[:4] + row[10:] for row in before]
    assert pitwall("entries", "fill", *options).code == 0


def test_a_race_sheet_is_prepared_once(tmp_path):
    out = tmp_path / "sheet.csv"
    made = pitwall("race", "template", "--salaries", EXAMPLES / "DKSalaries.csv", "--out", out, "--json").json
    rows = list(csv.reader(out.open(newline="")))
    assert rows[0][:3] == ["name", "start", "team"]
    assert len(rows) - 1 == made["n_drivers"] == 38
    again = pitwall("race", "template", "--salaries", EXAMPLES / "DKSalaries.csv", "--out", out)
    assert again.code == 2
    assert "--force" in again.err


def test_a_template_alone_makes_a_race(cli, tmp_path):
    out = tmp_path / "sheet.csv"
    assert pitwall("race", "template", "--salaries", EXAMPLES / "DKSalaries.csv", "--out", out).code == 0
    files = ("--salaries", EXAMPLES / "DKSalaries.csv", "--race-sheet", out)
    race = cli("race", "import", "bare", *files, "--track", "phoenix", "--json").json
    assert len(race["race"]["drivers"]) == 38
    assert cli("race", "delete", "bare").code == 0


def test_every_verb_explains_itself_with_an_example():
    from typer.main import get_command

    from pitwall.cli import app

    def verbs(command, path):
        if hasattr(command, "commands"):
            for name, child in command.commands.items():
                yield from verbs(child, (*path, name))
        else:
            yield path, command

    for path, command in verbs(get_command(app), ()):
        assert f"`pitwall {' '.join(path)}" in command.help.replace("\n", " "), path
        shown = pitwall(*path, "--help")
        assert shown.code == 0
        assert "Example" in shown.out


def test_completion_is_offered():
    assert "--install-completion" in pitwall("--help").out
