"""Keeps the finish of a portfolio within reach while it is built, one best lineup after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from services.common.domain.work import Checkpoint
from services.optimizer.core.completion import Lister, find_finish
from services.optimizer.core.demand import Demand, Lineups
from services.optimizer.core.query import Query
from services.optimizer.core.time_limit import TimeUp


class FinishGuard:
    """Holds one way to finish the portfolio; a lineup that would leave none is not admitted.

    Most lineups take the place of one of those held, so a search for another way is rare. Where the time for the
    search ends a look for one, no way is known: the lineup under way is the last then.

    Attributes
    ----------
    ahead
        Lineups that finish the portfolio; None when no way is known, and then every lineup is admitted.
    impossible
        It is proven that no full portfolio exists.
    """

    def __init__(self, demand: Demand, checkpoint: Checkpoint) -> None:
        self.ahead: Lineups | None = None
        self.impossible = False
        self._demand = demand
        self._checkpoint = checkpoint

    def start(self, query: Query, lister: Lister) -> None:
        """Look for a first way out of the lineups that ``query`` allows."""
        try:
            found = find_finish(self._demand, query, lister, self._checkpoint)
        except TimeUp:
            return
        self.ahead, self.impossible = found.lineups, found.lineups is None and found.proven

    def admit(self, columns: tuple[int, ...], later: Callable[[], Query], lister: Lister) -> bool:
        """Count a lineup, unless it would leave no way to finish; ``later`` says what is allowed after it."""
        if self.ahead is None:
            return True
        lineup = np.array([columns], dtype=np.int8)
        left = self._demand.after(lineup)
        ahead = next(self._in_place_of_one(lineup, left), None)
        if ahead is None:
            try:
                ahead = find_finish(left, later(), lister, self._checkpoint).lineups
            except TimeUp:
                self.ahead = None
                return True
        if ahead is None:
            return False
        self._demand, self.ahead = left, ahead
        return True

    def _in_place_of_one(self, lineup: Lineups, left: Demand) -> Iterator[Lineups]:
        """The lineups ahead without one of them, where that finishes the portfolio with ``lineup`` in its place."""
        ahead = np.asarray(self.ahead)
        shared = (ahead[:, :, None] == lineup[0]).any(axis=2).sum(axis=1)
        near = np.flatnonzero(lineup.shape[1] - shared < self._demand.min_distinct)
        held, teams = left.incidence(ahead)
        drivers, in_teams = held.sum(axis=1)[:, None] - held, teams.sum(axis=1)[:, None] - teams
        fits = (drivers >= left.least[:, None]).all(axis=0) & (drivers <= left.most[:, None]).all(axis=0)
        fits &= (in_teams <= left.team_most[:, None]).all(axis=0)
        for gone in np.flatnonzero(fits):
            if set(near.tolist()) <= {int(gone)}:
                yield np.delete(ahead, gone, axis=0)
