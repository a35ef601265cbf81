"""Requests that are not right, each refused by field and remedy."""

from dataclasses import replace

import grpc
import pytest

from pitwall.common.v1 import lineup_pb2
from pitwall.contestsim.v1 import contest_pb2
from pitwall.contestsim.v1 import contestsim_service_pb2 as pb
from pitwall.contestsim.v1.contestsim_service_pb2_grpc import ContestSimServiceStub
from services.common.domain.site_rules import DRAFTKINGS_CLASSIC
from services.common.rpc.testing import FakeOwnershipPeer, FakeScenarioPeer, serve
from services.contest_sim.__main__ import build
from services.contest_sim.settings import ContestSimSettings
from tests.contract.contest_sim.world import OWNERSHIP, RACE, contest, entered, error_of, make_matrix, request, serving


def changed(change):
    """The race, other than when its scenarios were made."""
    if change == "scratched":
        return replace(RACE, drivers=(*RACE.drivers[:3], replace(RACE.drivers[3], withdrawn=True), *RACE.drivers[4:]))
    return replace(RACE, drivers=RACE.drivers[::-1] if change == "reordered" else RACE.drivers[1:])


@pytest.mark.parametrize("change", ["scratched", "reordered", "shortened"])
def test_scenarios_of_other_starters_are_refused(change):
    """Their columns would be taken for those of the drivers who start now."""
    race = changed(change)
    cheap = sorted(race.starters, key=lambda driver: driver.salary_dollars)[: DRAFTKINGS_CLASSIC.roster_size]
    entry = contest_pb2.EnteredLineup(
        lineup=lineup_pb2.Lineup(driver_ids=[driver.driver_id for driver in cheap]), n_entries=1
    )
    scenario = FakeScenarioPeer(race, make_matrix(RACE))
    with serve([build(ContestSimSettings(), scenario, FakeOwnershipPeer(OWNERSHIP))]) as channel:
        stub = ContestSimServiceStub(channel)
        asked = pb.SimulateContestRequest(race_id="phoenix", entries=[entry], contests=[contest(50)], n_fields=2)
        choice = pb.SelectEntriesRequest(race_id="phoenix", contest=contest(50), n_entries=1, n_fields=2)
        for call in (lambda: stub.SimulateContest(asked), lambda: stub.SelectEntries(choice)):
            with pytest.raises(grpc.RpcError) as caught:
                list(call())
            assert error_of(caught)[:2] == (grpc.StatusCode.FAILED_PRECONDITION, "FAILED_PRECONDITION")
            assert "other drivers start; generate scenarios again" in caught.value.details()


def table(*rows):
    return contest_pb2.PrizeTable(
        rows=[contest_pb2.PrizeRow(first_place=a, last_place=b, prize_cents=c) for a, b, c in rows]
    )


TOO_DEAR = lineup_pb2.Lineup(driver_ids=RACE.driver_ids[:6])

SHORT = lineup_pb2.Lineup(driver_ids=RACE.driver_ids[-5:])

STRANGER = lineup_pb2.Lineup(driver_ids=["nobody", *RACE.driver_ids[-5:]])


@pytest.mark.parametrize(
    ("changes", "field", "text"),
    [
        ({"contests": [contest(table=table((1, 1, 100), (3, 3, 50)))]}, "contests[0].table.rows[1]", "gap"),
        ({"contests": [contest(table=table((1, 2, 100), (2, 3, 50)))]}, "contests[0].table.rows[1]", "overlaps"),
        ({"contests": [contest(table=table((1, 1, 10**9)))]}, "contests[0].prizes", "overlay"),
        (
            {"contests": [contest(), contest(text="1st Ticket to the final")]},
            "contests[1].text: line 1",
            "worth to you",
        ),
        ({"contests": [contest(table=table((1, 1, -5)))]}, "contests[0].table.rows[0].prize_cents", "greater than"),
        ({"contests": [contest(table=table((1, 1, 50), (2, 2, 60)))]}, "contests[0].table.rows[1]", "better places"),
        ({"contests": [contest(table=contest_pb2.PrizeTable())]}, "contests[0].table.rows", "at least 1"),
        ({"contests": [contest(2)]}, "contests[0].n_entries", "3 own entries in a contest of 2"),
        ({"entries": [entered(1, 151)]}, "contests[0].max_entries_per_user", "allows 150"),
        ({"entries": [contest_pb2.EnteredLineup(lineup=TOO_DEAR)]}, "entries[0].lineup", "salary cap"),
        ({"entries": [entered(1), contest_pb2.EnteredLineup(lineup=SHORT)]}, "entries[1].lineup", "5 drivers"),
        ({"entries": [contest_pb2.EnteredLineup(lineup=STRANGER)]}, "entries[0].lineup", "does not start"),
    ],
)
def test_bad_simulations_name_the_field(stub, changes, field, text):
    with pytest.raises(grpc.RpcError) as caught:
        list(stub.SimulateContest(request(**changes)))
    code, reason, violations = error_of(caught)
    assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_INPUT")
    assert text in violations[field]


def test_ownership_of_another_race_is_refused(stub):
    model = contest_pb2.ModelField(ownership_percent=[lineup_pb2.DriverValue(driver_id="x9", value=600)])
    with pytest.raises(grpc.RpcError) as caught:
        stub.DescribeField(
            pb.DescribeFieldRequest(race_id="phoenix", n_entries=10, field=contest_pb2.FieldSpec(model=model))
        )
    code, _, violations = error_of(caught)
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "field.model.ownership_percent" in violations


def test_unknown_race_and_missing_scenarios_have_their_status(stub):
    with pytest.raises(grpc.RpcError) as caught:
        list(stub.SimulateContest(request(race_id="nowhere")))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    with serving(None) as channel, pytest.raises(grpc.RpcError) as caught:
        list(ContestSimServiceStub(channel).SimulateContest(request()))
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
