"""Lineups as a standings export writes them, ``D Kyle Larson D Chase Elliott``, as columns of drivers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from services.common.domain.names import match_names, nearest_name

_SLOT = re.compile(r"(?:^|\s)D\s+")
"""Each driver follows the roster position ``D``."""

_KEPT = "\0"
"""Stands for blanks inside names that hold a single D themselves, so that they are not taken apart."""


def split_lineup(text: str, known_names: Sequence[str]) -> list[str]:
    """The names of a lineup; ``known_names`` tell which of them hold a single D."""
    for name in known_names:
        if " D " in f" {name} ":
            text = text.replace(name, name.replace(" ", _KEPT))
    return [name.replace(_KEPT, " ").strip() for name in _SLOT.split(text) if name.strip()]


class LineupTexts:
    """Reads the lineups of one export.

    Names are joined as on import: same, or same but for case, accents, punctuation and generation suffixes.

    Parameters
    ----------
    texts
        All lineups that will be read: a name is joined only where it is the single candidate among all of them.
    driver_names
        The drivers; their positions are the columns.
    spelt
        Names as the export spells them elsewhere, where it does.
    """

    def __init__(
        self, texts: Iterable[str], driver_names: Sequence[str], roster_size: int, *, spelt: Sequence[str] = ()
    ) -> None:
        self._driver_names, self._roster_size = driver_names, roster_size
        known_names = list(dict.fromkeys((*spelt, *driver_names)))
        self._names = {text: split_lineup(text, known_names) for text in texts}
        found = sorted({*spelt, *(name for names in self._names.values() for name in names)})
        self._column = {found[pair.left]: pair.right for pair in match_names(found, driver_names, guess=False)}

    def columns(self, text: str) -> list[int]:
        """Driver columns of a lineup without a fault, ascending."""
        return sorted(self._column[name] for name in self._names[text])

    def fault(self, text: str) -> str:
        """What is wrong with a lineup; empty when nothing is."""
        names = self._names[text]
        strangers = [name for name in names if name not in self._column]
        if strangers:
            near = nearest_name(strangers[0], self._driver_names)
            hint = f", did you mean {near!r}?" if near else ""
            return f"{strangers[0]!r} does not start in this race{hint}"
        if len({self._column[name] for name in names}) != self._roster_size:
            return f"holds {len(names)} drivers, a lineup has {self._roster_size} different ones"
        return ""
