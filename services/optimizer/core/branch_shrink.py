"""The scenarios that still matter below a node, copied together so that deeper nodes look at fewer.

Below a node no total exceeds the node's best completion, scenario by scenario. Scenarios where that is not above
some *floor* add nothing to the excess over a threshold at the floor or higher, so bounds at such thresholds stay
what they are without them; any threshold gives a bound. Copies are made where they halve the scenarios at least,
so all of them together take less room than the slate.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from services.common.jit import njit

Int64 = npt.NDArray[np.int64]
Ticks = npt.NDArray[np.int16]

LEVEL, WIDTH, FLOOR = 0, 1, 2
LOWEST = -32768
_LEAST_LEFT = 3
"""Nodes with fewer drivers to come have too little below them to pay for a copy."""
_LEAST_GAIN = 2
"""How many times fewer the scenarios of a copy are, at least."""
_LEAST_SCENARIOS = 128
"""Fewer are not worth a copy."""


class Copies(NamedTuple):
    """Copies of the slate on fewer scenarios, a level each, and which of them each depth of a walk reads.

    Attributes
    ----------
    cells, starts, room
        All copies one after the other, where that of a level starts, and the scenarios it has room for.
    read
        Per depth: level (0 for the slate itself), scenarios, floor in ticks.
    live
        Scratch, shape (n_scenarios,).
    """

    cells: Ticks
    starts: Int64
    room: Int64
    read: Int64
    live: Int64


def new_copies(n_drivers: int, roster_size: int, n_scenarios: int) -> Copies:
    """Return room for the copies of one walk, which begins with all scenarios."""
    n_levels = 1
    while n_scenarios >> n_levels >= _LEAST_SCENARIOS and n_levels < roster_size - 1:
        n_levels += 1
    room = np.array([n_scenarios >> level for level in range(n_levels)], dtype=np.int64)
    cells = room[1:] * (n_drivers + roster_size * (n_drivers + 1))
    starts = np.concatenate([[0, 0], np.cumsum(cells)]).astype(np.int64)
    read = np.zeros((roster_size + 1, 3), dtype=np.int64)
    read[:, WIDTH], read[:, FLOOR] = n_scenarios, LOWEST
    return Copies(np.empty(starts[-1], dtype=np.int16), starts, room, read, np.empty(n_scenarios, dtype=np.int64))


@njit(cache=True, nogil=True)
def _row(copies: Copies, level: int, row: int, width: int) -> Ticks:
    start = copies.starts[level] + row * copies.room[level]
    return copies.cells[start : start + width]


@njit(cache=True, nogil=True)
def ticks_at(copies: Copies, depth: int, ticks: Ticks, driver: int) -> Ticks:
    """Return the ticks of a driver on the scenarios of a depth."""
    level, width = copies.read[depth, LEVEL], copies.read[depth, WIDTH]
    return ticks[driver] if level == 0 else _row(copies, level, driver, width)


@njit(cache=True, nogil=True)
def completion_at(copies: Copies, depth: int, completions: Ticks, left: int, start: int) -> Ticks:
    """Return the best completions on the scenarios of a depth."""
    level, width = copies.read[depth, LEVEL], copies.read[depth, WIDTH]
    if level == 0:
        return completions[left, start]
    n_drivers = completions.shape[1] - 1
    return _row(copies, level, n_drivers + left * (n_drivers + 1) + start, width)


@njit(cache=True, nogil=True)
def _count_live(total: Ticks, completion: Ticks, floor: int) -> int:
    """Return how many scenarios are above the floor."""
    narrow, n_live = np.int16(floor), np.int32(0)
    for s in range(len(total)):
        n_live = np.int32(n_live + np.int32(np.int16(total[s] + completion[s]) > narrow))
    return int(n_live)


@njit(cache=True, nogil=True)
def _mark_live(total: Ticks, completion: Ticks, floor: int, live: Int64) -> None:
    """Write which scenarios are above the floor."""
    narrow, n_live = np.int16(floor), 0
    for s in range(len(total)):
        if np.int16(total[s] + completion[s]) > narrow:
            live[n_live] = s
            n_live += 1


@njit(cache=True, nogil=True)
def _copy(source: Ticks, live: Int64, target: Ticks) -> None:
    for i in range(len(target)):
        target[i] = source[live[i]]


@njit(cache=True, nogil=True)
def enter(
    copies: Copies, depth: int, total: Ticks, ticks: Ticks, completions: Ticks, first: int, left: int, floor: int
) -> int:
    """Settle which scenarios the nodes below one at ``depth`` look at; return the cells copied for that.

    ``left`` drivers of ``first`` and later are still to come. The ``total`` of the node is copied in its place.
    """
    level, width = copies.read[depth, LEVEL], copies.read[depth, WIDTH]
    copies.read[depth + 1] = copies.read[depth]
    if left < _LEAST_LEFT or level + 1 >= len(copies.room):
        return 0
    floor = max(floor, copies.read[depth, FLOOR])
    completion = completion_at(copies, depth, completions, left, first)
    n_live = _count_live(total, completion, floor)
    if n_live > width // _LEAST_GAIN:
        return 0
    _mark_live(total, completion, floor, copies.live)
    live = copies.live[:n_live]
    n_drivers = len(ticks)
    _copy(total, live, total[:n_live])
    for driver in range(first, n_drivers):
        _copy(ticks_at(copies, depth, ticks, driver), live, _row(copies, level + 1, driver, n_live))
        for r in range(1, left):
            row = n_drivers + r * (n_drivers + 1) + driver
            _copy(completion_at(copies, depth, completions, r, driver), live, _row(copies, level + 1, row, n_live))
    copies.read[depth + 1, LEVEL] = level + 1
    copies.read[depth + 1, WIDTH] = n_live
    copies.read[depth + 1, FLOOR] = floor
    return n_live * (n_drivers - first) * left
