"""What one more entry would add to a portfolio in every scenario, kept up to date as entries join and leave."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.common.blocks import cut, run_blocks
from services.common.domain.work import Checkpoint, ReportProgress, no_checkpoint, no_progress
from services.contest_sim.core import contest_kernels, gain_kernels
from services.contest_sim.core.contest import Contest
from services.contest_sim.core.contest_kernels import SCENARIOS_PER_TILE
from services.contest_sim.core.dealing import Dealing, deal_evenly
from services.contest_sim.core.opponents import Opponents
from services.contest_sim.core.play import Draw

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Lineups = npt.NDArray[np.int8]
Ticks = npt.NDArray[np.int16]

ROWS_PER_BLOCK = 10_000
"""Lineups valued at a time: some tenths of a second against all scenarios."""

_MANY_ROWS = 2 * ROWS_PER_BLOCK


@dataclass(eq=False)
class Tile:
    """Up to 16 scenarios played against one field.

    ``columns[driver, lane]`` are scores, ``at_least[lane, index]`` opponents with that score or more,
    ``gains[lane, index]`` cents that an entry would add, ``own[entry, lane]`` table indices of own entries,
    ``money[lane]`` the portfolio's cents.
    """

    n_lanes: int
    columns: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int32]
    at_least: npt.NDArray[np.int32]
    gains: npt.NDArray[np.float32]
    own: npt.NDArray[np.int64]
    money: Floats

    def indices(self, lineup: Lineups) -> Ints:
        """Table index of a lineup's score in each lane; 0 where it pays nothing."""
        totals = self.columns[lineup.astype(np.int64)].sum(axis=0) - self.offsets
        return np.maximum(totals, 0).astype(np.int64)

    def take(self, indices: Ints) -> Floats:
        """Gains at given indices; shape (16,)."""
        return self.gains[np.arange(SCENARIOS_PER_TILE), indices].astype(np.float64)


