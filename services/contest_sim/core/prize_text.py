"""Prize tables as pasted from a contest page: ``1st $2,000`` and ``4th - 5th $250.00``."""

from __future__ import annotations

import re
from decimal import Decimal

from services.common.domain.errors import FieldViolation, InvalidInput
from services.contest_sim.core.prizes import PrizeRow, PrizeTable

_PLACE = r"(\d[\d,]*)\s*(?:st|nd|rd|th)?"
_MONEY = r"\$?\s*(\d[\d,]*(?:\.\d{1,2})?)"
_RANGE = rf"{_PLACE}(?:\s*(?:-|\u2013|\u2014|to)\s*{_PLACE})?"  # browsers paste hyphens and both dashes
_LINE = re.compile(rf"^{_RANGE}\s*(?:[:|=]\s*|\s)\s*{_MONEY}(?:\s*(?:usd|each))?$", re.IGNORECASE)
_MAX_DIGITS = 18
_PLACES_ONLY = re.compile(rf"^{_RANGE}\s*[:|]?$", re.IGNORECASE)


def parse_prizes(text: str, field: str = "text") -> PrizeTable:
    """The table of a pasted text, one range a line; a range and its prize may stand on two lines.

    Places may carry ``st``, ``nd``, ``rd``, ``th`` and thousands separators; money may carry cents. A
    prize without a cash value (a ticket) is refused: give what it is worth to you, or 0.

    Raises
    ------
    InvalidInput
        Naming each line that cannot be read, or the row that breaks a rule of prize tables.
    """
    rows, violations = [], []
    for number, line in _joined_lines(text):
        match = _LINE.match(line)
        if match is None:
            remedy = "write a range and its prize, such as '4th - 5th $250.00'"
            violations.append(FieldViolation(f"{field}: line {number}", f"cannot read {line!r}; {remedy}"))
            continue
        first, last, money = match.groups()
        rows.append(PrizeRow(_whole(first), _whole(last or first), _cents(money)))
    if violations:
        raise InvalidInput.of(violations)
    return PrizeTable.checked(rows, field)


def _joined_lines(text: str) -> list[tuple[int, str]]:
    """Number and content of each row; a line of places alone is joined to the line that follows."""
    joined: list[tuple[int, str]] = []
    waiting = ""
    for number, raw in enumerate(text.splitlines(), start=1):
        line = " ".join(f"{waiting} {raw}".split())
        waiting = ""
        if not line:
            continue
        if _PLACES_ONLY.match(line):
            waiting = line
        else:
            joined.append((number, line))
    if waiting:
        joined.append((len(text.splitlines()), waiting))
    return joined


def _whole(text: str) -> int:
    return int(_digits(text))


def _cents(text: str) -> int:
    return int(Decimal(_digits(text)) * 100)


def _digits(text: str) -> str:
    """The number without separators; what no contest pays is cut to a number that every check refuses."""
    plain = text.replace(",", "")
    return plain if len(plain) <= _MAX_DIGITS else "9" * _MAX_DIGITS
