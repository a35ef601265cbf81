"""Contests played over gRPC, against model fields and known ones."""

import threading
from dataclasses import replace

import grpc
import numpy as np
import pytest

from pitwall.contestsim.v1 import contest_pb2
from pitwall.contestsim.v1 import contestsim_service_pb2 as pb
from pitwall.contestsim.v1.contestsim_service_pb2_grpc import ContestSimServiceStub
from services.common.rpc.testing import FakeOwnershipPeer, FakeScenarioPeer, serve
from services.contest_sim.__main__ import build
from services.contest_sim.core import play
from services.contest_sim.settings import ContestSimSettings
from services.contest_sim.simulation import Simulation
from tests.contract.contest_sim.world import (
    OWNERSHIP,
    RACE,
    SET_ID,
    contest,
    lineup,
    make_matrix,
    request,
    result_of,
    serving,
)


def test_insight_that_too_few_fields_leave_out_of_reach_is_told(stub):
    few, many = (result_of(stub.SimulateContest(request(n_fields=n))).result for n in (1, 100))
    assert few.insight < many.insight - 0.1
    assert any("raise n_fields" in text for text in few.field.warnings)
    assert not any("n_fields" in text for text in many.field.warnings)
    ignorant = contest_pb2.FieldSpec(model=contest_pb2.ModelField(redraw_ownership=False))
    fixed = result_of(stub.SimulateContest(request(n_fields=1, field=ignorant))).result
    assert not any("n_fields" in text for text in fixed.field.warnings)


def test_one_field_leaves_out_how_fields_differ_and_says_so(stub):
    model = contest_pb2.FieldSpec(model=contest_pb2.ModelField(insight=0.0))
    told = [
        list(result_of(stub.SimulateContest(request(n_fields=n, field=model))).result.field.warnings) for n in (1, 2)
    ]
    assert any("errors and intervals leave out how fields differ" in text for text in told[0])
    assert told[1] == ["few races in the history"]
    with serving(make_matrix(RACE, 1)) as channel:
        alone = result_of(ContestSimServiceStub(channel).SimulateContest(request(field=model))).result.field.warnings
    assert "take more scenarios" in alone[-1]


def test_what_ails_the_field_of_any_contest_is_told():
    """Ownership is projected for each contest: of its own field, not only the first one's."""

    class Rising(FakeOwnershipPeer):
        def project(self, race, scenario_set_id, call, *, contest=None):
            projected = super().project(race, scenario_set_id, call, contest=contest)
            return replace(projected, warnings=(f"of {contest.n_entries} entries", "of all"))

    peers = FakeScenarioPeer(RACE, make_matrix(RACE)), Rising(OWNERSHIP)
    with serve([build(ContestSimSettings(), *peers)]) as channel:
        asked = request(contests=[contest(100), contest(200)], n_fields=2)
        told = result_of(ContestSimServiceStub(channel).SimulateContest(asked)).result.field.warnings
    assert [text for text in told if text.startswith("of ")] == ["of 100 entries", "of all", "of 200 entries"]


def test_simulation_adds_up(stub):
    result = result_of(stub.SimulateContest(request(n_fields=8))).result
    assert (result.scenario_set_id, result.n_scenarios, result.n_fields, result.seed) == (SET_ID, 400, 8, 7)
    played = result.contests[0]
    portfolio = played.portfolio
    assert portfolio.profit_cents.value == pytest.approx(sum(item.profit_cents.value for item in played.lineups))
    assert portfolio.roi.value == pytest.approx(portfolio.profit_cents.value / portfolio.fees_cents)
    assert portfolio.profit_cents_lower < portfolio.profit_cents.value < portfolio.profit_cents_upper
    money = portfolio.profit_cents.value + portfolio.fees_cents
    assert sum(item.mean_prize_cents for item in portfolio.drivers) == pytest.approx(6 * money)
    assert sum(item.mean_profit_cents for item in portfolio.drivers) == pytest.approx(6 * portfolio.profit_cents.value)
    assert sum(item.share for item in portfolio.regimes) == pytest.approx(1.0)
    # Both regimes hold half of the scenarios.
    profits = [item.mean_profit_cents for item in portfolio.regimes]
    assert sum(profits) / 2 == pytest.approx(portfolio.profit_cents.value)
    assert [item.name for item in portfolio.regimes] == ["dominator", "chaos"]
    assert [item.level for item in portfolio.quantiles] == sorted(item.level for item in portfolio.quantiles)
    assert 0.0 <= portfolio.kelly_stake_share <= portfolio.kelly_fraction == 0.25
    for item in played.lineups:
        for rate in ("win_rate", "top1_rate", "cash_rate"):
            assert 1 / 800 < getattr(item, f"{rate}_standard_error") < 0.1
        assert item.mean_rank_standard_error > 0
    for chance in ("loss_probability", "any_win_probability", "any_top1_probability"):
        assert 1 / 800 < getattr(portfolio, f"{chance}_standard_error") < 0.1
    assert played.rake == pytest.approx(0.15, abs=1e-4)
    assert list(result.field.warnings) == ["few races in the history"]
    assert result.field.max_ownership_error < 0.01


