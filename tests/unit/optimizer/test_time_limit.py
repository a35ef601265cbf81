"""What searches answer when their time ends: the best found, a bound on the rest, and that at once."""

import dataclasses

import numpy as np
import pytest

from services.common.domain.errors import Infeasible
from services.common.domain.work import no_checkpoint
from services.common.universe import count_lineups, enumerate_lineups
from services.common.universe.rules import Group, Limit, Rule, compile_rules
from services.optimizer.core import branch_walks, table_rows
from services.optimizer.core.branch_or_table import BranchOrTable
from services.optimizer.core.branch_search import BranchSearch
from services.optimizer.core.conflict import smallest_conflict
from services.optimizer.core.demand import Demand
from services.optimizer.core.finish_guard import FinishGuard
from services.optimizer.core.objective import DEFAULT_TERMS, build_objective
from services.optimizer.core.query import Query
from services.optimizer.core.slate import Slate, check_range
from services.optimizer.core.table import build_table
from services.optimizer.core.table_search import TableSearch
from services.optimizer.core.time_limit import TimeUp, ending
from tests.unit.optimizer.oracle import random_slate


def never():
    return False


def plain(slate, *rules):
    nothing = compile_rules([], slate.n_drivers)
    return Query(np.zeros(slate.n_drivers, dtype=np.int64), compile_rules(rules, slate.n_drivers), nothing)


@pytest.fixture(scope="module")
def slate():
    return random_slate(np.random.default_rng(8), n_drivers=22, roster_size=5, n_scenarios=2_000)


@pytest.fixture(scope="module")
def objective():
    return build_objective(DEFAULT_TERMS, 2_000)


class StopAt:
    """Raises at one of its looks; counts them."""

    def __init__(self, look):
        self.n, self._look = 0, look

    def __call__(self):
        self.n += 1
        if self.n == self._look:
            raise TimeUp


