"""ContestSimService over a real loopback server."""

import contextlib
import threading
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import grpc
import numpy as np
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from pitwall.common.v1 import lineup_pb2
from pitwall.contestsim.v1 import contest_pb2
from pitwall.contestsim.v1 import contestsim_service_pb2 as pb
from pitwall.contestsim.v1.contestsim_service_pb2_grpc import ContestSimServiceStub
from services.common.domain.race import Driver, Race, Track, TrackType
from services.common.domain.site_rules import DRAFTKINGS_CLASSIC
from services.common.matrix.scenario_matrix import ScenarioMatrix
from services.common.rpc.peers import ProjectedOwnership
from services.common.rpc.testing import FakeOwnershipPeer, FakeScenarioPeer, serve
from services.common.universe import enumerate_lineups
from services.contest_sim.__main__ import build
from services.contest_sim.core import play
from services.contest_sim.core.field import fit_field
from services.contest_sim.core.field_parameters import FieldParameters, Prices
from services.contest_sim.settings import ContestSimSettings
from services.contest_sim.simulation import Simulation

N_DRIVERS = 24
SET_ID = "cd" * 16


def make_race():
    salaries = np.round(np.linspace(10_800, 5_000, N_DRIVERS), -2).astype(int)
    drivers = tuple(
        Driver(driver_id=f"d{i:02d}", name=f"Driver {i:02d}", salary_dollars=int(salary), start_position=i + 1)
        for i, salary in enumerate(salaries)
    )
    return Race("phoenix", Track(type=TrackType.SHORT), 312, DRAFTKINGS_CLASSIC, drivers, snapshot_hash="h")


def make_matrix(race, n_scenarios=400):
    rng = np.random.default_rng(5)
    points = race.salaries_dollars / 250.0 + rng.normal(0, 18, (n_scenarios, N_DRIVERS))
    regimes = (np.arange(n_scenarios) % 2).astype(np.uint8)
    ticks = np.round(points * 20).astype(np.int16)
    return ScenarioMatrix(race.race_id, SET_ID, "0" * 64, race.driver_ids, ticks, ("dominator", "chaos"), regimes)


RACE = make_race()
UNIVERSE = enumerate_lineups(RACE.salaries_dollars, 6, 50_000)


def legal_ownership():
    """Ownership of some field of legal lineups."""
    weights = np.random.default_rng(2).gamma(0.3, size=UNIVERSE.n_lineups)
    counts = np.zeros(N_DRIVERS)
    for slot in range(6):
        np.add.at(counts, UNIVERSE.lineups[:, slot].astype(int), weights)
    return 100.0 * counts / weights.sum()


OWNERSHIP = ProjectedOwnership(
    percent=legal_ownership(),
    lower_percent=legal_ownership() - 5,
    upper_percent=legal_ownership() + 5,
    concentration=40.0,
    projection_id="p",
    model_version="default",
    warnings=("few races in the history",),
)


def serving(matrix):
    scenario = FakeScenarioPeer(RACE, matrix)
    return serve([build(ContestSimSettings(), scenario, FakeOwnershipPeer(OWNERSHIP))])


@pytest.fixture(scope="module")
def stub():
    with serving(make_matrix(RACE)) as channel:
        yield ContestSimServiceStub(channel)


def entered(row, n_entries=0):
    return contest_pb2.EnteredLineup(lineup=lineup(row), n_entries=n_entries)


def lineup(row):
    return lineup_pb2.Lineup(driver_ids=[RACE.driver_ids[column] for column in UNIVERSE.lineups[row]])


def contest(n_entries=200, name="", **prizes):
    prizes = prizes or {"shape": contest_pb2.PrizeShape()}
    return contest_pb2.ContestSpec(n_entries=n_entries, entry_fee_cents=1000, name=name, **prizes)


def request(rows=(10, 999, 5000), **changes):
    fields = {
        "race_id": "phoenix",
        "entries": [entered(row) for row in rows],
        "contests": [contest()],
        "seed": 7,
    }
    return pb.SimulateContestRequest(**(fields | changes))


def result_of(stream):
    *progress, last = list(stream)
    assert all(message.HasField("progress") for message in progress)
    for before, after in pairwise(message.progress for message in progress):
        assert after.stage != before.stage or after.done >= before.done
        assert after.total == 0 or after.done <= after.total
    return last


def error_of(caught):
    """gRPC code, reason, and violations of an error."""
    status = rpc_status.from_call(caught.value)
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in status.details:
        if detail.Is(info.DESCRIPTOR):
            detail.Unpack(info)
        if detail.Is(bad.DESCRIPTOR):
            detail.Unpack(bad)
    return caught.value.code(), info.reason, {item.field: item.description for item in bad.field_violations}


def test_insight_that_too_few_fields_leave_out_of_reach_is_told(stub):
    few, many = (result_of(stub.SimulateContest(request(n_fields=n))).result for n in (1, 100))
    assert few.insight < many.insight - 0.1
    assert any("raise n_fields" in text for text in few.field.warnings)
    assert not any("n_fields" in text for text in many.field.warnings)
    ignorant = contest_pb2.FieldSpec(model=contest_pb2.ModelField(redraw_ownership=False))
    fixed = result_of(stub.SimulateContest(request(n_fields=1, field=ignorant))).result
    assert not any("n_fields" in text for text in fixed.field.warnings)


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


