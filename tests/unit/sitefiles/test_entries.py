import csv
import io
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pitwall.errors import InvalidInputError
from pitwall.sitefiles import FillRule, fill_entries, lineup_problems, read_entries
from tests.conftest import EXAMPLES
from tests.unit.sitefiles.layouts_of_sites import entries_file, salary_rows

POOL = salary_rows()
LINEUPS = [("900", "901", "902", "903", "904", number) for number in ("905", "906", "907", "908", "909")]
PLAYABLE = LINEUPS[:4]


def cell(driver_id):
    return next(row[1] for row in POOL if row[3] == driver_id)


def entry(number, contest="1", cells=()):
    return (str(4_949_428_180 + number), f"NAS, contest {contest}", contest, "$0.25", cells)


def template(entries, **options):
    return read_entries("DKEntries.csv", entries_file(POOL, entries, **options))


def grid_texts(content):
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def filled_numbers(plan):
    return {item.entry_id: item.lineup for item in plan.filled}


def test_reservations_take_lineups_from_the_top_contest_by_contest():
    entries = [entry(0, "1"), entry(1, "2"), entry(2, "1"), entry(3, "1")]
    plan = fill_entries(template(entries), LINEUPS)
    assert [item.lineup for item in plan.filled] == [1, 1, 2, 3]
    assert plan.unused == (4, 5)
    assert not plan.left


def test_spread_takes_the_lineups_least_taken():
    entries = [entry(0, "1"), entry(1, "1"), entry(2, "2"), entry(3, "2"), entry(4, "3"), entry(5, "3")]
    plan = fill_entries(template(entries), LINEUPS, rule=FillRule.SPREAD)
    assert [item.lineup for item in plan.filled] == [1, 2, 3, 4, 5, 1]


def test_entries_without_a_lineup_left_are_reported_and_untouched():
    entries = [entry(number) for number in range(6)]
    parsed = template(entries)
    plan = fill_entries(parsed, PLAYABLE)
    assert [item.entry_id for item in plan.left] == [entries[4][0], entries[5][0]]
    assert all("holds every lineup already; build more or use --repeat" in item.reason for item in plan.left)
    assert grid_texts(plan.content)[5] == grid_texts(parsed.grid.edited({}))[5]
    repeated = fill_entries(parsed, PLAYABLE, repeat=True)
    assert [item.lineup for item in repeated.filled] == [1, 2, 3, 4, 1, 2]


def test_full_lineups_stay_and_are_not_doubled_in_their_contest():
    held = [cell(driver_id) for driver_id in PLAYABLE[0]]
    entries = [entry(0, "1", held), entry(1, "1"), entry(2, "2")]
    plan = fill_entries(template(entries), PLAYABLE)
    assert filled_numbers(plan) == {entries[1][0]: 2, entries[2][0]: 1}
    assert plan.kept == (entries[0][0],)
    replaced = fill_entries(template(entries), PLAYABLE[1:], replace=True)
    assert filled_numbers(replaced)[entries[0][0]] == 1


def test_only_one_cell_changes_when_one_driver_does():
    held = [cell(driver_id) for driver_id in PLAYABLE[0]]
    parsed = template([entry(0, "1", held)])
    plan = fill_entries(parsed, [PLAYABLE[1]], replace=True)
    before, after = grid_texts(parsed.grid.edited({})), grid_texts(plan.content)
    changed = [
        (row, column)
        for row in range(len(before))
        for column in range(len(before[row]))
        if before[row][column] != after[row][column]
    ]
    assert changed == [(1, 9)]
    assert after[1][9] == cell("906")


