"""After the race: what the lineups of a run really did, and how far its projections were right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pitwall.report.data import LineupRow, ReportData, report_from_json
from pitwall.runs import Run
from pitwall.sitefiles import pool_of_race
from pitwall.sitefiles._problems import invalid
from pitwall.sitefiles.standings import Standings
from pitwall.types.contests import PrizeRow
from pitwall.types.race import Race

_SAME_POINTS = 1e-6


@dataclass(frozen=True)
class LineupAudit:
    """A lineup in the real contest.

    Attributes
    ----------
    points, rank
        What it scored and where that came, or would have come.
    entered
        Whether the contest holds it (under one's own name, where that is given).
    prize_cents
        Its prize, tied places pooled and split; 0 where not entered.
    expected_copies, real_copies
        Entries of others with the same lineup.
    """

    number: int
    drivers: tuple[str, ...]
    points: float
    rank: int
    entered: bool
    prize_cents: float
    expected_copies: float
    real_copies: int


@dataclass(frozen=True)
class DriverAudit:
    """A driver: who played him, and where his points fell in the simulated races (share at or below, 0-100)."""

    name: str
    exposure: float
    projected_percent: float
    real_percent: float
    points: float
    simulated_mean: float
    simulated_percentile: float


@dataclass(frozen=True)
class Hindsight:
    """The best legal lineup, knowing the points, and how many entries held it."""

    drivers: tuple[str, ...]
    points: float
    salary_dollars: int
    n_entries: int


@dataclass(frozen=True)
class Audit:
    """The audit of a run.

    Attributes
    ----------
    profit_cents
        Prizes less fees of the lineups that were entered.
    ownership_mae
        Mean distance of projected from real ownership, in points.
    inside_50, inside_90
        Share of drivers whose points fell in the middle 50 % and 90 % of their simulated ones, in per cent.
    unmatched
        Names of the standings that are no driver of the race.
    notes
        What limits the audit.
    """

    lineups: tuple[LineupAudit, ...]
    drivers: tuple[DriverAudit, ...]
    hindsight: Hindsight
    n_entries: int
    n_entered: int
    winning_points: float
    fees_cents: int
    profit_cents: float
    expected_profit_cents: float
    ownership_mae: float
    ownership_correlation: float
    inside_50: float
    inside_90: float
    unmatched: tuple[str, ...]
    notes: tuple[str, ...]


def audit_run(
    run: Run,
    standings: Standings,
    *,
    user: str = "",
    prizes: Sequence[PrizeRow] | None = None,
    fee_cents: int | None = None,
) -> Audit:
    """Compare a run with the standings of a contest that its lineups were entered in.

    Parameters
    ----------
    user
        One's name on the site; empty to look for the lineups under any name.
    prizes, fee_cents
        The contest's prize table and fee, where they are not those that the run simulated.

    Raises
    ------
    InvalidInputError
        If the standings are of another race.
    """
    report = report_from_json(run.report)
    ids, unmatched = _ids_by_name(run.race, standings)
    points = {ids[player.name]: player.points for player in standings.players if player.name in ids}
    everyone, mine = _played(standings, ids, user)
    rows = list(prizes) if prizes is not None else _run_prizes(run)
    lineups = _lineup_audits(report, standings, points, everyone, mine, rows)
    drivers = _driver_audits(report, standings, ids)
    n_entered = sum(item.entered for item in lineups)
    fee = fee_cents if fee_cents is not None else round(run.config.contest.entry_fee_dollars * 100)
    real, projected, ranks = np.array(
        [(item.real_percent, item.projected_percent, item.simulated_percentile) for item in drivers]
    ).T
    return Audit(
        lineups=lineups,
        drivers=drivers,
        hindsight=_hindsight(run.race, points, everyone),
        n_entries=len(standings.entries),
        n_entered=n_entered,
        winning_points=max(entry.points for entry in standings.entries),
        fees_cents=fee * n_entered,
        profit_cents=sum(item.prize_cents for item in lineups) - fee * n_entered,
        expected_profit_cents=float(run.result["contest"]["result"]["profit_cents"]["value"]),
        ownership_mae=float(np.abs(real - projected).mean()),
        ownership_correlation=float(np.corrcoef(real, projected)[0, 1]) if real.std() and projected.std() else 0.0,
        inside_50=100 * float(((ranks >= 25) & (ranks <= 75)).mean()),
        inside_90=100 * float(((ranks >= 5) & (ranks <= 95)).mean()),
        unmatched=unmatched,
        notes=_notes(run, standings, n_entered, len(lineups), given=prizes is not None),
    )


def _played(
    standings: Standings, ids: Mapping[str, str], user: str
) -> tuple[Counter[frozenset[str]], frozenset[frozenset[str]]]:
    """Entries per lineup, and the lineups of a user (of everyone, without one)."""
    lineups = [frozenset(ids.get(name, name) for name in entry.lineup) for entry in standings.entries]
    own = (
        lineup
        for entry, lineup in zip(standings.entries, lineups, strict=True)
        if not user or entry.user.casefold() == user.casefold()
    )
    return Counter(lineups), frozenset(own)


def _lineup_audits(
    report: ReportData,
    standings: Standings,
    points: Mapping[str, float],
    everyone: Counter[frozenset[str]],
    mine: frozenset[frozenset[str]],
    prizes: Sequence[PrizeRow],
) -> tuple[LineupAudit, ...]:
    totals = np.array([entry.points for entry in standings.entries])

    def audit(row: LineupRow) -> LineupAudit:
        lineup = frozenset(row.driver_ids)
        total = round(sum(points.get(driver_id, 0.0) for driver_id in row.driver_ids), 2)
        rank = 1 + int((totals > total + _SAME_POINTS).sum())
        n_tied = int((np.abs(totals - total) < _SAME_POINTS).sum())
        return LineupAudit(
            number=row.number,
            drivers=row.drivers,
            points=total,
            rank=rank,
            entered=lineup in mine,
            prize_cents=split_prize(prizes, rank, n_tied) if lineup in mine else 0.0,
            expected_copies=row.expected_duplicates,
            real_copies=everyone[lineup] - (lineup in mine),
        )

    return tuple(map(audit, report.lineups))


def split_prize(rows: Sequence[PrizeRow], rank: int, n_tied: int) -> float:
    """Prize of each of ``n_tied`` entries that share a rank, in cents: the prizes of their places, split evenly."""
    last = rank + max(n_tied, 1) - 1
    pooled = sum(row.prize_cents * max(0, min(last, row.last_place) - max(rank, row.first_place) + 1) for row in rows)
    return pooled / max(n_tied, 1)


def _ids_by_name(race: Race, standings: Standings) -> tuple[dict[str, str], tuple[str, ...]]:
    """Site ids of the standings' names, joined by the same rules as every import, and the names left over."""
    # The rules live with the services' domain, which comes with every installation.
    from services.common.domain.names import match_names

    theirs, ours = [player.name for player in standings.players], [driver.name for driver in race.drivers]
    pairs = match_names(theirs, ours, guess=False)
    ids = {theirs[pair.left]: race.drivers[pair.right].driver_id for pair in pairs}
    if len(ids) < len(theirs) / 2:
        raise invalid("standings", f"{len(theirs) - len(ids)} of {len(theirs)} names are no drivers of {race.race_id}")
    return ids, tuple(name for name in theirs if name not in ids)


def _run_prizes(run: Run) -> list[PrizeRow]:
    return [PrizeRow(**row) for row in run.result["contest"]["prizes"]["rows"]]


def _driver_audits(report: ReportData, standings: Standings, ids: Mapping[str, str]) -> tuple[DriverAudit, ...]:
    rows = {row.driver_id: row for row in report.drivers}
    audits = []
    for player in standings.players:
        row = rows.get(ids.get(player.name, ""))
        if row is None:
            continue
        below = np.searchsorted(row.quantiles, player.points, side="left")
        above = np.searchsorted(row.quantiles, player.points, side="right")
        audits.append(
            DriverAudit(
                name=row.name,
                exposure=row.exposure,
                projected_percent=row.ownership,
                real_percent=player.percent,
                points=player.points,
                simulated_mean=row.mean,
                simulated_percentile=float(np.clip((below + above - 1) / 2, 0, 100)),
            )
        )
    return tuple(sorted(audits, key=lambda audit: -audit.points))


def _hindsight(race: Race, points: Mapping[str, float], everyone: Counter[frozenset[str]]) -> Hindsight:
    """The best of all legal lineups by real points, found by listing them."""
    from services.common.universe import enumerate_lineups

    pool, drivers = pool_of_race(race), race.starters
    salaries = np.array([driver.salary_dollars for driver in drivers], dtype=np.int64)
    universe = enumerate_lineups(salaries, pool.roster_size, pool.salary_cap_dollars)
    values = np.array([points.get(driver.driver_id, 0.0) for driver in drivers])
    best = int(values[universe.lineups].sum(axis=1).argmax())
    chosen = [drivers[column].driver_id for column in universe.lineups[best]]
    return Hindsight(
        drivers=tuple(race.names_by_id[driver_id] for driver_id in chosen),
        points=round(sum(points.get(driver_id, 0.0) for driver_id in chosen), 2),
        salary_dollars=int(universe.salaries_dollars[best]),
        n_entries=everyone[frozenset(chosen)],
    )


def _notes(run: Run, standings: Standings, n_entered: int, n_lineups: int, *, given: bool) -> tuple[str, ...]:
    notes = []
    simulated, real = run.config.contest.n_entries, len(standings.entries)
    if n_entered < n_lineups:
        missing = f"{n_lineups - n_entered} of {n_lineups} lineups"
        notes.append(f"{missing} are not in the standings: their rank is where they would have come")
    if not given and simulated != real:
        sizes = f"{simulated:,} entries; the real one had {real:,}"
        notes.append(f"prizes are those of the simulated contest of {sizes}: give its prizes")
    return tuple(notes)
