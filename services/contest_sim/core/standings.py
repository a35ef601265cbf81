"""The lineups of a real field, from the contest standings that the site exports."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from services.common.domain.errors import FieldViolation, InvalidInput
from services.common.domain.file_text import csv_rows
from services.common.domain.lineup_text import LineupTexts
from services.common.domain.names import nearest_name

_COLUMNS = ("entryname", "lineup")
_ENTRY_NUMBER = re.compile(r"\s*\(\s*\d+\s*/\s*\d+\s*\)\s*$")

MAX_VIOLATIONS = 20


def standings_lineups(
    file_name: str,
    content: bytes,
    driver_names: Sequence[str],
    roster_size: int,
    *,
    salaries_dollars: npt.NDArray[np.int64] | None = None,
    salary_cap_dollars: int = 0,
    own_user: str = "",
    own_user_field: str = "own_user",
) -> npt.NDArray[np.int8]:
    """Lineups of all entries but one's own, driver columns ascending; int8, shape (n_entries, roster_size).

    Entries that were never filled are left out. Names are joined as on import: same, or same but for case,
    accents, punctuation and generation suffixes. With ``salaries_dollars[driver]`` their costs are checked.

    Raises
    ------
    InvalidInput
        Naming file, row and driver of what cannot be read, the rows of lineups above the cap (the same drivers race
        every week, at other salaries), ``own_user`` when nobody has that name, or the file when no entry is left.
    """
    rows = csv_rows(file_name, content)
    column = _columns(file_name, rows[0] if rows else [])
    if own_user:
        users = {_user(row[column["entryname"]]) for row in rows[1:] if len(row) > column["entryname"]}
        _check_user(file_name, own_user, users, own_user_field)
    texts = {
        number: row[column["lineup"]].strip()
        for number, row in enumerate(rows[1:], start=2)
        if len(row) > max(column.values()) and _is_opponent(row[column["entryname"]], own_user)
    }
    filled = {number: text for number, text in texts.items() if text}
    reader = LineupTexts(filled.values(), driver_names, roster_size)
    _refuse(file_name, {number: reader.fault(text) for number, text in filled.items()})
    if not filled:
        raise InvalidInput.field(file_name, "holds no opponent's lineup; export the standings after the lock")
    lineups = np.array([reader.columns(text) for text in filled.values()], dtype=np.int8)
    if salaries_dollars is not None:
        costs = salaries_dollars[lineups.astype(np.int64)].sum(axis=1).tolist()
        _refuse(file_name, {row: _too_dear(cost, salary_cap_dollars) for row, cost in zip(filled, costs, strict=True)})
    return lineups


def _refuse(file_name: str, faults: Mapping[int, str]) -> None:
    """Raise ``InvalidInput`` for lineups that have a fault; ``faults`` by row, empty for none."""
    place = f"{file_name}: row {{}}, column Lineup"
    violations = [FieldViolation(place.format(row), fault) for row, fault in faults.items() if fault]
    if violations:
        raise InvalidInput.of(violations[:MAX_VIOLATIONS])


def _too_dear(cost: int, cap: int) -> str:
    if cost <= cap:
        return ""
    return (
        f"costs ${cost:,} at the salaries of this race, ${cost - cap:,} above the cap of ${cap:,}: these are the "
        "standings of another race or of another slate of it; check race and file"
    )


def _columns(file_name: str, header: Sequence[str]) -> dict[str, int]:
    """Position of the columns needed."""
    names = [name.strip().lower() for name in header]
    missing = [name for name in _COLUMNS if name not in names]
    if missing:
        text = "is missing; a standings export has Rank, EntryId, EntryName, Points and Lineup"
        raise InvalidInput.of([FieldViolation(f"{file_name}: row 1, column {name}", text) for name in missing])
    return {name: names.index(name) for name in _COLUMNS}


def _user(entry_name: str) -> str:
    """The user behind an entry such as ``someone (2/20)``."""
    return _ENTRY_NUMBER.sub("", entry_name).strip()


def _is_opponent(entry_name: str, own_user: str) -> bool:
    return not own_user or _user(entry_name).casefold() != own_user.strip().casefold()


def _check_user(file_name: str, own_user: str, users: set[str], field: str) -> None:
    """Raise ``InvalidInput`` when nobody of that name entered: one's own entries would count as opponents."""
    if own_user.strip().casefold() in {user.casefold() for user in users}:
        return
    near = nearest_name(own_user, sorted(users))
    hint = f"did you mean {near!r}?" if near else "leave it empty if you did not enter"
    raise InvalidInput.field(field, f"{file_name} has no entry of {own_user!r}; {hint}")
