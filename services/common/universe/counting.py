"""How many lineups some rules allow, counted without listing them.

Drivers are taken one by one, team by team. What matters of the drivers taken so far is their number, their
salaries and, per rule, how many of its set they are; lineups that agree in these are counted together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.common.domain.work import Checkpoint, no_checkpoint
from services.common.universe.rules import LineupRules

Int64 = npt.NDArray[np.int64]
State = tuple[int, ...]

_MAX_STATES = 2_000
_MAX_CELLS = 2_000_000
_MAX_STATE_CELLS = 20_000_000
"""Of all states together: 160 MB, and a tenth of a second per driver."""


@dataclass(frozen=True)
class SalarySteps:
    """Salaries in steps of their greatest common divisor, up to the greatest total worth telling apart."""

    steps: Int64
    dollars: int
    top: int

    @staticmethod
    def of(salaries_dollars: Int64, roster_size: int, salary_cap_dollars: int) -> SalarySteps:
        """Steps of some salaries; ``top`` is negative when the cap is."""
        dollars = max(1, int(np.gcd.reduce(salaries_dollars)))
        top = min(salary_cap_dollars, int(np.sort(salaries_dollars)[-roster_size:].sum())) // dollars
        return SalarySteps(salaries_dollars // dollars, dollars, top)


def count_allowed(
    salaries_dollars: Int64,
    roster_size: int,
    salary_cap_dollars: int,
    rules: LineupRules,
    checkpoint: Checkpoint = no_checkpoint,
) -> int | None:
    """Return the number of legal lineups that keep ``rules``; None where only a listing could tell.

    That is so for limits other than a salary floor, and where rules over many sets have too many outcomes.
    """
    salary = SalarySteps.of(salaries_dollars, roster_size, salary_cap_dollars)
    floor = _salary_floor(rules, salaries_dollars)
    if floor is None or salary.top * (roster_size + 1) > _MAX_CELLS:
        return None
    if salary.top < 0:
        return 0
    tally = _Tally(rules, roster_size)
    empty = np.zeros((roster_size + 1, salary.top + 1), dtype=np.int64)
    empty[0, 0] = 1
    ways: dict[State, Int64] = {tally.start: empty}
    order = np.argsort(rules.team_index, kind="stable")
    for at, driver in enumerate(order):
        checkpoint()
        if not rules.excluded[driver]:
            ways = _take(ways, int(driver), int(salary.steps[driver]), tally)
        team = rules.team_index[driver]
        if team < 0 or at + 1 == len(order) or rules.team_index[order[at + 1]] != team:
            ways = _merged(ways, tally.after_team)
        if len(ways) > _MAX_STATES or len(ways) * empty.size > _MAX_STATE_CELLS:
            return None
    first = max(0, -(-floor // salary.dollars))
    return sum(int(count[roster_size, first:].sum()) for state, count in ways.items() if tally.keeps(state))


def _take(ways: dict[State, Int64], driver: int, step: int, tally: _Tally) -> dict[State, Int64]:
    """Ways with and without one more driver."""
    found = {state: count.copy() for state, count in ways.items()}
    for state, count in ways.items():
        more = tally.with_driver(state, driver)
        target = found.setdefault(more, np.zeros_like(count))
        width = count.shape[1] - step
        if width > 0:
            target[1:, step:] += count[:-1, :width]
    return found


def _merged(ways: dict[State, Int64], after: Callable[[State], State | None]) -> dict[State, Int64]:
    found: dict[State, Int64] = {}
    for state, count in ways.items():
        if (then := after(state)) is not None:
            found[then] = found[then] + count if then in found else count
    return found


class _Tally:
    """What rules need to know of a set of drivers: drivers of the present team, then per group.

    A group has its drivers counted, to one more than it bounds, and whether the driver is there that it
    depends on.
    """

    def __init__(self, rules: LineupRules, roster_size: int) -> None:
        self._rules = rules
        self._n_groups = len(rules.members)
        self._stacked = bool(rules.stack[1])
        self._most = [min(int(most), roster_size) + 1 for most in rules.at_most]
        self.start: State = (0,) * (1 + 2 * self._n_groups)

    def with_driver(self, state: State, driver: int) -> State:
        """The state with one more driver."""
        rules, groups = self._rules, range(self._n_groups)
        counts = [min(state[1 + g] + int(rules.members[g, driver]), self._most[g]) for g in groups]
        present = [int(state[1 + self._n_groups + g] or rules.only_with[g] == driver) for g in groups]
        return (state[0] + int(self._stacked), *counts, *present)

    def after_team(self, state: State) -> State | None:
        """The state once all drivers of a team are through; None where it breaks the stack rule."""
        low, high = self._rules.stack
        kept = not self._stacked or state[0] == 0 or low <= state[0] <= high
        return (0, *state[1:]) if kept else None

    def keeps(self, state: State) -> bool:
        """Whether all groups are kept in the end."""
        rules, groups = self._rules, range(self._n_groups)
        return all(
            rules.at_least[g] <= state[1 + g] <= rules.at_most[g]
            or (rules.only_with[g] >= 0 and not state[1 + self._n_groups + g])
            for g in groups
        )


def _salary_floor(rules: LineupRules, salaries_dollars: Int64) -> int | None:
    """Least salary that limits ask for, 0 without; None where a limit is about something else."""
    if any(not np.array_equal(values, -salaries_dollars) for values in rules.values):
        return None
    return int(max((-limit for limit in rules.limits), default=0))
