"""Files as the sites really fill them: fields, payouts and salary files of real contests, written out and read back."""

import csv
import io
import zipfile
from collections import Counter

import numpy as np
import pandas as pd
import pytest

from pitwall.audit import split_prize
from pitwall.errors import InvalidInputError
from pitwall.sitefiles import read_player_list
from pitwall.sitefiles.standings import read_standings
from pitwall.types.contests import PrizeRow
from services.common.domain.site_rules import Site
from services.contest_sim.core.prize_text import parse_prizes
from services.contest_sim.core.standings import standings_lineups
from services.ownership.core.standings import read_standings as read_ownership_standings
from services.scenario.core.salary_files import read_salary_file

pytestmark = [pytest.mark.real_data, pytest.mark.timeout(300)]

PICKS = [f"p{slot}" for slot in range(1, 7)]
CONTEST = "mma_2026-03-21__30k_Hook"  # 4,411 entries, 38 of them never filled
HEADER = [
    "Rank",
    "EntryId",
    "EntryName",
    "TimeRemaining",
    "Points",
    "Lineup",
    "",
    "Player",
    "Roster Position",
    "%Drafted",
    "FPTS",
]


@pytest.fixture(scope="module")
def tables(shared_data):
    folder = shared_data / "contest_fields_mma"
    return [pd.read_csv(folder / name) for name in ("entries.csv.gz", "players.csv", "payouts.csv")]


@pytest.fixture(scope="module")
def contest(tables):
    """A real contest: entries best first, an entry with unknown points left out; players; prizes in cents."""
    entries, players, payouts = (table[table.contest_id == CONTEST] for table in tables)
    known = entries[entries.actual_points.notna() | entries.p1.isna()].fillna({"actual_points": 0.0})
    prizes = payouts.sort_values("place").payout_usd.mul(100).round().astype(int).to_numpy()
    return known.sort_values("actual_points", ascending=False), players, prizes


def export(contest, slot="F"):
    """The contest as the site exports it: two tables side by side, float noise in the points, the slot's letter."""
    entries, players, _ = contest
    ranks = entries.actual_points.round(2).rank(method="min", ascending=False).astype(int)
    left = []
    for number, (rank, row) in enumerate(zip(ranks, entries.itertuples(), strict=True)):
        names = [name for name in (getattr(row, pick) for pick in PICKS) if isinstance(name, str)]
        lineup = " ".join(f"{slot} {name}" for name in names)
        points = row.actual_points + (number % 3) * 1e-6
        left.append([rank, 10_000 + number, f"user{row.entrant_id} (1/20)", 0, points, lineup])
    right = [[row.fighter, slot, f"{row.pct_drafted:.2f}%", row.actual_points] for row in players.itertuples()]
    empty = [[""] * 6] * (len(right) - len(left))
    rows = [[*cells, "", *(right[number] if number < len(right) else ())] for number, cells in enumerate(left + empty)]
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows([HEADER, *rows])
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def archived(content):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"contest-standings-{CONTEST}.csv", content)
    return packed.getvalue()


@pytest.fixture(scope="module")
def standings(contest):
    return read_standings("contest-standings.zip", archived(export(contest)))


def test_a_real_field_is_read_back_entry_by_entry(standings, contest):
    entries, players, _ = contest
    lineups = [frozenset(row.dropna()) for _, row in entries[PICKS].iterrows()]
    assert [entry.lineup for entry in standings.entries] == lineups
    assert sum(not entry.lineup for entry in standings.entries) == 38
    assert [entry.points for entry in standings.entries] == entries.actual_points.round(2).tolist()
    assert {player.name for player in standings.players} == set(players.fighter)


