"""Choices beside the selection: filled as far as the rules let them, and compared scenario by scenario."""

from itertools import combinations

import numpy as np
import pytest

from services.contest_sim.core.comparison import SELECTION, compare, plain_choices, take_best
from services.contest_sim.core.contest import Contest, Entries
from services.contest_sim.core.field_plan import Drawn
from services.contest_sim.core.gain_tiles import build_gain_tiles
from services.contest_sim.core.opponents import Opponents
from services.contest_sim.core.play import play_contests
from services.contest_sim.core.prizes import PrizeRow, PrizeTable
from services.contest_sim.core.selection_rules import SelectionRules

TABLE = PrizeTable.checked([PrizeRow(1, 1, 9000), PrizeRow(2, 8, 1500)])


def best_first(pool, values, rules):
    """The same choice one lineup at a time over the whole pool."""
    chosen = []
    for row in np.argsort(-values, kind="stable"):
        lineup = set(pool[row].tolist())
        counts = [sum(driver in other for other in chosen) for driver in lineup]
        apart = all(len(lineup - other) >= rules.min_distinct_drivers for other in chosen)
        if len(chosen) < rules.n_entries and apart and max(counts, default=0) < rules.max_per_driver:
            chosen.append(lineup)
    return chosen


@pytest.mark.parametrize(
    "rules",
    [
        SelectionRules(12, max_driver_exposure=0.5),
        SelectionRules(8, min_distinct_drivers=3),
        SelectionRules(20, max_driver_exposure=0.25, min_distinct_drivers=2),
    ],
)
def test_best_are_taken_from_the_top_down(small, rng, rules):
    pool = small.universe.lineups
    values = rng.random(len(pool)) + (pool == 3).any(axis=1)
    taken = take_best(pool, rules, np.argsort(-values, kind="stable").tolist(), n_drivers=12)
    assert [set(lineup) for lineup in pool[taken].tolist()] == best_first(pool, values, rules)


def test_plain_choices_are_whole_where_rules_allow_it(small):
    """Pools in which the best from the top down end too early; every plain choice has as many entries as wanted."""
    field = Opponents.compress(small.universe.lineups[::7])
    contest, rules = Contest(60, 600, TABLE), SelectionRules(5, max_driver_exposure=0.4, min_distinct_drivers=2)
    tiles = build_gain_tiles(small.ticks, contest, lambda _index: [Drawn(field)], n_own=5, n_fields=1, roster_size=4)
    ended_early = 0
    for seed in range(25):
        pool = small.universe.lineups[np.random.default_rng(seed).choice(small.universe.n_lineups, 90, replace=False)]
        payouts = tiles.values(pool)
        ended_early += len(best_first(pool, payouts, rules)) < 5
        for lineups in plain_choices(tiles, pool, payouts, rules, n_drivers=12).values():
            assert len(lineups) == 5
            assert np.bincount(lineups.ravel()).max() <= 2
            assert all(len(set(a) - set(b)) >= 2 for a, b in combinations(lineups.tolist(), 2))
    assert ended_early > 0


def test_lead_is_the_difference_of_profits_with_the_error_of_the_differences(small, rng):
    """Two portfolios that share most entries: their profits vary far more than their difference."""
    fields = [Opponents.compress(small.universe.lineups[rng.integers(0, 261, 50)]) for _ in range(6)]
    lineups = small.universe.lineups[[5, 50, 90, 130, 170, 210]]
    choices = {
        SELECTION: lineups,
        "other": np.vstack([lineups[:5], small.universe.lineups[[250]]]),
        "short": lineups[:4],
    }
    outcomes = {
        name: play_contests(
            small.ticks,
            [Contest(60, 600, TABLE)],
            Entries(rows, np.ones(len(rows), dtype=np.int64)),
            lambda index: [Drawn(fields[index])],
            n_fields=6,
        )[0]
        for name, rows in choices.items()
    }
    sizes = {name: len(rows) for name, rows in choices.items()}
    first, other, short = compare(outcomes, sizes, 600)
    assert (first.lead, first.lead_se) == (0.0, 0.0)
    assert [item.n_entries for item in (first, other, short)] == [6, 6, 4]
    assert short.profit == pytest.approx(outcomes["short"].portfolio.mean() - 4 * 600)
    gaps = outcomes[SELECTION].portfolio - outcomes["other"].portfolio
    assert other.lead == pytest.approx(gaps.mean())
    by_field = [gaps[index::6].mean() for index in range(6)]
    assert other.lead_se == pytest.approx(max(gaps.std(ddof=1) / np.sqrt(60), np.std(by_field, ddof=1) / np.sqrt(6)))
    assert other.lead_se < 0.5 * other.profit_se
