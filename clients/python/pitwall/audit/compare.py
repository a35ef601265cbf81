"""A run compared with the standings of a contest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from pitwall.audit.entered import Entered, Lineup, entered, split_prize
from pitwall.audit.joining import Joined, join_names, require_same_roster, require_same_salaries
from pitwall.audit.results import Audit, DriverAudit, Hindsight, LineupAudit
from pitwall.report.data import LineupRow, ReportData, report_from_json
from pitwall.runs import Run
from pitwall.sitefiles import pool_of_race
from pitwall.sitefiles.history import PastEntry
from pitwall.sitefiles.standings import Standings
from pitwall.types.contests import PrizeRow
from pitwall.types.race import Race

_SAME_POINTS = 1e-6


def audit_run(
    run: Run,
    standings: Standings,
    *,
    user: str = "",
    history: Sequence[PastEntry] = (),
    prizes: Sequence[PrizeRow] | None = None,
    fee_cents: int | None = None,
    accept_guesses: bool = False,
) -> Audit:
    """Compare a run with the standings of a contest that its lineups were entered in.

    Parameters
    ----------
    user
        One's name on the site; empty to look for the lineups under any name.
    history
        One's entry history: it tells which entries are one's own, their fees, and the prizes that were paid.
    prizes, fee_cents
        The contest's prize table and fee, where they are not those that the run simulated; of no use with a history.
    accept_guesses
        Join similar names too. A lineup with a driver whose points stay unknown is not scored.

    Raises
    ------
    InvalidInputError
        If the standings are of another race or site, the history of another contest, or the user's entries nowhere.
    """
    report = report_from_json(run.report)
    require_same_roster(run.race, standings)
    joined = join_names(run.race, standings, accept_guesses=accept_guesses)
    require_same_salaries(run.race, standings, joined.ids)
    played = entered(standings, joined.ids, user=user, history=history)
    rows = list(prizes) if prizes is not None else _run_prizes(run)
    lineups = _lineup_audits(report, standings, joined.points, played, rows)
    drivers = _driver_audits(report, standings, joined.ids)
    held = [frozenset(row.driver_ids) for row in report.lineups]
    n_entered = sum(played.mine[lineup] for lineup in held)
    fee = fee_cents if fee_cents is not None else round(run.config.contest.entry_fee_dollars * 100)
    fees = fee * n_entered if played.fees_cents is None else sum(played.fees_cents[lineup] for lineup in held)
    return Audit(
        lineups=lineups,
        drivers=drivers,
        hindsight=_hindsight(run.race, joined.points, played.everyone),
        n_entries=len(standings.entries),
        n_entered=n_entered,
        winning_points=max(entry.points for entry in standings.entries),
        fees_cents=fees,
        profit_cents=sum(item.prize_cents for item in lineups) - fees,
        expected_profit_cents=float(run.result["contest"]["result"]["profit_cents"]["value"]),
        **_accuracy(drivers),
        unmatched=joined.unmatched,
        unknown=joined.unknown,
        guesses=joined.guesses,
        notes=(
            *_score_notes(lineups, joined),
            *_entry_notes(lineups, played, n_entered, named=bool(user or history)),
            *_prize_notes(run, standings, given=prizes is not None or bool(history)),
        ),
    )


def _accuracy(drivers: Sequence[DriverAudit]) -> dict[str, float]:
    """How near ownership and points were projected, by field of the audit."""
    real, projected, ranks = np.array(
        [(item.real_percent, item.projected_percent, item.simulated_percentile) for item in drivers]
    ).T
    varied = real.std() and projected.std()
    return {
        "ownership_mae": float(np.abs(real - projected).mean()),
        "ownership_correlation": float(np.corrcoef(real, projected)[0, 1]) if varied else 0.0,
        "inside_50": 100 * float(((ranks >= 25) & (ranks <= 75)).mean()),
        "inside_90": 100 * float(((ranks >= 5) & (ranks <= 95)).mean()),
    }


def _lineup_audits(
    report: ReportData,
    standings: Standings,
    points: Mapping[str, float],
    played: Entered,
    prizes: Sequence[PrizeRow],
) -> tuple[LineupAudit, ...]:
    totals = np.array([entry.points for entry in standings.entries])

    def audit(row: LineupRow) -> LineupAudit:
        lineup = frozenset(row.driver_ids)
        is_scored = lineup <= points.keys()
        total = round(sum(points[driver_id] for driver_id in row.driver_ids), 2) if is_scored else None
        rank, prize = (None, 0.0) if total is None else _place(totals, total, prizes)
        return LineupAudit(
            number=row.number,
            drivers=row.drivers,
            points=total,
            rank=rank,
            entered=lineup in played.mine,
            prize_cents=prize * played.mine[lineup] if played.paid_cents is None else float(played.paid_cents[lineup]),
            expected_copies=row.expected_duplicates,
            real_copies=played.everyone[lineup] - played.mine[lineup] if is_scored else None,
        )

    return tuple(map(audit, report.lineups))


def _place(totals: npt.NDArray[np.float64], total: float, prizes: Sequence[PrizeRow]) -> tuple[int, float]:
    """Rank of a total among the totals of all entries, and the prize of one entry with it, in cents."""
    rank = 1 + int((totals > total + _SAME_POINTS).sum())
    n_tied = int((np.abs(totals - total) < _SAME_POINTS).sum())
    return rank, split_prize(prizes, rank, n_tied)


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


def _hindsight(race: Race, points: Mapping[str, float], everyone: Counter[Lineup]) -> Hindsight:
    """The best of all legal lineups by real points, found by listing them."""
    from services.common.universe import enumerate_lineups

    pool, drivers = pool_of_race(race), [driver for driver in race.starters if driver.driver_id in points]
    salaries = np.array([driver.salary_dollars for driver in drivers], dtype=np.int64)
    universe = enumerate_lineups(salaries, pool.roster_size, pool.salary_cap_dollars)
    values = np.array([points[driver.driver_id] for driver in drivers])
    best = int(values[universe.lineups].sum(axis=1).argmax())
    chosen = [drivers[column].driver_id for column in universe.lineups[best]]
    return Hindsight(
        drivers=tuple(race.names_by_id[driver_id] for driver_id in chosen),
        points=round(sum(points[driver_id] for driver_id in chosen), 2),
        salary_dollars=int(universe.salaries_dollars[best]),
        n_entries=everyone[frozenset(chosen)],
    )


def _score_notes(lineups: Sequence[LineupAudit], joined: Joined) -> tuple[str, ...]:
    """What drivers without known points leave open."""
    if not joined.unknown:
        return ()
    n_unscored = sum(item.points is None for item in lineups)
    notes = [
        f"the standings tell no points of {', '.join(joined.unknown)} (under another name, or drafted by nobody); "
        "the best lineup in hindsight and the comparison of drivers leave them out"
    ]
    if n_unscored:
        notes.append(f"{n_unscored} of {len(lineups)} lineups hold one of them: unscored, in no rank, prize or fee")
    return tuple(notes)


def _entry_notes(lineups: Sequence[LineupAudit], played: Entered, n_entered: int, *, named: bool) -> tuple[str, ...]:
    """What the entries of the contest leave open about the lineups of the run."""
    notes = []
    n_missing = sum(not item.entered and item.points is not None for item in lineups)
    n_others = played.mine.total() - n_entered
    if n_missing:
        missing = f"{n_missing} of {len(lineups)} lineups"
        where = "among your entries" if named else "in the standings"
        notes.append(f"{missing} are not {where}: their rank is where they would have come")
    if named and n_others:
        notes.append(
            f"{n_others} of your entries hold lineups that are not of this run; fees and prizes leave them out"
        )
    return tuple(notes)


def _prize_notes(run: Run, standings: Standings, *, given: bool) -> tuple[str, ...]:
    simulated, real = run.config.contest.n_entries, len(standings.entries)
    if given or simulated == real:
        return ()
    sizes = f"{simulated:,} entries; the real one had {real:,}"
    return (f"prizes are those of the simulated contest of {sizes}: give its prizes",)
