"""What the service knows from elsewhere: races and scenarios from the scenario service, models from the store."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from cachetools import LRUCache

from services.common.domain.race import Race
from services.common.rpc.calls import Call
from services.common.rpc.peers import ScenarioPeer
from services.ownership.core.ensemble import OwnershipEnsemble
from services.ownership.core.inputs import Simulated
from services.ownership.mapping import simulated_from_proto
from services.ownership.store import OwnershipStore

DEFAULT_MODEL = "default"


class ScenarioFacts:
    """Races and what their scenarios say; summaries are cached by scenario set, whose id names its content."""

    def __init__(self, peer: ScenarioPeer, max_cached: int) -> None:
        self._peer = peer
        self._lock = threading.Lock()
        self._summaries: LRUCache[tuple[str, str], Mapping[str, Simulated]] = LRUCache(max_cached)

    def race(self, race_id: str, call: Call) -> Race:
        """The race as it stands."""
        return self._peer.get_race(race_id, call)

    def simulated(self, race_id: str, scenario_set_id: str, call: Call) -> tuple[str, Mapping[str, Simulated]]:
        """Id of the set, by default the newest, and what it says by driver.

        Raises
        ------
        FailedPrecondition
            If the race has no scenarios as it stands.
        """
        set_id = scenario_set_id or self._peer.get_scenario_set(race_id, "", call).scenario_set_id
        key = (race_id, set_id)
        with self._lock:
            cached = self._summaries.get(key)
        if cached is None:
            cached = simulated_from_proto(self._peer.summarize(race_id, set_id, call, optimal_rates=True))
            with self._lock:
                self._summaries[key] = cached
        return set_id, cached


class ModelShelf:
    """Fitted models by version. Loaded ones are never changed, so a refit disturbs no projection."""

    def __init__(self, store: OwnershipStore, max_cached: int) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._models: LRUCache[str, OwnershipEnsemble] = LRUCache(max_cached)

    def get(self, model_version: str) -> tuple[str, OwnershipEnsemble]:
        """Version and model, by default the active one; ``NotFound`` when there is no such version."""
        version = model_version or self._store.active_version() or DEFAULT_MODEL
        with self._lock:
            cached = self._models.get(version)
        if cached is None:
            cached = OwnershipEnsemble()
            if version != DEFAULT_MODEL:
                cached.load_state(self._store.model_state(version))
            with self._lock:
                self._models[version] = cached
        return version, cached
