"""Scoring tables against the published points and their stated steps."""

import pytest

from services.common.domain.site_rules import DRAFTKINGS_CLASSIC, FANDUEL, TICKS_PER_POINT

# Published by places: frontstretch.com (Feb 2024), frcs.pro (Oct 2021).
DRAFTKINGS_ANCHORS = {1: 45, 2: 42, 3: 41, 10: 34, 11: 32, 20: 23, 21: 21, 27: 15, 30: 12, 31: 10, 40: 1}
FANDUEL_ANCHORS = {1: 43, 2: 40, 3: 38, 4: 37, 40: 1}


def points(rules, place):
    return rules.scoring.finish_ticks[place - 1] / TICKS_PER_POINT


@pytest.mark.parametrize(("place", "expected"), DRAFTKINGS_ANCHORS.items())
def test_draftkings_finish_points(place, expected):
    assert points(DRAFTKINGS_CLASSIC, place) == expected


def test_draftkings_loses_one_point_a_place_and_more_at_the_steps():
    losses = {
        place: points(DRAFTKINGS_CLASSIC, place) - points(DRAFTKINGS_CLASSIC, place + 1) for place in range(1, 40)
    }
    assert {place: loss for place, loss in losses.items() if loss != 1} == {1: 3, 10: 2, 20: 2, 30: 2}


@pytest.mark.parametrize(("place", "expected"), FANDUEL_ANCHORS.items())
def test_fanduel_finish_points(place, expected):
    assert points(FANDUEL, place) == expected


def test_points_beyond_finish_are_whole_ticks():
    scoring = DRAFTKINGS_CLASSIC.scoring
    assert (scoring.place_differential_ticks, scoring.lap_led_ticks, scoring.fastest_lap_ticks) == (20, 5, 9)
    assert scoring.lap_completed_ticks == 0
    scoring = FANDUEL.scoring
    assert (scoring.place_differential_ticks, scoring.lap_led_ticks, scoring.lap_completed_ticks) == (10, 2, 2)
    assert scoring.fastest_lap_ticks == 0


def test_places_beyond_the_table_score_nothing():
    table = DRAFTKINGS_CLASSIC.scoring.finish_table(43)
    assert table[39] == TICKS_PER_POINT
    assert table[40:].tolist() == [0, 0, 0]
