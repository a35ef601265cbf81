"""The integer tail size, with the cases that floats get wrong."""

from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.domain.errors import InvalidInput
from services.common.domain.tail import recommended_scenarios, tail_size


@pytest.mark.parametrize(
    ("alpha", "n_scenarios", "k"),
    [(0.99, 10_000, 100), (0.9, 1_000, 100), (0.8, 10, 2), (0.95, 2_000, 100), (0.995, 100, 1), (0.999, 10, 1)],
)
def test_known_sizes(alpha, n_scenarios, k):
    assert tail_size(alpha, n_scenarios) == k


@given(thousandths=st.integers(1, 999), n_scenarios=st.integers(1, 1_000_000))
def test_the_size_is_the_decimal_product_rounded_half_up(thousandths, n_scenarios):
    exact = Decimal(1000 - thousandths) * n_scenarios / 1000
    expected = max(1, int(exact.to_integral_value(ROUND_HALF_UP)))
    assert tail_size(thousandths / 1000, n_scenarios) == expected


@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.1, 1.5, float("nan")])
def test_levels_outside_zero_and_one_are_refused(alpha):
    with pytest.raises(InvalidInput, match="alpha"):
        tail_size(alpha, 100)


@pytest.mark.parametrize(("alpha", "expected"), [(0.99, 10_000), (0.95, 2_000), (0.9, 1_000), (0.97, 3_334)])
def test_recommended_counts_put_a_hundred_scenarios_in_the_tail(alpha, expected):
    assert recommended_scenarios(alpha) == expected
    assert tail_size(alpha, expected) == 100
