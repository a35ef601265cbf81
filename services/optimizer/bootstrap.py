"""How often the best lineup would be the best one had other scenarios come up."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pitwall.optimizer.v1 import optimizer_service_pb2 as pb
from pitwall.optimizer.v1 import portfolio_pb2
from services.optimizer.core.contenders import contender_count, resample_contenders
from services.optimizer.core.influence import mean_error
from services.optimizer.core.objective import build_objective
from services.optimizer.core.portfolio import Search
from services.optimizer.core.query import Query, Solution
from services.optimizer.core.slate import Slate
from services.optimizer.core.stability import search_resamples, stability_of
from services.optimizer.core.time_limit import TimeUp, ending
from services.optimizer.inputs import Inputs
from services.optimizer.searches import Searches

_RESAMPLES, _EXACT_RESAMPLES = 200, 20
"""By default: of contenders, which takes tenths of a second, and by a search each."""
_DEPTH_ERRORS = 4.0
"""Standard errors of its objective within which of the best lineup others contend. The difference of two lineups varies
less than 1.5 times as much as one of them, so that lineups further below hardly ever win a resample."""


def n_resamples(request: pb.BuildPortfolioRequest) -> int:
    """Resamples that a request asks for, by default or by number."""
    if request.HasField("stability_resamples"):
        return request.stability_resamples
    return _EXACT_RESAMPLES if request.exact_stability else _RESAMPLES


def among_contenders(
    inputs: Inputs,
    search: Search,
    best: Solution,
    query: Query,
    n_wanted: int,
    seed: int,
    searches: Searches,
    should_stop: Callable[[], bool],
) -> portfolio_pb2.StabilityReport | None:
    """Resamples of the lineups close to the best one, all of them; None where the time is over."""
    objective, look = search.objective, ending(searches.call.checkpoint, should_stop)
    try:
        error = mean_error(inputs.slate, objective, [best.columns], look)
        depth = int(objective.units(np.array(_DEPTH_ERRORS * error)))
        contenders = search.leaders(query, best, depth, contender_count(objective, n_wanted), should_stop)
        if not len(contenders.lineups):
            return None
        rng = np.random.default_rng([seed, 1])
        found = resample_contenders(
            inputs.slate, objective, query.driver_units, contenders, rng, n_wanted, checkpoint=look
        )
    except TimeUp:
        return None
    return portfolio_pb2.StabilityReport(
        **vars(stability_of(found, best.columns)),
        n_contenders=len(contenders.lineups),
        contender_depth_points=max(0.0, objective.points(best.units - contenders.floor_units)),
    )


def by_search(
    inputs: Inputs,
    best: Solution,
    query: Query,
    n_wanted: int,
    seed: int,
    searches: Searches,
    should_stop: Callable[[], bool],
) -> portfolio_pb2.StabilityReport | None:
    """Resamples with an exact search each, as many as there is time for; None without time for one."""

    def find_best(slate: Slate) -> tuple[int, ...] | None:
        solution = None if should_stop() else searches.uncached(slate).solve(query, should_stop)
        return solution.columns if solution is not None and solution.proven else None

    objective = build_objective(inputs.terms, inputs.slate.n_scenarios)
    rng = np.random.default_rng([seed, 1])
    found = search_resamples(inputs.slate, objective, query.driver_units, best.columns, find_best, rng, n_wanted)
    return None if found is None else portfolio_pb2.StabilityReport(**vars(stability_of(found, best.columns)))
