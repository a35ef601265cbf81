import io
import zipfile

import numpy as np
import pytest

from services.common.domain.errors import InvalidInput
from services.common.domain.race import Driver, Race, Track, TrackType
from services.common.domain.site_rules import DRAFTKINGS_CLASSIC
from services.ownership.core.recording import shares_from_standings, shares_from_table
from services.ownership.core.standings import read_standings

NAMES = ("D Ray D'Arc Jr.", "José Álvarez", "AJ Dee", "Bo D", "Cy Young III", "Ed Low", "Flo Max", "Gus Poe")
HEADER = "Rank,EntryId,EntryName,TimeRemaining,Points,Lineup,,Player,Roster Position,%Drafted,FPTS"
PERCENTS = (90.0, 80.5, 80.25, 79.25, 75.0, 70.0, 65.0, 55.0)
LINEUP = "D Ray D'Arc Jr. D Jose Alvarez D AJ Dee D Bo D D Cy Young III D Ed Low"


def a_race(names=NAMES, **changes):
    drivers = tuple(Driver(f"id{i}", name, 6_000 + 100 * i) for i, name in enumerate(names))
    return Race("demo", Track(TrackType.SHORT), 100, DRAFTKINGS_CLASSIC, changes.get("drivers", drivers))


def export(names=NAMES, percents=PERCENTS, entries=120, roster=True):
    """Rows as exported: the player block beside the first entries, entry 3 never filled, float noise in points."""
    lines = [HEADER if roster else HEADER.replace(",Roster Position", "")]
    for i in range(max(entries, len(names))):
        left = f"{i + 1},{900 + i},user{i} ({i % 4 + 1}/4),0,{85.850006 - i},{'' if i == 3 else LINEUP}"
        left = left if i < entries else ",,,,,"
        position = ",D" if roster else ""
        right = f",,{names[i]}{position},{percents[i]:.2f}%,{30.850006 + i}" if i < len(names) else ""
        lines.append(left + right)
    return "\r\n".join(lines).encode()


def zipped(content, name="contest-standings-7.csv", **more):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(name, content)
        for other, text in more.items():
            archive.writestr(f"{other}.csv", text)
    return packed.getvalue()


@pytest.mark.parametrize("wrap", [lambda c: c, lambda c: b"\xef\xbb\xbf" + c, zipped])
@pytest.mark.parametrize("roster", [True, False])
def test_reads_both_tables_of_every_layout(wrap, roster):
    found = read_standings("s.csv", wrap(export(roster=roster)))
    assert (found.n_entries, found.n_unfilled, found.max_entries_per_user) == (120, 1, 4)
    assert [player.name for player in found.players] == list(NAMES)
    assert [player.percent for player in found.players] == list(PERCENTS)
    assert found.players[0].points == 30.85


def test_the_player_block_may_be_the_longer_one():
    found = read_standings("s.csv", export(entries=2))
    assert found.n_entries == 2
    assert len(found.players) == 8


def test_joins_names_by_rule_and_leaves_out_nobody():
    race = a_race(("D Ray D'Arc Jr", "Jose Alvarez", "A.J. Dee", "bo d", "Cy Young", "Ed Low", "Flo Max", "Gus Poe"))
    shares, points = shares_from_standings(read_standings("s.csv", export()), race)
    np.testing.assert_allclose(shares, np.array(PERCENTS) / 100)
    np.testing.assert_allclose(points, np.round(30.850006 + np.arange(8), 2))


def test_picks_of_a_withdrawn_driver_count_as_unfilled():
    drivers = [Driver(f"id{i}", name, 6_000) for i, name in enumerate((*NAMES, "Late Scratch"))]
    drivers[-1] = Driver("id8", "Late Scratch", 6_000, withdrawn=True)
    content = export((*NAMES, "Late Scratch"), (*PERCENTS[:-1], 51.0, 4.0))
    shares, _ = shares_from_standings(read_standings("s.csv", content), a_race(drivers=tuple(drivers)))
    assert len(shares) == 8
    assert shares.sum() == pytest.approx(5.91)


@pytest.mark.parametrize(
    ("content", "place", "says"),
    [
        (b"", "s.csv", "empty"),
        (b"a,b\n1,2\n", "s.csv: row 1, column rank", "missing"),
        (HEADER.encode(), "s.csv", "no entries"),
        (export(percents=(101.0, *PERCENTS[1:])), "s.csv: row 2, column %Drafted", "0-100"),
        (export(names=("Twin", "Twin", *NAMES[2:])), "s.csv: row 3, column Player", "captain"),
        (export().replace(b"90.00%", b"lots"), "s.csv: row 2, column %Drafted", "'lots'"),
        (b"\xff\xfe" + export(), "s.csv: row 1", "not UTF-8"),
        (zipped(export(), other=b"x"), "s.csv", "2 CSV files"),
        (b"PK\x03\x04garbage", "s.csv", "cannot be read"),
    ],
)
def test_names_file_row_and_column(content, place, says):
    with pytest.raises(InvalidInput) as excinfo:
        read_standings("s.csv", content)
    assert excinfo.value.violations[0].field == place
    assert says in excinfo.value.violations[0].description


