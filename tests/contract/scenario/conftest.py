"""One service for each module, with the sample race and a set of its scenarios."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pitwall.scenario.v1 import race_pb2, scenario_set_pb2
from pitwall.scenario.v1.scenario_service_pb2_grpc import ScenarioServiceStub
from services.common.rpc.testing import serve
from services.scenario.__main__ import build
from services.scenario.settings import ScenarioSettings
from tests.contract.scenario.world import (
    generate,
    import_request,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("scenario")


@pytest.fixture(scope="module")
def stub(folder) -> Iterator[ScenarioServiceStub]:
    with serve([build(ScenarioSettings(data_dir=folder, port=0, workers=2))]) as channel:
        yield ScenarioServiceStub(channel)


@pytest.fixture(scope="module")
def race(stub) -> race_pb2.Race:
    return stub.ImportRace(import_request("sample")).race


@pytest.fixture(scope="module")
def scenario_set(stub, race) -> scenario_set_pb2.ScenarioSet:
    return generate(stub, race.race_id)
