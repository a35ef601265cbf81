"""OptimizerService over a real loopback server, its answers against exhaustive search."""

import threading

import grpc
import numpy as np
import pytest
from google.protobuf import duration_pb2

from pitwall.common.v1 import lineup_pb2
from pitwall.optimizer.v1 import optimizer_service_pb2 as pb
from pitwall.optimizer.v1 import portfolio_pb2 as messages
from pitwall.optimizer.v1.optimizer_service_pb2_grpc import OptimizerServiceStub
from services.common.domain.work import no_checkpoint
from services.common.rpc.testing import FakeOwnershipPeer, FakeScenarioPeer, serve
from services.optimizer.__main__ import build
from services.optimizer.core.duplicates import log_copies
from services.optimizer.core.objective import DEFAULT_TERMS
from services.optimizer.inputs import slate_of
from services.optimizer.settings import OptimizerSettings
from tests.contract.optimizer.slate import (
    N_DRIVERS,
    SET_ID,
    built,
    columns_of,
    fields_of,
    legal,
    make_ownership,
    refused,
    request,
)
from tests.unit.optimizer.oracle import value_points


def test_the_first_lineup_is_the_exhaustive_optimum_of_the_default_objective(stub, race, matrix):
    (first,), summary = built(stub, request(1))
    ticks = np.ascontiguousarray(matrix.ticks.T)
    allowed = legal(race)
    values = []
    for columns in allowed:
        highest = np.partition(ticks[list(columns)].sum(axis=0, dtype=np.int16), (-500, -100)) / 20
        values.append(0.7 * highest[-100:].mean() + 0.3 * highest[-500:].mean())
    best = int(np.argmax(values))
    assert columns_of(race, first) == allowed[best]
    assert first.certificate.objective == pytest.approx(values[best], abs=1e-9)
    assert first.certificate.proven_optimal
    assert first.certificate.gap == 0
    assert first.certificate.upper_bound == first.certificate.objective
    assert first.certificate.lineups_covered == len(allowed) == summary.n_legal_lineups
    assert [(tail.alpha, tail.k) for tail in first.certificate.tails] == [(0.95, 500), (0.99, 100)]
    assert first.certificate.scenario_content_hash == matrix.content_hash
    totals = ticks[list(allowed[best])].sum(axis=0) / 20
    assert first.metrics.mean_points == pytest.approx(totals.mean())
    assert {tail.alpha: tail.cvar for tail in first.metrics.tails}[0.99] == pytest.approx(np.sort(totals)[-100:].mean())


def test_exposures_hold_exactly_on_the_finished_portfolio(stub, race):
    bounds = [messages.DriverExposure(driver_id="d15", min=0.3), messages.DriverExposure(driver_id="d00", max=0.1)]
    lineups, summary = built(
        stub, request(20, exposure=messages.ExposureRules(drivers=bounds, max_driver=0.6, max_team=0.9))
    )
    assert len(lineups) == summary.n_built == 20
    assert summary.all_proven
    held = np.zeros((20, N_DRIVERS), dtype=int)
    for row, lineup in enumerate(lineups):
        held[row, list(columns_of(race, lineup))] = 1
    assert held.sum(axis=0).max() <= 12
    assert held[:, 15].sum() >= 6
    assert held[:, 0].sum() <= 2
    teams = np.array([held[:, race.team_index == team].any(axis=1).sum() for team in range(len(race.teams))])
    assert teams.max() <= 18
    assert len({tuple(row) for row in held}) == 20
    assert {row.name: row.n_lineups for row in summary.driver_exposures} == {
        driver_id: int(count) for driver_id, count in zip(race.driver_ids, held.sum(axis=0), strict=True) if count
    }
    # Spread: the driver with a floor of 6 does not wait for the end.
    assert held[:10, 15].sum() >= 2


def test_the_same_request_builds_the_same_portfolio(stub):
    one, two = built(stub, request(6)), built(stub, request(6))
    assert [m.lineup for m in one[0]] == [m.lineup for m in two[0]]
    assert one[1].portfolio_id == two[1].portfolio_id
    assert one[1].portfolio_id != built(stub, request(6, seed=1))[1].portfolio_id


