"""Simulating a race in blocks: the same seed gives the same bytes on any number of workers."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.common.domain.race import Race
from services.common.domain.site_rules import SiteRules
from services.common.domain.work import Checkpoint, ReportProgress, no_checkpoint, no_progress
from services.scenario.core.race_character import draw_characters
from services.scenario.core.race_checks import default_stages
from services.scenario.core.race_flow import RACE_COLUMNS, BlockResult, Field, RaceFlow, Scoring
from services.scenario.core.race_kernel import run_block
from services.scenario.core.scores import normal_scores

MODEL_VERSION = "race-8"
"""Changes whenever the same recipe would give other bytes."""

BLOCK_SCENARIOS = 2_048
"""Scenarios that share a random stream. Fixed: the identity of every set depends on it."""


@dataclass(frozen=True)
class SimulationInput:
    """A race ready to be simulated.

    Attributes
    ----------
    strength
        Score of each starter before grid and luck; shape (n_starters,).
    start
        Place on the grid, 0 where not known; gaps that withdrawn drivers leave are closed up; shape (n_starters,).
    """

    flow: RaceFlow
    strength: npt.NDArray[np.float64]
    start: npt.NDArray[np.int64]
    team: npt.NDArray[np.int64]
    scheduled_laps: int
    stage_laps: tuple[int, ...]
    rules: SiteRules

    @classmethod
    def of(cls, race: Race, flow: RaceFlow, strength: npt.NDArray[np.float64]) -> SimulationInput:
        """The input of a race with given coefficients and strengths."""
        start = np.array([driver.start_position for driver in race.starters], dtype=np.int64)
        return cls(
            flow=flow,
            strength=np.asarray(strength, dtype=np.float64),
            start=close_gaps(start),
            team=race.team_index,
            scheduled_laps=race.scheduled_laps,
            stage_laps=race.stage_laps or default_stages(race.scheduled_laps),
            rules=race.rules,
        )


@dataclass(frozen=True, eq=False)
class DriverTotals:
    """Sums over all scenarios per driver, from which rates follow; each of shape (n_drivers,), int64."""

    n_scenarios: int
    wins: npt.NDArray[np.int64]
    top5: npt.NDArray[np.int64]
    top10: npt.NDArray[np.int64]
    dnf: npt.NDArray[np.int64]
    finish: npt.NDArray[np.int64]
    laps_led: npt.NDArray[np.int64]
    fastest_laps: npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Simulation:
    """A simulated set: ``ticks[scenario, driver]`` int16, ``regimes[scenario]`` uint8, and driver totals."""

    ticks: npt.NDArray[np.int16]
    regimes: npt.NDArray[np.uint8]
    totals: DriverTotals


def close_gaps(start: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Grid places 1 .. k in the order given when all are known; else places beyond the field are closed up only.

    A withdrawn driver leaves a gap that the cars behind him fill. With unknown places among the known ones a gap
    may be one of theirs, so it stays.
    """
    n = start.size
    if (start > 0).all():
        return np.argsort(np.argsort(start, kind="stable"), kind="stable").astype(np.int64) + 1
    closed = start.copy()
    limit = n
    for index in np.argsort(-start, kind="stable"):
        if closed[index] > limit:
            closed[index] = limit
        if closed[index] > 0:
            limit = int(closed[index]) - 1
    return closed


def kernel_field(inputs: SimulationInput) -> Field:
    """The cars of a race as the kernels read them."""
    ends = np.cumsum(np.array(inputs.stage_laps, dtype=np.int64))[:-1]
    return Field(
        strength=np.ascontiguousarray(inputs.strength - inputs.strength.mean()),
        start=inputs.start,
        team=np.ascontiguousarray(inputs.team, dtype=np.int64),
        start_score=normal_scores(inputs.start.size),
        scheduled_laps=inputs.scheduled_laps,
        stage_ends=ends,
    )


