"""Each verb on the sample slate, and what each says to input that is not right."""

import csv
import errno
import hashlib
import io
import json
import os
import socket
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import REPOSITORY
from tests.system.command import pitwall, serving

EXAMPLES = REPOSITORY / "examples"
SLATE = ("--salaries", EXAMPLES / "DKSalaries.csv", "--race-sheet", EXAMPLES / "race_sheet.csv")

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """Where the services are: a served stack, and a folder for runs."""
    folder = tmp_path_factory.mktemp("data")
    with serving(folder / "served") as address:
        yield ("--address", address, "--data-dir", folder / "client")


@pytest.fixture(scope="module")
def cli(stack):
    return lambda *arguments: pitwall(*stack, *arguments)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("out")


@pytest.fixture(scope="module")
def sample(cli, folder):
    """The main job: answer and files."""
    options = ("--track", "phoenix", "--race-id", "sample", "--scenarios", 2_000, "--lineups", 5, "--out", folder)
    return cli("run", *SLATE, *options, "--json").json


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


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


def test_a_rerun_gives_the_same_bytes(cli, sample, folder, tmp_path):
    again = cli("runs", "rerun", sample["run_id"], "--out", tmp_path, "--json").json
    assert (again["same_lineups"], again["same_result"], again["same_report"]) == (True, True, True)
    assert again["changed"] == again["warnings"] == []
    for name in ("lineups.csv", "result.json", "report.html"):
        assert digest(tmp_path / name) == digest(folder / name), name


def test_a_rerun_tells_that_it_puts_a_changed_race_back(cli, tmp_path):
    options = ("--track", "phoenix", "--race-id", "changing", "--scenarios", 500, "--lineups", 1, "--opponents", 50)
    run_id = cli("run", *SLATE, *options, "--out", tmp_path, "--json").json["run_id"]
    assert cli("race", "import", "changing", *SLATE, "--track", "phoenix", "--laps", 99).code == 0
    again = cli("runs", "rerun", run_id, "--out", tmp_path / "again", "--json").json
    assert "'changing' has been changed" in again["warnings"][0]
    assert again["same_result"]


def test_a_rerun_is_the_same_where_another_slate_stood_under_its_id(cli, tmp_path):
    options = ("--track", "phoenix", "--race-id", "shared", "--scenarios", 500, "--lineups", 1, "--opponents", 50)
    run_id = cli("run", *SLATE, *options, "--out", tmp_path, "--json").json["run_id"]
    other = tmp_path / "other.csv"
    text = SLATE[1].read_text()
    for line in text.splitlines()[1:]:
        text = text.replace(line.split(",")[3], "9" + line.split(",")[3])
    other.write_text(text)
    told = cli("race", "import", "shared", "--salaries", other, *SLATE[2:], "--track", "phoenix")
    assert "replaces one of the same id with other drivers: 38 of its 38 are gone" in " ".join(told.err.split())
    again = cli("runs", "rerun", run_id, "--out", tmp_path / "again", "--json").json
    assert (again["same_lineups"], again["same_result"], again["same_report"]) == (True, True, True)


def test_the_version_is_told(cli):
    assert cli("--version").out.startswith("pitwall ")


def test_lineups_of_another_slate_are_told_in_a_sentence(cli, sample, tmp_path):
    path = tmp_path / "lineups.csv"
    path.write_text("D,D,D,D,D,D\n" + ",".join(f"Nobody {n} (9000{n})" for n in range(6)) + "\n")
    told = cli("simulate", "sample", "--lineups", path, "--json")
    assert told.code == 2
    assert "holds nobody of this slate" in told.violations["message"]
    assert len(told.violations["violations"]) == 1


