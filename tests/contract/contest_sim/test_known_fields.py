"""Contests against the real opponents, of lineups or standings."""

import contextlib
from dataclasses import replace

import grpc
import numpy as np
import pytest

from pitwall.common.v1 import lineup_pb2
from pitwall.contestsim.v1 import contest_pb2
from pitwall.contestsim.v1 import contestsim_service_pb2 as pb
from pitwall.contestsim.v1.contestsim_service_pb2_grpc import ContestSimServiceStub
from services.common.domain.race import Driver
from services.common.rpc.testing import FakeOwnershipPeer, FakeScenarioPeer, serve
from services.contest_sim.__main__ import build
from services.contest_sim.settings import ContestSimSettings
from tests.contract.contest_sim.world import (
    OWNERSHIP,
    RACE,
    UNIVERSE,
    contest,
    entered,
    error_of,
    lineup,
    make_matrix,
    request,
    result_of,
)


def test_known_field_has_exactly_the_opponents_given(stub):
    """Two opponents with one's own lineup and nobody else: three share all prizes in every scenario."""
    field = contest_pb2.FieldSpec(known=contest_pb2.KnownField(lineups=[entered(10, 2)]))
    spec = contest(3, text="1st $9.00\n2nd $6.00")
    result = result_of(stub.SimulateContest(request(rows=(10,), contests=[spec], field=field))).result
    lineup_result = result.contests[0].lineups[0]
    assert lineup_result.profit_cents.value == pytest.approx(500 - 1000)
    assert lineup_result.realised_duplicates == lineup_result.expected_duplicates == 2
    assert lineup_result.win_rate == 1.0
    assert result.n_fields == 1
    assert result.field.max_expected_copies == 2


HEADER = "Rank,EntryId,EntryName,TimeRemaining,Points,Lineup,,Player,Roster Position,%Drafted,FPTS"


def standings(*entries, own_user=""):
    lines = [
        f"{number},{number},{user},0,0,{text},,Driver {number:02d},D,10%,0"
        for number, (user, text) in enumerate(entries, start=1)
    ]
    content = "\n".join([HEADER, *lines]).encode("utf-8-sig")
    return contest_pb2.KnownField(standings={"name": "standings.csv", "content": content}, own_user=own_user)


def written(row):
    return " ".join(f"D {RACE.starters[column].name}" for column in UNIVERSE.lineups[row])


def test_standings_are_the_field_without_own_and_unfilled_entries(stub):
    known = standings(
        ("a (1/2)", written(10)), ("a (2/2)", written(10)), ("Me (1/1)", written(3)), ("b", ""), own_user="me"
    )
    spec = contest(3, text="1st $9.00\n2nd $6.00")
    result = result_of(
        stub.SimulateContest(request(rows=(10,), contests=[spec], field=contest_pb2.FieldSpec(known=known)))
    ).result
    assert result.contests[0].lineups[0].realised_duplicates == 2
    assert result.contests[0].portfolio.profit_cents.value == pytest.approx(500 - 1000)


def test_standings_of_another_race_name_row_and_driver(stub):
    known = standings(("a", written(1)), ("b", written(1).replace("Driver", "Pilot", 1)))
    with pytest.raises(grpc.RpcError) as caught:
        list(stub.SimulateContest(request(field=contest_pb2.FieldSpec(known=known))))
    assert "does not start" in error_of(caught)[2]["standings.csv: row 3, column Lineup"]


SCRATCHED = Driver(driver_id="d99", name="Scratched Late", salary_dollars=5_000, withdrawn=True)


@contextlib.contextmanager
def serving_with(driver):
    """The race with one more driver listed, who has a column of zeros where he counts as a starter."""
    race = replace(RACE, drivers=(driver, *RACE.drivers) if driver.withdrawn else (*RACE.drivers, driver))
    matrix = make_matrix(RACE)
    if not driver.withdrawn:
        matrix = replace(matrix, ticks=np.pad(matrix.ticks, ((0, 0), (0, 1))), driver_ids=race.driver_ids)
    scenario = FakeScenarioPeer(race, matrix)
    with serve([build(ContestSimSettings(), scenario, FakeOwnershipPeer(OWNERSHIP))]) as channel:
        yield ContestSimServiceStub(channel)


def holding_the_scratched(row):
    ids = [SCRATCHED.driver_id, *lineup(row).driver_ids[1:]]
    return contest_pb2.EnteredLineup(lineup=lineup_pb2.Lineup(driver_ids=ids), n_entries=2)


