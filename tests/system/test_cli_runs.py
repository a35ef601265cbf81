"""Runs that are kept: told, made again, audited; and the disk they are kept on."""

import errno
import hashlib

import pytest

from tests.conftest import EXAMPLES
from tests.system.command import SLATE, pitwall

pytestmark = pytest.mark.timeout(300)


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


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


def test_rules_of_a_file_hold_unless_typed_on_the_line(sample, cli, tmp_path):
    rules = tmp_path / "rules.toml"
    rules.write_text("n_lineups = 3\nsalary_floor_dollars = 49_000\nmax_driver_exposure = 1.0\nmax_team_exposure = 1.0")
    answer = cli("optimize", "sample", "--rules", rules, "--lineups", 2, "--json").json
    assert len(answer["lineups"]) == 2
    assert all(item["metrics"]["salary_dollars"] >= 49_000 for item in answer["lineups"])
    assert 0 < answer["summary"]["n_allowed_lineups"] < answer["summary"]["n_legal_lineups"]
