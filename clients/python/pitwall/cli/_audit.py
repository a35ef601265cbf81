"""``pitwall audit``: the lineups of a run in the real contest."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from pitwall._numbers import money
from pitwall.audit import Audit, audit_run
from pitwall.cli._common import JsonOption, client_of, errors, output, plural, print_json, print_table
from pitwall.cli._contest_options import ContestOptions, PrizesOption, prize_text
from pitwall.cli._ownership import RunOnOption
from pitwall.cli._race import GuessOption
from pitwall.cli._runs import store_of
from pitwall.problems import read_bytes
from pitwall.runs import Run
from pitwall.sitefiles.history import read_entry_history
from pitwall.sitefiles.standings import read_standings
from pitwall.types.contests import PrizeRow
from pitwall.types.ownership import ContestProfile, OwnershipRecord


def audit(
    context: typer.Context,
    standings: Annotated[Path, typer.Option(help="Standings as exported, .csv or .zip.", show_default=False)],
    run: Annotated[str, typer.Option(help="Id of the run, the beginning of one, or latest.")] = "latest",
    user: Annotated[str, typer.Option(help="Your name on the site. Default: lineups count under any name.")] = "",
    history: Annotated[
        Path | None, typer.Option(help="Entry history: tells your entries, their fees and the prizes paid.")
    ] = None,
    prizes: PrizesOption = None,
    fee: Annotated[float | None, typer.Option(help="Entry fee in dollars. Default: that of the run.")] = None,
    record: Annotated[
        str, typer.Option(help="Also add the real ownership to the history, under this contest id.")
    ] = "",
    date: RunOnOption = None,
    accept_guesses: GuessOption = False,
    as_json: JsonOption = False,
) -> None:
    """Compare a run with what happened: ranks, prizes, ownership, copies, points, best lineup in hindsight.

    Example: `pitwall audit --standings examples/contest-standings-190000001.csv --run latest`
    """
    stored = store_of(context).get(run)
    read = read_standings(standings.name, read_bytes(standings))
    fee_dollars = stored.config.contest.entry_fee_dollars if fee is None else fee
    rows = None if prizes is None else _prize_rows(context, len(read.entries), fee_dollars, prizes)
    past = () if history is None else read_entry_history(history.name, read_bytes(history))
    found = audit_run(
        stored,
        read,
        user=user,
        history=past,
        prizes=rows,
        fee_cents=round(100 * fee_dollars),
        accept_guesses=accept_guesses,
    )
    profile = ContestProfile(n_entries=len(read.entries), entry_fee_cents=round(100 * fee_dollars))
    if not as_json:
        _print(found)  # before a record that may be refused, as one is of a contest that stands under another name
    recorded = _record(context, stored, record, standings, profile, date) if record else None
    if as_json:
        record_id = recorded.record_id if recorded else ""
        print_json({"run_id": stored.run_id, "audit": found, "record_id": record_id})
    elif recorded:
        for warning in recorded.warnings:
            errors.print(f"warning: {warning}", markup=False)
        output.print(f"recorded the ownership as {recorded.record_id}; `pitwall ownership fit` uses it", markup=False)


def _prize_rows(context: typer.Context, n_entries: int, fee: float, prizes: Path) -> tuple[PrizeRow, ...]:
    options = ContestOptions(entries=n_entries, fee=fee, prizes=prize_text(prizes), prizes_place=str(prizes))
    with client_of(context) as client, options.told():
        return client.contests.resolve_prizes(options.contest(0, 0)).table.rows


def _record(
    context: typer.Context,
    run: Run,
    contest_id: str,
    standings: Path,
    profile: ContestProfile,
    date: datetime | None,
) -> OwnershipRecord:
    with client_of(context) as client:
        return client.ownership.record(
            run.race.race_id, contest_id, standings=standings, contest=profile, race_time=date
        )


def _print(found: Audit) -> None:
    rows = [
        (
            item.number,
            ", ".join(item.drivers),
            "unscored" if item.points is None else item.points,
            item.rank,
            "yes" if item.entered else "no",
            item.prize_cents / 100,
            item.expected_copies,
            item.real_copies,
        )
        for item in sorted(found.lineups, key=lambda item: (item.rank is None, item.rank or 0))
    ]
    columns = ("#", "drivers", "points", "rank", "entered", "prize $", "copies exp.", "copies")
    print_table(
        f"Lineups among {found.n_entries:,} entries, won with {found.winning_points:.2f} points",
        columns,
        rows,
        narrow=("#", "drivers", "points", "rank", "prize $"),
    )
    drivers = [
        (
            item.name,
            item.exposure,
            item.real_percent,
            item.projected_percent,
            item.points,
            item.simulated_mean,
            item.simulated_percentile,
        )
        for item in found.drivers
    ]
    heads = ("driver", "yours %", "field %", "projected %", "points", "sim. mean", "sim. percentile")
    print_table("Drivers", heads, drivers, narrow=("driver", "yours %", "field %", "points"))
    _print_sums(found)


def _print_sums(found: Audit) -> None:
    best = found.hindsight
    lines = (
        f"profit {money(found.profit_cents)} on fees of {money(found.fees_cents)} "
        f"({plural(found.n_entered, 'entry', 'entries')}); expected for all: {money(found.expected_profit_cents)}",
        f"ownership: off by {found.ownership_mae:.1f} points per driver, correlation {found.ownership_correlation:.2f}",
        f"points: {found.inside_50:.0f} % of drivers in the middle half of their simulated points, "
        f"{found.inside_90:.0f} % in the middle 90 %",
        f"best lineup in hindsight: {best.points:.2f} points for ${best.salary_dollars:,}, "
        f"held by {best.n_entries} entries: {', '.join(best.drivers)}",
    )
    for line in lines:
        output.print(line, markup=False)
    for name in found.unmatched:
        errors.print(f"not a driver of the race: {name}", markup=False)
    for note in (*found.guesses, *found.notes):
        errors.print(f"note: {note}", markup=False)