def columns_of_lineup(race, lineup):
    return [race.driver_index[driver_id] for driver_id in lineup.driver_ids]


def best_default(race, matrix, stacked):
    """The greatest default objective with driver 5 and without driver 1, stacked 2-3 or not, by looking at all."""
    values = []
    for columns in legal(race):
        teams = np.bincount(race.team_index[list(columns)])
        if 5 in columns and 1 not in columns and not (stacked and (teams[teams > 0] < 2).any()):
            highest = np.partition(matrix.ticks[:, list(columns)].sum(axis=1, dtype=np.int16), (-500, -100)) / 20
            values.append(0.7 * highest[-100:].mean() + 0.3 * highest[-500:].mean())
    return max(values)


def test_structure_rules_hold_and_the_cost_of_a_stack_is_stated(stub, race, matrix):
    structure = messages.StructureRules(
        locked_driver_ids=["d05"], excluded_driver_ids=["d01"], stack=messages.StackRule(min=2, max=3)
    )
    lineups, summary = built(stub, request(3, structure=structure))
    for lineup in lineups:
        columns = columns_of(race, lineup)
        assert 5 in columns
        assert 1 not in columns
        sizes = np.bincount(race.team_index[list(columns)])
        assert set(sizes[sizes > 0]) <= {2, 3}
    assert 0 < summary.n_allowed_lineups < summary.n_legal_lineups
    free, stacked = (best_default(race, matrix, stack) for stack in (False, True))
    assert summary.baseline.stack_cost_points == pytest.approx(free - stacked, abs=1e-6)
    assert free > stacked
    assert not any(lineup.broken_rules for lineup in lineups)
    built_best = max(lineup.certificate.objective for lineup in lineups)
    ticks_of_mean = matrix.ticks[:, list(columns_of_lineup(race, summary.baseline.mean_lineup))].sum(axis=1) / 20
    highest = np.sort(ticks_of_mean)
    mean_value = 0.7 * highest[-100:].mean() + 0.3 * highest[-500:].mean()
    assert summary.baseline.built_gain_points == pytest.approx(built_best - mean_value, abs=1e-6)
    assert summary.baseline.tail_gain_points > summary.baseline.built_gain_points
    assert summary.baseline.mean_given_up_points >= 0


def test_leverage_rules_hold_per_lineup(stub, race):
    own = make_ownership(race).percent
    leverage = messages.LeverageRules(
        ownership_penalty=1, min_low_owned=2, low_owned_percent=35, max_total_ownership_percent=230
    )
    lineups, summary = built(stub, request(3, leverage=leverage))
    places = own[[list(columns_of(race, lineup)) for lineup in lineups]]
    assert summary.ownership.total_mean_percent == pytest.approx(places.sum(axis=1).mean())
    assert summary.ownership.total_max_percent == pytest.approx(places.sum(axis=1).max())
    assert summary.ownership.driver_mean_percent == pytest.approx(places.mean())
    assert summary.ownership.driver_max_percent == pytest.approx(places.max())
    # The stand-in says that no driver is ever in the best lineup.
    assert summary.ownership.leverage_mean_percent == pytest.approx(-places.sum(axis=1).mean())
    for lineup in lineups:
        held = own[list(columns_of(race, lineup))]
        assert (held < 35).sum() >= 2
        assert held.sum() <= 230
        assert lineup.metrics.ownership_total_percent == pytest.approx(held.sum())
        assert lineup.metrics.ownership_product == pytest.approx(np.prod(held / 100))


