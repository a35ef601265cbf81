"""What the last drivers of a lineup add at most, scenario by scenario, by the salary that is left for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.optimizer.core import prefix_kernels

Int64 = npt.NDArray[np.int64]
Ticks = npt.NDArray[np.int16]


@dataclass(frozen=True, eq=False)
class LastDrivers:
    """Greatest sums of ticks over sets of drivers of one size; see ``prefix_kernels.add_driver``.

    Attributes
    ----------
    edges
        Steps of salary, dollars, ascending.
    best
        Shape (n_drivers + 1, n_edges, n_scenarios): over sets at ``start`` or later that cost up to an edge.
    """

    edges: Int64
    best: Ticks


def edges_of(salaries_left: Int64, n_steps: int) -> Int64:
    """Steps that so many equal parts of the prefixes, by what they leave, lie between."""
    return np.unique(np.quantile(salaries_left, np.linspace(0, 1, n_steps + 1)[1:], method="higher")).astype(np.int64)


def last_drivers(ticks: Ticks, salaries: Int64, edges: Mapping[int, Int64]) -> dict[int, LastDrivers]:
    """Return the last drivers of every size that has edges, over the scenarios of ``ticks`` (drivers first)."""
    n_drivers, n_scenarios = ticks.shape
    made = LastDrivers(np.zeros(1, dtype=np.int64), np.zeros((n_drivers + 1, 1, n_scenarios), dtype=np.int16))
    reachable = np.ones((n_drivers + 1, 1), dtype=np.bool_)
    result = {}
    for size in range(1, max(edges) + 1):
        fewer = made.edges, made.best, reachable
        # One driver's own salaries are steps enough to be exact.
        steps = edges.get(size, np.unique(salaries))
        made = LastDrivers(steps, np.empty((n_drivers + 1, len(steps), n_scenarios), dtype=np.int16))
        reachable = np.empty((n_drivers + 1, len(steps)), dtype=np.bool_)
        prefix_kernels.add_driver(ticks, salaries, steps, made.best, reachable, fewer)
        if size in edges:
            result[size] = made
    return result
