"""DraftKings' entry history ("Download Entry History"): every entry of a user with its place, fee and winnings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from pitwall.errors import Violation
from pitwall.problems import invalid, refuse
from pitwall.sitefiles._commas import without_commas
from pitwall.sitefiles.grid import Grid, read_grid

NASCAR = "NAS"
_TEXTS = ("sport", "entry_key", "entry", "contest_key", "contest_date_est")
_MONEY = ("winnings_non_ticket", "winnings_ticket", "entry_fee", "prize_pool")
_COUNTS = ("place", "contest_entries", "places_paid")
_COLUMNS = (*_TEXTS, *_MONEY, *_COUNTS, "points")
_AMOUNT = re.compile(r"^\$?(?P<dollars>[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,12})(?:\.(?P<cents>[0-9]{1,2}))?$")
_DATES = ("%Y-%m-%d", "%m/%d/%Y", "%m/%d/%y")
_SERIES = {"NAS": "cup", "NOS": "xfinity", "NXS": "xfinity", "NTS": "truck"}


@dataclass(frozen=True)
class PastEntry:
    """An entry and what came of it. Money is in cents; ``ticket_cents`` is the face value of tickets won.

    Attributes
    ----------
    date
        Day of the contest, Eastern time.
    place
        Rank in the contest; 0 where the site gives none.
    pool_cents, places_paid, contest_entries
        Of the contest.
    """

    entry_id: str
    sport: str
    contest_id: str
    contest_name: str
    date: date
    place: int
    points: float
    winnings_cents: int
    ticket_cents: int
    fee_cents: int
    pool_cents: int
    contest_entries: int
    places_paid: int

    @property
    def won_cents(self) -> int:
        """Winnings, tickets at their face value."""
        return self.winnings_cents + self.ticket_cents

    @property
    def series(self) -> str:
        """``cup``, ``xfinity`` or ``truck`` by the tag before the contest's name, else ``other``."""
        return _SERIES.get(self.contest_name.partition(" ")[0].upper(), "other")


def read_entry_history(file_name: str, content: bytes) -> tuple[PastEntry, ...]:
    """The entries of a history, of all sports, in file order.

    Raises
    ------
    InvalidInputError
        Naming file, row and column of everything that cannot be read; an entry that stands twice is refused, so
        that joined downloads are not counted double.
    """
    grid = read_grid(file_name, content)
    if not grid.rows:
        raise invalid(file_name, "the file is empty; download the entry history again")
    columns = _columns(grid)
    violations: list[Violation] = []
    found: list[PastEntry] = []
    first_row_of: dict[str, int] = {}
    for number in range(1, len(grid.rows)):
        if not any(cell.text.strip() for cell in grid.rows[number].cells):
            continue
        row = _Row(grid, number, columns, violations)
        entry_id = row.text("entry_key")
        if entry_id and first_row_of.setdefault(entry_id, number) != number:
            row.refuse("entry_key", f"{entry_id!r} stands in row {first_row_of[entry_id] + 1} already; remove one row")
        found.append(_entry(row))
    if not found:
        violations.append(Violation(file_name, "lists no entries; download the entry history again"))
    refuse(violations)
    return tuple(found)


def _columns(grid: Grid) -> dict[str, int]:
    header = [grid.rows[0].text(column).lower() for column in range(len(grid.rows[0].cells))]
    problem = "the column is missing; give the entry history as downloaded"
    where = f"{grid.file_name}: row 1, column"
    refuse([Violation(f"{where} {name}", problem) for name in _COLUMNS if name not in header])
    return {name: header.index(name) for name in _COLUMNS}


@dataclass(frozen=True)
class _Row:
    """The cells of a row by name; what cannot be read is noted."""

    grid: Grid
    number: int
    columns: dict[str, int]
    violations: list[Violation]

    def refuse(self, column: str, problem: str) -> None:
        self.violations.append(Violation(self.grid.place(self.number, self.columns[column]), problem))

    def text(self, column: str) -> str:
        return self.grid.rows[self.number].text(self.columns[column])

    def required(self, column: str) -> str:
        if not self.text(column):
            self.refuse(column, "is empty; give the entry history as downloaded")
        return self.text(column)

    def cents(self, column: str) -> int:
        """An amount such as ``$1,234.00``; an empty cell is nothing."""
        text = self.text(column)
        amount = _AMOUNT.match(text)
        if text and amount is None:
            self.refuse(column, f"{text!r} is no amount; amounts read like $1,234.00")
        if amount is None:
            return 0
        return 100 * int(amount["dollars"].replace(",", "")) + int((amount["cents"] or "0").ljust(2, "0"))

    def count(self, column: str) -> int:
        """A whole number, thousands separated or not; an empty cell is 0."""
        text = without_commas(self.text(column))
        if text is None or (text and not (text.isascii() and text.isdigit() and len(text) <= 9)):
            self.refuse(column, f"{self.text(column)!r} is no whole number; give the entry history as downloaded")
            return 0
        return int(text or 0)

    def points(self) -> float:
        """Points without the export's float noise; an empty cell is 0."""
        text = self.text("points")
        try:
            value = float(without_commas(text or "0", decimal_comma=self.grid.delimiter == ";") or "nan")
        except ValueError:
            value = float("nan")
        if not abs(value) < 1e6:
            self.refuse("points", f"{text!r} is no number of points; give the entry history as downloaded")
        return round(value, 2)

    def date(self) -> date:
        """The day, whatever time follows it."""
        text = self.text("contest_date_est")
        for form in _DATES:
            try:
                return datetime.strptime(text.partition(" ")[0].partition("T")[0], form).date()
            except ValueError:
                continue
        self.refuse("contest_date_est", f"{text!r} is no date; dates read like 2026-03-08")
        return date.min


def _entry(row: _Row) -> PastEntry:
    return PastEntry(
        entry_id=row.required("entry_key"),
        sport=row.required("sport").upper(),
        contest_id=row.required("contest_key"),
        contest_name=row.required("entry"),
        date=row.date(),
        place=row.count("place"),
        points=row.points(),
        winnings_cents=row.cents("winnings_non_ticket"),
        ticket_cents=row.cents("winnings_ticket"),
        fee_cents=row.cents("entry_fee"),
        pool_cents=row.cents("prize_pool"),
        contest_entries=row.count("contest_entries"),
        places_paid=row.count("places_paid"),
    )


def entries_of_sport(entries: Sequence[PastEntry], sport: str = NASCAR) -> tuple[PastEntry, ...]:
    """The entries of one sport.

    Raises
    ------
    InvalidInputError
        If there are none, naming the sports there are.
    """
    found = tuple(entry for entry in entries if entry.sport == sport.upper())
    if not found:
        sports = ", ".join(sorted({entry.sport for entry in entries}))
        raise invalid("sport", f"the history holds no entries of {sport.upper()!r}; it holds {sports}")
    return found
