"""A slate too large for a table: every rule, limits of time, and what no lineup keeps, by branch and bound."""

import grpc
import pytest
from google.protobuf import duration_pb2

from pitwall.optimizer.v1 import portfolio_pb2 as messages
from pitwall.optimizer.v1.optimizer_service_pb2_grpc import OptimizerServiceStub
from services.common.rpc.testing import FakeOwnershipPeer, FakeScenarioPeer, serve
from services.optimizer.__main__ import build
from services.optimizer.settings import OptimizerSettings
from tests.contract.optimizer.slate import built, make_ownership, refused, request

EVERY_RULE = {
    "structure": messages.StructureRules(
        locked_driver_ids=["d05"],
        excluded_driver_ids=["d01"],
        salary_floor_dollars=44_000,
        groups=[
            messages.GroupRule(driver_ids=["d06", "d07", "d08", "d09"], min=1, max=3),
            messages.GroupRule(driver_ids=["d10", "d11"], max=0, if_driver_id="d02"),
        ],
    ),
    "stacked": messages.StructureRules(stack=messages.StackRule(min=2, max=3)),
    "leverage": messages.LeverageRules(
        ownership_penalty=1,
        max_driver_ownership_percent=48,
        min_low_owned=2,
        low_owned_percent=35,
        max_total_ownership_percent=230,
        max_ownership_product=0.01,
        max_expected_duplicates=40,
        field_entries=20_000,
    ),
    "exposure": messages.ExposureRules(
        max_driver=0.6, max_team=0.9, drivers=[messages.DriverExposure(driver_id="d15", min=0.5)]
    ),
    "diversity": messages.DiversityRules(min_distinct_drivers=3, overlap_penalty=0.5),
}


@pytest.mark.parametrize("names", [["structure", "diversity"], ["stacked"], ["leverage", "exposure"]])
def test_every_rule_gives_the_same_lineups_with_and_without_a_table(stub, race, matrix, names):
    fields = {"structure" if name == "stacked" else name: EVERY_RULE[name] for name in names}
    peers = FakeScenarioPeer(race, matrix), FakeOwnershipPeer(make_ownership(race))
    with serve([build(OptimizerSettings(port=0, max_table_lineups=10), *peers)]) as channel:
        branched, summary = built(OptimizerServiceStub(channel), request(5, **fields))
    listed, other = built(stub, request(5, **fields))
    assert len(listed) == 5
    assert [m.lineup for m in branched] == [m.lineup for m in listed]
    assert [m.certificate.objective for m in branched] == [m.certificate.objective for m in listed]
    # Limits on ownership cannot be counted without a listing.
    assert summary.n_allowed_lineups == (0 if "leverage" in fields else other.n_allowed_lineups)


@pytest.mark.parametrize("name", [None, "structure", "stacked"])
def test_a_time_limit_without_a_table_leaves_a_lineup_with_the_bound_that_is_left(stub, branched, name):
    fields = {} if name is None else {"structure": EVERY_RULE[name]}
    limited = request(5, time_limit=duration_pb2.Duration(nanos=1), **fields)
    lineups, summary = built(branched, limited)
    best = built(stub, request(1, **fields))[0][0].certificate
    assert len(lineups) == summary.n_built < 5
    certificate = lineups[0].certificate
    assert certificate.method == messages.SEARCH_METHOD_BRANCH_AND_BOUND
    assert certificate.objective <= best.objective <= certificate.upper_bound
    assert certificate.gap == pytest.approx(certificate.upper_bound - certificate.objective)


@pytest.mark.parametrize("least", [4, 6])
def test_a_stack_that_no_lineup_keeps_is_infeasible_without_a_table_too(branched, least):
    # Teams have three drivers.
    asked = request(1, structure=messages.StructureRules(stack=messages.StackRule(min=least, max=6)))
    error, details = refused(lambda: branched.BuildPortfolio(asked, timeout=60), grpc.StatusCode.FAILED_PRECONDITION)
    assert details["ErrorInfo"].reason == "INFEASIBLE"
    assert f"team stack {least}-6" in error.details()


def test_a_slate_too_large_for_a_table_is_branched_with_the_same_answers(stub, branched):
    asked = request(3, structure=messages.StructureRules(locked_driver_ids=["d05"]))
    searched, _ = built(branched, asked)
    listed, _ = built(stub, asked)
    assert [m.lineup for m in searched] == [m.lineup for m in listed]
    for one, other in zip(searched, listed, strict=True):
        assert one.certificate.proven_optimal
        assert one.certificate.objective == other.certificate.objective
        assert one.certificate.method == messages.SEARCH_METHOD_BRANCH_AND_BOUND


def test_a_time_limit_on_a_branched_slate_bounds_the_whole_answer(branched, stub):
    asked = request(20, time_limit=duration_pb2.Duration(nanos=1), stability_resamples=50)
    (first,), summary = built(branched, asked)
    (best,), _ = built(stub, request(1))
    certificate = first.certificate
    assert certificate.method == messages.SEARCH_METHOD_BRANCH_AND_BOUND
    assert certificate.objective <= best.certificate.objective <= certificate.upper_bound + 1e-9
    assert summary.n_built == 1
    assert not summary.HasField("stability")
    assert "time ran out: stability is from 0 of 50 resamples" in summary.warnings


def never_ready(slate, objective, checkpoint, *, max_lineups):
    """A table that is made for as long as it may."""
    while True:
        checkpoint()


@pytest.mark.parametrize("name", [None, "structure", "stacked"])
@pytest.mark.parametrize("by", ["time_limit", "deadline"])
def test_time_that_ends_while_the_table_is_made_leaves_a_lineup_with_its_gap(race, matrix, stub, monkeypatch, name, by):
    fields = {} if name is None else {"structure": EVERY_RULE[name]}
    best = built(stub, request(1, **fields))[0][0].certificate
    monkeypatch.setattr("services.optimizer.tables.build_table", never_ready)
    peers = FakeScenarioPeer(race, matrix), FakeOwnershipPeer(make_ownership(race))
    limit, timeout = (duration_pb2.Duration(nanos=200_000_000), 60) if by == "time_limit" else (None, 4)
    with serve([build(OptimizerSettings(port=0), *peers)]) as channel:
        lineups, summary = built(OptimizerServiceStub(channel), request(5, time_limit=limit, **fields), timeout)
    certificate = lineups[0].certificate
    assert len(lineups) == summary.n_built == 1
    assert certificate.objective <= best.objective <= certificate.upper_bound
    assert certificate.gap == pytest.approx(certificate.upper_bound - certificate.objective)
    assert certificate.objective > 0.9 * best.objective
    assert not lineups[0].broken_rules
    assert any("1 of 5 lineups built" in text for text in summary.warnings)
