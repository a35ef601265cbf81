"""The lineup table: an upper bound on the tail of every legal lineup, made exact where it matters.

For every threshold ``t``, ``k t + sum_s max(0, T_s - t)`` is at least the sum of the ``k`` greatest totals
(Rockafellar and Uryasev 2000), with equality at the k-th greatest. It grows with ``T``, so the best
completion of a prefix, scenario by scenario, bounds all lineups that share the prefix. The table starts
with those bounds, at the thresholds of the best lineup a local search finds. A query looks for the rows
whose bound, with the query's own additive terms, reaches the best value known; only these are tightened, to
the bound of the lineup itself and then to its exact value, and stay so for the next query. The answer is
proven when no row is left whose bound exceeds the best exact value: an exhaustive proof, compared in
integers.

Only scenarios in which a total passes the threshold add to an excess. Lineups that share all but their last
three drivers are therefore tightened on those scenarios alone in which the best three could take them that
far: a fifth of all, for thresholds of the best 5 %.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from services.common.blocks import cut, run_blocks
from services.common.domain.work import Checkpoint
from services.common.universe import enumerate_lineups
from services.optimizer.core import prefix_kernels, tighten_kernels
from services.optimizer.core.last_drivers import LastDrivers, edges_of, last_drivers
from services.optimizer.core.objective import Objective
from services.optimizer.core.slate import Slate
from services.optimizer.core.start import best_start, spread_starts, strength_order
from services.optimizer.core.tail_kernels import tail_threshold

Int64 = npt.NDArray[np.int64]
Ticks = npt.NDArray[np.int16]

_SCENARIO_BLOCK = 8192
_PREFIX_BLOCK = 1024
_COMPARE_BLOCK = 1 << 20
_SPREAD_BLOCK = 1 << 16
_PAIR, _TRIPLE = 2, tighten_kernels.COMPLETED
"""Drivers of a lineup after its prefix, and after the drivers by which scenarios are left out."""
_SALARY_STEPS = {_PAIR: 16, _TRIPLE: 6}


@dataclass(eq=False)
class TailTable:
    """Bounds and exact values of the tails of all legal lineups of a slate.

    Rows are lineups, drivers in the order of the table: position ``p`` is column ``order[p]`` of the slate.
    ``bound`` is in units of the objective, without mean and driver terms, and equals the value where
    ``stage`` says it is exact. It only ever falls; ``lock`` guards that.
    """

    slate: Slate
    objective: Objective
    order: Int64
    ticks: npt.NDArray[np.int16]
    lineups: npt.NDArray[np.int8]
    thresholds: Int64
    completion: LastDrivers
    prefix_start: Int64
    prefix_bound: Int64
    bound: Int64
    stage: npt.NDArray[np.int8]
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def n_lineups(self) -> int:
        """Legal lineups."""
        return len(self.lineups)

    @property
    def nbytes(self) -> int:
        """Memory held."""
        arrays = (self.ticks, self.lineups, self.prefix_start, self.prefix_bound, self.bound, self.stage)
        return sum(array.nbytes for array in arrays) + self.completion.best.nbytes + self.slate.ticks.nbytes

    @property
    def sizes(self) -> Int64:
        """Tail sizes; shape (n_tails,)."""
        return np.array([tail.k for tail in self.objective.tails], dtype=np.int64)

    @property
    def multipliers(self) -> Int64:
        """Units per tick of each tail; shape (n_tails,)."""
        return np.array([tail.multiplier for tail in self.objective.tails], dtype=np.int64)

    def driver_order(self, values: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        """Values per driver of the slate, put in the order of the table."""
        return np.ascontiguousarray(values[self.order])

    def tighten(self, rows: Int64, thresholds: Int64) -> int:
        """Lower the bounds of some rows (ascending); see ``tighten_kernels.tighten``."""
        salaries = np.asarray(self.driver_order(self.slate.salaries_dollars), dtype=np.int64)
        return tighten_kernels.tighten(
            rows,
            self.lineups,
            self.ticks,
            (salaries, self.slate.salary_cap_dollars, self.completion.edges, self.completion.best),
            (self.sizes, self.multipliers, thresholds),
            self.bound,
            self.stage,
        )

    def own_thresholds(self, row: int) -> Int64:
        """The k-th greatest totals of a row, ticks; shape (n_tails,)."""
        totals = self.ticks[self.lineups[row]].sum(axis=0, dtype=np.int16)
        guess = int(totals.mean())
        return np.array([tail_threshold(totals, tail.k, guess) for tail in self.objective.tails], dtype=np.int64)

    def columns(self, row: int) -> tuple[int, ...]:
        """Columns of the slate of a row, ascending."""
        return tuple(sorted(int(column) for column in self.order[self.lineups[row]]))

    def columns_of(self, rows: Int64) -> npt.NDArray[np.int8]:
        """Columns of the slate of some rows, ascending; shape (n_rows, roster_size)."""
        return np.sort(self.order[self.lineups[rows]], axis=1).astype(np.int8)


def build_table(slate: Slate, objective: Objective, checkpoint: Checkpoint, *, max_lineups: int) -> TailTable:
    """Return the table of a slate with the bounds of all prefixes.

    Raises
    ------
    Infeasible
        If no lineup is legal.
    UniverseTooLarge
        If there are more than ``max_lineups``.
    """
    order = strength_order(slate, objective, checkpoint)
    salaries = slate.salaries_dollars[order]
    universe = enumerate_lineups(
        salaries, slate.roster_size, slate.salary_cap_dollars, max_lineups=max_lineups, checkpoint=checkpoint
    )
    ticks = np.ascontiguousarray(slate.ticks[order])
    starts = spread_starts(ticks, objective, universe.lineups, checkpoint)
    begin = best_start(ticks, salaries, slate.salary_cap_dollars, objective, starts, checkpoint)
    prefix_start = _prefix_starts(universe.lineups, checkpoint)
    stage = tighten_kernels.STAGE_PREFIX if objective.tails else tighten_kernels.STAGE_EXACT
    table = TailTable(
        slate=slate,
        objective=objective,
        order=order,
        ticks=ticks,
        lineups=universe.lineups,
        thresholds=begin.thresholds,
        completion=_room_for_completions(universe.lineups[prefix_start[:-1]], ticks, slate, salaries),
        prefix_start=prefix_start,
        prefix_bound=np.zeros(len(prefix_start) - 1, dtype=np.int64),
        bound=np.zeros(universe.n_lineups, dtype=np.int64),
        stage=np.full(universe.n_lineups, stage, dtype=np.int8),
    )
    if objective.tails:
        _bound_prefixes(table, salaries, checkpoint)
        _spread_bounds(table, checkpoint)
        _seed(table, universe.find(begin.lineup))
    return table


def _spread_bounds(table: TailTable, checkpoint: Checkpoint) -> None:
    """Give every row the bound of its prefix."""

    def spread(start: int, stop: int) -> None:
        firsts = table.prefix_start[start : stop + 1]
        table.bound[firsts[0] : firsts[-1]] = np.repeat(table.prefix_bound[start:stop], np.diff(firsts))

    list(run_blocks(spread, cut(len(table.prefix_bound), _SPREAD_BLOCK), checkpoint=checkpoint))


def _seed(table: TailTable, row: int) -> None:
    """Make one row exact, so that queries begin with a good value to beat."""
    for _ in (tighten_kernels.STAGE_OWN, tighten_kernels.STAGE_EXACT):
        table.tighten(np.array([row]), table.thresholds)


def _prefix_starts(lineups: npt.NDArray[np.int8], checkpoint: Checkpoint) -> Int64:
    """First row of each prefix, and the number of rows at the end."""
    if lineups.shape[1] <= 2:
        return np.array([0, len(lineups)], dtype=np.int64)
    heads = lineups[:, :-2]

    def changes(start: int, stop: int) -> Int64:
        return np.flatnonzero((heads[start + 1 : stop + 1] != heads[start:stop]).any(axis=1)) + start + 1

    found = list(run_blocks(changes, cut(len(lineups) - 1, _COMPARE_BLOCK), checkpoint=checkpoint))
    return np.concatenate(([0], *found, [len(lineups)])).astype(np.int64)


def _room_for_completions(firsts: npt.NDArray[np.int8], ticks: Ticks, slate: Slate, salaries: Int64) -> LastDrivers:
    """Where the last drivers go once they are known; ``firsts`` are the first lineups of all prefixes."""
    n_last = min(_TRIPLE, slate.roster_size)
    steps = edges_of(_salaries_left(firsts[:, : slate.roster_size - n_last], slate, salaries), _SALARY_STEPS[_TRIPLE])
    return LastDrivers(steps, np.empty((len(ticks) + 1, len(steps), slate.n_scenarios), dtype=np.int16))


def _salaries_left(drivers: npt.NDArray[np.int8], slate: Slate, salaries: Int64) -> Int64:
    return np.asarray(slate.salary_cap_dollars - salaries[drivers].sum(axis=1, dtype=np.int64), dtype=np.int64)


def _bound_prefixes(table: TailTable, salaries: Int64, checkpoint: Checkpoint) -> None:
    """Bound every prefix by its best completion per scenario that the salary left could buy."""
    n_last = min(_PAIR, table.slate.roster_size)
    richest = np.sort(salaries)[-n_last:].sum()
    prefixes = np.ascontiguousarray(table.lineups[table.prefix_start[:-1], : table.slate.roster_size - n_last])
    left = np.minimum(_salaries_left(prefixes, table.slate, salaries), richest)
    checkpoint()
    edges = {n_last: edges_of(left, _SALARY_STEPS[_PAIR])}
    edges[min(_TRIPLE, table.slate.roster_size)] = table.completion.edges
    buckets = np.searchsorted(edges[n_last], left).astype(np.int8)
    over = np.zeros((len(prefixes), len(table.sizes)), dtype=np.int64)
    n_blocks = -(-table.slate.n_scenarios // _SCENARIO_BLOCK)
    for part in np.array_split(np.arange(table.slate.n_scenarios), n_blocks):
        scenarios = slice(part[0], part[-1] + 1)
        ticks = np.ascontiguousarray(table.ticks[:, scenarios])
        made = last_drivers(ticks, salaries, edges)
        pairs = made[n_last].best
        table.completion.best[..., scenarios] = made[max(edges)].best

        def task(start: int, stop: int, ticks: Ticks = ticks, pairs: Ticks = pairs) -> None:
            span = slice(start, stop)
            prefix_kernels.add_prefix_excess(ticks, prefixes[span], buckets[span], pairs, table.thresholds, over[span])

        list(run_blocks(task, cut(len(prefixes), _PREFIX_BLOCK), checkpoint=checkpoint))
    for tail, multiplier in enumerate(table.multipliers):
        table.prefix_bound += multiplier * (table.sizes[tail] * table.thresholds[tail] + over[:, tail])
