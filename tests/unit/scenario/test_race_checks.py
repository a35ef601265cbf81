import dataclasses

import pytest

from services.common.domain.errors import InvalidInput
from services.common.domain.race import Driver
from services.common.domain.site_rules import DRAFTKINGS_CLASSIC
from services.scenario.core.race_checks import complete_race, default_stages
from services.scenario.core.race_kernel import OVERTIME_LAPS
from tests.unit.scenario.slates import make_race


def replaced(race, index, **changes):
    drivers = list(race.drivers)
    drivers[index] = dataclasses.replace(drivers[index], **changes)
    return dataclasses.replace(race, drivers=tuple(drivers))


def fields(race):
    with pytest.raises(InvalidInput) as caught:
        complete_race(race)
    return [item.field for item in caught.value.violations]


def test_a_sound_race_gets_stages_and_a_snapshot():
    race = complete_race(make_race(laps=267))
    assert sum(race.stage_laps) == 267
    assert len(race.snapshot_hash) == 64
    assert complete_race(race).snapshot_hash == race.snapshot_hash


@pytest.mark.parametrize(
    "changes",
    [{"salary_dollars": 5_000}, {"start_position": 40}, {"team": "x"}, {"projected_points": 3.0}, {"withdrawn": True}],
)
def test_the_snapshot_follows_every_fact(changes):
    race = make_race()
    assert complete_race(replaced(race, 3, **changes)).snapshot_hash != complete_race(race).snapshot_hash


def test_faults_name_the_driver():
    race = make_race()
    assert fields(replaced(race, 2, driver_id="d0")) == ["race.drivers[2].driver_id"]
    assert fields(replaced(race, 2, name="Driver 1")) == ["race.drivers[2].name"]
    assert fields(replaced(race, 2, start_position=1)) == ["race.drivers[2].start_position"]
    assert fields(replaced(race, 2, salary_dollars=0)) == ["race.drivers[2].salary_dollars"]


@pytest.mark.parametrize(("laps", "fits"), [(400, True), (401, False)])
def test_points_of_the_longest_race_that_the_model_runs_have_to_fit(laps, fits):
    race = make_race(12, laps=laps)
    led_ticks = (2**15 - 1) // (400 + OVERTIME_LAPS)
    scoring = dataclasses.replace(
        DRAFTKINGS_CLASSIC.scoring,
        finish_ticks=((2**15 - 1) % (400 + OVERTIME_LAPS),),
        place_differential_ticks=0,
        lap_led_ticks=led_ticks,
        fastest_lap_ticks=0,
        lap_completed_ticks=0,
    )
    race = dataclasses.replace(race, rules=dataclasses.replace(race.rules, scoring=scoring))
    if fits:
        assert complete_race(race)
    else:
        assert fields(race) == ["race.rules.scoring"]


def test_ratings_and_averages_beyond_all_scales_are_refused():
    race = make_race()
    assert complete_race(replaced(race, 2, rating=-1e9, site_average_points=1e9))
    assert fields(replaced(race, 2, rating=1e160)) == ["race.drivers[2].rating"]
    assert fields(replaced(race, 3, site_average_points=-2e9)) == ["race.drivers[3].site_average_points"]


@pytest.mark.parametrize(
    ("stages", "complaint"), [((0, 267), "each stage needs a lap at least"), ((80, 85), "sum to 165 laps but 267")]
)
def test_stages_that_cannot_be_say_what_is_wrong_with_them(stages, complaint):
    with pytest.raises(InvalidInput, match=complaint):
        complete_race(dataclasses.replace(make_race(laps=267), stage_laps=stages))


def test_withdrawn_drivers_hold_no_place():
    race = replaced(replaced(make_race(), 2, start_position=1), 0, withdrawn=True)
    assert complete_race(race).starters[0].driver_id == "d1"


def test_scores_beyond_16_bits_are_refused():
    scoring = dataclasses.replace(DRAFTKINGS_CLASSIC.scoring, lap_led_ticks=200)
    race = make_race(laps=500, rules=dataclasses.replace(DRAFTKINGS_CLASSIC, scoring=scoring))
    assert fields(race) == ["race.rules.scoring"]


@pytest.mark.parametrize("laps", [10, 11, 100, 267, 1000])
def test_default_stages_sum(laps):
    stages = default_stages(laps)
    assert sum(stages) == laps
    assert min(stages) >= 1


def test_lineups_need_enough_drivers():
    few = (Driver("a", "A", 5000), Driver("b", "B", 5000))
    assert fields(make_race(drivers=few)) == ["race.drivers"]
