"""What a portfolio is worth beyond the scenarios that chose it, and what is done when these are too few."""

import dataclasses

import grpc
import numpy as np
import pytest
from google.protobuf import duration_pb2

from pitwall.optimizer.v1 import portfolio_pb2 as messages
from pitwall.optimizer.v1.optimizer_service_pb2_grpc import OptimizerServiceStub
from pitwall.scenario.v1 import scenario_set_pb2
from services.common.domain.errors import Overloaded
from services.common.rpc.testing import FakeOwnershipPeer, FakeScenarioPeer, serve
from services.optimizer.__main__ import build
from services.optimizer.settings import OptimizerSettings
from tests.contract.optimizer.slate import (
    N_SCENARIOS,
    SET_ID,
    built,
    columns_of,
    make_matrix,
    make_ownership,
    refused,
    request,
)


def test_stability_and_validation_come_with_every_portfolio(stub):
    lineups, summary = built(stub, request(2))
    stability = summary.stability
    assert stability.n_resamples == 200
    assert 0 < stability.objective_cv < 0.1
    assert 0 <= stability.same_lineup_share <= 1
    assert 0 < stability.jaccard_mean <= 1
    assert stability.n_contenders > 1
    assert 0 <= stability.deepest_winner_points < stability.contender_depth_points
    assert stability.optimism_points >= 0
    # The stand-in generates the same scenarios again, so nothing shrinks.
    assert summary.validation.objective_fresh == summary.validation.objective_in_sample
    assert summary.validation.shrinkage == 0 < summary.validation.shrinkage_se
    assert summary.validation.n_scenarios == N_SCENARIOS
    assert summary.n_generations == 1
    assert len(lineups) == 2


def test_stability_and_validation_can_be_turned_off(stub):
    _, summary = built(stub, request(1, stability_resamples=0, validate_on_fresh_scenarios=False))
    assert not summary.HasField("stability")
    assert not summary.HasField("validation")
    assert summary.n_generations == 0
    assert not summary.warnings


@pytest.mark.parametrize("fields", [{}, {"structure": messages.StructureRules(locked_driver_ids=["d05", "d11"])}])
def test_contenders_say_of_resamples_what_exact_searches_say(stub, fields):
    found = [built(stub, request(1, stability_resamples=12, exact_stability=exact, **fields))[1] for exact in (0, 1)]
    among, exact = (summary.stability for summary in found)
    assert (among.n_resamples, exact.n_resamples, exact.n_contenders) == (12, 12, 0)
    assert among.n_contenders > 1
    for name in ("objective_cv", "same_lineup_share", "jaccard_mean", "optimism_points", "deepest_winner_points"):
        assert getattr(among, name) == pytest.approx(getattr(exact, name)), name


class Uploaded(FakeScenarioPeer):
    """Has scenarios that nobody can make again."""

    def get_scenario_set(self, race_id, scenario_set_id, call):
        found = super().get_scenario_set(race_id, scenario_set_id, call)
        found.source = scenario_set_pb2.SCENARIO_SOURCE_UPLOADED
        return found


class Outdated(FakeScenarioPeer):
    """Has scenarios of a model that is no more."""

    def generate(self, *asked, **options):
        made = super().generate(*asked, **options)
        made.recipe.model_version = "of today"
        return made


class Busy(FakeScenarioPeer):
    """Cannot generate now."""

    def generate(self, *asked, **options):
        raise Overloaded("too many calls at once; try again later")


class Slow(FakeScenarioPeer):
    """Generates until it is given up."""

    def generate(self, race_id, n_scenarios, seed, call, *, aside=False):
        while True:
            call.checkpoint()


