"""Lineup tables kept between portfolios: within their bytes, each built once however many ask."""

from __future__ import annotations

import hashlib
import threading

from cachetools import LRUCache

from services.common.blocks import held
from services.common.domain.work import Checkpoint
from services.optimizer.core.objective import Objective
from services.optimizer.core.slate import Slate
from services.optimizer.core.table import TailTable, build_table


class TableLibrary:
    """Tables by scenarios, salaries, site rules and objective."""

    def __init__(self, cache_bytes: int, max_lineups: int) -> None:
        self._max_lineups = max_lineups
        self._tables: LRUCache[str, TailTable] = LRUCache(cache_bytes, getsizeof=lambda table: table.nbytes)
        self._lock = threading.Lock()
        self._building: dict[str, threading.Lock] = {}

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
        found = self._kept(key)
        if found is not None:
            return found
        with self._lock:
            building = self._building.setdefault(key, threading.Lock())
        try:
            with held(building, checkpoint):
                found = self._kept(key)
                if found is None:
                    found = self.build(slate, objective, checkpoint)
                    self._keep(key, found)
                return found
        finally:
            with self._lock:
                self._building.pop(key, None)

    def has(self, content: str, slate: Slate, objective: Objective) -> bool:
        """Whether the table of a slate is kept."""
        return self._kept(_key(content, slate, objective)) is not None

    def build(self, slate: Slate, objective: Objective, checkpoint: Checkpoint) -> TailTable:
        """Return a table that is not kept."""
        return build_table(slate, objective, checkpoint, max_lineups=self._max_lineups)

    def _kept(self, key: str) -> TailTable | None:
        with self._lock:
            return self._tables.get(key)

    def _keep(self, key: str, table: TailTable) -> None:
        with self._lock:
            if table.nbytes <= self._tables.maxsize:
                self._tables[key] = table


def _key(content: str, slate: Slate, objective: Objective) -> str:
    digest = hashlib.sha256(slate.salaries_dollars.tobytes())
    digest.update(repr((content, slate.roster_size, slate.salary_cap_dollars, objective)).encode())
    return digest.hexdigest()
