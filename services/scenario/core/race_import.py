"""Building a race from a site's salary file and a race sheet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.common.domain.errors import FieldViolation, InvalidInput
from services.common.domain.names import NamePair, match_names, nearest_name
from services.common.domain.race import Driver, Race, Series, Track
from services.common.domain.site_rules import SiteRules
from services.scenario.core.race_checks import complete_race
from services.scenario.core.race_sheet import RaceSheet, SheetRow, read_race_sheet
from services.scenario.core.salary_files import SalaryFile, SalaryRow, read_salary_file

_SHEET_FIELDS = (
    "start_position",
    "team",
    "make",
    "car_number",
    "projected_points",
    "projected_points_sd",
    "decimal_win_odds",
    "rating",
    "projected_ownership_percent",
    "practice_rank",
    "withdrawn",
)


@dataclass(frozen=True)
class NamedFile:
    """The bytes of a file and the name that complaints quote."""

    name: str
    content: bytes


@dataclass(frozen=True)
class ImportRequest:
    """What the two files do not say about the race, and how names are to be joined.

    Attributes
    ----------
    accept_guesses
        Join similar names too, instead of refusing them.
    withdraw_unlisted
        Treat drivers without a row in the race sheet as withdrawn, instead of refusing them.
    start_time
        ISO 8601 in UTC; empty for what the salary file says, if it does.
    """

    race_id: str
    track: Track
    scheduled_laps: int
    rules: SiteRules
    series: Series = Series.CUP
    stage_laps: tuple[int, ...] = ()
    name: str = ""
    accept_guesses: bool = False
    withdraw_unlisted: bool = False
    start_time: str = ""


@dataclass(frozen=True)
class NameReport:
    """How the names of the two files were joined, and what a careful user should know.

    ``replaced`` is about the race that stood under the same id before, empty where there is nothing to say.
    """

    pairs: tuple[tuple[str, str, NamePair], ...]
    unmatched_salary_names: tuple[str, ...]
    unmatched_sheet_names: tuple[str, ...]
    warnings: tuple[str, ...]
    replaced: str = ""


def import_race(request: ImportRequest, salaries: NamedFile, sheet: NamedFile | None) -> tuple[Race, NameReport]:
    """Build and check a race.

    Raises
    ------
    InvalidInput
        Naming file, row and column of everything that stands in the way; nothing is half done.
    """
    salary_file = read_salary_file(salaries.name, salaries.content, request.rules.site)
    race_sheet = read_race_sheet(sheet.name, sheet.content) if sheet else None
    rows = race_sheet.rows if race_sheet else ()
    pairs = match_names(
        [row.name for row in salary_file.rows], [row.name for row in rows], guess=request.accept_guesses
    )
    sheet_rows = {pair.left: rows[pair.right] for pair in pairs}
    if race_sheet and not request.withdraw_unlisted:
        _refuse_unlisted(salary_file, race_sheet, sheet_rows)
    drivers = tuple(
        _driver(row, sheet_rows.get(index), unlisted=race_sheet is not None)
        for index, row in enumerate(salary_file.rows)
    )
    race = complete_race(_race(request, salary_file, drivers))
    told = (*salary_file.warnings, *(race_sheet.warnings if race_sheet else ()))
    return race, _report(salary_file, rows, pairs, race, told)


def replaced_warning(before: Race, race: Race) -> str:
    """What to say where a race takes the place of one of the same id with other drivers; site ids tell them apart."""
    former, present = ({driver.driver_id for driver in one.drivers} for one in (before, race))
    if former == present:
        return ""
    return (
        f"race {race.race_id!r} replaces one of the same id with other drivers: {len(former - present)} of its "
        f"{len(former)} are gone, {len(present - former)} of {len(present)} are new; where it is not the same race "
        "corrected, import it under an id of its own"
    )


def _race(request: ImportRequest, salary_file: SalaryFile, drivers: tuple[Driver, ...]) -> Race:
    return Race(
        race_id=request.race_id,
        name=request.name or salary_file.race_name[:200],
        series=request.series,
        track=request.track,
        scheduled_laps=request.scheduled_laps,
        stage_laps=request.stage_laps,
        rules=request.rules,
        drivers=drivers,
        start_time=request.start_time or salary_file.start_time,
    )


def _driver(row: SalaryRow, sheet_row: SheetRow | None, *, unlisted: bool) -> Driver:
    base = {
        "driver_id": row.driver_id,
        "name": row.name,
        "salary_dollars": row.salary_dollars,
        "site_average_points": row.average_points,
    }
    if sheet_row is None:
        return Driver(**base, withdrawn=unlisted)  # type: ignore[arg-type]
    return Driver(**base, **{name: getattr(sheet_row, name) for name in _SHEET_FIELDS})  # type: ignore[arg-type]


def _refuse_unlisted(salary_file: SalaryFile, sheet: RaceSheet, sheet_rows: dict[int, SheetRow]) -> None:
    taken = {row.row_number for row in sheet_rows.values()}
    free = [row.name for row in sheet.rows if row.row_number not in taken]
    violations = [
        FieldViolation(
            f"{salary_file.file_name}: row {row.row_number}, column Name",
            f"{row.name!r} has no row in {sheet.file_name}{_suggestion(row.name, free)}; correct the name, join "
            "similar names (--accept-guesses), or withdraw drivers that the sheet does not list (--withdraw-unlisted)",
        )
        for index, row in enumerate(salary_file.rows)
        if index not in sheet_rows
    ]
    if violations:
        raise InvalidInput.of(violations)


def _suggestion(name: str, free: Sequence[str]) -> str:
    nearest = nearest_name(name, free)
    return f" (nearest: {nearest!r})" if nearest else ""


def _report(
    salary_file: SalaryFile, rows: Sequence[SheetRow], pairs: list[NamePair], race: Race, told: Sequence[str]
) -> NameReport:
    left = {pair.left for pair in pairs}
    right = {pair.right for pair in pairs}
    sheet_only = tuple(row.name for index, row in enumerate(rows) if index not in right)
    return NameReport(
        pairs=tuple((salary_file.rows[pair.left].name, rows[pair.right].name, pair) for pair in pairs),
        # Without a sheet there is nothing to be missing in.
        unmatched_salary_names=tuple(
            row.name for index, row in enumerate(salary_file.rows) if rows and index not in left
        ),
        unmatched_sheet_names=sheet_only,
        warnings=(*told, *_warnings(race, sheet_only)),
    )


def _warnings(race: Race, sheet_only: tuple[str, ...]) -> list[str]:
    warnings: list[str] = []
    unknown = [driver.name for driver in race.starters if driver.start_position == 0]
    if unknown:
        warnings.append(f"{len(unknown)} drivers have no starting position; their grid is simulated")
    places = sorted(driver.start_position for driver in race.starters if driver.start_position)
    if places and places[-1] > len(race.starters):
        warnings.append(f"the grid reaches {places[-1]} but {len(race.starters)} drivers start; gaps are closed up")
    alone = [driver.name for driver in race.starters if not driver.team]
    if not race.teams:
        warnings.append("no teams are known; rules about teams cannot be used")
    elif alone:
        warnings.append(f"{len(alone)} of {len(race.starters)} drivers have no team; rules about teams pass them over")
    if sheet_only:
        warnings.append(f"no salary for {', '.join(sheet_only)}; they are left out")
    return warnings
