"""What a comma stands for in the numbers of files."""

from __future__ import annotations


def without_commas(text: str, *, decimal_comma: bool = False) -> str | None:
    """A number as programs read it, None where a comma in it is not clear."""
    # The rules live with the services' domain, which comes with every installation.
    from services.common.domain.number_text import without_commas as plain

    return plain(text, decimal_comma=decimal_comma)
