"""Plainer choices beside a selection: made under the same rules, judged on the same fresh scenarios."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.common.domain.errors import Infeasible
from services.common.domain.tail import tail_size
from services.common.domain.work import Checkpoint, no_checkpoint
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
) -> dict[str, Lineups]:
    """What one would enter without looking at entries together: best single returns, best upper tails.

    ``payouts[row]`` is what each lineup of ``pool[row, slot]`` would win alone. Where the best from the top down
    do not make up a whole choice under the rules, it is completed by payout, if that can be done.
    """
    k = tail_size(COMPARED_TAIL, tiles.n_scenarios)

    def by_payout(rows: Rows) -> Rows:
        n = min(len(rows), N_RANKED)
        best = rows[np.argpartition(-payouts[rows], n - 1)[:n]]
        return best[np.argsort(-payouts[best], kind="stable")]

    def by_tail(rows: Rows) -> Rows:
        promising, n = pool[by_payout(rows)], min(len(rows), N_BY_TAIL)
        return rows[rank_by_tail(tiles, pool[rows], promising, k, n, checkpoint=checkpoint)]

    def whole(ranked: Callable[[Rows], Rows]) -> Lineups:
        rows = take_best(pool, rules, ranked, n_drivers=n_drivers, checkpoint=checkpoint)
        if len(rows) < rules.n_entries:
            with suppress(Infeasible):
                rows = complete_choice(pool, payouts, rows.tolist(), rules, checkpoint=checkpoint)
        return pool[rows]

    return {"best_single_roi": whole(by_payout), "best_cvar_99": whole(by_tail)}


def take_best(
    pool: Lineups,
    rules: SelectionRules,
    ranked: Callable[[Rows], Rows],
    *,
    n_drivers: int,
    checkpoint: Checkpoint = no_checkpoint,
) -> Rows:
    """Rows of ``pool[row, slot]`` from the best down, each that keeps the rules with those before it.

    ``ranked`` gives the best of some rows, best first. What the rules exclude once stays excluded, so the rest
    is ranked anew until the choice is complete or nothing is left. Shape (at most n_entries,).
    """
    chosen = Chosen(rules, n_drivers)
    left = np.arange(len(pool), dtype=np.int64)
    taken: list[int] = []
    while len(left) and not chosen.complete:
        for row in ranked(left).tolist():
            if not chosen.complete and chosen.allows(pool[row][None])[0]:
                chosen.add(pool[row])
                taken.append(row)
        left = chosen.still_allowed(pool, left, checkpoint=checkpoint)
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
