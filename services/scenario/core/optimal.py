"""Best-in-hindsight lineups: how often each driver belongs to the best legal lineup of a scenario."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.common.domain.work import Checkpoint, no_checkpoint
from services.common.jit import njit

MAX_SCENARIOS = 2_000
"""Scenarios looked at; the standard error of a rate is then 0.011 at most."""

_BLOCK = 200
_BISECTIONS = 24


@dataclass(frozen=True, eq=False)
class OptimalRates:
    """Share of scenarios whose best lineup holds the driver, its standard error, and the best totals in ticks.

    ``rate`` and ``standard_error`` have shape (n_drivers,), ``best_ticks`` (n_scenarios,).
    """

    rate: npt.NDArray[np.float64]
    standard_error: npt.NDArray[np.float64]
    best_ticks: npt.NDArray[np.int64]


def optimal_rates(
    ticks: npt.NDArray[np.int16],
    salaries_dollars: npt.NDArray[np.int64],
    *,
    roster_size: int,
    salary_cap_dollars: int,
    checkpoint: Checkpoint = no_checkpoint,
) -> OptimalRates:
    """Exact best lineup of each scenario, or of evenly spaced ones when there are more than ``MAX_SCENARIOS``.

    Parameters
    ----------
    ticks
        ``ticks[scenario, driver]``.
    """
    n_rows = min(ticks.shape[0], MAX_SCENARIOS)
    rows = (np.arange(n_rows) * ticks.shape[0]) // n_rows
    chosen = np.zeros((n_rows, ticks.shape[1]), dtype=np.bool_)
    best = np.empty(n_rows, dtype=np.int64)
    for first in range(0, n_rows, _BLOCK):
        checkpoint()
        part = slice(first, min(first + _BLOCK, n_rows))
        sample = ticks[rows[part]].astype(np.int64)
        _best_lineups(sample, salaries_dollars, roster_size, salary_cap_dollars, chosen[part], best[part])
    rate = chosen.mean(axis=0)
    return OptimalRates(rate, np.sqrt(rate * (1.0 - rate) / n_rows), best)


@njit(cache=True, nogil=True)
def _price(values: npt.NDArray[np.int64], salaries: npt.NDArray[np.int64], size: int, cap: int) -> float:
    """Worth of a dollar at which the best lineup, the cap being priced instead of held, just meets the cap."""
    low, high = 0.0, 1.0
    for _ in range(_BISECTIONS):
        price = 0.5 * (low + high)
        order = np.argsort(price * salaries - values)
        if salaries[order[:size]].sum() > cap:
            low = price
        else:
            high = price
    return high


@njit(cache=True, nogil=True)
def _best_lineup(
    values: npt.NDArray[np.int64], salaries: npt.NDArray[np.int64], size: int, cap: int, lineup: npt.NDArray[np.int64]
) -> int:
    """Total of the best lineup, whose drivers are written to ``lineup``: branch and bound.

    With a price ``p >= 0`` per dollar, ``total <= p * cap + sum(value - p * salary)`` for every legal lineup; in
    descending order of the bracket the best completion of a partial lineup is the next drivers in line.
    """
    n = values.size
    unbound = np.argsort(-values)[:size]
    if salaries[unbound].sum() <= cap:
        lineup[:] = unbound
        return int(values[unbound].sum())
    price = _price(values, salaries, size, cap)
    reduced = values - price * salaries
    order = np.argsort(-reduced)
    prefix = np.zeros(n + 1)
    for k in range(n):
        prefix[k + 1] = prefix[k] + reduced[order[k]]
    best = np.int64(-(1 << 40))
    pick = np.empty(size, np.int64)
    depth, k = 0, 0
    total, cost, gain = np.int64(0), np.int64(0), 0.0
    while True:
        need = size - depth
        # Totals are whole ticks: a completion that cannot gain one is no improvement.
        bound = price * cap + gain + prefix[min(n, k + need)] - prefix[k]
        if k + need > n or bound < best + 1 - 1e-6:
            if depth == 0:
                return int(best)
            depth -= 1
            k = pick[depth]
            driver = order[k]
            total, cost, gain = total - values[driver], cost - salaries[driver], gain - reduced[driver]
            k += 1
            continue
        driver = order[k]
        if cost + salaries[driver] > cap:
            k += 1
            continue
        pick[depth] = k
        depth += 1
        total, cost, gain = total + values[driver], cost + salaries[driver], gain + reduced[driver]
        k += 1
        if depth == size:
            if total > best:
                best = total
                for slot in range(size):
                    lineup[slot] = order[pick[slot]]
            depth -= 1
            total, cost, gain = total - values[driver], cost - salaries[driver], gain - reduced[driver]


@njit(cache=True, nogil=True)
def _best_lineups(
    ticks: npt.NDArray[np.int64],
    salaries: npt.NDArray[np.int64],
    size: int,
    cap: int,
    chosen: npt.NDArray[np.bool_],
    best: npt.NDArray[np.int64],
) -> None:
    lineup = np.empty(size, np.int64)
    for row in range(ticks.shape[0]):
        # Without a legal lineup nothing is written: a kernel must not index by what is left from before.
        lineup[:] = -1
        best[row] = _best_lineup(ticks[row], salaries, size, cap, lineup)
        for driver in lineup:
            if driver >= 0:
                chosen[row, driver] = True
