"""The other services as a service sees them: domain types in and out, deadlines passed on, answers cached."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import grpc
import numpy as np
import numpy.typing as npt

from pitwall.errors import Advice
from pitwall.ownership.v1 import ownership_pb2, ownership_service_pb2
from pitwall.ownership.v1.ownership_service_pb2_grpc import OwnershipServiceStub
from pitwall.rpc import Caller, ConnectionConfig, download, open_channel
from pitwall.scenario.v1 import scenario_service_pb2, scenario_set_pb2
from pitwall.scenario.v1.scenario_service_pb2_grpc import ScenarioServiceStub
from services.common.domain.errors import FailedPrecondition, NotFound, ServiceError
from services.common.domain.race import Race
from services.common.mapping import race_from_proto
from services.common.matrix.scenario_matrix import ScenarioMatrix
from services.common.rpc.calls import Call
from services.common.rpc.logs import current_request_id
from services.common.rpc.settings import PeerSettings
from services.common.rpc.status import as_errors_of
from services.common.single_flight import BuiltOnce

DEFAULT_CACHE_BYTES = 512 << 20

_SCENARIO, _OWNERSHIP = "the scenario service", "the ownership service"
"""As errors name them."""


class ScenarioPeer:
    """The scenario service.

    Matrices are cached by scenario set, whose id names its content, so a cached one is never out of date; calls that
    want the same one at the same time fetch it once.
    """

    def __init__(
        self, channel: grpc.Channel, *, caller: Caller | None = None, cache_bytes: int = DEFAULT_CACHE_BYTES
    ) -> None:
        self._stub = ScenarioServiceStub(channel)
        self._caller = caller or Caller()
        self._matrices = BuiltOnce[ScenarioMatrix](cache_bytes, lambda matrix: matrix.ticks.nbytes)

    def get_race(self, race_id: str, call: Call) -> Race:
        """The race; ``NotFound`` when there is none."""
        with as_errors_of(_SCENARIO):
            response = self._caller.unary(
                self._stub.GetRace,
                scenario_service_pb2.GetRaceRequest(race_id=race_id),
                race_id=race_id,
                timeout_seconds=call.timeout_seconds(),
                cancelling=call.cancelling,
            )
        return race_from_proto(response.race)

    def get_scenario_set(self, race_id: str, scenario_set_id: str, call: Call) -> scenario_set_pb2.ScenarioSet:
        """The set, by default the newest of the race, which is there, as it stands now.

        Raises
        ------
        NotFound
            If there is no set of that id.
        FailedPrecondition
            If the race has no scenarios yet.
        """
        try:
            with as_errors_of(_SCENARIO):
                response = self._caller.unary(
                    self._stub.GetScenarioSet,
                    scenario_service_pb2.GetScenarioSetRequest(race_id=race_id, scenario_set_id=scenario_set_id),
                    race_id=race_id,
                    timeout_seconds=call.timeout_seconds(),
                    cancelling=call.cancelling,
                )
        except NotFound as error:
            if scenario_set_id:
                raise
            raise FailedPrecondition(error.message, metadata={"race_id": race_id, "missing": "scenarios"}) from error
        return response.scenario_set

    def get_scenarios(self, race_id: str, scenario_set_id: str, call: Call) -> ScenarioMatrix:
        """The matrix of a set, by default the newest of the race as it stands now.

        Raises
        ------
        FailedPrecondition
            If the race has no scenarios yet.
        """
        found = self.get_scenario_set(race_id, scenario_set_id, call)
        key = (race_id, found.scenario_set_id)
        return self._matrices.get(key, lambda: self._download(race_id, found.scenario_set_id, call), call.checkpoint)

    def _download(self, race_id: str, scenario_set_id: str, call: Call) -> ScenarioMatrix:
        def open_stream(
            request: scenario_service_pb2.StreamMatrixRequest,
        ) -> Iterator[scenario_service_pb2.StreamMatrixResponse]:
            timeout = call.timeout_seconds()
            return self._caller.stream(
                self._stub.StreamMatrix,
                request,
                race_id=race_id,
                timeout_seconds=timeout,
                cancelling=call.cancelling,
            )

        request = scenario_service_pb2.StreamMatrixRequest(
            race_id=race_id, scenario_set_id=scenario_set_id, dtype=scenario_set_pb2.MATRIX_DTYPE_INT16
        )
        with as_errors_of(_SCENARIO):
            downloaded = download(open_stream, request, lambda _done, _total: call.checkpoint())
        header = downloaded.header
        return ScenarioMatrix(
            race_id=race_id,
            scenario_set_id=header.scenario_set_id,
            content_hash=header.content_hash,
            driver_ids=tuple(header.driver_ids),
            ticks=downloaded.values.astype(np.int16, copy=False),
            regime_names=tuple(header.regime_names),
            regimes=downloaded.regimes,
        )

    def generate(
        self, race_id: str, n_scenarios: int, seed: int, call: Call, *, aside: bool = False
    ) -> scenario_set_pb2.ScenarioSet:
        """Have scenarios simulated; answers from the cache when the same were before.

        A set kept ``aside`` does not become the newest of the race.
        """
        request = scenario_service_pb2.GenerateScenariosRequest(
            race_id=race_id, n_scenarios=n_scenarios, seed=seed, aside=aside
        )
        made: scenario_set_pb2.ScenarioSet | None = None
        with as_errors_of(_SCENARIO):
            responses = self._caller.stream(
                self._stub.GenerateScenarios,
                request,
                race_id=race_id,
                timeout_seconds=call.timeout_seconds(),
                cancelling=call.cancelling,
            )
            # The stream is read to its end: a call left before it counts as cancelled.
            for response in responses:
                call.checkpoint()
                if response.HasField("scenario_set"):
                    made = response.scenario_set
        if made is not None:
            return made
        raise ServiceError(f"{_SCENARIO} ended its stream without a scenario set")

    def summarize(
        self, race_id: str, scenario_set_id: str, call: Call, *, optimal_rates: bool = False
    ) -> scenario_service_pb2.SummarizeScenariosResponse:
        """The summary per driver of a set, by default the newest of the race as it stands now."""
        request = scenario_service_pb2.SummarizeScenariosRequest(
            race_id=race_id, scenario_set_id=scenario_set_id, include_optimal_rates=optimal_rates
        )
        with as_errors_of(_SCENARIO):
            return self._caller.unary(
                self._stub.SummarizeScenarios,
                request,
                race_id=race_id,
                timeout_seconds=call.timeout_seconds(),
                cancelling=call.cancelling,
            )


def peer_caller(config: ConnectionConfig, address: str, name: str) -> Caller:
    """Calls under the request id of the call that they are made for; ``name`` is that of the peer in settings."""
    return Caller(
        config.token,
        address=address,
        max_attempts=config.max_attempts,
        patience=config.patience,
        advice=Advice(f"start it, or correct PITWALL_*_{name}_ADDRESS of this service", "PITWALL_PEER_TLS_CA_PATH"),
        request_id=current_request_id,
    )


def connect_scenario(address: str, settings: PeerSettings, cache_bytes: int = DEFAULT_CACHE_BYTES) -> ScenarioPeer:
    """The scenario service at an address."""
    config = settings.connection(address)
    return ScenarioPeer(
        open_channel(address, config), caller=peer_caller(config, address, "SCENARIO"), cache_bytes=cache_bytes
    )


def connect_ownership(address: str, settings: PeerSettings) -> OwnershipPeer:
    """The ownership service at an address."""
    config = settings.connection(address)
    return OwnershipPeer(open_channel(address, config), caller=peer_caller(config, address, "OWNERSHIP"))


@dataclass(frozen=True, eq=False)
class ProjectedOwnership:
    """Ownership of a race in per cent; arrays of shape (n_starters,) in the order of the race."""

    percent: npt.NDArray[np.float64]
    lower_percent: npt.NDArray[np.float64]
    upper_percent: npt.NDArray[np.float64]
    concentration: float
    projection_id: str
    model_version: str
    warnings: tuple[str, ...] = ()


class OwnershipPeer:
    """The ownership service."""

    def __init__(self, channel: grpc.Channel, *, caller: Caller | None = None) -> None:
        self._stub = OwnershipServiceStub(channel)
        self._caller = caller or Caller()

    def project(
        self,
        race: Race,
        scenario_set_id: str,
        call: Call,
        *,
        contest: ownership_pb2.ContestProfile | None = None,
    ) -> ProjectedOwnership:
        """The projection for a race."""
        request = ownership_service_pb2.ProjectOwnershipRequest(
            race_id=race.race_id, scenario_set_id=scenario_set_id, contest=contest
        )
        with as_errors_of(_OWNERSHIP):
            response = self._caller.unary(
                self._stub.ProjectOwnership,
                request,
                race_id=race.race_id,
                timeout_seconds=call.timeout_seconds(),
                cancelling=call.cancelling,
            )
        return projected_ownership(race, response.projection)


def projected_ownership(race: Race, projection: ownership_pb2.OwnershipProjection) -> ProjectedOwnership:
    """A projection as arrays in the order of the race.

    Raises
    ------
    FailedPrecondition
        If the race has changed since: drivers of one are missing in the other.
    """
    by_id = {driver.driver_id: driver for driver in projection.drivers}
    if set(by_id) != set(race.driver_ids):
        raise FailedPrecondition(
            f"the ownership projection and race {race.race_id!r} list different drivers; project again",
            metadata={"race_id": race.race_id},
        )
    rows = [by_id[driver_id] for driver_id in race.driver_ids]
    return ProjectedOwnership(
        percent=np.array([row.percent for row in rows]),
        lower_percent=np.array([row.lower_percent for row in rows]),
        upper_percent=np.array([row.upper_percent for row in rows]),
        concentration=projection.concentration,
        projection_id=projection.projection_id,
        model_version=projection.model_version,
        warnings=tuple(projection.warnings),
    )
