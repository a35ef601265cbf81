"""Scenario sets: making them from a recipe once, finding them, rebuilding what has gone, taking in uploads."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pitwall import wire
from services.common.blocks import held
from services.common.domain.errors import ChecksumMismatch, Conflict, FailedPrecondition, NotFound, StorageFull
from services.common.domain.race import Race
from services.common.domain.work import Checkpoint, ReportProgress, no_checkpoint, no_progress
from services.common.matrix.entry import Built, StoredMatrix
from services.common.matrix.store import MatrixStore
from services.scenario.core.calibration import Calibration
from services.scenario.core.race_flow import REGIME_NAMES
from services.scenario.core.regimes import classify_regimes
from services.scenario.core.set_warnings import CLASSIFIED_WARNING, projection_warnings
from services.scenario.core.simulate import MODEL_VERSION, Simulation, SimulationInput, simulate
from services.scenario.core.steering import projected_points, steer
from services.scenario.core.strength import driver_strength
from services.scenario.records import Records, SetRecord, utc_now

_ID_LENGTH = 32
_PAGE_SIZE = 100


@dataclass(frozen=True)
class Recipe:
    """What determines a generated set, to the byte."""

    race: Race
    model_version: str
    calibration_version: str
    n_scenarios: int
    seed: int

    @property
    def scenario_set_id(self) -> str:
        """Hash of the recipe."""
        parts = (self.race.snapshot_hash, self.model_version, self.calibration_version, self.n_scenarios, self.seed)
        return _digest(parts)


@dataclass(frozen=True, eq=False)
class Upload:
    """A user's own matrix in the order of the race's starters; ``regimes`` index into ``regime_names``."""

    ticks: npt.NDArray[np.int16]
    regimes: npt.NDArray[np.uint8] | None
    regime_names: tuple[str, ...]
    content_hash: str


@dataclass(frozen=True, eq=False)
class OpenSet:
    """A set with its matrix."""

    record: SetRecord
    matrix: StoredMatrix


class ScenarioSets:
    """All scenario sets of the service.

    Parameters
    ----------
    workers
        Threads that simulate one set; the bytes do not depend on it.
    max_simulations
        Sets simulated at once. Others wait: any call that reads a matrix may have to rebuild it.
    """

    def __init__(
        self,
        records: Records,
        store: MatrixStore,
        calibration: Calibration,
        *,
        workers: int = 1,
        max_simulations: int = 4,
    ) -> None:
        self._records = records
        self._store = store
        self._calibration = calibration
        self._workers = workers
        self._places = threading.Semaphore(max_simulations)

    def generate(
        self,
        race_id: str,
        n_scenarios: int,
        seed: int,
        *,
        aside: bool = False,
        checkpoint: Checkpoint = no_checkpoint,
        report: ReportProgress = no_progress,
    ) -> SetRecord:
        """Simulate a race, or find that the same was simulated before; kept ``aside`` it is not the newest set."""
        race = self._records.get_race(race_id).race
        recipe = Recipe(race, *self._versions, n_scenarios, seed)
        build = self._builder(recipe, checkpoint, report)
        matrix = self._store.get_or_build(recipe.scenario_set_id, build, checkpoint=checkpoint)
        report("simulate", n_scenarios, n_scenarios)
        return self._recorded(_generated_record(recipe, matrix), aside=aside)

    def upload(self, race: Race, upload: Upload, *, checkpoint: Checkpoint = no_checkpoint) -> SetRecord:
        """Keep a user's matrix as a set of the race that its columns were checked against.

        Scenarios without labels are classified.

        Raises
        ------
        ChecksumMismatch
            If the user said what the matrix hashes to and it does not.
        Conflict
            If the race has been stored anew meanwhile: the matrix may not be meant for it.
        """
        checkpoint()
        content = wire.content_hash(upload.ticks)
        if upload.content_hash not in ("", content):
            raise ChecksumMismatch("the matrix does not match header.content_hash; send it again or leave the hash out")
        names = REGIME_NAMES if upload.regimes is None else upload.regime_names
        regimes = classify_regimes(upload.ticks, checkpoint=checkpoint) if upload.regimes is None else upload.regimes
        labels = hashlib.sha256(np.ascontiguousarray(regimes).data).hexdigest()
        key = _digest((race.snapshot_hash, "upload", content, labels, names))
        told_apart = upload.regimes is None and len(np.unique(regimes)) > 1
        warnings = [CLASSIFIED_WARNING] if told_apart else []
        built = Built(upload.ticks, regimes, {"regime_names": list(names), "warnings": warnings})
        checkpoint()
        self._refuse_changed(race)
        matrix = self._store.get_or_build(key, lambda: built, checkpoint=checkpoint)
        return self._recorded(_uploaded_record(race, matrix))

    def _refuse_changed(self, race: Race) -> None:
        if self._records.get_race(race.race_id).race.snapshot_hash != race.snapshot_hash:
            raise Conflict(
                f"race {race.race_id!r} was stored anew during the upload; upload the matrix again if it is meant for "
                "the race as it stands now",
                metadata={"race_id": race.race_id},
            )

    def _recorded(self, record: SetRecord, *, aside: bool = False) -> SetRecord:
        """Record a set; when its race was deleted meanwhile, its matrix goes too."""
        try:
            return self._records.add_set(record, aside=aside)
        except NotFound:
            self._store.delete(record.scenario_set_id)
            raise

    def find(self, race_id: str, scenario_set_id: str = "") -> SetRecord:
        """A set, by default the newest of the race and the model as they stand now; ``NotFound`` without one."""
        if scenario_set_id:
            return self._records.get_set(race_id, scenario_set_id)
        newest = self._records.newest_set(race_id, self._versions)
        if newest is not None:
            return newest
        raise NotFound(
            f"race {race_id!r} has no scenarios as it and the race model stand now; generate some "
            f"(`pitwall scenarios generate {race_id}`, GenerateScenarios)",
            metadata={"race_id": race_id},
        )

    def open(self, race_id: str, scenario_set_id: str = "", *, checkpoint: Checkpoint = no_checkpoint) -> OpenSet:
        """A set with its matrix, rebuilt from its recipe when the file has gone."""
        record = self.find(race_id, scenario_set_id)
        recipe = Recipe(record.race, *record.versions, record.n_scenarios, record.seed)
        build = self._missing(record) if self._is_lost(record) else self._builder(recipe, checkpoint, no_progress)
        return OpenSet(record, self._store.get_or_build(record.scenario_set_id, build, checkpoint=checkpoint))

    def delete_race(self, race_id: str) -> int:
        """Delete a race and its sets; returns how many sets there were."""
        try:
            ids = self._records.delete_race(race_id)
        except StorageFull:
            # Records take room to be deleted too: matrices that can be made again leave it to them.
            self._drop_generated(race_id)
            ids = self._records.delete_race(race_id)
        for scenario_set_id in ids:
            self._store.delete(scenario_set_id)
        return len(ids)

    def _drop_generated(self, race_id: str) -> None:
        token = ""
        while True:
            records, token = self._records.list_sets(race_id, _PAGE_SIZE, token)
            for record in records:
                if not record.uploaded:
                    self._store.delete(record.scenario_set_id)
            if not token:
                return

    def _builder(self, recipe: Recipe, checkpoint: Checkpoint, report: ReportProgress) -> Callable[[], Built]:
        def build() -> Built:
            with held(self._places, checkpoint):
                simulation = self._simulation(recipe, checkpoint, report)
            meta = _meta(simulation) | {"warnings": projection_warnings(recipe.race, simulation.ticks)}
            return Built(simulation.ticks, simulation.regimes, meta)

        return build

    def _simulation(self, recipe: Recipe, checkpoint: Checkpoint, report: ReportProgress) -> Simulation:
        inputs = simulation_input(recipe.race, self._calibration, workers=self._workers, checkpoint=checkpoint)
        return simulate(
            inputs, recipe.n_scenarios, seed=recipe.seed, workers=self._workers, checkpoint=checkpoint, report=report
        )

    @property
    def _versions(self) -> tuple[str, str]:
        return MODEL_VERSION, self._calibration.version

    def _is_lost(self, record: SetRecord) -> bool:
        """Whether the set cannot be built again by this version."""
        return record.uploaded or record.versions != self._versions

    def _missing(self, record: SetRecord) -> Callable[[], Built]:
        def refuse() -> Built:
            why = "upload it" if record.uploaded else "another version of the model made it: generate it"
            raise FailedPrecondition(
                f"the matrix of scenario set {record.scenario_set_id} is gone and cannot be rebuilt here; {why} again",
                metadata={"scenario_set_id": record.scenario_set_id},
            )

        return refuse


def simulation_input(
    race: Race, calibration: Calibration, *, workers: int = 1, checkpoint: Checkpoint = no_checkpoint
) -> SimulationInput:
    """A race ready to be simulated: strengths from market and form, steered to projections if there are any."""
    track = calibration.track(race.series, race.track.type)
    inputs = SimulationInput.of(race, track.flow, driver_strength(race, calibration))
    return steer(inputs, projected_points(race), workers=workers, checkpoint=checkpoint)


def regime_counts(regimes: npt.NDArray[np.uint8], names: tuple[str, ...]) -> tuple[tuple[str, int], ...]:
    """Scenarios per race flow, those that occur."""
    counts = np.bincount(regimes, minlength=len(names))
    return tuple((name, int(count)) for name, count in zip(names, counts, strict=True) if count)


def _digest(parts: tuple[Any, ...]) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:_ID_LENGTH]


def _meta(simulation: Simulation) -> dict[str, Any]:
    totals = dataclasses.asdict(simulation.totals)
    plain = {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in totals.items()}
    return {"regime_names": list(REGIME_NAMES), "totals": plain}


def _generated_record(recipe: Recipe, matrix: StoredMatrix) -> SetRecord:
    return SetRecord(
        scenario_set_id=matrix.key,
        race=recipe.race,
        uploaded=False,
        model_version=recipe.model_version,
        calibration_version=recipe.calibration_version,
        n_scenarios=recipe.n_scenarios,
        seed=recipe.seed,
        content_hash=matrix.content_hash,
        size_bytes=int(matrix.ticks.nbytes),
        regimes=regime_counts(matrix.regimes, REGIME_NAMES),
        create_time=utc_now(),
        warnings=tuple(matrix.meta.get("warnings", ())),
    )


def _uploaded_record(race: Race, matrix: StoredMatrix) -> SetRecord:
    return SetRecord(
        scenario_set_id=matrix.key,
        race=race,
        uploaded=True,
        model_version="",
        calibration_version="",
        n_scenarios=int(matrix.ticks.shape[0]),
        seed=0,
        content_hash=matrix.content_hash,
        size_bytes=int(matrix.ticks.nbytes),
        regimes=regime_counts(matrix.regimes, tuple(matrix.meta["regime_names"])),
        create_time=utc_now(),
        warnings=tuple(matrix.meta.get("warnings", ())),
    )