@pytest.mark.parametrize(
    ("peer", "said", "n_generations"),
    [
        (Uploaded, "has no independent twin", 0),
        (Outdated, "an earlier race model; generate scenarios again", 1),
        (Busy, "too many calls at once", 1),
        (Slow, "time for this part", 1),
    ],
)
def test_a_portfolio_that_cannot_be_validated_says_why(race, matrix, peer, said, n_generations):
    peers = peer(race, matrix), FakeOwnershipPeer(make_ownership(race))
    with serve([build(OptimizerSettings(port=0), *peers)]) as channel:
        stub = OptimizerServiceStub(channel)
        lineups, summary = built(stub, request(2, time_limit=duration_pb2.Duration(seconds=3)))
    assert len(lineups) == summary.n_built == 2
    assert not summary.HasField("validation")
    assert summary.n_generations == n_generations
    assert any("no validation" in text and said in text for text in summary.warnings)


class Enlarged(FakeScenarioPeer):
    """Keeps its first set when it is asked for a larger one."""

    def __init__(self, race, matrix):
        super().__init__(race, matrix)
        self.first, self.asked = matrix, []

    def generate(self, race_id, n_scenarios, seed, call, *, aside=False):
        self.asked.append((n_scenarios, seed, aside))
        self.matrix = dataclasses.replace(make_matrix(self.race, n_scenarios), scenario_set_id="cd" * 16)
        return self.get_scenario_set(race_id, "", call)

    def get_scenarios(self, race_id, scenario_set_id, call):
        if scenario_set_id == self.first.scenario_set_id:
            return self.first
        return super().get_scenarios(race_id, scenario_set_id, call)


def test_a_build_that_had_scenarios_made_validates_on_the_set_that_was_too_small(race):
    peer = Enlarged(race, make_matrix(race, 2_000))
    with serve([build(OptimizerSettings(port=0), peer, FakeOwnershipPeer(make_ownership(race)))]) as channel:
        lineups, summary = built(OptimizerServiceStub(channel), request(2))
    # Another seed than that of the small set, whose scenarios would be repeated, and of contests, which is the next.
    assert peer.asked == [(10_000, 2, False)]
    assert summary.n_generations == 1
    assert (summary.scenario_set_id, summary.validation.scenario_set_id) == ("cd" * 16, SET_ID)
    assert summary.validation.n_scenarios == 2_000
    assert any("the set has 2,000; 10,000 were simulated" in text for text in summary.warnings)
    held = [list(columns_of(race, lineup)) for lineup in lineups]
    totals = [np.sort(peer.first.ticks[:, columns].sum(axis=1))[::-1] / 20 for columns in held]
    fresh = np.mean([0.7 * total[:20].mean() + 0.3 * total[:100].mean() for total in totals])
    assert summary.validation.objective_fresh == pytest.approx(fresh)


class OutdatedAndSmall(Enlarged):
    """Has few scenarios of a model that is no more."""

    def get_scenario_set(self, race_id, scenario_set_id, call):
        found = super().get_scenario_set(race_id, scenario_set_id, call)
        if found.scenario_set_id != self.first.scenario_set_id:
            found.recipe.model_version = "of today"
        return found


def test_a_small_set_of_an_earlier_model_validates_nothing(race):
    peer = OutdatedAndSmall(race, make_matrix(race, 2_000))
    with serve([build(OptimizerSettings(port=0), peer, FakeOwnershipPeer(make_ownership(race)))]) as channel:
        _, summary = built(OptimizerServiceStub(channel), request(1))
    assert [aside for _, _, aside in peer.asked] == [False, True]
    assert summary.validation.n_scenarios == 10_000


class RareFlow(FakeScenarioPeer):
    """Generates scenarios without one of the race flows."""

    def generate(self, race_id, n_scenarios, seed, call, *, aside=False):
        calm = np.zeros(n_scenarios, dtype=np.uint8)
        self.fresh = dataclasses.replace(self.matrix, scenario_set_id="ef" * 16, regimes=calm)
        return scenario_set_pb2.ScenarioSet(scenario_set_id="ef" * 16)

    def get_scenarios(self, race_id, scenario_set_id, call):
        return self.fresh if scenario_set_id == "ef" * 16 else super().get_scenarios(race_id, scenario_set_id, call)