def test_stages_given_reach_the_race_and_a_rerun(cli, tmp_path):
    def laps(race_id):
        race = cli("race", "show", race_id, "--json").json
        return race["scheduled_laps"], race["stage_laps"]

    stages = ("--stage-laps", "60,65,187")
    assert cli("race", "import", "staged", *SLATE, "--track", "short", *stages).code == 0
    assert laps("staged") == (312, [60, 65, 187])
    assert "312 laps in stages of 60, 65, 187," in " ".join(cli("race", "show", "staged").out.split())
    options = ("--track", "sonoma", "--race-id", "staged", "--scenarios", 500, "--lineups", 1, "--opponents", 50)
    run_id = cli("run", *SLATE, *options, "--stage-laps", 110, "--out", tmp_path, "--json").json["run_id"]
    assert laps("staged") == (110, [110])
    assert "110 laps without stage breaks," in " ".join(cli("race", "show", "staged").out.split())
    again = cli("runs", "rerun", run_id, "--out", tmp_path / "again", "--json").json
    assert again["same_lineups"]
    assert again["warnings"] == again["changed"] == []
    assert cli("race", "delete", "staged").code == 0


def test_a_rerun_is_the_same_where_a_table_is_kept_that_was_not(cli, tmp_path):
    options = ("--track", "sonoma", "--race-id", "tabled", "--scenarios", 500, "--lineups", 1, "--opponents", 50)
    first = cli("run", *SLATE, *options, "--out", tmp_path, "--json").json
    assert first["lineups"][0]["certificate"]["method"] == "branch_and_bound"
    built = cli("optimize", "tabled", "--lineups", 2, "--json").json["lineups"]
    assert {item["certificate"]["method"] for item in built} == {"table"}
    again = cli("runs", "rerun", first["run_id"], "--out", tmp_path / "again", "--json").json
    assert (again["same_lineups"], again["same_result"], again["same_report"]) == (True, True, True)
    told = cli("runs", "rerun", first["run_id"], "--out", tmp_path / "again")
    assert "are the same, though some proofs were found in another way" in " ".join(told.out.split())
    told = cli("runs", "rerun", "latest", "--out", tmp_path / "again")
    assert "are the same, byte by byte" in " ".join(told.out.split())


@pytest.mark.parametrize(
    ("laps", "complaint"),
    [
        ("60,a", "from 1 to 1,000"),
        ("0,110", "from 1 to 1,000"),
        ("20,20,20,20,20,10", "at most 5 stages, not 6"),
        ("3,4", "must sum to at least 10 and at most 1,000, not 7"),
        ("99999999999", "from 1 to 1,000"),
        ("1_10", "from 1 to 1,000"),
        ("60,65,100 --laps 312", "sums to 225 laps but 312 are scheduled; make them equal"),
        ("25,30,5", "sums to 60 laps but 110 are scheduled; make them equal, or say how far the race goes by --laps"),
    ],
)
def test_stages_that_cannot_be_are_refused(cli, laps, complaint):
    told = cli("race", "import", "staged", *SLATE, "--track", "sonoma", "--json", "--stage-laps", *laps.split())
    assert told.code == 2
    (violation,) = told.violations["violations"]
    assert violation["field"] == "--stage-laps"
    assert complaint in violation["description"]


def test_the_series_says_how_far_a_race_goes(cli):
    trucks = ("race", "import", "trucks", *SLATE, "--series", "truck", "--json")
    assert cli(*trucks, "--track", "phoenix").json["race"]["scheduled_laps"] == 150
    told = cli(*trucks, "--track", "michigan")
    assert told.code == 2
    assert "--laps" in told.violations["message"]
    assert cli("race", "delete", "trucks").code == 0


@pytest.mark.parametrize("laps", [0, 9, 1_001])
def test_a_distance_that_cannot_be_is_refused(cli, laps):
    told = cli("race", "import", "endless", *SLATE, "--track", "phoenix", "--json", "--laps", laps)
    assert told.code == 2
    assert told.violations["violations"] == [
        {"field": "--laps", "description": f"must be at least 10 and at most 1,000, not {laps}"}
    ]


@pytest.mark.parametrize("option", ["--address", "--data-dir"])
def test_an_empty_place_is_refused_as_typed(option):
    told = pitwall("race", "list", option, "", "--json")
    assert told.code == 2
    assert [item["field"] for item in told.violations["violations"]] == [option]


