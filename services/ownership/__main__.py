"""Runs the ownership service: ``python -m services.ownership [--print-config]``."""

from __future__ import annotations

from collections.abc import Sequence

from pitwall.ownership.v1.ownership_service_pb2_grpc import add_OwnershipServiceServicer_to_server
from services.common.rpc.peers import ScenarioPeer, connect_scenario
from services.common.rpc.process import serve_forever
from services.common.rpc.server import ServiceBinding
from services.common.rpc.settings import PeerSettings, load_settings
from services.common.sql import open_engine
from services.ownership.application import Ownership
from services.ownership.facts import ModelShelf, ScenarioFacts
from services.ownership.servicer import OwnershipServicer
from services.ownership.settings import OwnershipSettings
from services.ownership.store import OwnershipStore

NAME = "pitwall.ownership.v1.OwnershipService"
HEAVY_METHODS = frozenset({"FitModel", "EvaluateModel"})


def build(settings: OwnershipSettings, scenario: ScenarioPeer) -> ServiceBinding:
    """The service over a scenario service; its database is created when absent."""
    store = OwnershipStore(open_engine(settings.database()))
    facts = ScenarioFacts(scenario, settings.max_cached_summaries)
    servicer = OwnershipServicer(Ownership(facts, store, ModelShelf(store, settings.max_cached_models)))
    return ServiceBinding(
        name=NAME,
        add_to=lambda server: add_OwnershipServiceServicer_to_server(servicer, server),
        heavy_methods=HEAVY_METHODS,
        probe=store.probe,
        close=store.close,
    )


def _connected(settings: OwnershipSettings) -> Sequence[ServiceBinding]:
    return [build(settings, connect_scenario(settings.scenario_address, load_settings(PeerSettings)))]


def main() -> None:
    """Serve until told to stop."""
    serve_forever(OwnershipSettings, _connected)


if __name__ == "__main__":
    main()