def test_regimes_are_allocated_in_whole_numbers(stub, race, matrix):
    regimes = [messages.RegimeWeight(regime="normal", weight=2), messages.RegimeWeight(regime="chaos", weight=1)]
    terms = [messages.ObjectiveTerm(cvar_alpha=0.95, weight=1)]
    asked = request(7, regimes=regimes, objective=messages.Objective(terms=terms), validate_on_fresh_scenarios=True)
    lineups, summary = built(stub, asked)
    assert [m.regime for m in lineups].count("normal") == 5
    assert [m.regime for m in lineups].count("chaos") == 2
    chaos = int((matrix.regimes == 1).sum())
    tail = next(m for m in lineups if m.regime == "chaos").certificate.tails[0]
    assert tail.k == round(0.05 * chaos)
    assert [(report.regime, report.n_lineups) for report in summary.regimes] == [("normal", 5), ("chaos", 2)]
    assert summary.regimes[1].n_scenarios == chaos
    values = {}
    for flow, name in enumerate(matrix.regime_names):
        ticks = matrix.ticks[matrix.regimes == flow]
        held = [ticks[:, list(columns_of(race, m))].sum(axis=1) / 20 for m in lineups if m.regime == name]
        k = round(0.05 * len(ticks))
        values[name] = [float(np.sort(totals)[-k:].mean()) for totals in held]
        report = summary.regimes[flow]
        assert report.objective_mean == pytest.approx(np.mean(values[name]))
        assert report.mean_points == pytest.approx(np.mean([totals.mean() for totals in held]))
    # Validated by what chose them; and a certificate is about the scenarios of its own regime.
    assert summary.validation.objective_in_sample == pytest.approx(np.mean(values["normal"] + values["chaos"]))
    hashes = {m.regime: m.certificate.scenario_content_hash for m in lineups}
    assert len({*hashes.values(), matrix.content_hash}) == 3


def test_a_random_share_of_scenarios_varies_with_the_seed_only(stub):
    terms = [messages.ObjectiveTerm(cvar_alpha=0.95, weight=1)]
    asked = {"objective": messages.Objective(terms=terms), "scenario_share": 0.3}
    one, two = (built(stub, request(3, seed=4, **asked))[0] for _ in range(2))
    assert [m.lineup for m in one] == [m.lineup for m in two]
    assert all(m.certificate.proven_optimal and m.certificate.tails[0].k == 150 for m in one)
    assert len({m.certificate.scenario_content_hash for m in one}) == 3


def test_conflicting_rules_keep_the_lineups_so_far_and_are_named(stub):
    # Two lineups of six leave four of sixteen drivers: no third one is disjoint from both.
    lineups, summary = built(stub, request(4, diversity=messages.DiversityRules(min_distinct_drivers=6)))
    assert 0 < len(lineups) == summary.n_built < 4
    assert list(summary.conflicting_rules) == ["lineups differ in at least 6 drivers"]
    assert any("lineups built" in warning for warning in summary.warnings)


def test_exposures_that_cannot_hold_from_the_start_are_infeasible(stub):
    bounds = [messages.DriverExposure(driver_id=f"d{index:02d}", min=1) for index in range(4)]
    asked = request(4, exposure=messages.ExposureRules(drivers=bounds))
    error, details = refused(lambda: stub.BuildPortfolio(asked), grpc.StatusCode.FAILED_PRECONDITION)
    assert details["ErrorInfo"].reason == "INFEASIBLE"
    assert "Driver 00" in error.details()


def test_soft_exposures_never_fail(stub):
    bounds = [messages.DriverExposure(driver_id=f"d{index:02d}", min=1) for index in range(4)]
    exposure = messages.ExposureRules(drivers=bounds, mode=messages.EXPOSURE_MODE_SOFT)
    lineups, summary = built(stub, request(4, exposure=exposure))
    assert len(lineups) == 4
    assert summary.all_proven
    # All four cannot be in every lineup: whoever is not is named, with what it cost.
    assert any(name.startswith("exposure of Driver 0") for name in summary.broken_exposures)
    assert any(summary.broken_exposures[0] in warning for warning in summary.warnings)
    assert summary.soft_paid_points == pytest.approx(sum(lineup.soft_paid_points for lineup in lineups))
    assert summary.soft_paid_points > 0


