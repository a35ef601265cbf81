"""The entries that together pay best, with their certificate, and plainer choices beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from services.common.domain.work import Checkpoint, ReportProgress, no_checkpoint, no_progress
from services.contest_sim.core.comparison import SELECTION, ComparedChoice, compare, plain_choices
from services.contest_sim.core.completion import check_exposure
from services.contest_sim.core.contest import Contest, Entries
from services.contest_sim.core.field_plan import Plan
from services.contest_sim.core.gain_tiles import GainTiles, build_gain_tiles
from services.contest_sim.core.greedy import choose_greedily
from services.contest_sim.core.outcome import Outcome
from services.contest_sim.core.play import play_choices
from services.contest_sim.core.selection_rules import Chosen, SelectionRules
from services.contest_sim.core.swaps import improve_by_swaps

Floats = npt.NDArray[np.float64]
Lineups = npt.NDArray[np.int8]
Ticks = npt.NDArray[np.int16]

FRESH_EVERY = 4
"""Every fourth scenario is kept from the selection, to judge it by."""

MAX_SCENARIOS = 10_000
"""Scenarios to select by; their tables take some 30 kB each. Those beyond are fresh ones too."""

N_ALTERNATIVES = 1_000
MAX_TURNS = 3


@dataclass(frozen=True, eq=False)
class SelectionTask:
    """``pool[row, slot]`` of legal lineups, the contest, and the plan of its fields.

    Fields below ``n_fields`` are selected against, the ``n_fields`` after them are fresh.
    """

    pool: Lineups
    ticks: Ticks
    contest: Contest
    plan: Plan
    n_fields: int
    rules: SelectionRules


@dataclass(frozen=True, eq=False)
class Selection:
    """The choice, judged by the scenarios it was made on and by fresh ones.

    Attributes
    ----------
    lineups
        The entries; int8, shape (n_entries, roster_size).
    profit, upper_bound
        Mean profit in cents on the scenarios of the selection, and what no choice of this size can pass there.
    fresh
        Outcome on scenarios and fields that the selection has not seen.
    fresh_scenarios
        Their numbers.
    insight
        Of the fresh fields, as achieved.
    comparisons
        The choice and plainer ones, judged on these.
    """

    lineups: Lineups
    profit: float
    upper_bound: float
    fresh: Outcome
    fresh_scenarios: npt.NDArray[np.int64]
    insight: float
    comparisons: list[ComparedChoice]


def select_entries(
    task: SelectionTask, *, checkpoint: Checkpoint = no_checkpoint, progress: ReportProgress = no_progress
) -> Selection:
    """Choose entries greedily, exchange single ones while that helps, and compare on fresh scenarios."""
    check_exposure(task.pool, task.rules)
    n_drivers = task.ticks.shape[1]
    seen, fresh = split_scenarios(len(task.ticks))
    n_fields = min(task.n_fields, len(seen))
    tiles = build_gain_tiles(
        task.ticks[seen],
        task.contest,
        task.plan.draw,
        n_own=task.rules.n_entries,
        n_fields=n_fields,
        dealing=task.plan.deal(task.ticks[seen], n_fields),
        roster_size=task.pool.shape[1],
        checkpoint=checkpoint,
        progress=progress,
    )
    payouts = tiles.values(task.pool, checkpoint=checkpoint, progress=progress)
    chosen = Chosen(task.rules, n_drivers)
    _choose(task, tiles, payouts, chosen, checkpoint, progress)
    plain = plain_choices(
        tiles, task.pool, payouts, task.rules, n_drivers=n_drivers, checkpoint=checkpoint, progress=progress
    )
    choices = {SELECTION: np.array(chosen.lineups, dtype=np.int8), **plain}
    outcomes, insight = _judge(task, fresh, choices, checkpoint)
    sizes = {name: len(lineups) for name, lineups in choices.items()}
    fees = task.rules.n_entries * task.contest.entry_fee_cents
    return Selection(
        lineups=choices[SELECTION],
        profit=tiles.moments()[0] - fees,
        upper_bound=float(np.sort(payouts)[-task.rules.n_entries :].sum()) - fees,
        fresh=outcomes[SELECTION],
        fresh_scenarios=fresh,
        insight=insight,
        comparisons=compare(outcomes, sizes, task.contest.entry_fee_cents),
    )


def split_scenarios(n_scenarios: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Numbers of the scenarios to select by, and of fresh ones."""
    numbers = np.arange(n_scenarios, dtype=np.int64)
    seen = numbers[numbers % FRESH_EVERY != FRESH_EVERY - 1][:MAX_SCENARIOS]
    return seen, np.setdiff1d(numbers, seen)


def _choose(
    task: SelectionTask,
    tiles: GainTiles,
    payouts: Floats,
    chosen: Chosen,
    checkpoint: Checkpoint,
    progress: ReportProgress,
) -> None:
    """Greedy choice and turns of swaps by expected money, then by the blend with risk where that counts.

    Deviations of entries add up to less than their sum, so an entry looks worse alone than in company and a
    greedy choice by the blend goes astray; swaps from the choice that pays most only improve it.
    """
    rows = choose_greedily(tiles, task.pool, payouts, chosen, task.rules, checkpoint=checkpoint, progress=progress)
    alternatives = task.pool[rows[:N_ALTERNATIVES]]
    steps = 0

    def after_each() -> None:
        nonlocal steps
        steps += 1
        progress("swap", steps, 0)

    for rules in dict.fromkeys([replace(task.rules, risk_aversion=0.0), task.rules]):
        for _ in range(MAX_TURNS):
            if not improve_by_swaps(tiles, alternatives, chosen, rules, checkpoint=checkpoint, after_each=after_each):
                break


def _judge(
    task: SelectionTask, fresh: npt.NDArray[np.int64], choices: Mapping[str, Lineups], checkpoint: Checkpoint
) -> tuple[dict[str, Outcome], float]:
    """What comes of each choice on fresh scenarios against the same fresh fields, and the insight of these."""
    entries = [Entries(lineups, np.ones(len(lineups), dtype=np.int64)) for lineups in choices.values()]
    ticks = np.ascontiguousarray(task.ticks[fresh])
    n_fields = min(task.n_fields, len(fresh))
    dealing = task.plan.deal(ticks, n_fields, first=task.n_fields)
    outcomes = play_choices(
        ticks,
        task.contest,
        entries,
        lambda index: task.plan.draw(task.n_fields + index),
        n_fields=n_fields,
        dealing=dealing,
        checkpoint=checkpoint,
    )
    return dict(zip(choices, outcomes, strict=True)), dealing.insight
