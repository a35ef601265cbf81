"""What happened in a contest, summed over the scenarios played."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Outcome:
    """Sums per own lineup, and the money of the whole portfolio in every scenario.

    Attributes
    ----------
    money
        Prize cents per entry of each lineup, summed over the scenarios of each field; shape (n_fields, n_lineups).
    squares
        Sum of squared prize cents per entry; shape (n_lineups,).
    tallies
        Wins, top-1 %, cashes and the sum of ranks; shape (4, n_lineups). A shared first place is a win of each who
        shares it.
    tally_variance
        Variance between the fields of each tally's mean over a field's scenarios; 0 with one field; as ``tallies``.
    rank_squares, best_ranks
        Sum of squared ranks, least rank; shape (n_lineups,).
    duplicates, expected_duplicates
        Opponents' entries with the same lineup, drawn and in closed form; shape (n_fields, n_lineups).
    portfolio
        Prize cents of all entries together; shape (n_scenarios,).
    any_win, any_top1
        Whether at least one entry did; shape (n_scenarios,).
    field_of_scenario
        Field against which each scenario was played; shape (n_scenarios,).
    """

    money: Floats
    squares: Floats
    tallies: Ints
    tally_variance: Floats
    rank_squares: Floats
    best_ranks: Ints
    duplicates: Ints
    expected_duplicates: Floats
    portfolio: Floats
    any_win: npt.NDArray[np.bool_]
    any_top1: npt.NDArray[np.bool_]
    field_of_scenario: Ints

    @property
    def n_scenarios(self) -> int:
        """Scenarios played."""
        return len(self.portfolio)

    @property
    def n_fields(self) -> int:
        """Fields played against."""
        return len(self.money)

    @property
    def wins(self) -> Ints:
        """Scenarios in which each lineup was first; shape (n_lineups,)."""
        return self.tallies[0]

    @property
    def top1(self) -> Ints:
        """Scenarios in which each was in the top 1 %."""
        return self.tallies[1]

    @property
    def cashes(self) -> Ints:
        """Scenarios in which each won a prize."""
        return self.tallies[2]

    @property
    def rank_sums(self) -> Ints:
        """Sum of each lineup's ranks."""
        return self.tallies[3]


@dataclass(frozen=True, eq=False)
class Part:
    """Outcome of one block of scenarios.

    ``squares[kind, lineup]``: of prize cents and of ranks. ``tallies[kind, lineup]``: wins, top-1 %, cashes, sum and
    best of ranks. ``marks[kind, scenario]``: a win, a top-1 % entry.
    """

    money: Floats
    squares: Floats
    tallies: Ints
    portfolio: Floats
    marks: Ints

    @classmethod
    def empty(cls, n_scenarios: int, n_lineups: int) -> Part:
        """Nothing played yet."""
        tallies = np.zeros((5, n_lineups), dtype=np.int64)
        tallies[4] = np.iinfo(np.int64).max
        marks = np.zeros((2, n_scenarios), dtype=np.int64)
        return cls(np.zeros(n_lineups), np.zeros((2, n_lineups)), tallies, np.zeros(n_scenarios), marks)


class Ledger:
    """Adds up the parts of a contest."""

    def __init__(self, field_of_scenario: Ints, n_fields: int, n_lineups: int) -> None:
        self._dealt = field_of_scenario
        self._money = np.zeros((n_fields, n_lineups))
        self._duplicates = np.zeros((n_fields, n_lineups), dtype=np.int64)
        self._expected = np.zeros((n_fields, n_lineups))
        self._sum = Part.empty(len(field_of_scenario), n_lineups)
        self._open = np.zeros((4, n_lineups), dtype=np.int64)
        self._means = np.zeros((2, 4, n_lineups))

    def scenarios_of(self, field: int) -> Ints:
        """Scenarios played against a field."""
        return np.flatnonzero(self._dealt == field)

    def note_duplicates(self, field: int, copies: Ints, expected: Floats) -> None:
        """Opponents' copies of each own lineup in a field, drawn and expected."""
        self._duplicates[field] = copies
        self._expected[field] = expected

    def add(self, field: int, scenarios: Ints, part: Part) -> None:
        """Add what was played in ``scenarios`` against a field."""
        self._money[field] += part.money
        self._sum.squares[:] += part.squares
        self._sum.tallies[:4] += part.tallies[:4]
        self._open += part.tallies[:4]
        np.minimum(self._sum.tallies[4], part.tallies[4], out=self._sum.tallies[4])
        self._sum.portfolio[scenarios] = part.portfolio
        self._sum.marks[:, scenarios] = part.marks

    def close(self, field: int) -> None:
        """All scenarios of a field are played: keep its mean tallies, summed and squared, and nothing per field."""
        means = self._open / max(1, len(self.scenarios_of(field)))
        self._means += np.stack([means, means**2])
        self._open[:] = 0

    def _tally_variance(self) -> Floats:
        n_fields = len(self._money)
        sums, squares = self._means
        return np.maximum(squares - sums**2 / n_fields, 0.0) / max(1, n_fields - 1)

    def outcome(self) -> Outcome:
        """Everything that was played."""
        any_win, any_top1 = self._sum.marks.astype(np.bool_)
        return Outcome(
            money=self._money,
            squares=self._sum.squares[0],
            tallies=self._sum.tallies[:4],
            tally_variance=self._tally_variance(),
            rank_squares=self._sum.squares[1],
            best_ranks=self._sum.tallies[4],
            duplicates=self._duplicates,
            expected_duplicates=self._expected,
            portfolio=self._sum.portfolio,
            any_win=any_win,
            any_top1=any_top1,
            field_of_scenario=self._dealt,
        )
