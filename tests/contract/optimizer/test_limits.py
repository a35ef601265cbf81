"""The optimizer at its limits: few lineups or scenarios, levels out of reach, calls that stop, counted universes."""

import grpc
import pytest

from pitwall.common.v1 import lineup_pb2
from pitwall.optimizer.v1 import optimizer_service_pb2 as pb
from pitwall.optimizer.v1 import portfolio_pb2 as messages
from pitwall.optimizer.v1.optimizer_service_pb2_grpc import OptimizerServiceStub
from services.common import blocks
from services.common.domain.errors import (
    Cancelled,
)
from services.common.rpc.calls import Call
from services.common.rpc.testing import FakeOwnershipPeer, FakeScenarioPeer, serve
from services.common.universe.rule_kernels import mark_allowed
from services.optimizer import lookups
from services.optimizer.__main__ import build
from services.optimizer.building import PortfolioJob
from services.optimizer.inputs import Peers
from services.optimizer.settings import OptimizerSettings
from services.optimizer.tables import TableLibrary
from tests.contract.optimizer.slate import (
    N_DRIVERS,
    built,
    columns_of,
    fields_of,
    legal,
    make_matrix,
    make_ownership,
    refused,
    request,
)


class RatedScenarios(FakeScenarioPeer):
    """Says how often each driver is in the best lineup of a scenario."""

    def summarize(self, *asked, **options):
        response = super().summarize(*asked, **options)
        for column, driver in enumerate(response.drivers):
            driver.optimal_rate = column / 100
        return response


def test_leverage_is_stated_whenever_ownership_is_known(race, matrix):
    peers = RatedScenarios(race, matrix), FakeOwnershipPeer(make_ownership(race))
    with serve([build(OptimizerSettings(port=0), *peers)]) as channel:
        (first,), summary = built(OptimizerServiceStub(channel), request(1))
    columns = list(columns_of(race, first))
    assert first.metrics.leverage_percent == pytest.approx(sum(columns) - make_ownership(race).percent[columns].sum())
    plain = [race.driver_index[driver_id] for driver_id in summary.baseline.mean_lineup.driver_ids]
    stated = summary.baseline.mean_metrics.leverage_percent
    assert stated == pytest.approx(sum(plain) - make_ownership(race).percent[plain].sum())


def test_scores_state_the_leverage_of_given_ownership(race, matrix):
    columns = legal(race)[0]
    asked = pb.ScoreLineupsRequest(
        race_id="phoenix",
        lineups=[lineup_pb2.Lineup(driver_ids=[race.driver_ids[column] for column in columns])],
        ownership_percent=owned(12.0),
    )
    with serve([build(OptimizerSettings(port=0), RatedScenarios(race, matrix), FakeOwnershipPeer(None))]) as channel:
        (scored,) = OptimizerServiceStub(channel).ScoreLineups(asked).lineups
    assert scored.metrics.leverage_percent == pytest.approx(sum(columns) - 12.0 * len(columns))


def owned(each):
    return [lineup_pb2.DriverValue(driver_id=f"d{column:02d}", value=each) for column in range(N_DRIVERS)]


@pytest.mark.parametrize("leverage", [{"max_expected_duplicates": 40}, {"max_total_ownership_percent": 230}])
def test_ownership_of_nobody_is_refused(stub, leverage):
    asked = request(ownership_percent=owned(0), leverage=messages.LeverageRules(**leverage))
    _, details = refused(lambda: stub.BuildPortfolio(asked), grpc.StatusCode.INVALID_ARGUMENT)
    assert fields_of(details) == ["ownership_percent"]


def test_ownership_far_from_a_full_field_is_warned_of_and_makes_no_duplicates(stub, race):
    whole = 100 * race.rules.roster_size / N_DRIVERS
    assert not any(
        "ownership sums" in text for text in built(stub, request(ownership_percent=owned(whole)))[1].warnings
    )
    lean = request(ownership_percent=owned(whole / 4))
    assert any("ownership sums to" in text for text in built(stub, lean)[1].warnings)
    lean.leverage.max_expected_duplicates = 40
    _, details = refused(lambda: stub.BuildPortfolio(lean), grpc.StatusCode.INVALID_ARGUMENT)
    assert fields_of(details) == ["ownership_percent"]