def test_a_damaged_archive_is_refused_wherever_it_is_damaged():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("contest-standings-7.csv", export())
    whole = packed.getvalue()
    start = len("contest-standings-7.csv") + 30
    for position in range(start, start + 60):
        damaged = whole[:position] + bytes([whole[position] ^ 0xFF]) + whole[position + 1 :]
        with pytest.raises(InvalidInput):
            read_standings("s.zip", damaged)


def test_refuses_another_race_a_stray_name_and_wrong_totals():
    standings = read_standings("s.csv", export())
    with pytest.raises(InvalidInput, match="standings of another race"):
        shares_from_standings(standings, a_race([f"Nobody Known{i}" for i in range(8)]))
    with pytest.raises(InvalidInput, match=r"row 9, column Player: 'Gus Poe' .*did you mean 'Gus Pow'"):
        shares_from_standings(standings, a_race((*NAMES[:-1], "Gus Pow")))
    with pytest.raises(
        InvalidInput, match=r"sums to 300\.00 %, but 120 entries, 1 of them without a lineup, hold 595\.00 %"
    ):
        shares_from_standings(read_standings("s.csv", export(percents=(37.5,) * 8)), a_race())


def test_a_table_lists_every_complaint():
    with pytest.raises(InvalidInput) as excinfo:
        shares_from_table(
            ["id0", "who", "id0", "id1"], [50.0, 10.0, 10.0, float("nan")], a_race(), field="table.percent"
        )
    assert [v.field for v in excinfo.value.violations] == [
        "table.percent[1].driver_id",
        "table.percent[2].driver_id",
        "table.percent[3].value",
    ]


@pytest.mark.parametrize("count", ["99999999999", "999999999", "100001"])
def test_an_entry_name_that_looks_like_a_count_is_only_a_name(count):
    content = export().replace(b"(1/4)", f"(1/{count})".encode())
    assert read_standings("contest-standings-7.csv", content).max_entries_per_user == 4


@pytest.mark.parametrize("unfilled", [0, 1, 7])
def test_the_total_is_what_the_filled_entries_hold(unfilled):
    """Each of 120 entries without a lineup takes five points; rounding may take 0.01 of each player."""
    lines = export().decode().split("\r\n")
    lines[4] = lines[4].replace(",,,", f",{LINEUP},,", 1)
    for i in range(unfilled):
        lines[20 + i] = lines[20 + i].replace(LINEUP, "")
    content = "\r\n".join(lines)
    due = 600.0 - 5.0 * unfilled

    def total_of(total):
        last = total - sum(PERCENTS[:-1])
        return read_standings("s.csv", content.replace("55.00%", f"{last:.2f}%").encode())

    for total in (due, due - 0.07, due + 0.07):
        assert shares_from_standings(total_of(total), a_race())[0].sum() == pytest.approx(total / 100)
    for total in (due - 0.1, due + 0.1):
        with pytest.raises(InvalidInput, match=f"hold {due:.2f} %"):
            shares_from_standings(total_of(total), a_race())


def test_a_dropped_player_row_is_noticed():
    """One that hardly anybody held: far less than the unfilled entries of a big contest might take."""
    percents = (*PERCENTS[:-1], 54.6, 0.4)
    names = (*NAMES, "Hal Ray")
    race = a_race(names)
    assert shares_from_standings(read_standings("s.csv", export(names, percents)), race)[0][-1] == 0.004
    with pytest.raises(InvalidInput, match="rows are missing or changed"):
        shares_from_standings(read_standings("s.csv", export(names[:-1], percents[:-1])), race)


def test_a_table_may_name_who_was_withdrawn():
    drivers = [Driver(f"id{i}", name, 6_000) for i, name in enumerate((*NAMES, "Late Scratch"))]
    drivers[-1] = Driver("id8", "Late Scratch", 6_000, withdrawn=True)
    ids = [driver.driver_id for driver in drivers]
    race = a_race(drivers=tuple(drivers))
    shares = shares_from_table(ids, [*PERCENTS[:-1], 30.0, 30.0], race, field="table.percent")
    assert (len(shares), shares.sum()) == (8, pytest.approx(5.70))
    with pytest.raises(InvalidInput, match="name withdrawn drivers too"):
        shares_from_table(ids[:-1], [*PERCENTS[:-1], 30.0], race, field="table.percent")
