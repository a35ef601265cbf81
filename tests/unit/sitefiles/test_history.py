import csv
import io
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pitwall.errors import InvalidInputError
from pitwall.sitefiles.history import entries_of_sport, read_entry_history
from tests.conftest import EXAMPLES

HEADER = [
    "Sport",
    "Game_Type",
    "Entry_Key",
    "Entry",
    "Contest_Key",
    "Contest_Date_EST",
    "Place",
    "Points",
    "Winnings_Non_Ticket",
    "Winnings_Ticket",
    "Contest_Entries",
    "Entry_Fee",
    "Prize_Pool",
    "Places_Paid",
]
VALUES = [
    "NAS",
    "Classic",
    "4100000001",
    "NOS $10K Piston [20 Entry Max]",
    "180000001",
    "2026-03-07 16:00:00",
    "1,204",
    "250.050003",
    "$1,234.50",
    "$12.00",
    "11,764",
    "$5.00",
    "$50,000.00",
    "2,588",
]


def history(*rows, header=HEADER, **options):
    text = io.StringIO()
    csv.writer(text, **options).writerows([header, *rows])
    return text.getvalue().encode()


def changed(**cells):
    row = list(VALUES)
    for name, value in cells.items():
        row[HEADER.index(name)] = value
    return row


def test_money_counts_dates_and_points_are_read_as_they_are_written():
    (entry,) = read_entry_history("h.csv", history(VALUES))
    assert (entry.entry_id, entry.contest_id, entry.sport, entry.series) == (
        "4100000001",
        "180000001",
        "NAS",
        "xfinity",
    )
    assert (entry.winnings_cents, entry.ticket_cents, entry.won_cents) == (123_450, 1_200, 124_650)
    assert (entry.fee_cents, entry.pool_cents) == (500, 5_000_000)
    assert (entry.place, entry.contest_entries, entry.places_paid) == (1_204, 11_764, 2_588)
    assert (entry.date, entry.points) == (date(2026, 3, 7), 250.05)


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("line_end", ["\r\n", "\n"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
def test_columns_are_found_by_name_in_any_order(mark, line_end, quoting):
    names, values = [*HEADER[::-1], "New_Column"], [*VALUES[::-1], "x"]
    content = mark + history(values, header=names, lineterminator=line_end, quoting=quoting)
    assert read_entry_history("h.csv", content) == read_entry_history("h.csv", history(VALUES))


def test_points_may_have_a_decimal_comma_where_semicolons_stand_between_cells():
    (entry,) = read_entry_history("h.csv", history(changed(Points="250,05"), delimiter=";"))
    assert (entry.points, entry.place) == (250.05, 1_204)


@pytest.mark.parametrize("text", ["2026-03-07", "2026-03-07T16:00:00", "3/7/2026 4:00 PM", "03/07/26"])
def test_days_are_read_in_the_forms_that_spreadsheets_leave(text):
    (entry,) = read_entry_history("h.csv", history(changed(Contest_Date_EST=text)))
    assert entry.date == date(2026, 3, 7)


@pytest.mark.parametrize(
    ("name", "series"),
    [("NAS x", "cup"), ("NXS x", "xfinity"), ("NTS x", "truck"), ("nos x", "xfinity"), ("x", "other")],
)
def test_the_tag_of_the_contest_tells_the_series(name, series):
    assert read_entry_history("h.csv", history(changed(Entry=name)))[0].series == series


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ("Entry_Fee", "5,00"),
        ("Winnings_Non_Ticket", "lots"),
        ("Winnings_Ticket", "-$1.00"),
        ("Prize_Pool", "1e5"),
        ("Place", "first"),
        ("Contest_Entries", "-3"),
        ("Points", "nan"),
        ("Points", "abc"),
        ("Points", "250,05"),
        ("Place", "1,20"),
        ("Contest_Date_EST", "soon"),
        ("Entry_Key", ""),
        ("Entry", ""),
        ("Sport", ""),
    ],
)
def test_what_cannot_be_read_is_named_by_row_and_column(column, text):
    with pytest.raises(InvalidInputError) as caught:
        read_entry_history("h.csv", history(VALUES, changed(**{"Entry_Key": "2", column: text})))
    assert [item.field for item in caught.value.violations] == [f"h.csv: row 3, column {HEADER.index(column) + 1}"]


@pytest.mark.parametrize(
    "content", [b"", b"\r\n", history(), history(VALUES, header=[*HEADER[1:], "x"]), b"PK\x03\x04\0"]
)
def test_files_that_hold_no_history_are_refused(content):
    with pytest.raises(InvalidInputError, match=r"h\.csv"):
        read_entry_history("h.csv", content)


def test_an_entry_that_stands_twice_is_not_counted_double():
    with pytest.raises(InvalidInputError, match="stands in row 2 already"):
        read_entry_history("h.csv", history(VALUES, changed(Entry_Key="2"), VALUES))


def test_sports_are_told_apart_and_named():
    entries = read_entry_history("h.csv", history(VALUES, changed(Entry_Key="2", Sport="NFL")))
    assert [entry.entry_id for entry in entries_of_sport(entries)] == ["4100000001"]
    with pytest.raises(InvalidInputError, match="it holds NAS, NFL"):
        entries_of_sport(entries, "golf")


def test_the_example_agrees_with_the_example_standings():
    """The entries of the contest whose standings are there have their ids, places and points."""
    folder = EXAMPLES
    entries = read_entry_history("h.csv", (folder / "draftkings-contest-entry-history.csv").read_bytes())
    standings = csv.DictReader((folder / "contest-standings-190000001.csv").open(newline=""))
    real = {row["EntryId"]: (int(row["Rank"]), float(row["Points"])) for row in standings if row["EntryId"]}
    known = {entry.entry_id: (entry.place, entry.points) for entry in entries if entry.contest_id == "190000001"}
    assert len(known) == 5
    assert known.items() <= real.items()


@settings(max_examples=300)
@given(st.data())
def test_any_damage_gives_entries_or_a_refusal(data):
    content = bytearray(history(VALUES, changed(Entry_Key="2"), changed(Entry_Key="3", Sport="NFL")))
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(content) - 1))
        content[start : start + data.draw(st.integers(0, 40))] = data.draw(st.binary(max_size=8))
    try:
        read = read_entry_history("h.csv", bytes(content))
    except InvalidInputError as error:
        told = [violation.field and violation.description for violation in error.violations]
    else:
        told = [entry.entry_id for entry in read]
    assert told
    assert all(told)
