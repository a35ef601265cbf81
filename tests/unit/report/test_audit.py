import csv
import io
import itertools
import zipfile
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pitwall.audit import audit_run, split_prize
from pitwall.errors import InvalidInputError
from pitwall.runs import RunStore
from pitwall.sitefiles.history import PastEntry
from pitwall.sitefiles.standings import read_standings
from pitwall.types.contests import PrizeRow
from pitwall.types.race import Rules
from tests.unit.report.runs import PRIZES, race, store_run
from tests.unit.report.sample import N_DRIVERS

HEADER = ["Rank", "EntryId", "EntryName", "TimeRemaining", "Points", "Lineup", "", "Player", "Roster Position"]
HEADER += ["%Drafted", "FPTS"]
POINTS = [40.0, 12.5, 33.35, 8.0, 51.1, 20.0, 17.45, 60.0, 5.0, 29.95, 44.0, 11.0]
OWNED = [10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 60.0, 50.0, 80.0, 50.0]
LINEUPS = [*(tuple(range(start, start + 6)) for start in (0, 1, 1, 3)), (0, 2, 6, 8, 9, 11)]


def total(lineup):
    return round(sum(POINTS[driver] for driver in lineup), 2)


def standings_file(lineups=LINEUPS, names=None, noise=0.0):
    names = names or [f"Driver {number}" for number in range(N_DRIVERS)]
    totals = [total(lineup) for lineup in lineups]
    rows = [HEADER]
    for place in range(max(len(lineups) + 1, N_DRIVERS)):
        left = [""] * 6
        if place < len(lineups):
            text = " ".join(f"D {names[driver]}" for driver in lineups[place])
            rank = 1 + sum(other > totals[place] for other in totals)
            left = [rank, 111 + place, f"user{place} ({place + 1}/5)", 0, totals[place] + noise * place, text]
        elif place == len(lineups):
            left = [place + 1, 111 + place, "empty", 0, 0, ""]
        right = [names[place], "D", f"{OWNED[place]}%", POINTS[place]] if place < N_DRIVERS else []
        rows.append([*left, "", *right])
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


@pytest.fixture
def run(tmp_path):
    return RunStore(tmp_path).get(store_run(tmp_path))


def test_lineups_are_split_by_the_names_there_are():
    names = ["J D Smith", "D Smith", "A D B", *[f"Driver {number}" for number in range(3, N_DRIVERS)]]
    read = read_standings("s.csv", standings_file(names=names))
    assert read.entries[0].lineup == {"J D Smith", "D Smith", "A D B", "Driver 3", "Driver 4", "Driver 5"}
    assert read.entries[0].user == "user0"
    assert read.entries[-1].lineup == frozenset()


def test_a_zip_archive_reads_the_same():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("contest-standings-1.csv", standings_file())
    assert read_standings("s.zip", packed.getvalue()) == read_standings("s.csv", standings_file())


def test_ranks_prizes_and_copies_are_those_of_the_contest(run):
    found = audit_run(run, read_standings("s.csv", standings_file(noise=1e-5)))
    totals = sorted((total(lineup) for lineup in LINEUPS), reverse=True)
    by_number = {item.number: item for item in found.lineups}
    for number, start in enumerate(range(5), start=1):
        lineup = tuple(range(start, start + 6))
        item = by_number[number]
        assert item.points == pytest.approx(total(lineup))
        assert item.rank == 1 + sum(value > total(lineup) for value in totals)
        assert item.entered == (lineup in LINEUPS)
    # Two entries hold the second lineup, so it shares the prizes of two places and has one copy.
    places = [by_number[2].rank, by_number[2].rank + 1]
    paid = {1: 10_000, 2: 4_000, 3: 1_000, 4: 1_000}
    assert by_number[2].prize_cents == pytest.approx(sum(paid.get(place, 0) for place in places) / 2)
    assert by_number[2].real_copies == 1
    assert found.n_entered == 3
    assert found.fees_cents == 1_500


def test_only_the_users_own_entries_count(run):
    read = read_standings("s.csv", standings_file())
    found = audit_run(run, read, user="USER0")
    assert [item.number for item in found.lineups if item.entered] == [1]
    assert [item.real_copies for item in found.lineups][1] == 2


def past_entry(entry_id, won=0, ticket=0, fee=700):
    return PastEntry(
        str(entry_id), "NAS", "1", "NAS $1K", date(2026, 3, 8), 1, 100.0, won, ticket, fee, 85_000, len(LINEUPS) + 1, 4
    )


