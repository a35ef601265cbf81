"""Who is behind the entries: most users enter once, a few as often as they may, and nobody enters a lineup twice.

Of the users of real fields 61 % have one entry and the ten biggest hold 25-30 % of all entries, as many each
as the contest allows; under 1 % of entries repeat a lineup of the same user. So the most popular lineups
are copied less than by independent entries.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from services.common.domain.work import Checkpoint, no_checkpoint
from services.common.jit import njit

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SCALE, TAIL = 0.313, 0.666
"""A user has n entries or more with probability ``(1 + (n - 1) / SCALE) ** -TAIL``, up to what is allowed.

Maximum likelihood over the 3,454 users of five complete fields of 4,411-5,882 entries (DraftKings MMA, 2026, at most
132 or 150 entries a user): at least 2, 3, 10 and 25 entries have 39, 26, 10 and 6 % of users, as in the data; the
limit is reached by 2 %, in the data by 3 %.
"""

SITE_SHARE = 0.03
"""Sites let no user hold more than this share of a field."""

_GRID = 400
_RARE = 1e-4
"""Below this many expected choices by a user with all entries, repeats do not matter."""

_MAX_ROUNDS = 50


def entry_limit(n_entries: int, max_entries_per_user: int) -> int:
    """Entries that a user may have in a contest: what it states, and no more than 3 % of the field."""
    return max(1, min(max_entries_per_user, int(SITE_SHARE * n_entries)))


@njit(cache=True, nogil=True)
def scale_shares(chosen: Floats, low: float, high: float, ratios: Floats, shares: Floats) -> None:
    """Write ``shares[row] = chosen[row] * ratio``, the ratio interpolated over logarithms from ``low`` to ``high``."""
    step = (high - low) / (len(ratios) - 1)
    rare = np.exp(low)
    for row in range(len(chosen)):
        ratio = 1.0
        if chosen[row] > rare:
            at = min(max((np.log(chosen[row]) - low) / step, 0.0), len(ratios) - 1.000001)
            cell = int(at)
            ratio = ratios[cell] + (at - cell) * (ratios[cell + 1] - ratios[cell])
        shares[row] = chosen[row] * ratio


@dataclass(frozen=True, eq=False)
class Repeats:
    """What is left of a lineup's popularity when users enter it once at most, by its logarithm from low to high."""

    low: float
    high: float
    ratios: Floats

    def held(self, chosen: Floats) -> Floats:
        """Popularity of lineups with these probabilities of a single choice, up to a constant; shape as given."""
        shares = np.empty(len(chosen))
        scale_shares(chosen, self.low, self.high, self.ratios, shares)
        return shares


@dataclass(frozen=True)
class Entrants:
    """Users with up to ``max_entries`` entries each."""

    max_entries: int = 1

    @cached_property
    def probabilities(self) -> Floats:
        """Probability that a user has 1 .. max_entries entries; shape (max_entries,)."""
        least = np.arange(1, self.max_entries + 1, dtype=np.float64)
        at_least = (1.0 + (least - 1.0) / SCALE) ** -TAIL
        return at_least - np.append(at_least[1:], 0.0)

    def repeats(self, greatest: float) -> Repeats:
        """What becomes of probabilities of a single choice, up to the ``greatest``, when a user's entries all differ.

        A user with n entries holds a lineup with probability ``1 - (1 - p)^n``, averaged over users. Over p that is a
        smooth function of p, tabulated on a logarithmic grid.
        """
        sizes = np.arange(1, self.max_entries + 1, dtype=np.float64)
        rare = np.log(_RARE / self.max_entries)
        grid = np.linspace(rare, max(np.log(min(greatest, 1.0 - 1e-12)), rare + np.log(2.0)), _GRID)
        held = -np.expm1(np.outer(np.log1p(-np.exp(grid)), sizes)) @ self.probabilities
        return Repeats(grid[0], grid[-1], held / np.exp(grid) / (self.probabilities @ sizes))

    def users(self, n_entries: int, rng: np.random.Generator) -> Ints:
        """The user behind each of ``n_entries`` entries, numbered from 0; shape (n_entries,)."""
        if self.max_entries == 1:
            return np.arange(n_entries, dtype=np.int64)
        sizes = rng.choice(np.arange(1, self.max_entries + 1), size=n_entries, p=self.probabilities)
        return np.repeat(np.arange(n_entries, dtype=np.int64), sizes)[:n_entries]

    def draw(
        self,
        cumulative: Floats,
        n_entries: int,
        rng: np.random.Generator,
        *,
        checkpoint: Checkpoint = no_checkpoint,
    ) -> Ints:
        """Rows drawn in proportion to the steps of ``cumulative``, no user drawing one twice; shape (n_entries,).

        A user's repeated draws are drawn anew, as long as there are any and few rounds have passed: where
        there are hardly more lineups than entries a repeat may stay.
        """
        rows = _draw(cumulative, n_entries, rng)
        users = self.users(n_entries, rng)
        for _ in range(_MAX_ROUNDS if self.max_entries > 1 else 0):
            checkpoint()
            repeated = np.ones(n_entries, dtype=np.bool_)
            repeated[np.unique(users * len(cumulative) + rows, return_index=True)[1]] = False
            if not repeated.any():
                break
            rows[repeated] = _draw(cumulative, int(repeated.sum()), rng)
        return rows


ONE_ENTRY_EACH = Entrants()
"""Single-entry contests."""


def _draw(cumulative: Floats, n: int, rng: np.random.Generator) -> Ints:
    """Independent rows by inversion; rows without weight are never drawn."""
    levels = np.sort(rng.random(n)) * cumulative[-1]
    rows = np.searchsorted(cumulative, levels, side="right").astype(np.int64)
    last_possible = int(np.searchsorted(cumulative, cumulative[-1], side="left"))
    return rng.permutation(np.minimum(rows, last_possible))
