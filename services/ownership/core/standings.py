"""Contest standings as the site exports them: two tables side by side, of which the right one is the ownership."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.common.domain.errors import FieldViolation, InvalidInput
from services.common.domain.file_text import csv_rows
from services.common.domain.number_text import without_commas

_POINTS_DECIMALS = 2
"""The export carries float noise such as 85.850006; unrounded, entries that tied do not tie."""
MAX_ENTRIES_PER_USER = 100_000
_ENTRY_OF = re.compile(r"\(\s*\d+\s*/\s*(\d{1,9})\s*\)\s*$")
_LEFT = ("rank", "entryid", "entryname", "points", "lineup")
_RIGHT = ("player", "%drafted")


@dataclass(frozen=True)
class PickedPlayer:
    """A row of the player block. ``points`` is None where the cell is empty; ``row`` counts as a spreadsheet does."""

    row: int
    name: str
    percent: float
    points: float | None


@dataclass(frozen=True)
class Standings:
    """What an export says of its field.

    Attributes
    ----------
    n_entries
        All entries.
    lineups
        Text of the lineup cell by row, of the entries that were filled.
    max_entries_per_user
        The largest n of the ``(k/n)`` behind entry names; 1 when none has it.
    """

    file_name: str
    players: tuple[PickedPlayer, ...]
    n_entries: int
    lineups: Mapping[int, str]
    max_entries_per_user: int

    @property
    def n_unfilled(self) -> int:
        """Entries without a lineup."""
        return self.n_entries - len(self.lineups)

    @property
    def filled_share(self) -> float:
        """Share of entries that have a lineup; the percentages are of all entries."""
        return 1.0 - self.n_unfilled / self.n_entries


def read_standings(file_name: str, content: bytes) -> Standings:
    """Read an export, plain or zipped, of the present or the older layout (without ``Roster Position``).

    Raises
    ------
    InvalidInput
        Naming file, row and column of everything that is wrong.
    """
    lines = csv_rows(file_name, content)
    if not lines:
        raise InvalidInput.field(file_name, "the file is empty")
    column = _columns(file_name, lines[0])
    entries = {number: row for number, row in enumerate(lines[1:], start=2) if _cell(row, column["entryid"])}
    if not entries:
        raise InvalidInput.field(file_name, "the file lists no entries; export the standings again")
    return Standings(
        file_name=file_name,
        players=_players(file_name, lines[1:], column),
        n_entries=len(entries),
        lineups={number: text for number, row in entries.items() if (text := _cell(row, column["lineup"]))},
        max_entries_per_user=max(_entries_of_user(_cell(row, column["entryname"])) for row in entries.values()),
    )


def _columns(file_name: str, header: Sequence[str]) -> dict[str, int]:
    """Position of each column by its name in lower case; the empty one between the blocks is left out."""
    names = [name.strip().lower() for name in header]
    column = {name: position for position, name in enumerate(names) if name}
    missing = [name for name in (*_LEFT, *_RIGHT) if name not in column]
    if missing:
        raise InvalidInput.of(
            [
                FieldViolation(
                    f"{file_name}: row 1, column {name}",
                    "the column is missing; a standings export has Rank, EntryId, EntryName, Points and Lineup, "
                    "then Player, %Drafted and FPTS once the contest has locked",
                )
                for name in missing
            ]
        )
    return column


def _cell(row: Sequence[str], position: int | None) -> str:
    return row[position].strip() if position is not None and position < len(row) else ""


def _entries_of_user(entry_name: str) -> int:
    found = _ENTRY_OF.search(entry_name)
    n_entries = int(found.group(1)) if found else 1
    # Names are free text: what no contest allows is no count of entries.
    return n_entries if n_entries <= MAX_ENTRIES_PER_USER else 1


def _players(file_name: str, rows: Sequence[Sequence[str]], column: dict[str, int]) -> tuple[PickedPlayer, ...]:
    """The right block, which is shorter than the left one and not aligned with it."""
    players: list[PickedPlayer] = []
    wrong: list[FieldViolation] = []
    seen: dict[str, int] = {}
    for number, row in enumerate(rows, start=2):
        name = _cell(row, column["player"])
        if not name:
            continue
        percent = _number(_cell(row, column["%drafted"]))
        if percent is None or not 0.0 <= percent <= 100.0:
            text = _cell(row, column["%drafted"])
            wrong.append(FieldViolation(f"{file_name}: row {number}, column %Drafted", f"{text!r} is not 0-100 %"))
        elif name in seen:
            place = f"{file_name}: row {number}, column Player"
            wrong.append(
                FieldViolation(place, f"{name!r} stands in row {seen[name]} too; captain contests are not read")
            )
        else:
            points = _number(_cell(row, column.get("fpts")))
            rounded = None if points is None else round(points, _POINTS_DECIMALS)
            players.append(PickedPlayer(number, name, percent, rounded))
        seen.setdefault(name, number)
    if wrong:
        raise InvalidInput.of(wrong)
    if not players:
        raise InvalidInput.field(f"{file_name}: column Player", "the player block is empty; export after the lock")
    return tuple(players)


def _number(text: str) -> float | None:
    try:
        value = float(without_commas(text.replace("%", "").strip()) or "")
    except ValueError:
        return None
    return value if abs(value) < 1e9 else None
