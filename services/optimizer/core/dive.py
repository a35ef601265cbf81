"""Diving: whole lineups out of a relaxation, a few at a time, with columns generated for what is left.

The relaxation of "lineups that add up to a demand" takes lineups in parts. A dive takes those that it takes most of as
whole, and solves the relaxation of the rest anew over all allowed lineups, until an integer programme over its columns
finishes (the restricted master heuristic of branch and price; Sadykov, Vanderbeck, Pessoa, Tahiri and Uchoa 2019). It
finds most choices that a programme over one pool misses, because the pool follows what is left; it proves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from services.common.domain.work import Checkpoint
from services.optimizer.core.demand import Demand, Lineups
from services.optimizer.core.programmes import choose, relax
from services.optimizer.core.query import Query

Generate = Callable[[Demand, Query, Lineups], tuple[Lineups, bool]]

_MAX_DIVES = 6
_MAX_STEPS = 120
"""Of all dives together; each asks for the relaxation of what is left."""
_SHARE_PER_STEP = 8
"""A step takes one lineup in so many of those left, at least one."""


def dive(demand: Demand, query: Query, pool: Lineups, generate: Generate, checkpoint: Checkpoint) -> Lineups | None:
    """Return lineups that meet a demand, None where no dive came to any.

    ``generate`` adds to a pool the lineups that the relaxation of a demand asks for, and says whether it has no
    solution.
    """
    rng, steps = np.random.default_rng(0), iter(range(_MAX_STEPS))
    for turn in range(_MAX_DIVES):
        found = _one_dive(demand, query, pool, generate, (rng if turn else None, steps), checkpoint)
        if found is not None:
            return found
    return None


def _one_dive(
    demand: Demand,
    query: Query,
    pool: Lineups,
    generate: Generate,
    chances: tuple[np.random.Generator | None, Iterator[int]],
    checkpoint: Checkpoint,
) -> Lineups | None:
    rng, steps = chances
    taken, solve_at = pool[:0], demand.n_lineups
    while demand.n_lineups and next(steps, None) is not None:
        checkpoint()
        if not len(pool):
            return None
        pool, impossible = generate(demand, query, pool)
        if impossible:
            return None
        if demand.n_lineups <= solve_at:
            # The programme grows easier as lineups are taken: it is asked at each halving.
            solve_at = demand.n_lineups // 2
            found = choose(demand, pool, checkpoint)
            if found.lineups is not None:
                return np.concatenate([taken, found.lineups])
        fresh = _most_taken(demand, pool, rng)
        taken, demand = np.concatenate([taken, fresh]), demand.after(fresh)
        if demand.min_distinct:
            earlier = (*query.earlier, *(tuple(lineup) for lineup in fresh.tolist()))
            query = replace(query, earlier=earlier, min_distinct=demand.min_distinct)
        pool = pool[_are_apart(pool, fresh, demand.min_distinct)]
    return taken if not demand.n_lineups and demand.is_met() else None


def _most_taken(demand: Demand, pool: Lineups, rng: np.random.Generator | None) -> Lineups:
    """Lineups of which the relaxation takes most, far enough apart; drawn in its proportions with a generator."""
    share = relax(demand, pool)[2]
    if rng is not None:
        # The greatest of such keys are a draw without replacement by shares (Efraimidis and Spirakis 2006).
        share = rng.random(len(pool)) ** (1.0 / np.maximum(share, 1e-9))
    taken, left = pool[:0], demand
    for lineup in pool[np.argsort(-share, kind="stable")][:, None]:
        after = left.after(lineup)
        fits = (after.most >= 0).all() and (after.team_most >= 0).all()
        if not len(taken) or (fits and _are_apart(lineup, taken, demand.min_distinct).all()):
            taken, left = np.concatenate([taken, lineup]), after
        if len(taken) >= demand.n_lineups // _SHARE_PER_STEP:
            break
    return taken


def _are_apart(pool: Lineups, taken: Lineups, min_distinct: int) -> npt.NDArray[np.bool_]:
    """Which lineups of a pool are far enough from those taken."""
    kept: npt.NDArray[np.bool_] = np.ones(len(pool), dtype=np.bool_)
    for lineup in taken:
        kept &= pool.shape[1] - np.isin(pool, lineup).sum(axis=1) >= min_distinct
    return kept
