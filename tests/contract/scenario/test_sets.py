"""Scenario sets generated, listed and summarised."""

from __future__ import annotations

import grpc
import numpy as np
import pytest

from pitwall.scenario.v1 import race_pb2
from pitwall.scenario.v1 import scenario_service_pb2 as pb
from tests.contract.scenario.world import (
    generate,
    header_for,
    import_request,
    read,
    refusal,
    upload,
)


def test_sets_are_listed_by_pages(stub, race):
    copy = race_pb2.Race()
    copy.CopyFrom(race)
    copy.race_id = "sets-by-page"
    stub.PutRace(pb.PutRaceRequest(race=copy))
    made = [generate(stub, "sets-by-page", 100, seed=seed).scenario_set_id for seed in range(3)]
    request = pb.ListScenarioSetsRequest(race_id="sets-by-page", page_size=2)
    first = stub.ListScenarioSets(request)
    request.page_token = first.next_page_token
    second = stub.ListScenarioSets(request)
    listed = [item.scenario_set_id for item in (*first.scenario_sets, *second.scenario_sets)]
    assert listed == made[::-1]
    assert second.next_page_token == ""
    request.page_token = "nonsense"
    assert refusal(lambda: stub.ListScenarioSets(request))[0] is grpc.StatusCode.INVALID_ARGUMENT


def test_generate_streams_progress_and_ends_with_the_set(stub, race):
    request = pb.GenerateScenariosRequest(race_id=race.race_id, n_scenarios=10_000, seed=3)
    events = list(stub.GenerateScenarios(request))
    progress = [event.progress for event in events[:-1]]
    assert progress
    assert progress[-1].done == progress[-1].total == 10_000
    assert [item.done for item in progress] == sorted(item.done for item in progress)
    made = events[-1].scenario_set
    assert made.recipe.n_scenarios == made.n_scenarios == 10_000
    assert made.recipe.seed == 3
    assert made.recipe.race_snapshot_hash == race.snapshot_hash
    assert made.recipe.model_version
    assert made.recipe.calibration_version
    assert sum(item.n_scenarios for item in made.regimes) == 10_000
    assert not made.stale


def test_generating_twice_is_the_same_thing(stub, race, scenario_set):
    assert generate(stub, race.race_id) == scenario_set
    assert generate(stub, race.race_id, seed=2).scenario_set_id != scenario_set.scenario_set_id


@pytest.mark.parametrize("n_scenarios", [0, 99, 1_000_001, 10**9])
def test_scenario_counts_are_limited(stub, race, n_scenarios):
    request = pb.GenerateScenariosRequest(race_id=race.race_id, n_scenarios=n_scenarios)
    code, _, fields = refusal(lambda: list(stub.GenerateScenarios(request)))
    assert (code, fields) == (grpc.StatusCode.INVALID_ARGUMENT, ["n_scenarios"])


def test_unknown_races_and_sets_are_not_found(stub, race):
    calls = [
        lambda: list(stub.GenerateScenarios(pb.GenerateScenariosRequest(race_id="nowhere", n_scenarios=100))),
        lambda: stub.ListScenarioSets(pb.ListScenarioSetsRequest(race_id="nowhere")),
        lambda: stub.GetScenarioSet(pb.GetScenarioSetRequest(race_id=race.race_id, scenario_set_id="ab" * 16)),
        lambda: list(stub.StreamMatrix(pb.StreamMatrixRequest(race_id=race.race_id, scenario_set_id="ab" * 16))),
        lambda: stub.SummarizeScenarios(pb.SummarizeScenariosRequest(race_id="nowhere")),
        lambda: upload(stub, header_for(race, 2, race_id="nowhere"), np.zeros((2, 38), np.int16)),
    ]
    assert {refusal(call)[:2] for call in calls} == {(grpc.StatusCode.NOT_FOUND, "NOT_FOUND")}


def test_a_cancelled_generation_keeps_nothing(stub, folder, race):
    before = set((folder / "matrices").iterdir())
    call = stub.GenerateScenarios(pb.GenerateScenariosRequest(race_id=race.race_id, n_scenarios=1_000_000, seed=77))
    next(call)
    call.cancel()
    generate(stub, race.race_id, 200, seed=78)
    sets = stub.ListScenarioSets(pb.ListScenarioSetsRequest(race_id=race.race_id)).scenario_sets
    assert 1_000_000 not in {item.n_scenarios for item in sets}
    added = set((folder / "matrices").iterdir()) - before
    assert len([path for path in added if not path.name.startswith(".")]) == 1


