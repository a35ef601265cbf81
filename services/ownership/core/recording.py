"""Actual ownership joined to the drivers of a race, refused when it cannot be that race's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.common.domain.errors import FieldViolation, InvalidInput
from services.common.domain.lineup_text import LineupTexts
from services.common.domain.names import match_names, nearest_name
from services.common.domain.race import Race
from services.ownership.core.slate import Floats
from services.ownership.core.standings import Standings

UNFILLED_TOLERANCE = 0.02
"""Share of the roster slots that may be missing in a table: entries never filled (0.02-0.9 % in real contests)."""
ROUNDING_TOLERANCE = 0.005
_ROUNDED_PERCENT = 0.01
"""The export has two decimals, rounded or cut off."""
_OTHER_RACE = 0.5
_MAX_VIOLATIONS = 20


@dataclass(frozen=True, eq=False)
class FieldPicks:
    """What a field picked.

    Attributes
    ----------
    shares
        Share of entries per starter; shape (n_starters,).
    points
        Points per starter, NaN where not told; shape (n_starters,).
    withdrawn_share
        Sum of the shares of drivers that were withdrawn: picks that count like slots that were never filled.
    """

    shares: Floats
    points: Floats
    withdrawn_share: float

    @classmethod
    def of_entered(cls, shares: Floats, points: Floats, race: Race) -> FieldPicks:
        """From shares and points of all that were entered, withdrawn ones too; shapes (len(race.drivers),)."""
        starts = np.array([not driver.withdrawn for driver in race.drivers])
        return cls(shares[starts], points[starts], float(shares[~starts].sum()))


def check_table_total(total: float, roster_size: int, *, field: str) -> None:
    """Raise `InvalidInput` unless percentages sum to the roster size, less what unfilled entries may explain."""
    full = 100.0 * roster_size
    if not full * (1.0 - UNFILLED_TOLERANCE) <= total <= full * (1.0 + ROUNDING_TOLERANCE):
        raise InvalidInput.field(
            field,
            f"ownership sums to {total:.1f} %; {roster_size} drivers per lineup make {full:.0f} %, "
            f"a few points less when entries were not filled; name withdrawn drivers too if they were held",
        )


def check_standings_total(standings: Standings, roster_size: int, *, field: str) -> None:
    """Raise `InvalidInput` unless the percentages sum to what the filled entries must hold, within rounding."""
    total = sum(player.percent for player in standings.players)
    due = 100.0 * roster_size * standings.filled_share
    if abs(total - due) > _ROUNDED_PERCENT * len(standings.players):
        raise InvalidInput.field(
            field,
            f"ownership sums to {total:.2f} %, but {standings.n_entries:,} entries, {standings.n_unfilled:,} of them "
            f"without a lineup, hold {due:.2f} %; rows are missing or changed: export the standings again",
        )


def check_spending(shares: Floats, race: Race, *, field: str) -> None:
    """Raise `InvalidInput` when lineups with these shares would cost more than the cap on average.

    ``shares`` are of all that were entered, shape (len(race.drivers),): a driver withdrawn after the lock was paid for.
    """
    used = float(shares @ _salaries_dollars(race)) * race.rules.roster_size / float(shares.sum())
    over = used - race.rules.salary_cap_dollars
    if over > 0.001 * race.rules.salary_cap_dollars:
        raise InvalidInput.field(
            field,
            f"no field can have this ownership: its lineups would cost ${used:,.0f} on average, ${over:,.0f} above "
            f"the cap of ${race.rules.salary_cap_dollars:,}; check that the race and its salaries are the right ones",
        )


def _salaries_dollars(race: Race) -> npt.NDArray[np.int64]:
    return np.array([driver.salary_dollars for driver in race.drivers], dtype=np.int64)


def picks_from_table(driver_ids: Sequence[str], percents: Sequence[float], race: Race, *, field: str) -> FieldPicks:
    """What a field picked, from percentages by site id; drivers not named count as never picked.

    Raises
    ------
    InvalidInput
        For unknown or repeated drivers, percentages outside 0-100, and totals far off.
    """
    wrong = []
    row_of = {driver.driver_id: row for row, driver in enumerate(race.drivers)}
    shares = np.zeros(len(race.drivers))
    seen: set[str] = set()
    for row, (driver_id, percent) in enumerate(zip(driver_ids, percents, strict=True)):
        path = f"{field}[{row}]"
        if driver_id not in row_of:
            wrong.append(FieldViolation(f"{path}.driver_id", f"{driver_id!r} does not start in race {race.race_id!r}"))
        elif driver_id in seen:
            wrong.append(FieldViolation(f"{path}.driver_id", f"{driver_id!r} is named twice"))
        elif not 0.0 <= percent <= 100.0:
            wrong.append(FieldViolation(f"{path}.value", f"must lie between 0 and 100, is {percent:g}"))
        else:
            shares[row_of[driver_id]] = percent / 100.0
        seen.add(driver_id)
    if wrong:
        raise InvalidInput.of(wrong)
    check_table_total(sum(percents), race.rules.roster_size, field=field)
    check_spending(shares, race, field=field)
    return FieldPicks.of_entered(shares, np.full(len(shares), np.nan), race)


def picks_from_standings(standings: Standings, race: Race) -> FieldPicks:
    """What a field picked, from an export; names are joined by rule, never guessed.

    Raises
    ------
    InvalidInput
        If the export is of another race or slate, names a driver who does not start, or its two tables do not agree.
    """
    names = [player.name for player in standings.players]
    pairs = match_names(names, [driver.name for driver in race.drivers], guess=False)
    joined = {pair.left for pair in pairs}
    unmatched = [player for row, player in enumerate(standings.players) if row not in joined and player.percent > 0]
    if unmatched:
        raise _unmatched(standings, [player.row for player in unmatched], race)
    shares, points = np.zeros(len(race.drivers)), np.full(len(race.drivers), np.nan)
    for pair in pairs:
        player = standings.players[pair.left]
        shares[pair.right] = player.percent / 100.0
        points[pair.right] = np.nan if player.points is None else player.points
    check_standings_total(standings, race.rules.roster_size, field=f"{standings.file_name}: column %Drafted")
    lineups = _lineups(standings, race)
    _check_costs(standings, lineups, race)
    _check_counts(standings, lineups, shares, race)
    return FieldPicks.of_entered(shares, points, race)


def _lineups(standings: Standings, race: Race) -> npt.NDArray[np.int64]:
    """Rows of ``race.drivers`` per filled entry; shape (n_filled, roster_size)."""
    spelt = [player.name for player in standings.players]
    names = [driver.name for driver in race.drivers]
    reader = LineupTexts(standings.lineups.values(), names, race.rules.roster_size, spelt=spelt)
    faults = [(row, reader.fault(text)) for row, text in standings.lineups.items()]
    _refuse_lineups(standings, [(row, fault) for row, fault in faults if fault])
    rows = [reader.columns(text) for text in standings.lineups.values()]
    return np.array(rows, dtype=np.int64).reshape(-1, race.rules.roster_size)


def _refuse_lineups(standings: Standings, faults: Sequence[tuple[int, str]]) -> None:
    if faults:
        place = f"{standings.file_name}: row {{}}, column Lineup"
        raise InvalidInput.of([FieldViolation(place.format(row), fault) for row, fault in faults[:_MAX_VIOLATIONS]])


def _check_costs(standings: Standings, lineups: npt.NDArray[np.int64], race: Race) -> None:
    """Raise `InvalidInput` when a lineup costs more than the cap: at this race's salaries nobody could enter it."""
    cap = race.rules.salary_cap_dollars
    cost = _salaries_dollars(race)[lineups].sum(axis=1)
    _refuse_lineups(
        standings,
        [
            (
                row,
                f"costs ${paid:,} at the salaries of race {race.race_id!r}, ${paid - cap:,} above the cap of ${cap:,}: "
                "these are the standings of another race or of another slate of it; check race and file",
            )
            for row, paid in zip(standings.lineups, cost.tolist(), strict=True)
            if paid > cap
        ],
    )


