"""How much of a bankroll to stake on a whole portfolio."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

DEFAULT_FRACTION = 0.25
"""Full Kelly is right only for odds that are known; a quarter of it is what is advised."""

_NEARLY_ALL = 1.0 - 1e-9


def kelly_share(returns: npt.NDArray[np.float64]) -> float:
    """Return the stake ``f`` in [0, 1) that maximises the mean of ``log(1 + f * returns)``.

    ``returns[scenario]`` is net profit per unit staked, -1 when all is lost. The derivative
    ``mean(R / (1 + f R))`` falls in ``f``, so its root is found by halving.
    Kelly, Bell System Technical Journal 35, 1956.
    """

    def slope(share: float) -> float:
        return float(np.mean(returns / (1.0 + share * returns)))

    if slope(0.0) <= 0.0:
        return 0.0
    if slope(_NEARLY_ALL) > 0.0:
        return _NEARLY_ALL
    low, high = 0.0, _NEARLY_ALL
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) > 0.0 else (low, middle)
    return low
