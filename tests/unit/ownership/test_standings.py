import io
import zipfile

import numpy as np
import pytest

from services.common.domain.errors import InvalidInput
from services.common.domain.race import Driver, Race, Track, TrackType
from services.common.domain.site_rules import DRAFTKINGS_CLASSIC
from services.ownership.core.recording import picks_from_standings, picks_from_table
from services.ownership.core.slate import PlayedSlate, make_slate
from services.ownership.core.standings import read_standings

NAMES = ("D Ray D'Arc Jr.", "José Álvarez", "AJ Dee", "Bo D", "Cy Young III", "Ed Low", "Flo Max", "Gus Poe")
HEADER = "Rank,EntryId,EntryName,TimeRemaining,Points,Lineup,,Player,Roster Position,%Drafted,FPTS"
COUNTS = (108, 97, 96, 95, 90, 84, 78, 66)
"""Of 119 lineups of six; the entry that was never filled is the 120th."""
PERCENTS = tuple(round(count / 1.2, 2) for count in COUNTS)


def a_race(names=NAMES, **changes):
    drivers = tuple(Driver(f"id{i}", name, 6_000 + 100 * i) for i, name in enumerate(names))
    return Race("demo", Track(TrackType.SHORT), 100, DRAFTKINGS_CLASSIC, changes.get("drivers", drivers))


def lineups_of(counts, n_filled):
    """Lineups of six different drivers that hold each driver so many times: drivers dealt out in blocks."""
    dealt = np.repeat(np.arange(len(counts)), counts).reshape(6, n_filled)
    return [list(lineup) for lineup in dealt.T]


