import csv
import io
import json
import sys

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pitwall.errors import InvalidInputError
from pitwall.sitefiles import FORMATS, lineup_file, parse_cell, pool_of_race, read_lineups, read_player_list
from pitwall.types.race import Driver, Race, Rules, Track
from tests.unit.sitefiles.layouts_of_sites import salary_rows

NAMES = ("Kyle Larson", "Martin Truex Jr", 'Al "Ace" Smith, III', "Álvaro Núñez", "X Y", "Out Man")


def race(site="draftkings"):
    drivers = tuple(
        Driver(str(100 + number), name, 5_000 * (number + 1), withdrawn=name == "Out Man")
        for number, name in enumerate(NAMES)
    )
    return Race("r", Track("short"), 100, drivers, Rules(site, roster_size=2, salary_cap_dollars=20_000))


def rows_of(content):
    return list(csv.reader(io.StringIO(content.decode(), newline="")))


LINEUPS = [("100", "101"), ("100", "102")]


def test_draftkings_has_a_slot_per_column_and_name_with_id():
    assert rows_of(lineup_file(race(), LINEUPS)) == [
        ["D", "D"],
        ["Kyle Larson (100)", "Martin Truex Jr (101)"],
        ["Kyle Larson (100)", 'Al "Ace" Smith, III (102)'],
    ]


@pytest.mark.parametrize(
    "text",
    ["Kyle Larson (100)", "kyle larson (100)", "100", "100:Kyle Larson", "Kyle Larson (100) (LOCKED)", "(100)"],
)
def test_a_cell_is_the_driver_that_it_names(text):
    assert parse_cell(text, pool_of_race(race())).player_id == "100"


@pytest.mark.parametrize(
    "text", ["Alvaro Nunez (103)", "Martin Truex Jr. (101)", "Martin Truex (101)", "103:Alvaro Núñez"]
)
def test_names_beside_an_id_may_differ_by_the_rules_of_joins(text):
    assert not parse_cell(text, pool_of_race(race())).problem


@pytest.mark.parametrize("text", ["Kyle Larson (101)", "101:Kyle Larson", "Kyle Larson (101) (LOCKED)"])
def test_a_cell_that_contradicts_itself_is_refused(text, tmp_path):
    cell = parse_cell(text, pool_of_race(race()))
    assert cell.player_id == ""
    assert "101 is Martin Truex Jr" in cell.problem
    path = tmp_path / "l.csv"
    path.write_text(f"D,D\n100,{text}\n")
    with pytest.raises(InvalidInputError, match=r"row 2, column 2.*contradicts itself"):
        read_lineups(path, pool_of_race(race()))


def test_other_layouts():
    assert rows_of(lineup_file(race(), LINEUPS, "ids"))[1:] == [["100", "101"], ["100", "102"]]
    assert rows_of(lineup_file(race(), LINEUPS, "names"))[0] == ["Kyle Larson", "Martin Truex Jr"]
    assert rows_of(lineup_file(race("fanduel"), LINEUPS))[1] == ["100:Kyle Larson", "101:Martin Truex Jr"]
    document = json.loads(lineup_file(race(), LINEUPS, "json"))
    assert document[1] == {
        "drivers": [
            {"id": "100", "name": "Kyle Larson", "salary": 5_000},
            {"id": "102", "name": NAMES[2], "salary": 15_000},
        ],
        "salary": 20_000,
    }


def test_a_row_of_parquet_holds_ids_names_and_the_salary():
    pytest.importorskip("pyarrow", reason="parquet is an optional extra")
    frame = pd.read_parquet(io.BytesIO(lineup_file(race(), LINEUPS, "parquet")))
    assert list(frame.columns) == ["driver_1", "name_1", "driver_2", "name_2", "salary_dollars"]
    assert frame.iloc[1].tolist() == ["100", "Kyle Larson", "102", NAMES[2], 20_000]


def test_parquet_without_pyarrow_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InvalidInputError, match=r"pip install 'pitwall\[parquet\]'"):
        lineup_file(race(), LINEUPS, "parquet")


@pytest.mark.parametrize("layout", FORMATS)
def test_what_is_written_reads_back(layout, tmp_path):
    if layout == "parquet":
        pytest.importorskip("pyarrow", reason="parquet is an optional extra")
    path = tmp_path / f"lineups.{layout if layout in ('json', 'parquet') else 'csv'}"
    path.write_bytes(lineup_file(race("fanduel" if layout == "fanduel" else "draftkings"), LINEUPS, layout))
    assert read_lineups(path, pool_of_race(race())) == LINEUPS