def test_locked_drivers_survive_in_their_cells():
    locked = ["", f"{cell('905')} (LOCKED)", "", "", "", ""]
    parsed = template([entry(0, "1", locked), entry(1, "1")])
    plan = fill_entries(parsed, [PLAYABLE[1], PLAYABLE[0]])
    assert filled_numbers(plan) == {entry(0)[0]: 2, entry(1)[0]: 1}
    assert grid_texts(plan.content)[1][5] == f"{cell('905')} (LOCKED)"
    impossible = fill_entries(parsed, [PLAYABLE[1]])
    (left,) = impossible.left
    assert (left.entry_id, left.contest_id) == (entry(0)[0], "1")
    assert left.reason == "no lineup holds its locked Driver 5; build one that does"


def test_an_entry_whose_locked_lineups_are_taken_is_told_so():
    held, locked = [cell(driver_id) for driver_id in PLAYABLE[0]], ["", f"{cell('905')} (LOCKED)", "", "", "", ""]
    plan = fill_entries(template([entry(0, "1", held), entry(1, "1", locked)]), PLAYABLE)
    assert [item.entry_id for item in plan.left] == [entry(1)[0]]
    assert "every lineup with its locked Driver 5 already" in plan.left[0].reason


@pytest.mark.parametrize("line_end", ["\r\n", "\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
def test_all_bytes_outside_changed_cells_stay(line_end, mark, quoting):
    content = entries_file(POOL, [entry(0), entry(1)], line_end=line_end, mark=mark, quoting=quoting)
    plan = fill_entries(read_entries("f.csv", content), PLAYABLE)
    restored = plan.content.decode()
    for driver_id in {*PLAYABLE[0], *PLAYABLE[1]}:
        head, *tail = restored.split("\n", 3)[:3]
        lines = [line.replace(cell(driver_id), "") for line in (head, *tail)]
        restored = "\n".join([*lines, restored.split("\n", 3)[3]])
    assert restored.encode() == content


def test_a_name_with_comma_and_quotes_is_written_so_that_it_reads_back():
    cheap = list(POOL)
    cheap[10] = [*cheap[10][:5], "5000", *cheap[10][6:]]
    parsed = read_entries("f.csv", entries_file(cheap, [entry(0)]))
    plan = fill_entries(parsed, [("900", "901", "902", "903", "904", "909")])
    assert read_entries("f.csv", plan.content).entries[0].slots == ("900", "901", "902", "903", "904", "909")


def test_rows_cut_off_after_the_fee_grow():
    lines = entries_file(POOL, [entry(number) for number in range(20)]).decode().split("\r\n")
    lines[20] = ",".join(lines[20].split(",")[:5])
    plan = fill_entries(read_entries("f.csv", "\r\n".join(lines).encode()), PLAYABLE, repeat=True)
    assert read_entries("f.csv", plan.content).entries[19].is_complete


@pytest.mark.parametrize(
    "lineup",
    [
        ("900", "901", "902", "903", "904"),
        ("900", "901", "902", "903", "904", "904"),
        ("900", "901", "902", "903", "904", "77"),
        ("904", "905", "906", "907", "908", "909"),
    ],
)
def test_an_illegal_lineup_is_never_written(lineup):
    with pytest.raises(InvalidInputError, match="lineup 2"):
        fill_entries(template([entry(0)]), [PLAYABLE[0], lineup])


def test_an_unknown_contest_is_named():
    with pytest.raises(InvalidInputError, match="'9'"):
        fill_entries(template([entry(0)]), PLAYABLE, contest_ids=["9"])


def damaged(change):
    rows = grid_texts(entries_file(POOL, [entry(0), entry(1)]))
    change(rows)
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda rows: rows[0].__setitem__(0, "Entry"), "row 1, column 1"),
        (lambda rows: rows[0].__setitem__(4, "PG"), "row 1, column 5"),
        (lambda rows: rows[1].__setitem__(0, "4.95E+09"), "row 2, column 1"),
        (lambda rows: rows[2].__setitem__(0, rows[1][0]), "row 3, column 1"),
        (lambda rows: rows[1].__setitem__(4, "Nobody (5)"), "row 2, column 5"),
        (lambda rows: rows[1].__setitem__(4, "Driver 1 (900)"), "row 2, column 5"),
        (lambda rows: rows[9].__setitem__(12, "Driver 1 (999)"), "row 10, column 13"),
        (lambda rows: rows[9].__setitem__(12, rows[8][12]), "row 10, column 13"),
        (lambda rows: rows[9].__setitem__(14, "x y"), "row 10, column 15"),
        (lambda rows: rows[9].__setitem__(16, "-5"), "row 10, column 17"),
        (lambda rows: rows[9].__setitem__(slice(12, 15), rows[8][12:15]), "row 10, column 15"),
        (lambda rows: rows[7].__setitem__(16, "Wages"), "row 8, column salary"),
        (lambda rows: rows.__delitem__(7), "DKEntries.csv"),
        (lambda rows: rows.__delitem__(slice(8, None)), "row 8"),
        (lambda rows: [row.__setitem__(0, "") or row.__setitem__(slice(0, 4), [""] * 4) for row in rows[1:3]], ""),
    ],
)
def test_every_complaint_names_its_place(change, place):
    with pytest.raises(InvalidInputError) as caught:
        read_entries("DKEntries.csv", damaged(change))
    assert place in caught.value.violations[0].field
    assert len(caught.value.violations[0].description) > 15