def test_runs_are_listed_and_shown_with_hashes(cli, sample, folder):
    assert sample["run_id"] in [run["run_id"] for run in cli("runs", "list", "--json").json]
    shown = cli("runs", "show", sample["run_id"], "--json").json
    assert shown["lineups_sha256"] == digest(folder / "lineups.csv")
    hashes = {item["role"]: item["sha256"] for item in shown["inputs"]}
    assert hashes["salaries"] == digest(EXAMPLES / "DKSalaries.csv")
    assert hashes["race_sheet"] == digest(EXAMPLES / "race_sheet.csv")
    assert shown["result"]["seeds"]["scenarios"] == 1
    assert cli("runs", "show", sample["run_id"]).code == 0
    assert cli("runs", "list").code == 0


def test_the_report_is_written_again_from_the_stored_run(cli, sample, folder, tmp_path):
    assert cli("report", sample["run_id"], "--out", tmp_path / "r.html", "--json").json["run_id"] == sample["run_id"]
    assert digest(tmp_path / "r.html") == digest(folder / "report.html")


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
def test_simulate_reads_what_run_wrote(cli, folder):
    result = cli("simulate", "sample", "--lineups", folder / "lineups.csv", "--opponents", 500, "--json").json
    assert len(result["contests"][0]["lineups"]) == 5


@pytest.mark.usefixtures("sample")
def test_simulate_plays_scenarios_that_did_not_choose_the_lineups(cli, folder):
    newest = cli("scenarios", "generate", "sample", "--n", 2_000, "--seed", 1, "--json").json["scenario_set_id"]
    options = ("--lineups", folder / "lineups.csv", "--opponents", 500)
    played = cli("simulate", "sample", *options, "--json").json["scenario_set_id"]
    assert played == cli("scenarios", "generate", "sample", "--n", 2_000, "--seed", 2, "--json").json["scenario_set_id"]
    cli("scenarios", "generate", "sample", "--n", 2_000, "--seed", 1)
    told = cli("simulate", "sample", *options)
    assert f"{played} (seed 2)" in " ".join(told.err.split())
    summary = cli("scenarios", "summary", "sample", "--no-optimal", "--correlations", "--json").json
    assert summary["scenario_set"]["scenario_set_id"] == newest
    recipe = summary["scenario_set"]["recipe"]
    made_by = f"made by: race model {recipe['model_version']}, calibration {recipe['calibration_version']}, seed 1"
    assert made_by in cli("scenarios", "summary", "sample", "--no-optimal").out
    assert summary["correlations"]["driver_ids"] == [driver["driver_id"] for driver in summary["drivers"]]
    correlations = np.array(summary["correlations"]["values"])
    assert (correlations.diagonal() == 1).all()
    assert (correlations == correlations.T).all()
    given = cli("simulate", "sample", *options, "--set", newest)
    assert "look better" in given.err
    for unknown, says in (("zzz", "'zzz' is no id of a scenario set"), ("ab" * 16, "ab" * 16)):
        refused = cli("simulate", "sample", *options, "--set", unknown)
        assert refused.code == 2
        assert says in refused.err
        assert "played" not in refused.err


@pytest.mark.usefixtures("sample")
def test_simulate_takes_the_shape_the_overlay_and_the_part_of_kelly(cli, folder):
    options = ("--lineups", folder / "lineups.csv", "--opponents", 495, "--fee", 10, "--n-fields", 2)
    shape = ("--first-share", 0.1, "--paid-share", 0.4, "--min-cash", 1.2, "--rake", 0.1, "--kelly", 0.5)
    (played,) = cli("simulate", "sample", *options, *shape, "--json").json["contests"]
    rows = played["prizes"]["rows"]
    assert rows[-1]["last_place"] == 200
    assert rows[-1]["prize_cents"] >= 1_200
    assert rows[0]["prize_cents"] == pytest.approx(0.1 * 0.9 * 500 * 1_000, abs=2)
    assert played["portfolio"]["kelly_fraction"] == 0.5
    prizes = folder / "rich.txt"
    prizes.write_text("1st $5,100\n")
    refused = cli("simulate", "sample", *options, "--prizes", prizes)
    assert refused.code == 2
    assert "overlay" in refused.err
    assert cli("simulate", "sample", *options, "--prizes", prizes, "--overlay", 100, "--json").code == 0