@pytest.mark.parametrize("by_names", [True, False])
def test_entries_that_hold_a_scratched_driver_play_on_without_his_points(by_names):
    """The outcome is that of a race in which he starts and scores nothing."""
    text = f"D {SCRATCHED.name} " + " ".join(f"D {RACE.starters[column].name}" for column in UNIVERSE.lineups[40][1:])
    known = contest_pb2.KnownField(lineups=[holding_the_scratched(40), entered(50, 3)])
    if by_names:
        known = standings(("a (1/2)", text), ("a (2/2)", text), *[("b", written(50))] * 3)
    spec = contest(8, text="1st $30.00\n2nd - 4th $6.00")
    asked = request(contests=[spec], field=contest_pb2.FieldSpec(known=known))
    asked.entries[1].CopyFrom(holding_the_scratched(60))
    asked.entries[1].n_entries = 1
    with serving_with(SCRATCHED) as stub:
        scratched = result_of(stub.SimulateContest(asked)).result
    with serving_with(replace(SCRATCHED, withdrawn=False)) as stub:
        pointless = result_of(stub.SimulateContest(asked)).result
    assert list(scratched.field.warnings) == [
        "Scratched Late does not start and scores 0 points in 2 of 5 opposing entries",
        "Scratched Late does not start and scores 0 points in 1 of 3 entries of your own",
    ]
    assert scratched.contests == pointless.contests
    assert scratched.field.ownership_percent == pointless.field.ownership_percent


def test_a_model_field_meets_own_entries_that_hold_a_scratched_driver():
    asked = request(n_fields=4)
    asked.entries[1].CopyFrom(holding_the_scratched(60))
    asked.entries[1].n_entries = 1
    with serving_with(SCRATCHED) as stub:
        result = result_of(stub.SimulateContest(asked)).result
        selection = result_of(
            stub.SelectEntries(pb.SelectEntriesRequest(race_id="phoenix", contest=contest(1000), n_entries=3))
        ).selection
        asked.entries[1].lineup.driver_ids[0] = "nobody"
        with pytest.raises(grpc.RpcError) as caught:
            list(stub.SimulateContest(asked))
    assert any("Scratched Late" in text for text in result.field.warnings)
    assert result.contests[0].lineups[1].expected_duplicates == 0
    assert result.contests[0].lineups[0].expected_duplicates > 0
    assert not any("Scratched Late" in text for text in selection.warnings)
    assert not any(SCRATCHED.driver_id in item.driver_ids for item in selection.lineups)
    assert "'nobody' does not start" in error_of(caught)[2]["entries[1].lineup"]


def test_known_field_needs_lineups_or_standings(stub):
    with pytest.raises(grpc.RpcError) as caught:
        list(stub.SimulateContest(request(field=contest_pb2.FieldSpec(known=contest_pb2.KnownField()))))
    assert "either" in error_of(caught)[2]["field.known"]


def test_known_field_is_drawn_without_replacement(stub):
    field = contest_pb2.FieldSpec(known=contest_pb2.KnownField(lineups=[entered(10, 30), entered(4, 20), entered(7)]))

    def drawn(n_entries):
        asked = pb.SampleFieldRequest(race_id="phoenix", n_entries=n_entries, field=field, seed=3)
        found = [item for message in stub.SampleField(asked) for item in message.lineups]
        return {tuple(item.lineup.driver_ids): item.n_entries for item in found}

    whole = {tuple(lineup(row).driver_ids): copies for row, copies in ((10, 30), (4, 20), (7, 1))}
    assert drawn(51) == whole
    some = drawn(20)
    assert sum(some.values()) == 20
    assert all(copies <= whole[key] for key, copies in some.items())
    with pytest.raises(grpc.RpcError) as caught:
        drawn(52)
    assert "51 known entries" in error_of(caught)[2]["n_entries"]


@pytest.mark.parametrize(("n_known", "n_places"), [(98, 97), (48, 97), (2, 97)])
def test_known_field_that_cannot_be_the_contests_is_refused(stub, n_known, n_places):
    """More opponents than places for them, or fewer than half."""
    field = contest_pb2.FieldSpec(known=contest_pb2.KnownField(lineups=[entered(10, n_known)]))
    with pytest.raises(grpc.RpcError) as caught:
        list(stub.SimulateContest(request(contests=[contest(100)], field=field)))
    fault = error_of(caught)[2]["field.known"]
    assert str(n_known) in fault
    assert str(n_places) in fault


def test_a_contest_that_did_not_fill_is_played_with_a_warning(stub):
    def warnings(n_known):
        field = contest_pb2.FieldSpec(known=contest_pb2.KnownField(lineups=[entered(10, n_known)]))
        contests = [contest(n_known + 3, name="full"), contest(100, name="late")]
        return list(result_of(stub.SimulateContest(request(contests=contests, field=field))).result.field.warnings)

    assert warnings(96) == []
    (warning,) = warnings(60)
    assert "60 known opponents for the 97 places of others of 'late'" in warning


def test_own_user_must_be_in_the_standings(stub):
    """A misspelt name would leave one's own entries among the opponents."""
    known = standings(("shark (1/2)", written(1)), ("shark (2/2)", written(1)), ("me", written(2)), own_user="sharc")
    with pytest.raises(grpc.RpcError) as caught:
        list(stub.SimulateContest(request(field=contest_pb2.FieldSpec(known=known))))
    assert "did you mean 'shark'" in error_of(caught)[2]["field.known.own_user"]
    known = contest_pb2.KnownField(lineups=[entered(10, 2)], own_user="me")
    with pytest.raises(grpc.RpcError) as caught:
        list(stub.SimulateContest(request(field=contest_pb2.FieldSpec(known=known))))
    assert "lineups have none" in error_of(caught)[2]["field.known.own_user"]
