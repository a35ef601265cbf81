"""What each verb says to input that is not right, and when there is nobody to talk to."""

import csv
import io
import os
import socket
import subprocess
import sys

import numpy as np
import pytest

from tests.conftest import EXAMPLES
from tests.system.command import SLATE, pitwall

pytestmark = pytest.mark.timeout(300)


def test_lineups_of_another_slate_are_told_in_a_sentence(cli, sample, tmp_path):
    path = tmp_path / "lineups.csv"
    path.write_text("D,D,D,D,D,D\n" + ",".join(f"Nobody {n} (9000{n})" for n in range(6)) + "\n")
    told = cli("simulate", "sample", "--lineups", path, "--json")
    assert told.code == 2
    assert "holds nobody of this slate" in told.violations["message"]
    assert len(told.violations["violations"]) == 1


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
    assert [item["field"] for item in told.violations["violations"]] == [f"points.csv: scenario 18, driver {ids[3]}"]
    (tmp_path / "empty.csv").write_text(",".join(ids) + "\n")
    told = cli("scenarios", "upload", "sample", tmp_path / "empty.csv", "--json")
    assert told.violations["message"].startswith("empty.csv: holds no scenario")
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


def test_more_entries_than_the_contest_allows_are_refused_before_any_work(cli, tmp_path):
    refused = cli("run", *SLATE, "--track", "phoenix", "--lineups", 20, "--max-entries", 3, "--out", tmp_path / "out")
    assert refused.code == 2
    assert "--max-entries" in refused.err
    assert not (tmp_path / "out").exists()


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


def test_a_byte_order_mark_is_welcome(cli, tmp_path):
    path = tmp_path / "DKSalaries.csv"
    path.write_bytes(b"\xef\xbb\xbf" + (EXAMPLES / "DKSalaries.csv").read_bytes())
    files = ("--salaries", path, "--race-sheet", EXAMPLES / "race_sheet.csv")
    assert cli("race", "import", "bom", *files, "--track", "phoenix", "--json").json
    assert cli("race", "delete", "bom").code == 0