def test_all_readers_of_standings_see_the_same_field(standings, contest):
    names = list(contest[1].fighter)
    content = archived(export(contest, slot="D"))
    lineups = standings_lineups("s.zip", content, names, 6)
    filled = [entry.lineup for entry in standings.entries if entry.lineup]
    assert Counter(frozenset(names[column] for column in lineup) for lineup in lineups) == Counter(filled)
    ownership = read_ownership_standings("s.zip", content)
    assert (ownership.n_entries, ownership.n_unfilled) == (len(standings.entries), 38)
    assert [(player.name, player.percent) for player in ownership.players] == [
        (player.name, player.percent) for player in standings.players
    ]


def test_the_split_prizes_of_a_real_field_pay_out_its_table(standings, contest):
    prizes = contest[2]
    rows = [PrizeRow(place, place, int(cents)) for place, cents in enumerate(prizes, start=1)]
    groups = Counter(entry.rank for entry in standings.entries)
    assert max(groups.values()) > 5
    paid = sum(count * split_prize(rows, rank, count) for rank, count in groups.items())
    assert paid == pytest.approx(prizes.sum(), abs=1e-3)


def test_shares_drafted_are_those_of_the_lineups(standings, tables):
    n_unknown = (tables[0].contest_id == CONTEST).sum() - len(standings.entries)
    drafted = Counter(name for entry in standings.entries for name in entry.lineup)
    for player in standings.players:
        assert player.percent == pytest.approx(
            100 * drafted[player.name] / len(standings.entries), abs=0.01 + n_unknown / 40
        )


def page_text(rows):
    """A prize table as the contest page shows it: places or ranges of places, and dollars."""
    return "\n".join(
        f"{low:,}{_ordinal(low)} ${dollars:,.2f}"
        if low == high
        else f"{low:,}{_ordinal(low)} - {high:,}{_ordinal(high)} ${dollars:,.2f}"
        for low, high, dollars in rows
    )


def _ordinal(number):
    return "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")


def test_prize_tables_of_real_contests_come_back_from_their_text(tables, shared_data):
    structures = pd.read_csv(shared_data / "payout_structures" / "dk_payout_structures_2016_2017.csv")
    named = [
        [(row.place_lo, row.place_hi, row.payout_usd) for row in rows.sort_values("place_lo").itertuples()]
        for _, rows in structures.groupby(["sport", "date", "entry_fee_usd", "contest"])
    ]
    single = [
        [(row.place, row.place, row.payout_usd) for row in rows.sort_values("place").itertuples()]
        for _, rows in tables[2].groupby("contest_id")
    ]
    n_read = 0
    for rows in named + single:
        places = np.array([(low, high) for low, high, _ in rows])
        if not (places[0, 0] == 1 and (places[1:, 0] == places[:-1, 1] + 1).all()):
            continue  # the source lists some tables with gaps
        table = parse_prizes(page_text(rows))
        assert [(row.first_place, row.last_place, row.prize_cents) for row in table.rows] == [
            (low, high, round(100 * dollars)) for low, high, dollars in rows
        ]
        n_read += 1
    assert n_read >= 95


def test_both_readers_of_salary_files_agree_on_every_real_one(shared_data):
    paths = sorted((shared_data / "dk_salaries_nascar").glob("DKSalaries_2023_*.csv"))
    assert len(paths) == 5
    for path in paths:
        players = read_player_list(path.name, path.read_bytes())
        rows = read_salary_file(path.name, path.read_bytes(), Site.DRAFTKINGS).rows
        assert [(item.player_id, item.name, item.salary_dollars) for item in players] == [
            (item.driver_id, item.name, item.salary_dollars) for item in rows
        ]
        assert all(item.site_text == f"{item.name} ({item.player_id})" for item in players)


def test_retyped_tables_without_ids_are_refused_by_the_column_they_lack(shared_data):
    """What two files of 2026 hold is no export: nothing could be uploaded from it."""
    for path in sorted((shared_data / "dk_salaries_nascar").glob("DKSalaries_2026_*.csv")):
        with pytest.raises(InvalidInputError, match="column id"):
            read_player_list(path.name, path.read_bytes())