def test_a_deadline_ends_generation(stub, race):
    request = pb.GenerateScenariosRequest(race_id=race.race_id, n_scenarios=1_000_000, seed=79)
    with pytest.raises(grpc.RpcError) as caught:
        list(stub.GenerateScenarios(request, timeout=0.3))
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


def test_a_projection_out_of_reach_is_told_whenever_the_set_is_shown(stub, race):
    bold = race_pb2.Race()
    bold.CopyFrom(race)
    bold.race_id = "bold"
    for driver in bold.drivers:
        driver.ClearField("projected_points")
    bold.drivers[5].projected_points = 200.0
    stub.PutRace(pb.PutRaceRequest(race=bold))
    made = generate(stub, "bold", 2_000)
    assert [bold.drivers[5].name in warning and "200.0 points" in warning for warning in made.warnings] == [True]
    assert generate(stub, "bold", 2_000).warnings == made.warnings
    assert stub.GetScenarioSet(pb.GetScenarioSetRequest(race_id="bold")).scenario_set.warnings == made.warnings
    summary = stub.SummarizeScenarios(pb.SummarizeScenariosRequest(race_id="bold"))
    assert summary.scenario_set.warnings == made.warnings


def test_summaries_agree_with_the_matrix(stub, race, scenario_set):
    where = {"race_id": race.race_id, "scenario_set_id": scenario_set.scenario_set_id}
    _, ticks, _ = read(stub, **where)
    summary = stub.SummarizeScenarios(
        pb.SummarizeScenariosRequest(
            **where, percentile_levels=[90, 10], include_optimal_rates=True, include_correlations=True
        )
    )
    points = ticks / 20
    assert [driver.mean_points for driver in summary.drivers] == pytest.approx(points.mean(axis=0))
    assert [item.level for item in summary.drivers[0].percentiles] == [10, 90]
    assert [driver.percentiles[1].points for driver in summary.drivers] == pytest.approx(
        np.percentile(points, 90, axis=0)
    )
    assert sum(driver.win_rate for driver in summary.drivers) == pytest.approx(1)
    assert sum(driver.top5_rate for driver in summary.drivers) == pytest.approx(5)
    assert sum(driver.mean_finish for driver in summary.drivers) == pytest.approx(38 * 39 / 2)
    assert sum(driver.optimal_rate for driver in summary.drivers) == pytest.approx(6)
    values = np.array(summary.correlations.values).reshape(38, 38)
    assert values == pytest.approx(np.corrcoef(points.T), abs=1e-9)
    plain = stub.SummarizeScenarios(pb.SummarizeScenariosRequest(**where))
    assert not plain.drivers[0].HasField("optimal_rate")
    assert not plain.HasField("correlations")


def test_the_set_asked_for_last_is_the_newest(stub):
    stub.ImportRace(import_request("asked"))
    first, second = generate(stub, "asked", seed=1), generate(stub, "asked", seed=2)

    def newest():
        return stub.GetScenarioSet(pb.GetScenarioSetRequest(race_id="asked")).scenario_set.scenario_set_id

    assert newest() == second.scenario_set_id
    generate(stub, "asked", seed=1)
    assert newest() == first.scenario_set_id


def test_a_set_kept_aside_is_not_the_newest(stub):
    stub.ImportRace(import_request("aside"))
    first, second = generate(stub, "aside", seed=1), generate(stub, "aside", seed=2)

    def newest():
        return stub.GetScenarioSet(pb.GetScenarioSetRequest(race_id="aside")).scenario_set.scenario_set_id

    # Neither a new set nor one that is there takes the place of the newest, and both are found by their ids.
    fresh = generate(stub, "aside", seed=3, aside=True)
    assert generate(stub, "aside", seed=1, aside=True).scenario_set_id == first.scenario_set_id
    assert newest() == second.scenario_set_id
    found = stub.GetScenarioSet(pb.GetScenarioSetRequest(race_id="aside", scenario_set_id=fresh.scenario_set_id))
    assert found.scenario_set.recipe.seed == 3
    generate(stub, "aside", seed=3)
    assert newest() == fresh.scenario_set_id
