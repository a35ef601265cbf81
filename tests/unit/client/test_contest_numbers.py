"""Numbers that no message can carry are refused by name, before a service is asked."""

import math

import pytest

from pitwall._calls import Caller
from pitwall._groups.contests import Contests
from pitwall._numbers import money
from pitwall._requests import contest
from pitwall.config import Contest
from pitwall.errors import InvalidInputError
from pitwall.types.contests import PrizeRow, PrizeTable


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        (Contest(100, math.nan), "entry_fee_dollars"),
        (Contest(100, math.inf), "entry_fee_dollars"),
        (Contest(100, 0.005), "entry_fee_dollars"),
        (Contest(100, 5.0, overlay_dollars=math.nan), "overlay_dollars"),
        (Contest(-1, 5.0), "n_entries"),
        (Contest(100.5, 5.0), "n_entries"),
        (Contest(100, 5.0, max_entries_per_user=-1), "max_entries_per_user"),
    ],
)
def test_a_contest_names_the_number_at_fault(asked, named):
    with pytest.raises(InvalidInputError, match=named) as caught:
        contest(asked)
    assert [item.field for item in caught.value.violations] == [named]


@pytest.mark.parametrize(
    ("amount", "plain", "signed"),
    [
        (-485, "-$4.85", "-$4.85"),
        (123_456, "$1,234.56", "+$1,234.56"),
        (0, "$0.00", "+$0.00"),
        (-0.4, "$0.00", "+$0.00"),
        (-0.6, "-$0.01", "-$0.01"),
    ],
)
def test_money_has_its_sign_before_the_dollar(amount, plain, signed):
    assert money(amount) == plain
    assert money(amount, signed=True) == signed


@pytest.mark.parametrize("fee_cents", [0, 1, 25, 299, 1499, 55_500, 10_000_001])
def test_whole_cents_survive_the_way_through_dollars(fee_cents):
    assert contest(Contest(100, fee_cents / 100)).entry_fee_cents == fee_cents


@pytest.mark.parametrize(
    ("row", "name"),
    [
        (PrizeRow(1, 1, 1000.0), "prizes.rows[1].prize_cents"),
        (PrizeRow(2, 3.5, 1000), "prizes.rows[1].last_place"),
        (PrizeRow(2, 3, -5), "prizes.rows[1].prize_cents"),
        (PrizeRow("2", 3, 5), "prizes.rows[1].first_place"),
    ],
)
def test_a_prize_table_names_the_number_at_fault(row, name):
    with pytest.raises(InvalidInputError) as caught:
        contest(Contest(100, 5.0, prizes=PrizeTable((PrizeRow(1, 1, 5000), row))))
    assert [violation.field for violation in caught.value.violations] == [name]


@pytest.mark.parametrize(("name", "value"), [("seed", -1), ("seed", 2**64), ("seed", 1.5), ("n_fields", -1)])
def test_a_call_names_the_number_at_fault(name, value):
    class Stub:
        SimulateContest = SelectEntries = None

    contests = Contests(Stub(), Caller())
    with pytest.raises(InvalidInputError, match=name):
        contests.simulate("r", [], Contest(100, 5.0), **{name: value})
    with pytest.raises(InvalidInputError, match=name):
        contests.select_entries("r", 3, Contest(100, 5.0), **{name: value})
