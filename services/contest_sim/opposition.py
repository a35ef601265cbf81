"""Finds the opponents that a request describes: ownership fetched, fields fitted, warnings gathered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pitwall.contestsim.v1 import contest_pb2
from pitwall.ownership.v1 import ownership_pb2
from services.common.domain.errors import InvalidInput
from services.common.domain.race import Race
from services.common.rpc.calls import Call
from services.common.rpc.peers import OwnershipPeer
from services.contest_sim import answers, mapping
from services.contest_sim.core.contest import DEFAULT_MAX_ENTRIES_PER_USER, Setting
from services.contest_sim.core.entrants import Entrants, entry_limit
from services.contest_sim.core.field import Field
from services.contest_sim.core.field_description import describe_field
from services.contest_sim.core.field_parameters import INSIGHT
from services.contest_sim.core.given_ownership import given_shares
from services.contest_sim.core.lineup_keys import rows_of
from services.contest_sim.core.opponents import Opponents
from services.contest_sim.core.ownership_draw import DEFAULT_CONCENTRATION
from services.contest_sim.field_library import FieldLibrary
from services.contest_sim.known_opposition import KnownOpposition, known_opposition


@dataclass(frozen=True, eq=False)
class ModelOpposition:
    """Opponents drawn from a model of the field."""

    race: Race
    model: Field
    concentration: float
    insight: float = INSIGHT
    warnings: tuple[str, ...] = ()

    def report(self, n_entries: int) -> contest_pb2.FieldReport:
        """What ``n_entries`` of it look like."""
        error = float(np.abs(self.model.shares - self.model.target_shares).max())
        return answers.field_to_proto(
            self.race,
            self.model.shares,
            describe_field(self.model, n_entries),
            max_error=100.0 * error,
            distance=100.0 * self.model.distance,
            n_legal_lineups=self.model.universe.n_lineups,
            warnings=self.warnings,
        )

    def expected_copies(self, lineups: npt.NDArray[np.int8], n_entries: int) -> npt.NDArray[np.float64]:
        """Copies to be expected of each lineup among ``n_entries``."""
        return n_entries * self.model.probabilities(rows_of(self.model.universe, lineups))

    def sample(self, n_entries: int, rng: np.random.Generator) -> Opponents:
        """Opponents at the projected ownership."""
        return self.model.sample(n_entries, rng)


Opposition = ModelOpposition | KnownOpposition


class OppositionFinder:
    """Answers for a field specification, with the ownership service's projection unless told otherwise."""

    def __init__(self, ownership: OwnershipPeer, library: FieldLibrary) -> None:
        self._ownership = ownership
        self.library = library

    def find(
        self, race: Race, spec: contest_pb2.FieldSpec, setting: Setting, scenario_set_id: str, call: Call
    ) -> Opposition:
        """The opposition in a contest of this setting.

        Raises
        ------
        InvalidInput
            For ownership or opponents that do not fit the race.
        """
        if spec.WhichOneof("kind") == "known":
            return known_opposition(race, spec.known)
        model = spec.model
        shares, concentration, warnings = self._shares(race, model, setting, scenario_set_id, call)
        parameters = mapping.parameters_from_proto(model, setting.entry_fee_cents)
        entrants = Entrants(entry_limit(setting.n_entries, setting.max_entries_per_user))
        field = self.library.field(race, shares, parameters, entrants, call.checkpoint)
        redraw = model.redraw_ownership if model.HasField("redraw_ownership") else True
        notes = (*warnings, *_misses(race, field))
        insight = model.insight if model.HasField("insight") else INSIGHT
        return ModelOpposition(race, field, concentration if redraw else 0.0, insight, notes)

    def _shares(
        self,
        race: Race,
        model: contest_pb2.ModelField,
        setting: Setting,
        scenario_set_id: str,
        call: Call,
    ) -> tuple[npt.NDArray[np.float64], float, tuple[str, ...]]:
        """Ownership shares, their concentration between contests, and warnings."""
        if model.ownership_percent:
            percent = {value.driver_id: value.value for value in model.ownership_percent}
            if len(percent) < len(model.ownership_percent):
                raise InvalidInput.field("field.model.ownership_percent", "lists a driver twice")
            path = "field.model.ownership_percent"
            return (
                given_shares(percent, race.driver_ids, race.rules.roster_size, path),
                DEFAULT_CONCENTRATION,
                (),
            )
        projected = self._ownership.project(race, scenario_set_id, call, contest=_profile(setting))
        return projected.percent / 100.0, projected.concentration, projected.warnings


def _profile(setting: Setting) -> ownership_pb2.ContestProfile:
    """The setting as the ownership service knows it, where 0 stands for what is usual."""
    limit = setting.max_entries_per_user
    return ownership_pb2.ContestProfile(
        n_entries=setting.n_entries,
        entry_fee_cents=setting.entry_fee_cents,
        max_entries_per_user=0 if limit == DEFAULT_MAX_ENTRIES_PER_USER else limit,
    )


def _misses(race: Race, field: Field) -> Sequence[str]:
    """A warning when the ownership asked for is beyond any legal field."""
    if field.distance == 0.0:
        return ()
    miss = np.abs(field.shares - field.target_shares)
    worst = int(miss.argmax())
    implied = float(field.target_shares @ race.salaries_dollars)
    return (
        f"no field of legal lineups has this ownership, which implies ${implied:,.0f} of salary under a cap of "
        f"${race.rules.salary_cap_dollars:,}; the nearest is used, {100 * field.distance:.2f} points away in all and "
        f"{100 * miss[worst]:.2f} for {race.starters[worst].name} ({100 * field.shares[worst]:.2f} % for "
        f"{100 * field.target_shares[worst]:.2f} %)",
    )
