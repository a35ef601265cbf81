"""Compiled walks over the combinations of drivers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from services.common.jit import njit

Salaries = npt.NDArray[np.int64]


def completion_salaries(salaries: Salaries, roster_size: int) -> tuple[Salaries, Salaries]:
    """Return the least and the greatest salary of ``r`` drivers among columns ``start`` and later.

    Both have shape (roster_size + 1, n_drivers + 1), indexed [r, start]; where fewer than ``r`` drivers
    are left the entry is never read.
    """
    n_drivers = len(salaries)
    cheapest = np.zeros((roster_size + 1, n_drivers + 1), dtype=np.int64)
    dearest = np.zeros_like(cheapest)
    for start in range(n_drivers):
        ascending = np.sort(salaries[start:])[:roster_size]
        descending = np.sort(salaries[start:])[::-1][:roster_size]
        cheapest[1 : len(ascending) + 1, start] = np.cumsum(ascending)
        dearest[1 : len(descending) + 1, start] = np.cumsum(descending)
    return cheapest, dearest


@njit(cache=True, nogil=True)
def walk(
    salaries: Salaries,
    cheapest: Salaries,
    dearest: Salaries,
    limits: Salaries,
    first_driver: int,
    lineups: npt.NDArray[np.int8],
    totals: npt.NDArray[np.int32],
    max_lineups: int,
) -> int:
    """Count the legal lineups that begin with a driver, depth first, and write them where ``lineups`` has rows.

    ``limits`` holds the salary floor and cap. Branches that no completion can bring between the two are
    left. Stops one past ``max_lineups``.
    """
    n_drivers = len(salaries)
    roster_size = lineups.shape[1]
    fill = lineups.shape[0] > 0
    chosen = np.zeros(roster_size, dtype=np.int64)
    following = np.zeros(roster_size + 1, dtype=np.int64)
    following[0] = first_driver
    spent = np.zeros(roster_size + 1, dtype=np.int64)
    count = 0
    depth = 0
    while depth >= 0:
        driver = following[depth]
        left = roster_size - depth - 1
        if driver + left >= n_drivers or (depth == 0 and driver > first_driver):
            depth -= 1
            continue
        following[depth] = driver + 1
        salary = spent[depth] + salaries[driver]
        if salary + cheapest[left, driver + 1] > limits[1] or salary + dearest[left, driver + 1] < limits[0]:
            continue
        chosen[depth] = driver
        if left > 0:
            depth += 1
            spent[depth] = salary
            following[depth] = driver + 1
            continue
        if fill:
            for slot in range(roster_size):
                lineups[count, slot] = chosen[slot]
            totals[count] = salary
        count += 1
        if count > max_lineups:
            return count
    return count


@njit(cache=True, nogil=True)
def add_driver(ways: Salaries, step: int) -> None:
    """Let subsets, counted in ``ways[size, total]``, also hold one more driver of a salary."""
    for size in range(len(ways) - 1, 0, -1):
        for total in range(ways.shape[1] - 1, step - 1, -1):
            ways[size, total] += ways[size - 1, total - step]


@njit(cache=True, nogil=True)
def find_row(lineups: npt.NDArray[np.int8], wanted: npt.NDArray[np.int8]) -> int:
    """Return the row that equals ``wanted`` by bisection over the lexicographic order, or -1."""
    low = 0
    high = lineups.shape[0]
    while low < high:
        middle = (low + high) // 2
        order = 0
        for slot in range(lineups.shape[1]):
            if lineups[middle, slot] != wanted[slot]:
                order = 1 if lineups[middle, slot] > wanted[slot] else -1
                break
        if order == 0:
            return middle
        if order < 0:
            low = middle + 1
        else:
            high = middle
    return -1
