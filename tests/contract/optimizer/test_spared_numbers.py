"""Numbers that no rule needs: a service that is slow to tell them, or cannot, costs a warning and no lineups."""

import grpc
import pytest

from pitwall.errors import from_rpc_error
from pitwall.optimizer.v1 import portfolio_pb2 as messages
from pitwall.optimizer.v1.optimizer_service_pb2_grpc import OptimizerServiceStub
from services.common.domain.errors import (
    Overloaded,
    ServiceError,
    StorageDamaged,
    StorageFull,
    StorageReadOnly,
    Unavailable,
)
from services.common.rpc.testing import FakeOwnershipPeer, FakeScenarioPeer, serve
from services.optimizer.__main__ import build
from services.optimizer.settings import OptimizerSettings
from tests.contract.optimizer.slate import (
    built,
    make_ownership,
    refused,
    request,
)


class SlowToRate(FakeScenarioPeer):
    """Works out how often drivers are in the best lineup until it is given up."""

    def summarize(self, race_id, scenario_set_id, call, *, optimal_rates=False):
        while optimal_rates:
            call.checkpoint()
        return super().summarize(race_id, scenario_set_id, call)


class SlowToProject(FakeOwnershipPeer):
    """Projects until it is given up."""

    def project(self, race, scenario_set_id, call, *, contest=None):
        while True:
            call.checkpoint()


@pytest.mark.parametrize(("slow", "said"), [("scenario", "leverage is not known"), ("ownership", "no ownership")])
def test_numbers_that_no_rule_needs_do_not_take_the_time_of_the_lineups(race, matrix, slow, said):
    scenario = (SlowToRate if slow == "scenario" else FakeScenarioPeer)(race, matrix)
    ownership = (SlowToProject if slow == "ownership" else FakeOwnershipPeer)(make_ownership(race))
    with serve([build(OptimizerSettings(port=0), scenario, ownership)]) as channel:
        lineups, summary = built(OptimizerServiceStub(channel), request(2), timeout=8)
    assert len(lineups) == 2
    assert summary.all_proven
    assert any(said in text for text in summary.warnings)


class FailsToRate(FakeScenarioPeer):
    """Cannot say how often drivers are in the best lineup."""

    error: ServiceError

    def summarize(self, race_id, scenario_set_id, call, *, optimal_rates=False):
        if optimal_rates:
            raise self.error
        return super().summarize(race_id, scenario_set_id, call)


class FailsToProject(FakeOwnershipPeer):
    """Cannot project."""

    error: ServiceError

    def project(self, race, scenario_set_id, call, *, contest=None):
        raise self.error


def peers_that_fail(race, matrix, name, error):
    scenario = (FailsToRate if name == "scenario" else FakeScenarioPeer)(race, matrix)
    ownership = (FailsToProject if name == "ownership" else FakeOwnershipPeer)(make_ownership(race))
    scenario.error = ownership.error = error
    return scenario, ownership


@pytest.mark.parametrize(("name", "said"), [("scenario", "leverage is not known"), ("ownership", "no ownership")])
@pytest.mark.parametrize(
    "error",
    [
        Overloaded("busy"),
        StorageFull("full"),
        StorageDamaged("damaged"),
        StorageReadOnly("read-only"),
        Unavailable("gone"),
    ],
)
def test_a_service_that_cannot_tell_what_no_rule_needs_costs_a_warning(race, matrix, name, said, error):
    with serve([build(OptimizerSettings(port=0), *peers_that_fail(race, matrix, name, error))]) as channel:
        lineups, summary = built(OptimizerServiceStub(channel), request(2))
    assert len(lineups) == 2
    assert [text for text in summary.warnings if said in text and error.message in text]


def test_a_busy_service_whose_ownership_a_rule_needs_has_the_caller_try_again(race, matrix):
    needed = request(2, leverage=messages.LeverageRules(ownership_penalty=0.5))
    busy = peers_that_fail(race, matrix, "ownership", Overloaded("busy", retry_seconds=3.0))
    with serve([build(OptimizerSettings(port=0), *busy)]) as channel:
        stub = OptimizerServiceStub(channel)
        error, details = refused(lambda: stub.BuildPortfolio(needed), grpc.StatusCode.RESOURCE_EXHAUSTED)
    assert (details["ErrorInfo"].reason, from_rpc_error(error).retry_seconds) == ("OVERLOADED", 3.0)
