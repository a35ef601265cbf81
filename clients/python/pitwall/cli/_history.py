"""``pitwall history``: what past entries brought, from the site's own record."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pitwall.cli._common import JsonOption, output, plural, print_json, print_table
from pitwall.ledger import Ledger, LedgerRow, LedgerRule, ledger
from pitwall.problems import read_bytes
from pitwall.sitefiles.history import NASCAR, entries_of_sport, read_entry_history

HistoryFileOption = Annotated[
    Path, typer.Option("--file", help="Entry history as downloaded from DraftKings.", show_default=False)
]


def history(
    file: HistoryFileOption,
    by: Annotated[LedgerRule, typer.Option(help="What makes a row.")] = LedgerRule.RACE,
    sport: Annotated[str, typer.Option(help="Sport of the entries, as the file writes it.")] = NASCAR,
    contests: Annotated[bool, typer.Option("--contests", help="Also field, pool and rake of each contest.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Fees, winnings and ROI of past entries, with the error that chance leaves; races count as its draws.

    Example: `pitwall history --file examples/draftkings-contest-entry-history.csv --by series`
    """
    everything = read_entry_history(file.name, read_bytes(file))
    chosen = entries_of_sport(everything, sport)
    found, n_others = ledger(chosen, by), len(everything) - len(chosen)
    if as_json:
        print_json({"sport": sport.upper(), "n_entries_of_other_sports": n_others, "ledger": found})
        return
    _print(found, by, with_contests=contests)
    if n_others:
        output.print(f"left out: {plural(n_others, 'entry', 'entries')} of other sports")


def _print(found: Ledger, by: LedgerRule, *, with_contests: bool) -> None:
    columns = (by.value, "races", "entries", "cashed %", "fees $", "won $", "profit $", "ROI %", "+-", "best %", "same")
    print_table(
        f"Entries by {by.value}",
        columns,
        [_cells(row) for row in (*found.rows, found.total)],
        narrow=(by.value, "entries", "profit $", "ROI %", "+-"),
    )
    output.print(
        "+-: standard error with races as draws; best %: best place in per cent of the field; "
        "same: own entries with equal points in one contest",
        markup=False,
    )
    if with_contests:
        _print_contests(found)


def _cells(row: LedgerRow) -> tuple[object, ...]:
    return (
        row.name,
        row.n_races,
        row.n_entries,
        100 * row.n_cashed / row.n_entries,
        row.fees_cents / 100,
        row.won_cents / 100,
        row.profit_cents / 100,
        None if row.roi is None else 100 * row.roi,
        None if row.roi_standard_error is None else 100 * row.roi_standard_error,
        row.best_percentile,
        row.n_same_points,
    )


def _print_contests(found: Ledger) -> None:
    rows = [
        (
            str(item.date),
            item.name,
            item.n_entries,
            item.fee_cents / 100,
            item.pool_cents / 100,
            None if item.rake is None else 100 * item.rake,
            100 * item.places_paid / item.n_entries if item.n_entries else None,
        )
        for item in found.contests
    ]
    columns = ("date", "contest", "entries", "fee $", "pool $", "rake %", "paid %")
    print_table("Contests", columns, rows, narrow=("contest", "entries", "fee $", "pool $"))
