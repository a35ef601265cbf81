"""Who leads which lap, on cars made by hand."""

import numpy as np
import pytest

from services.common.domain.race import TrackType
from services.scenario.calibration.flow_defaults import FLOW_DEFAULTS
from services.scenario.core.incident_kernels import running_score, score_lost
from services.scenario.core.lap_kernels import drop_back, next_leader, run_laps
from services.scenario.core.race_character import alike
from services.scenario.core.race_flow import NEVER, LapSheet
from services.scenario.core.race_kernel import new_cars

LAPS = 60
STEADY = FLOW_DEFAULTS[TrackType.SHORT]._replace(
    lead_sharpness=2.0,
    lead_change_rate=0.0,
    lead_hold=1.0,
    stint_rate=0.0,
    closing_bonus=1.0,
    takeover_laps=0.0,
    run_sd=0.0,
)
"""Whoever leads goes on to lead, but for what happens to him; the winner is in front on the last lap only."""


def cars_on_track(n=3):
    """Cars of equal score, untouched so far."""
    cars = new_cars(n)
    for values in (cars.early, cars.pace, cars.score, cars.setback, cars.damage, cars.front, cars.quick):
        values[:] = 0.0
    for laps in (cars.out_lap, cars.trouble_lap, cars.damage_lap):
        laps[:] = NEVER
    for counts in (cars.out, cars.led, cars.fastest):
        counts[:] = 0
    cars.lead[:] = 1.0
    return cars


def leaders(flow, cars, *, winner, yellow=(), seed=0):
    """Leader of each lap."""
    sheet = LapSheet(np.zeros(LAPS, np.bool_), np.zeros(LAPS, np.bool_), np.empty(LAPS, np.int64))
    sheet.yellow[list(yellow)] = True
    run_laps(np.random.default_rng(seed), alike(flow, 1)[0], LAPS, sheet, winner, cars)
    assert (cars.out_lap[sheet.leader_of] > np.arange(LAPS)).all()
    return sheet.leader_of


def test_trouble_shows_from_its_lap_on():
    cars = cars_on_track()
    cars.setback[1], cars.trouble_lap[1] = 3.0, 50
    assert [running_score(0.5, lap, 1, cars) for lap in (49, 50)] == [0.0, -3.0]
    cars.damage[1], cars.damage_lap[1] = 1.0, 80
    assert [score_lost(lap, 1, cars) for lap in (49, 50, 79, 80)] == [0.0, 3.0, 3.0, 4.0]
    assert score_lost(80, 0, cars) == 0.0


def test_trouble_costs_the_lead():
    cars = cars_on_track()
    cars.setback[0], cars.trouble_lap[0] = 8.0, 50
    cars.out_lap[1] = 60
    rng = np.random.default_rng(2)
    for lap, able in ((49, {0}), (50, {1, 2})):
        drop_back(STEADY, lap, cars)
        assert {next_leader(rng, STEADY, lap, 0, False, True, cars) for _ in range(200)} == able
    drop_back(STEADY, 60, cars)
    assert {next_leader(rng, STEADY, 60, 1, False, False, cars) for _ in range(200)} == {2}
    # Nobody passes under caution.
    eager = STEADY._replace(lead_change_rate=1.0)
    assert {next_leader(rng, eager, 61, 0, False, False, cars) for _ in range(200)} == {0}


def test_a_leader_in_trouble_within_a_run_never_leads_again():
    cars = cars_on_track()
    cars.early[0] = cars.pace[0] = 5.0
    cars.setback[0], cars.trouble_lap[0] = 20.0, 30
    leader_of = leaders(STEADY, cars, winner=1)
    assert (leader_of[:30] == 0).all()
    assert (leader_of[30:] != 0).all()


def test_a_car_in_trouble_within_a_run_is_no_heir_to_the_lead():
    for seed in range(20):
        cars = cars_on_track()
        cars.early[0] = cars.pace[0] = 20.0
        cars.setback[1], cars.trouble_lap[1] = 20.0, 20
        cars.out_lap[0] = 30
        assert (leaders(STEADY, cars, winner=2, seed=seed)[30:] == 2).all()


def test_trouble_ends_a_stint_off_sequence():
    always = STEADY._replace(stint_rate=1.0, stint_laps=1_000.0, stint_floor=0.0)
    for seed in range(20):
        cars = cars_on_track()
        cars.setback[:2], cars.trouble_lap[:2] = 20.0, 30
        assert (leaders(always, cars, winner=2, seed=seed)[30:] == 2).all()


def test_the_order_stands_under_caution_whatever_happens_behind_the_leader():
    eager = STEADY._replace(lead_change_rate=1.0)
    for seed in range(20):
        cars = cars_on_track(6)
        cars.trouble_lap[5], cars.setback[5] = 25, 20.0
        cars.early[5] = cars.pace[5] = -20.0
        leader_of = leaders(eager, cars, winner=4, yellow=range(20, 40), seed=seed)
        assert set(leader_of[20:40]) == {leader_of[20]}
        assert len(set(leader_of[40:])) > 1


@pytest.mark.parametrize("sharpness", [6.0, 1_000.0])
def test_a_car_that_runs_can_lead_however_slow_it_is(sharpness):
    # All but one retire: the last of them, hopeless and in trouble, is all there is to lead.
    for seed in range(20):
        cars = cars_on_track()
        cars.early[1] = cars.pace[1] = -300.0
        cars.setback[1], cars.trouble_lap[1] = 1_000.0, 10
        cars.out_lap[0], cars.out_lap[2] = 20, 30
        assert (leaders(STEADY._replace(lead_sharpness=sharpness), cars, winner=1, seed=seed)[30:] == 1).all()
