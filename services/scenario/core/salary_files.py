"""Salary files of the sites: DraftKings' DKSalaries.csv and FanDuel's player list.

DraftKings' ``Game Info`` is the race name, with or without its start, and ``TeamAbbrev`` one tag for all drivers, so
neither team nor grid can come from it. ``AvgPointsPerGame`` is optional. Columns are found by name and may be more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from services.common.domain.errors import FieldViolation, InvalidInput
from services.common.domain.number_text import comma_hint
from services.common.domain.site_rules import Site
from services.scenario.core.csv_table import Row, Table, parse_number, read_table

MAX_SALARY_DOLLARS = 1_000_000
_ID_FORM = re.compile(r"^[A-Za-z0-9_.-]{1,64}$")
_NAME_AND_ID = re.compile(r"^(?P<name>.*\S)\s*\((?P<id>[^()]+)\)$")
_START = re.compile(r"\s*(?P<date>\d{1,2}/\d{1,2}/\d{4})\s+(?P<time>\d{1,2}:\d{2}\s*[AP]M)(\s*ET)?", re.IGNORECASE)
_SITE_TIME = ZoneInfo("America/New_York")
_RACING = frozenset({"", "-", "none", "active"})
_ALIASES = {"nickname": "name", "fppg": "avgpointspergame", "game": "game info"}


@dataclass(frozen=True)
class SalaryRow:
    """A driver as the site lists him, with the row that says so."""

    row_number: int
    name: str
    driver_id: str
    salary_dollars: int
    average_points: float | None


@dataclass(frozen=True)
class SalaryFile:
    """The drivers on offer, the race's title, and its start: ISO 8601 in UTC, empty where the file does not say."""

    file_name: str
    race_name: str
    rows: tuple[SalaryRow, ...]
    start_time: str = ""
    warnings: tuple[str, ...] = ()


def read_salary_file(file_name: str, content: bytes, site: Site) -> SalaryFile:
    """Read the salary file of a site.

    Raises
    ------
    InvalidInput
        Listing every row with a missing name or id, a salary that is not a positive whole number of dollars,
        or a driver that stands twice.
    """
    table = read_table(file_name, content, _ALIASES)
    _refuse_other_site(table, site)
    if "name + id" not in table.columns:
        table.require("Name", "Id" if site is Site.FANDUEL else "ID")
    table.require("Salary")
    violations: list[FieldViolation] = []
    rows = [row for row in (_salary_row(table, row, violations) for row in table.rows) if row is not None]
    violations += _duplicates(file_name, rows)
    if violations:
        raise InvalidInput.of(violations)
    title, start_time = _title_and_start(min({row.text("game info") for row in table.rows} - {""}, default=""))
    return SalaryFile(file_name, title, tuple(rows), start_time, (*_injured(table), *_out(table)))


def _title_and_start(game_info: str) -> tuple[str, str]:
    """``Race 400 03/08/2026 03:30PM ET`` taken apart; what is no time of day stays in the title."""
    found = _START.search(game_info)
    if found is None:
        return game_info, ""
    told = f"{found['date']} {found['time'].replace(' ', '').upper()}"
    try:
        start = datetime.strptime(told, "%m/%d/%Y %I:%M%p").replace(tzinfo=_SITE_TIME)
    except ValueError:
        return game_info, ""
    title = f"{game_info[: found.start()]}{game_info[found.end() :]}".strip()
    return title, start.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _refuse_other_site(table: Table, site: Site) -> None:
    """The layouts tell the sites apart; rules of the wrong one would make lineups that nobody can enter."""
    is_fanduel, is_draftkings = "injury indicator" in table.columns, "roster position" in table.columns
    if site is Site.DRAFTKINGS and is_fanduel:
        raise InvalidInput.field(table.file_name, "this is a FanDuel player list; say that the site is fanduel")
    if site is Site.FANDUEL and is_draftkings and not is_fanduel:
        raise InvalidInput.field(table.file_name, "this is a DraftKings salary file; say that the site is draftkings")


def _injured(table: Table) -> list[str]:
    return [
        f"{table.file_name}: row {row.number}: {row.text('name')} is listed as injured "
        f"({row.text('injury indicator')}); withdraw the driver in the race sheet if he does not start"
        for row in table.rows
        if row.text("injury indicator")
    ]


def _out(table: Table) -> list[str]:
    """DraftKings' status column, which some exports have: whoever has one may not race."""
    return [
        f"{table.file_name}: row {row.number}: {row.text('name') or row.text('name + id')} has the status "
        f"{row.text('status')}; withdraw the driver in the race sheet if he does not start"
        for row in table.rows
        if row.text("status").casefold() not in _RACING
    ]


def _salary_row(table: Table, row: Row, violations: list[FieldViolation]) -> SalaryRow | None:
    before = len(violations)
    name, driver_id = _identity(row)
    if not 1 <= len(name) <= 100:
        violations.append(table.violation(row, "Name", "write the driver's name, at most 100 characters"))
    if not _ID_FORM.match(driver_id):
        violations.append(table.violation(row, "ID", f"{driver_id!r} is no site id; export the file again"))
    salary = parse_number(row.text("salary"))
    if salary is None or salary != int(salary) or not 1 <= salary <= MAX_SALARY_DOLLARS:
        text = row.text("salary")
        problem = f"{text!r} is no salary; write whole dollars from 1 to {MAX_SALARY_DOLLARS:,}{comma_hint(text)}"
        violations.append(table.violation(row, "Salary", problem))
    average = _average(table, row, violations)
    if len(violations) > before or salary is None:
        return None
    return SalaryRow(row.number, name, driver_id, int(salary), average)


def _average(table: Table, row: Row, violations: list[FieldViolation]) -> float | None:
    """Points per race, None where the site gives no number; one whose comma is not clear is refused."""
    text, average = row.text("avgpointspergame"), table.number(row, "avgpointspergame")
    if average is None and "," in text:
        problem = f"{text!r} is no number of points; write one{comma_hint(text)}"
        violations.append(table.violation(row, "AvgPointsPerGame", problem))
    return average


def _identity(row: Row) -> tuple[str, str]:
    combined = _NAME_AND_ID.match(row.text("name + id"))
    name = row.text("name") or (combined["name"] if combined else "")
    return name, row.text("id") or (combined["id"].strip() if combined else "")


def _duplicates(file_name: str, rows: list[SalaryRow]) -> list[FieldViolation]:
    violations: list[FieldViolation] = []
    first_by_id: dict[str, int] = {}
    first_by_name: dict[str, int] = {}
    for row in rows:
        for column, value, seen in (("ID", row.driver_id, first_by_id), ("Name", row.name, first_by_name)):
            first = seen.setdefault(value, row.row_number)
            if first != row.row_number:
                where = f"{file_name}: row {row.row_number}, column {column}"
                violations.append(FieldViolation(where, f"{value!r} stands in row {first} already; remove one row"))
    return violations
