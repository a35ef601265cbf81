"""The player pool: who can be picked, under which id, at what salary.

It stands in the salary file, on the right of the entries template, and in FanDuel's player list; columns are
found by name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from pitwall.errors import Violation
from pitwall.problems import invalid, refuse
from pitwall.sitefiles._commas import without_commas
from pitwall.sitefiles._names import is_name_of, split_name_and_id
from pitwall.sitefiles.grid import Grid, Row, read_grid
from pitwall.types.race import Race

_ALIASES = {"nickname": "name"}
_ID_FORM = re.compile(r"^[A-Za-z0-9_.-]{1,64}$")
_SITE_RULES = {"draftkings": (6, 50_000), "fanduel": (5, 50_000)}


@dataclass(frozen=True)
class Player:
    """Someone who can be picked; ``site_text`` is what the site writes in lineup cells."""

    player_id: str
    name: str
    salary_dollars: int
    site_text: str
    withdrawn: bool = False


@dataclass(frozen=True)
class PlayerPool:
    """The players and the rules of a roster."""

    players: tuple[Player, ...]
    roster_size: int
    salary_cap_dollars: int

    @cached_property
    def by_id(self) -> dict[str, Player]:
        """Players by site id."""
        return {player.player_id: player for player in self.players}


def pool_of_race(race: Race) -> PlayerPool:
    """The pool of a race; roster size and cap that the race leaves open are the site's."""
    roster_size, cap = _SITE_RULES.get(race.rules.site, (0, 0))
    players = (
        Player(
            driver.driver_id,
            driver.name,
            driver.salary_dollars,
            f"{driver.name} ({driver.driver_id})",
            driver.withdrawn,
        )
        for driver in race.drivers
    )
    return PlayerPool(tuple(players), race.rules.roster_size or roster_size, race.rules.salary_cap_dollars or cap)


def read_player_list(file_name: str, content: bytes) -> tuple[Player, ...]:
    """The players of a salary file, DraftKings' or FanDuel's.

    Raises
    ------
    InvalidInputError
        Naming file, row and column of everything that is wrong.
    """
    grid = read_grid(file_name, content)
    if not grid.rows:
        raise invalid(file_name, "the file is empty; download it again")
    return players_below(grid, 0, 0)


def find_pool_header(grid: Grid, first_column: int) -> int:
    """The row that holds ``TeamAbbrev`` right of a column: the header of an embedded pool; -1 for none."""
    for number, row in enumerate(grid.rows):
        if any(cell.text.strip().lower() == "teamabbrev" for cell in row.cells[first_column:]):
            return number
    return -1


def players_below(grid: Grid, header_row: int, first_column: int) -> tuple[Player, ...]:
    """The players under a header row, from a column on.

    Raises
    ------
    InvalidInputError
        For missing columns, rows that cannot be read, ids that stand twice, or no rows at all.
    """
    columns = _columns(grid, header_row, first_column)
    violations: list[Violation] = []
    players: dict[str, Player] = {}
    for number, row in enumerate(grid.rows[header_row + 1 :], start=header_row + 1):
        if not any(cell.text.strip() for cell in row.cells[first_column:]):
            continue
        player = _player(grid, number, columns, violations)
        if player is None:
            continue
        if player.player_id in players:
            problem = f"{player.player_id!r} stands twice; remove one row"
            violations.append(Violation(grid.place(number, columns["id"]), problem))
        players[player.player_id] = player
    if not players and not violations:
        violations.append(Violation(f"{grid.file_name}: row {header_row + 1}", "no players stand below this header"))
    refuse(violations)
    return tuple(players.values())


def _columns(grid: Grid, header_row: int, first_column: int) -> dict[str, int]:
    columns: dict[str, int] = {}
    for number, cell in enumerate(grid.rows[header_row].cells):
        name = cell.text.strip().lower()
        if number >= first_column and name:
            columns.setdefault(_ALIASES.get(name, name), number)
    found = ", ".join(columns) or "none"
    problem = f"the column is missing (found: {found}); give the file as downloaded"
    where = f"{grid.file_name}: row {header_row + 1}, column"
    refuse([Violation(f"{where} {name}", problem) for name in ("name", "id", "salary") if name not in columns])
    return columns


def _player(grid: Grid, number: int, columns: Mapping[str, int], violations: list[Violation]) -> Player | None:
    row: Row = grid.rows[number]
    name, player_id = row.text(columns["name"]), row.text(columns["id"])
    salary_text = without_commas(row.text(columns["salary"]).replace("$", "")) or ""
    problems = []
    if not name:
        problems.append(("name", "the name is missing; give the file as downloaded"))
    if not _ID_FORM.match(player_id):
        problems.append(("id", f"{player_id!r} is no site id; give the file as downloaded"))
    if not (salary_text.isascii() and salary_text.isdigit() and 0 < int(salary_text[:12]) <= 1_000_000):
        problems.append(("salary", f"{row.text(columns['salary'])!r} is no salary; write whole dollars"))
    site_text = row.text(columns["name + id"]) if "name + id" in columns else ""
    if not problems and site_text and not _names_player(site_text, name, player_id):
        problems.append(("name + id", f"{site_text!r} is not {name} ({player_id}); give the file as downloaded"))
    violations += [Violation(grid.place(number, columns[column]), problem) for column, problem in problems]
    if problems:
        return None
    return Player(player_id, name, int(salary_text), site_text or f"{name} ({player_id})")


def _names_player(site_text: str, name: str, player_id: str) -> bool:
    """Whether the text that would be written into lineup cells is this player's."""
    parts = split_name_and_id(site_text)
    return parts is not None and parts[1] == player_id and is_name_of(parts[0], name)
