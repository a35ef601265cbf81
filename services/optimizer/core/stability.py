"""Whether the best lineup is best by luck of the scenarios: bootstrap.

Scenarios are redrawn with replacement, as many as there are, and the best lineup of each redraw is looked for
(Efron 1979). What the winner of a redraw has there beyond its value on all scenarios is, on average, by how much the
chosen lineup looks better than it is: the bootstrap's estimate of optimism, or winner's curse (Efron and Tibshirani
1993, chapter 17). The redraws that matter differ little from all scenarios, so nearly all are won by lineups that
are good on all; an exact search of each redraw needs no such argument and takes as long as a lineup from cold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.optimizer.core.diversity import jaccard
from services.optimizer.core.objective import Objective
from services.optimizer.core.slate import Slate, lineup_units

Int64 = npt.NDArray[np.int64]
Columns = tuple[int, ...]
BestLineup = Callable[[Slate], Columns | None]


@dataclass(frozen=True)
class Stability:
    """How the best lineup fares when scenarios are redrawn.

    Attributes
    ----------
    objective_cv
        Coefficient of variation of its objective.
    same_lineup_share, jaccard_mean
        Share of the resamples in which it stays best, and how like it the winners are.
    optimism_points
        Mean over resamples of what the winner has beyond its value on all scenarios.
    deepest_winner_points
        How far below the best one, on all scenarios, the least of the winners is.
    """

    n_resamples: int
    objective_cv: float
    same_lineup_share: float
    jaccard_mean: float
    optimism_points: float
    deepest_winner_points: float


@dataclass(frozen=True, eq=False)
class Resampled:
    """The winner of each resample, with values in points.

    ``tails`` are the best lineup's terms of the objective on the resample; ``gains`` what the winner has beyond its
    value on all scenarios; ``behind`` how far that value is below the best lineup's. Shapes (n_resamples,).
    """

    winners: Sequence[Columns]
    tails: npt.NDArray[np.float64]
    gains: npt.NDArray[np.float64]
    behind: npt.NDArray[np.float64]


def stability_of(found: Resampled, best: Columns) -> Stability:
    """Return what resamples say of the best lineup."""
    mean = float(found.tails.mean())
    spread = float(found.tails.std(ddof=1)) if len(found.tails) > 1 else 0.0
    return Stability(
        n_resamples=len(found.winners),
        objective_cv=spread / abs(mean) if mean else 0.0,
        same_lineup_share=sum(winner == best for winner in found.winners) / len(found.winners),
        jaccard_mean=float(np.mean([jaccard(best, winner) for winner in found.winners])),
        optimism_points=float(found.gains.mean()),
        deepest_winner_points=float(found.behind.max()),
    )


def search_resamples(
    slate: Slate,
    objective: Objective,
    driver_units: Int64,
    best: Columns,
    find_best: BestLineup,
    rng: np.random.Generator,
    n_resamples: int,
) -> Resampled | None:
    """Find the best lineup of each resample exactly.

    Parameters
    ----------
    driver_units
        What the objective adds per driver, besides the scenarios; int64, shape (n_drivers,).
    best
        The best lineup on all scenarios.
    find_best
        Exact search over the scenarios it is given; None when there is no time for it, which ends the resampling.

    Returns
    -------
    Resampled
        Of the resamples made; None without any.
    """

    def units(on: Slate, columns: Columns) -> int:
        return lineup_units(on, objective, columns) + int(driver_units[list(columns)].sum())

    winners, tails, gains, behind = [], [], [], []
    for _ in range(n_resamples):
        redrawn = slate.on(np.sort(rng.integers(0, slate.n_scenarios, slate.n_scenarios)))
        if (winner := find_best(redrawn)) is None:
            break
        winners.append(winner)
        tails.append(objective.points(lineup_units(redrawn, objective, best)))
        gains.append(objective.points(units(redrawn, winner) - units(slate, winner)))
        behind.append(objective.points(units(slate, best) - units(slate, winner)))
    return Resampled(winners, np.array(tails), np.array(gains), np.array(behind)) if winners else None
