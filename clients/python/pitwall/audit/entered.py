"""Who entered what: the entries of a contest under the ids of a race, one's own among them, and their prizes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pitwall.problems import invalid
from pitwall.sitefiles.history import PastEntry
from pitwall.sitefiles.standings import Standings
from pitwall.types.contests import PrizeRow

Lineup = frozenset[str]


@dataclass(frozen=True)
class Entered:
    """The entries of a contest.

    Attributes
    ----------
    everyone, mine
        Entries per lineup: of all users, and one's own.
    fees_cents, paid_cents
        Fees and winnings of one's own entries per lineup; None where no entry history tells them.
    """

    everyone: Counter[Lineup]
    mine: Counter[Lineup]
    fees_cents: Counter[Lineup] | None = None
    paid_cents: Counter[Lineup] | None = None


def entered(
    standings: Standings, ids: Mapping[str, str], *, user: str = "", history: Sequence[PastEntry] = ()
) -> Entered:
    """The entries, and which of them are one's own.

    They are those of the entry history; without one those under the user's name; without a name each lineup of the
    contest counts once as one's own.

    Raises
    ------
    InvalidInputError
        If no entry of the history, or none under the user's name, is in the standings.
    """
    lineups = [frozenset(ids.get(name, name) for name in entry.lineup) for entry in standings.entries]
    everyone = Counter(lineups)
    if history:
        by_entry = {entry.entry_id: lineup for entry, lineup in zip(standings.entries, lineups, strict=True)}
        return _of_history(everyone, by_entry, history)
    if not user:
        return Entered(everyone, Counter(everyone.keys()))
    names = [entry.user.casefold() for entry in standings.entries]
    if user.casefold() not in names:
        raise invalid("user", f"no entry of {user!r} among {len(names):,}; check the spelling, or leave the name out")
    mine = (lineup for name, lineup in zip(names, lineups, strict=True) if name == user.casefold())
    return Entered(everyone, Counter(mine))


def _of_history(everyone: Counter[Lineup], by_entry: Mapping[str, Lineup], history: Sequence[PastEntry]) -> Entered:
    own = [entry for entry in history if entry.entry_id in by_entry]
    if not own:
        raise invalid("history", "none of its entries is in these standings; give the standings of another contest")
    mine: Counter[Lineup] = Counter()
    fees: Counter[Lineup] = Counter()
    paid: Counter[Lineup] = Counter()
    for entry in own:
        lineup = by_entry[entry.entry_id]
        mine[lineup] += 1
        fees[lineup] += entry.fee_cents
        paid[lineup] += entry.won_cents
    return Entered(everyone, mine, fees, paid)


def split_prize(rows: Sequence[PrizeRow], rank: int, n_tied: int) -> float:
    """Prize of each of ``n_tied`` entries that share a rank, in cents: the prizes of their places, split evenly."""
    last = rank + max(n_tied, 1) - 1
    pooled = sum(row.prize_cents * max(0, min(last, row.last_place) - max(rank, row.first_place) + 1) for row in rows)
    return pooled / max(n_tied, 1)