@pytest.mark.usefixtures("sample")
def test_a_field_that_knows_nothing_is_easier_to_beat(cli, folder):
    options = ("--lineups", folder / "lineups.csv", "--opponents", 2_000, "--json")
    knowing, ignorant = (cli("simulate", "sample", *options, "--insight", insight).json for insight in (0.29, 0))
    assert knowing["insight"] == pytest.approx(0.29, abs=0.03)
    assert ignorant["insight"] == 0.0
    profits = [result["contests"][0]["portfolio"]["profit_cents"]["value"] for result in (knowing, ignorant)]
    assert profits[0] < profits[1]
    assert cli("simulate", "sample", *options, "--insight", 2).code == 2


@pytest.mark.usefixtures("sample")
def test_simulate_shows_the_insight_reached_and_what_a_single_field_leaves_out(cli, folder):
    played = cli("simulate", "sample", "--lineups", folder / "lineups.csv", "--n-fields", 1)
    assert "insight of the field" in played.out
    assert "raise n_fields" in " ".join(played.err.split())


@pytest.mark.usefixtures("sample")
def test_simulate_plays_several_contests_of_a_file(cli, folder):
    path = folder / "contests.toml"
    path.write_text('[[contest]]\nname = "flat"\nentries = 300\n[[contest]]\nname = "steep"\nprizes = "1st $900"\n')
    options = ("--lineups", folder / "lineups.csv", "--opponents", 395, "--contests", path, "--n-fields", 2)
    result = cli("simulate", "sample", *options, "--json").json
    assert [item["name"] for item in result["contests"]] == ["flat", "steep"]
    assert result["combined"]["n_entries"] == 10
    assert len(result["combined"]["drivers"]) == 38
    told = cli("simulate", "sample", *options).out
    assert "steep" in told
    assert "all contests together" in told


@pytest.mark.usefixtures("sample")
def test_simulate_plays_the_real_opponents_of_the_standings(cli, folder):
    """All that have a lineup, or all but one's own; the contest has room for just them."""
    standings = EXAMPLES / "contest-standings-190000001.csv"
    rows = list(csv.DictReader(standings.open(newline="", encoding="utf-8-sig")))
    filled = [row for row in rows if row["Lineup"]]
    options = ("--lineups", folder / "lineups.csv", "--standings", standings)
    result = cli("simulate", "sample", *options, "--json").json
    assert result["n_fields"] == 1
    paid = result["contests"][0]["prizes"]["rows"][-1]["last_place"]
    assert paid == round(0.22 * (len(filled) + 5))
    user = filled[0]["EntryName"]
    assert cli("simulate", "sample", *options, "--own-user", user, "--json").json["field"]["warnings"] == []
    refused = cli("simulate", "sample", *options, "--own-user", "nobody here")
    assert refused.code == 2
    assert "field.known.own_user" in refused.err


def test_fewer_lineups_than_asked_for_are_written_and_end_with_code_2(cli, tmp_path):
    rules = ("--max-exposure", 0.1, "--lineups", 20, "--uniques", 6)
    options = ("--track", "phoenix", "--race-id", "short", "--scenarios", 500, "--out", tmp_path)
    told = cli("run", *SLATE, *options, *rules)
    assert told.code == 2, told.err
    built = len(list(csv.reader((tmp_path / "lineups.csv").open(newline="")))) - 1
    assert 0 < built < 20
    assert told.err.count(f"{built} of 20 lineups built") == 1
    assert "lower --uniques" in told.err
    assert cli("race", "delete", "short").code == 0


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


