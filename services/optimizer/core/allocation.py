"""How many lineups each race flow gets, and in which order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def allocate(weights: Sequence[float], n_lineups: int) -> list[int]:
    """Return whole numbers of lineups in proportion to ``weights``, rounded down, the rest to the heaviest."""
    shares = np.asarray(weights, dtype=np.float64)
    counts = np.floor(shares / shares.sum() * n_lineups + 1e-9).astype(int)
    counts[int(shares.argmax())] += n_lineups - counts.sum()
    return [int(count) for count in counts]


def interleave(counts: Sequence[int]) -> list[int]:
    """Return the part of each lineup such that every part is spread evenly over the portfolio."""
    places = [((turn + 0.5) / count, part) for part, count in enumerate(counts) for turn in range(count)]
    return [part for _, part in sorted(places)]
