"""Both searches against exhaustive search in exact fractions: values, ties, rules, tolls, distance, counts."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.common.domain.errors import Cancelled
from services.common.domain.work import no_checkpoint
from services.common.universe import UniverseTooLarge
from services.common.universe.rules import compile_rules
from services.optimizer.core.branch_search import BranchSearch
from services.optimizer.core.objective import DEFAULT_TERMS, build_objective
from services.optimizer.core.query import Query, Toll
from services.optimizer.core.slate import Slate
from services.optimizer.core.table import build_table
from services.optimizer.core.table_search import TableSearch
from tests.unit.optimizer.oracle import best_lineup, keeps, legal, random_rules, random_slate, slates, terms


def never():
    return False


def query(slate, **changes):
    empty = compile_rules([], slate.n_drivers)
    start = Query(np.zeros(slate.n_drivers, dtype=np.int64), empty, empty)
    return Query(**{**start.__dict__, **changes})


def table(slate, objective):
    return TableSearch(build_table(slate, objective, no_checkpoint, max_lineups=10**6), no_checkpoint)


def branch(slate, objective):
    return BranchSearch(slate, objective, no_checkpoint)


both = pytest.mark.parametrize("search", [table, branch])


@both
@given(slate=slates(), objective_terms=terms())
@settings(max_examples=100, deadline=None)
def test_the_answer_is_the_exhaustive_optimum_and_the_first_among_equals(search, slate, objective_terms):
    objective = build_objective(objective_terms, slate.n_scenarios)
    allowed = legal(slate)
    solution = search(slate, objective).solve(query(slate), never)
    value, columns = best_lineup(slate, objective_terms, allowed)
    assert solution.columns == columns
    assert solution.proven
    assert solution.n_covered == len(allowed)
    assert Fraction(solution.units, objective.denominator * 20) == value


@both
@given(slate=slates(), objective_terms=terms(), seed=st.integers(0, 2**32))
@settings(max_examples=100, deadline=None)
def test_rules_driver_points_tolls_and_distance_hold_exactly(search, slate, objective_terms, seed):
    rng = np.random.default_rng(seed)
    objective = build_objective(objective_terms, slate.n_scenarios)
    searching = search(slate, objective)
    static, momentary = (random_rules(rng, slate.n_drivers, slate.roster_size) for _ in range(2))
    shared = compile_rules(static, slate.n_drivers)
    min_distinct = int(rng.integers(1, slate.roster_size + 1))
    earlier = ()
    for _ in range(4):
        units = objective.units(rng.integers(-3, 3, slate.n_drivers) * 0.25)
        toll = Toll(rng.random(slate.n_drivers) < 0.3, int(objective.units(np.array(1.5))))
        asked = query(
            slate,
            driver_units=units,
            rules=shared,
            momentary=compile_rules(momentary, slate.n_drivers),
            tolls=(toll,),
            earlier=earlier,
            min_distinct=min_distinct,
        )
        allowed = [c for c in legal(slate) if keeps(static, c) and keeps(momentary, c)]
        allowed = [c for c in allowed if all(len(set(c) - set(other)) >= min_distinct for other in earlier)]
        solution = searching.solve(asked, never)
        assert searching.count(asked) in (len(allowed), -1)
        assert searching.allows_any(asked, no_checkpoint) == bool(allowed)
        if not allowed:
            assert solution is None
            return
        per_unit = objective.denominator * 20
        price = {c: Fraction(toll.units if toll.drivers[list(c)].any() else 0, per_unit) for c in allowed}
        bonus = [Fraction(int(unit), per_unit) for unit in units]
        scored = [(best_lineup(slate, objective_terms, [c], bonus)[0] - price[c], c) for c in allowed]
        top = max(value for value, _ in scored)
        assert (solution.columns, solution.proven) == (min(c for value, c in scored if value == top), True)
        assert Fraction(solution.units, per_unit) == top
        earlier = (*earlier, solution.columns)


@both
def test_what_was_asked_before_does_not_change_an_answer(search):
    rng = np.random.default_rng(5)
    slate = random_slate(rng, n_drivers=14, roster_size=5, n_scenarios=500)
    objective = build_objective(DEFAULT_TERMS, 500)
    warm = search(slate, objective)
    for _ in range(5):
        asked = query(slate, driver_units=objective.units(rng.normal(0, 4, 14)))
        again, fresh = warm.solve(asked, never), search(slate, objective).solve(asked, never)
        assert (again.columns, again.units) == (fresh.columns, fresh.units)


@both
def test_a_search_cut_short_keeps_a_valid_bound(search):
    slate = random_slate(np.random.default_rng(8), n_drivers=20, roster_size=5, n_scenarios=2_000)
    objective = build_objective(DEFAULT_TERMS, 2_000)
    push = objective.units(np.random.default_rng(1).normal(0, 30, 20))
    cut = search(slate, objective).solve(query(slate, driver_units=push), lambda: True)
    full = search(slate, objective).solve(query(slate, driver_units=push), never)
    assert full.proven
    assert cut.units <= full.units <= cut.upper_bound_units


def test_a_raising_checkpoint_stops_the_search():
    slate = random_slate(np.random.default_rng(8), n_drivers=20, roster_size=5, n_scenarios=500)
    built = build_table(slate, build_objective(DEFAULT_TERMS, 500), no_checkpoint, max_lineups=10**6)

    def stop():
        raise Cancelled("gone")

    with pytest.raises(Cancelled):
        TableSearch(built, stop).solve(query(slate), never)
    assert TableSearch(built, no_checkpoint).solve(query(slate), never).proven


def test_a_universe_too_large_for_a_table_is_branched_and_agrees_with_it():
    # Thirty drivers, five slots: small enough for the table as oracle, too large to look at one by one.
    slate = random_slate(np.random.default_rng(3), n_drivers=30, roster_size=5, n_scenarios=1_000, spread=2_000)
    slate = replace(slate, salary_cap_dollars=38_000)
    objective = build_objective(DEFAULT_TERMS, 1_000)
    with pytest.raises(UniverseTooLarge):
        build_table(slate, objective, no_checkpoint, max_lineups=1_000)
    listed, branched = (
        table(slate, objective).solve(query(slate), never),
        branch(slate, objective).solve(query(slate), never),
    )
    assert branched.proven
    assert (branched.columns, branched.units) == (listed.columns, listed.units)
    assert branched.n_covered == listed.n_covered
    assert branched.n_evaluated < listed.n_covered / 100


@both
def test_a_slate_of_real_shape_against_numpy(search):
    # 100,947 combinations of six out of 23, two tails that overlap, penalties that move the optimum.
    rng = np.random.default_rng(12)
    pace = np.linspace(50, 15, 23)
    ticks = np.round(20 * (pace + rng.normal(0, 12, (2_000, 23)) + 8 * rng.exponential(1, (2_000, 23)))).astype(
        np.int16
    )
    salaries = (np.linspace(110, 50, 23).round() * 100).astype(np.int64)
    slate = Slate(np.ascontiguousarray(ticks.T), salaries, 6, 50_000)
    objective = build_objective(DEFAULT_TERMS, 2_000)
    allowed = np.array(legal(slate))
    tails = np.zeros(len(allowed))
    for rows in np.array_split(np.arange(len(allowed)), 40):
        totals = sum(slate.ticks[allowed[rows, slot]].astype(np.int16) for slot in range(6))
        highest = np.partition(totals, (-100, -20), axis=1) / 20
        tails[rows] = 0.7 * highest[:, -20:].mean(axis=1) + 0.3 * highest[:, -100:].mean(axis=1)
    searching = search(slate, objective)
    for spread in (0.0, 3.0, 12.0):
        bonus = rng.normal(0, spread, 23)
        solution = searching.solve(query(slate, driver_units=objective.units(bonus)), never)
        values = tails + bonus[allowed].sum(axis=1)
        assert solution.proven
        assert objective.points(solution.units) == pytest.approx(values.max(), abs=1e-6)
        assert solution.columns == tuple(allowed[values.argmax()])
