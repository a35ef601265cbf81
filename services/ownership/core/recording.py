"""Actual ownership joined to the drivers of a race, refused when it cannot be that race's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from services.common.domain.errors import FieldViolation, InvalidInput
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
    """Raise `InvalidInput` when lineups with these shares would cost more than the cap on average."""
    used = float(shares @ race.salaries_dollars) * race.rules.roster_size / float(shares.sum())
    over = used - race.rules.salary_cap_dollars
    if over > 0.001 * race.rules.salary_cap_dollars:
        raise InvalidInput.field(
            field,
            f"no field can have this ownership: its lineups would cost ${used:,.0f} on average, ${over:,.0f} above "
            f"the cap of ${race.rules.salary_cap_dollars:,}; check that the race and its salaries are the right ones",
        )


def shares_from_table(driver_ids: Sequence[str], percents: Sequence[float], race: Race, *, field: str) -> Floats:
    """Shares per starter from percentages by site id; drivers not named count as never picked.

    Picks of drivers that were withdrawn count like slots that were never filled.

    Raises
    ------
    InvalidInput
        For unknown or repeated drivers, percentages outside 0-100, and totals far off.
    """
    wrong = []
    shares = np.zeros(len(race.starters))
    seen: set[str] = set()
    entered = {driver.driver_id for driver in race.drivers}
    for row, (driver_id, percent) in enumerate(zip(driver_ids, percents, strict=True)):
        path = f"{field}[{row}]"
        if driver_id not in entered:
            wrong.append(FieldViolation(f"{path}.driver_id", f"{driver_id!r} does not start in race {race.race_id!r}"))
        elif driver_id in seen:
            wrong.append(FieldViolation(f"{path}.driver_id", f"{driver_id!r} is named twice"))
        elif not 0.0 <= percent <= 100.0:
            wrong.append(FieldViolation(f"{path}.value", f"must lie between 0 and 100, is {percent:g}"))
        elif driver_id in race.driver_index:
            shares[race.driver_index[driver_id]] = percent / 100.0
        seen.add(driver_id)
    if wrong:
        raise InvalidInput.of(wrong)
    check_table_total(sum(percents), race.rules.roster_size, field=field)
    check_spending(shares, race, field=field)
    return shares


def shares_from_standings(standings: Standings, race: Race) -> tuple[Floats, Floats]:
    """Shares and points per starter (NaN where not told) from an export; names are joined by rule, never guessed.

    Picks of drivers that were withdrawn count like slots that were never filled.

    Raises
    ------
    InvalidInput
        If the export is of another race, names a driver who does not start, or its totals are far off.
    """
    names = [player.name for player in standings.players]
    pairs = match_names(names, [driver.name for driver in race.drivers], guess=False)
    joined = {pair.left for pair in pairs}
    unmatched = [player for row, player in enumerate(standings.players) if row not in joined and player.percent > 0]
    if unmatched:
        raise _unmatched(standings, [player.row for player in unmatched], race)
    shares, points = np.zeros(len(race.starters)), np.full(len(race.starters), np.nan)
    for pair in pairs:
        player = standings.players[pair.left]
        column = race.driver_index.get(race.drivers[pair.right].driver_id)
        if column is not None:
            shares[column] = player.percent / 100.0
            points[column] = np.nan if player.points is None else player.points
    field = f"{standings.file_name}: column %Drafted"
    check_standings_total(standings, race.rules.roster_size, field=field)
    check_spending(shares, race, field=field)
    return shares, points


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
