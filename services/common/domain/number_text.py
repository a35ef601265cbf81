"""Numbers as people and spreadsheets write them: what a comma in them stands for."""

from __future__ import annotations

import re

_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d*)?")


def without_commas(text: str, *, decimal_comma: bool = False) -> str | None:
    """A number as programs read it: thousands joined, a point for the decimal mark; None where a comma is not clear.

    Parameters
    ----------
    text
        The number without signs of money or per cent.
    decimal_comma
        Whether the comma may be the decimal mark, as in files that have semicolons between cells because the
        spreadsheet that wrote them has a decimal comma. Then ``1,234`` may be either number and is not clear, while
        ``45,5`` and ``0,234`` can only be decimals, ``1,234,567`` and ``1,234.5`` only thousands. Elsewhere commas
        set off thousands in groups of three, or are not clear.
    """
    if "," not in text:
        return text
    thousands = _THOUSANDS.fullmatch(text) is not None
    may_be_decimal = decimal_comma and text.count(",") == 1 and "." not in text
    if thousands == may_be_decimal:
        return None
    return text.replace(",", "") if thousands else text.replace(",", ".")


def comma_hint(text: str) -> str:
    """What to add to a complaint about a number: how to write it without a comma, if it has one."""
    return " (decimals with a point, thousands without a comma)" if "," in text else ""
