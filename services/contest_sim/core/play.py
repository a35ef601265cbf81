"""One contest played over scenarios against drawn or known fields."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.common.domain.work import Checkpoint, ReportProgress, no_checkpoint, no_progress
from services.contest_sim.core.blocks import cut, run_blocks
from services.contest_sim.core.contest import Contest, Entries
from services.contest_sim.core.contest_kernels import settle
from services.contest_sim.core.opponents import Opponents

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Ticks = npt.NDArray[np.int16]

SCORES_PER_BLOCK = 20_000_000
"""Entries times scenarios per block: some 50 ms of work on one core."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """What happened, summed over scenarios.

    Attributes
    ----------
    money
        Prize cents per entry of each lineup, summed over the scenarios of each field; shape (n_fields, n_lineups).
    squares
        Sum of squared prize cents per entry; shape (n_lineups,).
    wins, top1, cashes, rank_sums, best_ranks
        Per lineup; a shared first place is a win of each who shares it.
    duplicates
        Opponents' entries with the same lineup; shape (n_fields, n_lineups).
    portfolio
        Prize cents of all entries together; shape (n_scenarios,).
    any_win, any_top1
        Whether at least one entry did; shape (n_scenarios,).
    field_of_scenario
        Field against which each scenario was played; shape (n_scenarios,).
    """

    money: Floats
    squares: Floats
    wins: Ints
    top1: Ints
    cashes: Ints
    rank_sums: Ints
    best_ranks: Ints
    duplicates: Ints
    portfolio: Floats
    any_win: npt.NDArray[np.bool_]
    any_top1: npt.NDArray[np.bool_]
    field_of_scenario: npt.NDArray[np.int64]

    @property
    def n_scenarios(self) -> int:
        """Scenarios played."""
        return len(self.portfolio)

    @property
    def n_fields(self) -> int:
        """Fields played against."""
        return len(self.money)


@dataclass(frozen=True, eq=False)
class _Part:
    """Outcome of one block of scenarios; ``tallies[kind, lineup]``, ``marks[kind, scenario]``."""

    money: Floats
    squares: Floats
    tallies: Ints
    portfolio: Floats
    marks: Ints


def deal_scenarios(n_scenarios: int, n_fields: int) -> npt.NDArray[np.int64]:
    """Return the field of each scenario, dealt out in turn: blocks differ in size by one at most."""
    return np.arange(n_scenarios, dtype=np.int64) % n_fields


def play_contest(
    ticks: Ticks,
    contest: Contest,
    entries: Entries,
    fields: Sequence[Opponents],
    *,
    checkpoint: Checkpoint = no_checkpoint,
    progress: ReportProgress = no_progress,
) -> Outcome:
    """Play ``ticks[scenario, driver]``, scenarios dealt out evenly among ``fields``."""
    dealt = deal_scenarios(len(ticks), len(fields))
    total = _Totals.empty(len(ticks), len(fields), len(entries.lineups))
    done = 0
    for index, opponents in enumerate(fields):
        mine = np.flatnonzero(dealt == index)
        rows = np.ascontiguousarray(ticks[mine])
        play = _player(rows, contest, entries, opponents)
        size = max(16, SCORES_PER_BLOCK // (len(opponents.copies) + len(entries.copies) + 1))
        at = 0
        for part in run_blocks(play, cut(len(rows), size), checkpoint=checkpoint):
            stop = at + len(part.portfolio)
            total.add(index, mine[at:stop], part)
            done, at = done + stop - at, stop
            progress("simulate", done, len(ticks))
    duplicates = np.array([opponents.copies_of(entries.lineups) for opponents in fields])
    return total.outcome(duplicates, dealt)


def _player(rows: Ticks, contest: Contest, entries: Entries, opponents: Opponents) -> Callable[[int, int], _Part]:
    """A function that plays a block of ``rows[scenario, driver]``."""
    lineups = np.concatenate([opponents.lineups, entries.lineups])
    copies = np.concatenate([opponents.copies, entries.copies]).astype(np.int32)
    cumulative = contest.prizes.cumulative_cents(max(int(copies.sum()), contest.n_entries))
    limits = np.array([contest.top1_places, contest.prizes.n_paid], dtype=np.int64)

    def play(start: int, stop: int) -> _Part:
        part = _empty_part(stop - start, len(entries.lineups))
        results = (part.money, part.squares, part.tallies, part.portfolio, part.marks)
        settle(rows[start:stop], (lineups, copies), (entries.lineups, entries.copies), cumulative, limits, results)
        return part

    return play


def _empty_part(n_scenarios: int, n_lineups: int) -> _Part:
    tallies = np.zeros((5, n_lineups), dtype=np.int64)
    tallies[4] = np.iinfo(np.int64).max
    marks = np.zeros((2, n_scenarios), dtype=np.int64)
    return _Part(np.zeros(n_lineups), np.zeros(n_lineups), tallies, np.zeros(n_scenarios), marks)


@dataclass(eq=False)
class _Totals:
    """Sums over the blocks so far."""

    money: Floats
    part: _Part

    @classmethod
    def empty(cls, n_scenarios: int, n_fields: int, n_lineups: int) -> _Totals:
        return cls(np.zeros((n_fields, n_lineups)), _empty_part(n_scenarios, n_lineups))

    def add(self, field: int, scenarios: Ints, part: _Part) -> None:
        self.money[field] += part.money
        self.part.squares[:] += part.squares
        self.part.tallies[:4] += part.tallies[:4]
        np.minimum(self.part.tallies[4], part.tallies[4], out=self.part.tallies[4])
        self.part.portfolio[scenarios] = part.portfolio
        self.part.marks[:, scenarios] = part.marks

    def outcome(self, duplicates: Ints, dealt: Ints) -> Outcome:
        tallies, marks = self.part.tallies, self.part.marks.astype(np.bool_)
        return Outcome(
            self.money,
            self.part.squares,
            *tallies,
            duplicates=duplicates,
            portfolio=self.part.portfolio,
            any_win=marks[0],
            any_top1=marks[1],
            field_of_scenario=dealt,
        )
