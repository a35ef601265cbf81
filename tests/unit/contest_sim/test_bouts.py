"""Which picks face each other, from salaries."""

import csv

import numpy as np
import pytest

from tests.conftest import EXAMPLES
from tests.unit.contest_sim.bouts import count_bouts, possible_bouts


def test_bouts_of_different_prices_are_told_exactly(rng):
    """Outsiders at different prices, favourites at what is left of $16,200, in any order."""
    opponents = np.array([5, 4, 3, 2, 1, 0])
    salaries = np.array([9000, 8700, 8300, 7900, 7500, 7200])
    order = rng.permutation(6)
    (found,) = possible_bouts(salaries[order])
    assert (order[found] == opponents[order]).all()


def test_equal_prices_leave_each_pairing_possible():
    """Two outsiders and two favourites alike: two ways; four picks of the middle: three ways to pair them."""
    two = possible_bouts(np.array([8400, 7800, 8400, 7800]))
    assert sorted(found.tolist() for found in two) == [[1, 0, 3, 2], [3, 2, 1, 0]]
    assert len(possible_bouts(np.full(4, 8100))) == 3


def test_what_does_not_add_up_is_no_bout():
    assert possible_bouts(np.array([9000, 7200, 8600, 7700])) == []
    assert possible_bouts(np.array([8100, 8100, 8100])) == []


def test_a_race_has_none():
    with (EXAMPLES / "DKSalaries.csv").open() as file:
        salaries = np.array([int(row["Salary"]) for row in csv.DictReader(file)])
    assert possible_bouts(salaries) == []


def test_too_many_pairings_are_refused():
    with pytest.raises(ValueError, match="too many"):
        possible_bouts(np.array([8000] * 6 + [8200] * 6))


def test_pairs_in_lineups_are_counted():
    opponents = np.array([1, 0, 3, 2, 5, 4])
    lineups = np.array([[0, 1, 2, 3], [0, 1, 2, 4], [0, 2, 4, 5]], dtype=np.int8)
    assert count_bouts(opponents, lineups).tolist() == [2.0, 1.0, 1.0]
