"""``python -m services.scenario``: the scenario service."""

from __future__ import annotations

from functools import partial

from pitwall.scenario.v1.scenario_service_pb2 import DESCRIPTOR
from pitwall.scenario.v1.scenario_service_pb2_grpc import add_ScenarioServiceServicer_to_server
from services.common.matrix.store import MatrixStore
from services.common.rpc.process import serve_forever
from services.common.rpc.server import ServiceBinding
from services.scenario.calibration_file import read_calibration
from services.scenario.records import Records
from services.scenario.servicer import HEAVY_METHODS, ScenarioServicer
from services.scenario.sets import ScenarioSets
from services.scenario.settings import ScenarioSettings


def build(settings: ScenarioSettings) -> ServiceBinding:
    """The service with its records, store and calibration."""
    records = Records(settings.database())
    store = MatrixStore(
        settings.matrices(),
        max_memory_bytes=settings.max_cache_bytes,
        local_folder=settings.data_dir / "matrices",
    )
    calibration = read_calibration(settings.calibration_path)
    sets = ScenarioSets(records, store, calibration, workers=settings.workers, max_simulations=settings.max_heavy_rpcs)

    def probe() -> None:
        records.probe()
        store.probe()

    return ServiceBinding(
        name=DESCRIPTOR.services_by_name["ScenarioService"].full_name,
        add_to=partial(add_ScenarioServiceServicer_to_server, ScenarioServicer(records, sets)),
        heavy_methods=HEAVY_METHODS,
        probe=probe,
        close=records.close,
    )


def main() -> None:
    """Serve until told to stop."""
    serve_forever(ScenarioSettings, lambda settings: [build(settings)])


if __name__ == "__main__":
    main()
