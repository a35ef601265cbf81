"""What a search works on: the scenarios of a slate with its salaries, checked once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from services.common.blocks import cut, run_blocks
from services.common.domain.errors import InvalidInput
from services.common.domain.site_rules import TICKS_PER_POINT
from services.common.domain.work import Checkpoint, no_checkpoint
from services.optimizer.core.objective import Objective
from services.optimizer.core.tail_kernels import tail_threshold, top_sum

MAX_TOTAL_TICKS = 16_383
_SCENARIO_BLOCK = 1 << 16


@dataclass(frozen=True, eq=False)
class Slate:
    """Scenarios and site rules of one race.

    Attributes
    ----------
    ticks
        ``ticks[driver, scenario]``, int16, C order.
    salaries_dollars
        int64, shape (n_drivers,).
    """

    ticks: npt.NDArray[np.int16]
    salaries_dollars: npt.NDArray[np.int64]
    roster_size: int
    salary_cap_dollars: int

    @property
    def n_drivers(self) -> int:
        """Drivers that start."""
        return int(self.ticks.shape[0])

    @property
    def n_scenarios(self) -> int:
        """Scenarios."""
        return int(self.ticks.shape[1])

    @cached_property
    def mean_points(self) -> npt.NDArray[np.float64]:
        """Mean per driver, points; shape (n_drivers,)."""
        return self.ticks.mean(axis=1, dtype=np.float64) / TICKS_PER_POINT

    def totals(self, columns: tuple[int, ...]) -> npt.NDArray[np.int16]:
        """Total of a lineup per scenario, ticks."""
        return self.ticks[list(columns)].sum(axis=0, dtype=np.int16)

    def on(self, scenarios: npt.NDArray[np.int64]) -> Slate:
        """The slate on some scenarios only, in the order given; repeats count again."""
        ticks = np.ascontiguousarray(self.ticks[:, scenarios])
        return Slate(ticks, self.salaries_dollars, self.roster_size, self.salary_cap_dollars)


def check_range(slate: Slate, checkpoint: Checkpoint = no_checkpoint) -> None:
    """Make sure that every total, of a lineup or a part of one, and every difference of two totals fits 16 bits.

    Raises
    ------
    InvalidInput
        If some drivers of a lineup could pass 819.15 points either way; real totals stay below 600.
    """
    size = min(slate.roster_size, slate.n_drivers)

    def task(start: int, stop: int) -> int:
        rows = slate.ticks[:, start:stop].T
        # Drivers below zero do not count against those above: bounds are of parts of lineups too.
        highest = np.partition(rows, -size, axis=1)[:, -size:].clip(min=0).sum(axis=1, dtype=np.int64).max()
        lowest = np.partition(rows, size - 1, axis=1)[:, :size].clip(max=0).sum(axis=1, dtype=np.int64).min()
        return int(max(highest, -lowest))

    greatest = max(run_blocks(task, cut(slate.n_scenarios, _SCENARIO_BLOCK), checkpoint=checkpoint))
    if greatest > MAX_TOTAL_TICKS:
        points = greatest / TICKS_PER_POINT
        raise InvalidInput.field(
            "scenario_set_id",
            f"drivers of a lineup reach {points:g} points; totals up to 819 points either way are supported",
        )


def lineup_units(slate: Slate, objective: Objective, columns: tuple[int, ...]) -> int:
    """Value of one lineup under the tails and the mean of the objective, in its units."""
    totals = slate.totals(columns)
    units = objective.mean_multiplier * int(totals.sum(dtype=np.int64))
    for tail in objective.tails:
        threshold = tail_threshold(totals, tail.k, int(totals.mean()))
        units += tail.multiplier * top_sum(totals, tail.k, threshold)
    return units
