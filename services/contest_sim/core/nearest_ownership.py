"""The closest ownership that a legal field can have, for targets that none can.

Ownership of fields is the convex hull of the legal lineups' 0/1 vectors. The nearest point of a hull is
found by Wolfe's method (Mathematical Programming 11, 1976) in its fully corrective form: add the lineup
that lies furthest in the direction of the miss, then refit the weights of all lineups held. The lineup is
found by looking at every one, so the gap that ends the search is a proof.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import nnls

from services.common.domain.work import Checkpoint, no_checkpoint
from services.contest_sim.core.lineup_space import LineupSpace

Floats = npt.NDArray[np.float64]

_SUM_WEIGHT = 1e3
"""Weight of the row that makes the lineups' weights sum to one."""


@dataclass(frozen=True, eq=False)
class NearestOwnership:
    """``shares[driver]`` that a legal field has, and the Euclidean distance to what was asked for, in shares."""

    shares: Floats
    distance: float


def nearest_ownership(
    space: LineupSpace,
    target: Floats,
    *,
    tolerance: float = 1e-5,
    max_lineups: int = 400,
    checkpoint: Checkpoint = no_checkpoint,
) -> NearestOwnership:
    """Return the legal ownership closest to ``target``; squared distances within ``tolerance`` of the least."""
    held = [_vector(space, space.best(target, checkpoint=checkpoint))]
    point = held[0]
    for _ in range(max_lineups):
        miss = target - point
        furthest = _vector(space, space.best(miss, checkpoint=checkpoint))
        if float(miss @ (furthest - point)) <= tolerance:
            break
        held = [*held, furthest]
        weights = _weights(np.array(held), target)
        held = [vector for vector, weight in zip(held, weights, strict=True) if weight > 0.0]
        point = weights[weights > 0.0] @ np.array(held)
    return NearestOwnership(point, float(np.linalg.norm(target - point)))


def _vector(space: LineupSpace, row: int) -> Floats:
    """The 0/1 vector of a lineup; shape (n_drivers,)."""
    vector = np.zeros(space.universe.n_drivers)
    vector[space.universe.lineups[row]] = 1.0
    return vector


def _weights(held: Floats, target: Floats) -> Floats:
    """Weights >= 0, summing to one, that bring the mix of ``held[lineup, driver]`` closest to ``target``."""
    stacked = np.vstack([held.T, np.full(len(held), _SUM_WEIGHT)])
    weights, _ = nnls(stacked, np.append(target, _SUM_WEIGHT), maxiter=50 * len(held))
    return weights / weights.sum()