def export(names=NAMES, counts=COUNTS, entries=120, roster=True, unfilled=(3,), percents=None):
    """Rows as exported: the player block beside the first entries, some never filled, float noise in points."""
    lines = [HEADER if roster else HEADER.replace(",Roster Position", "")]
    lineups = iter(lineups_of(counts, sum(counts) // 6))
    percents = percents or [100 * count / entries for count in counts]
    for i in range(max(entries, len(names))):
        filled = i < entries and i not in unfilled
        lineup = " ".join(f"D {names[row]}" for row in next(lineups)) if filled else ""
        left = f"{i + 1},{900 + i},user{i} ({i % 4 + 1}/4),0,{85.850006 - i},{lineup}" if i < entries else ",,,,,"
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
    found = read_standings("s.csv", export(counts=(2, 2, 2, 2, 2, 2, 0, 0), entries=2, unfilled=()))
    assert found.n_entries == 2
    assert len(found.players) == 8


def test_joins_names_by_rule_and_leaves_out_nobody():
    race = a_race(("D Ray D'Arc Jr", "Jose Alvarez", "A.J. Dee", "bo d", "Cy Young", "Ed Low", "Flo Max", "Gus Poe"))
    picks = picks_from_standings(read_standings("s.csv", export()), race)
    np.testing.assert_allclose(picks.shares, np.array(PERCENTS) / 100)
    np.testing.assert_allclose(picks.points, np.round(30.850006 + np.arange(8), 2))


def with_a_late_scratch(salary_dollars=6_000):
    drivers = [Driver(f"id{i}", name, 9_000) for i, name in enumerate(NAMES)]
    drivers.append(Driver("id8", "Late Scratch", salary_dollars, withdrawn=True))
    return a_race(drivers=tuple(drivers))


def test_picks_of_a_withdrawn_driver_count_as_unfilled():
    race = a_race(drivers=(*a_race().drivers, Driver("id8", "Late Scratch", 6_000, withdrawn=True)))
    counts = (108, 97, 96, 95, 90, 84, 78, 60, 6)
    picks = picks_from_standings(read_standings("s.csv", export((*NAMES, "Late Scratch"), counts)), race)
    assert len(picks.shares) == 8
    assert picks.shares.sum() == pytest.approx(5.90, abs=1e-3)
    assert picks.withdrawn_share == pytest.approx(0.05)


def test_a_cheap_driver_withdrawn_after_the_lock_was_paid_for():
    """Five dear drivers fit under the cap because everybody also held the cheap one; without him they would not."""
    counts = (100, 90, 80, 80, 70, 60, 60, 55, 119)
    race = with_a_late_scratch(4_000)
    picks = picks_from_standings(read_standings("s.csv", export((*NAMES, "Late Scratch"), counts)), race)
    assert picks.shares @ race.salaries_dollars * 6 / picks.shares.sum() > 50_000
    assert picks.withdrawn_share == pytest.approx(119 / 120, abs=1e-4)
    ids = [driver.driver_id for driver in race.drivers]
    table = picks_from_table(ids, [100 * count / 120 for count in counts], race, field="table.percent")
    np.testing.assert_allclose(table.shares, picks.shares, atol=1e-4)


@pytest.mark.parametrize(
    ("content", "place", "says"),
    [
        (b"", "s.csv", "empty"),
        (b"a,b\n1,2\n", "s.csv: row 1, column rank", "missing"),
        (HEADER.encode(), "s.csv", "no entries"),
        (export(percents=(101.0, *PERCENTS[1:])), "s.csv: row 2, column %Drafted", "0-100"),
        (export(names=("Twin", "Twin", *NAMES[2:])), "s.csv: row 3, column Player", "captain"),
        (export().replace(b"90.00%", b"lots"), "s.csv: row 2, column %Drafted", "'lots'"),
        (export().replace(b"90.00%", b'"9,5%"'), "s.csv: row 2, column %Drafted", "'9,5%'"),
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
        picks_from_standings(standings, a_race([f"Nobody Known{i}" for i in range(8)]))
    with pytest.raises(InvalidInput, match=r"row 9, column Player: 'Gus Poe' .*did you mean 'Gus Pow'"):
        picks_from_standings(standings, a_race((*NAMES[:-1], "Gus Pow")))
    with pytest.raises(
        InvalidInput, match=r"sums to 300\.00 %, but 120 entries, 1 of them without a lineup, hold 595\.00 %"
    ):
        picks_from_standings(read_standings("s.csv", export(percents=(37.5,) * 8)), a_race())


def test_a_table_lists_every_complaint():
    with pytest.raises(InvalidInput) as excinfo:
        picks_from_table(
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


def test_lineups_that_cost_more_than_the_cap_are_of_another_race():
    """The same drivers at other salaries; on average they would fit."""
    dear = tuple(Driver(f"id{i}", name, 8_900 if i == 0 else 8_250) for i, name in enumerate(NAMES))
    standings = read_standings("s.csv", export())
    with pytest.raises(InvalidInput, match="another race or of another slate") as excinfo:
        picks_from_standings(standings, a_race(drivers=dear))
    assert excinfo.value.violations[0].field == "s.csv: row 2, column Lineup"
    assert "$150 above the cap of $50,000" in excinfo.value.violations[0].description


def test_lineups_are_read_and_not_only_looked_at():
    unknown = export().replace(b"D Ed Low", b"D Ed Lowe")
    with pytest.raises(
        InvalidInput, match=r"column Lineup: 'Ed Lowe' does not start in this race, did you mean 'Ed Low'"
    ):
        picks_from_standings(read_standings("s.csv", unknown), a_race())
    short = export().replace(b" D Gus Poe", b"", 1)
    with pytest.raises(InvalidInput, match="holds 5 drivers, a lineup has 6 different ones"):
        picks_from_standings(read_standings("s.csv", short), a_race())


@pytest.mark.parametrize("unfilled", [(), (3,), (1, 2, 3, 5, 8, 13, 21)])
def test_the_two_tables_have_to_agree(unfilled):
    """Rounding may take 0.01 of each player; a pick more or less is 0.83, and no total shows two exchanged."""
    n_filled = 120 - len(unfilled)
    counts = np.array([*COUNTS[:-1], 6 * n_filled - sum(COUNTS[:-1])])
    exact = [100 * count / 120 for count in counts]

    def read(percents):
        return picks_from_standings(
            read_standings("s.csv", export(counts=tuple(counts), unfilled=unfilled, percents=percents)), a_race()
        )

    np.testing.assert_allclose(read(exact).shares, counts / 120, atol=5e-5)
    read([percent + 0.004 for percent in exact])
    exchanged = [exact[1], exact[0], *exact[2:]]
    with pytest.raises(InvalidInput, match="but the lineups hold him in"):
        read(exchanged)
    with pytest.raises(InvalidInput, match=f"hold {5.0 * n_filled:.2f} %"):
        read([*exact[:-1], exact[-1] - 0.2])


def test_a_dropped_player_row_is_noticed():
    """One that hardly anybody held."""
    names, counts = (*NAMES, "Hal Ray"), (*COUNTS[:-1], 65, 1)
    race = a_race(names)
    assert picks_from_standings(read_standings("s.csv", export(names, counts)), race).shares[-1] == 0.0083
    dropped = export(names, counts).replace(b"Hal Ray,D,0.83%", b",,")
    with pytest.raises(InvalidInput, match="rows are missing or changed"):
        picks_from_standings(read_standings("s.csv", dropped), race)


def test_a_table_may_name_who_was_withdrawn():
    race = with_a_late_scratch()
    race = a_race(drivers=tuple(Driver(d.driver_id, d.name, 6_000, withdrawn=d.withdrawn) for d in race.drivers))
    ids = [driver.driver_id for driver in race.drivers]
    percents = [90.0, 80.0, 80.0, 80.0, 75.0, 70.0, 65.0, 30.0, 30.0]
    picks = picks_from_table(ids, percents, race, field="table.percent")
    assert (len(picks.shares), picks.shares.sum(), picks.withdrawn_share) == (8, pytest.approx(5.70), 0.3)
    with pytest.raises(InvalidInput, match="name withdrawn drivers too"):
        picks_from_table(ids[:-1], percents[:-1], race, field="table.percent")


def test_shares_of_the_field_never_pass_one():
    """What withdrawn drivers leave goes to the others in proportion as far as there is room."""
    slate = make_slate("race", NAMES)
    shares = np.array([0.98, 0.95, 0.9, 0.6, 0.6, 0.5, 0.4, 0.1])
    filled = PlayedSlate(slate, shares, shares).field_shares
    assert filled.sum() == pytest.approx(6.0, abs=1e-12)
    assert filled.max() == 1.0
    free = filled < 1.0
    np.testing.assert_allclose(filled[free] / shares[free], (filled[free] / shares[free])[0])
    assert (filled >= shares).all()
    nobody_else = PlayedSlate(slate, (np.arange(8) < 5) * 1.0, shares).field_shares
    np.testing.assert_allclose(nobody_else, [1.0] * 5 + [1 / 3] * 3)
