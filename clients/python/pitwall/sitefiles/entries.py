"""DraftKings' entries template (DKEntries.csv): one's entries on the left, the player pool on the right.

Rows are ragged, and the two tables do not have the same number of rows. The pool is found by the row that
holds ``TeamAbbrev``, wherever that is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pitwall.errors import Violation
from pitwall.problems import invalid, refuse
from pitwall.sitefiles.grid import Grid, read_grid
from pitwall.sitefiles.lineups import LineupCell, parse_cell
from pitwall.sitefiles.pool import PlayerPool, find_pool_header, players_below

DRAFTKINGS_CAP_DOLLARS = 50_000
_ENTRY_COLUMNS = ("entry id", "contest name", "contest id", "entry fee")
_N_ENTRY_COLUMNS = len(_ENTRY_COLUMNS)
_DIGITS = re.compile(r"^[0-9]+$")


@dataclass(frozen=True)
class Entry:
    """An entry and what it holds; slots are empty strings where nobody is picked.

    Attributes
    ----------
    row
        Position of its row in the grid.
    slots
        Site id per slot.
    locked
        Whether the slot can no longer change.
    """

    row: int
    entry_id: str
    contest_name: str
    contest_id: str
    entry_fee: str
    slots: tuple[str, ...]
    locked: tuple[bool, ...]

    @property
    def is_complete(self) -> bool:
        """Whether every slot is filled."""
        return all(self.slots)

    @property
    def locked_ids(self) -> frozenset[str]:
        """Drivers that have to stay."""
        return frozenset(driver for driver, locked in zip(self.slots, self.locked, strict=True) if locked)


@dataclass(frozen=True)
class EntriesTemplate:
    """The file, its entries in file order, and its pool. ``first_slot`` is the column of the first slot."""

    grid: Grid
    entries: tuple[Entry, ...]
    pool: PlayerPool
    first_slot: int = _N_ENTRY_COLUMNS


def read_entries(
    file_name: str, content: bytes, *, salary_cap_dollars: int = DRAFTKINGS_CAP_DOLLARS
) -> EntriesTemplate:
    """Read an entries template.

    Raises
    ------
    InvalidInputError
        Naming file, row and column of everything that cannot be read.
    """
    grid = read_grid(file_name, content)
    if not grid.rows:
        raise invalid(file_name, "the file is empty; download the entries file again")
    n_slots = _count_slots(grid)
    header_row = find_pool_header(grid, _N_ENTRY_COLUMNS + n_slots)
    if header_row < 0:
        problem = "holds no player pool (no cell says TeamAbbrev); download the entries file again"
        raise invalid(file_name, problem)
    first_pool_column = _first_pool_column(grid, header_row, _N_ENTRY_COLUMNS + n_slots)
    pool = PlayerPool(players_below(grid, header_row, first_pool_column), n_slots, salary_cap_dollars)
    return EntriesTemplate(grid, _entries(grid, pool), pool)


def _count_slots(grid: Grid) -> int:
    header = [cell.text.strip() for cell in grid.rows[0].cells]
    for column, name in enumerate(_ENTRY_COLUMNS):
        if column >= len(header) or header[column].lower() != name:
            found = header[column] if column < len(header) else ""
            problem = f"must be {name.title()!r}, not {found!r}; give DKEntries.csv as downloaded"
            raise invalid(grid.place(0, column), problem)
    n_slots = 0
    for label in header[_N_ENTRY_COLUMNS:]:
        if not label or label.lower() == "instructions":
            break
        if label.upper() != "D":
            problem = f"slot {label!r} is not of NASCAR Classic, where all are 'D'; choose another file"
            raise invalid(grid.place(0, _N_ENTRY_COLUMNS + n_slots), problem)
        n_slots += 1
    if not n_slots:
        raise invalid(
            grid.place(0, _N_ENTRY_COLUMNS), "no slots 'D' follow Entry Fee; give DKEntries.csv as downloaded"
        )
    return n_slots


def _first_pool_column(grid: Grid, header_row: int, first: int) -> int:
    cells = grid.rows[header_row].cells
    return next(column for column in range(first, len(cells)) if cells[column].text.strip())


def _entries(grid: Grid, pool: PlayerPool) -> tuple[Entry, ...]:
    violations: list[Violation] = []
    entries: list[Entry] = []
    first_row_of: dict[str, int] = {}
    for number in range(1, len(grid.rows)):
        left = [grid.rows[number].text(column) for column in range(_N_ENTRY_COLUMNS + pool.roster_size)]
        if not any(left):
            continue
        if not _DIGITS.match(left[0]):
            problem = f"{left[0]!r} is no entry id; spreadsheets may rewrite long numbers, give the file as downloaded"
            violations.append(Violation(grid.place(number, 0), problem))
        elif first_row_of.setdefault(left[0], number) != number:
            problem = f"entry {left[0]} stands in row {first_row_of[left[0]] + 1} already; remove one row"
            violations.append(Violation(grid.place(number, 0), problem))
        entries.append(_entry(grid, number, left, pool, violations))
    if not entries:
        violations.append(Violation(grid.file_name, "holds no entries; reserve entries on the site, then download"))
    refuse(violations)
    return tuple(entries)


def _entry(grid: Grid, number: int, left: list[str], pool: PlayerPool, violations: list[Violation]) -> Entry:
    cells = []
    for column in range(_N_ENTRY_COLUMNS, len(left)):
        cell = parse_cell(left[column], pool) if left[column] else LineupCell("", is_locked=False)
        if cell.problem:
            violations.append(Violation(grid.place(number, column), f"{cell.problem}, or empty the cell"))
        cells.append(cell)
    slots, locked = tuple(cell.player_id for cell in cells), tuple(cell.is_locked for cell in cells)
    return Entry(number, left[0], left[1], left[2], left[3], slots, locked)
