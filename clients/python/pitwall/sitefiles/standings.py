"""Contest standings as DraftKings exports them: entries on the left, players with ownership and points on the right."""

from __future__ import annotations

import csv
import io
import re
import struct
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from pitwall.errors import Violation
from pitwall.problems import invalid, refuse
from pitwall.sitefiles._commas import without_commas

_MAX_BYTES = 256 << 20
_NEEDED = ("rank", "entryid", "entryname", "points", "lineup", "player", "%drafted", "fpts")
_ENTRY_OF = re.compile(r"\s*\(\s*\d+\s*/\s*\d+\s*\)\s*$")


@dataclass(frozen=True)
class StandingsEntry:
    """An entry; ``lineup`` holds the players' names, empty for an entry that was never filled."""

    rank: int
    entry_id: str
    user: str
    points: float
    lineup: frozenset[str]


@dataclass(frozen=True)
class StandingsPlayer:
    """A player: share of entries that hold him, in per cent, and his points."""

    name: str
    percent: float
    points: float


@dataclass(frozen=True)
class Standings:
    """A contest after its end."""

    entries: tuple[StandingsEntry, ...]
    players: tuple[StandingsPlayer, ...]


def read_standings(file_name: str, content: bytes) -> Standings:
    """Read an export, plain or zipped. Points are rounded to 2 decimals, or float noise would break ties.

    Raises
    ------
    InvalidInputError
        Naming file, row and column of everything that cannot be read.
    """
    rows = _rows(file_name, _text(file_name, content))
    if not rows:
        raise invalid(file_name, "the file is empty; export the standings again")
    column = _columns(file_name, rows[0])
    violations: list[Violation] = []
    players = _players(file_name, rows, column, violations)
    entries = _entries(file_name, rows, column, _LineupParser([player.name for player in players]), violations)
    if not entries:
        violations.append(Violation(file_name, "lists no entries; export the standings again"))
    refuse(violations)
    return Standings(tuple(entries), tuple(players))


def count_opponents(file_name: str, content: bytes, own_user: str = "") -> int:
    """Entries of an export that hold a lineup, but for those of ``own_user``.

    Only the columns that say so are needed, EntryName and Lineup: it may come from before the end of the contest.

    Raises
    ------
    InvalidInputError
        If the file cannot be read or lacks one of them.
    """
    rows = _rows(file_name, _text(file_name, content))
    column = _columns(file_name, rows[0] if rows else [], ("entryname", "lineup"))
    user = own_user.strip().casefold()
    filled = (row for row in rows[1:] if _cell(row, column["lineup"]))
    return sum(not user or _user(_cell(row, column["entryname"])).casefold() != user for row in filled)


def _user(entry_name: str) -> str:
    """The user behind an entry such as ``someone (2/20)``."""
    return _ENTRY_OF.sub("", entry_name).strip()


def _rows(file_name: str, text: str) -> list[list[str]]:
    try:
        return list(csv.reader(io.StringIO(text, newline="")))
    except csv.Error as error:
        raise invalid(file_name, f"is no CSV file that can be read ({error}); export it again") from error


def _text(file_name: str, content: bytes) -> str:
    try:
        if content.startswith(b"PK\x03\x04"):
            content = _unzip(file_name, content)
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = content[: error.start].count(b"\n") + 1
        raise invalid(f"{file_name}: row {row}", "the file is not UTF-8; give it as downloaded") from error
    except (zipfile.BadZipFile, zlib.error, struct.error, RuntimeError, ValueError, EOFError, OSError) as error:
        raise invalid(file_name, f"the archive cannot be read ({error}); download it again") from error
    if "\0" in text:
        raise invalid(file_name, "the file is not text; give the CSV file or its zip archive")
    return text


def _unzip(file_name: str, content: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = [item for item in archive.infolist() if item.filename.lower().endswith(".csv")]
        names = [item for item in names if not item.filename.startswith("__MACOSX")]
        if len(names) != 1:
            raise invalid(file_name, f"the archive holds {len(names)} CSV files; it must hold one")
        if names[0].file_size > _MAX_BYTES:
            raise invalid(file_name, "the archived file is larger than 256 MiB")
        return archive.read(names[0])


def _columns(file_name: str, header: Sequence[str], needed: Sequence[str] = _NEEDED) -> dict[str, int]:
    column = {name.strip().lower(): position for position, name in enumerate(header) if name.strip()}
    problem = "the column is missing; give the standings as exported after the contest"
    refuse([Violation(f"{file_name}: row 1, column {name}", problem) for name in needed if name not in column])
    return column


def _cell(row: Sequence[str], position: int) -> str:
    return row[position].strip() if position < len(row) else ""


def _number(text: str) -> float | None:
    try:
        value = float(without_commas(text.replace("%", "")) or "")
    except ValueError:
        return None
    return value if abs(value) < 1e9 else None


def _players(
    file_name: str, rows: Sequence[Sequence[str]], column: dict[str, int], violations: list[Violation]
) -> list[StandingsPlayer]:
    players = []
    for number, row in enumerate(rows[1:], start=2):
        name = _cell(row, column["player"])
        if not name:
            continue
        percent, points = (_number(_cell(row, column[key])) for key in ("%drafted", "fpts"))
        if percent is None or not 0 <= percent <= 100 or points is None:
            place = f"{file_name}: row {number}, column {'FPTS' if points is None else '%Drafted'}"
            violations.append(Violation(place, f"{name} has no number there; give the standings as exported"))
            continue
        players.append(StandingsPlayer(name, percent, round(points, 2)))
    if not players and not violations:
        violations.append(Violation(f"{file_name}: column Player", "names nobody; export again after the contest"))
    return players


def _entries(
    file_name: str,
    rows: Sequence[Sequence[str]],
    column: dict[str, int],
    lineups: _LineupParser,
    violations: list[Violation],
) -> list[StandingsEntry]:
    entries = []
    for number, row in enumerate(rows[1:], start=2):
        entry_id, text = _cell(row, column["entryid"]), _cell(row, column["lineup"])
        if not entry_id:
            continue
        rank, points = (_number(_cell(row, column[key])) for key in ("rank", "points"))
        if rank is None or points is None:
            place = f"{file_name}: row {number}, column {'Rank' if rank is None else 'Points'}"
            violations.append(Violation(place, "is no number; give the standings as exported"))
            continue
        lineup = lineups.parse(text)
        if lineup is None:
            problem = f"{text[:60]!r} holds names that the player block lacks; give the standings as exported"
            violations.append(Violation(f"{file_name}: row {number}, column Lineup", problem))
            continue
        user = _user(_cell(row, column["entryname"]))
        entries.append(StandingsEntry(int(rank), entry_id, user, round(points, 2), lineup))
    return entries


class _LineupParser:
    """Splits ``D Kyle Larson D J D Smith`` by the names there are: a name may hold single letters itself."""

    def __init__(self, names: Sequence[str]) -> None:
        choices = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True)) or "(?!)"
        self._slot = re.compile(rf"[A-Z]+ ({choices})(?: |$)")
        self._known: dict[str, frozenset[str] | None] = {}

    def parse(self, text: str) -> frozenset[str] | None:
        """The names of a lineup, None where one is not known."""
        if text not in self._known:
            self._known[text] = self._parse(text)
        return self._known[text]

    def _parse(self, text: str) -> frozenset[str] | None:
        names, position = [], 0
        while position < len(text):
            found = self._slot.match(text, position)
            if found is None:
                return None
            names.append(found[1])
            position = found.end()
        return frozenset(names)
