"""Sortable tables whose columns are explained below them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Generic, TypeVar

from pitwall.report.data import DriverRow, LineupRow, ReportData

R = TypeVar("R")
_LONG = 40
Value = str | float | int | bool | None


@dataclass(frozen=True)
class Column(Generic[R]):
    """A column: its head, the value it sorts by, how that is written, and what it means."""

    head: str
    value: Callable[[R], Value]
    written: str
    meaning: str


def table(rows: Sequence[R], columns: Sequence[Column[R]]) -> str:
    """A table with a button in each head, and the meaning of each column below."""
    heads = "".join(map(_head, columns))
    body = "".join("<tr>" + "".join(_cell(column, row) for column in columns) + "</tr>" for row in rows)
    meanings = "".join(f"<dt>{escape(column.head)}</dt><dd>{escape(column.meaning)}</dd>" for column in columns)
    return (
        f'<div class="scroll"><table class="sortable"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
        f"<details><summary>What the columns mean</summary><dl>{meanings}</dl></details>"
    )


def _head(column: Column[R]) -> str:
    kind, meaning = ("" if column.written else "text"), escape(column.meaning, quote=True)
    return f'<th scope="col" class="{kind}" title="{meaning}"><button type="button">{escape(column.head)}</button></th>'


def _cell(column: Column[R], row: R) -> str:
    value = column.value(row)
    if value is None:
        return '<td data-v="">-</td>'
    if isinstance(value, str):
        kind = "text long" if len(value) > _LONG else "text"
        return f'<td class="{kind}">{escape(value)}</td>'
    return f'<td data-v="{float(value)!r}">{escape(format(value, column.written))}</td>'


LINEUP_COLUMNS: tuple[Column[LineupRow], ...] = (
    Column("#", lambda row: row.number, "d", "Order in which the lineups were built; the same as in lineups.csv."),
    Column("drivers", lambda row: ", ".join(row.drivers), "", "The roster."),
    Column("salary $", lambda row: row.salary, ",d", "Salary used."),
    Column(
        "objective",
        lambda row: row.objective,
        ".2f",
        "What was maximised: a weighted mean of upper-tail CVaRs, in points, with your leverage and diversity terms.",
    ),
    Column(
        "bound",
        lambda row: row.upper_bound,
        ".2f",
        "No allowed lineup, given those before it, has an objective above this; equal to the "
        "objective means proven best.",
    ),
    Column("proven", lambda row: "yes" if row.proven else "no", "", "Whether objective and bound are equal."),
    Column("CVaR 99", lambda row: row.cvar_99, ".2f", "Mean points in the best 1 % of races."),
    Column("CVaR 95", lambda row: row.cvar_95, ".2f", "Mean points in the best 5 % of races."),
    Column("mean", lambda row: row.mean, ".2f", "Mean points over all races."),
    Column("sd", lambda row: row.sd, ".2f", "Standard deviation of points."),
    Column("best", lambda row: row.best, ".2f", "Points in its best race."),
    Column("own %", lambda row: row.ownership_total, ".1f", "Sum of the projected ownership of its drivers."),
    Column(
        "leverage",
        lambda row: row.leverage,
        ".1f",
        "Percentage points by which its drivers are in the best lineup more often than the field plays them, summed.",
    ),
    Column(
        "copies",
        lambda row: row.expected_duplicates,
        ".2f",
        "Entries of opponents expected to hold the same lineup, in closed form over all legal lineups.",
    ),
    Column("copies sim.", lambda row: row.realised_duplicates, ".2f", "The same, counted in the simulated fields."),
    Column("ROI %", lambda row: row.roi, "+.1f", "Expected prize over fee, less 1, ties and duplicates included."),
    Column("+-", lambda row: row.roi_se, ".1f", "Standard error of ROI; differences below two of these are noise."),
    Column("win %", lambda row: row.win, ".2f", "Chance of first place, shared or not."),
    Column("+-", lambda row: row.win_se, ".2f", "Standard error of the chance to win."),
    Column("top 1 %", lambda row: row.top1, ".2f", "Chance to end in the best 1 % of entries."),
    Column("+-", lambda row: row.top1_se, ".2f", "Standard error of the chance to end in the top 1 %."),
    Column("cash %", lambda row: row.cash, ".1f", "Chance of any prize."),
    Column("+-", lambda row: row.cash_se, ".1f", "Standard error of the chance of a prize."),
)

DRIVER_COLUMNS: tuple[Column[DriverRow], ...] = (
    Column("driver", lambda row: row.name, "", "Name in the salary file."),
    Column("team", lambda row: row.team or "-", "", "Team in the race sheet."),
    Column("start", lambda row: row.start or None, "d", "Official starting position."),
    Column("salary $", lambda row: row.salary, ",d", "Salary."),
    Column("mean", lambda row: row.mean, ".2f", "Mean points over the simulated races."),
    Column("+-", lambda row: row.mean_se, ".2f", "Standard error of the mean."),
    Column("sd", lambda row: row.sd, ".1f", "Standard deviation of points: how far races differ."),
    Column("5 %", lambda row: row.quantiles[5], ".1f", "One race in twenty ends at or below this."),
    Column("median", lambda row: row.quantiles[50], ".1f", "Half of the races end below this."),
    Column("95 %", lambda row: row.quantiles[95], ".1f", "One race in twenty ends at or above this."),
    Column("99 %", lambda row: row.quantiles[99], ".1f", "One race in a hundred ends at or above this."),
    Column("win %", lambda row: row.win, ".1f", "Share of races won."),
    Column("top-5 %", lambda row: row.top5, ".1f", "Share of races finished in the first five."),
    Column("out %", lambda row: row.dnf, ".1f", "Share of races not finished."),
    Column("laps led", lambda row: row.laps_led, ".1f", "Mean laps led."),
    Column("fastest laps", lambda row: row.fastest_laps, ".1f", "Mean fastest laps."),
    Column(
        "own %",
        lambda row: row.ownership,
        ".1f",
        "Share of the field projected to play the driver; all drivers add up to 100 % per roster spot.",
    ),
    Column("own low", lambda row: row.ownership_low, ".1f", "Lower end of the ownership's interval."),
    Column("own high", lambda row: row.ownership_high, ".1f", "Upper end of the ownership's interval."),
    Column("optimal %", lambda row: row.optimal, ".1f", "Share of races whose best legal lineup holds the driver."),
    Column("+- ", lambda row: row.optimal_se, ".1f", "Standard error of optimal %."),
    Column("yours %", lambda row: row.exposure, ".0f", "Share of your lineups with the driver."),
    Column("prize %", lambda row: row.prize_share, ".1f", "Share of your prize money won by entries with the driver."),
)


def lineup_table(data: ReportData) -> str:
    """The lineups."""
    return table(data.lineups, LINEUP_COLUMNS)


def driver_table(data: ReportData) -> str:
    """The drivers, best mean first."""
    return table(sorted(data.drivers, key=lambda driver: -driver.mean), DRIVER_COLUMNS)