def test_rules_that_leave_no_lineup_are_infeasible_with_the_smallest_conflict(stub):
    groups = [messages.GroupRule(name="front", driver_ids=["d00", "d01", "d02", "d03", "d04"], min=5)]
    structure = messages.StructureRules(groups=groups, excluded_driver_ids=["d15"])
    error, details = refused(
        lambda: stub.BuildPortfolio(request(structure=structure)), grpc.StatusCode.FAILED_PRECONDITION
    )
    assert details["ErrorInfo"].reason == "INFEASIBLE"
    assert details["ErrorInfo"].metadata["conflict"].startswith("group front")
    assert "d15" not in error.details()


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"structure": messages.StructureRules(locked_driver_ids=["nobody"])}, "structure.locked_driver_ids[0]"),
        (
            {"structure": messages.StructureRules(groups=[messages.GroupRule(driver_ids=["d00", "x"], min=1)])},
            "structure.groups[0].driver_ids[1]",
        ),
        (
            {"structure": messages.StructureRules(locked_driver_ids=["d00"], excluded_driver_ids=["d00"])},
            "structure.locked_driver_ids",
        ),
        (
            {"structure": messages.StructureRules(groups=[messages.GroupRule(name="a; b", driver_ids=["d00"])])},
            "structure.groups[0].name",
        ),
        ({"structure": messages.StructureRules(stack=messages.StackRule(min=3, max=2))}, "structure.stack.min"),
        (
            {"objective": messages.Objective(terms=[messages.ObjectiveTerm(cvar_alpha=0.9, weight=0)])},
            "objective.terms",
        ),
        (
            {"objective": messages.Objective(terms=[messages.ObjectiveTerm(cvar_alpha=1.0, weight=1)])},
            "objective.terms[0].cvar_alpha",
        ),
        (
            {"objective": messages.Objective(terms=[messages.ObjectiveTerm(cvar_alpha=0.9, weight=-1)])},
            "objective.terms[0].weight",
        ),
        (
            {"exposure": messages.ExposureRules(drivers=[messages.DriverExposure(driver_id="d00", min=0.5, max=0.2)])},
            "exposure.drivers[0].min",
        ),
        ({"ownership_percent": [lineup_pb2.DriverValue(driver_id="d00", value=10)]}, "ownership_percent"),
        (
            {"ownership_percent": [lineup_pb2.DriverValue(driver_id="elsewhere", value=10)]},
            "ownership_percent[0].driver_id",
        ),
        ({"regimes": [messages.RegimeWeight(regime="rain", weight=1)]}, "regimes[0].regime"),
        ({"n_lineups": 0}, "n_lineups"),
    ],
)
def test_bad_input_names_the_field(stub, fields, where):
    asked = request(**{"n_lineups": 2, **fields})
    _, details = refused(lambda: stub.BuildPortfolio(asked), grpc.StatusCode.INVALID_ARGUMENT)
    assert where in fields_of(details)


def test_an_unknown_race_and_a_race_without_scenarios(stub, race):
    asked = pb.BuildPortfolioRequest(race_id="nowhere", n_lineups=1)
    refused(lambda: stub.BuildPortfolio(asked), grpc.StatusCode.NOT_FOUND)
    peers = FakeScenarioPeer(race, None), FakeOwnershipPeer(make_ownership(race))
    with serve([build(OptimizerSettings(port=0), *peers)]) as channel:
        empty = OptimizerServiceStub(channel)
        refused(lambda: empty.BuildPortfolio(request()), grpc.StatusCode.FAILED_PRECONDITION)


def test_expected_duplicates_are_limited(stub, race):
    strict = messages.LeverageRules(max_expected_duplicates=2, field_entries=20_000)
    (first,), summary = built(stub, request(1, leverage=strict))
    (free,), _ = built(stub, request(1))
    assert 0 < summary.n_allowed_lineups < summary.n_legal_lineups
    assert first.certificate.objective < free.certificate.objective
    logs, _ = log_copies(
        race.salaries_dollars,
        6,
        50_000,
        ownership_percent=make_ownership(race).percent,
        field_entries=20_000,
        checkpoint=no_checkpoint,
    )
    copies = [np.exp(logs[list(columns_of(race, message))].sum()) for message in (first, free)]
    assert copies[0] <= 2 < copies[1]