def test_a_run_is_audited_and_its_contest_recorded(cli, sample, tmp_path):
    standings = EXAMPLES / "contest-standings-190000001.csv"
    prizes = tmp_path / "prizes.txt"
    prizes.write_text("1st $100\n2nd - 20th $20\n")
    options = ("--run", sample["run_id"], "--prizes", prizes, "--fee", 4)
    answer = cli("audit", "--standings", standings, *options, "--record", "190000001", "--json").json
    assert answer["audit"]["n_entries"] == 200
    assert len(answer["audit"]["lineups"]) == 5
    assert len(answer["audit"]["drivers"]) == 38
    records = cli("ownership", "records", "--json").json
    assert answer["record_id"] in [record["record_id"] for record in records]
    told = cli("audit", "--standings", standings, *options)
    assert told.code == 0, told.err
    assert "hindsight" in told.out
    twice = cli("audit", "--standings", standings, *options, "--record", "again")
    assert twice.code == 2
    assert "as contest '190000001'" in twice.err
    assert "Lineups among 200 entries" in twice.out
    refused = cli("audit", "--standings", standings, *options, "--user", "nobody")
    assert refused.code == 2
    assert "among 200" in refused.err


def test_serving_on_a_taken_port_is_one_plain_refusal(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        told = pitwall("--data-dir", tmp_path, "serve", "--port", port)
    assert told.code == 2
    assert f"cannot listen on 127.0.0.1:{port}" in told.err
    assert "add_port" not in told.err
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_named(cli, sample, tmp_path):
    (tmp_path / "file").write_text("here")
    told = cli("report", sample["run_id"], "--out", tmp_path / "file" / "r.html")
    assert told.code == 2
    assert "file" in told.err
    assert (tmp_path / "file").read_text() == "here"


def full(*_arguments, **_options):
    raise OSError(errno.ENOSPC, "No space left on device", "disk")


@pytest.mark.usefixtures("sample")
def test_a_full_disk_is_code_3_and_leaves_the_file_before(folder, tmp_path, monkeypatch):
    out = tmp_path / "DKEntries.csv"
    out.write_text("before")
    options = ("--template", EXAMPLES / "DKEntries.csv", "--lineups", folder / "lineups.csv", "--out", out)
    monkeypatch.setattr("pitwall.files.os.fsync", full)
    told = pitwall("entries", "fill", *options, "--json")
    assert told.code == 3
    assert "free some space" in told.violations["message"]
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("DKEntries.csv", "before")]


def test_a_run_that_the_disk_has_no_room_for_leaves_nothing_behind(cli, stack, sample, tmp_path, monkeypatch):
    runs = stack[-1] / "runs"
    before = sorted(path.name for path in runs.iterdir())
    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.write_text", full)
        told = cli("runs", "rerun", sample["run_id"], "--out", tmp_path)
    assert told.code == 3, told.err
    assert "No space left" in told.err
    assert sorted(path.name for path in runs.iterdir()) == before


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


def salaries(change):
    """The sample salary file with its rows changed."""
    rows = list(csv.reader((EXAMPLES / "DKSalaries.csv").open(newline="")))
    change(rows)
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def set_cell(row, column, value):
    return lambda rows: rows[row].__setitem__(column, value)


BAD_SALARIES = {
    "no salary column": (set_cell(0, 5, "Wages"), "row 1", "Salary"),
    "a driver twice": (lambda rows: rows.append(list(rows[1])), "row 40", "ID"),
    "salary of zero": (set_cell(3, 5, "0"), "row 4", "Salary"),
    "negative salary": (set_cell(3, 5, "-100"), "row 4", "Salary"),
    "no id": (set_cell(5, 3, ""), "row 6", "ID"),
}


@pytest.mark.usefixtures("sample")
@pytest.mark.parametrize("case", BAD_SALARIES)
def test_bad_salary_files_are_refused_by_row_and_column(cli, case, tmp_path):
    change, row, column = BAD_SALARIES[case]
    path, out = tmp_path / "Bad.csv", tmp_path / "out"
    content = salaries(change)
    if case == "no id":
        content = content.replace(b"Name + ID", b"Ignored")
    path.write_bytes(content)
    before = cli("race", "list", "--json").json
    told = cli("run", "--salaries", path, "--track", "phoenix", "--race-id", "bad", "--out", out, "--json")
    assert told.code == 2
    places = [item["field"] for item in told.violations["violations"]]
    assert any("Bad.csv" in place and row in place and column in place for place in places), places
    assert all(len(item["description"]) > 15 for item in told.violations["violations"])
    assert not out.exists()
    assert cli("race", "list", "--json").json == before


