"""``python -m services.contest_sim``: the contest-sim service."""

from __future__ import annotations

from collections.abc import Sequence

import grpc

from pitwall.contestsim.v1 import contestsim_service_pb2, contestsim_service_pb2_grpc
from services.common.rpc.peers import OwnershipPeer, ScenarioPeer, connect_ownership, connect_scenario
from services.common.rpc.process import serve_forever
from services.common.rpc.server import ServiceBinding
from services.common.rpc.settings import PeerSettings, load_settings
from services.contest_sim.field_library import FieldLibrary
from services.contest_sim.opposition import OppositionFinder
from services.contest_sim.servicer import ContestSimServicer
from services.contest_sim.settings import ContestSimSettings

NAME = contestsim_service_pb2.DESCRIPTOR.services_by_name["ContestSimService"].full_name
HEAVY_METHODS = frozenset({"SimulateContest", "SelectEntries", "DescribeField", "SampleField"})


def build(settings: ContestSimSettings, scenario: ScenarioPeer, ownership: OwnershipPeer) -> ServiceBinding:
    """The servicer and what it holds."""
    finder = OppositionFinder(ownership, FieldLibrary(settings.cached_fields, settings.max_field_lineups))
    servicer = ContestSimServicer(scenario, finder)

    def add_to(server: grpc.Server) -> None:
        contestsim_service_pb2_grpc.add_ContestSimServiceServicer_to_server(servicer, server)

    return ServiceBinding(name=NAME, add_to=add_to, heavy_methods=HEAVY_METHODS)


def _connected(settings: ContestSimSettings) -> Sequence[ServiceBinding]:
    peers = load_settings(PeerSettings)
    scenario = connect_scenario(settings.scenario_address, peers, settings.matrix_cache_bytes)
    ownership = connect_ownership(settings.ownership_address, peers)
    return [build(settings, scenario, ownership)]


def main() -> None:
    """Serve until told to stop."""
    serve_forever(ContestSimSettings, _connected)


if __name__ == "__main__":
    main()