def test_stake_follows_the_fraction_of_kelly_asked_for(stub):
    quarter, half = (result_of(stub.SimulateContest(request(kelly_fraction=share))).result for share in (0.0, 0.5))
    assert half.combined.kelly_fraction == half.contests[0].portfolio.kelly_fraction == 0.5
    assert half.combined.kelly_stake_share == pytest.approx(2 * quarter.combined.kelly_stake_share)


def test_same_seed_same_result_other_seed_another(stub):
    first, again = (result_of(stub.SimulateContest(request())) for _ in range(2))
    assert first == again
    other = result_of(stub.SimulateContest(request(seed=8)))
    assert other.result.contests[0] != first.result.contests[0]


def test_several_contests_at_once(stub):
    contests = [contest(), contest(500, text="1st $1,000\n2nd - 50th $20.00")]
    result = result_of(stub.SimulateContest(request(contests=contests))).result
    assert [item.name for item in result.contests] == ["contest 1", "contest 2"]
    assert result.contests[1].prizes.rows[1].last_place == 50
    alone = result_of(stub.SimulateContest(request())).result
    assert alone.contests[0] == result.contests[0]
    assert alone.combined.profit_cents == alone.contests[0].portfolio.profit_cents
    assert result.combined.n_entries == 6
    money = result.combined.profit_cents.value + result.combined.fees_cents
    assert sum(item.mean_prize_cents for item in result.combined.drivers) == pytest.approx(6 * money)
    assert sum(item.share for item in result.combined.regimes) == pytest.approx(1.0)
    first, second = (item.portfolio for item in result.contests)
    for together, one, other in zip(result.combined.drivers, first.drivers, second.drivers, strict=True):
        assert together.mean_prize_cents == pytest.approx(one.mean_prize_cents + other.mean_prize_cents)
    assert result.combined.profit_cents.value == pytest.approx(
        sum(item.portfolio.profit_cents.value for item in result.contests)
    )


def test_without_redraw_ownership_stays_as_projected(stub):
    model = contest_pb2.ModelField(redraw_ownership=False, salary_tilt=0.5, sharpness=1.0, contrast=2.0)
    field = contest_pb2.FieldSpec(model=model)
    described = stub.DescribeField(
        pb.DescribeFieldRequest(race_id="phoenix", n_entries=197, field=field, lineups=[lineup(10)])
    )
    result = result_of(stub.SimulateContest(request(field=field))).result
    assert result.contests[0].lineups[0].expected_duplicates == pytest.approx(described.expected_copies[0], rel=0.01)


def test_prizes_resolve_to_rows(stub):
    response = stub.ResolvePrizes(pb.ResolvePrizesRequest(contest=contest(100, text="1st $500\n2nd - 3rd $100.50")))
    assert [(row.first_place, row.last_place, row.prize_cents) for row in response.table.rows] == [
        (1, 1, 50_000),
        (2, 3, 10_050),
    ]
    assert response.pool_cents == 70_100
    assert response.rake == pytest.approx(1 - 701 / 1000)


def test_scenarios_without_regimes_are_played_too():
    matrix = make_matrix(RACE)
    plain = replace(matrix, regime_names=(), regimes=np.zeros(matrix.n_scenarios, dtype=np.uint8))
    with serving(plain) as channel:
        result = result_of(ContestSimServiceStub(channel).SimulateContest(request(n_fields=2))).result
    assert not result.contests[0].portfolio.regimes


def test_cancelled_simulation_ends_with_the_blocks_under_way(monkeypatch):
    """Of hundreds of blocks of some 50 ms each, no more are started than make up a second; the next call is served."""
    blocks_after_cancel, cancelled, ended = [], threading.Event(), threading.Event()
    settle, run = play.settle, Simulation.run

    def counted(ticks, *others):
        if cancelled.is_set():
            blocks_after_cancel.append(len(ticks))
        settle(ticks, *others)

    def watched(simulation, call, progress):
        try:
            return run(simulation, call, progress)
        finally:
            ended.set()

    monkeypatch.setattr(play, "settle", counted)
    monkeypatch.setattr(Simulation, "run", watched)
    with serving(make_matrix(RACE, 20_000)) as channel:
        stub = ContestSimServiceStub(channel)
        call = stub.SimulateContest(request(contests=[contest(500_000)], n_fields=1))
        assert any(message.progress.stage == "simulate" for message in call)
        call.cancel()
        cancelled.set()
        assert ended.wait(timeout=60)
        assert len(blocks_after_cancel) <= 20
        assert result_of(stub.SimulateContest(request(n_fields=1))).HasField("result")


def test_deadline_is_kept():
    with serving(make_matrix(RACE, 20_000)) as channel:
        big = request(contests=[contest(500_000)], n_fields=1000)
        with pytest.raises(grpc.RpcError) as caught:
            list(ContestSimServiceStub(channel).SimulateContest(big, timeout=1.0))
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