def test_a_history_tells_own_entries_fees_and_what_was_paid(run):
    """Entries 112 and 113 hold the second lineup, 115 a lineup that is not of the run, 999 is of another contest."""
    past = [past_entry(112, 2_000), past_entry(113, 1_500, 500), past_entry(115, 9_000), past_entry(999, 50_000)]
    found = audit_run(run, read_standings("s.csv", standings_file()), history=past, prizes=[PrizeRow(1, 6, 1)])
    assert [item.number for item in found.lineups if item.entered] == [2]
    assert found.lineups[1].prize_cents == 4_000
    assert found.lineups[1].real_copies == 0
    assert (found.n_entered, found.fees_cents, found.profit_cents) == (2, 1_400, 2_600)
    assert any("1 of your entries" in note for note in found.notes)
    assert not any("prizes are those of the simulated" in note for note in found.notes)


def test_a_history_of_another_contest_is_refused(run):
    with pytest.raises(InvalidInputError, match="none of its entries"):
        audit_run(run, read_standings("s.csv", standings_file()), history=[past_entry(999)])


def test_a_lineup_entered_twice_by_oneself_is_no_copy_of_others(run):
    content = standings_file().decode().replace("user2 (3/5)", "user1 (2/2)")
    found = audit_run(run, read_standings("s.csv", content.encode()), user="user1")
    second = found.lineups[1]
    assert (second.entered, second.real_copies, found.n_entered, found.fees_cents) == (True, 0, 2, 1_000)
    everyone = audit_run(run, read_standings("s.csv", standings_file()))
    assert second.prize_cents == 2 * everyone.lineups[1].prize_cents


def test_the_best_lineup_in_hindsight_is_the_best_of_all(run):
    found = audit_run(run, read_standings("s.csv", standings_file())).hindsight
    salaries = [driver.salary_dollars for driver in race().drivers]
    legal = (
        lineup
        for lineup in itertools.combinations(range(N_DRIVERS), 6)
        if sum(salaries[driver] for driver in lineup) <= 50_000
    )
    assert found.points == max(map(total, legal))


def test_ownership_and_points_are_compared_driver_by_driver(run):
    found = audit_run(run, read_standings("s.csv", standings_file()))
    rows = {item.name: item for item in found.drivers}
    assert rows["Driver 4"].real_percent == 50.0
    assert rows["Driver 4"].projected_percent == 20.0
    errors = [abs(OWNED[number] - 5.0 * number) for number in range(N_DRIVERS)]
    assert found.ownership_mae == pytest.approx(sum(errors) / N_DRIVERS)
    # Quantiles of driver 4 run evenly from -6 to 72.
    assert rows["Driver 4"].simulated_percentile == pytest.approx(100 * (51.1 + 6) / 78, abs=1)


def test_standings_of_another_race_are_refused(run):
    names = [f"Somebody Else {'abcdefghijkl'[number]}" for number in range(N_DRIVERS)]
    with pytest.raises(InvalidInputError, match="no drivers of r"):
        audit_run(run, read_standings("s.csv", standings_file(names=names)))


def test_standings_of_another_slate_of_the_same_drivers_are_refused(run):
    dear = standings_file([*LINEUPS, tuple(range(6, 12))])
    with pytest.raises(InvalidInputError, match=r"costs \$55,500 at the salaries of r, \$5,500 above the cap"):
        audit_run(run, read_standings("s.csv", dear))


def renamed(new):
    """Names of the standings in which driver 4 goes by another one; lineups 1 to 5 all hold him."""
    return [new if number == 4 else f"Driver {'abcdefghijkl'[number]}" for number in range(N_DRIVERS)]


@pytest.fixture
def lettered(run):
    """The run with names that a guess can tell apart."""
    drivers = tuple(replace(item, name=f"Driver {'abcdefghijkl'[int(item.driver_id)]}") for item in run.race.drivers)
    drivers = (*drivers[:4], replace(drivers[4], name="Cole Hargrove"), *drivers[5:])
    return replace(run, race=replace(run.race, drivers=drivers))


def test_a_lineup_with_an_unknown_driver_is_unscored_not_0(lettered):
    found = audit_run(lettered, read_standings("s.csv", standings_file(names=renamed("Q Hargrove"))))
    assert found.unmatched == ("Q Hargrove",)
    assert found.unknown == ("Cole Hargrove",)
    unscored = [item for item in found.lineups if "Driver 4" in item.drivers]
    assert len(unscored) == 5
    assert {(item.points, item.rank, item.prize_cents, item.real_copies) for item in unscored} == {
        (None, None, 0.0, None)
    }
    assert found.fees_cents == found.profit_cents == 0
    assert any("5 of 5 lineups" in note for note in found.notes)
    assert found.guesses == ()
    assert "Cole Hargrove" not in found.hindsight.drivers
    salaries = [driver.salary_dollars for driver in race().drivers]
    known = [number for number in range(N_DRIVERS) if number != 4]
    legal = (
        lineup for lineup in itertools.combinations(known, 6) if sum(salaries[driver] for driver in lineup) <= 50_000
    )
    assert found.hindsight.points == max(map(total, legal))


