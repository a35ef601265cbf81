"""Universes and fitted fields of the slates asked about last."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np
import numpy.typing as npt

from services.common.domain.race import Race
from services.common.domain.work import Checkpoint
from services.common.single_flight import BuiltOnce
from services.common.universe import Universe, enumerate_lineups
from services.contest_sim.core.entrants import Entrants
from services.contest_sim.core.field import Field, fit_field
from services.contest_sim.core.field_parameters import FieldParameters, Prices


class FieldLibrary:
    """Enumerates and fits once per slate, ownership and parameters, however many ask; safe to share between calls."""

    def __init__(self, n_fields: int, max_lineups: int) -> None:
        self._max_lineups = max_lineups
        self._universes = BuiltOnce[Universe](n_fields)
        self._fields = BuiltOnce[Field](n_fields)

    def universe(self, race: Race, checkpoint: Checkpoint) -> Universe:
        """Every legal lineup of the race.

        Raises
        ------
        Infeasible
            If no lineup is legal.
        UniverseTooLarge
            If there are too many to list.
        """

        def build() -> Universe:
            return enumerate_lineups(
                race.salaries_dollars,
                race.rules.roster_size,
                race.rules.salary_cap_dollars,
                max_lineups=self._max_lineups,
                checkpoint=checkpoint,
            )

        return self._universes.get(_slate_key(race), build, checkpoint)

    def field(
        self,
        race: Race,
        shares: npt.NDArray[np.float64],
        parameters: FieldParameters,
        entrants: Entrants,
        checkpoint: Checkpoint,
    ) -> Field:
        """The field with ownership ``shares[starter]``; raises as ``universe`` does."""

        def build() -> Field:
            prices = Prices(race.salaries_dollars, race.rules.salary_cap_dollars)
            universe = self.universe(race, checkpoint)
            return fit_field(universe, prices, shares, parameters, entrants=entrants, checkpoint=checkpoint)

        return self._fields.get((_slate_key(race), shares.tobytes(), parameters, entrants), build, checkpoint)


def _slate_key(race: Race) -> Hashable:
    return (race.salaries_dollars.tobytes(), race.rules.roster_size, race.rules.salary_cap_dollars)
