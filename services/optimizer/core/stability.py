"""Whether the best lineup is best by luck of the scenarios: bootstrap."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from services.optimizer.core.diversity import jaccard
from services.optimizer.core.objective import Term, build_objective
from services.optimizer.core.slate import Slate, lineup_units

BestLineup = Callable[[Slate], tuple[int, ...]]


@dataclass(frozen=True)
class Stability:
    """Over resamples: spread of the lineup's objective, share it stays best, likeness of the winners."""

    n_resamples: int
    objective_cv: float
    same_lineup_share: float
    jaccard_mean: float


def bootstrap(
    slate: Slate,
    terms: tuple[Term, ...],
    best: tuple[int, ...],
    find_best: BestLineup,
    rng: np.random.Generator,
    n_resamples: int,
) -> Stability:
    """Redraw the scenarios with replacement, and find the best lineup of each redraw exactly.

    Parameters
    ----------
    best
        The best lineup on all scenarios.
    find_best
        Exact search over the scenarios it is given.
    """
    objective = build_objective(terms, slate.n_scenarios)
    values, winners = [], []
    for _ in range(n_resamples):
        redrawn = slate.on(np.sort(rng.integers(0, slate.n_scenarios, slate.n_scenarios)))
        values.append(objective.points(lineup_units(redrawn, objective, best)))
        winners.append(find_best(redrawn))
    spread = float(np.std(values, ddof=1)) if n_resamples > 1 else 0.0
    return Stability(
        n_resamples=n_resamples,
        objective_cv=spread / abs(float(np.mean(values))) if np.mean(values) else 0.0,
        same_lineup_share=sum(winner == best for winner in winners) / n_resamples,
        jaccard_mean=float(np.mean([jaccard(best, winner) for winner in winners])),
    )