def test_a_level_beyond_every_scenario_set_is_the_fault_of_the_level(stub):
    terms = [messages.ObjectiveTerm(cvar_alpha=0.9, weight=1), messages.ObjectiveTerm(cvar_alpha=0.999999999, weight=1)]
    asked = request(objective=messages.Objective(terms=terms))
    error, details = refused(lambda: stub.BuildPortfolio(asked), grpc.StatusCode.INVALID_ARGUMENT)
    assert fields_of(details) == ["objective.terms[1].cvar_alpha"]
    assert "0.9999 or less" in error.details()
    asked.shortage = messages.SCENARIO_SHORTAGE_FALL_BACK
    assert built(stub, asked)[1].n_built == 4


class Sized(FakeScenarioPeer):
    """Has as many scenarios as were asked for last."""

    def generate(self, race_id, n_scenarios, seed, call, *, aside=False):
        self.matrix = make_matrix(self.race, n_scenarios)
        return super().generate(race_id, n_scenarios, seed, call, aside=aside)


FALL_BACK, REFUSE = messages.SCENARIO_SHORTAGE_FALL_BACK, messages.SCENARIO_SHORTAGE_REFUSE
PART = {"scenario_share": 0.5}
CHAOS = {"regimes": [messages.RegimeWeight(regime="chaos", weight=1)]}


@pytest.mark.parametrize("part", [PART, CHAOS])
def test_a_hundred_samples_are_wanted_of_what_a_lineup_is_optimised_on(race, matrix, part):
    peers = Sized(race, matrix), FakeOwnershipPeer(make_ownership(race))
    with serve([build(OptimizerSettings(port=0), *peers)]) as channel:
        sized = OptimizerServiceStub(channel)
        error, _ = refused(
            lambda: sized.BuildPortfolio(request(1, shortage=REFUSE, **part)), grpc.StatusCode.FAILED_PRECONDITION
        )
        assert "of the 10,000 of the set" in error.details()
        (lowered,), summary = built(sized, request(1, shortage=FALL_BACK, **part))
        assert max(tail.alpha for tail in lowered.certificate.tails) == 0.98 - (part is CHAOS) * 0.03
        assert min(tail.k for tail in lowered.certificate.tails) >= 100
        (lowered_to,) = [text.split("levels lowered to ")[1] for text in summary.warnings if "lowered" in text]
        assert len(set(lowered_to.split(", "))) == len(lowered_to.split(", "))
        (first,), summary = built(sized, request(1, **part))
    assert {tail.alpha: tail.k >= 100 for tail in first.certificate.tails} == {0.95: True, 0.99: True}
    assert summary.n_generations == 1
    (warning,) = summary.warnings
    assert "were simulated, which are the newest set of the race now" in warning


@pytest.mark.parametrize(("share", "remedy"), [(1e-9, "0.01 or more"), (0.005, "0.01 or more")])
def test_a_share_of_next_to_nothing_is_refused(stub, share, remedy):
    error, details = refused(
        lambda: stub.BuildPortfolio(request(1, scenario_share=share)), grpc.StatusCode.INVALID_ARGUMENT
    )
    assert fields_of(details) == ["scenario_share"]
    assert remedy in error.details()


def test_a_slate_with_fewer_lineups_than_asked_gives_all_and_says_which_are_thrown_away(stub, race):
    locked = messages.StructureRules(locked_driver_ids=["d03", "d07", "d09", "d11", "d13"])
    lineups, summary = built(stub, request(20, structure=locked))
    allowed = [columns for columns in legal(race) if {3, 7, 9, 11, 13} <= set(columns)]
    assert sorted(columns_of(race, lineup) for lineup in lineups) == sorted(allowed)
    distance, *locks = summary.conflicting_rules
    assert distance == "no lineup twice"
    assert {lock.removeprefix("lock ") for lock in locks} <= {f"Driver {column:02}" for column in (3, 7, 9, 11, 13)}
    tail = [0.7 * lineup.metrics.tails[2].cvar + 0.3 * lineup.metrics.tails[1].cvar for lineup in lineups]
    poor = sum(value < 0.75 * max(tail) for value in tail)
    assert any(f"{poor} of {len(lineups)} lineups reach" in text for text in summary.warnings) == bool(poor)


