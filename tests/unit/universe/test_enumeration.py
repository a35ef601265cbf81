"""The universe against itertools, and its size against the knapsack recursion."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.common.domain.errors import Infeasible, InvalidInput
from services.common.universe import UniverseTooLarge, count_lineups, enumerate_lineups


def brute_force(salaries, roster_size, cap, floor=0):
    return [
        columns
        for columns in itertools.combinations(range(len(salaries)), roster_size)
        if floor <= sum(salaries[column] for column in columns) <= cap
    ]


@st.composite
def slates(draw):
    salaries = draw(st.lists(st.integers(1, 30), min_size=2, max_size=10))
    step = draw(st.sampled_from([1, 7, 100]))
    roster_size = draw(st.integers(1, len(salaries)))
    cap = draw(st.integers(0, 31 * roster_size)) * step
    floor = draw(st.integers(0, 20 * roster_size)) * step
    return np.array(salaries, dtype=np.int64) * step, roster_size, cap, floor


@given(slates())
@settings(max_examples=200, deadline=None)
def test_every_legal_lineup_is_listed_once_in_lexicographic_order(slate):
    salaries, roster_size, cap, floor = slate
    expected = brute_force(salaries.tolist(), roster_size, cap, floor)
    assert count_lineups(salaries, roster_size, cap, salary_floor_dollars=floor) == len(expected)
    if not expected:
        with pytest.raises(Infeasible):
            enumerate_lineups(salaries, roster_size, cap, salary_floor_dollars=floor)
        return
    universe = enumerate_lineups(salaries, roster_size, cap, salary_floor_dollars=floor)
    assert list(map(tuple, universe.lineups.tolist())) == expected
    assert universe.salaries_dollars.tolist() == [int(salaries[list(columns)].sum()) for columns in expected]
    assert universe.n_drivers == len(salaries)


@given(slates())
@settings(max_examples=50, deadline=None)
def test_find_returns_the_row_and_minus_one_for_what_is_not_legal(slate):
    salaries, roster_size, cap, _ = slate
    expected = brute_force(salaries.tolist(), roster_size, cap)
    if not expected:
        return
    universe = enumerate_lineups(salaries, roster_size, cap)
    rows = {columns: row for row, columns in enumerate(expected)}
    for columns in itertools.combinations(range(len(salaries)), roster_size):
        assert universe.find(columns[::-1]) == rows.get(columns, -1)
    assert universe.find(range(roster_size + 1)) == -1
    assert universe.find([len(salaries)] * roster_size) == -1


def test_without_a_binding_cap_the_count_is_the_binomial():
    salaries = np.full(38, 5_000)
    universe = enumerate_lineups(salaries, 6, 50_000)
    assert universe.n_lineups == math.comb(38, 6) == count_lineups(salaries, 6, 50_000)
    assert universe.lineups.dtype == np.int8
    assert universe.salaries_dollars.dtype == np.int32


def test_counts_beyond_what_can_be_listed():
    assert count_lineups(np.full(60, 4_000), 10, 50_000) == math.comb(60, 10)


def test_counts_with_odd_dollars_by_walking():
    salaries = np.array([9_999_991, 9_999_973, 5, 7, 11], dtype=np.int64)
    assert count_lineups(salaries, 3, 10_000_000) == len(brute_force(salaries.tolist(), 3, 10_000_000))
    assert count_lineups(salaries, 5, 40_000_000) == 1


def test_too_large_a_universe_is_refused_before_memory_is_taken():
    with pytest.raises(UniverseTooLarge, match="1,000"):
        enumerate_lineups(np.full(20, 100), 6, 50_000, max_lineups=1_000)


def test_fewer_drivers_than_roster_slots():
    with pytest.raises(InvalidInput) as caught:
        enumerate_lineups(np.full(5, 8_000), 6, 50_000)
    assert caught.value.violations[0].field == "race.drivers"
    with pytest.raises(InvalidInput):
        enumerate_lineups(np.full(65, 8_000), 6, 50_000)


def test_the_conflict_names_the_cap_or_the_floor():
    with pytest.raises(Infeasible) as caught:
        enumerate_lineups(np.full(10, 10_000), 6, 50_000)
    assert caught.value.conflict == ("salary cap $50,000",)
    with pytest.raises(Infeasible) as caught:
        enumerate_lineups(np.full(10, 5_000), 6, 50_000, salary_floor_dollars=45_000)
    assert caught.value.conflict == ("salary floor $45,000",)


def test_the_universe_cannot_be_written_to():
    universe = enumerate_lineups(np.full(8, 5_000), 6, 50_000)
    with pytest.raises(ValueError):
        universe.lineups[0, 0] = 1
