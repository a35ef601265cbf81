import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from services.common.domain.errors import Cancelled
from services.common.domain.race import TrackType
from services.common.domain.site_rules import DRAFTKINGS_CLASSIC, FANDUEL
from services.scenario.calibration.flow_defaults import FLOW_DEFAULTS
from services.scenario.core.incident_kernels import DAMAGE_PACE, QUALIFYING, accident_size, caution_starts, pace_on
from services.scenario.core.race_flow import NEVER, REGIME_NAMES
from services.scenario.core.race_kernel import draw_trouble, new_cars
from services.scenario.core.scores import normal_scores, rank_scores
from services.scenario.core.simulate import BLOCK_SCENARIOS, close_gaps, kernel_field, simulate, simulate_block
from tests.unit.scenario.slates import make_input

QUIET = {
    "race_spread": 0.0,
    "accident_mean": 1e-9,
    "mechanical_mean": 0.0,
    "fuel_chance": 0.0,
    "team_sd": 0.0,
    "start_effect": 0.0,
    "shortened_chance": 0.0,
    "score_bend": 0.0,
    "trouble_rate": 0.0,
}


@st.composite
def random_inputs(draw):
    n = draw(st.integers(6, 43))
    kind = draw(st.sampled_from(list(TrackType)))
    laps = draw(st.one_of(st.integers(4, 12), st.integers(12, 500)))
    seed = draw(st.integers(0, 2**32))
    rng = np.random.default_rng(seed)
    start = rng.permutation(n) + 1
    start[rng.random(n) < draw(st.sampled_from([0.0, 0.3, 1.0]))] = 0
    flow = {
        "race_spread": draw(st.sampled_from([0.0, 0.4, 1.0])),
        "accident_mean": draw(st.sampled_from([1e-9, 3.0, 30.0])),
        "crash_out": draw(st.sampled_from([0.0, 0.5, 1.0])),
        "mechanical_mean": draw(st.sampled_from([0.0, 0.05, 0.9])),
        "shortened_chance": draw(st.sampled_from([0.0, 0.5])),
        "stint_rate": draw(st.sampled_from([0.0, 0.3])),
        "caution_laps": draw(st.sampled_from([1.0, 30.0])),
    }
    rules = draw(st.sampled_from([DRAFTKINGS_CLASSIC, FANDUEL]))
    return make_input(n, laps=laps, kind=kind, strength=rng.normal(0, 2, n), start=start, rules=rules, **flow), seed


