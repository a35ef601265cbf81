"""Inner loops of entry selection: what one more entry would add, by its score.

For each scenario a table over scores holds the money that an entry with that score would add to the
portfolio: its own share of the prizes, less what it takes from own entries that tie with it or stand below.
Scores that pay nothing are all index 0. Tables of 16 scenarios form a tile.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from services.common.jit import njit
from services.contest_sim.core.contest_kernels import SCENARIOS_PER_TILE

Floats = npt.NDArray[np.float64]
Table = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Counts = npt.NDArray[np.int32]
Lineups = npt.NDArray[np.int8]


@njit(cache=True, nogil=True)
def paying_from(at_least: Counts, n_lanes: int, n_paid: int) -> Ints:
    """Return the highest score of each lane that pays nothing: ``n_paid`` entries or more stand above it.

    ``at_least[lane, score]`` counts entries with that score or more.
    """
    edges = np.zeros(SCENARIOS_PER_TILE, dtype=np.int64)
    for lane in range(n_lanes):
        score = at_least.shape[1] - 2
        while score >= 0 and at_least[lane, score + 1] < n_paid:
            score -= 1
        edges[lane] = score
    return edges


@njit(cache=True, nogil=True)
def fill_gains(at_least: Counts, own: npt.NDArray[np.int64], cumulative_cents: Ints, gains: Table) -> None:
    """Write ``gains[index]`` of one lane, given the table indices of one's ``own`` entries.

    With N entries above and n tied, an entry that joins gets ``(P[N + n + 1] - P[N]) / (n + 1)``, P being the
    money of the best places; own entries tied with it go from the old share to the new one, and own groups
    below move down by one place.
    """
    ranked = np.sort(own)
    at = 0
    while at < len(ranked) and ranked[at] == 0:
        at += 1
    n_above = len(ranked) - at
    lost = 0.0
    gains[0] = 0.0
    for index in range(1, len(gains)):
        tied_own = 0
        while at < len(ranked) and ranked[at] == index:
            tied_own += 1
            at += 1
        n_above -= tied_own
        above = at_least[index + 1] + n_above
        through = at_least[index] + n_above + tied_own
        share = (cumulative_cents[through + 1] - cumulative_cents[above]) / (through + 1 - above)
        gain = share - lost
        if tied_own:
            before = (cumulative_cents[through] - cumulative_cents[above]) / (through - above)
            after = (cumulative_cents[through + 1] - cumulative_cents[above + 1]) / (through - above)
            gain += tied_own * (share - before)
            lost += tied_own * (before - after)
        gains[index] = gain


@njit(cache=True, nogil=True)
def fill_tile(at_least: Counts, own: npt.NDArray[np.int64], lanes: Ints, cumulative_cents: Ints, gains: Table) -> None:
    """Refill the tables of some lanes; ``own[entry, lane]`` are table indices of own entries."""
    for lane in lanes:
        fill_gains(at_least[lane], own[:, lane], cumulative_cents, gains[lane])


@njit(cache=True, nogil=True)
def best_from(columns: Counts) -> Counts:
    """Return ``best[driver, lane]``, the greatest score of that driver and all after him."""
    best = columns.copy()
    for driver in range(len(columns) - 2, -1, -1):
        for lane in range(SCENARIOS_PER_TILE):
            best[driver, lane] = max(columns[driver, lane], best[driver + 1, lane])
    return best


@njit(cache=True, nogil=True)
def add_gains(columns: Counts, offsets: Counts, gains: Table, lineups: Lineups, sums: Floats) -> None:
    """Add to ``sums[row]`` what each lineup would gain over the scenarios of a tile.

    Rows that share all but their last driver stand together in a universe: their common part is summed once,
    and lanes in which no last driver lifts it among the paid are passed over for all of them.
    """
    roster = lineups.shape[1]
    width = gains.shape[1]
    flat = gains.reshape(-1)
    best = best_from(columns)
    shared = np.empty(SCENARIOS_PER_TILE, dtype=np.int32)
    alive = np.empty(SCENARIOS_PER_TILE, dtype=np.uint32)
    scores = np.empty(SCENARIOS_PER_TILE, dtype=np.int32)
    n_alive = 0
    for row in range(lineups.shape[0]):
        same = row > 0
        for slot in range(roster - 1):
            same = same and lineups[row, slot] == lineups[row - 1, slot]
        last = np.uint64(lineups[row, roster - 1])
        if not same:
            for lane in range(SCENARIOS_PER_TILE):
                shared[lane] = -offsets[lane]
            for slot in range(roster - 1):
                driver = np.uint64(lineups[row, slot])
                for lane in range(SCENARIOS_PER_TILE):
                    shared[lane] += columns[driver, lane]
            n_alive = 0
            for lane in range(SCENARIOS_PER_TILE):
                alive[n_alive] = lane
                scores[n_alive] = shared[lane]
                n_alive += shared[lane] + best[last, lane] > 0
        total = 0.0
        for at in range(n_alive):
            index = max(np.int32(0), scores[at] + columns[last, alive[at]])
            total += flat[np.uint32(np.int32(alive[at]) * width + index)]
        sums[row] += total


@njit(cache=True, nogil=True)
def add_gains_and_squares(
    columns: Counts, offsets: Counts, gains: Table, money: Floats, lineups: Lineups, sums: npt.NDArray[np.float64]
) -> None:
    """Add to ``sums[0, row]`` the gains and to ``sums[1, row]`` what they add to the portfolio's squared money.

    ``money[lane]`` is what the portfolio has: ``(money + gain)**2 - money**2 = gain * (2 money + gain)``.
    """
    width = gains.shape[1]
    flat = gains.reshape(-1)
    scores = np.empty(SCENARIOS_PER_TILE, dtype=np.int32)
    for row in range(lineups.shape[0]):
        for lane in range(SCENARIOS_PER_TILE):
            scores[lane] = -offsets[lane]
        for slot in range(lineups.shape[1]):
            driver = lineups[row, slot]
            for lane in range(SCENARIOS_PER_TILE):
                scores[lane] += columns[driver, lane]
        for lane in range(SCENARIOS_PER_TILE):
            if scores[lane] > 0:
                gain = flat[lane * width + scores[lane]]
                sums[0, row] += gain
                sums[1, row] += gain * (2.0 * money[lane] + gain)


@njit(cache=True, nogil=True)
def add_excess(columns: Counts, threshold: int, n_lanes: int, lineups: Lineups, sums: Ints) -> None:
    """Add to ``sums[row]`` by how much each lineup passes ``threshold`` over the scenarios of a tile.

    As in ``add_gains``, the common part of rows is summed once, and lanes that no last driver lifts above the
    threshold, which are most, are passed over.
    """
    roster = lineups.shape[1]
    best = best_from(columns)
    shared = np.empty(SCENARIOS_PER_TILE, dtype=np.int32)
    alive = np.empty(SCENARIOS_PER_TILE, dtype=np.uint32)
    scores = np.empty(SCENARIOS_PER_TILE, dtype=np.int32)
    n_alive = 0
    for row in range(lineups.shape[0]):
        same = row > 0
        for slot in range(roster - 1):
            same = same and lineups[row, slot] == lineups[row - 1, slot]
        last = np.uint64(lineups[row, roster - 1])
        if not same:
            shared[:] = np.int32(-threshold)
            for slot in range(roster - 1):
                driver = np.uint64(lineups[row, slot])
                for lane in range(SCENARIOS_PER_TILE):
                    shared[lane] += columns[driver, lane]
            n_alive = 0
            for lane in range(n_lanes):
                alive[n_alive] = lane
                scores[n_alive] = shared[lane]
                n_alive += shared[lane] + best[last, lane] > 0
        total = np.int32(0)
        for at in range(n_alive):
            total += max(np.int32(0), scores[at] + columns[last, alive[at]])
        sums[row] += total


@njit(cache=True, nogil=True)
def tail_means(columns: Counts, lineups: Lineups, k: int) -> Floats:
    """Mean of the ``k`` greatest totals of each lineup over ``columns[driver, scenario]``, by counting scores."""
    n_scenarios = columns.shape[1]
    means = np.empty(len(lineups))
    totals = np.empty(n_scenarios, dtype=np.int32)
    for row in range(len(lineups)):
        totals[:] = 0
        for slot in range(lineups.shape[1]):
            driver = np.uint64(lineups[row, slot])
            for scenario in range(n_scenarios):
                totals[scenario] += columns[driver, scenario]
        low = totals.min()
        counts = np.zeros(totals.max() - low + 1, dtype=np.int32)
        for scenario in range(n_scenarios):
            counts[totals[scenario] - low] += 1
        left, score, total = k, len(counts), np.int64(0)
        while left > 0:
            score -= 1
            taken = min(left, counts[score])
            total += taken * np.int64(score + low)
            left -= taken
        means[row] = total / k
    return means