@dataclass(frozen=True, eq=False)
class GainTiles:
    """All scenarios of a selection, with the entries chosen so far."""

    tiles: list[Tile]
    cumulative_cents: Ints
    n_scenarios: int

    def values(
        self, lineups: Lineups, *, checkpoint: Checkpoint = no_checkpoint, progress: ReportProgress = no_progress
    ) -> Floats:
        """Mean cents that each of ``lineups[row, slot]`` would add to what is chosen; shape (n_rows,)."""
        if len(lineups) < _MANY_ROWS:
            return self._sums_by_tile(lineups, checkpoint)[0] / self.n_scenarios
        sums = np.zeros(len(lineups))

        def work(start: int, stop: int) -> int:
            for tile in self.tiles:
                gain_kernels.add_gains(tile.columns, tile.offsets, tile.gains, lineups[start:stop], sums[start:stop])
            return stop

        for done in run_blocks(work, cut(len(lineups), ROWS_PER_BLOCK), checkpoint=checkpoint):
            progress("payouts", done, len(lineups))
        return sums / self.n_scenarios

    def _sums_by_tile(self, lineups: Lineups, checkpoint: Checkpoint) -> Floats:
        """Sums of gains and of added squares; shape (2, n_rows)."""

        def work(start: int, stop: int) -> Floats:
            sums = np.zeros((2, len(lineups)))
            for tile in self.tiles[start:stop]:
                gain_kernels.add_gains_and_squares(tile.columns, tile.offsets, tile.gains, tile.money, lineups, sums)
            return sums

        # At least two blocks a core, none longer than some tenths of a second.
        size = min(-(-len(self.tiles) // 4), 8_000_000 // (SCENARIOS_PER_TILE * max(1, len(lineups))))
        total = np.zeros((2, len(lineups)))
        for part in run_blocks(work, cut(len(self.tiles), size), checkpoint=checkpoint):
            total += part
        return total

    def objective_gains(self, lineups: Lineups, risk_aversion: float, checkpoint: Checkpoint) -> Floats:
        """By how much each lineup would raise ``mean - risk_aversion * sd`` of the portfolio's money."""
        sums = self._sums_by_tile(lineups, checkpoint) / self.n_scenarios
        if risk_aversion == 0.0:
            return sums[0]
        mean, square = self.moments()
        before = np.sqrt(max(0.0, square - mean**2))
        after = np.sqrt(np.maximum(0.0, square + sums[1] - (mean + sums[0]) ** 2))
        return sums[0] - risk_aversion * (after - before)

    def moments(self) -> tuple[float, float]:
        """Mean and mean square of the portfolio's money."""
        money = self.money()
        return float(money.mean()), float((money**2).mean())

    def money(self) -> Floats:
        """The portfolio's cents in each scenario; shape (n_scenarios,)."""
        return np.concatenate([tile.money[: tile.n_lanes] for tile in self.tiles])

    def add(self, lineup: Lineups) -> None:
        """Enter a lineup."""
        for tile in self.tiles:
            indices = tile.indices(lineup)
            tile.money += tile.take(indices)
            tile.own = np.vstack([tile.own, indices])
            self._refill(tile, indices)

    def remove(self, position: int) -> None:
        """Withdraw the entry at a position."""
        for tile in self.tiles:
            indices = tile.own[position]
            tile.own = np.delete(tile.own, position, axis=0)
            self._refill(tile, indices)
            tile.money -= tile.take(indices)

    def _refill(self, tile: Tile, changed: Ints) -> None:
        """Recompute the lanes in which an entry came or went that is among the paid."""
        lanes = np.flatnonzero(changed > 0)
        gain_kernels.fill_tile(tile.at_least, tile.own, lanes, self.cumulative_cents, tile.gains)


def build_gain_tiles(
    ticks: Ticks,
    contest: Contest,
    draw: Draw,
    *,
    n_own: int,
    n_fields: int,
    roster_size: int,
    dealing: Dealing | None = None,
    checkpoint: Checkpoint = no_checkpoint,
    progress: ReportProgress = no_progress,
) -> GainTiles:
    """Count the opponents of ``ticks[scenario, driver]`` and tabulate what a first entry would gain.

    ``n_own`` is the most entries that will ever be chosen. Scenarios are dealt to fields in turn by default.
    """
    dealt = (dealing or deal_evenly(len(ticks), n_fields)).field_of_scenario
    cumulative = contest.prizes.cumulative_cents(contest.n_entries + n_own + 1)
    tiles: list[Tile] = []
    done = 0
    for index in range(n_fields):
        rows = np.ascontiguousarray(ticks[dealt == index])
        maker = _TileMaker(rows, draw(index)[0].opponents, roster_size, contest.prizes.n_paid, cumulative)
        for made in run_blocks(maker.make, cut(len(rows), SCENARIOS_PER_TILE), checkpoint=checkpoint):
            tiles.append(made)
            done += made.n_lanes
            progress("opponents", done, len(ticks))
    return GainTiles(tiles, cumulative, len(ticks))


@dataclass(frozen=True, eq=False)
class _TileMaker:
    rows: Ticks
    opponents: Opponents
    roster_size: int
    n_paid: int
    cumulative_cents: Ints

    def make(self, start: int, stop: int) -> Tile:
        """The tile of some scenarios, with nothing entered yet."""
        rows = self.rows[start:stop]
        n_lanes = stop - start
        low, high = contest_kernels.score_bounds(rows, self.roster_size)
        counts = np.zeros((SCENARIOS_PER_TILE, int((high - low).max()) + 2), dtype=np.int32)
        copies = self.opponents.copies.astype(np.int32)
        contest_kernels.count_at_least(rows, low, 0, n_lanes, self.opponents.lineups, copies, counts)
        edges = gain_kernels.paying_from(counts, n_lanes, self.n_paid)
        at_least = self._compact(counts, edges, n_lanes, (high - low) - edges[:n_lanes])
        columns = contest_kernels.tile_columns(rows, 0, n_lanes)
        offsets = np.full(SCENARIOS_PER_TILE, np.iinfo(np.int32).max // 2, dtype=np.int32)
        offsets[:n_lanes] = low + edges[:n_lanes]
        gains = np.zeros((SCENARIOS_PER_TILE, at_least.shape[1] - 1), dtype=np.float32)
        own = np.empty((0, SCENARIOS_PER_TILE), dtype=np.int64)
        gain_kernels.fill_tile(at_least, own, np.arange(n_lanes), self.cumulative_cents, gains)
        return Tile(n_lanes, columns, offsets, at_least, gains, own, np.zeros(SCENARIOS_PER_TILE))

    @staticmethod
    def _compact(counts: npt.NDArray[np.int32], edges: Ints, n_lanes: int, widths: Ints) -> npt.NDArray[np.int32]:
        """Counts from the highest score that pays nothing up: index 0; the last index counts nobody."""
        compact = np.zeros((SCENARIOS_PER_TILE, int(widths.max()) + 2), dtype=np.int32)
        for lane in range(n_lanes):
            kept = counts[lane, max(0, edges[lane]) :]
            first = 1 if edges[lane] < 0 else 0
            compact[lane, first : first + len(kept)] = kept[: compact.shape[1] - first]
        return compact