def _check_counts(standings: Standings, lineups: npt.NDArray[np.int64], shares: Floats, race: Race) -> None:
    """Raise `InvalidInput` unless the lineups give every driver the share that the other table states."""
    counted = 100.0 * np.bincount(lineups.ravel(), minlength=len(race.drivers)) / standings.n_entries
    off = np.flatnonzero(np.abs(counted - 100.0 * shares) > _ROUNDED_PERCENT * (1.0 + 1e-6))
    if len(off):
        raise InvalidInput.of(
            [
                FieldViolation(
                    f"{standings.file_name}: column %Drafted",
                    f"{race.drivers[row].name!r} has {100 * shares[row]:.2f} %, but the lineups hold him in "
                    f"{counted[row]:.2f} %; rows are missing or changed: export the standings again",
                )
                for row in off[:_MAX_VIOLATIONS]
            ]
        )


def _unmatched(standings: Standings, rows: Sequence[int], race: Race) -> InvalidInput:
    starters = [driver.name for driver in race.starters]
    by_row = {player.row: player.name for player in standings.players}
    if len(rows) > _OTHER_RACE * len(standings.players):
        return InvalidInput.field(
            standings.file_name,
            f"{len(rows)} of {len(standings.players)} drivers do not start in race {race.race_id!r}: these are the "
            f"standings of another race (first: {by_row[rows[0]]!r})",
        )
    violations = []
    for row in rows:
        near = nearest_name(by_row[row], starters)
        remedy = f"; did you mean {near!r}?" if near else ""
        place = f"{standings.file_name}: row {row}, column Player"
        violations.append(FieldViolation(place, f"{by_row[row]!r} does not start in race {race.race_id!r}{remedy}"))
    return InvalidInput.of(violations)
