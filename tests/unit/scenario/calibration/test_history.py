"""Real-race histories as they are read from folders."""

import dataclasses
import gzip

import numpy as np
import pandas as pd
import pytest

from services.common.domain.errors import InvalidInput
from services.common.domain.race import TrackType
from services.scenario.calibration.direct_fit import fit_direct
from services.scenario.calibration.flow_defaults import FLOW_DEFAULTS
from services.scenario.calibration.form import KnownRace
from services.scenario.calibration.history import read_history
from services.scenario.calibration.order_fit import fit_orders
from tests.unit.scenario.calibration.history import historic
from tests.unit.scenario.synthetic_history import N_CARS


def test_history_is_read_with_points_teams_and_distances(races):
    assert len(races) == 36
    assert all(race.has_points and race.n_cars == N_CARS for race in races)
    assert {race.track_type for race in races} == {TrackType.SHORT, TrackType.INTERMEDIATE, TrackType.SUPERSPEEDWAY}
    assert {race.scheduled_laps for race in races if race.track == "Short Oval"} == {200}
    assert any(race.laps_run > race.scheduled_laps for race in races)
    assert all((np.sort(race.finish) == np.arange(1, N_CARS + 1)).all() for race in races)
    assert all(race.cautions == 6 and race.caution_laps == 30 for race in races)
    assert all(race.laps_led.sum() == race.laps_run for race in races)


def test_names_of_columns_and_track_types_may_be_those_of_the_source(folder, tmp_path):
    frame = pd.read_csv(folder / "race_results" / "cup_results.csv.gz").drop(columns="track_type")
    renamed = {"race_num": "Race", "laps_led": "Led", "track_length_mi": "Length", "driver_rating": "Rating"}
    frame.rename(columns=renamed).rename(columns=str.title).to_csv(tmp_path / "cup_results.csv", index=False)
    races = read_history(tmp_path)
    assert {race.track_type for race in races} == {TrackType.SHORT, TrackType.INTERMEDIATE, TrackType.SUPERSPEEDWAY}
    assert not any(race.has_points for race in races)
    assert np.isfinite(races[0].rating).all()


def test_folders_without_history_or_columns_are_refused(folder, tmp_path):
    with pytest.raises(InvalidInput, match="holds no"):
        read_history(tmp_path)
    frame = pd.read_csv(folder / "race_results" / "cup_results.csv.gz").drop(columns="status")
    frame.to_csv(tmp_path / "cup_results.csv", index=False)
    with pytest.raises(InvalidInput, match="status"):
        read_history(tmp_path)


def test_points_of_a_real_race_follow_the_site():
    race = historic()
    assert race.ticks()[0] == 45 * 20 + 100 * 5 + 80 * 9
    assert race.ticks()[5] == 38 * 20


def test_a_race_of_which_no_car_is_said_to_run_at_the_end_is_passed_over():
    """The results of Kentucky 2012 (Xfinity) give 29 of 43 cars out by "spindle" and none running."""
    rng = np.random.default_rng(4)
    known = [
        KnownRace(historic(9, race_num=k, finish=rng.permutation(9) + 1), rng.normal(size=(9, 4))) for k in range(8)
    ]
    untold = dataclasses.replace(known[0], race=dataclasses.replace(known[0].race, out=np.full(9, 2)))
    without, with_it = fit_orders(known[1:]), fit_orders([untold, *known[1:]])
    for kind, fit in without.items():
        assert with_it[kind].weights == pytest.approx(fit.weights)
    start = FLOW_DEFAULTS[TrackType.SHORT]
    flow = fit_direct(start, [untold], with_it[TrackType.SHORT], np.ones(1))
    assert flow.lead_lap_share == pytest.approx(start.lead_lap_share)


def test_rows_longer_than_the_header_are_refused(folder, tmp_path):
    lines = gzip.decompress((folder / "race_results" / "cup_results.csv.gz").read_bytes()).decode().splitlines()
    (tmp_path / "cup_results.csv").write_text(
        "\n".join([lines[0].removesuffix(",fastest_laps"), *[f"{x},0" for x in lines[1:]]])
    )
    with pytest.raises(InvalidInput, match=r"cup_results.csv: row 2: has more cells than the header"):
        read_history(tmp_path)


def results_with(folder, tmp_path, **columns):
    """A folder whose results have other columns; None drops one."""
    frame = pd.read_csv(folder / "race_results" / "cup_results.csv.gz")
    for name, values in columns.items():
        frame = frame.drop(columns=name) if values is None else frame.assign(**{name: values})
    frame.to_csv(tmp_path / "cup_results.csv", index=False)
    return tmp_path


def test_an_unknown_track_type_names_file_row_and_column(folder, tmp_path):
    kinds = pd.read_csv(folder / "race_results" / "cup_results.csv.gz")["track_type"].tolist()
    read_history(results_with(folder, tmp_path, track_type=[f" {kind.title()} " for kind in kinds]))
    kinds[30] = "street"
    with pytest.raises(InvalidInput, match=r"cup_results\.csv: row 32, column track_type.*'street' is none of"):
        read_history(results_with(folder, tmp_path, track_type=kinds))


@pytest.mark.parametrize("unsaid", ["surface", "track_length_mi"])
def test_a_race_whose_type_of_track_is_not_said_is_refused(folder, tmp_path, unsaid):
    with pytest.raises(InvalidInput, match=r"race 1 of 2018: .*track_type, or surface and track_length_mi"):
        read_history(results_with(folder, tmp_path, track_type=None, **{unsaid: None}))
    with pytest.raises(InvalidInput, match="race 1 of 2018"):
        read_history(results_with(folder, tmp_path, track_type="", **{unsaid: None}))


def test_a_scheduled_distance_that_the_results_say_is_taken(folder, tmp_path):
    assert {race.scheduled_laps for race in read_history(results_with(folder, tmp_path, scheduled_laps=150))} == {150}
