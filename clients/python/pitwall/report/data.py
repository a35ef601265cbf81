"""The numbers of a report. Rates and shares are in per cent, money is in dollars, points are points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from pitwall.errors import InvalidInputError, Violation


@dataclass(frozen=True)
class LineupRow:
    """A lineup: its tail, its proof, and what it is worth in the contest."""

    number: int
    drivers: tuple[str, ...]
    driver_ids: tuple[str, ...]
    salary: int
    objective: float
    upper_bound: float
    proven: bool
    mean: float
    sd: float
    best: float
    cvar_95: float | None
    cvar_99: float | None
    ownership_total: float
    leverage: float | None
    regime: str
    roi: float
    roi_se: float
    win: float
    win_se: float
    top1: float
    top1_se: float
    cash: float
    cash_se: float
    expected_duplicates: float
    realised_duplicates: float


@dataclass(frozen=True)
class DriverRow:
    """A driver: what the scenarios say of him, who plays him, and what he brings.

    ``quantiles`` are points at the levels 0, 1, ..., 100 %.
    """

    driver_id: str
    name: str
    team: str
    salary: int
    start: int
    exposure: float
    ownership: float
    ownership_low: float
    ownership_high: float
    optimal: float | None
    optimal_se: float | None
    mean: float
    mean_se: float
    sd: float
    quantiles: tuple[float, ...]
    win: float | None
    top5: float | None
    top10: float | None
    dnf: float | None
    laps_led: float | None
    fastest_laps: float | None
    prize_share: float


@dataclass(frozen=True)
class Curve:
    """A distribution of lineup totals on the grid of the report: density and share of scenarios at or above."""

    name: str
    density: tuple[float, ...]
    at_or_above: tuple[float, ...]


@dataclass(frozen=True)
class RegimeRow:
    """A race flow: how often it comes, and its part of the prize money."""

    name: str
    share: float
    prize_share: float


@dataclass(frozen=True)
class Fact:
    """A number with its name and what it means."""

    name: str
    value: str
    meaning: str


@dataclass(frozen=True)
class ReportData:
    """Everything that a report shows.

    Attributes
    ----------
    points_grid
        Points at which the curves are given.
    profit_quantiles
        (level in per cent, profit in dollars).
    correlation_names, correlations
        Drivers of the correlation map and their Pearson correlations, row by row.
    overlaps
        Drivers that two lineups share, row by row.
    """

    title: str
    race_id: str
    subtitle: str
    roster_size: int
    lineups: tuple[LineupRow, ...]
    drivers: tuple[DriverRow, ...]
    headlines: tuple[Fact, ...]
    points_grid: tuple[float, ...]
    curves: tuple[Curve, ...]
    profit_quantiles: tuple[tuple[float, float], ...]
    correlation_names: tuple[str, ...]
    correlations: tuple[tuple[float, ...], ...]
    overlaps: tuple[tuple[int, ...], ...]
    regimes: tuple[RegimeRow, ...]
    diagnostics: tuple[Fact, ...]
    recipe: Mapping[str, str]
    warnings: tuple[str, ...]


_ADAPTER: TypeAdapter[ReportData] = TypeAdapter(ReportData)


def report_from_json(document: Mapping[str, Any]) -> ReportData:
    """The numbers of a report from what a run has stored.

    Raises
    ------
    InvalidInputError
        If a number is missing.
    """
    try:
        return _ADAPTER.validate_python(document)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        problem = f"the stored report lacks {where}; run again to make a new one"
        raise InvalidInputError(f"report: {problem}", violations=[Violation("report", problem)]) from error
