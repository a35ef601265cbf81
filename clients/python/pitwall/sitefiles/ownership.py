"""Ownership per driver as people keep it: a CSV file with a name or an id and a percentage."""

from __future__ import annotations

import math
import re
import unicodedata

from pitwall.errors import Violation
from pitwall.sitefiles._problems import invalid, refuse
from pitwall.sitefiles.grid import Grid, read_grid
from pitwall.types.race import Race

_ID_COLUMNS = ("id", "driver_id", "player id")
_NAME_COLUMNS = ("name", "driver", "player", "nickname")
_PERCENT_COLUMNS = ("ownership", "own", "own%", "ownership %", "percent", "%", "%drafted", "projected ownership")
_GENERATION = re.compile(r"(jr|sr|ii|iii|iv)$")


def _plain(name: str) -> str:
    """Letters and digits of a name in lower case, accents and the generation suffix taken off."""
    words = unicodedata.normalize("NFKD", name).casefold().replace(".", "").split()
    kept = words[:-1] if len(words) > 1 and _GENERATION.fullmatch(words[-1]) else words
    return re.sub(r"[^a-z0-9]", "", "".join(kept))


def read_ownership(file_name: str, content: bytes, race: Race) -> dict[str, float]:
    """Percentages by site id from a file with a column of ids or names and one of ownership.

    Raises
    ------
    InvalidInputError
        Naming file, row and column of every driver who does not start, stands twice, or has no percentage.
    """
    grid = read_grid(file_name, content)
    if not grid.rows:
        raise invalid(file_name, "the file is empty; give a header row and one row per driver")
    who, percent = _column(grid, (*_ID_COLUMNS, *_NAME_COLUMNS)), _column(grid, _PERCENT_COLUMNS)
    known = {driver.driver_id: driver.driver_id for driver in race.starters}
    known |= {_plain(driver.name): driver.driver_id for driver in race.starters}
    found: dict[str, float] = {}
    violations: list[Violation] = []
    for number, row in enumerate(grid.rows[1:], start=1):
        name = row.text(who)
        if not name:
            continue
        driver_id = known.get(name) or known.get(_plain(name), "")
        value = _percentage(row.text(percent))
        if not driver_id:
            problem = f"{name!r} does not start in race {race.race_id!r}; check the name"
            violations.append(Violation(grid.place(number, who), problem))
        elif driver_id in found:
            violations.append(Violation(grid.place(number, who), f"{name!r} stands twice; remove one row"))
        elif value is None:
            problem = f"{row.text(percent)!r} is not 0-100 %; write a number such as 12.5"
            violations.append(Violation(grid.place(number, percent), problem))
        else:
            found[driver_id] = value
    if not found and not violations:
        violations.append(Violation(file_name, "no drivers stand below the header"))
    refuse(violations)
    return found


def _column(grid: Grid, names: tuple[str, ...]) -> int:
    """The first column that bears one of the names, ids before names."""
    header = [grid.rows[0].text(column).lower() for column in range(len(grid.rows[0].cells))]
    for name in names:
        if name in header:
            return header.index(name)
    found = ", ".join(cell for cell in header if cell) or "none"
    raise invalid(f"{grid.file_name}: row 1", f"none of the columns {', '.join(names)} is there (found: {found})")


def _percentage(text: str) -> float | None:
    try:
        value = float(text.replace("%", "").strip())
    except ValueError:
        return None
    return value if math.isfinite(value) and 0.0 <= value <= 100.0 else None