def test_a_byte_order_mark_is_welcome(cli, tmp_path):
    path = tmp_path / "DKSalaries.csv"
    path.write_bytes(b"\xef\xbb\xbf" + (EXAMPLES / "DKSalaries.csv").read_bytes())
    files = ("--salaries", path, "--race-sheet", EXAMPLES / "race_sheet.csv")
    assert cli("race", "import", "bom", *files, "--track", "phoenix", "--json").json
    assert cli("race", "delete", "bom").code == 0


def expensive(rows):
    for row in rows[1:]:
        row[5] = "9000"


def few(rows):
    del rows[6:]


@pytest.mark.parametrize("change", [expensive, few], ids=lambda change: change.__name__)
def test_a_slate_without_a_legal_lineup_is_refused_and_writes_nothing(cli, change, tmp_path):
    path, out = tmp_path / "DKSalaries.csv", tmp_path / "out"
    path.write_bytes(salaries(change))
    told = cli("run", "--salaries", path, "--track", "phoenix", "--race-id", "nolineup", "--out", out, "--json")
    assert told.code == 2, told.err
    assert not out.exists()


@pytest.mark.usefixtures("sample")
@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("race", "show", "nowhere"), "nowhere"),
        (("scenarios", "generate", "sample", "--n", 0), "--n"),
        (("scenarios", "generate", "sample", "--n", 10**9), "--n"),
        (("optimize", "sample", "--lineups", 0), "--lineups"),
        (("optimize", "sample", "--lineups", 10**9), "--lineups"),
        (("optimize", "sample", "--lock", "Nobody"), "lock"),
        (("optimize", "sample", "--exclude", "Preston Langly"), "Preston Langley?"),
        (("run", "--salaries", "missing.csv", "--track", "Phenix"), "Phoenix Raceway?"),
        *((("optimize", "sample", "--stack", text), "--stack") for text in ("two", "3-2", "0-2", "2-11", "2-", "-1-2")),
        *((("run", *SLATE, "--track", "phoenix", "--stack", text), "--stack") for text in ("two", "3-2")),
        (("optimize", "sample", "--format", "xml", "--out", "never.csv"), "format"),
        (("simulate", "sample", "--lineups", "missing.csv"), "missing.csv"),
        (("runs", "show", "nothing"), "nothing"),
        (("optimize", "sample", "--lineups", 1, "--format", "fanduel", "--out", "never.csv"), "format"),
        (("audit", "--standings", "missing.csv"), "missing.csv"),
        (("run", "--salaries", "missing.csv", "--track", "phoenix"), "missing.csv"),
        *(
            (("run", *SLATE, "--track", "phoenix", option, value), option)
            for option, value in (
                ("--seed", -1),
                ("--seed", 2**63),
                ("--opponents", 0),
                ("--fee", -1),
                ("--fee", "nan"),
                ("--rake", 1),
                ("--first-share", 0),
                ("--paid-share", 0),
                ("--min-cash", 0),
                ("--overlay", -1),
                ("--max-exposure", 1.5),
                ("--max-team-exposure", 0),
                ("--uniques", 11),
                ("--scenarios", 99),
                ("--format", "xml"),
            )
        ),
        (("serve", "--port", 65_536), "--port"),
        (("run", "--salaries", "missing.csv", "--track", "atlantis"), "atlantis"),
        (("entries", "fill", "--template", "missing.csv", "--lineups", "x", "--out", "y"), "missing.csv"),
    ],
    ids=lambda value: " ".join(map(str, value[:4])) if isinstance(value, tuple) else "",
)
def test_input_that_is_not_right_ends_with_code_2_and_says_what(cli, arguments, word, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = cli(*arguments, "--json")
    assert told.code == 2, told.err
    assert word in told.err
    assert "Traceback" not in told.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("sample")
def test_a_matrix_with_a_hole_is_refused(cli, tmp_path):
    ids = [driver["driver_id"] for driver in cli("race", "show", "sample", "--json").json["drivers"]]
    points = np.ones((200, len(ids)))
    points[17, 3] = np.nan
    path = tmp_path / "points.csv"
    path.write_text(",".join(ids) + "\n" + "\n".join(",".join(map(str, row)) for row in points))
    before = cli("scenarios", "summary", "sample", "--json").json["scenario_set"]["scenario_set_id"]
    told = cli("scenarios", "upload", "sample", path, "--json")
    assert told.code == 2, told.err
    assert "17" in told.err or "18" in told.err
    assert cli("scenarios", "summary", "sample", "--json").json["scenario_set"]["scenario_set_id"] == before


@pytest.mark.parametrize("closed", ["stdout", "stderr"])
def test_a_reader_that_goes_is_no_failure(closed, stack):
    reading, writing = os.pipe()
    os.close(reading)
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL} | {closed: writing}
    command = [sys.executable, "-c", "from pitwall.cli import main; main()", *map(str, stack), "race", "list"]
    try:
        assert subprocess.run(command, **streams, check=False, timeout=60).returncode == 0
        assert subprocess.run([*command, "--json"], **streams, check=False, timeout=60).returncode == 0
    finally:
        os.close(writing)


