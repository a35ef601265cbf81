"""Inner loops of a contest: exact ranks by counting scores.

Scores are integers (ticks), so the entries of a scenario are counted by score and the counts summed from
the top: ``at_least[s]`` entries score s or more. An entry with score s has ``at_least[s + 1]`` above it and
shares its places with ``at_least[s] - at_least[s + 1]``, itself among them. Cost grows with opponents plus
scores, memory with scores alone.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from services.common.jit import njit

Ints = npt.NDArray[np.int64]
Counts = npt.NDArray[np.int32]
Lineups = npt.NDArray[np.int8]
Scores = npt.NDArray[np.int32]

SCENARIOS_PER_TILE = 16
"""Scenarios counted together: their tables fit the second-level cache, their sums one vector register or two."""


@njit(cache=True, nogil=True)
def score_bounds(ticks: npt.NDArray[np.int16], roster_size: int) -> tuple[Ints, Ints]:
    """Return the least and the greatest lineup score of each scenario, legal or not; ``ticks[scenario, driver]``."""
    low = np.zeros(len(ticks), dtype=np.int64)
    high = np.zeros(len(ticks), dtype=np.int64)
    for scenario in range(len(ticks)):
        ranked = np.sort(ticks[scenario])
        for slot in range(roster_size):
            low[scenario] += ranked[slot]
            high[scenario] += ranked[len(ranked) - 1 - slot]
    return low, high


@njit(cache=True, nogil=True)
def tile_columns(ticks: npt.NDArray[np.int16], start: int, stop: int) -> Scores:
    """Return ``scores[driver, lane]`` of the scenarios of a tile; lanes beyond its last one hold 0."""
    n_drivers = ticks.shape[1]
    columns = np.zeros((n_drivers, SCENARIOS_PER_TILE), dtype=np.int32)
    for scenario in range(start, stop):
        for driver in range(n_drivers):
            columns[driver, scenario - start] = ticks[scenario, driver]
    return columns


@njit(cache=True, nogil=True)
def add_scores(columns: Scores, offsets: Scores, lineups: Lineups, copies: Counts, counts: Counts) -> None:
    """Add every lineup's ``copies`` to ``counts[scenario, score - offset]`` of a tile.

    Sorted lineups share all but their last two drivers with the one before more often than not. Unsigned
    integers spare the compiler the care for negative indices, which halves the time.
    """
    width = np.uint32(counts.shape[1])
    flat = counts.reshape(-1)
    scores = columns.astype(np.uint32)
    starts = np.empty(SCENARIOS_PER_TILE, dtype=np.uint32)
    shared = np.empty(SCENARIOS_PER_TILE, dtype=np.uint32)
    places = np.empty(SCENARIOS_PER_TILE, dtype=np.uint32)
    for lane in range(SCENARIOS_PER_TILE):
        starts[lane] = np.uint32(lane) * width - np.uint32(offsets[lane])
    n_shared = max(0, lineups.shape[1] - 2)
    for row in range(lineups.shape[0]):
        same = row > 0
        for slot in range(n_shared):
            same = same and lineups[row, slot] == lineups[row - 1, slot]
        if not same:
            for lane in range(SCENARIOS_PER_TILE):
                shared[lane] = starts[lane]
            for slot in range(n_shared):
                driver = np.uint64(lineups[row, slot])
                for lane in range(SCENARIOS_PER_TILE):
                    shared[lane] += scores[driver, lane]
        for lane in range(SCENARIOS_PER_TILE):
            places[lane] = shared[lane]
        for slot in range(n_shared, lineups.shape[1]):
            driver = np.uint64(lineups[row, slot])
            for lane in range(SCENARIOS_PER_TILE):
                places[lane] += scores[driver, lane]
        for lane in range(SCENARIOS_PER_TILE):
            flat[places[lane]] += copies[row]


@njit(cache=True, nogil=True)
def count_at_least(
    ticks: npt.NDArray[np.int16], low: Ints, start: int, stop: int, lineups: Lineups, copies: Counts, counts: Counts
) -> None:
    """Write ``counts[scenario - start, s]``: entries that score ``low + s`` or more, for one tile."""
    counts[:] = 0
    columns = tile_columns(ticks, start, stop)
    offsets = np.zeros(SCENARIOS_PER_TILE, dtype=np.int32)
    for scenario in range(start, stop):
        offsets[scenario - start] = low[scenario]
    add_scores(columns, offsets, lineups, copies, counts)
    for lane in range(stop - start):
        for score in range(counts.shape[1] - 2, -1, -1):
            counts[lane, score] += counts[lane, score + 1]


@njit(cache=True, nogil=True)
def settle(
    ticks: npt.NDArray[np.int16],
    entries: tuple[Lineups, Counts],
    own: tuple[Lineups, Ints],
    cumulative_cents: Ints,
    limits: Ints,
    results: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], Ints, npt.NDArray[np.float64], Ints],
) -> None:
    """Play each scenario of ``ticks[scenario, driver]`` with all ``entries``, one's ``own`` among them.

    ``limits`` holds the places of the top 1 % and those paid. Adds to ``results``: prize money per own lineup and
    entry; squares of it and of ranks ``[2, own]``; wins, top-1 %, cashes, sum and best of ranks ``[5, own]``; writes
    the portfolio's prize money and whether it has a win and a top-1 % entry ``[2, scenario]`` of each scenario.
    """
    lineups, copies = entries
    own_lineups, own_copies = own
    money, squares, tallies, portfolio, marks = results
    roster = lineups.shape[1]
    low, high = score_bounds(ticks, roster)
    counts = np.zeros((SCENARIOS_PER_TILE, np.max(high - low) + 2), dtype=np.int32)
    for start in range(0, len(ticks), SCENARIOS_PER_TILE):
        stop = min(len(ticks), start + SCENARIOS_PER_TILE)
        count_at_least(ticks, low, start, stop, lineups, copies, counts)
        for scenario in range(start, stop):
            for row in range(len(own_lineups)):
                score = -low[scenario]
                for slot in range(roster):
                    score += ticks[scenario, own_lineups[row, slot]]
                above = np.int64(counts[scenario - start, score + 1])
                through = np.int64(counts[scenario - start, score])
                prize = (cumulative_cents[through] - cumulative_cents[above]) / (through - above)
                money[row] += prize
                squares[0, row] += prize * prize
                squares[1, row] += np.float64(above + 1) * np.float64(above + 1)
                portfolio[scenario] += prize * own_copies[row]
                if above == 0:
                    tallies[0, row] += 1
                    marks[0, scenario] = 1
                if above < limits[0]:
                    tallies[1, row] += 1
                    marks[1, scenario] = 1
                tallies[2, row] += above < limits[1]
                tallies[3, row] += above + 1
                tallies[4, row] = min(tallies[4, row], above + 1)