def test_without_redraw_ownership_stays_as_projected(stub):
    model = contest_pb2.ModelField(redraw_ownership=False, salary_tilt=0.5, sharpness=1.0, contrast=2.0)
    field = contest_pb2.FieldSpec(model=model)
    described = stub.DescribeField(
        pb.DescribeFieldRequest(race_id="phoenix", n_entries=197, field=field, lineups=[lineup(10)])
    )
    result = result_of(stub.SimulateContest(request(field=field))).result
    assert result.contests[0].lineups[0].expected_duplicates == pytest.approx(described.expected_copies[0], rel=0.01)


def test_described_field_has_the_projected_ownership(stub):
    response = stub.DescribeField(pb.DescribeFieldRequest(race_id="phoenix", n_entries=1000, lineups=[lineup(0)]))
    achieved = {value.driver_id: value.value for value in response.field.ownership_percent}
    assert list(achieved) == list(RACE.driver_ids)
    assert np.allclose(list(achieved.values()), OWNERSHIP.percent, atol=0.01)
    assert response.field.n_legal_lineups == UNIVERSE.n_lineups
    assert 0 < response.field.unique_share < 1
    assert len(response.expected_copies) == 1


def test_given_ownership_and_parameters_are_used(stub):
    values = [
        lineup_pb2.DriverValue(driver_id=d, value=v) for d, v in zip(RACE.driver_ids, OWNERSHIP.percent, strict=True)
    ]
    model = contest_pb2.ModelField(ownership_percent=values, salary_tilt=0.0, sharpness=0.0, contrast=0.0)
    response = stub.DescribeField(
        pb.DescribeFieldRequest(
            race_id="phoenix", n_entries=1000, field=contest_pb2.FieldSpec(model=model), lineups=[lineup(3)]
        )
    )
    field = fit_field(UNIVERSE, Prices(RACE.salaries_dollars, 50_000), OWNERSHIP.percent / 100, FieldParameters())
    assert response.expected_copies[0] == pytest.approx(1000 * field.probabilities(np.array([3]))[0], rel=1e-3)
    assert not response.field.warnings
    assert response.field.ownership_distance == 0.0


def test_ownership_beyond_the_cap_gives_the_nearest_and_says_so(stub):
    percent = np.full(N_DRIVERS, 2.0)
    percent[:6] = (600 - 36) / 6
    values = [lineup_pb2.DriverValue(driver_id=d, value=v) for d, v in zip(RACE.driver_ids, percent, strict=True)]
    model = contest_pb2.ModelField(ownership_percent=values)
    response = stub.DescribeField(
        pb.DescribeFieldRequest(race_id="phoenix", n_entries=100, field=contest_pb2.FieldSpec(model=model))
    )
    assert "nearest" in response.field.warnings[0]
    assert "points away" in response.field.warnings[0]
    assert response.field.ownership_distance >= response.field.max_ownership_error > 1


def test_sampled_field_is_compressed_and_legal(stub):
    drawn = [
        item
        for message in stub.SampleField(pb.SampleFieldRequest(race_id="phoenix", n_entries=5000, seed=3))
        for item in message.lineups
    ]
    copies = [item.n_entries for item in drawn]
    assert sum(copies) == 5000
    assert copies == sorted(copies, reverse=True)
    assert len({tuple(item.lineup.driver_ids) for item in drawn}) == len(drawn)
    columns = [[RACE.driver_index[driver] for driver in item.lineup.driver_ids] for item in drawn]
    assert all(len(set(row)) == 6 and RACE.salaries_dollars[row].sum() <= 50_000 for row in columns)


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


def test_field_depends_on_fee_and_entries_per_user(stub):
    """Sharper at high fees; the most played lineup is copied less where a user may hold it once among many entries."""

    def described(**setting):
        return stub.DescribeField(pb.DescribeFieldRequest(race_id="phoenix", n_entries=5000, **setting)).field

    assert described() == described(entry_fee_cents=100, max_entries_per_user=150)
    cheap, dear = described(entry_fee_cents=800), described(entry_fee_cents=55_500)
    assert dear.effective_lineups < cheap.effective_lineups
    single, many = described(max_entries_per_user=1), described(max_entries_per_user=150)
    assert single.max_expected_copies > many.max_expected_copies
    drawn = [
        next(stub.SampleField(pb.SampleFieldRequest(race_id="phoenix", n_entries=50, seed=1, entry_fee_cents=fee)))
        for fee in (800, 55_500)
    ]
    assert drawn[0] != drawn[1]


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


def test_prizes_resolve_to_rows(stub):
    response = stub.ResolvePrizes(pb.ResolvePrizesRequest(contest=contest(100, text="1st $500\n2nd - 3rd $100.50")))
    assert [(row.first_place, row.last_place, row.prize_cents) for row in response.table.rows] == [
        (1, 1, 50_000),
        (2, 3, 10_050),
    ]
    assert response.pool_cents == 70_100
    assert response.rake == pytest.approx(1 - 701 / 1000)


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


def test_scenarios_without_regimes_are_played_too():
    matrix = make_matrix(RACE)
    plain = replace(matrix, regime_names=(), regimes=np.zeros(matrix.n_scenarios, dtype=np.uint8))
    with serving(plain) as channel:
        result = result_of(ContestSimServiceStub(channel).SimulateContest(request(n_fields=2))).result
    assert not result.contests[0].portfolio.regimes


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


def test_unknown_race_and_missing_scenarios_have_their_status(stub):
    with pytest.raises(grpc.RpcError) as caught:
        list(stub.SimulateContest(request(race_id="nowhere")))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    with serving(None) as channel, pytest.raises(grpc.RpcError) as caught:
        list(ContestSimServiceStub(channel).SimulateContest(request()))
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION


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