def test_a_time_limit_leaves_honest_gaps(stub):
    asked = request(20, time_limit=duration_pb2.Duration(nanos=1))
    lineups, summary = built(stub, asked)
    # The time is over before the first lineup, which comes all the same, with the whole summary.
    assert len(lineups) == summary.n_built == 1
    assert summary.n_requested == 20
    assert "time ran out: 1 of 20 lineups built" in summary.warnings
    assert not summary.conflicting_rules
    assert summary.baseline.proven == (not any("comparison" in warning for warning in summary.warnings))
    for lineup in lineups:
        certificate = lineup.certificate
        assert certificate.gap == pytest.approx(certificate.upper_bound - certificate.objective)
        assert certificate.proven_optimal == (certificate.gap == 0)
    assert summary.all_proven == all(lineup.certificate.proven_optimal for lineup in lineups)
    assert summary.all_proven or any("unproven" in warning for warning in summary.warnings)


def test_cancelling_stops_the_build(stub):
    call = stub.BuildPortfolio(request(500, scenario_share=0.99))
    timer = threading.Timer(0.5, call.cancel)
    timer.start()
    with pytest.raises(grpc.RpcError) as caught:
        list(call)
    timer.join()
    assert caught.value.code() == grpc.StatusCode.CANCELLED
    # The place of a heavy call is free again.
    assert built(stub, request(1))[1].n_built == 1


def test_scores_of_given_lineups(stub, race, matrix):
    chosen = [legal(race)[0], legal(race)[100]]
    asked = pb.ScoreLineupsRequest(
        race_id="phoenix",
        lineups=[lineup_pb2.Lineup(driver_ids=[race.driver_ids[c] for c in columns]) for columns in chosen],
    )
    response = stub.ScoreLineups(asked)
    assert response.scenario_set_id == SET_ID
    for columns, scored in zip(chosen, response.lineups, strict=True):
        totals = np.sort(matrix.ticks[:, list(columns)].sum(axis=1) / 20)[::-1]
        assert scored.objective == pytest.approx(0.7 * totals[:100].mean() + 0.3 * totals[:500].mean())
        assert scored.metrics.best_points == pytest.approx(totals[0])


def test_scoring_refuses_an_illegal_lineup(stub):
    asked = pb.ScoreLineupsRequest(
        race_id="phoenix", lineups=[lineup_pb2.Lineup(driver_ids=["d00", "d01", "d02", "d03", "d04"])]
    )
    _, details = refused(lambda: stub.ScoreLineups(asked), grpc.StatusCode.INVALID_ARGUMENT)
    assert set(fields_of(details)) == {"lineups[0]"}


def test_verdicts_say_everything_that_is_wrong(stub, race):
    good = [race.driver_ids[column] for column in legal(race)[0]]
    candidates = [good, ["d00"] * 6, ["d00", "d01", "d02", "d03", "d04", "d05"], [*good[:5], "nobody"]]
    asked = pb.ValidateLineupsRequest(
        race_id="phoenix", lineups=[pb.CandidateLineup(driver_ids=ids) for ids in candidates]
    )
    verdicts = stub.ValidateLineups(asked).verdicts
    assert [verdict.legal for verdict in verdicts] == [True, False, False, False]
    assert verdicts[0].salary_dollars == race.salaries_dollars[list(legal(race)[0])].sum()
    assert "6 times" in verdicts[1].problems[0]
    assert "cap" in verdicts[2].problems[0]
    assert "nobody" in verdicts[3].problems[0]


def test_the_universe_is_counted(stub, race):
    plain = stub.DescribeUniverse(pb.DescribeUniverseRequest(race_id="phoenix"))
    assert plain.n_legal_lineups == plain.n_allowed_lineups == len(legal(race))
    structure = messages.StructureRules(locked_driver_ids=["d03"])
    locked = stub.DescribeUniverse(pb.DescribeUniverseRequest(race_id="phoenix", structure=structure))
    assert locked.n_allowed_lineups == sum(3 in columns for columns in legal(race))


def test_the_exact_value_agrees_with_fractions(stub, race, matrix):
    (first,), _ = built(stub, request(1))
    exact = value_points(slate_of(race, matrix), DEFAULT_TERMS, columns_of(race, first))
    assert first.certificate.objective == float(exact)
