"""Lineups read back from upload files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from pitwall.errors import Violation
from pitwall.sitefiles._problems import read_bytes, refuse
from pitwall.sitefiles.grid import Grid, read_grid
from pitwall.sitefiles.pool import PlayerPool

_LOCKED = re.compile(r"\s*\(LOCKED\)\s*$", re.IGNORECASE)
_NAME_AND_ID = re.compile(r"^.*\(\s*(?P<id>[^()]+?)\s*\)$", re.DOTALL)
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
    """Lineups of a file: one per row, with or without a header row, in any form that ``parse_cell`` reads.

    Cells beyond the roster are allowed only when empty, so that nothing is dropped unseen.

    Raises
    ------
    InvalidInputError
        Naming row and column of every cell that is no driver, and rows that do not fill a roster.
    """
    grid = read_grid(path.name, read_bytes(path))
    violations: list[Violation] = []
    lineups = []
    for number, row in enumerate(grid.rows):
        texts = [cell.text.strip() for cell in row.cells]
        while texts and not texts[-1]:
            texts.pop()
        if texts and not (number == 0 and _is_header(texts)):
            lineups.append(_lineup(grid, number, texts, pool, violations))
    if not lineups:
        violations.append(Violation(path.name, "holds no lineups; write one per row, a driver per cell"))
    refuse(violations)
    return lineups


def _is_header(texts: Sequence[str]) -> bool:
    return texts[0].casefold() in _HEADER_WORDS


def _lineup(
    grid: Grid, number: int, texts: Sequence[str], pool: PlayerPool, violations: list[Violation]
) -> tuple[str, ...]:
    ids = []
    for column, text in enumerate(texts):
        player_id, _ = parse_cell(text, pool)
        if not player_id:
            problem = f"{text!r} is no driver of the pool; write Name (ID) or ID"
            violations.append(Violation(grid.place(number, column), problem))
        ids.append(player_id)
    if len(ids) != pool.roster_size:
        problem = f"has {len(ids)} drivers; a roster has {pool.roster_size}"
        violations.append(Violation(f"{grid.file_name}: row {number + 1}", problem))
    return tuple(ids)
