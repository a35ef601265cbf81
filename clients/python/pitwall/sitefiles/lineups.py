"""Lineups read back from files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pitwall.errors import Violation
from pitwall.problems import invalid, read_bytes, refuse
from pitwall.sitefiles._names import is_name_of, split_name_and_id
from pitwall.sitefiles.grid import read_grid
from pitwall.sitefiles.parquet import read_parquet
from pitwall.sitefiles.pool import PlayerPool

_LOCKED = re.compile(r"\s*\(LOCKED\)\s*$", re.IGNORECASE)
_DRIVER_COLUMN = re.compile(r"^driver_[0-9]+$")
_HEADER_WORDS = frozenset({"d", "driver", "drv"})


@dataclass(frozen=True)
class LineupCell:
    """Whom a lineup cell names.

    Attributes
    ----------
    player_id
        Site id; empty where the cell cannot be taken.
    is_locked
        Whether it says ``(LOCKED)``.
    problem
        Why it cannot be taken, and the remedy; empty where it can.
    """

    player_id: str
    is_locked: bool
    problem: str = ""


def parse_cell(text: str, pool: PlayerPool) -> LineupCell:
    """Read a lineup cell that is not empty.

    Cells say ``Name (ID)``, ``ID``, FanDuel's ``ID:Name``, or a name that stands once in the pool, each with
    or without ``(LOCKED)``. Where they say both, name and id have to be the same driver's.
    """
    plain, n_locked = _LOCKED.subn("", text.strip())
    for player_id, name in _readings(plain):
        player = pool.by_id.get(player_id)
        if player is not None and name and not is_name_of(name, player.name):
            problem = f"{text!r} contradicts itself: {player_id} is {player.name}; correct the name or the ID"
            return LineupCell("", bool(n_locked), problem)
        if player is not None:
            return LineupCell(player_id, bool(n_locked))
    named = [player.player_id for player in pool.players if player.name.casefold() == plain.casefold()]
    if len(named) == 1:
        return LineupCell(named[0], bool(n_locked))
    return LineupCell("", bool(n_locked), f"{text!r} is not in the player pool; write Name (ID) or ID")


def _readings(plain: str) -> Iterator[tuple[str, str]]:
    """What a cell may mean: an id, and the name beside it or nothing."""
    combined = split_name_and_id(plain)
    if combined is not None:
        yield combined[1], combined[0]
    yield plain, ""
    player_id, _, name = plain.partition(":")
    yield player_id.strip(), name.strip()


def read_lineups(path: Path, pool: PlayerPool) -> list[tuple[str, ...]]:
    """Lineups of a file: ``.json`` and ``.parquet`` as ``lineup_file`` writes them, anything else as CSV.

    A ``result.json`` holds the lineups of its run.

    In a CSV file each row is a lineup, with or without a header row, in any form that ``parse_cell`` reads. Cells
    beyond the roster are allowed only when empty, so that nothing is dropped unseen.

    Raises
    ------
    InvalidInputError
        Naming the place of everyone who is no driver, and lineups that do not fill a roster.
    """
    violations: list[Violation] = []
    rows = _STRUCTURED.get(path.suffix, _csv_rows)(path.name, read_bytes(path))
    lineups = [_lineup(row, pool, violations) for row in rows]
    if rows and not any(parse_cell(text, pool).player_id for row in rows for text, _ in row.cells):
        text = rows[-1].cells[-1][0]
        raise invalid(
            path.name, f"holds nobody of this slate, but such as {text!r}: is it a file of lineups, and of this race?"
        )
    if not lineups:
        violations.append(Violation(path.name, "holds no lineups; write one per row, a driver per cell"))
    refuse(violations)
    return lineups


@dataclass(frozen=True)
class _Row:
    """A lineup as it stands in a file: its place, and text and place of each driver."""

    place: str
    cells: tuple[tuple[str, str], ...]


def _csv_rows(file_name: str, content: bytes) -> list[_Row]:
    grid = read_grid(file_name, content)
    rows = []
    for number, row in enumerate(grid.rows):
        texts = [cell.text.strip() for cell in row.cells]
        while texts and not texts[-1]:
            texts.pop()
        if texts and not (number == 0 and _is_header(texts)):
            cells = tuple((text, grid.place(number, column)) for column, text in enumerate(texts))
            rows.append(_Row(f"{file_name}: row {number + 1}", cells))
    return rows


def _json_rows(file_name: str, content: bytes) -> list[_Row]:
    try:
        document = json.loads(content)
        if isinstance(document, dict):
            lineups = [[str(driver_id) for driver_id in lineup["driver_ids"]] for lineup in document["lineups"]]
        else:
            lineups = [[str(driver["id"]) for driver in lineup["drivers"]] for lineup in document]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        problem = "is no JSON file of lineups; write it with --format json, or give the result.json of a run"
        raise invalid(file_name, problem) from error
    return _rows(file_name, lineups)


def _parquet_rows(file_name: str, content: bytes) -> list[_Row]:
    frame = read_parquet(file_name, content)
    columns = [name for name in frame.columns if _DRIVER_COLUMN.match(str(name))]
    return _rows(file_name, frame[columns].astype(str).to_numpy().tolist())


def _rows(file_name: str, lineups: Sequence[Sequence[str]]) -> list[_Row]:
    rows = []
    for number, lineup in enumerate(lineups, start=1):
        place = f"{file_name}: lineup {number}"
        cells = tuple((text, f"{place}, driver {slot}") for slot, text in enumerate(lineup, start=1))
        rows.append(_Row(place, cells))
    return rows


_STRUCTURED = {".json": _json_rows, ".parquet": _parquet_rows}


def _is_header(texts: Sequence[str]) -> bool:
    return texts[0].casefold() in _HEADER_WORDS


def _lineup(row: _Row, pool: PlayerPool, violations: list[Violation]) -> tuple[str, ...]:
    ids = []
    for text, place in row.cells:
        cell = parse_cell(text, pool)
        if cell.problem:
            violations.append(Violation(place, cell.problem))
        ids.append(cell.player_id)
    if len(ids) != pool.roster_size:
        problem = f"has {len(ids)} drivers; a roster has {pool.roster_size}"
        violations.append(Violation(row.place, problem))
    return tuple(ids)
