"""Contests as options and files describe them."""

from dataclasses import replace

import pytest
import typer
from typer.testing import CliRunner

from pitwall.cli._contest_options import ContestOptions, prize_text, read_contests, with_contest_options
from pitwall.config import Contest, PrizeShape
from pitwall.errors import InvalidInputError
from pitwall.problems import invalid


def test_options_become_a_contest():
    options = ContestOptions(fee=4, overlay=100, first_share=0.1, paid_share=0.3, min_cash=1.2, rake=0.1)
    expected = Contest(505, 4, PrizeShape(0.1, 0.3, 1.2, 0.1), overlay_dollars=100)
    assert options.contest(500, 5) == expected
    assert ContestOptions(entries=90, prizes="1st $5").contest(500, 5) == Contest(90, 5.0, "1st $5")


def test_defaults_are_those_of_the_client():
    assert ContestOptions().contest(500, 5) == Contest(505, 5.0)


def test_more_own_entries_than_allowed_are_refused_before_any_call():
    ContestOptions(max_entries=3).contest(10, 3)
    with pytest.raises(InvalidInputError, match="--max-entries: 4 lineups, but the contest allows 3"):
        ContestOptions(max_entries=3).contest(10, 4)


def test_contests_of_a_file_take_from_the_options_what_they_do_not_state(tmp_path):
    path = tmp_path / "contests.toml"
    path.write_text(
        '[[contest]]\nname = "flat"\nentries = 900\nfirst_share = 0.1\n[[contest]]\nprizes = """\n1st $9\n"""\n'
    )
    flat, other = read_contests(path, ContestOptions(fee=2.5, rake=0.1))
    assert flat == ContestOptions(name="flat", entries=900, fee=2.5, first_share=0.1, rake=0.1)
    assert other == ContestOptions(fee=2.5, rake=0.1, prizes="1st $9\n")
    flat, other = read_contests(path, ContestOptions(prizes="1st $4"))
    assert (flat.prizes, other.prizes) == ("", "1st $9\n"), "a shape that is stated stays"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", r"must hold tables \[\[contest\]\]"),
        ("contest = 3", r"must hold tables \[\[contest\]\]"),
        ("[[contests]]\nfee = 1", "not 'contests'"),
        ("[[contest]]\nfee = 1\n[[contest]]\nfirst_shares = 1", "contest 2: knows no 'first_shares'; there are name"),
        ("[[contest]]\nentries = 10.5", "entries must be int"),
        ("[[contest]]\nentries = true", "entries must be int"),
        ("[[contest]]\nprizes = 5", "prizes must be str"),
        ('[[contest]]\nprizes = " "', "contest 1: prizes is empty"),
        ("[[contest]", "cannot be read as TOML"),
    ],
)
def test_faults_of_a_file_are_named(tmp_path, text, fault):
    path = tmp_path / "contests.toml"
    path.write_text(text)
    with pytest.raises(InvalidInputError, match=fault):
        read_contests(path, ContestOptions())


def test_prizes_come_from_a_text_file(tmp_path):
    path = tmp_path / "prizes.txt"
    path.write_bytes("1st $5\n".encode("utf-8-sig"))
    assert prize_text(path) == "1st $5\n"
    assert prize_text(None) == ""
    path.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(InvalidInputError, match="save it as UTF-8"):
        prize_text(path)
    with pytest.raises(InvalidInputError, match="check the path"):
        prize_text(tmp_path / "missing.txt")
    path.write_text("\n")
    with pytest.raises(InvalidInputError, match=r"prizes\.txt: holds no prizes"):
        prize_text(path)


@pytest.mark.parametrize(
    ("field", "typed", "written"),
    [
        ("contest.text.rows[2]", "p.txt: prize 3", "f.toml: contest 1: prizes: prize 3"),
        ("contests[4].prizes", "p.txt", "f.toml: contest 1: prizes"),
        ("contest.shape", "prizes", "f.toml: contest 1"),
        ("contest.n_entries", "--opponents", "f.toml: contest 1: entries"),
        ("contest.max_entries_per_user", "--max-entries", "f.toml: contest 1: max_entries"),
        ("field.known", "field.known", "field.known"),
    ],
)
def test_complaints_of_a_service_name_what_the_user_wrote(field, typed, written):
    for options, place in (
        (ContestOptions(prizes_place="p.txt"), typed),
        (ContestOptions(place="f.toml: contest 1"), written),
    ):
        with pytest.raises(InvalidInputError) as caught, options.told():
            raise invalid(field, "is wrong")
        assert [(item.field, item.description) for item in caught.value.violations] == [(place, "is wrong")]


def test_limits_of_a_contest_in_a_file_are_told_of_the_file():
    described = ContestOptions(entries=3, max_entries=2, place="f.toml: contest 1")
    with pytest.raises(InvalidInputError, match=r"^f\.toml: contest 1: max_entries: 3 lineups"):
        described.contest(10, 3)
    with pytest.raises(InvalidInputError, match=r"^f\.toml: contest 1: entries: 4 lineups in a contest of 3"):
        replace(described, max_entries=20).contest(10, 4)


def test_a_command_gets_its_options_as_one_contest(tmp_path):
    told, app = [], typer.Typer()

    @app.command()
    @with_contest_options
    def command(first: int, contest: ContestOptions = ContestOptions(), last: int = 3) -> None:  # noqa: B008
        told.append((first, contest, last))

    def call(*arguments):
        return CliRunner().invoke(app, list(arguments)).exit_code

    prizes = tmp_path / "prizes.txt"
    prizes.write_text("1st $9\n")
    assert call("1", "--fee", "20", "--max-entries", "3", "--prizes", str(prizes), "--last", "4") == 0
    assert call("2") == 0
    assert call("3", "--rake", "1") != 0
    assert told == [(1, ContestOptions(fee=20, max_entries=3, prizes="1st $9\n"), 4), (2, ContestOptions(), 3)]
