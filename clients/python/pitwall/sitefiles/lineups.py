"""Lineups read back from files."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pitwall.errors import Violation
from pitwall.sitefiles._parquet import read_parquet
from pitwall.sitefiles._problems import invalid, read_bytes, refuse
from pitwall.sitefiles.grid import read_grid
from pitwall.sitefiles.pool import PlayerPool

_LOCKED = re.compile(r"\s*\(LOCKED\)\s*$", re.IGNORECASE)
_NAME_AND_ID = re.compile(r"^.*\(\s*(?P<id>[^()]+?)\s*\)$", re.DOTALL)
_DRIVER_COLUMN = re.compile(r"^driver_[0-9]+$")
_HEADER_WORDS = frozenset({"d", "driver", "drv"})


def parse_cell(text: str, pool: PlayerPool) -> tuple[str, bool]:
    """The site id in a lineup cell, and whether the cell is locked.

    Cells say ``Name (ID)``, ``ID``, FanDuel's ``ID:Name``, or a name that stands once in the pool, each with
    or without ``(LOCKED)``. The id is empty where the cell names nobody of the pool.
    """
    plain, n_locked = _LOCKED.subn("", text.strip())
    candidates = [plain, plain.partition(":")[0].strip()]
    combined = _NAME_AND_ID.match(plain)
    if combined:
        candidates.insert(0, combined["id"])
    for candidate in candidates:
        if candidate in pool.by_id:
            return candidate, bool(n_locked)
    named = [player.player_id for player in pool.players if player.name.casefold() == plain.casefold()]
    return (named[0] if len(named) == 1 else ""), bool(n_locked)


def read_lineups(path: Path, pool: PlayerPool) -> list[tuple[str, ...]]:
    """Lineups of a file: ``.json`` and ``.parquet`` as ``lineup_file`` writes them, anything else as CSV.

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
        lineups = [[str(driver["id"]) for driver in lineup["drivers"]] for lineup in json.loads(content)]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise invalid(file_name, "is no JSON file of lineups; write it with --format json") from error
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
        player_id, _ = parse_cell(text, pool)
        if not player_id:
            violations.append(Violation(place, f"{text!r} is no driver of the pool; write Name (ID) or ID"))
        ids.append(player_id)
    if len(ids) != pool.roster_size:
        problem = f"has {len(ids)} drivers; a roster has {pool.roster_size}"
        violations.append(Violation(row.place, problem))
    return tuple(ids)
