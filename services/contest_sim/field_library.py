"""Universes and fitted fields of the slates asked about last."""

from __future__ import annotations

import threading
from collections.abc import Hashable

import numpy as np
import numpy.typing as npt
from cachetools import LRUCache

from services.common.domain.race import Race
from services.common.domain.work import Checkpoint
from services.common.universe import Universe, enumerate_lineups
from services.contest_sim.core.entrants import Entrants
from services.contest_sim.core.field import Field, fit_field
from services.contest_sim.core.field_parameters import FieldParameters, Prices


class FieldLibrary:
    """Enumerates and fits once per slate, ownership and parameters; safe to share between calls."""

    def __init__(self, n_fields: int = 4) -> None:
        self._lock = threading.Lock()
        self._universes: LRUCache[Hashable, Universe] = LRUCache(n_fields)
        self._fields: LRUCache[Hashable, Field] = LRUCache(n_fields)

    def universe(self, race: Race) -> Universe:
        """Every legal lineup of the race."""
        key = _slate_key(race)
        with self._lock:
            found = self._universes.get(key)
        if found is not None:
            return found
        universe = enumerate_lineups(race.salaries_dollars, race.rules.roster_size, race.rules.salary_cap_dollars)
        with self._lock:
            self._universes[key] = universe
        return universe

    def field(
        self,
        race: Race,
        shares: npt.NDArray[np.float64],
        parameters: FieldParameters,
        entrants: Entrants,
        checkpoint: Checkpoint,
    ) -> Field:
        """The field with ownership ``shares[starter]``."""
        key = (_slate_key(race), shares.tobytes(), parameters, entrants)
        with self._lock:
            found = self._fields.get(key)
        if found is not None:
            return found
        prices = Prices(race.salaries_dollars, race.rules.salary_cap_dollars)
        field = fit_field(self.universe(race), prices, shares, parameters, entrants=entrants, checkpoint=checkpoint)
        with self._lock:
            self._fields[key] = field
        return field


def _slate_key(race: Race) -> Hashable:
    return (race.salaries_dollars.tobytes(), race.rules.roster_size, race.rules.salary_cap_dollars)
