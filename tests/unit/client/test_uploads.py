"""What cannot be sent as scenarios is refused by name, before a service is asked."""

import datetime

import numpy as np
import pandas as pd
import pytest

from pitwall._calls import Caller
from pitwall._groups.scenarios import Scenarios
from pitwall._matrix import upload_parts
from pitwall.errors import InvalidInputError

POINTS = np.array([[1.0, 2.5], [3.0, 4.0]])


class NotAsked:
    """A stub whose methods must not be called."""

    def __getattr__(self, name):
        def method(*_arguments, **_options):
            raise AssertionError(f"{name} was called")

        return method


SCENARIOS = Scenarios(NotAsked(), Caller())


@pytest.mark.parametrize(
    ("points", "driver_ids", "named"),
    [
        (pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]}), (), "points: must be numbers .*'x'"),
        (pd.DataFrame({"a": [1.0, 2.0], "b": [1.0, pd.NA]}, dtype=object), (), "points: must be numbers"),
        (np.array([["a", "b"]]), ("a", "b"), "points: must be numbers"),
        (np.array([[10**400, 1]], dtype=object), ("a", "b"), "points: must be numbers"),
        (np.array([[1j, 2]]), ("a", "b"), "points: must be numbers, is an array of complex128"),
        (np.array([[datetime.datetime(2023, 3, 12)]], "M8[D]"), ("a",), "points: must be numbers"),
        (POINTS[0], ("a", "b"), "points: must have a row per scenario .* 2 drivers, is 2"),
        (POINTS, ("a",), "points: must have .* 1 drivers, is 2 x 2"),
        (np.zeros((2, 0)), (), "driver_ids: are missing"),
        (POINTS, (), "driver_ids: are missing"),
        (POINTS, "ab", "driver_ids: must be a list of site ids"),
    ],
)
def test_a_matrix_that_cannot_be_sent_is_named(points, driver_ids, named):
    with pytest.raises(InvalidInputError, match=named):
        SCENARIOS.upload("r", points, driver_ids)


@pytest.mark.parametrize("driver_ids", [(101, 102), np.array([101, 102]), ["101", "102"]])
def test_ids_may_be_numbers(driver_ids):
    header = upload_parts("r", POINTS, driver_ids).header
    assert list(header.driver_ids) == ["101", "102"]


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: SCENARIOS.generate("r", seed=-1), "seed"),
        (lambda: SCENARIOS.generate("r", seed=1 << 64), "seed"),
        (lambda: SCENARIOS.generate("r", 10_000.5), "n_scenarios"),
        (lambda: SCENARIOS.generate("r", -1), "n_scenarios"),
        (lambda: SCENARIOS.matrix("r", start_row=-1), "start_row"),
        (lambda: SCENARIOS.matrix("r", end_row=0.5), "end_row"),
    ],
)
def test_a_number_that_no_message_carries_is_named(call, named):
    with pytest.raises(InvalidInputError, match=f"{named}: must be a whole number from 0 to") as caught:
        call()
    assert [item.field for item in caught.value.violations] == [named]
