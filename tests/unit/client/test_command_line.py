"""Small parts of the command line."""

import math

import pytest

from pitwall.cli._common import first_few, plural
from pitwall.cli._ranges import within
from pitwall.errors import InvalidInputError


@pytest.mark.parametrize(
    ("check", "taken", "refused"),
    [
        (within("n", 1, 500), [1, 500, None], [0, 501]),
        (within("n", 0, 1, above_low=True), [0.001, 1.0], [0.0, 1.001, math.nan]),
        (within("n", 0, 1, below_high=True), [0.0, 0.999], [-0.001, 1.0, math.nan]),
        (within("n", 0), [0, 10.0**9], [-1, math.inf, math.nan]),
    ],
)
def test_ranges_hold_at_their_ends(check, taken, refused):
    assert [check(value) for value in taken] == taken
    for value in refused:
        with pytest.raises(InvalidInputError, match="--n: must be"):
            check(value)


def test_long_lists_are_cut_and_nouns_agree():
    assert first_few(["a", "b"], 2) == "a, b"
    assert first_few(["a", "b", "c", "d"], 2) == "a, b, and 2 more"
    assert [plural(n, "lineup") for n in (0, 1, 2)] == ["0 lineups", "1 lineup", "2 lineups"]
    assert plural(2, "entry", "entries") == "2 entries"
