"""Whether the best lineup is best by luck of the scenarios: bootstrap."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from services.optimizer.core.diversity import jaccard
from services.optimizer.core.objective import Term, build_objective
from services.optimizer.core.slate import Slate, lineup_units

BestLineup = Callable[[Slate], tuple[int, ...] | None]


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
) -> Stability | None:
    """Redraw the scenarios with replacement, and find the best lineup of each redraw exactly.

    Parameters
    ----------
    best
        The best lineup on all scenarios.
    find_best
        Exact search over the scenarios it is given; None when there is no time for it, which ends the resampling.

    Returns
    -------
    Stability
        Over the resamples made; None without any.
    """
    objective = build_objective(terms, slate.n_scenarios)
    values, winners = [], []
    for _ in range(n_resamples):
        redrawn = slate.on(np.sort(rng.integers(0, slate.n_scenarios, slate.n_scenarios)))
        if (winner := find_best(redrawn)) is None:
            break
        values.append(objective.points(lineup_units(redrawn, objective, best)))
        winners.append(winner)
    if not winners:
        return None
    spread = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return Stability(
        n_resamples=len(winners),
        objective_cv=spread / abs(float(np.mean(values))) if np.mean(values) else 0.0,
        same_lineup_share=sum(winner == best for winner in winners) / len(winners),
        jaccard_mean=float(np.mean([jaccard(best, winner) for winner in winners])),
    )