def test_lineups_of_a_race_flow_that_fresh_scenarios_lack_are_left_out_of_the_validation(race, matrix):
    terms = [messages.ObjectiveTerm(cvar_alpha=0.95, weight=1)]
    flows = [messages.RegimeWeight(regime=name, weight=1) for name in ("normal", "chaos")]
    peers = RareFlow(race, matrix), FakeOwnershipPeer(make_ownership(race))
    with serve([build(OptimizerSettings(port=0), *peers)]) as channel:
        asked = request(2, regimes=flows, objective=messages.Objective(terms=terms))
        lineups, summary = built(OptimizerServiceStub(channel), asked)
        alone = request(1, regimes=flows[1:], objective=messages.Objective(terms=terms))
        _, without = built(OptimizerServiceStub(channel), alone)
    calm = next(lineup for lineup in lineups if lineup.regime == "normal")
    ticks = matrix.ticks[:, list(columns_of(race, calm))].sum(axis=1) / 20
    assert summary.validation.objective_fresh == pytest.approx(np.sort(ticks)[-500:].mean())
    assert any("1 lineups are not validated" in text for text in summary.warnings)
    assert not without.HasField("validation")


class Recording(FakeScenarioPeer):
    """Made from the greatest seed; remembers what it was asked to generate."""

    asked = None

    def get_scenario_set(self, race_id, scenario_set_id, call):
        found = super().get_scenario_set(race_id, scenario_set_id, call)
        found.recipe.seed = 2**64 - 1
        return found

    def generate(self, race_id, n_scenarios, seed, call, *, aside=False):
        self.asked = (n_scenarios, seed, aside)
        return super().generate(race_id, n_scenarios, seed, call, aside=aside)


def test_validation_scenarios_are_kept_aside_and_follow_the_greatest_seed_too(race, matrix):
    peer = Recording(race, matrix)
    with serve([build(OptimizerSettings(port=0), peer, FakeOwnershipPeer(make_ownership(race)))]) as channel:
        built(OptimizerServiceStub(channel), request(1))
    assert peer.asked == (N_SCENARIOS, 0, True)


class Enlarging(FakeScenarioPeer):
    """Has few scenarios until asked for more."""

    def generate(self, race_id, n_scenarios, seed, call, *, aside=False):
        self.matrix = make_matrix(self.race, n_scenarios)
        return super().generate(race_id, n_scenarios, seed, call, aside=aside)


@pytest.mark.parametrize(
    ("policy", "levels", "n_generations"),
    [
        (messages.SCENARIO_SHORTAGE_UNSPECIFIED, [0.95, 0.99], 1),
        (messages.SCENARIO_SHORTAGE_GENERATE, [0.95, 0.99], 1),
        (messages.SCENARIO_SHORTAGE_FALL_BACK, [0.9], 0),
    ],
)
def test_a_set_too_small_for_the_tail(race, policy, levels, n_generations):
    for validated in (False, True):
        scenario = Enlarging(race, make_matrix(race, 1_000))
        asked = request(1, shortage=policy, validate_on_fresh_scenarios=validated)
        with serve([build(OptimizerSettings(port=0), scenario, FakeOwnershipPeer(make_ownership(race)))]) as channel:
            (first,), summary = built(OptimizerServiceStub(channel), asked)
        assert [tail.alpha for tail in first.certificate.tails] == levels
        # With or without the set that validates: one at most.
        assert summary.n_generations == scenario.n_generations == (1 if validated else n_generations)
    (warning,) = summary.warnings
    assert ("10,000 were simulated, which are the newest set" in warning) == (n_generations == 1)
    assert ("levels lowered" in warning) == (n_generations == 0)


def test_a_set_too_small_for_the_tail_is_refused_on_request(race):
    scenario = Enlarging(race, make_matrix(race, 1_000))
    with serve([build(OptimizerSettings(port=0), scenario, FakeOwnershipPeer(make_ownership(race)))]) as channel:
        asked = request(1, shortage=messages.SCENARIO_SHORTAGE_REFUSE)
        error, _ = refused(
            lambda: OptimizerServiceStub(channel).BuildPortfolio(asked), grpc.StatusCode.FAILED_PRECONDITION
        )
    assert "10,000" in error.details()
