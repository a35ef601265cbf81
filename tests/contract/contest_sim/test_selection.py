"""Entries chosen for what they pay together."""

from collections import Counter

import grpc
import pytest

from pitwall.contestsim.v1 import contestsim_service_pb2 as pb
from pitwall.contestsim.v1.contestsim_service_pb2_grpc import ContestSimServiceStub
from tests.contract.contest_sim.world import RACE, contest, error_of, lineup, make_matrix, result_of, serving


def test_selection_keeps_the_rules_and_its_bound(stub):
    response = result_of(
        stub.SelectEntries(
            pb.SelectEntriesRequest(
                race_id="phoenix",
                contest=contest(1000),
                n_entries=8,
                max_driver_exposure=0.5,
                min_distinct_drivers=2,
                n_fields=4,
            )
        )
    )
    chosen = [set(item.driver_ids) for item in response.selection.lineups]
    assert len(chosen) == len(response.selection.entries) == 8
    assert max(sum(driver in item for item in chosen) for driver in RACE.driver_ids) <= 4
    assert min(len(a - b) for i, a in enumerate(chosen) for b in chosen[:i]) >= 2
    assert response.selection.profit_cents <= response.selection.upper_bound_cents
    assert [item.name for item in response.selection.comparisons] == ["selection", "best_single_roi", "best_cvar_99"]
    first, *others = response.selection.comparisons
    assert (first.lead_cents.value, first.lead_cents.standard_error) == (0, 0)
    for item in response.selection.comparisons:
        assert item.n_entries == 8
        assert response.selection.fresh_profit_cents[item.name] == item.profit_cents.value
        assert item.lead_cents.value == pytest.approx(first.profit_cents.value - item.profit_cents.value)
    assert all(item.lead_cents.standard_error > 0 for item in others)
    history, knowledge, optimism = response.selection.warnings
    assert history == "few races in the history"
    assert f"an insight of {response.selection.insight:.2f} is reached with n_fields 4" in knowledge
    assert f"+- ${first.profit_cents.standard_error / 100:,.2f} on fresh ones" in optimism
    assert response.selection.profit_cents - first.profit_cents.value > 2 * first.profit_cents.standard_error
    fresh = response.selection.fresh_profit_cents["selection"]
    assert response.selection.portfolio.profit_cents.value == pytest.approx(fresh)


def test_selection_keeps_limits_of_teams_and_of_single_drivers(stub):
    plain = pb.SelectEntriesRequest(race_id="phoenix", contest=contest(1000), n_entries=8, n_fields=4)
    free = result_of(stub.SelectEntries(plain)).selection
    most = Counter(driver for item in free.lineups for driver in item.driver_ids).most_common(3)
    assert most[2][1] > 2, "nothing to limit"
    team, alone = [most[0][0], most[1][0]], most[2][0]
    limits = [
        pb.ExposureLimit(driver_ids=team, max=0.5, name="Team"),
        pb.ExposureLimit(driver_ids=[alone], max=0.3),
    ]
    asked = pb.SelectEntriesRequest(race_id="phoenix", contest=contest(1000), n_entries=8, n_fields=4, limits=limits)
    chosen = [set(item.driver_ids) for item in result_of(stub.SelectEntries(asked)).selection.lineups]
    assert len(chosen) == 8
    assert sum(bool(drivers & set(team)) for drivers in chosen) <= 4
    assert sum(alone in drivers for drivers in chosen) <= 2


def test_a_limit_on_a_driver_who_does_not_start_is_refused(stub):
    limits = [pb.ExposureLimit(driver_ids=["nobody"], max=0.5)]
    asked = pb.SelectEntriesRequest(race_id="phoenix", contest=contest(1000), n_entries=2, limits=limits)
    with pytest.raises(grpc.RpcError) as caught:
        list(stub.SelectEntries(asked))
    assert "'nobody' does not start" in error_of(caught)[2]["limits[0].driver_ids"]


def test_a_choice_that_left_nothing_to_chance_is_not_doubted(stub):
    """All of a pool are taken: what they earn on fresh scenarios differs from the others by noise alone."""
    pool = [lineup(row) for row in range(100, 4000, 400)]
    asked = pb.SelectEntriesRequest(race_id="phoenix", contest=contest(500), n_entries=len(pool), pool=pool)
    assert list(result_of(stub.SelectEntries(asked)).selection.warnings) == ["few races in the history"]


def test_selection_from_a_pool_stays_inside_it(stub):
    pool = [lineup(row) for row in range(0, 4000, 100)]
    response = result_of(
        stub.SelectEntries(pb.SelectEntriesRequest(race_id="phoenix", contest=contest(500), n_entries=5, pool=pool))
    )
    allowed = {tuple(item.driver_ids) for item in pool}
    assert {tuple(item.driver_ids) for item in response.selection.lineups} <= allowed


def test_pool_smaller_than_the_selection_is_refused(stub):
    with pytest.raises(grpc.RpcError) as caught:
        list(
            stub.SelectEntries(
                pb.SelectEntriesRequest(
                    race_id="phoenix", contest=contest(), n_entries=3, pool=[lineup(1), lineup(2), lineup(2)]
                )
            )
        )
    assert "pool" in error_of(caught)[2]


def test_rules_that_no_selection_keeps_are_named(stub):
    with pytest.raises(grpc.RpcError) as caught:
        list(
            stub.SelectEntries(
                pb.SelectEntriesRequest(
                    race_id="phoenix", contest=contest(), n_entries=10, max_driver_exposure=0.1, min_distinct_drivers=6
                )
            )
        )
    assert error_of(caught)[:2] == (grpc.StatusCode.FAILED_PRECONDITION, "INFEASIBLE")


def test_selection_from_too_few_scenarios_is_refused():
    """Of seven, one would be left to judge the choice by, and nothing to tell its error from."""
    asked = pb.SelectEntriesRequest(race_id="phoenix", contest=contest(), n_entries=2)
    with serving(make_matrix(RACE, 7)) as channel, pytest.raises(grpc.RpcError) as caught:
        list(ContestSimServiceStub(channel).SelectEntries(asked))
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "takes 8 scenarios" in caught.value.details()
    with serving(make_matrix(RACE, 8)) as channel:
        selection = result_of(ContestSimServiceStub(channel).SelectEntries(asked)).selection
    assert len(selection.lineups) == 2
