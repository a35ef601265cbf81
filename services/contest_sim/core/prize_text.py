"""Prize tables as pasted from a contest page: ``1st $2,000`` and ``4th - 5th $250.00``."""

from __future__ import annotations

import re
from decimal import Decimal

from services.common.domain.errors import FieldViolation, InvalidInput
from services.contest_sim.core.prizes import PrizeRow, PrizeTable

_WHOLE = r"(?:\d{1,3}(?:,\d{3})+|\d+)"  # a comma sets off thousands; elsewhere it may stand for a point, and is refused
_PLACE = rf"({_WHOLE})\s*(?:st|nd|rd|th)?"
_RANGE = rf"{_PLACE}(?:\s*(?:-|\u2013|\u2014|to)\s*{_PLACE})?"  # browsers paste hyphens and both dashes
_LINE = re.compile(rf"^{_RANGE}(?:\s*[:|=]\s*|\s+|(?=\$))(.+)$", re.IGNORECASE)
_PLACES_ONLY = re.compile(rf"^{_RANGE}\s*[:|]?$", re.IGNORECASE)
_PLUS = re.compile(r"\s*(?:\+|&|\band\b)\s*", re.IGNORECASE)
_MONEY = re.compile(rf"^([a-z() ]*?)\s*(\$?)\s*({_WHOLE}(?:\.\d{{1,2}})?)\s*([a-z() ]*)$", re.IGNORECASE)
_MAX_DIGITS = 18

_CASH_WORDS = {"usd", "each", "cash"}
_TICKET_WORDS = {
    "ticket",
    "tickets",
    "contest",
    "tournament",
    "entry",
    "credit",
    "credits",
    "site",
    "dk",
    "dollars",
} | {"in", "a", "worth", "value", "valued", "at", "face", "bonus"}
_HEADER_WORDS = {"place", "places", "position", "pos", "rank", "finish"} | {
    "prize",
    "prizes",
    "payout",
    "payouts",
    "amount",
    "winnings",
    "structure",
    "details",
}


def parse_prizes(text: str, field: str = "text") -> PrizeTable:
    """The table of a pasted text, one range a line; a range and its prize may stand on two lines.

    Places may carry ``st``, ``nd``, ``rd``, ``th`` and thousands separators; money may carry cents. A ticket
    counts at the face value stated with it (``$20 Ticket``, ``$50 + Ticket ($20)``); without one it is refused, as
    nobody but its owner can say what it is worth. Lines of headings above the first row are passed over.

    Raises
    ------
    InvalidInput
        Naming each line that cannot be read, or the row that breaks a rule of prize tables.
    """
    rows, violations = [], []
    for number, line in _joined_lines(text):
        match = _LINE.match(line)
        cents = _prize_cents(match[3]) if match else None
        if match is None or cents is None:
            violations.append(FieldViolation(f"{field}: line {number}", f"cannot read {line!r}; {_remedy(line)}"))
        else:
            rows.append(PrizeRow(_whole(match[1]), _whole(match[2] or match[1]), cents))
    if violations:
        raise InvalidInput.of(violations)
    return PrizeTable.checked(rows, field)


def _prize_cents(text: str) -> int | None:
    """Cash and tickets of one place together; None when a part has no value that can be read."""
    cents = 0
    for part in _PLUS.split(text):
        match = _MONEY.match(part)
        if match is None:
            return None
        words = set(re.findall("[a-z]+", f"{match[1]} {match[4]}".lower()))
        if not words <= _CASH_WORDS and not (match[2] and words <= _CASH_WORDS | _TICKET_WORDS):
            return None
        cents += _cents(match[3])
    return cents


def _remedy(line: str) -> str:
    if "ticket" in line.lower():
        return "write what the ticket is worth to you, such as '6th - 9th $20 Ticket', or $0"
    return "write a range and its prize, such as '4th - 5th $250.00'"


def _joined_lines(text: str) -> list[tuple[int, str]]:
    """Number and content of each row; a line of places alone is joined to the line that follows."""
    joined: list[tuple[int, str]] = []
    waiting = ""
    for number, raw in enumerate(text.splitlines(), start=1):
        line = " ".join(f"{waiting} {raw}".split())
        waiting = ""
        if not line or (not joined and _is_header(line)):
            continue
        if _PLACES_ONLY.match(line):
            waiting = line
        else:
            joined.append((number, line))
    if waiting:
        joined.append((len(text.splitlines()), waiting))
    return joined


def _is_header(line: str) -> bool:
    return set(re.findall(r"[^\s/,:|]+", line.lower())) <= _HEADER_WORDS


def _whole(text: str) -> int:
    return int(_digits(text))


def _cents(text: str) -> int:
    return int(Decimal(_digits(text)) * 100)


def _digits(text: str) -> str:
    """The number without separators; what no contest pays is cut to a number that every check refuses."""
    plain = text.replace(",", "")
    return plain if len(plain) <= _MAX_DIGITS else "9" * _MAX_DIGITS
