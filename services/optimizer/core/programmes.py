"""Lineups chosen out of a pool so that a portfolio adds up: an integer programme and its relaxation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import Bounds, LinearConstraint, linprog, milp

from services.common.domain.work import Checkpoint
from services.optimizer.core.demand import Counts, Demand, Lineups

_SECONDS_PER_PROGRAMME = 0.8


@dataclass(frozen=True, eq=False)
class Finish:
    """Lineups that meet a demand, None where there are none or none was found; ``proven`` tells which."""

    lineups: Lineups | None
    proven: bool


def choose(demand: Demand, pool: Lineups, checkpoint: Checkpoint) -> Finish:
    """Choose lineups of a pool that meet a demand; proven when the pool holds none."""
    if len(pool) == 0 or (demand.min_distinct > 0 and len(pool) < demand.n_lineups):
        return Finish(None, True)
    held, teams = demand.incidence(pool)
    rows = [np.ones((1, len(pool)), dtype=np.int64), held, teams]
    number = np.array([demand.n_lineups])
    low, high = [number, demand.least, np.zeros_like(demand.team_most)], [number, demand.most, demand.team_most]
    while True:
        checkpoint()
        bounds = np.concatenate(low), np.concatenate(high)
        chosen, proven = _solve(np.concatenate(rows), bounds, 1 if demand.min_distinct else demand.n_lineups)
        if chosen is None:
            return Finish(None, proven)
        cuts = _crowded(held, chosen, pool.shape[1] - demand.min_distinct)
        if not cuts:
            return Finish(np.repeat(pool, chosen, axis=0), True)
        rows.append(np.array(cuts))
        low.append(np.zeros(len(cuts), dtype=np.int64))
        high.append(np.ones(len(cuts), dtype=np.int64))


def _solve(rows: Counts, bounds: tuple[Counts, Counts], most: int) -> tuple[Counts | None, bool]:
    """Return how often each column is taken, or None and whether that is proven."""
    solved: Any = milp(
        np.zeros(rows.shape[1]),
        constraints=LinearConstraint(rows, *bounds),
        integrality=np.ones(rows.shape[1]),
        bounds=Bounds(0, most),
        options={"time_limit": _SECONDS_PER_PROGRAMME},
    )
    if solved.x is None:
        return None, solved.status == 2
    return np.rint(solved.x).astype(np.int64), True


def _crowded(held: Counts, chosen: Counts, shared_most: int) -> list[Counts]:
    """Rows that forbid what two chosen lineups share too much of: of the lineups that hold it, at most one."""
    taken = np.flatnonzero(chosen)
    overlap = held[:, taken].T @ held[:, taken]
    cuts = {}
    for first, second in zip(*np.nonzero(np.triu(overlap > shared_most, k=1)), strict=True):
        common = np.flatnonzero(held[:, taken[first]] & held[:, taken[second]])[: shared_most + 1]
        cuts[tuple(common.tolist())] = (held[common].sum(axis=0) == len(common)).astype(np.int64)
    return list(cuts.values())


@dataclass(frozen=True, eq=False)
class Prices:
    """What one more lineup would take off the shortfall of the relaxation: per driver, less per team."""

    constant: float
    drivers: npt.NDArray[np.float64]
    teams: npt.NDArray[np.float64]


def relax(demand: Demand, pool: Lineups) -> tuple[float, Prices, npt.NDArray[np.float64]]:
    """Least total shortfall from the bounds when lineups may be taken in parts and more than once, with its prices.

    And how much is taken of each lineup; shape (len(pool),).
    """
    held, teams = demand.incidence(pool)
    n_drivers, n_teams = len(held), len(teams)
    above = np.concatenate([-held, held, teams])
    limits = np.concatenate([-demand.least, demand.most, demand.team_most])
    slack = -np.eye(len(above))
    solved = linprog(
        np.concatenate([np.zeros(len(pool)), np.ones(len(above))]),
        A_ub=np.concatenate([above, slack], axis=1),
        b_ub=limits,
        A_eq=np.concatenate([np.ones((1, len(pool))), np.zeros((1, len(above)))], axis=1),
        b_eq=[demand.n_lineups],
        method="highs",
    )
    by_row = np.asarray(solved.ineqlin.marginals)
    wanted, limited = by_row[:n_drivers], by_row[n_drivers : 2 * n_drivers]
    prices = Prices(float(solved.eqlin.marginals[0]), limited - wanted, -by_row[2 * n_drivers :].reshape(n_teams))
    return float(solved.fun), prices, np.maximum(solved.x[: len(pool)], 0.0)
