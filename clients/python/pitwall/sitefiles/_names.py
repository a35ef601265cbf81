"""Names with ids beside them."""

from __future__ import annotations

import re

_NAME_AND_ID = re.compile(r"^(?P<name>.*)\(\s*(?P<id>[^()]+?)\s*\)$", re.DOTALL)


def split_name_and_id(text: str) -> tuple[str, str] | None:
    """Name and id of ``Name (ID)``, None where the text is not of this form; the name may be empty."""
    found = _NAME_AND_ID.match(text)
    return (found["name"].strip(), found["id"]) if found else None


def is_name_of(written: str, name: str) -> bool:
    """Whether two names are the same by the rules by which names are joined, without guesses."""
    # The rules live with the services' domain, which comes with every installation.
    from services.common.domain.names import match_names

    return written == name or bool(match_names([written], [name], guess=False))
