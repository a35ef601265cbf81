"""Objective, metrics, diversity, duplicates and stability against closed forms and plain numpy."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.common.domain.errors import FailedPrecondition, InvalidInput
from services.common.domain.work import no_checkpoint
from services.common.universe import enumerate_lineups
from services.optimizer.core.diversity import diversity
from services.optimizer.core.duplicates import log_copies
from services.optimizer.core.metrics import lineup_numbers, tail_estimate, top_mean
from services.optimizer.core.objective import DEFAULT_TERMS, Term, build_objective
from services.optimizer.core.shortage import needed_scenarios, supported_terms
from services.optimizer.core.slate import Slate, check_range, lineup_units
from services.optimizer.core.tail_kernels import tail_threshold, top_sum
from tests.unit.optimizer.oracle import legal, random_slate, terms, value_points


@given(st.lists(st.integers(-9_000, 9_000), min_size=1, max_size=80), st.data())
@settings(max_examples=300, deadline=None)
def test_the_sum_of_the_k_greatest_needs_no_sort(values, data):
    totals = np.array(values, dtype=np.int16)
    k = data.draw(st.integers(1, len(values)))
    guess = data.draw(st.integers(-9_500, 9_500))
    assert top_sum(totals, k, tail_threshold(totals, k, guess)) == sum(sorted(values)[-k:])


@pytest.mark.parametrize("sign", [-1, 1])
def test_the_sum_of_the_k_greatest_stands_a_guess_at_the_other_end_of_the_range(sign):
    totals = (sign * np.arange(16_383 - 143, 16_384)).astype(np.int16)
    for k in (1, 15, 93, 143):
        for guess in (-16_783, -16_383, 16_350, 16_783):
            expected = int(np.sort(totals.astype(np.int64))[-k:].sum())
            assert top_sum(totals, k, tail_threshold(totals, k, guess)) == expected


@given(terms(), st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_integer_units_are_the_exact_weighted_value(objective_terms, seed):
    slate = random_slate(np.random.default_rng(seed))
    objective = build_objective(objective_terms, slate.n_scenarios)
    for columns in legal(slate)[:5]:
        exact = value_points(slate, objective_terms, columns)
        assert lineup_units(slate, objective, columns) == exact * objective.denominator * 20


def test_weights_without_a_common_denominator_are_exact_for_the_largest_tails_and_close_for_others():
    objective_terms, n = [Term(None, 0.4), Term(0.9, 0.3), Term(0.95, 0.2), Term(0.99, 0.1)], 99_991
    objective = build_objective(objective_terms, n)
    assert objective.mean_multiplier * n / Fraction(objective.denominator) == Fraction(4, 10)
    for tail, weight in zip(objective.tails, (0.3, 0.2, 0.1), strict=True):
        assert tail.multiplier * tail.k / objective.denominator == pytest.approx(weight, abs=tail.k / 2**31)


def test_terms_that_cannot_be_weighed_are_refused():
    for bad in ([Term(1.2, 1)], [Term(0.0, 1)], [Term(0.9, -1)], [Term(0.9, 0)], [Term(0.9, float("nan"))], []):
        with pytest.raises(InvalidInput):
            build_objective(bad, 100)


def test_totals_that_do_not_fit_are_refused():
    with pytest.raises(InvalidInput, match="819 points"):
        check_range(Slate(np.full((6, 3), 9_000, dtype=np.int16), np.full(6, 5_000), 6, 50_000))


@pytest.mark.parametrize("sign", [-1, 1])
def test_parts_of_totals_that_do_not_fit_are_refused_too(sign):
    # Two drivers of 850 points each with four of -225 make 800, but the two alone pass what 16 bits hold.
    points = sign * np.array([850, 850, *[-225] * 5])
    ticks = np.repeat((20 * points).astype(np.int16)[:, None], 3, axis=1)
    with pytest.raises(InvalidInput, match="819 points"):
        check_range(Slate(ticks, np.full(7, 5_000), 6, 50_000))


def test_the_tail_of_an_exponential_has_its_closed_form(rng):
    totals = 200 + rng.exponential(20.0, 400_000)
    found = tail_estimate(totals, 0.99)
    assert found.k == 4_000
    assert found.var == pytest.approx(200 + 20 * math.log(100), rel=0.01)
    assert found.cvar == pytest.approx(220 + 20 * math.log(100), rel=0.01)
    assert found.cvar_se == pytest.approx(20 * math.sqrt(1.99 / 4_000), rel=0.15)
    assert found.conditional_upside == pytest.approx(found.cvar - totals.mean())
    assert top_mean(totals, 0.01) == pytest.approx(found.cvar)


def test_numbers_of_a_lineup_with_ownership():
    slate = random_slate(np.random.default_rng(1))
    own, best = np.linspace(5, 50, 9), np.linspace(50, 5, 9)
    found = lineup_numbers(slate, (0, 2, 4, 6), (0.8,), ownership_percent=own, optimal_percent=best)
    held = own[[0, 2, 4, 6]]
    assert found.ownership_total == pytest.approx(held.sum())
    assert found.ownership_max == held.max()
    assert found.ownership_product == pytest.approx(np.prod(held / 100))
    assert found.leverage == pytest.approx((best - own)[[0, 2, 4, 6]].sum())
    assert [tail.alpha for tail in found.tails] == [0.8, 0.9, 0.95, 0.99]
    assert found.salary_dollars == slate.salaries_dollars[[0, 2, 4, 6]].sum()


def test_diversity_against_sets():
    lineups = [(0, 1, 2), (0, 1, 3), (4, 5, 6), (0, 4, 5)]
    pairs = list(itertools.combinations(range(4), 2))
    values = [len({*lineups[a]} & {*lineups[b]}) / len({*lineups[a]} | {*lineups[b]}) for a, b in pairs]
    found = diversity(lineups, 7)
    assert found.jaccard_mean == pytest.approx(np.mean(values))
    assert found.jaccard_max == max(values)
    assert found.most_similar == pairs[int(np.argmax(values))]
    assert found.min_distinct == 1


def test_expected_copies_meet_ownership_and_sum_to_the_field():
    rng = np.random.default_rng(2)
    salaries = rng.integers(50, 100, 12) * 100
    universe = enumerate_lineups(salaries, 4, 30_000)
    own = rng.dirichlet(np.full(12, 20.0)) * 400
    logs, deviation = log_copies(
        salaries, 4, 30_000, ownership_percent=own, field_entries=5_000, checkpoint=no_checkpoint
    )
    copies = np.exp(logs[universe.lineups].sum(axis=1))
    assert deviation < 0.02
    assert copies.sum() == pytest.approx(5_000, rel=1e-3)
    held = np.array([copies[(universe.lineups == driver).any(axis=1)].sum() for driver in range(12)])
    assert held / 5_000 * 100 == pytest.approx(own, abs=0.05)


@pytest.mark.parametrize("each", [0.0, 10.0, 100.0])
def test_copies_under_ownership_of_nobody_or_of_too_many_are_refused(each):
    # Lineups of four hold 400 % of drivers; twelve of each give 0, 120 and 1,200 %.
    with pytest.raises(InvalidInput, match=f"sums to {12 * each:g} %.*400") as caught:
        log_copies(
            np.arange(50, 62) * 100,
            4,
            30_000,
            ownership_percent=np.full(12, each),
            field_entries=5_000,
            checkpoint=no_checkpoint,
        )
    assert [violation.field for violation in caught.value.violations] == ["ownership_percent"]


def test_copies_of_salaries_without_a_common_step_are_refused_with_a_way_out():
    salaries = np.arange(40) * 7_919 + 4_000_001
    with pytest.raises(FailedPrecondition, match="steps of"):
        log_copies(
            salaries,
            6,
            10**8,
            ownership_percent=np.full(40, 15.0),
            field_entries=5_000,
            checkpoint=no_checkpoint,
        )


def test_scenarios_needed_for_a_hundred_in_the_tail():
    assert needed_scenarios(DEFAULT_TERMS) == 10_000
    assert needed_scenarios([Term(0.95, 1.0)]) == 2_000
    assert needed_scenarios([Term(None, 1.0)]) == 1
    assert supported_terms(DEFAULT_TERMS, 10_000) == DEFAULT_TERMS
    assert supported_terms(DEFAULT_TERMS, 5_000) == (Term(0.98, 0.7), Term(0.95, 0.3))
    assert supported_terms(DEFAULT_TERMS, 50) == (Term(None, 0.7), Term(None, 0.3))
