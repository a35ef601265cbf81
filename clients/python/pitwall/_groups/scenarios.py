"""Scenarios: generate, download, upload, summarise."""

from __future__ import annotations

import builtins
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pitwall._calls import Caller
from pitwall._decode import decode
from pitwall._groups.base import last_event
from pitwall._matrix import download, upload_parts
from pitwall._numbers import MAX_SEED, whole
from pitwall.scenario.v1 import scenario_service_pb2 as pb
from pitwall.scenario.v1 import scenario_set_pb2
from pitwall.scenario.v1.scenario_service_pb2_grpc import ScenarioServiceStub
from pitwall.types.race import OnProgress, Progress
from pitwall.types.scenarios import DriverSummary, ScenarioMatrix, ScenarioSet, ScenarioSummary

_PAGE_SIZE = 200


class Scenarios:
    """Scenario sets of races."""

    def __init__(self, stub: ScenarioServiceStub, caller: Caller) -> None:
        self._stub = stub
        self._caller = caller

    def generate(
        self,
        race_id: str,
        n_scenarios: int = 10_000,
        *,
        seed: int = 0,
        on_progress: OnProgress | None = None,
        timeout_seconds: float | None = None,
    ) -> ScenarioSet:
        """Simulate a race. The same race, number and seed give the same set, from the cache the second time."""
        request = pb.GenerateScenariosRequest(
            race_id=race_id, n_scenarios=whole(n_scenarios, "n_scenarios"), seed=whole(seed, "seed", MAX_SEED)
        )
        events = self._caller.stream(
            self._stub.GenerateScenarios, request, race_id=race_id, timeout_seconds=timeout_seconds
        )
        return decode(ScenarioSet, last_event(events, "scenario_set", on_progress))

    def get(self, race_id: str, scenario_set_id: str = "") -> ScenarioSet:
        """A set, by default the newest of the race as it stands now."""
        request = pb.GetScenarioSetRequest(race_id=race_id, scenario_set_id=scenario_set_id)
        response = self._caller.unary(self._stub.GetScenarioSet, request, race_id=race_id)
        return decode(ScenarioSet, response.scenario_set)

    def list(self, race_id: str) -> builtins.list[ScenarioSet]:
        """The sets of a race, newest first, fetched page by page."""
        found: builtins.list[ScenarioSet] = []
        token = ""
        while True:
            request = pb.ListScenarioSetsRequest(race_id=race_id, page_size=_PAGE_SIZE, page_token=token)
            response = self._caller.unary(self._stub.ListScenarioSets, request, race_id=race_id)
            found.extend(decode(ScenarioSet, item) for item in response.scenario_sets)
            token = response.next_page_token
            if not token:
                return found

    def matrix(
        self,
        race_id: str,
        scenario_set_id: str = "",
        *,
        driver_ids: Sequence[str] = (),
        start_row: int = 0,
        end_row: int = 0,
        on_progress: OnProgress | None = None,
    ) -> ScenarioMatrix:
        """Download rows of a set as points; a broken stream resumes by itself, damage is found by checksums."""
        request = pb.StreamMatrixRequest(
            race_id=race_id,
            scenario_set_id=scenario_set_id,
            start_row=whole(start_row, "start_row"),
            end_row=whole(end_row, "end_row"),
            driver_ids=driver_ids,
            dtype=scenario_set_pb2.MATRIX_DTYPE_FLOAT32,
        )

        def open_stream(resumed: pb.StreamMatrixRequest) -> Iterator[pb.StreamMatrixResponse]:
            return self._caller.stream(self._stub.StreamMatrix, resumed, race_id=race_id)

        def on_rows(done: int, total: int) -> None:
            if on_progress is not None:
                on_progress(Progress("download", done - start_row, total - start_row, 0.0))

        received = download(open_stream, request, on_rows)
        names = np.array(list(received.header.regime_names) or [""])
        points: Any = received.values
        return ScenarioMatrix(
            scenario_set_id=received.header.scenario_set_id,
            content_hash=received.header.content_hash,
            driver_ids=tuple(received.header.driver_ids),
            points=points,
            regimes=names[received.regimes],
        )

    def upload(
        self, race_id: str, points: pd.DataFrame | npt.NDArray[Any], driver_ids: Sequence[str] = ()
    ) -> ScenarioSet:
        """Store one's own matrix: one row per scenario, one column per driver that starts.

        Parameters
        ----------
        points
            A frame whose columns are site ids, or an array with ``driver_ids`` for its columns. int16 arrays
            are ticks of 1/20 point; other numbers are points, rounded to ticks by the service.

        Raises
        ------
        InvalidInputError
            Before anything is sent, if there is anything but numbers or the columns are not one per driver.
        """
        if isinstance(points, pd.DataFrame):
            driver_ids = [str(column) for column in points.columns]
            points = points.to_numpy()
        parts = upload_parts(race_id, np.asarray(points), driver_ids)
        response = self._caller.unary(self._stub.UploadMatrix, parts, race_id=race_id)
        return decode(ScenarioSet, response.scenario_set)

    def summary(
        self,
        race_id: str,
        scenario_set_id: str = "",
        *,
        percentile_levels: Sequence[float] = (),
        optimal_rates: bool = False,
        correlations: bool = False,
    ) -> ScenarioSummary:
        """A set driver by driver; ``optimal_rates`` are shares of best-in-hindsight lineups."""
        request = pb.SummarizeScenariosRequest(
            race_id=race_id,
            scenario_set_id=scenario_set_id,
            percentile_levels=percentile_levels,
            include_optimal_rates=optimal_rates,
            include_correlations=correlations,
        )
        response = self._caller.unary(self._stub.SummarizeScenarios, request, race_id=race_id)
        frame = None
        if correlations:
            ids = list(response.correlations.driver_ids)
            values = np.array(response.correlations.values).reshape(len(ids), len(ids))
            frame = pd.DataFrame(values, index=ids, columns=ids)
        return ScenarioSummary(
            scenario_set=decode(ScenarioSet, response.scenario_set),
            drivers=tuple(decode(DriverSummary, driver) for driver in response.drivers),
            correlations=frame,
        )
