"""What a walk may still become, by looking at every choice; stacks on slates too large for a table."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.common.domain.work import no_checkpoint
from services.common.universe.rules import Rule, Stack, compile_rules
from services.optimizer.core.branch_rules import cheapest_stacks, drivers_after, team_mates
from services.optimizer.core.branch_search import BranchSearch
from services.optimizer.core.objective import Term, build_objective
from services.optimizer.core.query import Query
from services.optimizer.core.slate import Slate
from tests.unit.optimizer.oracle import keeps

_MANY = 1 << 40
_MAX_LOOKS = 400


def bits_of(columns):
    return np.uint64(sum(1 << int(column) for column in columns))


@given(seed=st.integers(0, 2**32), low=st.integers(0, 3), more=st.integers(0, 3), left=st.integers(0, 4))
@settings(max_examples=200, deadline=None)
def test_the_least_salary_of_a_stacked_completion_is_that_of_the_best_of_all_choices(seed, low, more, left):
    rng = np.random.default_rng(seed)
    stack = Stack(rng.integers(-1, 4, 10), low, max(1, low + more))
    salaries = rng.integers(30, 110, 10)
    chosen, later = np.split(rng.permutation(10)[: rng.integers(3, 11)], [rng.integers(0, 3)])
    rule = [Rule("stack", stack=stack)]
    kept = [rest for rest in itertools.combinations(later, left) if keeps(rule, (*chosen, *rest))]
    least = min((int(salaries[list(rest)].sum()) for rest in kept), default=None)
    compiled = compile_rules(rule, 10)
    mates = team_mates(compiled.team_index, compiled.stack, salaries)
    found = cheapest_stacks(bits_of(chosen), left, bits_of(later), salaries, mates, compiled.stack)
    assert found == least if least is not None else found >= _MANY


def test_no_driver_comes_after_the_last_bit_of_a_word():
    everyone = ~np.uint64(0)
    assert int(drivers_after(62, everyone)) == 1 << 63
    assert int(drivers_after(63, everyone)) == 0


def large_slate():
    """16 million legal lineups of eight out of 40, teams of three, few of them under a stack rule."""
    rng = np.random.default_rng(5)
    salaries = rng.integers(45, 112, 40) * 100
    ticks = rng.normal(salaries / 20, 240, (400, 40)).round().astype(np.int16)
    return Slate(np.ascontiguousarray(ticks.T), salaries, 8, 56_000)


class Looks:
    """Counts the slices of a walk, and gives up on one that goes on."""

    def __init__(self):
        self.n = 0

    def __call__(self):
        self.n += 1
        assert self.n < _MAX_LOOKS


def stacked(low, high):
    slate = large_slate()
    rule = Rule("stack", stack=Stack(np.arange(40) // 3, low, high))
    objective = build_objective((Term(0.95, 1.0),), slate.n_scenarios)
    nothing = compile_rules([], 40)
    query = Query(np.zeros(40, dtype=np.int64), compile_rules([rule], 40), nothing)
    looks = Looks()
    search = BranchSearch(slate, objective, looks)
    looks.n = 0
    return slate, rule, query, search


def test_a_stack_that_hardly_any_lineup_keeps_is_found_proven_and_sampled():
    slate, rule, query, search = stacked(2, 3)
    assert 0 < search.count(query) < 20_000
    solution = search.solve(query, lambda: False)
    assert solution.proven
    assert keeps([rule], solution.columns)
    assert slate.salaries_dollars[list(solution.columns)].sum() <= 56_000
    listed, complete = search.sample(query, 100)
    assert not complete
    assert all(keeps([rule], lineup) for lineup in listed)
    everything, complete = search.sample(query, 20_000)
    assert complete
    assert len({tuple(lineup) for lineup in everything.tolist()}) == search.count(query)
    assert all(keeps([rule], lineup) for lineup in everything)
    best = max(search.value(tuple(lineup)) for lineup in everything.tolist())
    assert solution.units == best


@pytest.mark.parametrize("bounds", [(8, 8), (4, 8)])
def test_a_stack_that_no_lineup_keeps_is_refuted(bounds):
    _, _, query, search = stacked(*bounds)
    assert search.solve(query, lambda: False) is None
    assert not search.allows_any(query, no_checkpoint)
    assert search.sample(query, 10)[1]
    assert not len(search.heaviest(query))


def test_a_walk_refutes_a_stack_of_one_lineup_alone_that_no_count_can_see():
    _, _, query, search = stacked(8, 8)
    momentary = Query(query.driver_units, query.momentary, query.rules)
    assert search.count(momentary) == -1
    assert search.solve(momentary, lambda: False) is None


def test_a_time_limit_of_nothing_still_gives_an_allowed_lineup_with_the_bound_that_is_left():
    slate, rule, query, search = stacked(2, 3)
    cut = search.solve(query, lambda: True)
    assert keeps([rule], cut.columns)
    assert slate.salaries_dollars[list(cut.columns)].sum() <= 56_000
    assert cut.units == search.value(cut.columns)
    full = BranchSearch(slate, search.objective, no_checkpoint).solve(query, lambda: False)
    assert cut.units <= full.units <= cut.upper_bound_units
