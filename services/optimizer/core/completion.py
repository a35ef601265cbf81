"""Whether a portfolio can be finished under all of its rules, and with which lineups.

A portfolio is a choice of lineups out of all allowed ones, so it exists if and only if the integer programme
``sum x = n, least <= A x <= most`` has a solution, with a column of ``A`` per lineup and a row per driver and
team. With few lineups all columns take part. With many a spread of them does, which nearly always has a
solution; where it has none, columns are generated: the linear relaxation proves that none exists, or names
the columns that it needs, and dives look for whole lineups among them. Distance between lineups is added where a
solution breaks it: of the lineups that hold all drivers of a set, at most one.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from services.common.domain.work import Checkpoint
from services.optimizer.core.demand import Demand, Lineups
from services.optimizer.core.dive import dive
from services.optimizer.core.programmes import Finish, Prices, choose, relax
from services.optimizer.core.query import Query, Toll

_ALL = 4_000
"""Allowed lineups up to which all take part, so that the answer is exact."""
_SPREAD = 10
"""Where there are more, every tenth of as many is tried first."""
_MAX_ROUNDS = 60
_UNITS_PER_PRICE = 1 << 20
_TOLERANCE = 1e-6


class Lister(Protocol):
    """Names lineups that a query allows, whatever they are worth."""

    def sample(self, query: Query, n: int) -> tuple[Lineups, bool]:
        """Return ``n`` allowed lineups spread over all, columns ascending, and whether there are no others."""
        ...

    def heaviest(self, query: Query) -> Lineups:
        """Return allowed lineups of great driver units less tolls, the greatest of all among them."""
        ...


def find_finish(demand: Demand, query: Query, lister: Lister, checkpoint: Checkpoint) -> Finish:
    """Look for lineups that meet a demand out of those that ``query`` allows."""
    if demand.n_lineups == 0:
        return Finish(np.zeros((0, 1), dtype=np.int8) if demand.is_met() else None, proven=True)
    listed, complete = lister.sample(query, _ALL)
    if complete:
        return choose(demand, listed, checkpoint)
    few = listed[::_SPREAD]
    found = choose(demand, few, checkpoint)
    if found.lineups is not None:
        return found
    needed, impossible = _generate(demand, query, lister, few, checkpoint)
    if impossible:
        return Finish(None, proven=True)
    for pool in (needed, np.unique(np.concatenate([listed, needed]), axis=0)):
        found = choose(demand, pool, checkpoint)
        if found.lineups is not None:
            return found

    def generate(left: Demand, asked: Query, pool: Lineups) -> tuple[Lineups, bool]:
        return _generate(left, asked, lister, pool, checkpoint)

    return Finish(dive(demand, query, needed, generate, checkpoint), proven=False)


def is_impossible(demand: Demand, query: Query, lister: Lister, checkpoint: Checkpoint) -> bool:
    """Return whether it is proven that no lineups meet a demand; quicker than to look for some."""
    listed, complete = lister.sample(query, _ALL)
    if complete:
        found = choose(demand, listed, checkpoint)
        return found.lineups is None and found.proven
    return _generate(demand, query, lister, listed[::_SPREAD], checkpoint)[1]


def _generate(
    demand: Demand, query: Query, lister: Lister, pool: Lineups, checkpoint: Checkpoint
) -> tuple[Lineups, bool]:
    """Add the lineups that the relaxation asks for; return the pool and whether there is no solution at all."""
    for _ in range(_MAX_ROUNDS):
        checkpoint()
        short, prices, _ = relax(demand, pool)
        if short <= _TOLERANCE:
            break
        fresh = lister.heaviest(_priced(query, demand, prices))
        held, teams = demand.incidence(fresh)
        wanted = prices.constant + prices.drivers @ held - prices.teams @ teams > _TOLERANCE
        if not wanted.any():
            return pool, True
        pool = np.concatenate([pool, fresh[wanted]])
    return pool, False


def _priced(query: Query, demand: Demand, prices: Prices) -> Query:
    units = np.rint(prices.drivers * _UNITS_PER_PRICE).astype(np.int64)
    tolls = tuple(
        Toll(members, round(float(price) * _UNITS_PER_PRICE))
        for members, price in zip(demand.team_members, prices.teams, strict=True)
        if price > _TOLERANCE
    )
    return Query(units, query.rules, query.momentary, tolls, query.earlier, query.min_distinct)