class Watched(Call):
    """A call that is cancelled at one of its looks, and remembers the phase of each."""

    def __init__(self, stop_at=None):
        super().__init__(Endless())
        self.phase, self.looks, self._stop_at = "inputs", [], stop_at

    def checkpoint(self):
        if len(self.looks) == self._stop_at:
            self.stop()
        self.looks.append(self.phase)
        super().checkpoint()

    def report(self, stage, done, total):
        self.phase = stage


class Endless:
    """The context of a call without a deadline."""

    def time_remaining(self):
        return None

    def add_callback(self, callback):
        return True


def test_every_phase_looks_up_and_stops_at_once(race, matrix):
    peers = Peers(FakeScenarioPeer(race, matrix), FakeOwnershipPeer(make_ownership(race)))
    asked = request(3)

    def run(call):
        emitted = []
        library = TableLibrary(0, 10**6)
        PortfolioJob(asked, peers, library, call).run(emitted.append, call.report)
        return emitted

    whole = Watched()
    assert run(whole)[-1].HasField("summary")
    phases = {phase: [at for at, seen in enumerate(whole.looks) if seen == phase] for phase in whole.looks}
    assert set(phases) == {"inputs", "lineups", "validation", "stability"}
    for looks in phases.values():
        for stop_at in {looks[0], looks[len(looks) // 2], looks[-1]}:
            call = Watched(stop_at)
            with pytest.raises(Cancelled):
                run(call)
            # Nothing but the look at which it stopped, and those of threads that waited beside it.
            assert len(call.looks) <= stop_at + 2


GROUPED = messages.StructureRules(groups=[messages.GroupRule(driver_ids=["d06", "d07", "d08"], min=1, max=2)])


@pytest.fixture
def uncountable(monkeypatch):
    """As where rules over many sets of drivers have too many outcomes to be counted."""
    monkeypatch.setattr(lookups, "count_allowed", lambda *_: None)


@pytest.mark.usefixtures("uncountable")
def test_what_cannot_be_counted_is_listed_and_marked_in_blocks_that_look_up(race, matrix, monkeypatch):
    marked = []

    def mark(lineups, allowed, rules):
        marked.append(len(lineups))
        mark_allowed(lineups, allowed, rules)

    class GoneOnceMarking(Watched):
        def checkpoint(self):
            if marked:
                self.stop()
            super().checkpoint()

    monkeypatch.setattr(lookups, "_ROW_BLOCK", 500)
    monkeypatch.setattr(lookups, "mark_allowed", mark)
    monkeypatch.setattr(blocks, "available_threads", lambda: 1)
    peers = Peers(FakeScenarioPeer(race, matrix), FakeOwnershipPeer(make_ownership(race)))
    asked, listed = pb.DescribeUniverseRequest(race_id="phoenix", structure=GROUPED), legal(race)
    with pytest.raises(Cancelled):
        lookups.describe_universe(asked, peers, GoneOnceMarking(), max_listed=len(listed))
    assert marked == [500]
    counts = lookups.describe_universe(asked, peers, Watched(), max_listed=len(listed))
    allowed = [columns for columns in listed if 1 <= len({6, 7, 8} & set(columns)) <= 2]
    assert (counts.n_legal_lineups, counts.n_allowed_lineups) == (len(listed), len(allowed))


@pytest.mark.usefixtures("uncountable")
def test_a_universe_that_is_too_large_to_list_is_not_listed(branched):
    asked = pb.DescribeUniverseRequest(race_id="phoenix", structure=GROUPED)
    error, _ = refused(lambda: branched.DescribeUniverse(asked), grpc.StatusCode.FAILED_PRECONDITION)
    assert "more than 10 legal lineups" in error.details()


def test_counting_and_building_share_the_places_for_long_computations(race, matrix):
    peers = FakeScenarioPeer(race, matrix), FakeOwnershipPeer(make_ownership(race))
    assert build(OptimizerSettings(port=0), *peers).heavy_methods == {"BuildPortfolio", "DescribeUniverse"}
