"""CSV files as people have them, read so that every complaint can name file, row and column."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.common.domain.errors import FieldViolation, InvalidInput
from services.common.domain.number_text import without_commas

_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class Row:
    """One line of data; ``number`` counts as a spreadsheet does, the header being row 1."""

    number: int
    cells: Mapping[str, str]

    def text(self, column: str) -> str:
        """The trimmed cell, empty when the file has no such column."""
        return self.cells.get(column, "")


@dataclass(frozen=True)
class Table:
    """A file with its header evened out to lower case and its blank lines left out.

    ``decimal_comma`` says that semicolons stand between its cells, so that a comma may be a decimal mark.
    """

    file_name: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    decimal_comma: bool = False

    def number(self, row: Row, column: str) -> float | None:
        """The number in a cell, None when it holds none; for whole numbers `parse_number` knows commas better."""
        return parse_number(row.text(column), decimal_comma=self.decimal_comma)

    def violation(self, row: Row, column: str, description: str) -> FieldViolation:
        """A complaint about one cell."""
        return FieldViolation(f"{self.file_name}: row {row.number}, column {column}", description)

    def require(self, *columns: str) -> None:
        """Refuse the file unless it has these columns.

        Raises
        ------
        InvalidInput
            Naming each column that is missing and those that are there.
        """
        found = ", ".join(self.columns) or "none"
        missing = [column for column in columns if column.lower() not in self.columns]
        if missing:
            raise InvalidInput.of(
                [
                    FieldViolation(
                        f"{self.file_name}: row 1, column {column}",
                        f"the column is missing (found: {found}); add it or use the file as exported",
                    )
                    for column in missing
                ]
            )


def read_table(file_name: str, content: bytes, aliases: Mapping[str, str] | None = None) -> Table:
    """Read a CSV file; unknown columns are kept and harm nobody, so files may carry extra ones.

    Parameters
    ----------
    file_name
        Name that complaints quote.
    content
        UTF-8 with or without a byte order mark; comma, semicolon or tab between cells.
    aliases
        Other names of columns, lower case, mapped to the names that the caller reads.

    Raises
    ------
    InvalidInput
        If the bytes are not UTF-8, there is no header or no row, a column stands twice, or a row has more
        cells than the header.
    """
    delimiter = _delimiter(content)
    lines = _lines(file_name, _decode(file_name, content), delimiter)
    filled = [(number, cells) for number, cells in enumerate(lines, start=1) if any(cell.strip() for cell in cells)]
    if len(filled) < 2:
        raise InvalidInput.field(f"{file_name}: row 1", "the file needs a header row and at least one row of data")
    columns = _columns(file_name, filled[0][1], aliases or {})
    rows = [_row(file_name, columns, number, cells) for number, cells in filled[1:]]
    return Table(file_name=file_name, columns=columns, rows=tuple(rows), decimal_comma=delimiter == ";")


def _lines(file_name: str, text: str, delimiter: str) -> list[list[str]]:
    # Line ends of any system: a lone carriage return ends a row too.
    even = text.replace("\r\n", "\n").replace("\r", "\n")
    try:
        return list(csv.reader(io.StringIO(even, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise InvalidInput.field(file_name, f"the file is no CSV file ({error}); export it again") from error


def _decode(file_name: str, content: bytes) -> str:
    if content.startswith(_UTF16_MARKS):
        raise InvalidInput.field(file_name, "the file is UTF-16; save it as 'CSV UTF-8 (comma delimited)'")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = content[: error.start].count(b"\n") + 1
        raise InvalidInput.field(
            f"{file_name}: row {row}", "the file is not UTF-8; save it as 'CSV UTF-8 (comma delimited)'"
        ) from error
    if "\0" in text:
        raise InvalidInput.field(file_name, "the file is not text; give the CSV file, not a workbook")
    return text


def _delimiter(content: bytes) -> str:
    header = content.replace(b"\r", b"\n").split(b"\n", 1)[0]
    return max((b",", b";", b"\t"), key=header.count).decode()


def _columns(file_name: str, header: Sequence[str], aliases: Mapping[str, str]) -> tuple[str, ...]:
    plain = (cell.strip().lower() for cell in header)
    columns = tuple(aliases.get(name, name) for name in plain)
    named = [column for column in columns if column]
    twice = sorted({column for column in named if named.count(column) > 1})
    if twice:
        raise InvalidInput.field(f"{file_name}: row 1, column {twice[0]}", "the column stands twice; remove one")
    return columns


def _row(file_name: str, columns: tuple[str, ...], number: int, cells: Sequence[str]) -> Row:
    if any(cell.strip() for cell in cells[len(columns) :]):
        raise InvalidInput.field(
            f"{file_name}: row {number}",
            f"has {len(cells)} cells but the header has {len(columns)}; put quotes round text that holds a comma",
        )
    return Row(number=number, cells={name: cell.strip() for name, cell in zip(columns, cells, strict=False) if name})


def parse_number(text: str, *, decimal_comma: bool = False) -> float | None:
    """The number in a cell, with dollar signs, thousands separators and per cent signs taken off.

    Returns None when the cell holds no finite number, or a comma that is not clear (`without_commas`).
    """
    plain = without_commas(text.replace("$", "").replace("%", "").strip(), decimal_comma=decimal_comma)
    if plain is None:
        return None
    try:
        value = float(plain)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
