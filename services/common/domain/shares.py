"""Shares of a portfolio in whole lineups."""

from __future__ import annotations

import math

_EPSILON = 1e-9


def at_most(share: float, n_lineups: int) -> int:
    """Lineups that a greatest share allows: rounded down, but one unless the share is 0."""
    return 0 if share == 0 else max(1, math.floor(share * n_lineups + _EPSILON))
