"""What the service does, between the wire and the core: fetch, compute, keep."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from services.common.blocks import held
from services.common.domain.errors import FailedPrecondition
from services.common.domain.race import Race
from services.common.rpc.calls import Call
from services.ownership.answers import ActualOwnership, ProjectionAnswer, ProjectionQuery, Recorded
from services.ownership.core.ensemble import ModelOfAnotherVersion, OwnershipEnsemble, Work
from services.ownership.core.evaluation import Accuracy, leave_one_race_out, summarise
from services.ownership.core.inputs import race_day, slate_of
from services.ownership.core.projection import Fixed, project
from services.ownership.core.recording import FieldPicks
from services.ownership.core.slate import PlayedSlate, Slate
from services.ownership.dates import SECONDS_PER_DAY, RaceDay, date_text, day_of_record
from services.ownership.facts import DEFAULT_MODEL, ModelShelf, ScenarioFacts
from services.ownership.records import StoredRecord, record_id
from services.ownership.store import OwnershipStore, StoredModel


class Ownership:
    """The operations of the service."""

    def __init__(
        self, facts: ScenarioFacts, store: OwnershipStore, shelf: ModelShelf, clock: Callable[[], float] = time.time
    ) -> None:
        self.facts = facts
        self.store = store
        self.shelf = shelf
        self._clock = clock
        self._refitting = threading.Lock()

    def project(self, query: ProjectionQuery, overrides: Callable[[Race], Fixed], call: Call) -> ProjectionAnswer:
        """Project a race around the shares that ``overrides`` fixes."""
        race = self.facts.race(query.race_id, call)
        fixed = overrides(race)
        version, model = self._model(query.model_version, call)
        set_id, simulated = self.facts.simulated(query.race_id, query.scenario_set_id, call)
        known = race_day(race)
        day = float("inf") if known is None else known
        slate = self._unplayed(race, slate_of(race, simulated, contest=query.contest, day=day))
        projection = project(model, slate, fixed=fixed, level=query.interval_level)
        named = [race.snapshot_hash, set_id, version, str(slate.day), str(query.contest), repr(fixed.shares.tolist())]
        text = json.dumps([*named, query.interval_level])
        return ProjectionAnswer(race, set_id, version, projection, hashlib.sha256(text.encode()).hexdigest()[:32])

    def _model(self, version: str, call: Call) -> tuple[str, OwnershipEnsemble]:
        """A model and its version; the active one is fitted again where an older Pitwall left one nobody can read."""
        try:
            return self.shelf.get(version)
        except ModelOfAnotherVersion:
            if version or not self.store.page("", None, 1):
                raise
        with held(self._refitting, call.checkpoint):
            try:
                return self.shelf.get(version)
            except ModelOfAnotherVersion:
                return self.shelf.get(self.fit(Work(checkpoint=call.checkpoint)).model_version)

    def _unplayed(self, race: Race, slate: Slate) -> Slate:
        """The slate as it was before its race: a recorded one on its day, so that its own records do not inform it.

        A race that only shares its id with a recorded one is another race, and learns from that one, too.
        """
        recorded = self.store.record_of_race(race.race_id)
        if recorded is None:
            return slate
        if not recorded.is_of(race.driver_ids):
            return replace(slate, race_id=race.snapshot_hash)
        return replace(slate, day=min(slate.day, recorded.played.slate.day))

    def record(self, race: Race, contest_id: str, actual: ActualOwnership, call: Call) -> Recorded:
        """Store what a field did, with what was known of the race; a race without scenarios is stored without.

        Raises
        ------
        InvalidInput
            If the race cannot have been run on that day, or the record cannot stand beside those there are.
        """
        try:
            simulated = self.facts.simulated(race.race_id, "", call)[1]
        except FailedPrecondition:
            simulated = {}
        now, earlier = self._clock(), self.store.record_of_race(race.race_id)
        day = day_of_record(
            race,
            told=actual.race_day,
            recorded=earlier.played.slate.day if earlier is not None else None,
            today=now / SECONDS_PER_DAY,
        )
        slate = slate_of(race, simulated, contest=actual.contest, day=day.day)
        played = PlayedSlate(slate, actual.picks.shares, actual.picks.points)
        record = StoredRecord(record_id(race.race_id, contest_id), contest_id, now, race.driver_ids, played)
        self.store.put_record(record, source=actual.source)
        return Recorded(record, _record_warnings(race, day, actual.picks, has_scenarios=bool(simulated)))

    def fit(self, work: Work) -> StoredModel:
        """Fit on all records, then store the model and make it the active one.

        Raises
        ------
        FailedPrecondition
            Without records.
        """
        played = [record.played for record in self.store.records()]
        if not played:
            raise FailedPrecondition("there are no ownership records to fit; record the ownership of a contest first")
        model = OwnershipEnsemble().fit(played, [p.field_shares for p in played], work=work)
        state = model.state()
        version = "fit-" + hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()[:16]
        stored = StoredModel(version, self._clock(), True, model.n_races_, model.weights)
        work.checkpoint()
        self.store.put_model(stored, state)
        return stored

    def evaluate(self, level: float, work: Work) -> tuple[list[Accuracy], int]:
        """Accuracy by leaving races out, and how many there were."""
        rows = list(leave_one_race_out(OwnershipEnsemble(), [r.played for r in self.store.records()], work))
        return summarise(rows, level=level), len({row.race_id for row in rows})

    def models(self) -> list[StoredModel]:
        """Fitted models, newest first, then the built-in one."""
        fitted = self.store.models()
        active = not any(model.active for model in fitted)
        return [*fitted, StoredModel(DEFAULT_MODEL, 0.0, active, 0, OwnershipEnsemble().weights)]


def _record_warnings(race: Race, day: RaceDay, picks: FieldPicks, *, has_scenarios: bool) -> tuple[str, ...]:
    found = []
    if day.guessed:
        found.append(
            f"nobody told when race {race.race_id!r} was run, so it counts as run on {date_text(day.day)}; record it "
            "again with its date, or races learn from each other in the wrong order"
        )
    if picks.withdrawn_share > 0.0:
        found.append(
            f"{100 * picks.withdrawn_share:.2f} points of ownership went to drivers withdrawn from race "
            f"{race.race_id!r}; they are left out, and the others are learnt as if those picks had gone to them in "
            "proportion; if the withdrawal came after the lock, the field had planned with them"
        )
    if not has_scenarios:
        found.append(
            f"race {race.race_id!r} has no scenarios, so no projected points are kept with the record; generate "
            "scenarios and record it again, or the projection estimator learns nothing from it"
        )
    return tuple(found)
