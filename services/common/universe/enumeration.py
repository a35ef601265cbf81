"""All legal lineups of a slate, in lexicographic order.

A NASCAR slate has about 2.7 million legal lineups, so whatever is asked of "the best lineup" can be
answered by looking at every one of them. The universe is counted first and filled second: memory is
allocated once, to size.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.common.blocks import cut, run_blocks
from services.common.domain.errors import FailedPrecondition, Infeasible, InvalidInput
from services.common.domain.work import Checkpoint, no_checkpoint
from services.common.universe import kernels
from services.common.universe.counting import SalarySteps

MAX_DRIVERS = 64
"""Drivers of a slate: a set of drivers fits one 64-bit word."""

_MAX_COUNT_CELLS = 50_000_000


class UniverseTooLarge(FailedPrecondition):
    """More legal lineups than may be enumerated; search them without a table instead."""


@dataclass(frozen=True, eq=False)
class Universe:
    """Every legal lineup of a slate.

    Attributes
    ----------
    lineups
        Driver columns, ascending inside a row, rows in lexicographic order; int8, shape
        (n_lineups, roster_size).
    salaries_dollars
        Salary used per lineup; int32, shape (n_lineups,).
    n_drivers
        Drivers on the slate.
    """

    lineups: npt.NDArray[np.int8]
    salaries_dollars: npt.NDArray[np.int32]
    n_drivers: int

    @property
    def n_lineups(self) -> int:
        """Number of legal lineups."""
        return int(self.lineups.shape[0])

    @property
    def roster_size(self) -> int:
        """Drivers per lineup."""
        return int(self.lineups.shape[1])

    def find(self, columns: Iterable[int]) -> int:
        """Return the row of the lineup with these driver columns, in any order; -1 if it is not legal."""
        wanted = sorted(columns)
        in_range = all(0 <= column < self.n_drivers for column in wanted)
        if len(wanted) != self.roster_size or not in_range:
            return -1
        return int(kernels.find_row(self.lineups, np.array(wanted, dtype=np.int8)))


def enumerate_lineups(
    salaries_dollars: npt.NDArray[np.int64],
    roster_size: int,
    salary_cap_dollars: int,
    *,
    salary_floor_dollars: int = 0,
    max_lineups: int = 60_000_000,
    checkpoint: Checkpoint = no_checkpoint,
) -> Universe:
    """Return all lineups of ``roster_size`` different drivers with floor <= salary <= cap.

    Parameters
    ----------
    salaries_dollars
        Per driver; shape (n_drivers,).
    max_lineups
        Lineups that may be enumerated: 1 byte per driver and 4 for the salary each.

    Raises
    ------
    InvalidInput
        If there are fewer drivers than roster slots, or more than 64.
    Infeasible
        If no lineup is legal.
    UniverseTooLarge
        If there are more than ``max_lineups``.
    """
    salaries = _checked(salaries_dollars, roster_size)
    walks = _Walks(salaries, roster_size, salary_floor_dollars, salary_cap_dollars, checkpoint)
    counts = walks.count(max_lineups)
    n_lineups = sum(counts)
    if n_lineups == 0:
        raise no_lineup(salaries, roster_size, salary_floor_dollars, salary_cap_dollars)
    if n_lineups > max_lineups:
        raise UniverseTooLarge(f"the slate has more than {max_lineups:,} legal lineups, too many to enumerate")
    lineups = np.empty((n_lineups, roster_size), dtype=np.int8)
    totals = np.empty(n_lineups, dtype=np.int32)
    walks.fill(counts, lineups, totals)
    lineups.setflags(write=False)
    totals.setflags(write=False)
    return Universe(lineups=lineups, salaries_dollars=totals, n_drivers=len(salaries))


def count_lineups(
    salaries_dollars: npt.NDArray[np.int64],
    roster_size: int,
    salary_cap_dollars: int,
    *,
    salary_floor_dollars: int = 0,
    checkpoint: Checkpoint = no_checkpoint,
) -> int:
    """Return how many lineups ``enumerate_lineups`` would list, however many they are.

    Counts subsets by size and salary (knapsack recursion) in steps of the greatest common divisor of
    the salaries; salaries without a common step are walked one by one.

    Raises
    ------
    InvalidInput
        If there are fewer drivers than roster slots, or more than 64.
    """
    salaries = _checked(salaries_dollars, roster_size)
    salary = SalarySteps.of(salaries, roster_size, salary_cap_dollars)
    if salary.top < 0:
        return 0
    if salary.top * (roster_size + 1) > _MAX_COUNT_CELLS:
        walks = _Walks(salaries, roster_size, salary_floor_dollars, salary_cap_dollars, checkpoint)
        return sum(walks.count(np.iinfo(np.int64).max))
    ways = np.zeros((roster_size + 1, salary.top + 1), dtype=np.int64)
    ways[0, 0] = 1
    for step in salary.steps:
        checkpoint()
        kernels.add_driver(ways, int(step))
    return int(ways[roster_size, max(0, -(-salary_floor_dollars // salary.dollars)) :].sum())


class _Walks:
    """Walks over the legal lineups of a slate, one per first driver, on all cores."""

    def __init__(
        self, salaries: npt.NDArray[np.int64], roster_size: int, floor: int, cap: int, checkpoint: Checkpoint
    ) -> None:
        self._size = roster_size
        self._limits = np.array([floor, cap], dtype=np.int64)
        self._reach = salaries, *kernels.completion_salaries(salaries, roster_size)
        self._firsts = cut(len(salaries) - roster_size + 1, 1)
        self._checkpoint = checkpoint

    def count(self, most: int) -> list[int]:
        """Lineups per first driver; ends when there are more than ``most``."""
        nothing = np.empty((0, self._size), dtype=np.int8), np.empty(0, dtype=np.int32)

        def task(first: int, _stop: int) -> int:
            return int(kernels.walk(*self._reach, self._limits, first, *nothing, most))

        counts: list[int] = []
        for count in run_blocks(task, self._firsts, checkpoint=self._checkpoint):
            counts.append(count)
            if sum(counts) > most:
                break
        return counts

    def fill(self, counts: list[int], lineups: npt.NDArray[np.int8], totals: npt.NDArray[np.int32]) -> None:
        """Write the lineups of each first driver, as many as were counted, where those of the others end."""
        ends = np.cumsum(counts)

        def task(first: int, _stop: int) -> None:
            rows = slice(ends[first] - counts[first], ends[first])
            if counts[first]:
                kernels.walk(*self._reach, self._limits, first, lineups[rows], totals[rows], counts[first])

        list(run_blocks(task, self._firsts, checkpoint=self._checkpoint))


def _checked(salaries_dollars: npt.NDArray[np.int64], roster_size: int) -> npt.NDArray[np.int64]:
    salaries = np.ascontiguousarray(salaries_dollars, dtype=np.int64)
    if len(salaries) < roster_size:
        raise InvalidInput.field(
            "race.drivers", f"{len(salaries)} drivers start, a lineup needs {roster_size}: add the missing drivers"
        )
    if len(salaries) > MAX_DRIVERS:
        raise InvalidInput.field("race.drivers", f"{len(salaries)} drivers start, at most {MAX_DRIVERS} are supported")
    if roster_size < 1:
        raise InvalidInput.field("rules.roster_size", f"must be at least 1, is {roster_size}")
    return salaries


def no_lineup(salaries: npt.NDArray[np.int64], roster_size: int, floor: int, cap: int) -> Infeasible:
    """Why no lineup is legal, as an error to raise."""
    cheapest = int(np.sort(salaries)[:roster_size].sum())
    dearest = int(np.sort(salaries)[-roster_size:].sum())
    if cheapest > cap:
        return Infeasible(
            f"no lineup is legal: the {roster_size} cheapest drivers cost ${cheapest:,}, "
            f"the salary cap is ${cap:,}; check the salaries or raise the cap",
            conflict=[f"salary cap ${cap:,}"],
        )
    rules = [f"salary floor ${floor:,}"] + ([f"salary cap ${cap:,}"] if dearest >= floor else [])
    return Infeasible(
        f"no lineup uses between ${floor:,} and ${cap:,} of salary; lower the salary floor", conflict=rules
    )