def test_an_accepted_guess_scores_as_the_name_itself(lettered):
    similar = read_standings("s.csv", standings_file(names=renamed("Col Hargrove")))
    asked = audit_run(lettered, similar)
    assert asked.lineups[0].points is None
    assert "--accept-guesses takes it for 'Cole Hargrove'" in asked.guesses[0]
    guessed = audit_run(lettered, similar, accept_guesses=True)
    named = audit_run(lettered, read_standings("s.csv", standings_file(names=renamed("Cole Hargrove"))))
    assert guessed.lineups == named.lineups
    assert guessed.unknown == guessed.unmatched == named.guesses == ()
    assert "was taken for 'Cole Hargrove'" in guessed.guesses[0]


def test_a_driver_whom_nobody_drafted_has_no_points(run):
    """Driver 0 is in no entry, and so not in the player block; the first lineup of the run holds him."""
    lineups = [tuple(range(start, start + 6)) for start in (1, 3)]
    rows = list(csv.reader(io.StringIO(standings_file(lineups).decode())))
    rows[1][7:] = ["", "", "", ""]
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    found = audit_run(run, read_standings("s.csv", text.getvalue().encode()))
    assert found.unknown == ("Driver 0",)
    assert [item.points is None for item in found.lineups] == [True, False, False, False, False]
    assert found.lineups[1].points == total(lineups[0])


def test_standings_of_another_roster_are_refused(run):
    smaller = replace(run, race=replace(run.race, rules=Rules("fanduel", 5, 50_000)))
    with pytest.raises(InvalidInputError, match="hold 6 drivers, those of the run 5"):
        audit_run(smaller, read_standings("s.csv", standings_file()))


def test_a_user_without_entries_is_refused(run):
    with pytest.raises(InvalidInputError, match="no entry of 'nobody' among 6"):
        audit_run(run, read_standings("s.csv", standings_file()), user="nobody")


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=8), st.lists(st.integers(1, 4), min_size=1, max_size=8))
def test_split_prizes_pay_out_the_table(prizes, groups):
    rows = [PrizeRow(place, place, prize) for place, prize in enumerate(sorted(prizes, reverse=True), start=1)]
    rank, paid = 1, 0.0
    for n_tied in groups:
        paid += n_tied * split_prize(rows, rank, n_tied)
        rank += n_tied
    assert paid == pytest.approx(sum(row.prize_cents for row in rows if row.first_place < rank))


def test_prizes_of_a_range_count_place_by_place():
    rows = [PrizeRow(**row) for row in PRIZES]
    assert [split_prize(rows, rank, 1) for rank in range(1, 6)] == [10_000, 4_000, 1_000, 1_000, 0]
    assert split_prize(rows, 2, 3) == 2_000


def damaged(change):
    rows = list(csv.reader(io.StringIO(standings_file().decode())))
    change(rows)
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda rows: rows[0].__setitem__(4, "Pts"), "column points"),
        (lambda rows: rows[2].__setitem__(4, "x"), "row 3, column Points"),
        (lambda rows: rows[2].__setitem__(5, "D Nobody"), "row 3, column Lineup"),
        (lambda rows: rows[4].__setitem__(9, "180%"), "row 5, column %Drafted"),
        (lambda rows: rows[4].__setitem__(9, "1,5%"), "row 5, column %Drafted"),
        (lambda rows: rows.__delitem__(slice(1, None)), "column Player"),
    ],
)
def test_what_cannot_be_read_is_placed(change, place):
    with pytest.raises(InvalidInputError) as caught:
        read_standings("s.csv", damaged(change))
    assert place in caught.value.violations[0].field


@given(st.data())
def test_any_damage_gives_standings_or_a_refusal(data):
    content = bytearray(standings_file())
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(content) - 1))
        content[start : start + data.draw(st.integers(0, 40))] = data.draw(st.binary(max_size=8))
    try:
        read = read_standings("s.csv", bytes(content))
    except InvalidInputError as error:
        places = [violation.field for violation in error.violations]
    else:
        places = [read.entries[0].entry_id]
    assert all(places)


@given(st.binary(max_size=200).map(lambda content: b"PK\x03\x04" + content))
def test_a_broken_archive_is_refused(content):
    with pytest.raises(InvalidInputError):
        read_standings("s.zip", content)