@pytest.mark.parametrize(
    "work",
    [
        lambda slate, objective, look: build_table(slate, objective, look, max_lineups=10**6),
        lambda slate, objective, look: BranchSearch(slate, objective, look),
        lambda slate, objective, look: check_range(slate, look),
        lambda slate, objective, look: count_lineups(slate.salaries_dollars, 5, 40_000, checkpoint=look),
        lambda slate, objective, look: enumerate_lineups(slate.salaries_dollars, 5, 40_000, checkpoint=look),
    ],
)
def test_work_ends_at_whichever_look_says_so(slate, objective, work):
    whole = StopAt(0)
    work(slate, objective, whole)
    for look in {1, whole.n // 2, whole.n} - {0}:
        stopped = StopAt(look)
        with pytest.raises(TimeUp):
            work(slate, objective, stopped)
        # Threads that wait beside the one that stopped look too.
        assert stopped.n <= look + 2


def test_a_search_whose_time_ends_while_bounds_are_lowered_keeps_a_valid_one(slate, objective, monkeypatch):
    monkeypatch.setattr(table_rows, "_ROW_BLOCK", 8)
    built = build_table(slate, objective, no_checkpoint, max_lineups=10**6)
    push = objective.units(np.random.default_rng(1).normal(0, 30, 22))
    query = Query(push, plain(slate).rules, plain(slate).momentary)
    full = TableSearch(build_table(slate, objective, no_checkpoint, max_lineups=10**6), no_checkpoint)
    best = full.solve(query, never)
    for n_looks in range(1, 60, 6):
        looks = iter(range(n_looks))
        cut = TableSearch(built, no_checkpoint).solve(query, lambda looks=looks: next(looks, None) is None)
        assert cut.units <= best.units <= cut.upper_bound_units
    # What was stopped on the way leaves a table that answers as any other.
    again = TableSearch(built, no_checkpoint).solve(query, never)
    assert (again.columns, again.units, again.proven) == (best.columns, best.units, True)


def test_without_time_swaps_lift_the_first_lineup_that_rules_allow(slate, objective):
    slate = dataclasses.replace(slate, salary_cap_dollars=30_000)
    free = BranchSearch(slate, objective, no_checkpoint)
    best = free.solve(plain(slate), never).columns
    held = np.isin(np.arange(22), best)
    # What climbs find is not allowed: none of the best drivers may be taken.
    query = plain(slate, Rule("others", group=Group(held, 0, 0)))
    cut = free.solve(query, lambda: True)
    full = free.solve(query, never)
    assert not set(cut.columns) & set(best)
    assert cut.units == free.value(cut.columns)
    assert cut.units <= full.units <= cut.upper_bound_units
    swaps = [tuple(sorted({*cut.columns, new} - {out})) for new in range(22) for out in cut.columns]
    legal = [s for s in swaps if len(s) == 5 and not set(s) & set(best)]
    legal = [s for s in legal if slate.salaries_dollars[list(s)].sum() <= slate.salary_cap_dollars]
    assert all(free.value(columns) <= cut.units for columns in legal)


def test_a_table_that_there_is_no_time_for_leaves_what_the_walk_found(slate, objective):
    def too_late():
        raise TimeUp

    branch = BranchSearch(slate, objective, no_checkpoint)
    either = BranchOrTable(branch, too_late)
    # As if walks had cost as much as the table would.
    either._slices_left = 0
    found = either.solve(plain(slate), never)
    best = branch.solve(plain(slate), never)
    assert found.units <= best.units <= found.upper_bound_units
    assert either.allows_any(plain(slate), no_checkpoint)


def test_a_slate_without_a_legal_lineup_is_infeasible_without_a_table(objective):
    poor = Slate(np.zeros((8, 2_000), dtype=np.int16), np.full(8, 9_000), 5, 40_000)
    with pytest.raises(Infeasible, match="salary cap"):
        BranchSearch(poor, objective, no_checkpoint)


def test_looks_for_a_finish_end_with_the_time():
    class Endless:
        def sample(self, query, n):
            raise TimeUp

    one = np.ones(4, dtype=np.int64)
    demand = Demand(3, 0 * one, 3 * one, np.zeros(0, dtype=np.int64), np.zeros((0, 4), dtype=bool), 1)
    guard = FinishGuard(demand, no_checkpoint)
    guard.start(None, Endless())
    assert (guard.ahead, guard.impossible) == (None, False)
    guard.ahead = np.array([[0, 1], [1, 2], [2, 3]], dtype=np.int8)
    # None of those ahead can give way: the lineup under way is taken, as the last one.
    tight = Demand(3, np.array([1, 2, 2, 1]), 3 * one, demand.team_most, demand.team_members, 2)
    guard._demand = tight
    assert guard.admit((0, 3), lambda: None, Endless())
    assert guard.ahead is None


def test_a_conflict_that_there_is_no_time_to_reduce_is_named_whole():
    looks = iter([False, True])

    def allowed(rules):
        if (answer := next(looks, None)) is None:
            raise TimeUp
        return answer

    assert smallest_conflict(["a", "b", "c", "d"], allowed) == ["b", "c", "d"]


@pytest.mark.parametrize("kind", [TableSearch, BranchSearch])
def test_a_look_for_any_lineup_ends_with_the_time(slate, objective, kind, monkeypatch):
    monkeypatch.setattr(branch_walks, "SLICE_SECONDS", 1e-5)
    values = np.random.default_rng(3).random(22)
    # Limits between which no sum lies are refuted by going through the lineups alone.
    nowhere = [Rule("over", limit=Limit(-values, -2.5)), Rule("under", limit=Limit(values, 2.5 - 1e-7))]
    first = slate if kind is BranchSearch else build_table(slate, objective, no_checkpoint, max_lineups=10**6)
    search = kind(first, objective, no_checkpoint) if kind is BranchSearch else kind(first, no_checkpoint)
    whole = StopAt(0)
    assert not search.allows_any(plain(slate, *nowhere), whole)
    assert whole.n > (3 if kind is BranchSearch else 0)
    for look in {1, whole.n // 2, whole.n} - {0}:
        stopped = StopAt(look)
        with pytest.raises(TimeUp):
            search.allows_any(plain(slate, *nowhere), stopped)
        assert stopped.n == look


def test_a_checkpoint_that_ends_says_first_whether_anybody_waits():
    def gone():
        raise KeyError

    with pytest.raises(KeyError):
        ending(gone, lambda: True)()
    with pytest.raises(TimeUp):
        ending(no_checkpoint, lambda: True)()
    ending(no_checkpoint, never)()
