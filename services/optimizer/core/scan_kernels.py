"""Compiled looks at all rows of the lineup table; see ``table`` for what they add up to."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from services.common.jit import njit
from services.common.universe.rule_kernels import keeps_groups, keeps_rules, keeps_stack, precedes, row_bits
from services.common.universe.rules import LIMIT_TOLERANCE
from services.optimizer.core.tighten_kernels import STAGE_EXACT

Array = npt.NDArray[Any]
Ticks = npt.NDArray[np.int16]
Int64 = npt.NDArray[np.int64]
Int8 = npt.NDArray[np.int8]


@njit(cache=True, nogil=True, forceinline=True)
def _prefix(lineups: Int8, row: int, driver_units: Int64) -> tuple[Any, int]:
    """Return the drivers of the prefix of a row as bits, and their units."""
    bits, units = np.uint64(0), 0
    for slot in range(lineups.shape[1] - 2):
        driver = lineups[row, slot]
        units += driver_units[driver]
        bits |= np.uint64(1) << np.uint64(driver)
    return bits, units


@njit(cache=True, nogil=True, forceinline=True)
def _add_up(lineups: Int8, row: int, values: Array, sums: npt.NDArray[np.float64]) -> None:
    """Write what the prefix of a row comes to under each limit."""
    for limit in range(len(sums)):
        sums[limit] = 0.0
        for slot in range(lineups.shape[1] - 2):
            sums[limit] += values[limit, lineups[row, slot]]


@njit(cache=True, nogil=True, forceinline=True)
def _is_over(sums: npt.NDArray[np.float64], values: Array, limits: Array, fifth: int, sixth: int) -> bool:
    """Return whether the last two drivers bring a prefix over some limit."""
    over = False
    for limit in range(len(limits)):
        over |= sums[limit] + values[limit, fifth] + values[limit, sixth] > limits[limit] + LIMIT_TOLERANCE
    return over


@njit(cache=True, nogil=True, forceinline=True)
def _due(bits: Any, toll_drivers: npt.NDArray[np.uint64], toll_units: Int64) -> int:
    """Return the tolls that a lineup pays."""
    units = 0
    for toll in range(len(toll_units)):
        if bits & toll_drivers[toll]:
            units += toll_units[toll]
    return units


@njit(cache=True, nogil=True)
def write_values(
    rows: Int64,
    lineups: Int8,
    bound: Int64,
    driver_units: Int64,
    tolls: tuple[npt.NDArray[np.uint64], Int64],
    values: Int64,
) -> None:
    """Write the bounds of some rows with the units of their drivers, less tolls."""
    for index in range(len(rows)):
        row = rows[index]
        value = bound[row]
        for driver in lineups[row]:
            value += driver_units[driver]
        values[index] = value - _due(row_bits(lineups, row), *tolls)


@njit(cache=True, nogil=True)
def best_of(
    rows: Int64,
    lineups: Int8,
    bound: Int64,
    allowed: npt.NDArray[np.bool_],
    driver_units: Int64,
    tolls: tuple[npt.NDArray[np.uint64], Int64],
    momentary: Any,
    least: int,
) -> int:
    """Return the greatest value of those of some exact rows that are allowed; ``least`` where none is greater."""
    best = least
    for row in rows:
        value = bound[row]
        for driver in lineups[row]:
            value += driver_units[driver]
        if value <= best or not allowed[row]:
            continue
        value -= _due(row_bits(lineups, row), *tolls)
        if value > best and keeps_rules(lineups, row, momentary):
            best = value
    return best


@njit(cache=True, nogil=True)
def _count_allowed(
    rows: tuple[int, int], lineups: Int8, allowed: npt.NDArray[np.bool_], is_excluded: npt.NDArray[np.bool_]
) -> int:
    """Return how many rows of one prefix are allowed and have last drivers who are not excluded."""
    n_allowed, fifth = 0, lineups.shape[1] - 2
    for row in range(rows[0], rows[1]):
        n_allowed += allowed[row] and not (is_excluded[lineups[row, fifth]] or is_excluded[lineups[row, fifth + 1]])
    return n_allowed


@njit(cache=True, nogil=True)
def scan(
    span: tuple[int, int],
    rows: tuple[Int8, Int64, Int64, Int64, Int8, npt.NDArray[np.bool_]],
    units: tuple[Int64, Int64],
    tolls: tuple[npt.NDArray[np.uint64], Int64],
    order: Int64,
    momentary: Any,
    cut: int,
    open_rows: Int64,
    open_values: Int64,
) -> tuple[int, int, int, int]:
    """Look at all rows of the prefixes in ``span``.

    Rows that are allowed, not exact, and whose bound reaches both ``cut`` and the best exact value so far
    are written to ``open_rows`` and ``open_values``. Returns their number, the best exact row (-1 when
    none reaches the cut) and its value, and the number of allowed rows.

    ``rows`` are the lineups, the first row and the bound of each prefix, the bound and stage of each row, and whether
    it is allowed; ``units`` per driver, and the most that two drivers add from each driver on.
    """
    lineups, prefix_start, prefix_bound, bound, stage, allowed = rows
    driver_units, pair_units = units
    excluded, members, bounds, only_with, values, limits, team_index, stack = momentary
    grouped, stacked = len(members) > 0, stack[1] > 0
    excludes_only = not grouped and not stacked and len(limits) == 0
    is_excluded = _as_flags(excluded[0], len(order))
    sums = np.zeros(len(limits))
    roster_size = lineups.shape[1]
    n_open, n_allowed, best_row, best = 0, 0, -1, cut
    for prefix in range(span[0], span[1]):
        first, after = prefix_start[prefix], prefix_start[prefix + 1]
        shared, prefix_units = _prefix(lineups, first, driver_units)
        if shared & excluded[0]:
            continue
        start = lineups[first, roster_size - 3] + 1 if roster_size > 2 else 0
        hopeless = prefix_bound[prefix] + prefix_units + pair_units[start] < best
        if hopeless and excludes_only and roster_size > 1:
            n_allowed += _count_allowed((first, after), lineups, allowed, is_excluded)
            continue
        _add_up(lineups, first, values, sums)
        for row in range(first, after):
            if not allowed[row]:
                continue
            fifth, sixth = lineups[row, roster_size - 2], lineups[row, roster_size - 1]
            bits = shared | (np.uint64(1) << np.uint64(fifth)) | (np.uint64(1) << np.uint64(sixth))
            if bits & excluded[0] or (grouped and not keeps_groups(bits, excluded, members, bounds, only_with)):
                continue
            if _is_over(sums, values, limits, fifth, sixth):
                continue
            if stacked and not keeps_stack(lineups, row, team_index, stack):
                continue
            n_allowed += 1
            if hopeless:
                continue
            value = bound[row] + prefix_units + driver_units[fifth] + driver_units[sixth] - _due(bits, *tolls)
            if value < best:
                continue
            if stage[row] != STAGE_EXACT:
                open_rows[n_open] = row
                open_values[n_open] = value
                n_open += 1
            elif best_row < 0 or value > best or precedes(lineups[row], lineups[best_row], order):
                best = value
                best_row = row
    return n_open, best_row, best, n_allowed


@njit(cache=True, nogil=True)
def _as_flags(bits: Any, n_drivers: int) -> npt.NDArray[np.bool_]:
    """Return the bits of a word as one flag per driver."""
    flags = np.zeros(n_drivers, dtype=np.bool_)
    for driver in range(n_drivers):
        flags[driver] = bits & (np.uint64(1) << np.uint64(driver)) != np.uint64(0)
    return flags


@njit(cache=True, nogil=True)
def heaviest_allowed(
    lineups: Int8,
    allowed: npt.NDArray[np.bool_],
    weights: Int64,
    toll_drivers: npt.NDArray[np.uint64],
    toll_units: Int64,
) -> int:
    """Return the first allowed row with the greatest sum of ``weights`` less tolls, -1 without any."""
    best_row = -1
    best = 0
    for row in range(len(lineups)):
        if not allowed[row]:
            continue
        total = 0
        bits = np.uint64(0)
        for driver in lineups[row]:
            total += weights[driver]
            bits |= np.uint64(1) << np.uint64(driver)
        total -= _due(bits, toll_drivers, toll_units)
        if best_row < 0 or total > best:
            best, best_row = total, row
    return best_row
