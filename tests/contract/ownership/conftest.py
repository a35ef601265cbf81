"""A service with a database of its own for each test."""

import pytest

from pitwall.ownership.v1.ownership_service_pb2_grpc import OwnershipServiceStub
from services.common.rpc.testing import serve
from services.common.sql import open_engine
from services.ownership.__main__ import build
from services.ownership.settings import OwnershipSettings
from tests.contract.ownership.world import ManyRaces, make_matrix, make_race


@pytest.fixture
def scenario():
    races = [make_race(), *(make_race(f"race{i}", f"2023-04-{i + 1:02d}T18:00:00Z", 10 + i) for i in range(8))]
    bare = make_race("bare", "")
    matrices = {race.race_id: make_matrix(race, 20 + i) for i, race in enumerate(races)}
    return ManyRaces([*races, bare], matrices)


@pytest.fixture
def database(tmp_path):
    engine = open_engine(f"sqlite:///{tmp_path}/data/ownership.sqlite")
    yield engine
    engine.dispose()


@pytest.fixture
def stub(scenario, database):
    settings = OwnershipSettings(database_url=str(database.url))
    with serve([build(settings, scenario)]) as channel:
        yield OwnershipServiceStub(channel)