def test_an_interrupt_is_code_130(monkeypatch):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr("pitwall.cli._run.planned_race", lambda *_: interrupted())
    told = pitwall("run", *SLATE, "--track", "phoenix")
    assert told.code == 130
    assert told.err == "interrupted\n"


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("optimize", "sample", "--lineups", "many"), "--lineups"),
        (("run", *SLATE, "--track", "phoenix", "--select", "luck"), "--select"),
        (("optimze",), "optimize"),
        (("doctor", "--all"), "--all"),
        (("race", "show"), "race_id"),
        (("ownership", "record", "--race", "sample"), "--standings"),
    ],
    ids=lambda value: value[-1] if isinstance(value, tuple) else "",
)
def test_arguments_that_cannot_be_read_are_told_to_programs_too(arguments, word):
    told = pitwall(*arguments, "--json")
    assert told.code == 2
    assert word in told.violations["message"]
    assert told.violations["violations"][0]["field"] == "arguments"
    people = pitwall(*arguments)
    assert people.code == 2
    assert "Usage: pitwall" in people.err


def test_a_service_that_is_not_there_is_code_3(tmp_path):
    where, verb = ("--address", "127.0.0.1:1", "--data-dir", tmp_path), ("race", "list", "--json")
    for arguments in ((*where, *verb), (*verb, *where)):
        told = pitwall(*arguments)
        assert told.code == 3
        assert told.violations["reason"] == "UNAVAILABLE"
        assert told.violations["message"].startswith("127.0.0.1:1 does not answer")


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


def test_more_entries_than_the_contest_allows_are_refused_before_any_work(cli, tmp_path):
    refused = cli("run", *SLATE, "--track", "phoenix", "--lineups", 20, "--max-entries", 3, "--out", tmp_path / "out")
    assert refused.code == 2
    assert "--max-entries" in refused.err
    assert not (tmp_path / "out").exists()


def test_rules_of_a_file_hold_unless_typed_on_the_line(sample, cli, tmp_path):
    rules = tmp_path / "rules.toml"
    rules.write_text("n_lineups = 3\nsalary_floor_dollars = 49_000\nmax_driver_exposure = 1.0\nmax_team_exposure = 1.0")
    answer = cli("optimize", "sample", "--rules", rules, "--lineups", 2, "--json").json
    assert len(answer["lineups"]) == 2
    assert all(item["metrics"]["salary_dollars"] >= 49_000 for item in answer["lineups"])
    assert 0 < answer["summary"]["n_allowed_lineups"] < answer["summary"]["n_legal_lineups"]
