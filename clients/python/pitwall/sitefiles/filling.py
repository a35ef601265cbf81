"""Lineups put into the entries of a template.

The rule: contest by contest and entry by entry in the order of the file, each entry takes the first lineup of
the list that its contest does not hold yet. ``SPREAD`` prefers lineups that fewer entries of the file have
taken so far. Entries that hold a full lineup keep it unless they are to be replaced; drivers whose slots are
locked stay, so such an entry takes only lineups that hold them. Where a contest has more entries than there
are lineups, the rest is left as it is and reported with the reason, unless lineups may repeat.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from pitwall.errors import Violation
from pitwall.problems import refuse
from pitwall.sitefiles.entries import EntriesTemplate, Entry
from pitwall.sitefiles.legality import require_legal

Lineup = Sequence[str]


class FillRule(enum.StrEnum):
    """Which lineup an entry takes."""

    TOP = "top"
    SPREAD = "spread"


@dataclass(frozen=True)
class Filled:
    """An entry and the number of the lineup it takes, from 1."""

    entry_id: str
    contest_id: str
    lineup: int


@dataclass(frozen=True)
class Left:
    """An entry that no lineup fits, and why."""

    entry_id: str
    contest_id: str
    reason: str


@dataclass(frozen=True)
class FillPlan:
    """What filling a template did.

    Attributes
    ----------
    content
        The file; only cells of filled entries differ from the template.
    filled
        Entries that took a lineup.
    kept
        Ids of entries that keep the lineup they had.
    left
        Entries that no lineup fits; they are as before.
    unused
        Numbers of lineups that no entry took.
    """

    content: bytes
    filled: tuple[Filled, ...]
    kept: tuple[str, ...]
    left: tuple[Left, ...]
    unused: tuple[int, ...]


def fill_entries(
    template: EntriesTemplate,
    lineups: Sequence[Lineup],
    *,
    rule: FillRule = FillRule.TOP,
    contest_ids: Collection[str] = (),
    replace: bool = False,
    repeat: bool = False,
) -> FillPlan:
    """Put lineups into entries by the rule of this module.

    Parameters
    ----------
    lineups
        Site ids, best lineup first.
    contest_ids
        Contests to fill; empty for all.
    replace
        Also entries that hold a full lineup.
    repeat
        A contest may hold a lineup more than once, when it has more entries than there are lineups.

    Raises
    ------
    InvalidInputError
        For an illegal lineup or a contest that the template does not have; nothing is filled then.
    """
    require_legal(template.pool, lineups)
    _require_contests(template, contest_ids)
    chosen = [entry for entry in template.entries if not contest_ids or entry.contest_id in contest_ids]
    open_entries = [entry for entry in chosen if replace or not entry.is_complete]
    open_ids = {entry.entry_id for entry in open_entries}
    kept = [entry for entry in template.entries if entry.entry_id not in open_ids]
    sets = [frozenset(lineup) for lineup in lineups]
    picks = _picks(open_entries, kept, sets, rule, repeat=repeat)
    changes: dict[tuple[int, int], str] = {}
    for entry in open_entries:
        if (position := picks.get(entry.entry_id)) is not None:
            changes |= _cells(template, entry, lineups[position])
    return FillPlan(
        content=template.grid.edited(changes),
        filled=tuple(
            Filled(entry.entry_id, entry.contest_id, pick + 1)
            for entry in open_entries
            if (pick := picks.get(entry.entry_id)) is not None
        ),
        kept=tuple(entry.entry_id for entry in kept),
        left=tuple(
            Left(entry.entry_id, entry.contest_id, _why_left(template, entry, sets))
            for entry in open_entries
            if entry.entry_id not in picks
        ),
        unused=tuple(number + 1 for number in range(len(lineups)) if number not in picks.values()),
    )


def _require_contests(template: EntriesTemplate, contest_ids: Collection[str]) -> None:
    known = {entry.contest_id for entry in template.entries}
    problem = f"is no contest of {template.grid.file_name}; it has {', '.join(sorted(known))}"
    refuse([Violation("contest", f"{contest!r} {problem}") for contest in contest_ids if contest not in known])


def _picks(
    entries: Sequence[Entry],
    kept: Sequence[Entry],
    lineups: Sequence[frozenset[str]],
    rule: FillRule,
    *,
    repeat: bool,
) -> dict[str, int]:
    """Position of the lineup that each entry takes; entries for which none is left are missing."""
    uses: Counter[int] = Counter()
    held: dict[str, Counter[frozenset[str]]] = {}
    for entry in kept:
        held.setdefault(entry.contest_id, Counter())[frozenset(entry.slots)] += 1
    contests = list(dict.fromkeys(entry.contest_id for entry in entries))
    picks: dict[str, int] = {}
    for entry in sorted(entries, key=lambda entry: contests.index(entry.contest_id)):
        holding = held.setdefault(entry.contest_id, Counter())
        candidates = [
            (holding[lineup], uses[position] if rule is FillRule.SPREAD else 0, position)
            for position, lineup in enumerate(lineups)
            if entry.locked_ids <= lineup and (repeat or not holding[lineup])
        ]
        if candidates:
            position = min(candidates)[-1]
            picks[entry.entry_id] = position
            holding[lineups[position]] += 1
            uses[position] += 1
    return picks


def _why_left(template: EntriesTemplate, entry: Entry, lineups: Sequence[frozenset[str]]) -> str:
    """Why no lineup fits an entry, and the remedy."""
    locked = ", ".join(sorted(template.pool.by_id[driver].name for driver in entry.locked_ids))
    if locked and not any(entry.locked_ids <= lineup for lineup in lineups):
        return f"no lineup holds its locked {locked}; build one that does"
    those = f"every lineup with its locked {locked}" if locked else "every lineup"
    return f"its contest holds {those} already; build more or use --repeat"


def _cells(template: EntriesTemplate, entry: Entry, lineup: Lineup) -> dict[tuple[int, int], str]:
    """Changed cells of an entry: drivers that it already holds stay in their slots."""
    staying = {slot: driver for slot, driver in enumerate(entry.slots) if driver in lineup}
    coming = [driver for driver in lineup if driver not in staying.values()]
    free = [slot for slot in range(len(entry.slots)) if slot not in staying]
    return {
        (entry.row, template.first_slot + slot): template.pool.by_id[driver].site_text
        for slot, driver in zip(free, coming, strict=True)
    }
