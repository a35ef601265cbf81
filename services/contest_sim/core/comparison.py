"""Plainer choices beside a selection: made under the same rules, judged on the same fresh scenarios."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt

from services.common.domain.errors import Infeasible
from services.common.domain.tail import tail_size
from services.common.domain.work import Checkpoint, ReportProgress, no_checkpoint, no_progress
from services.contest_sim.core.completion import complete_choice
from services.contest_sim.core.gain_tiles import GainTiles
from services.contest_sim.core.outcome import Outcome
from services.contest_sim.core.selection_rules import Chosen, SelectionRules
from services.contest_sim.core.standard_errors import means_by_field, standard_error
from services.contest_sim.core.tail_ranking import rank_by_tail

Floats = npt.NDArray[np.float64]
Lineups = npt.NDArray[np.int8]
Rows = npt.NDArray[np.int64]

SELECTION = "selection"
COMPARED_TAIL = 0.99
N_RANKED = 20_000
N_BY_TAIL = 2_000


@dataclass(frozen=True)
class ComparedChoice:
    """Mean profit of a choice in cents, and by how much the selection's is greater, with standard errors.

    ``lead_se`` is that of the differences scenario by scenario: what moves both choices alike does not count.
    """

    name: str
    n_entries: int
    profit: float
    profit_se: float
    lead: float
    lead_se: float


def plain_choices(
    tiles: GainTiles,
    pool: Lineups,
    payouts: Floats,
    rules: SelectionRules,
    *,
    n_drivers: int,
    checkpoint: Checkpoint = no_checkpoint,
    progress: ReportProgress = no_progress,
) -> dict[str, Lineups]:
    """What one would enter without looking at entries together: best single returns, best upper tails.

    ``payouts[row]`` is what each lineup of ``pool[row, slot]`` would win alone. Where the best from the top down
    do not make up a whole choice under the rules, it is completed by payout, if that can be done.
    """
    n = min(len(pool), N_RANKED)
    best = np.argpartition(-payouts, n - 1)[:n]
    by_payout = best[np.argsort(-payouts[best], kind="stable")]
    k = tail_size(COMPARED_TAIL, tiles.n_scenarios)
    by_tail = rank_by_tail(tiles, pool, pool[by_payout], k, checkpoint=checkpoint, progress=progress)

    def whole(ranked: Iterable[int]) -> Lineups:
        rows = take_best(pool, rules, ranked, n_drivers=n_drivers)
        if len(rows) < rules.n_entries:
            with suppress(Infeasible):
                rows = complete_choice(pool, payouts, rows.tolist(), rules, checkpoint=checkpoint)
        return pool[rows]

    return {"best_single_roi": whole(by_payout.tolist()), "best_cvar_99": whole(islice(by_tail, N_BY_TAIL))}


def take_best(pool: Lineups, rules: SelectionRules, ranked: Iterable[int], *, n_drivers: int) -> Rows:
    """Those rows of ``pool[row, slot]`` from the best ``ranked`` down that keep the rules with the ones before.

    Shape (at most n_entries,).
    """
    chosen = Chosen(rules, n_drivers)
    taken: list[int] = []
    for row in ranked:
        if chosen.allows(pool[row][None])[0]:
            chosen.add(pool[row])
            taken.append(row)
        if chosen.complete:  # asked before the next, which may have to be looked for
            break
    return np.array(taken, dtype=np.int64)


def compare(outcomes: Mapping[str, Outcome], sizes: Mapping[str, int], entry_fee_cents: int) -> list[ComparedChoice]:
    """Each choice with its ``outcomes`` on scenarios and fields that all of them share, the selection first."""
    dealt = outcomes[SELECTION]
    profits = {name: outcome.portfolio - sizes[name] * entry_fee_cents for name, outcome in outcomes.items()}

    def estimate(values: Floats) -> tuple[float, float]:
        means = means_by_field(values, dealt.field_of_scenario, dealt.n_fields)
        spread = np.asarray(values.var(ddof=1) if len(values) > 1 else 0.0)
        return float(values.mean()), float(standard_error(means, spread, len(values)))

    return [
        ComparedChoice(name, sizes[name], *estimate(profit), *estimate(profits[SELECTION] - profit))
        for name, profit in profits.items()
    ]
