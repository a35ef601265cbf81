"""Runs the optimizer service: ``python -m services.optimizer [--print-config]``."""

from __future__ import annotations

from collections.abc import Sequence

from pitwall.optimizer.v1.optimizer_service_pb2_grpc import add_OptimizerServiceServicer_to_server
from services.common.rpc.peers import OwnershipPeer, ScenarioPeer, connect_ownership, connect_scenario
from services.common.rpc.process import serve_forever
from services.common.rpc.server import ServiceBinding
from services.common.rpc.settings import PeerSettings, load_settings
from services.optimizer.inputs import Peers
from services.optimizer.servicer import OptimizerServicer
from services.optimizer.settings import OptimizerSettings
from services.optimizer.tables import TableLibrary

NAME = "pitwall.optimizer.v1.OptimizerService"
HEAVY_METHODS = frozenset({"BuildPortfolio", "DescribeUniverse"})


def build(settings: OptimizerSettings, scenario: ScenarioPeer, ownership: OwnershipPeer) -> ServiceBinding:
    """The service over a scenario and an ownership service."""
    library = TableLibrary(settings.table_cache_bytes, settings.max_table_lineups)
    servicer = OptimizerServicer(Peers(scenario, ownership), library)
    return ServiceBinding(
        name=NAME,
        add_to=lambda server: add_OptimizerServiceServicer_to_server(servicer, server),
        heavy_methods=HEAVY_METHODS,
    )


def _connected(settings: OptimizerSettings) -> Sequence[ServiceBinding]:
    peers = load_settings(PeerSettings)
    scenario = connect_scenario(settings.scenario_address, peers, settings.matrix_cache_bytes)
    ownership = connect_ownership(settings.ownership_address, peers)
    return [build(settings, scenario, ownership)]


def main() -> None:
    """Serve until told to stop."""
    serve_forever(OptimizerSettings, _connected)


if __name__ == "__main__":
    main()
