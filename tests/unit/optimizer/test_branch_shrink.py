"""Copies of the scenarios that matter: bounds and answers stay what they are on all scenarios."""

import numpy as np
import pytest

from services.common.domain.work import no_checkpoint
from services.common.universe.rules import compile_rules
from services.optimizer.core import branch_or_table, branch_shrink
from services.optimizer.core.branch_kernels import best_completions, node_bound
from services.optimizer.core.branch_or_table import BranchOrTable
from services.optimizer.core.branch_search import BranchSearch
from services.optimizer.core.branch_shrink import FLOOR, LEVEL, WIDTH, completion_at, enter, new_copies, ticks_at
from services.optimizer.core.objective import DEFAULT_TERMS, Term, build_objective
from services.optimizer.core.query import Query
from services.optimizer.core.table import build_table
from services.optimizer.core.table_search import TableSearch
from tests.unit.optimizer.oracle import best_lineup, keeps, legal, random_rules, random_slate


def plain(slate, units=None):
    nothing = compile_rules([], slate.n_drivers)
    return Query(np.zeros(slate.n_drivers, dtype=np.int64) if units is None else units, nothing, nothing)


def test_a_copy_holds_just_the_scenarios_above_the_floor_and_bounds_as_all_of_them_do():
    rng = np.random.default_rng(4)
    ticks = rng.integers(0, 800, (9, 2_000)).astype(np.int16)
    completions = best_completions(ticks, 5)
    total = ticks[0].copy()
    highest = total + completions[4, 1]
    floor = int(np.quantile(highest, 0.8))
    live = np.flatnonzero(highest > floor)
    copies = new_copies(9, 5, 2_000)
    assert enter(copies, 0, total, ticks, completions, 1, 4, floor) > 0
    assert copies.read[1].tolist() == [1, len(live), floor]
    assert np.array_equal(total[: len(live)], ticks[0, live])
    thresholds = np.array([floor, floor + 90], dtype=np.int64)
    tails = np.array([20, 5], dtype=np.int64), np.array([3, 7], dtype=np.int64), thresholds
    for driver in range(1, 6):
        assert np.array_equal(ticks_at(copies, 1, ticks, driver), ticks[driver, live])
        few = total[: len(live)] + ticks_at(copies, 1, ticks, driver)
        bound = node_bound(few, completion_at(copies, 1, completions, 3, driver + 1), tails, floor)
        full = ticks[0] + ticks[driver]
        assert bound == node_bound(full, completions[3, driver + 1], tails, branch_shrink.LOWEST)


def test_no_copy_is_made_where_most_scenarios_matter():
    ticks = np.random.default_rng(4).integers(0, 800, (9, 2_000)).astype(np.int16)
    copies = new_copies(9, 5, 2_000)
    assert enter(copies, 0, ticks[0].copy(), ticks, best_completions(ticks, 5), 1, 4, 0) == 0
    assert (copies.read[1, LEVEL], copies.read[1, WIDTH], copies.read[1, FLOOR]) == (0, 2_000, branch_shrink.LOWEST)


@pytest.mark.parametrize("seed", range(12))
def test_walks_on_copies_give_the_exhaustive_optimum_under_rules(monkeypatch, seed):
    monkeypatch.setattr(branch_shrink, "_LEAST_SCENARIOS", 1)
    rng = np.random.default_rng(seed)
    slate = random_slate(rng, n_drivers=10, roster_size=5, n_scenarios=120, ties=bool(seed % 2))
    objective = build_objective(DEFAULT_TERMS, 120)
    rules = random_rules(rng, 10, 5)
    query = Query(np.zeros(10, dtype=np.int64), compile_rules(rules, 10), compile_rules([], 10))
    allowed = [columns for columns in legal(slate) if keeps(rules, columns)]
    solution = BranchSearch(slate, objective, no_checkpoint).solve(query, lambda: False)
    assert (solution and solution.columns) == (best_lineup(slate, DEFAULT_TERMS, allowed)[1] if allowed else None)


class Counted:
    """Makes tables, and says how often it was asked."""

    def __init__(self, slate, objective, max_lineups):
        self.made = 0
        self._asked = slate, objective, max_lineups

    def __call__(self):
        self.made += 1
        slate, objective, most = self._asked
        return TableSearch(build_table(slate, objective, no_checkpoint, max_lineups=most), no_checkpoint)


@pytest.mark.parametrize(
    ("seconds", "most", "method", "n_made"),
    [(1.0, 10**6, "branch_and_bound", 0), (0.0, 10**6, "table", 1), (0.0, 10, "branch_and_bound", 1)],
)
def test_a_table_is_made_just_where_walks_have_cost_as_much(monkeypatch, seconds, most, method, n_made):
    monkeypatch.setattr(branch_or_table, "_TABLE_SECONDS_PER_LINEUP", seconds)
    monkeypatch.setattr(branch_or_table, "_TABLE_SECONDS_PER_TOTAL", 0.0)
    slate = random_slate(np.random.default_rng(3), n_drivers=26, roster_size=6, n_scenarios=3_000)
    objective = build_objective((Term(0.5, 1.0),), 3_000)
    tables = Counted(slate, objective, most)
    branch = BranchSearch(slate, objective, no_checkpoint)
    found = BranchOrTable(branch, tables).solve(plain(slate), lambda: False)
    assert (found.method, found.proven, tables.made) == (method, True, n_made)
    other = branch.solve(plain(slate), lambda: False)
    assert (found.columns, found.units) == (other.columns, other.units)
