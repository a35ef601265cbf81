"""Contests played over scenarios, field by field."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from services.common.blocks import cut, run_blocks
from services.common.domain.work import Checkpoint, ReportProgress, no_checkpoint, no_progress
from services.contest_sim.core.contest import Contest, Entries
from services.contest_sim.core.contest_kernels import settle
from services.contest_sim.core.dealing import Dealing, deal_evenly
from services.contest_sim.core.field_plan import Drawn
from services.contest_sim.core.opponents import Opponents
from services.contest_sim.core.outcome import Ledger, Outcome, Part

Ticks = npt.NDArray[np.int16]
Draw = Callable[[int], Sequence[Drawn]]
"""Gives the opponents in each contest, by number of the field."""

SCORES_PER_BLOCK = 20_000_000
"""Entries times scenarios per block: some 50 ms of work on one core."""


def play_contests(
    ticks: Ticks,
    contests: Sequence[Contest],
    entries: Entries,
    draw: Draw,
    *,
    n_fields: int,
    dealing: Dealing | None = None,
    checkpoint: Checkpoint = no_checkpoint,
    progress: ReportProgress = no_progress,
) -> list[Outcome]:
    """Play the same entries in every contest over ``ticks[scenario, driver]``.

    Each scenario is played against one of ``n_fields`` fields: the one it is dealt to, by default in turn. Only
    one field is held at a time, so memory depends neither on their number nor on scenarios times opponents.
    """
    dealt = dealing or deal_evenly(len(ticks), n_fields)
    tables = [_Table(ticks, contest, entries, checkpoint) for contest in contests]
    return _play(tables, draw, n_fields, dealt, progress)


def play_choices(
    ticks: Ticks,
    contest: Contest,
    choices: Sequence[Entries],
    draw: Draw,
    *,
    n_fields: int,
    dealing: Dealing,
    checkpoint: Checkpoint = no_checkpoint,
) -> list[Outcome]:
    """Play each of several choices of entries, in place of one another, against the same fields of one contest."""
    tables = [_Table(ticks, contest, entries, checkpoint) for entries in choices]
    return _play(tables, lambda index: [draw(index)[0]] * len(choices), n_fields, dealing, no_progress)


def _play(
    tables: Sequence[_Table], draw: Draw, n_fields: int, dealing: Dealing, progress: ReportProgress
) -> list[Outcome]:
    """Play field by field at every table; ``draw`` gives the opponents at each."""
    dealt = dealing.field_of_scenario
    ledgers = [Ledger(dealt, n_fields, table.n_lineups) for table in tables]
    done = 0
    for index in range(n_fields):
        for table, drawn, ledger in zip(tables, draw(index), ledgers, strict=True):
            for n_played in table.play(index, drawn, ledger):
                done += n_played
                progress("simulate", done, len(dealt) * len(tables))
            ledger.close(index)
    return [ledger.outcome() for ledger in ledgers]


class _Table:
    """Plays blocks of scenarios of a contest on all cores."""

    def __init__(self, ticks: Ticks, contest: Contest, entries: Entries, checkpoint: Checkpoint) -> None:
        self._ticks = ticks
        self._contest = contest
        self._entries = entries
        self._checkpoint = checkpoint

    @property
    def n_lineups(self) -> int:
        """Own lineups, each once."""
        return len(self._entries.lineups)

    def play(self, index: int, drawn: Drawn, ledger: Ledger) -> Iterator[int]:
        """Play the scenarios of one field and yield how many each block held."""
        self._checkpoint()
        mine = ledger.scenarios_of(index)
        opponents = drawn.opponents
        lineups = self._entries.lineups
        ledger.note_duplicates(index, opponents.copies_of(lineups), drawn.expected_copies(lineups))
        play = _player(np.ascontiguousarray(self._ticks[mine]), self._contest, self._entries, opponents)
        size = max(16, SCORES_PER_BLOCK // (len(opponents.copies) + len(self._entries.copies)))
        blocks = cut(len(mine), size)
        parts = run_blocks(play, blocks, checkpoint=self._checkpoint)
        for (start, stop), part in zip(blocks, parts, strict=True):
            ledger.add(index, mine[start:stop], part)
            yield stop - start


def _player(rows: Ticks, contest: Contest, entries: Entries, opponents: Opponents) -> Callable[[int, int], Part]:
    """A function that plays a block of ``rows[scenario, driver]``."""
    lineups = np.concatenate([opponents.lineups, entries.lineups])
    copies = np.concatenate([opponents.copies, entries.copies]).astype(np.int32)
    cumulative = contest.prizes.cumulative_cents(max(int(copies.sum()), contest.n_entries))
    limits = np.array([contest.top1_places, contest.prizes.n_paid], dtype=np.int64)

    def play(start: int, stop: int) -> Part:
        part = Part.empty(stop - start, len(entries.lineups))
        results = (part.money, part.squares, part.tallies, part.portfolio, part.marks)
        settle(rows[start:stop], (lineups, copies), (entries.lineups, entries.copies), cumulative, limits, results)
        return part

    return play
