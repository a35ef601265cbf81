"""The service over a real loopback server, with peers that answer from memory."""

import pytest

from pitwall.optimizer.v1.optimizer_service_pb2_grpc import OptimizerServiceStub
from services.common.rpc.testing import FakeOwnershipPeer, FakeScenarioPeer, serve
from services.optimizer.__main__ import build
from services.optimizer.settings import OptimizerSettings
from tests.contract.optimizer.slate import make_matrix, make_ownership, make_race


@pytest.fixture(scope="module")
def race():
    return make_race()


@pytest.fixture(scope="module")
def matrix(race):
    return make_matrix(race)


@pytest.fixture(scope="module")
def stub(race, matrix):
    peers = FakeScenarioPeer(race, matrix), FakeOwnershipPeer(make_ownership(race))
    with serve([build(OptimizerSettings(port=0), *peers)]) as channel:
        yield OptimizerServiceStub(channel)


@pytest.fixture(scope="module")
def branched(race, matrix):
    """The same slate, too large for a table."""
    peers = FakeScenarioPeer(race, matrix), FakeOwnershipPeer(make_ownership(race))
    with serve([build(OptimizerSettings(port=0, max_table_lineups=10), *peers)]) as channel:
        yield OptimizerServiceStub(channel)
