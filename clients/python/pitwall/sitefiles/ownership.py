"""Ownership per driver as people keep it: a CSV file with a name or an id and a percentage."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pitwall.errors import Violation
from pitwall.problems import invalid, refuse
from pitwall.sitefiles._commas import without_commas
from pitwall.sitefiles.grid import Grid, read_grid
from pitwall.types.race import Driver, Race

_ID_COLUMNS = ("id", "driver_id", "player id")
_NAME_COLUMNS = ("name", "driver", "player", "nickname")
_PERCENT_COLUMNS = ("ownership", "own", "own%", "ownership %", "percent", "%", "%drafted", "projected ownership")


def read_ownership(file_name: str, content: bytes, race: Race, *, withdrawn: bool = False) -> dict[str, float]:
    """Percentages by site id from a file with a column of ids or names and one of ownership.

    Names are joined by the rules of every import, the surest first. Drivers that are withdrawn may be named only where
    ``withdrawn`` says so: a field may have played them.

    Raises
    ------
    InvalidInputError
        Naming file, row and column of every driver who does not start, stands twice, or has no percentage.
    """
    grid = read_grid(file_name, content)
    if not grid.rows:
        raise invalid(file_name, "the file is empty; give a header row and one row per driver")
    who, percent = _column(grid, (*_ID_COLUMNS, *_NAME_COLUMNS)), _column(grid, _PERCENT_COLUMNS)
    named = {number: row.text(who) for number, row in enumerate(grid.rows[1:], start=1) if row.text(who)}
    join = _Join(race, race.drivers if withdrawn else race.starters, tuple(named.values()))
    found: dict[str, float] = {}
    violations: list[Violation] = []
    for number, name in named.items():
        driver_id, text = join.ids.get(name, ""), grid.rows[number].text(percent)
        value = _percentage(text, decimal_comma=grid.delimiter == ";")
        if not driver_id:
            violations.append(Violation(grid.place(number, who), join.problem(name)))
        elif driver_id in found:
            violations.append(Violation(grid.place(number, who), f"{name!r} stands twice; remove one row"))
        elif value is None:
            problem = f"{text!r} is not 0-100 %; write a number such as 12.5"
            violations.append(Violation(grid.place(number, percent), problem))
        else:
            found[driver_id] = value
    if not named:
        violations.append(Violation(file_name, "no drivers stand below the header"))
    refuse(violations)
    return found


class _Join:
    """Site ids of what a file calls the drivers: ids as they are, names by the rules of every import."""

    def __init__(self, race: Race, drivers: Sequence[Driver], names: Sequence[str]) -> None:
        self._race_id = race.race_id
        self._drivers = drivers
        self.ids = {driver.driver_id: driver.driver_id for driver in drivers}
        self.ids |= self._matched([name for name in dict.fromkeys(names) if name not in self.ids])

    def _matched(self, names: Sequence[str]) -> dict[str, str]:
        # The rules live with the services' domain, which comes with every installation.
        from services.common.domain.names import match_names

        pairs = match_names(names, [driver.name for driver in self._drivers], guess=False)
        return {names[pair.left]: self._drivers[pair.right].driver_id for pair in pairs}

    def problem(self, name: str) -> str:
        """Why a name has no driver."""
        if self._matched([name]):
            return f"{name!r} and another row may both mean one driver; he stands twice, or write names as listed"
        return f"{name!r} does not start in race {self._race_id!r}, or two drivers bear the name; write it as listed"


def _column(grid: Grid, names: tuple[str, ...]) -> int:
    """The first column that bears one of the names, ids before names."""
    header = [grid.rows[0].text(column).lower() for column in range(len(grid.rows[0].cells))]
    for name in names:
        if name in header:
            return header.index(name)
    found = ", ".join(cell for cell in header if cell) or "none"
    raise invalid(f"{grid.file_name}: row 1", f"none of the columns {', '.join(names)} is there (found: {found})")


def _percentage(text: str, *, decimal_comma: bool) -> float | None:
    try:
        value = float(without_commas(text.replace("%", "").strip(), decimal_comma=decimal_comma) or "")
    except ValueError:
        return None
    return value if math.isfinite(value) and 0.0 <= value <= 100.0 else None
