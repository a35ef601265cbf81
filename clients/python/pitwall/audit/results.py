"""What an audit finds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LineupAudit:
    """A lineup in the real contest.

    Attributes
    ----------
    points, rank
        What it scored and where that came, or would have come; None where the points of a driver are not known.
    entered
        Whether the contest holds it (under one's own name, where that is given).
    prize_cents
        Prizes of the entries that hold it: as paid, by the entry history, else tied places pooled and split; 0
        where not entered.
    expected_copies, real_copies
        Entries of others with the same lineup; the real ones are None where the lineup is unscored.
    """

    number: int
    drivers: tuple[str, ...]
    points: float | None
    rank: int | None
    entered: bool
    prize_cents: float
    expected_copies: float
    real_copies: int | None


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
    """The best legal lineup of the drivers whose points are known, and how many entries held it."""

    drivers: tuple[str, ...]
    points: float
    salary_dollars: int
    n_entries: int


@dataclass(frozen=True)
class Audit:
    """The audit of a run.

    Attributes
    ----------
    n_entered
        Own entries that hold a lineup of the run.
    profit_cents
        Prizes less fees of these entries.
    ownership_mae
        Mean distance of projected from real ownership, in points.
    inside_50, inside_90
        Share of drivers whose points fell in the middle 50 % and 90 % of their simulated ones, in per cent.
    unmatched
        Names of the standings that are no driver of the race.
    unknown
        Names of starters whose points the standings do not tell.
    guesses
        Names that were joined by their likeness, or could be.
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
    unknown: tuple[str, ...]
    guesses: tuple[str, ...]
    notes: tuple[str, ...]
