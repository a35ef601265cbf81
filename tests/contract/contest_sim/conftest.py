"""One service for each module."""

import pytest

from pitwall.contestsim.v1.contestsim_service_pb2_grpc import ContestSimServiceStub
from tests.contract.contest_sim.world import RACE, make_matrix, serving


@pytest.fixture(scope="module")
def stub():
    with serving(make_matrix(RACE)) as channel:
        yield ContestSimServiceStub(channel)
