"""A part of a track's name and the series are enough to know how far a race goes."""

import pandas as pd
import pytest

from pitwall.cli._race import planned_race
from pitwall.errors import InvalidInputError
from pitwall.tracks import KNOWN_TRACKS, TRACK_TYPES, find_track
from pitwall.types.race import Track

OVERTIME_LAPS = 25
"""Laps by which overtime may make a race longer."""
NAMES = {"Portland Speedway": "Portland International Raceway", "The Milwaukee Mile": "Milwaukee Mile"}
"""Tracks that the results call otherwise."""
SHORTENED = {("xfinity", "Chicago Street Course")}
"""Tracks at which rain ended every race early."""


@pytest.mark.parametrize(
    ("text", "name", "laps"),
    [
        ("phoenix", "Phoenix Raceway", 312),
        ("Watkins", "Watkins Glen International", 90),
        ("daytona", "Daytona International Speedway", 200),
        ("charlotte motor speedway road", "Charlotte Motor Speedway Road Course", 109),
        ("bristol", "Bristol Motor Speedway", 500),
    ],
)
def test_a_part_of_the_name_finds_the_track(text, name, laps):
    track, found_laps = find_track(text)
    assert (track.name, found_laps) == (name, laps)
    assert find_track(text, 77)[1] == 77


@pytest.mark.parametrize("known", KNOWN_TRACKS, ids=lambda known: known.name)
def test_every_track_is_found_by_its_full_name_or_a_shorter_one_of_the_place(known):
    assert known.type in TRACK_TYPES
    assert known.name.startswith(find_track(known.name, laps=100)[0].name)


@pytest.mark.parametrize(("text", "laps"), [("nowhere", 0), ("", 0), ("speedway", 0), ("short", 0)])
def test_what_is_unclear_is_asked_for(text, laps):
    with pytest.raises(InvalidInputError):
        find_track(text, laps)


def test_a_type_with_laps_is_enough():
    assert find_track("road", 70) == (Track("road"), 70)


@pytest.mark.parametrize(
    ("series", "text", "laps"),
    [("truck", "phoenix", 150), ("xfinity", "phoenix", 200), ("cup", "phoenix", 312), ("truck", "knoxville", 150)],
)
def test_each_series_has_its_own_distance(series, text, laps):
    assert find_track(text, series=series)[1] == laps
    assert planned_race(text, None, "", series)[1] == laps


@pytest.mark.parametrize(
    ("series", "text"), [("truck", "indianapolis motor speedway"), ("xfinity", "knoxville"), ("cup", "knoxville")]
)
def test_where_a_series_did_not_race_its_laps_are_asked_for(series, text):
    with pytest.raises(InvalidInputError, match=rf"laps: the {series} series has no usual distance at .* --laps 150"):
        planned_race(text, None, "", series)
    assert planned_race(text, 120, "", series)[1] == 120
    assert planned_race(text, None, "40,40,70", series)[1:] == (150, (40, 40, 70))


@pytest.mark.parametrize(
    ("series", "text", "name", "laps"),
    [
        ("cup", "indianapolis", "Indianapolis Motor Speedway", 160),
        ("xfinity", "indianapolis", "Indianapolis Motor Speedway Road Course", 62),
        ("truck", "indianapolis", "Lucas Oil Indianapolis Raceway Park", 200),
    ],
)
def test_of_tracks_that_fit_the_one_where_the_series_races_is_meant(series, text, name, laps):
    found, usual = find_track(text, series=series)
    assert (found.name, usual) == (name, laps)
    assert find_track(text, 99, series) == (found, 99)
    assert find_track("Indianapolis Motor Speedway", 100, series)[0].name == "Indianapolis Motor Speedway"


def test_a_series_that_is_none_is_refused():
    with pytest.raises(InvalidInputError, match="series: must be one of cup, xfinity, truck, not 'arca'"):
        find_track("phoenix", series="arca")


@pytest.mark.real_data
@pytest.mark.parametrize("series", ["xfinity", "truck"])
def test_distances_are_those_that_were_raced(series, shared_data):
    rows = pd.read_csv(shared_data / "race_results" / f"{series}_results_2010_2023.csv.gz", low_memory=False)
    raced = rows[rows["season"] >= 2022].groupby(["track", "season", "race_num"])["laps"].max()
    run = {NAMES.get(track, track): sorted(laps) for track, laps in raced.groupby("track")}
    usual = {known.name: getattr(known, series) for known in KNOWN_TRACKS if getattr(known, series)}
    assert set(usual) == set(run)
    for track, laps in usual.items():
        if (series, track) not in SHORTENED:
            assert any(laps <= one <= laps + OVERTIME_LAPS for one in run[track]), (track, laps, run[track])
