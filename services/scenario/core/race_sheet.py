"""The race sheet: what the salary file leaves out, one row per driver.

Only ``name`` is required. ``odds`` may be decimal (13.0), American (+1200) or fractional (12/1). ``status`` "out",
"withdrawn", "dnq" or "dns" takes a driver off the grid. In a file with semicolons between cells, a decimal comma may
stand for the point.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from services.common.domain.errors import FieldViolation, InvalidInput
from services.common.domain.names import nearest_name
from services.common.domain.number_text import comma_hint
from services.scenario.core.csv_table import Row, Table, parse_number, read_table
from services.scenario.core.race_checks import MAX_SIGNAL

MAX_START = 60
WITHDRAWN_WORDS = frozenset({"out", "withdrawn", "wd", "dnq", "dns"})
STARTING_WORDS = frozenset({"", "in", "active", "starting", "ok"})
COLUMNS = (
    "name",
    "start",
    "team",
    "make",
    "car",
    "projection",
    "sd",
    "odds",
    "rating",
    "practice",
    "ownership",
    "status",
)
_FRACTION = re.compile(r"(\d{1,5})\s*/\s*([1-9]\d{0,4})")

_ALIASES = {
    "driver": "name",
    "starting pos": "start",
    "start pos": "start",
    "starting position": "start",
    "grid position": "start",
    "qualifying": "start",
    "start_position": "start",
    "starting_position": "start",
    "grid": "start",
    "owner": "team",
    "manufacturer": "make",
    "car_number": "car",
    "number": "car",
    "projected_points": "projection",
    "projected_points_sd": "sd",
    "decimal_win_odds": "odds",
    "practice rank": "practice",
    "practice_rank": "practice",
    "projected_ownership_percent": "ownership",
}


@dataclass(frozen=True)
class SheetRow:
    """What the sheet says about one driver; None where it says nothing."""

    row_number: int
    name: str
    start_position: int = 0
    team: str = ""
    make: str = ""
    car_number: str = ""
    projected_points: float | None = None
    projected_points_sd: float | None = None
    decimal_win_odds: float | None = None
    rating: float | None = None
    practice_rank: float | None = None
    projected_ownership_percent: float | None = None
    withdrawn: bool = False


@dataclass(frozen=True)
class RaceSheet:
    """The rows of a race sheet, and what its header may have meant."""

    file_name: str
    rows: tuple[SheetRow, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class _NumberColumn:
    """A column of numbers: where it goes, which values are allowed, and what to write instead."""

    column: str
    field: str
    allows: Callable[[float], bool]
    remedy: str


_NUMBERS = (
    _NumberColumn("projection", "projected_points", lambda x: -200 <= x <= 1000, "points from -200 to 1000"),
    _NumberColumn("sd", "projected_points_sd", lambda x: 0 < x <= 500, "points above 0, at most 500"),
    _NumberColumn(
        "odds", "decimal_win_odds", lambda x: 1 < x <= 100_000, "decimal odds above 1, American +1200, or 12/1"
    ),
    _NumberColumn(
        "rating", "rating", lambda x: abs(x) <= MAX_SIGNAL, f"a number from {-MAX_SIGNAL:g} to {MAX_SIGNAL:g}"
    ),
    _NumberColumn("practice", "practice_rank", lambda x: 1 <= x <= MAX_START, f"a rank from 1 to {MAX_START}"),
    _NumberColumn("ownership", "projected_ownership_percent", lambda x: 0 <= x <= 100, "a per cent from 0 to 100"),
)


def read_race_sheet(file_name: str, content: bytes) -> RaceSheet:
    """Read a race sheet.

    Raises
    ------
    InvalidInput
        Listing every cell that cannot be used, names and starting positions that stand twice.
    """
    table = read_table(file_name, content, _ALIASES)
    table.require("name")
    violations: list[FieldViolation] = []
    rows = [_sheet_row(table, row, violations) for row in table.rows]
    violations += _duplicates(table, rows)
    if violations:
        raise InvalidInput.of(violations)
    return RaceSheet(file_name, tuple(rows), tuple(_unknown_columns(table)))


def _unknown_columns(table: Table) -> list[str]:
    """A warning per column that is not read, with the one it may have been meant for."""
    warnings = []
    for column in table.columns:
        if column and column not in COLUMNS:
            nearest = nearest_name(column, [*COLUMNS, *_ALIASES])
            meant = _ALIASES.get(nearest, nearest)
            hint = f"; did you mean {meant!r}?" if meant and meant not in table.columns else ""
            warnings.append(f"{table.file_name}: column {column!r} is not known and is ignored{hint}")
    return warnings


def _sheet_row(table: Table, row: Row, violations: list[FieldViolation]) -> SheetRow:
    name = row.text("name")
    if not 1 <= len(name) <= 100:
        violations.append(table.violation(row, "name", "write the driver's name, at most 100 characters"))
    start = _start(table, row, violations)
    withdrawn = _withdrawn(table, row, violations)
    numbers = {spec.field: _number(table, row, spec, violations) for spec in _NUMBERS}
    texts = {"team": row.text("team"), "make": row.text("make"), "car_number": row.text("car").removeprefix("#")}
    for column, limit in (("team", 100), ("make", 100), ("car_number", 8)):
        if len(texts[column]) > limit:
            violations.append(table.violation(row, column, f"longer than {limit} characters; shorten it"))
    return SheetRow(row.number, name, start, withdrawn=withdrawn, **texts, **numbers)  # type: ignore[arg-type]


def _start(table: Table, row: Row, violations: list[FieldViolation]) -> int:
    text = row.text("start")
    if not text:
        return 0
    value = parse_number(text)
    if value is None or value != int(value) or not 1 <= value <= MAX_START:
        remedy = f"write a whole number from 1 to {MAX_START}, or nothing{comma_hint(text)}"
        problem = f"{text!r} is no starting position; {remedy}"
        violations.append(table.violation(row, "start", problem))
        return 0
    return int(value)


def _withdrawn(table: Table, row: Row, violations: list[FieldViolation]) -> bool:
    word = row.text("status").lower()
    if word not in WITHDRAWN_WORDS | STARTING_WORDS:
        violations.append(table.violation(row, "status", f"{word!r} is not known; write 'out' or nothing"))
    return word in WITHDRAWN_WORDS


def _number(table: Table, row: Row, spec: _NumberColumn, violations: list[FieldViolation]) -> float | None:
    text = row.text(spec.column)
    if not text:
        return None
    value = _odds(table, row, text) if spec.column == "odds" else table.number(row, spec.column)
    if value is None or not spec.allows(value):
        problem = f"{text!r} cannot be used; write {spec.remedy}{comma_hint(text)}"
        violations.append(table.violation(row, spec.column, problem))
        return None
    return value


def _odds(table: Table, row: Row, text: str) -> float | None:
    """Decimal odds: as they stand, of American ones, which carry a sign, or of fractional ones.

    +1200 pays 12 for 1, -150 pays 1 for 1.5, EVEN is +100; 12/1 pays 12 for 1.
    """
    if text.lower() in ("even", "evens"):
        return 2.0
    if (parts := _FRACTION.fullmatch(text)) is not None:
        return 1 + int(parts[1]) / int(parts[2])
    value = table.number(row, "odds")
    if value is None or text[0] not in "+-":
        return value
    if abs(value) < 100:
        return None
    return 1 + (value / 100 if value > 0 else -100 / value)


def _duplicates(table: Table, rows: list[SheetRow]) -> list[FieldViolation]:
    violations: list[FieldViolation] = []
    first_by_name: dict[str, int] = {}
    first_by_start: dict[int, int] = {}
    for row in rows:
        first = first_by_name.setdefault(row.name, row.row_number)
        if row.name and first != row.row_number:
            where = f"{table.file_name}: row {row.row_number}, column name"
            violations.append(FieldViolation(where, f"{row.name!r} stands in row {first} already; remove one row"))
        if row.start_position and not row.withdrawn:
            first = first_by_start.setdefault(row.start_position, row.row_number)
            if first != row.row_number:
                where = f"{table.file_name}: row {row.row_number}, column start"
                problem = f"position {row.start_position} is taken by row {first}; give each driver his own"
                violations.append(FieldViolation(where, problem))
    return violations
