"""Which rules collide: a set of them of which none can be dropped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from services.common.domain.work import Checkpoint
from services.common.universe.rules import Rule, compile_rules
from services.optimizer.core.completion import Lister, is_impossible
from services.optimizer.core.demand import BoundRule, demand_of
from services.optimizer.core.query import Query
from services.optimizer.core.time_limit import TimeUp

AnyRule = TypeVar("AnyRule")


def smallest_conflict(rules: Sequence[AnyRule], allowed: Callable[[Sequence[AnyRule]], bool]) -> list[AnyRule]:
    """Return rules that collide, of which none can be dropped, from rules that do (deletion filter).

    When the time for the search is over before that is known of all, some that could be dropped are among them.
    """
    kept = list(rules)
    with suppress(TimeUp):
        for rule in rules:
            without = [other for other in kept if other is not rule]
            if not allowed(without):
                kept = without
    return kept


def portfolio_conflict(
    rules: Sequence[Rule],
    bounds: Sequence[BoundRule],
    n_lineups: int,
    team_members: npt.NDArray[np.bool_],
    lister: Lister,
    checkpoint: Checkpoint,
) -> tuple[str, ...]:
    """Return the names of rules on lineups and on the portfolio that together leave no full portfolio."""
    n_drivers = team_members.shape[1]
    nothing = compile_rules([], n_drivers)

    def allowed(kept: Sequence[Rule | BoundRule]) -> bool:
        single = compile_rules([rule for rule in kept if isinstance(rule, Rule)], n_drivers)
        demand = demand_of([rule for rule in kept if isinstance(rule, BoundRule)], n_lineups, team_members)
        query = Query(np.zeros(n_drivers, dtype=np.int64), single, nothing)
        return not is_impossible(demand, query, lister, checkpoint)

    every: list[Rule | BoundRule] = [*bounds, *rules]
    return tuple(rule.name for rule in smallest_conflict(every, allowed))
