"""The bootstrap against resamples worked out one by one, and leaders against all lineups in order."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.common.domain.work import no_checkpoint
from services.common.universe.rules import compile_rules
from services.optimizer.core import branch_search, contenders
from services.optimizer.core.branch_search import BranchSearch
from services.optimizer.core.contenders import contender_count, resample_contenders
from services.optimizer.core.influence import influence, mean_error
from services.optimizer.core.leaders import leaders_of
from services.optimizer.core.metrics import tail_estimate
from services.optimizer.core.objective import DEFAULT_TERMS, Term, build_objective
from services.optimizer.core.query import Query
from services.optimizer.core.slate import Slate
from services.optimizer.core.stability import search_resamples, stability_of
from services.optimizer.core.table import build_table
from services.optimizer.core.table_search import TableSearch
from tests.unit.optimizer.oracle import (
    best_lineup,
    keeps,
    legal,
    random_rules,
    random_slate,
    slates,
    terms,
    value_points,
)


def never():
    return False


def table(slate, objective):
    return TableSearch(build_table(slate, objective, no_checkpoint, max_lineups=10**6), no_checkpoint)


def branch(slate, objective):
    return BranchSearch(slate, objective, no_checkpoint)


both = pytest.mark.parametrize("search", [table, branch])


def asked(slate, rng, objective, *, ruled):
    nothing = compile_rules([], slate.n_drivers)
    rules = random_rules(rng, slate.n_drivers, slate.roster_size) if ruled else []
    units = objective.units(rng.integers(-3, 3, slate.n_drivers) * 0.25)
    return rules, Query(units, compile_rules(rules, slate.n_drivers), nothing)


@both
@given(slate=slates(), objective_terms=terms(), seed=st.integers(0, 2**32), n=st.sampled_from([1, 5, 1_000]))
@settings(max_examples=60, deadline=None)
def test_leaders_are_all_lineups_down_to_their_floor(search, slate, objective_terms, seed, n):
    rng = np.random.default_rng(seed)
    objective = build_objective(objective_terms, slate.n_scenarios)
    searching = search(slate, objective)
    rules, query = asked(slate, rng, objective, ruled=True)
    best = searching.solve(query, never)
    if best is None:
        return
    depth = int(rng.integers(0, 2) * objective.units(np.array(float(rng.integers(1, 40)))))
    found = searching.leaders(query, best, depth, n, never)
    worth = {
        columns: searching.value(columns) + query.extra_units(columns)
        for columns in legal(slate)
        if keeps(rules, columns)
    }
    within = sorted((-units, columns) for columns, units in worth.items() if units >= found.floor_units)
    listed = [(-int(units), tuple(columns)) for units, columns in zip(found.units, found.lineups.tolist(), strict=True)]
    if found.floor_units > best.units:
        # Too many lineups tie for the first place: the best alone, or none.
        assert listed in ([], [(-best.units, best.columns)])
        return
    assert listed == within
    if sum(units >= best.units - depth for units in worth.values()) < n:
        assert search is branch or found.floor_units <= best.units - depth


def test_a_walk_that_lists_too_many_leaders_goes_less_deep(monkeypatch):
    monkeypatch.setattr(branch_search, "_LEADER_TRIES", 20)
    slate = random_slate(np.random.default_rng(4), n_drivers=12, roster_size=5, n_scenarios=200)
    objective = build_objective(DEFAULT_TERMS, 200)
    searching = branch(slate, objective)
    query = asked(slate, np.random.default_rng(0), objective, ruled=False)[1]
    best = searching.solve(query, never)
    found = searching.leaders(query, best, int(objective.units(np.array(1_000.0))), 20, never)
    assert 1 <= len(found.units) <= 20
    assert found.units[0] == best.units
    values = [searching.value(columns) + query.extra_units(columns) for columns in legal(slate)]
    assert sum(value >= found.floor_units for value in values) == len(found.units)


@both
def test_leaders_without_time_claim_nothing_that_is_not_known(search):
    slate = random_slate(np.random.default_rng(8), n_drivers=16, roster_size=5, n_scenarios=500)
    objective = build_objective(DEFAULT_TERMS, 500)
    searching = search(slate, objective)
    query = asked(slate, np.random.default_rng(0), objective, ruled=False)[1]
    best = searching.solve(query, never)
    found = searching.leaders(query, best, int(objective.units(np.array(30.0))), 100, lambda: True)
    worth = {columns: searching.value(columns) + query.extra_units(columns) for columns in legal(slate)}
    assert sum(units >= found.floor_units for units in worth.values()) == sum(
        int(units) >= found.floor_units for units in found.units
    )


def test_lineups_that_tie_for_the_last_place_are_out_together():
    lineups = np.array([[0, 1], [0, 2], [1, 2], [1, 3]], dtype=np.int8)
    found = leaders_of(lineups, np.array([5, 9, 5, 7]), 0, 3)
    assert (found.lineups.tolist(), found.units.tolist(), found.floor_units) == ([[0, 2], [1, 3]], [9, 7], 6)


def resampled(slate, objective_terms, seed, n_resamples, bonus):
    """Resamples, each as a slate of its own, with the best lineup of all legal ones by exact fractions."""
    rng = np.random.default_rng(seed)
    for _ in range(n_resamples):
        redrawn = slate.on(rng.integers(0, slate.n_scenarios, slate.n_scenarios))
        yield redrawn, best_lineup(redrawn, objective_terms, legal(slate), bonus)


@given(slate=slates(), objective_terms=terms(), seed=st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_resampled_contenders_are_worth_what_each_resample_says(slate, objective_terms, seed):
    rng = np.random.default_rng(seed)
    objective = build_objective(objective_terms, slate.n_scenarios)
    searching = table(slate, objective)
    query = asked(slate, rng, objective, ruled=False)[1]
    best = searching.solve(query, never)
    everyone = searching.leaders(query, best, 1 << 60, 10**6, never)
    assert len(everyone.units) == len(legal(slate))
    found = resample_contenders(
        slate, objective, query.driver_units, everyone, np.random.default_rng(seed), 4, no_checkpoint
    )
    per_point = objective.denominator * 20
    bonus = [Fraction(int(units), per_point) for units in query.driver_units]

    def worth(on, columns):
        return value_points(on, objective_terms, columns) + sum(bonus[column] for column in columns)

    for at, (redrawn, (value, winner)) in enumerate(resampled(slate, objective_terms, seed, 4, bonus)):
        assert found.winners[at] == winner
        assert found.tails[at] == pytest.approx(float(value_points(redrawn, objective_terms, best.columns)))
        assert found.gains[at] == pytest.approx(float(value - worth(slate, winner)), abs=1e-9)
        assert found.behind[at] == pytest.approx(float(worth(slate, best.columns) - worth(slate, winner)), abs=1e-9)


def test_a_tail_drawn_too_seldom_is_told_from_all_scenarios(monkeypatch):
    monkeypatch.setattr(contenders, "_SPARE_SDS", -0.5)
    slate = random_slate(np.random.default_rng(3), n_drivers=8, roster_size=3, n_scenarios=300)
    objective = build_objective(DEFAULT_TERMS, 300)
    searching = table(slate, objective)
    query = asked(slate, np.random.default_rng(0), objective, ruled=False)[1]
    best = searching.solve(query, never)
    everyone = searching.leaders(query, best, 1 << 60, 10**6, never)
    rng = np.random.default_rng(7)
    found = resample_contenders(slate, objective, query.driver_units, everyone, rng, 6, no_checkpoint)
    bonus = [Fraction(int(units), objective.denominator * 20) for units in query.driver_units]
    assert found.winners == [winner for _, (_, winner) in resampled(slate, DEFAULT_TERMS, 7, 6, bonus)]


def test_an_exact_search_and_contenders_agree_where_all_contend():
    slate = random_slate(np.random.default_rng(6), n_drivers=9, roster_size=4, n_scenarios=60)
    objective = build_objective(DEFAULT_TERMS, 60)
    searching = table(slate, objective)
    query = asked(slate, np.random.default_rng(1), objective, ruled=False)[1]
    best = searching.solve(query, never)
    everyone = searching.leaders(query, best, 1 << 60, 10**6, never)
    units = query.driver_units
    one = resample_contenders(slate, objective, units, everyone, np.random.default_rng(2), 25, no_checkpoint)
    two = search_resamples(
        slate,
        objective,
        units,
        best.columns,
        lambda redrawn: table(redrawn, objective).solve(query, never).columns,
        np.random.default_rng(2),
        25,
    )
    assert vars(stability_of(one, best.columns)) == pytest.approx(vars(stability_of(two, best.columns)))
    assert 0 < stability_of(one, best.columns).same_lineup_share < 1


def test_the_bootstrap_of_constant_scenarios_never_moves():
    slate = Slate(np.arange(6, dtype=np.int16)[:, None].repeat(30, axis=1) * 100, np.full(6, 5_000), 3, 15_000)
    objective = build_objective((Term(0.9, 1.0),), 30)
    best, nothing = (3, 4, 5), np.zeros(6, dtype=np.int64)
    raw = search_resamples(slate, objective, nothing, best, lambda _: best, np.random.default_rng(0), 4)
    found = stability_of(raw, best)
    assert (found.objective_cv, found.same_lineup_share, found.jaccard_mean) == (0.0, 1.0, 1.0)
    assert (found.optimism_points, found.deepest_winner_points) == (0.0, 0.0)


def test_the_bootstrap_is_about_the_resamples_that_there_was_time_for():
    slate = random_slate(np.random.default_rng(0), n_drivers=6, roster_size=3)
    objective = build_objective((Term(0.9, 1.0),), slate.n_scenarios)
    best, nothing = (0, 1, 2), np.zeros(6, dtype=np.int64)
    answers = iter([(0, 1, 2), (0, 1, 3), None])

    def raw():
        rng = np.random.default_rng(0)
        return search_resamples(slate, objective, nothing, best, lambda _: next(answers), rng, 50)

    found = stability_of(raw(), best)
    assert (found.n_resamples, found.same_lineup_share, found.jaccard_mean) == (2, 0.5, 0.75)
    answers = iter([None])
    assert raw() is None


def test_fewer_contend_the_more_there_is_to_add_up():
    small, large = (build_objective(DEFAULT_TERMS, n) for n in (10_000, 1_000_000))
    assert contender_count(small, 200) == 1_000
    assert 50 <= contender_count(large, 200) < 200


def test_the_influence_averages_to_the_objective_and_its_error_to_that_of_the_tail():
    rng = np.random.default_rng(2)
    ticks = np.round(20 * (30 + 10 * rng.standard_normal((5, 4_000)))).astype(np.int16)
    slate = Slate(ticks, np.full(5, 5_000), 3, 15_000)
    mixed = (Term(0.99, 0.5), Term(0.9, 0.3), Term(None, 0.2))
    objective = build_objective(mixed, 4_000)
    added = influence(slate, objective, (0, 1, 2))
    assert added.mean() == pytest.approx(float(value_points(slate, mixed, (0, 1, 2))))
    tail = build_objective((Term(0.95, 1.0),), 4_000)
    estimate = tail_estimate(slate.totals((0, 1, 2)) / 20, 0.95)
    assert mean_error(slate, tail, [(0, 1, 2)], no_checkpoint) == pytest.approx(estimate.cvar_se, rel=0.01)
    # Two times the same lineup is no more certain than one; two unlike lineups are.
    twice = mean_error(slate, tail, [(0, 1, 2), (0, 1, 2)], no_checkpoint)
    assert twice == pytest.approx(mean_error(slate, tail, [(0, 1, 2)], no_checkpoint))
    assert mean_error(slate, tail, [(0, 1, 2), (2, 3, 4)], no_checkpoint) < twice


def test_the_error_of_a_lineup_is_what_it_varies_by_from_sample_to_sample():
    rng = np.random.default_rng(5)
    objective = build_objective(DEFAULT_TERMS, 2_000)
    values, errors = [], []
    for _ in range(200):
        ticks = np.round(20 * rng.gamma(4.0, 10.0, (3, 2_000))).astype(np.int16)
        slate = Slate(ticks, np.full(3, 5_000), 3, 15_000)
        values.append(influence(slate, objective, (0, 1, 2)).mean())
        errors.append(mean_error(slate, objective, [(0, 1, 2)], no_checkpoint))
    assert np.std(values) == pytest.approx(np.mean(errors), rel=0.15)
