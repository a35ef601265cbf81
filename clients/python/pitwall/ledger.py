"""What past entries brought: returns by race, contest, series or fee, with the error that chance leaves."""

from __future__ import annotations

import enum
import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import date

from pitwall.sitefiles.history import PastEntry


class LedgerRule(enum.StrEnum):
    """What makes the rows of a ledger."""

    RACE = "race"
    CONTEST = "contest"
    SERIES = "series"
    FEE = "fee"


@dataclass(frozen=True)
class LedgerRow:
    """A group of entries. Money is in cents.

    Attributes
    ----------
    roi
        Winnings over fees, less 1; None where nothing was paid.
    roi_standard_error
        See ``roi_of``; None for fewer than two races.
    n_cashed
        Entries that won anything.
    best_percentile
        Place over entries of the contest of the best entry, in per cent.
    n_same_points
        Entries that share contest and points with another of one's own: copies of one's own lineups, most likely.
    """

    name: str
    n_races: int
    n_contests: int
    n_entries: int
    n_cashed: int
    fees_cents: int
    won_cents: int
    roi: float | None
    roi_standard_error: float | None
    best_percentile: float | None
    n_same_points: int

    @property
    def profit_cents(self) -> int:
        """Winnings less fees."""
        return self.won_cents - self.fees_cents


@dataclass(frozen=True)
class PastContest:
    """A contest as it really was: a pattern for the next one. ``rake`` is the share of fees not paid out."""

    contest_id: str
    name: str
    date: date
    n_entries: int
    fee_cents: int
    pool_cents: int
    places_paid: int
    rake: float | None


@dataclass(frozen=True)
class Ledger:
    """All entries in one row, their groups, and the contests, newest first."""

    total: LedgerRow
    rows: tuple[LedgerRow, ...]
    contests: tuple[PastContest, ...]


def ledger(entries: Sequence[PastEntry], rule: LedgerRule = LedgerRule.RACE) -> Ledger:
    """The ledger of at least one entry, groups in the order of their latest race, newest first."""
    newest_first = sorted(entries, key=lambda entry: entry.date, reverse=True)
    groups: dict[str, list[PastEntry]] = defaultdict(list)
    for entry in newest_first:
        groups[_GROUP_OF[rule](entry)].append(entry)
    rows = tuple(_row(name, group) for name, group in groups.items())
    contests = {entry.contest_id: _contest(entry) for entry in newest_first}
    return Ledger(_row("all", newest_first), rows, tuple(contests.values()))


def roi_of(entries: Sequence[PastEntry]) -> tuple[float | None, float | None]:
    """Return on the fees, and its standard error with races as the units that chance draws.

    Entries of one race rise and fall together, so they count as one draw: with fees ``f`` and winnings ``w`` summed
    over each of ``G`` races and ``R = sum(w) / sum(f)``, the error of the ratio is
    ``sqrt(G / (G - 1) * sum((w - R f)^2)) / sum(f)`` (Cochran 1977, 6.19). Prizes have long tails: over fewer than
    dozens of races the error is too small more often than too large.
    """
    by_race: dict[Hashable, list[int]] = defaultdict(lambda: [0, 0])
    for entry in entries:
        sums = by_race[_race(entry)]
        sums[0] += entry.fee_cents
        sums[1] += entry.won_cents
    fees, won = (sum(sums[side] for sums in by_race.values()) for side in (0, 1))
    if not fees:
        return None, None
    ratio, n_races = won / fees, len(by_race)
    if n_races < 2:
        return ratio - 1, None
    squares = sum((won_there - ratio * fees_there) ** 2 for fees_there, won_there in by_race.values())
    return ratio - 1, math.sqrt(n_races / (n_races - 1) * squares) / fees


def _race(entry: PastEntry) -> tuple[date, str]:
    """What tells races apart in a history, which does not name them."""
    return entry.date, entry.series


def _race_name(entry: PastEntry) -> str:
    return f"{entry.date} {entry.series}"


_GROUP_OF: dict[LedgerRule, Callable[[PastEntry], str]] = {
    LedgerRule.RACE: _race_name,
    LedgerRule.CONTEST: lambda entry: f"{entry.date} {entry.contest_name} ({entry.contest_id})",
    LedgerRule.SERIES: lambda entry: entry.series,
    LedgerRule.FEE: lambda entry: f"${entry.fee_cents / 100:,.2f}",
}


def _row(name: str, entries: Sequence[PastEntry]) -> LedgerRow:
    roi, error = roi_of(entries)
    ranks = [100 * entry.place / entry.contest_entries for entry in entries if entry.place and entry.contest_entries]
    return LedgerRow(
        name=name,
        n_races=len({_race(entry) for entry in entries}),
        n_contests=len({entry.contest_id for entry in entries}),
        n_entries=len(entries),
        n_cashed=sum(entry.won_cents > 0 for entry in entries),
        fees_cents=sum(entry.fee_cents for entry in entries),
        won_cents=sum(entry.won_cents for entry in entries),
        roi=roi,
        roi_standard_error=error,
        best_percentile=min(ranks, default=None),
        n_same_points=_n_same_points(entries),
    )


def _n_same_points(entries: Sequence[PastEntry]) -> int:
    seen: dict[tuple[str, float], int] = defaultdict(int)
    for entry in entries:
        seen[entry.contest_id, entry.points] += 1
    return sum(count for count in seen.values() if count > 1)


def _contest(entry: PastEntry) -> PastContest:
    fees = entry.fee_cents * entry.contest_entries
    return PastContest(
        contest_id=entry.contest_id,
        name=entry.contest_name,
        date=entry.date,
        n_entries=entry.contest_entries,
        fee_cents=entry.fee_cents,
        pool_cents=entry.pool_cents,
        places_paid=entry.places_paid,
        rake=1 - entry.pool_cents / fees if fees else None,
    )
