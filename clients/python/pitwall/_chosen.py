"""Entries chosen from a pool of proven lineups: the limits that the pool kept, and a portfolio of the chosen alone."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

from pitwall.config import ExposureLimit
from pitwall.types.portfolio import (
    DiversityReport,
    Exposure,
    OwnershipReport,
    Portfolio,
    PortfolioLineup,
    PortfolioSummary,
)
from pitwall.types.race import Race

_EPSILON = 1e-9


def limits_of_pool(pool: Portfolio, race: Race) -> list[ExposureLimit]:
    """The greatest shares that the pool's drivers and teams were built under, as limits on a choice from it."""
    summary = pool.summary
    return [
        *(_limit(row, (row.name,), race.names_by_id[row.name], summary) for row in summary.driver_exposures),
        *(_limit(row, _members(race)[row.name], row.name, summary) for row in summary.team_exposures),
    ]


def chosen_portfolio(
    pool: Portfolio, race: Race, chosen: Iterable[Sequence[str]], n_wanted: int, limits: Iterable[ExposureLimit]
) -> Portfolio:
    """The portfolio of ``chosen`` lineups of a pool, in their order.

    Its summary is about these lineups alone; what is said of the best lineup of all or of the whole pool (baseline,
    validation, stability, regimes) stays with the pool.
    """
    by_drivers = {item.driver_ids: item for item in pool.lineups}
    lineups = tuple(replace(by_drivers[tuple(ids)], index=index) for index, ids in enumerate(chosen))
    most = {tuple(limit.driver_ids): max(1, math.floor(limit.max * n_wanted + _EPSILON)) for limit in limits}
    members = _members(race)
    drivers = _exposures(lineups, {ids: (ids,) for ids in race.names_by_id}, most)
    teams = _exposures(lineups, members, most)
    broken = [race.names_by_id.get(row.name, row.name) for row in (*drivers, *teams) if row.n_lineups > row.max_lineups]
    summary = replace(
        pool.summary,
        n_requested=n_wanted,
        n_built=len(lineups),
        all_proven=all(item.certificate.proven_optimal for item in lineups),
        driver_exposures=drivers,
        team_exposures=teams,
        diversity=_diversity(lineups),
        ownership=_ownership(lineups) if pool.summary.ownership is not None else None,
        soft_paid_points=sum(item.soft_paid_points for item in lineups),
        broken_exposures=tuple(f"exposure of {name}" for name in broken),
        baseline=None,
        validation=None,
        stability=None,
        regimes=(),
        timings_seconds={},
    )
    return replace(pool, lineups=lineups, summary=summary)


def _limit(row: Exposure, driver_ids: Sequence[str], name: str, summary: PortfolioSummary) -> ExposureLimit:
    """The pool's bound in whole lineups as a share: floors of thirds of it are those of the share that was meant."""
    return ExposureLimit(driver_ids, min(1.0, row.max_lineups / max(1, summary.n_requested)), name)


def _members(race: Race) -> dict[str, tuple[str, ...]]:
    """Site ids of the starters of each team."""
    members: dict[str, tuple[str, ...]] = {}
    for driver in race.starters:
        if driver.team:
            members[driver.team] = (*members.get(driver.team, ()), driver.driver_id)
    return members


def _exposures(
    lineups: Sequence[PortfolioLineup], members: Mapping[str, tuple[str, ...]], most: Mapping[tuple[str, ...], int]
) -> tuple[Exposure, ...]:
    """How many lineups hold a driver of each set, of those that any holds, greatest first."""
    held = [frozenset(item.driver_ids) for item in lineups]
    counts = {name: sum(not drivers.isdisjoint(ids) for drivers in held) for name, ids in members.items()}
    rows = [
        Exposure(name, n, n / len(lineups), 0, most.get(members[name], len(lineups))) for name, n in counts.items() if n
    ]
    return tuple(sorted(rows, key=lambda row: (-row.n_lineups, row.name)))


def _diversity(lineups: Sequence[PortfolioLineup]) -> DiversityReport:
    """Jaccard similarity over all pairs, the most similar pair the first of several; zeros for one lineup."""
    if len(lineups) < 2:
        return DiversityReport(0.0, 0.0, 0, 0, 0)
    sets = [set(item.driver_ids) for item in lineups]
    alike = {(a, b): len(sets[a] & sets[b]) / len(sets[a] | sets[b]) for a, b in combinations(range(len(sets)), 2)}
    closest = max(alike, key=alike.__getitem__)
    apart = min(len(sets[a] - sets[b]) for a, b in alike)
    return DiversityReport(sum(alike.values()) / len(alike), alike[closest], *closest, apart)


def _ownership(lineups: Sequence[PortfolioLineup]) -> OwnershipReport:
    rows = [item.metrics for item in lineups]
    return OwnershipReport(
        total_mean_percent=_mean([row.ownership_total_percent for row in rows]),
        total_max_percent=max((row.ownership_total_percent for row in rows), default=0.0),
        driver_mean_percent=_mean([row.ownership_mean_percent for row in rows]),
        driver_max_percent=max((row.ownership_max_percent for row in rows), default=0.0),
        leverage_mean_percent=_mean([row.leverage_percent for row in rows]),
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
