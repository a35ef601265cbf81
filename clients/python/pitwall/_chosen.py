"""Entries chosen from a pool of proven lineups: the exposures they keep, and a portfolio of the chosen alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from pitwall.config import ExposureLimit
from pitwall.types.portfolio import DiversityReport, Exposure, OwnershipReport, Portfolio, PortfolioLineup
from pitwall.types.race import Race

DriverIds = tuple[str, ...]


@dataclass(frozen=True)
class PoolBounds:
    """In how many entries a driver, or any driver of a team, may be: the shares that the pool was built under.

    Attributes
    ----------
    drivers, teams
        Most entries by site id, by name of the team.
    members
        Site ids of the starters of each team.
    names
        Names of drivers by site id.
    """

    drivers: Mapping[str, int]
    teams: Mapping[str, int]
    members: Mapping[str, DriverIds]
    names: Mapping[str, str]

    def limits(self, n_entries: int) -> list[ExposureLimit]:
        """The same as shares of so many entries."""

        def share(n: int) -> float:
            return min(1.0, n / max(1, n_entries))

        return [
            *(ExposureLimit((driver_id,), share(n), self.names[driver_id]) for driver_id, n in self.drivers.items()),
            *(ExposureLimit(self.members[team], share(n), team) for team, n in self.teams.items()),
        ]

    def holders(self, driver_ids: DriverIds) -> set[tuple[str, str]]:
        """The drivers and teams that a lineup counts for, each with its kind."""
        teams = (team for team, members in self.members.items() if not set(members).isdisjoint(driver_ids))
        return {("driver", driver_id) for driver_id in driver_ids} | {("team", team) for team in teams}

    def most(self, kind: str, name: str, default: int) -> int:
        """Entries that a driver or a team may be in."""
        return (self.drivers if kind == "driver" else self.teams).get(name, default)


def bounds_of_pool(pool: Portfolio, race: Race, n_wanted: int) -> PoolBounds:
    """The bounds of ``n_wanted`` entries.

    The pool's are whole lineups already: of three times as many lineups, their thirds are those of the share meant.
    """

    def bounds(rows: Iterable[Exposure]) -> dict[str, int]:
        return {row.name: max(1, row.max_lineups * n_wanted // max(1, pool.summary.n_requested)) for row in rows}

    members: dict[str, DriverIds] = {}
    for driver in race.starters:
        if driver.team:
            members[driver.team] = (*members.get(driver.team, ()), driver.driver_id)
    summary = pool.summary
    return PoolBounds(bounds(summary.driver_exposures), bounds(summary.team_exposures), members, race.names_by_id)


def first_that_keep(pool: Portfolio, bounds: PoolBounds, n_wanted: int, *, soft: bool) -> list[DriverIds]:
    """Lineups of a pool in the order of their proofs, as many as keep the bounds together and are wanted.

    In the ``soft`` mode others fill up what is missing, in the same order.
    """
    used: Counter[tuple[str, str]] = Counter()
    kept: list[DriverIds] = []
    for item in pool.lineups:
        holders = bounds.holders(item.driver_ids)
        if len(kept) < n_wanted and all(used[holder] < bounds.most(*holder, n_wanted) for holder in holders):
            kept.append(item.driver_ids)
            used.update(holders)
    others = [item.driver_ids for item in pool.lineups if item.driver_ids not in kept] if soft else []
    return [*kept, *others[: n_wanted - len(kept)]]


def chosen_portfolio(
    pool: Portfolio,
    bounds: PoolBounds,
    chosen: Iterable[DriverIds],
    n_wanted: int,
    *,
    warnings: Iterable[str] = (),
    conflict: tuple[str, ...] = (),
) -> Portfolio:
    """The portfolio of ``chosen`` lineups of a pool, in their order; ``warnings`` come after the pool's.

    ``conflict`` names the rules that left no choice of as many as were wanted, in place of those of the pool.

    Its summary is about these lineups alone; what is said of the best lineup of all or of the whole pool (baseline,
    validation, stability, regimes) stays with the pool.
    """
    by_drivers = {item.driver_ids: item for item in pool.lineups}
    lineups = tuple(replace(by_drivers[ids], index=index) for index, ids in enumerate(chosen))
    counts = Counter(holder for item in lineups for holder in bounds.holders(item.driver_ids))
    drivers, teams = (_exposures(counts, kind, bounds, len(lineups)) for kind in ("driver", "team"))
    broken = [bounds.names.get(row.name, row.name) for row in (*drivers, *teams) if row.n_lineups > row.max_lineups]
    told = [f"{len(broken)} exposures are broken by the entries: {'; '.join(broken)}"] if broken else []
    summary = replace(
        pool.summary,
        n_requested=n_wanted,
        n_built=len(lineups),
        conflicting_rules=conflict or pool.summary.conflicting_rules,
        all_proven=all(item.certificate.proven_optimal for item in lineups),
        driver_exposures=drivers,
        team_exposures=teams,
        diversity=_diversity(lineups),
        ownership=_ownership(lineups) if pool.summary.ownership is not None else None,
        soft_paid_points=sum(item.soft_paid_points for item in lineups),
        broken_exposures=tuple(f"exposure of {name}" for name in broken),
        warnings=(*pool.summary.warnings, *warnings, *told),
        baseline=None,
        validation=None,
        stability=None,
        regimes=(),
        timings_seconds={},
    )
    return replace(pool, lineups=lineups, summary=summary)


def _exposures(
    counts: Mapping[tuple[str, str], int], kind: str, bounds: PoolBounds, n_lineups: int
) -> tuple[Exposure, ...]:
    """How many lineups hold each driver, or a driver of each team, greatest first."""
    rows = [
        Exposure(name, n, n / n_lineups, 0, bounds.most(counted, name, n_lineups))
        for (counted, name), n in counts.items()
        if counted == kind
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
