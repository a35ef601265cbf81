"""Lineup tables kept between portfolios: within their bytes, each built once however many ask."""

from __future__ import annotations

import hashlib

from services.common.domain.work import Checkpoint
from services.common.single_flight import BuiltOnce
from services.optimizer.core.objective import Objective
from services.optimizer.core.slate import Slate
from services.optimizer.core.table import TailTable, build_table


class TableLibrary:
    """Tables by scenarios, salaries, site rules and objective.

    Attributes
    ----------
    max_lineups
        Legal lineups up to which a slate has a table.
    """

    def __init__(self, cache_bytes: int, max_lineups: int) -> None:
        self.max_lineups = max_lineups
        self._tables = BuiltOnce[TailTable](cache_bytes, lambda table: table.nbytes)

    def get(self, content: str, slate: Slate, objective: Objective, checkpoint: Checkpoint) -> TailTable:
        """Return the table of a slate, whose scenarios ``content`` identifies.

        Raises
        ------
        Infeasible
            If no lineup is legal.
        UniverseTooLarge
            If there are too many for a table.
        TimeUp
            As the checkpoint does.
        """
        key = _key(content, slate, objective)
        return self._tables.get(key, lambda: self.build(slate, objective, checkpoint), checkpoint)

    def has(self, content: str, slate: Slate, objective: Objective) -> bool:
        """Whether the table of a slate is kept."""
        return self._tables.find(_key(content, slate, objective)) is not None

    def build(self, slate: Slate, objective: Objective, checkpoint: Checkpoint) -> TailTable:
        """Return a table that is not kept."""
        return build_table(slate, objective, checkpoint, max_lineups=self.max_lineups)


def _key(content: str, slate: Slate, objective: Objective) -> str:
    digest = hashlib.sha256(slate.salaries_dollars.tobytes())
    digest.update(repr((content, slate.roster_size, slate.salary_cap_dollars, objective)).encode())
    return digest.hexdigest()
