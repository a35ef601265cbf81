"""Calibration of a folder from end to end, and the file it makes."""

import copy
import dataclasses
import json

import numpy as np
import pytest

from services.common.domain.errors import InvalidInput
from services.common.domain.race import Series, TrackType
from services.scenario.calibration.fit import calibrate, write_calibration
from services.scenario.calibration.flow_defaults import FLOW_DEFAULTS
from services.scenario.calibration.flow_fit import (
    BOUNDS,
)
from services.scenario.calibration.history import read_history
from services.scenario.calibration_file import read_calibration
from services.scenario.core.calibration import calibration_from_document
from services.scenario.core.strength import driver_skill
from tests.unit.scenario.calibration.history import QUICK
from tests.unit.scenario.slates import make_race
from tests.unit.scenario.synthetic_history import write_history


def test_calibration_of_a_folder_makes_a_file_that_simulates(document, tmp_path):
    path = tmp_path / "calibration.json"
    write_calibration(document, path)
    assert [item.name for item in tmp_path.iterdir()] == ["calibration.json"]
    calibration = read_calibration(path)
    assert calibration.version != read_calibration().version
    assert json.loads(path.read_text())["provenance"]["series"]["cup"]["races"] == 36
    track = calibration.track(Series.TRUCK, TrackType.SHORT)
    assert 0 < track.flow.accident_mean < 13
    assert track.skill_score > 0.3
    drivers = [
        dataclasses.replace(driver, name=f"Driver {chr(65 + index)}", salary_dollars=5_000)
        for index, driver in enumerate(make_race(12).drivers)
    ]
    skill = driver_skill(make_race(12, drivers=tuple(drivers)), calibration)
    # Equal salaries leave only the form, whose spread among them is nothing: skill stays level.
    assert skill == pytest.approx(np.zeros(12), abs=1e-9)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("fast_front", 1.2),
        ("trouble_rate", -0.1),
        ("score_bend", -0.2),
        ("accident_shape", 0.0),
        ("sharpness", 0.0),
        ("closing_bonus", 0.0),
        ("fast_level", np.nan),
        ("run_sd", np.inf),
        ("accident_tilt", 800.0),
        ("closing_bonus", 10**400),
    ],
)
def test_a_coefficient_out_of_its_range_is_refused(document, name, value):
    changed = copy.deepcopy(document)
    changed["series"]["cup"]["tracks"]["short"]["flow"][name] = value
    with pytest.raises(InvalidInput, match=rf"calibration\.series: cannot be read \(({name} is|int too large)"):
        calibration_from_document(changed)


@pytest.mark.parametrize("part", ["flow", "form_weights", "skill_score"])
@pytest.mark.parametrize("value", [None, [], {"rating": "x"}, np.nan])
def test_a_track_of_another_layout_is_refused(document, part, value):
    changed = copy.deepcopy(document)
    changed["series"]["cup"]["tracks"]["short"][part] = value
    with pytest.raises(InvalidInput, match=r"calibration\.series: cannot be read"):
        calibration_from_document(changed)


@pytest.mark.parametrize("end", [0, 1])
def test_whatever_a_fit_can_end_at_is_accepted(document, end):
    ends = {name: ends[end] for name, ends in BOUNDS.items()}
    for flow in FLOW_DEFAULTS.values():
        changed = copy.deepcopy(document)
        changed["series"]["cup"]["tracks"]["short"]["flow"] = flow._replace(**ends)._asdict()
        assert calibration_from_document(changed).track(Series.CUP, TrackType.SHORT).flow == flow._replace(**ends)


def test_the_same_history_gives_the_same_calibration(folder, document):
    assert calibrate(folder, settings=QUICK) == document


def test_seasons_and_series_can_be_chosen(folder):
    shorter = calibrate(folder, settings=dataclasses.replace(QUICK, last_season=2019))
    assert shorter["provenance"]["series"]["cup"]["seasons"] == [2018, 2019]
    with pytest.raises(InvalidInput, match="no results file"):
        calibrate(folder, series=(Series.TRUCK,), settings=QUICK)
    with pytest.raises(InvalidInput, match="is no folder"):
        calibrate(folder / "missing", settings=QUICK)
    with pytest.raises(InvalidInput, match="holds no results file such as truck_results"):
        read_history(folder, Series.TRUCK)


def test_history_too_old_or_too_small_for_a_fit_is_refused(folder, tmp_path):
    with pytest.raises(InvalidInput, match=r"read: 2018-2021\) hold 0 races from 2022 on"):
        calibrate(folder, settings=dataclasses.replace(QUICK, first_season=2022))
    with pytest.raises(InvalidInput, match="no season"):
        calibrate(folder, settings=dataclasses.replace(QUICK, last_season=2017))
    write_history(tmp_path / "small", range(2020, 2021), races_per_season=2)
    with pytest.raises(InvalidInput, match="hold 2 races from 2017 on, at most 1 of a track type"):
        calibrate(tmp_path / "small", settings=QUICK)


def test_types_without_enough_races_are_named_in_the_provenance(document):
    source = document["provenance"]["series"]["cup"]
    assert source["not_fitted"] == {"road": 0, "dirt": 0}
    assert set(source["tracks"]) == {"short", "intermediate", "superspeedway"}


def test_track_types_without_races_are_those_that_come_with_pitwall(document):
    """A calibration of one's own serves races on every type of track, in every series."""
    calibration, ours = calibration_from_document(document), read_calibration()
    for kind in (TrackType.ROAD, TrackType.DIRT):
        for series in Series:
            assert calibration.track(series, kind) == ours.track(Series.CUP, kind)
    assert calibration.track(Series.CUP, TrackType.SHORT) != ours.track(Series.CUP, TrackType.SHORT)