@settings(max_examples=40, deadline=None)
@given(random_inputs())
def test_every_scenario_conserves_places_and_laps(case):
    inputs, seed = case
    n = inputs.strength.size
    block = simulate_block(inputs, 40, seed=seed, block=0)
    places = np.arange(1, n + 1)
    laps_run, green = block.race[:, 0], block.race[:, 1]
    assert (np.sort(block.finish, axis=1) == places).all()
    assert (np.sort(block.start, axis=1) == places).all()
    assert (block.laps_led.sum(axis=1) == laps_run).all()
    assert (block.fastest_laps.sum(axis=1) == green).all()
    assert ((block.start.astype(int) - block.finish).sum(axis=1) == 0).all()
    assert (laps_run <= inputs.scheduled_laps + 20).all()
    assert (laps_run >= inputs.scheduled_laps // 2).all()
    assert (block.laps_led >= 0).all()
    assert (block.fastest_laps >= 0).all()
    assert (np.maximum(block.laps_led, block.fastest_laps) <= block.laps_completed).all()
    assert (block.laps_completed <= laps_run[:, None]).all()
    by_finish = np.take_along_axis(block.laps_completed, np.argsort(block.finish, axis=1), axis=1)
    assert (np.diff(by_finish, axis=1) <= 0).all()


@settings(max_examples=20, deadline=None)
@given(random_inputs())
def test_ticks_follow_from_the_site_rules(case):
    inputs, seed = case
    block = simulate_block(inputs, 20, seed=seed, block=0)
    scoring = inputs.rules.scoring
    table = scoring.finish_table(inputs.strength.size)
    expected = (
        table[block.finish - 1]
        + scoring.place_differential_ticks * (block.start.astype(int) - block.finish)
        + scoring.lap_led_ticks * block.laps_led.astype(int)
        + scoring.fastest_lap_ticks * block.fastest_laps.astype(int)
        + scoring.lap_completed_ticks * block.laps_completed.astype(int)
    )
    assert (block.ticks == expected).all()


def test_known_grid_places_are_kept_and_open_ones_filled():
    start = np.array([3, 0, 1, 0, 6, 0])
    block = simulate_block(make_input(6, start=start), 500, seed=1, block=0)
    assert (block.start[:, [0, 2, 4]] == [3, 1, 6]).all()
    assert set(np.unique(block.start[:, [1, 3, 5]])) == {2, 4, 5}
    # Stronger drivers qualify better on average.
    assert block.start[:, 1].mean() < block.start[:, 5].mean()


def test_qualifying_draws_places_that_are_open_by_strength():
    # The first place of two is won with the logistic chance of 1.5 times the sharp difference in strength.
    for sharpness in (1.0, 2.0):
        inputs = make_input(
            2, strength=np.array([0.5, -0.5]), start=np.zeros(2, np.int64), sharpness=sharpness, race_spread=0.0
        )
        first = (simulate_block(inputs, 20_000, seed=1, block=0).start[:, 0] == 1).mean()
        assert first == pytest.approx(1 / (1 + np.exp(-QUALIFYING * sharpness)), abs=0.01)


def test_winner_leads_the_last_lap_and_cars_out_do_not_win_while_others_run():
    block = simulate_block(make_input(30, kind=TrackType.SUPERSPEEDWAY), 2_000, seed=3, block=0)
    winner = block.finish.argmin(axis=1)
    rows = np.arange(len(winner))
    assert (block.laps_led[rows, winner] >= 1).all()
    assert (block.out[rows, winner] == 0).all()


def test_no_car_is_a_lap_ahead_of_a_better_finisher_in_short_races():
    # In some 2 % of these a car has led more laps than its place alone would have it complete.
    block = simulate_block(make_input(38, laps=10, kind=TrackType.SHORT), 2_000, seed=1, block=0)
    by_finish = np.take_along_axis(block.laps_completed, np.argsort(block.finish, axis=1), axis=1)
    assert (np.diff(by_finish, axis=1) <= 0).all()
    assert (block.laps_led <= block.laps_completed).all()


def test_a_race_that_everybody_falls_out_of_still_has_a_winner_at_the_flag():
    inputs = make_input(12, mechanical_mean=1.0, mechanical_slope=0.0)
    block = simulate_block(inputs, 200, seed=3, block=0)
    rows, winner = np.arange(200), block.finish.argmin(axis=1)
    assert (block.out[rows, winner] == 0).all()
    assert ((block.out == 0).sum(axis=1) == 1).all()
    assert (block.laps_completed[rows, winner] == block.race[:, 0]).all()


def test_same_seed_gives_the_same_bytes_on_any_number_of_workers():
    inputs = make_input(20)
    n = 2 * BLOCK_SCENARIOS + 100
    one, three = (simulate(inputs, n, seed=5, workers=workers) for workers in (1, 3))
    assert one.ticks.tobytes() == three.ticks.tobytes()
    assert one.regimes.tobytes() == three.regimes.tobytes()
    assert (one.totals.finish == three.totals.finish).all()
    assert simulate(inputs, n, seed=6).ticks.tobytes() != one.ticks.tobytes()


def test_a_longer_run_begins_with_the_whole_blocks_of_a_shorter_one():
    inputs = make_input(10)
    short, long = (simulate(inputs, n, seed=5) for n in (BLOCK_SCENARIOS, BLOCK_SCENARIOS + 500))
    assert (long.ticks[:BLOCK_SCENARIOS] == short.ticks).all()


def test_totals_are_those_of_the_scenarios():
    inputs = make_input(15)
    simulation = simulate(inputs, 3_000, seed=2)
    first = simulate_block(inputs, BLOCK_SCENARIOS, seed=2, block=0)
    second = simulate_block(inputs, 3_000 - BLOCK_SCENARIOS, seed=2, block=1)
    finish = np.concatenate([first.finish, second.finish])
    assert (simulation.totals.wins == (finish == 1).sum(axis=0)).all()
    assert (simulation.totals.top10 == (finish <= 10).sum(axis=0)).all()
    assert (simulation.totals.finish == finish.sum(axis=0)).all()
    assert (simulation.totals.dnf == np.concatenate([first.out, second.out]).astype(bool).sum(axis=0)).all()


def test_a_race_without_incidents_follows_the_attrition_model():
    # With two cars P(first wins) of the attrition form is the logistic function of the difference in score.
    for gap in (0.0, 0.7, 2.0):
        inputs = make_input(2, strength=np.array([gap, 0.0]), **QUIET)
        block = simulate_block(inputs, 40_000, seed=9, block=0)
        assert (block.finish[:, 0] == 1).mean() == pytest.approx(1 / (1 + np.exp(-gap)), abs=0.01)


def test_sharpness_multiplies_expected_scores():
    inputs = make_input(2, strength=np.array([0.7, 0.0]), **QUIET, sharpness=2.0)
    block = simulate_block(inputs, 40_000, seed=9, block=0)
    assert (block.finish[:, 0] == 1).mean() == pytest.approx(1 / (1 + np.exp(-2.0 * 0.7)), abs=0.01)


def test_last_place_is_drawn_with_worth_exp_minus_score():
    strength = np.array([1.0, 0.2, -0.4, -0.8])
    block = simulate_block(make_input(4, strength=strength, **QUIET), 60_000, seed=9, block=0)
    worth = np.exp(-strength)
    last = (block.finish == 4).mean(axis=0)
    assert last == pytest.approx(worth / worth.sum(), abs=0.01)


def test_accidents_take_cars_in_clusters():
    inputs = make_input(36, accident_mean=4.0, accident_shape=3.0, accident_growth=0.7, mechanical_mean=0.0)
    out = (simulate_block(inputs, 20_000, seed=4, block=0).out == 1).sum(axis=1)
    rate = out.mean() / 36
    assert out.var() > 2.0 * 36 * rate * (1 - rate)


def test_cautions_are_over_dispersed_and_fall_apart_from_each_other():
    # Short cautions in a long race are rarely drawn into each other: the counts are sums of two over-dispersed laws.
    mean, shape = 4.0, 2.0
    causes = {"accident_mean": mean, "accident_shape": shape, "caution_mean": mean, "caution_shape": shape}
    inputs = dataclasses.replace(make_input(36, laps=500, caution_laps=1.0, **causes), stage_laps=(500,))
    cautions = simulate_block(inputs, 20_000, seed=4, block=0).race[:, 2]
    assert cautions.mean() == pytest.approx(2 * mean, rel=0.02)
    assert cautions.var() == pytest.approx(2 * (mean + mean**2 / shape), rel=0.05)


@given(st.integers(0, 2**32))
@settings(max_examples=30, deadline=None)
def test_no_caution_starts_under_another_while_there_is_room(seed):
    flow = FLOW_DEFAULTS[TrackType.SHORT]._replace(accident_mean=3.0, caution_mean=3.0, caution_laps=8.0)
    field = kernel_field(make_input(36, laps=500))
    accidents, others = caution_starts(np.random.default_rng(seed), flow, field, 500)
    starts = np.concatenate([accidents, others])
    # Six cautions of eight laps, eight tries each: none is left where another lasts.
    assert (np.diff(np.sort(starts)) >= 8).all()
    assert not any(0 <= start - end < 8 for start in starts for end in field.stage_ends)
    assert (np.diff(accidents) > 0).all()


def test_trouble_costs_the_finish_but_no_fast_laps():
    by_pace = {"race_day": 0.9, "front_sd": 0.0, "fast_day_sd": 0.0, "fast_sharpness": 1.5}
    inputs = make_input(36, laps=267, **(QUIET | by_pace | {"strength": np.linspace(3.0, -3.0, 36)}))
    struck, spared = (
        simulate_block(
            dataclasses.replace(inputs, flow=inputs.flow._replace(trouble_rate=rate, trouble_size=6.0)),
            4_000,
            seed=6,
            block=0,
        )
        for rate in (0.15, 0.0)
    )
    fallen = [(block.finish[:, :6] > 20).mean() for block in (struck, spared)]
    assert fallen[0] > 0.12 > 2 * fallen[1]
    for counts in ("fastest_laps", "laps_led"):
        rear = [(getattr(block, counts) * (block.finish > 20)).sum() for block in (struck, spared)]
        assert rear[0] > 3 * rear[1]


@pytest.mark.parametrize("cause", ["trouble", "damage"])
def test_after_trouble_a_car_has_fresh_tyres_and_no_better_finish(cause):
    hard = (
        {"accident_mean": 3.0, "crash_out": 0.0, "damage_score": 5.0} if cause == "damage" else {"trouble_rate": 0.15}
    )
    inputs = make_input(36, laps=267, **(QUIET | {"trouble_size": 6.0} | hard))
    fresh, worn = (
        simulate_block(dataclasses.replace(inputs, flow=inputs.flow._replace(fast_fresh=gain)), 500, seed=6, block=0)
        for gain in (2.5, 0.0)
    )
    assert (fresh.finish == worn.finish).all()
    assert (fresh.laps_led == worn.laps_led).all()
    rear = [(block.fastest_laps * (block.finish > 20)).sum() for block in (fresh, worn)]
    assert rear[0] > 1.1 * rear[1]


def test_trouble_comes_late_and_is_never_small():
    flow = FLOW_DEFAULTS[TrackType.SHORT]._replace(trouble_rate=0.25, trouble_size=4.0)
    rng = np.random.default_rng(3)
    drawn = [draw_trouble(rng, flow, 400) for _ in range(20_000)]
    losses, laps = np.array([found for found in drawn if found[0] > 0]).T
    assert len(losses) / len(drawn) == pytest.approx(0.25, abs=0.015)
    assert losses.min() >= 2.0
    assert losses.mean() == pytest.approx(4.0, abs=0.15)
    # A chance that grows evenly: a share of a quarter falls in the first half.
    assert (laps < 200).mean() == pytest.approx(0.25, abs=0.025)
    assert laps.min() >= 0
    assert laps.max() < 400
    assert all(lap >= NEVER for loss, lap in drawn if loss == 0.0)


def test_a_fast_day_is_worth_laps_and_no_places():
    spread = {"front_sd": 1.5, "lead_sharpness": 2.0, "strength": np.zeros(36)}
    block = simulate_block(make_input(36, laps=267, **(QUIET | spread)), 4_000, seed=6, block=0)
    led, fast = block.laps_led.astype(float), block.fastest_laps.astype(float)
    plain = simulate_block(make_input(36, laps=267, **(QUIET | spread | {"front_sd": 0.0})), 4_000, seed=6, block=0)
    assert np.corrcoef(led.ravel(), fast.ravel())[0, 1] > 0.3
    for counts in ("laps_led", "fastest_laps"):
        ahead = [
            (getattr(one, counts) * (one.finish <= 5)).sum() / getattr(one, counts).sum() for one in (block, plain)
        ]
        assert ahead[0] < ahead[1]


def test_fast_laps_go_to_those_who_suit_the_front():
    flat = QUIET | {"strength": np.zeros(36), "front_sd": 1.0, "fast_day_sd": 1.5, "fast_leader": 0.0}
    apart, together = (
        simulate_block(make_input(36, laps=267, **(flat | {"fast_front": share})), 2_000, seed=6, block=0)
        for share in (0.0, 0.95)
    )

    def agreement(block):
        return np.corrcoef(block.laps_led.ravel(), block.fastest_laps.ravel())[0, 1]

    assert agreement(together) > agreement(apart) + 0.2
    spread = [block.fastest_laps.std(axis=1).mean() for block in (apart, together)]
    assert spread[0] == pytest.approx(spread[1], rel=0.05)


def test_accidents_among_few_cars_are_small():
    flow = FLOW_DEFAULTS[TrackType.SUPERSPEEDWAY]._replace(accident_single=0.0, accident_growth=0.8)
    rng = np.random.default_rng(1)
    full, half = (np.mean([accident_size(rng, flow, running, 40) for _ in range(20_000)]) for running in (40, 20))
    # Geometric: one more with chance 0.8, or 0.4 when half the field is out.
    assert full == pytest.approx(1 + 1 / 0.2, rel=0.03)
    assert half == pytest.approx(1 + 1 / 0.6, rel=0.03)


def test_a_bend_brings_the_good_together_and_the_slow_apart():
    strength = np.linspace(2.0, -2.0, 36)
    straight, bent_field = (
        simulate_block(
            make_input(36, strength=strength, **(QUIET | {"score_bend": bend})), 4_000, seed=6, block=0
        ).finish.mean(axis=0)
        for bend in (0.0, 0.5)
    )
    assert np.ptp(bent_field[:9]) < 0.8 * np.ptp(straight[:9])
    assert np.ptp(bent_field[-9:]) > 1.2 * np.ptp(straight[-9:])


def test_damage_costs_pace_only_once_it_is_done():
    cars = new_cars(1)
    cars.pace[0], cars.damage[0], cars.damage_lap[0] = 2.0, 1.0, 100
    assert pace_on(99, 0, cars) == 2.0
    assert pace_on(100, 0, cars) == 2.0 - DAMAGE_PACE


def test_mechanical_failures_have_their_mean_and_favour_the_strong():
    inputs = make_input(36, accident_mean=1e-9, mechanical_mean=0.05, mechanical_slope=1.0)
    failed = (simulate_block(inputs, 20_000, seed=4, block=0).out == 2).mean(axis=0)
    assert failed.mean() == pytest.approx(0.05, rel=0.05)
    assert failed[0] < failed[-1]


def test_teammates_share_their_day():
    alike = {"accident_mean": 1e-9, "mechanical_mean": 0.0, "strength": np.zeros(30)}
    together, apart = (
        np.corrcoef(simulate_block(make_input(30, team_sd=sd, **alike), 20_000, seed=8, block=0).finish.T)
        for sd in (0.8, 0.0)
    )
    assert together[0, 1] > 0.1
    # A permutation of n has pairwise correlations of -1 / (n - 1).
    assert apart[0, 1] == pytest.approx(-1 / 29, abs=0.03)
    assert together[0, 4] < 0


def test_regimes_are_labelled_and_all_occur():
    regimes = simulate(make_input(36, kind=TrackType.INTERMEDIATE, laps=267), 4_000, seed=1).regimes
    assert set(np.unique(regimes)) == set(range(len(REGIME_NAMES)))


def test_a_raised_checkpoint_stops_the_simulation():
    calls = []

    def checkpoint():
        calls.append(1)
        if len(calls) == 3:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        simulate(make_input(), 50 * BLOCK_SCENARIOS, seed=1, workers=2, checkpoint=checkpoint)
    assert len(calls) == 3


def test_gaps_of_withdrawn_drivers_are_closed():
    assert close_gaps(np.array([5, 1, 3])).tolist() == [3, 1, 2]
    assert close_gaps(np.array([5, 0, 4])).tolist() == [3, 0, 2]
    assert close_gaps(np.array([0, 0, 0])).tolist() == [0, 0, 0]


def test_scores():
    scores = normal_scores(9)
    assert scores[4] == pytest.approx(0, abs=1e-12)
    assert scores[0] == pytest.approx(norm.ppf(1 - 0.625 / 9.25))
    ranked = rank_scores(np.array([3.0, np.nan, 1.0, 3.0]))
    assert np.isnan(ranked[1])
    assert ranked[0] == ranked[3] > ranked[2]


def test_flow_defaults_cover_every_track_type():
    assert set(FLOW_DEFAULTS) == set(TrackType)


def test_a_race_of_one_lap_can_be_shortened_and_still_is_one():
    inputs = dataclasses.replace(make_input(6, shortened_chance=1.0), scheduled_laps=1, stage_laps=(1,))
    block = simulate_block(inputs, 200, seed=1, block=0)
    assert (block.laps_led.sum(axis=1) == block.race[:, 0]).all()
    assert block.race[:, 0].min() == 1