def refused_with_places(error):
    assert error.violations
    assert all(violation.field and violation.description for violation in error.violations)


@settings(max_examples=300)
@given(st.data())
def test_a_broken_file_is_refused_or_filled_never_more(data):
    content = bytearray(entries_file(POOL, [entry(0), entry(1, "2"), entry(2)]))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        length = data.draw(st.integers(0, 30))
        content[place : place + length] = data.draw(st.binary(max_size=6) | st.sampled_from([b",", b'"', b"\n", b"\r"]))
    try:
        parsed = read_entries("f.csv", bytes(content))
        plan = fill_entries(parsed, PLAYABLE)
    except InvalidInputError as error:
        refused_with_places(error)
        return
    reread = read_entries("f.csv", plan.content)
    accounted = {item.entry_id for item in plan.filled} | set(plan.kept) | {item.entry_id for item in plan.left}
    assert accounted == {item.entry_id for item in parsed.entries} == {item.entry_id for item in reread.entries}
    by_id = {item.entry_id: item for item in reread.entries}
    assert all(not lineup_problems(parsed.pool, by_id[item.entry_id].slots) for item in plan.filled)


def test_the_example_template_is_filled_and_grows_no_wider():
    content = (EXAMPLES / "DKEntries.csv").read_bytes()
    parsed = read_entries("DKEntries.csv", content)
    cheapest = sorted(parsed.pool.players, key=lambda player: player.salary_dollars)[:8]
    lineups = [tuple(p.player_id for p in cheapest if p not in pair) for pair in pairwise(cheapest)]
    plan = fill_entries(parsed, lineups)
    assert len(plan.filled) == 8
    assert len(plan.kept) == 1
    assert [len(row) for row in grid_texts(plan.content)] == [len(row) for row in grid_texts(content)]


@pytest.mark.real_data
def test_pools_of_real_salary_files_take_lineups(shared_data):
    contents = [path.read_bytes() for path in sorted((shared_data / "dk_salaries_nascar").glob("DKSalaries*.csv"))]
    exports = [content for content in contents if b"TeamAbbrev" in content]  # others are retyped tables
    assert len(exports) >= 4
    for content in exports:
        rows = grid_texts(content)
        parsed = read_entries("f.csv", entries_file(rows, [entry(0)]))
        assert len(parsed.pool.players) == len([row for row in rows[1:] if any(row)])
        cheapest = sorted(parsed.pool.players, key=lambda player: player.salary_dollars)[:6]
        plan = fill_entries(parsed, [tuple(player.player_id for player in cheapest)])
        assert read_entries("f.csv", plan.content).entries[0].is_complete
