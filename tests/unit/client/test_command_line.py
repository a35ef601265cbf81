"""Small parts of the command line."""

import io
import itertools
import math
import os
import re
import subprocess
import sys

import pytest
from rich.console import Console

from pitwall.cli import connection_first, refuse_empty
from pitwall.cli._common import Bars, first_few, plural, print_table, report_error
from pitwall.cli._ranges import within
from pitwall.errors import ERRORS_BY_REASON, InvalidInputError, PitwallError
from pitwall.types.race import Progress


@pytest.mark.parametrize(
    ("check", "taken", "refused"),
    [
        (within("n", 1, 500), [1, 500, None], [0, 501]),
        (within("n", 0, 1, above_low=True), [0.001, 1.0], [0.0, 1.001, math.nan]),
        (within("n", 0, 1, below_high=True), [0.0, 0.999], [-0.001, 1.0, math.nan]),
        (within("n", 0), [0, 10.0**9], [-1, math.inf, math.nan]),
    ],
)
def test_ranges_hold_at_their_ends(check, taken, refused):
    assert [check(value) for value in taken] == taken
    for value in refused:
        with pytest.raises(InvalidInputError, match="--n: must be"):
            check(value)


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("race list --address x:1 --json", "--address x:1 race list --json"),
        ("race list --tls-ca-path a --token-path t", "--tls-ca-path a --token-path t race list"),
        ("--data-dir d simulate sample --address=x:1", "--data-dir d --address=x:1 simulate sample"),
        ("doctor --address", "--address"),
        ("race show foo --data-dir --json", "--data-dir"),
        ("race show -- --address", "race show -- --address"),
        ("run --addressee x", "run --addressee x"),
        ("", ""),
    ],
)
def test_options_that_say_where_the_services_are_may_stand_anywhere(typed, read):
    assert connection_first(typed.split()) == read.split()


@pytest.mark.parametrize("typed", [["run", "--out", ""], ["run", "--prizes="], ["--data-dir", " ", "race", "list"]])
def test_an_option_with_nothing_in_its_value_is_refused_by_name(typed):
    name = next(word for word in typed if word.startswith("--")).rstrip("=")
    with pytest.raises(InvalidInputError, match=f"^{name}: is empty"):
        refuse_empty(typed)


@pytest.mark.parametrize(
    "typed", ["run --out x --json", "race show -- --out=", "simulate s --fee=5 --prizes a=", "--json"]
)
def test_options_with_values_and_flags_pass(typed):
    refuse_empty(typed.split())


def test_progress_shows_stage_count_and_time_left_also_of_a_stage_that_comes_again(monkeypatch):
    seen, clock = io.StringIO(), itertools.count()
    terminal = Console(file=io.StringIO(), force_terminal=True, get_time=lambda: float(next(clock)))
    monkeypatch.setattr("pitwall.cli._common.errors", terminal)
    with Bars(shown=True) as bars:
        for done in (10, 50, 90, 10, 50):
            bars(Progress("simulate", done, 100, 0.0))
            Console(file=seen, width=100).print(bars._progress.get_renderable())
    lines = seen.getvalue().splitlines()
    assert all("simulate" in line for line in lines)
    assert [re.search(r"([0-9]+)/100", line)[1] for line in lines] == ["10", "50", "90", "10", "50"]
    known = [bool(re.search(r"[0-9]:[0-9]{2}:[0-9]{2}", line)) for line in lines]
    assert known == [False, True, True, False, True], "the time left is measured anew"


def test_progress_is_not_drawn_where_nobody_looks(monkeypatch):
    written = io.StringIO()
    monkeypatch.setattr("pitwall.cli._common.errors", Console(file=written))
    with Bars(shown=True) as bars:
        bars(Progress("simulate", 1, 2, 0.0))
    assert written.getvalue() == ""


@pytest.mark.parametrize(
    ("typed", "offered"),
    [("pitwall sc", {"scenarios"}), ("pitwall optimize --max", {"--max-exposure", "--max-team-exposure"})],
)
def test_the_shell_completes_verbs_and_options(typed, offered):
    words = {"COMP_WORDS": typed, "COMP_CWORD": str(typed.count(" ")), "_PITWALL_COMPLETE": "complete_bash"}
    command = [sys.executable, "-c", "from pitwall.cli import app; app(prog_name='pitwall')"]
    told = subprocess.run(command, env=os.environ | words, capture_output=True, text=True, check=True, timeout=60)
    assert set(told.stdout.split()) == offered


@pytest.mark.parametrize("as_json", [True, False])
def test_each_reason_has_the_exit_code_that_is_documented(as_json, capsys):
    codes = {reason: report_error(cls("told"), as_json=as_json) for reason, cls in ERRORS_BY_REASON.items()}
    assert report_error(PitwallError("told"), as_json=as_json) == 1
    assert {reason for reason, code in codes.items() if code == 2} == {
        "INVALID_INPUT",
        "NOT_FOUND",
        "FAILED_PRECONDITION",
        "INFEASIBLE",
        "UNAUTHENTICATED",
    }
    of_services = {"UNAVAILABLE", "OVERLOADED", "DEADLINE_EXCEEDED"}
    of_storage = {"STORAGE_FULL", "STORAGE_DAMAGED", "STORAGE_READ_ONLY"}
    assert of_services | of_storage <= {reason for reason, code in codes.items() if code == 3}
    if as_json:
        assert capsys.readouterr().err.count('"message": "told"') == len(codes) + 1


def test_tables_show_brackets_as_they_stand(capsys):
    print_table("Drivers", ("driver",), [("Cole [R] Hargrove",), ("pip install 'pitwall[parquet]'",)])
    told = capsys.readouterr().out
    assert "Cole [R] Hargrove" in told
    assert "pitwall[parquet]" in told


def test_long_lists_are_cut_and_nouns_agree():
    assert first_few(["a", "b"], 2) == "a, b"
    assert first_few(["a", "b", "c", "d"], 2) == "a, b, and 2 more"
    assert [plural(n, "lineup") for n in (0, 1, 2)] == ["0 lineups", "1 lineup", "2 lineups"]
    assert plural(2, "entry", "entries") == "2 entries"