def kernel_scoring(rules: SiteRules, n_drivers: int) -> Scoring:
    """Site points as the kernels read them."""
    scoring = rules.scoring
    return Scoring(
        finish=scoring.finish_table(n_drivers).astype(np.int64),
        place_differential=scoring.place_differential_ticks,
        lap_led=scoring.lap_led_ticks,
        fastest_lap=scoring.fastest_lap_ticks,
        lap_completed=scoring.lap_completed_ticks,
    )


def simulate_block(inputs: SimulationInput, n_scenarios: int, *, seed: int, block: int) -> BlockResult:
    """One block in full detail; it depends on ``seed``, ``block`` and ``n_scenarios`` alone."""
    result = _empty_block(n_scenarios, inputs.strength.size)
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(block,))))
    flows = draw_characters(rng, inputs.flow, n_scenarios)
    run_block(rng, flows, kernel_field(inputs), kernel_scoring(inputs.rules, inputs.strength.size), result)
    return result


def iterate_blocks(
    inputs: SimulationInput, n_scenarios: int, *, seed: int, workers: int = 1, checkpoint: Checkpoint = no_checkpoint
) -> Iterator[BlockResult]:
    """Blocks in order, ``workers`` of them at work; at most that many wait in memory."""
    sizes = [min(BLOCK_SCENARIOS, n_scenarios - first) for first in range(0, n_scenarios, BLOCK_SCENARIOS)]
    with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="simulate") as pool:
        running: dict[int, Future[BlockResult]] = {}
        try:
            for block in range(len(sizes)):
                for ahead in range(block, min(block + workers, len(sizes))):
                    if ahead not in running:
                        running[ahead] = pool.submit(simulate_block, inputs, sizes[ahead], seed=seed, block=ahead)
                checkpoint()
                yield running.pop(block).result()
        finally:
            for future in running.values():
                future.cancel()


def simulate(
    inputs: SimulationInput,
    n_scenarios: int,
    *,
    seed: int,
    workers: int = 1,
    checkpoint: Checkpoint = no_checkpoint,
    report: ReportProgress = no_progress,
) -> Simulation:
    """Simulate a set.

    Beyond the matrix itself the memory is that of ``workers`` blocks. ``checkpoint`` is called between blocks,
    each of which takes some tens of milliseconds.
    """
    n_drivers = inputs.strength.size
    ticks = np.empty((n_scenarios, n_drivers), dtype=np.int16)
    regimes = np.empty(n_scenarios, dtype=np.uint8)
    sums = np.zeros((7, n_drivers), dtype=np.int64)
    done = 0
    for block in iterate_blocks(inputs, n_scenarios, seed=seed, workers=workers, checkpoint=checkpoint):
        rows = slice(done, done + block.regimes.size)
        ticks[rows], regimes[rows] = block.ticks, block.regimes
        sums += _block_sums(block)
        done = rows.stop
        report("simulate", done, n_scenarios)
    return Simulation(ticks=ticks, regimes=regimes, totals=DriverTotals(n_scenarios, *sums))


def _block_sums(block: BlockResult) -> npt.NDArray[np.int64]:
    finish = block.finish
    rows = (finish == 1, finish <= 5, finish <= 10, block.out > 0, finish, block.laps_led, block.fastest_laps)
    return np.stack([row.sum(axis=0, dtype=np.int64) for row in rows])


def _empty_block(n_scenarios: int, n_drivers: int) -> BlockResult:
    shape = (n_scenarios, n_drivers)
    return BlockResult(
        ticks=np.empty(shape, np.int16),
        start=np.empty(shape, np.int16),
        finish=np.empty(shape, np.int16),
        laps_led=np.empty(shape, np.int16),
        fastest_laps=np.empty(shape, np.int16),
        laps_completed=np.empty(shape, np.int16),
        out=np.empty(shape, np.uint8),
        race=np.empty((n_scenarios, len(RACE_COLUMNS)), np.int16),
        regimes=np.empty(n_scenarios, np.uint8),
    )
