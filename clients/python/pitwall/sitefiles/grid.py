"""A CSV file as a grid of cells that remember their place, so that cells can change and no other byte does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pitwall.problems import invalid

_MARK = "\ufeff"
_DELIMITERS = (",", ";", "\t")


@dataclass(frozen=True)
class Cell:
    """A cell: where it stands in the text, quotes included, and what it says."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Row:
    """The cells of a line and where the line ends, its line break left out. Blank lines have no cells."""

    cells: tuple[Cell, ...]
    end: int

    def text(self, column: int) -> str:
        """The trimmed text of a cell, empty beyond the end of the row."""
        return self.cells[column].text.strip() if column < len(self.cells) else ""


@dataclass(frozen=True)
class Grid:
    """A file: its text, its rows, and the character between cells. Row 1 of messages is ``rows[0]``."""

    file_name: str
    text: str
    rows: tuple[Row, ...]
    delimiter: str

    def place(self, row: int, column: int) -> str:
        """How messages call a cell; counts from 1, as spreadsheets do."""
        return f"{self.file_name}: row {row + 1}, column {column + 1}"

    def edited(self, changes: Mapping[tuple[int, int], str]) -> bytes:
        """The file with some cells changed, by (row, column); rows that are too short grow."""
        pieces: list[str] = []
        position = 0
        for start, end, replacement in sorted(self._edits(changes)):
            pieces += [self.text[position:start], replacement]
            position = end
        return "".join([*pieces, self.text[position:]]).encode()

    def _edits(self, changes: Mapping[tuple[int, int], str]) -> list[tuple[int, int, str]]:
        edits = []
        appended: dict[int, dict[int, str]] = {}
        for (row, column), value in changes.items():
            cells = self.rows[row].cells
            if column < len(cells):
                quoted = self.text[cells[column].start : cells[column].end].startswith('"')
                edits.append((cells[column].start, cells[column].end, self._written(value, quoted=quoted)))
            else:
                appended.setdefault(row, {})[column] = self._written(value, quoted=False)
        for row, values in appended.items():
            first, end = len(self.rows[row].cells), self.rows[row].end
            tail = "".join(self.delimiter + values.get(column, "") for column in range(first, max(values) + 1))
            edits.append((end, end, tail))
        return edits

    def _written(self, value: str, *, quoted: bool) -> str:
        if quoted or any(character in value for character in (self.delimiter, '"', "\r", "\n")):
            return '"' + value.replace('"', '""') + '"'
        return value


def read_grid(file_name: str, content: bytes) -> Grid:
    """Read a CSV file, whatever its line ends, quotes and row lengths; comma, semicolon or tab between cells.

    Raises
    ------
    InvalidInputError
        If it is no UTF-8 text, or a quote is never closed.
    """
    text = _decode(file_name, content)
    first_line = text.lstrip(_MARK).split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=first_line.count)
    rows: list[Row] = []
    position = len(_MARK) if text.startswith(_MARK) else 0
    while position < len(text):
        row, position = _scan_row(text, position, delimiter, f"{file_name}: row {len(rows) + 1}")
        rows.append(row)
    return Grid(file_name, text, tuple(rows), delimiter)


def _decode(file_name: str, content: bytes) -> str:
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        row = content[: error.start].count(b"\n") + 1
        problem = "the file is not UTF-8; give it as downloaded, or save it as 'CSV UTF-8 (comma delimited)'"
        raise invalid(f"{file_name}: row {row}", problem) from error
    if "\0" in text:
        raise invalid(file_name, "the file is not text; give the CSV file, not a workbook")
    return text


def _scan_row(text: str, position: int, delimiter: str, place: str) -> tuple[Row, int]:
    """A row from its first character, and where the next one starts."""
    cells: list[Cell] = []
    if text[position] not in "\r\n":
        while True:
            cell = _scan_cell(text, position, delimiter, place)
            cells.append(cell)
            position = cell.end
            if position >= len(text) or text[position] != delimiter:
                break
            position += 1
    end = position
    if text.startswith("\r\n", position):
        position += 2
    elif position < len(text):
        position += 1
    return Row(tuple(cells), end), position


def _scan_cell(text: str, start: int, delimiter: str, place: str) -> Cell:
    stops = (delimiter, "\r", "\n")
    position, value = start, ""
    if text.startswith('"', start):
        value, position = _scan_quoted(text, start, place)
    rest = position
    while position < len(text) and text[position] not in stops:
        position += 1
    return Cell(start, position, value + text[rest:position])


def _scan_quoted(text: str, start: int, place: str) -> tuple[str, int]:
    """The text between quotes, doubled ones made single, and the position after the closing one."""
    pieces: list[str] = []
    position = start + 1
    while True:
        close = text.find('"', position)
        if close < 0:
            raise invalid(place, "a quote is opened and never closed; give the file as downloaded")
        pieces.append(text[position:close])
        if not text.startswith('"', close + 1):
            return "".join(pieces), close + 1
        pieces.append('"')
        position = close + 2