@pytest.mark.parametrize(
    ("lineup", "problem"),
    [
        (("100",), "a roster has 2"),
        (("100", "100"), "2 times"),
        (("100", "7"), "not in the player pool"),
        (("101", "103"), r"costs \$30,000; the cap is \$20,000"),
        (("100", "105"), "does not start"),
    ],
)
@pytest.mark.parametrize("layout", FORMATS)
def test_no_layout_takes_an_illegal_lineup(lineup, problem, layout):
    with pytest.raises(InvalidInputError, match=problem):
        lineup_file(race("fanduel" if layout == "fanduel" else "draftkings"), [*LINEUPS, lineup], layout)


@pytest.mark.parametrize(("site", "layout"), [("draftkings", "fanduel"), ("fanduel", "draftkings")])
def test_the_upload_file_of_another_site_is_refused(site, layout):
    with pytest.raises(InvalidInputError, match=f"{layout}.*another site than the race's .{site}"):
        lineup_file(race(site), LINEUPS, layout)


def test_the_result_of_a_run_is_read_as_its_lineups(tmp_path):
    path = tmp_path / "result.json"
    path.write_text(json.dumps({"lineups": [{"driver_ids": lineup, "drivers": ["?"]} for lineup in LINEUPS]}))
    assert read_lineups(path, pool_of_race(race())) == LINEUPS


def test_an_unknown_layout_is_refused_with_the_ones_there_are():
    with pytest.raises(InvalidInputError, match="draftkings, ids"):
        lineup_file(race(), LINEUPS, "xml")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("D,D\n100,9\n", "row 2, column 2"),
        ("D,D\n100\n", "row 2"),
        ("D,D\n100,101,102\n", "row 2"),
        ("D,D\n", "l.csv"),
        ("", "l.csv"),
        ('D,D\n"100,101\n', "row 2"),
    ],
)
def test_lineups_that_cannot_be_read_are_placed(text, place, tmp_path):
    path = tmp_path / "l.csv"
    path.write_text(text)
    with pytest.raises(InvalidInputError) as caught:
        read_lineups(path, pool_of_race(race()))
    assert place in caught.value.violations[0].field


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "l.json"),
        ("[]", "l.json"),
        ("{}", "l.json"),
        ('{"drivers": []}', "l.json"),
        ('[{"drivers": [{"id": 100}]}]', "l.json: lineup 1"),
        ('[{"drivers": [{"id": 100}, {"id": 9}]}]', "l.json: lineup 1, driver 2"),
        ("[" * 100_000, "l.json"),
    ],
)
def test_json_that_holds_no_lineups_is_placed(text, place, tmp_path):
    path = tmp_path / "l.json"
    path.write_text(text)
    with pytest.raises(InvalidInputError) as caught:
        read_lineups(path, pool_of_race(race()))
    assert caught.value.violations[0].field == place


def refused_or(read):
    """What was read, nothing when the file was refused with its reasons."""
    try:
        return read()
    except InvalidInputError as error:
        violations = error.violations
    assert violations
    return []


@given(st.binary(max_size=200) | st.text(st.sampled_from('D,10123()\n\r" LOCKED:'), max_size=80).map(str.encode))
def test_any_bytes_give_lineups_or_a_refusal(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(content)
    lineups = refused_or(lambda: read_lineups(path, pool_of_race(race())))
    assert all(len(lineup) == 2 for lineup in lineups)


@settings(max_examples=150)
@given(st.data(), st.sampled_from(["json", "parquet"]))
def test_damaged_files_of_programs_give_lineups_or_a_refusal(tmp_path_factory, data, layout):
    if layout == "parquet":
        pytest.importorskip("pyarrow", reason="parquet is an optional extra")
    content = bytearray(lineup_file(race(), LINEUPS, layout))
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(content) - 1))
        content[start : start + data.draw(st.integers(0, 20))] = data.draw(st.binary(max_size=8))
    path = tmp_path_factory.getbasetemp() / f"damaged.{layout}"
    path.write_bytes(content)
    pool = pool_of_race(race())
    lineups = refused_or(lambda: read_lineups(path, pool))
    assert all(set(lineup) <= set(pool.by_id) and len(lineup) == 2 for lineup in lineups)


def test_salary_files_of_both_sites_are_read():
    text = "\n".join(",".join(f'"{cell}"'.replace('"Ace"', '""Ace""') for cell in row) for row in salary_rows())
    players = read_player_list("DKSalaries.csv", b"\xef\xbb\xbf" + text.encode())
    assert [player.name for player in players][-1] == 'José "Ace" Núñez, Jr'
    fanduel = (
        "Id,Position,First Name,Nickname,Last Name,FPPG,Played,Salary,Game,Team,Opponent,Injury Indicator,"
        "Injury Details,Tier\n9-1,D,Kyle,Kyle Larson,Larson,50.5,9,14000,x,,,,,\n"
    )
    assert read_player_list("fd.csv", fanduel.encode())[0].player_id == "9-1"


@given(st.binary(max_size=300))
def test_any_bytes_give_players_or_a_refusal(content):
    refused_or(lambda: read_player_list("f.csv", content))
