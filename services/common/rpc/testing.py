"""Real servers on free ports for tests, and stand-ins for the services behind them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import grpc
import numpy as np

from pitwall.rpc import open_channel
from pitwall.scenario.v1 import scenario_service_pb2, scenario_set_pb2, summary_pb2
from services.common.domain.errors import FailedPrecondition, NotFound
from services.common.domain.race import Race
from services.common.domain.site_rules import TICKS_PER_POINT
from services.common.matrix.scenario_matrix import ScenarioMatrix
from services.common.rpc.calls import Call
from services.common.rpc.peers import OwnershipPeer, ProjectedOwnership, ScenarioPeer
from services.common.rpc.server import ServiceBinding, start_server
from services.common.rpc.settings import ServerSettings


@contextlib.contextmanager
def serve(bindings: Sequence[ServiceBinding], settings: ServerSettings | None = None) -> Iterator[grpc.Channel]:
    """Serve bindings on a free loopback port and yield a channel to them."""
    server = start_server(bindings, settings or ServerSettings(port=0, drain_pause_seconds=0.0))
    channel = open_channel(server.address)
    try:
        yield channel
    finally:
        channel.close()
        server.stop(grace_seconds=0)


class FakeScenarioPeer(ScenarioPeer):
    """Answers for one race from memory."""

    def __init__(self, race: Race, matrix: ScenarioMatrix | None) -> None:
        self.race = race
        self.matrix = matrix
        self.n_generations = 0

    def get_race(self, race_id: str, call: Call) -> Race:
        """The race, if it is the one."""
        call.checkpoint()
        if race_id != self.race.race_id:
            raise NotFound(f"there is no race {race_id!r}", metadata={"race_id": race_id})
        return self.race

    def get_scenarios(self, race_id: str, scenario_set_id: str, call: Call) -> ScenarioMatrix:
        """The matrix, if there is one."""
        self.get_race(race_id, call)
        if self.matrix is None:
            raise FailedPrecondition(f"race {race_id!r} has no scenarios")
        if scenario_set_id not in ("", self.matrix.scenario_set_id):
            raise NotFound(f"race {race_id!r} has no scenario set {scenario_set_id!r}")
        return self.matrix

    def get_scenario_set(self, race_id: str, scenario_set_id: str, call: Call) -> scenario_set_pb2.ScenarioSet:
        """The set of the matrix."""
        matrix = self.get_scenarios(race_id, scenario_set_id, call)
        return scenario_set_pb2.ScenarioSet(
            scenario_set_id=matrix.scenario_set_id,
            race_id=race_id,
            n_scenarios=matrix.n_scenarios,
            driver_ids=matrix.driver_ids,
            content_hash=matrix.content_hash,
        )

    def generate(
        self,
        race_id: str,
        n_scenarios: int,  # noqa: ARG002
        seed: int,  # noqa: ARG002
        call: Call,
        *,
        aside: bool = False,  # noqa: ARG002
    ) -> scenario_set_pb2.ScenarioSet:
        """The same set, counting how often it was asked for."""
        self.n_generations += 1
        return self.get_scenario_set(race_id, "", call)

    def summarize(
        self,
        race_id: str,
        scenario_set_id: str,
        call: Call,
        *,
        optimal_rates: bool = False,
    ) -> scenario_service_pb2.SummarizeScenariosResponse:
        """Moments and percentiles of the matrix; optimal rates are 0."""
        matrix = self.get_scenarios(race_id, scenario_set_id, call)
        points = matrix.ticks / TICKS_PER_POINT
        response = scenario_service_pb2.SummarizeScenariosResponse(
            scenario_set=self.get_scenario_set(race_id, scenario_set_id, call)
        )
        for column, driver in enumerate(self.race.starters):
            sample = points[:, column]
            response.drivers.add(
                driver_id=driver.driver_id,
                name=driver.name,
                mean_points=sample.mean(),
                sd_points=sample.std(),
                percentiles=[
                    summary_pb2.Percentile(level=level, points=float(np.percentile(sample, level)))
                    for level in (5.0, 25.0, 50.0, 75.0, 95.0, 99.0)
                ],
                optimal_rate=0.0 if optimal_rates else None,
            )
        return response


class FakeOwnershipPeer(OwnershipPeer):
    """Answers with fixed ownership."""

    def __init__(self, ownership: ProjectedOwnership) -> None:
        self._ownership = ownership

    def project(self, race: Race, scenario_set_id: str, call: Call, *, contest: object = None) -> ProjectedOwnership:  # noqa: ARG002
        """The fixed ownership."""
        call.checkpoint()
        return self._ownership
