"""How alike the lineups of a portfolio are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Diversity:
    """Jaccard similarity (drivers shared over drivers in either) over all pairs; zeros for one lineup."""

    jaccard_mean: float
    jaccard_max: float
    most_similar: tuple[int, int]
    min_distinct: int


def diversity(lineups: Sequence[Sequence[int]], n_drivers: int) -> Diversity:
    """Compare all pairs of lineups of equal size; the most similar pair is the first of several."""
    if len(lineups) < 2:
        return Diversity(0.0, 0.0, (0, 0), 0)
    held = np.zeros((len(lineups), n_drivers), dtype=np.int64)
    for row, columns in enumerate(lineups):
        held[row, list(columns)] = 1
    size = len(lineups[0])
    first, second = np.triu_indices(len(lineups), k=1)
    shared = (held @ held.T)[first, second]
    jaccard = shared / (2 * size - shared)
    closest = int(jaccard.argmax())
    pair = int(first[closest]), int(second[closest])
    return Diversity(float(jaccard.mean()), float(jaccard.max()), pair, size - int(shared.max()))


def jaccard(left: Sequence[int], right: Sequence[int]) -> float:
    """Jaccard similarity of two lineups."""
    shared = len(set(left) & set(right))
    return shared / (len(left) + len(right) - shared)
