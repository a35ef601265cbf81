"""Tables of history files: found by name in a folder, put together, checked where numbers and names must stand."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from services.common.domain.errors import FieldViolation, InvalidInput

_ALIASES = {
    "race": "race_num",
    "length": "track_length_mi",
    "car": "car_number",
    "led": "laps_led",
    "rating": "driver_rating",
}
_MAX_NUMBER = 1e7
_MAX_VIOLATIONS = 20


@dataclass(frozen=True)
class TableColumns:
    """Columns that a table must have.

    Attributes
    ----------
    keys
        Whole numbers that every row holds.
    numbers
        Numbers; a cell may be empty.
    texts
        Words; ``name``, if there is one, is filled in every row.
    optional
        Numbers of columns that may lack.
    choices
        Words of which one must stand in each filled cell of a column that may lack, whatever their case.
    """

    keys: Sequence[str] = ("season", "race_num")
    numbers: Sequence[str] = ()
    texts: Sequence[str] = ()
    name: str = ""
    optional: Sequence[str] = ()
    choices: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def required(self) -> tuple[str, ...]:
        """All that must be there."""
        return (*self.keys, *self.numbers, *self.texts, *((self.name,) if self.name else ()))


def read_tables(folder: Path, pattern: str, columns: TableColumns) -> pd.DataFrame | None:
    """The rows of all files of a kind, subfolders included; None where there is no file.

    Raises
    ------
    InvalidInput
        Naming file, row and column of what cannot be read.
    """
    paths = sorted(path for path in folder.rglob(pattern) if path.is_file())
    if not paths:
        return None
    return pd.concat([_read_table(path, columns) for path in paths], ignore_index=True)


def _read_table(path: Path, columns: TableColumns) -> pd.DataFrame:
    try:
        frame = pd.read_csv(path, dtype={"car_number": str, "Car": str}, encoding="utf-8-sig", low_memory=False)
    except (ValueError, OSError, EOFError, zlib.error) as error:
        raise InvalidInput.field(path.name, f"is no CSV file that can be read ({error}); get it again") from error
    if not isinstance(frame.index, pd.RangeIndex):
        # pandas takes the cells in excess for names of the rows.
        raise InvalidInput.field(f"{path.name}: row 2", "has more cells than the header; get the file again")
    names = [str(name).strip().lower().replace(" ", "_") for name in frame.columns]
    frame.columns = pd.Index([_ALIASES.get(name, name) for name in names])
    _check_columns(path.name, frame, columns)
    return _checked_cells(path.name, frame, columns)


def _check_columns(file_name: str, frame: pd.DataFrame, columns: TableColumns) -> None:
    faults = [
        FieldViolation(f"{file_name}: row 1, column {name}", "the column is missing; see the layout of history files")
        for name in columns.required
        if name not in frame.columns
    ]
    used = (*columns.required, *columns.optional, *columns.choices)
    faults += [
        FieldViolation(f"{file_name}: row 1, column {name}", "the column stands twice; remove one")
        for name in frame.columns[frame.columns.duplicated()].unique()
        if name in used
    ]
    if faults:
        raise InvalidInput.of(faults)


def _checked_cells(file_name: str, frame: pd.DataFrame, columns: TableColumns) -> pd.DataFrame:
    """The table with numbers as numbers; rows of no race at all (an empty number of the race) are left out."""
    faults: list[FieldViolation] = []
    optional = [name for name in columns.optional if name in frame.columns]
    for name in (*columns.keys, *columns.numbers, *optional):
        values = pd.to_numeric(frame[name], errors="coerce")
        wrong = (values.isna() & frame[name].notna()) | (values.abs() > _MAX_NUMBER)
        if name in columns.keys:
            wrong |= values.notna() & (values % 1 != 0)
        faults += _places(file_name, frame, name, wrong, "is no number that can stand here")
        frame[name] = values.astype(float)
    frame = frame.dropna(subset=list(columns.keys))
    for name, words in columns.choices.items():
        if name in frame.columns:
            cells = frame[name].astype(object).fillna("").astype(str).str.strip().str.lower()
            frame[name] = cells
            faults += _places(file_name, frame, name, ~cells.isin(["", *words]), f"is none of {', '.join(words)}")
    if columns.name:
        nobody = frame[columns.name].astype(object).fillna("").astype(str).str.strip() == ""
        faults += _places(file_name, frame, columns.name, nobody, "names nobody")
    if faults:
        raise InvalidInput.of(faults[:_MAX_VIOLATIONS])
    texts = [*columns.texts, *((columns.name,) if columns.name else ())]
    return frame.astype(dict.fromkeys(columns.keys, "int64")).assign(
        **{name: frame[name].astype(str).where(frame[name].notna()) for name in texts}
    )


def _places(file_name: str, frame: pd.DataFrame, name: str, wrong: pd.Series, problem: str) -> list[FieldViolation]:
    cells = frame.loc[wrong, name].head(_MAX_VIOLATIONS)
    return [
        FieldViolation(f"{file_name}: row {int(row) + 2}, column {name}", f"{str(cell)[:40]!r} {problem}; correct it")
        for row, cell in zip(cells.index.tolist(), cells.tolist(), strict=True)
    ]
