import copy
import dataclasses
import gzip
import itertools
import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import skew, spearmanr

from services.common.domain.errors import InvalidInput
from services.common.domain.race import Series, TrackType
from services.scenario.calibration.direct_fit import fit_direct
from services.scenario.calibration.fit import FitSettings, calibrate, refit_track, write_calibration
from services.scenario.calibration.flow_defaults import FLOW_DEFAULTS
from services.scenario.calibration.flow_fit import (
    BOUNDS,
    FlowFitSettings,
    fit_flow,
    race_input,
    race_weights,
)
from services.scenario.calibration.form import FormSettings, FormTracker, KnownRace, follow
from services.scenario.calibration.history import HistoricRace, read_history
from services.scenario.calibration.moments import (
    MOMENTS,
    VARIANCE_RATIOS,
    compare_moments,
    moment_values,
    real_statistics,
)
from services.scenario.calibration.noisy_least_squares import least_squares, slopes
from services.scenario.calibration.order_fit import OrderFit, OrderSettings, attrition_loss, fit_orders, order_loss
from services.scenario.calibration.race_statistics import INDEX
from services.scenario.calibration.team_fit import teammate_products
from services.scenario.calibration_file import read_calibration
from services.scenario.core.calibration import calibration_from_document
from services.scenario.core.scores import bent, bent_slopes, rank_scores
from services.scenario.core.strength import driver_skill
from tests.unit.scenario.slates import make_race
from tests.unit.scenario.synthetic_history import N_CARS, write_history

QUICK = FitSettings(flow=FlowFitSettings(max_races=4, n_scenarios=16, max_rounds=1, workers=1))
FROZEN = dataclasses.replace(QUICK.flow, max_rounds=0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("history")
    write_history(path, range(2018, 2022))
    return path


@pytest.fixture(scope="module")
def races(folder):
    return read_history(folder)


def historic(n: int = 6, **changes) -> HistoricRace:
    values = {
        "series": Series.CUP,
        "season": 2020,
        "race_num": 1,
        "track": "X",
        "track_type": TrackType.SHORT,
        "scheduled_laps": 100,
        "laps_run": 100,
        "cautions": -1,
        "caution_laps": -1,
        "keys": tuple(f"driver {k}" for k in range(n)),
        "teams": tuple(f"team {k // 2}" for k in range(n)),
        "start": np.arange(1, n + 1),
        "finish": np.arange(1, n + 1),
        "laps": np.full(n, 100),
        "laps_led": np.array([100] + [0] * (n - 1)),
        "out": np.zeros(n, np.int64),
        "fastest_laps": np.array([80.0] + [0.0] * (n - 1)),
        "rating": np.linspace(120, 40, n),
        "practice": np.full(n, np.nan),
    }
    return HistoricRace(**(values | changes))


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


def test_form_sees_earlier_races_only(races):
    changed = [*races[:20], dataclasses.replace(races[20], rating=races[20].rating[::-1].copy()), *races[21:]]
    before, after = ([known.signals for known, _ in follow(some)] for some in (races, changed))
    assert all((one == other).all() for one, other in zip(before[:21], after[:21], strict=True))
    assert not (before[21] == after[21]).all()


def test_unknown_drivers_are_at_the_level_of_their_team_and_class():
    settings = FormSettings()
    tracker = FormTracker(settings)
    assert tracker.signals(historic())[:, 0] == pytest.approx(np.full(6, settings.class_level))
    for _ in range(10):
        tracker.learn(historic())
    rookie = historic(keys=("new a", "new b", "new c", "new d", "new e", "new f"))
    level = tracker.signals(rookie)[:, 0]
    assert level[0] > level[2] > level[4]
    assert tracker.signals(rookie)[:, 2] == pytest.approx(np.full(6, settings.class_level))


def test_form_grows_towards_the_record_and_missing_ratings_fall_back_to_finishes():
    tracker = FormTracker()
    first = tracker.signals(historic())[0, 0]
    tracker.learn(historic(rating=np.full(6, np.nan)))
    once = tracker.signals(historic())[0, 0]
    for _ in range(30):
        tracker.learn(historic())
    assert first < once < tracker.signals(historic())[0, 0]
    assert set(tracker.forms()) == {f"driver {k}" for k in range(6)}


def test_attrition_loss_is_the_log_probability_of_the_order():
    scores = np.array([0.7, -0.3, 1.1, 0.2])
    total = sum(np.exp(-attrition_loss(scores[list(order)])[0]) for order in itertools.permutations(range(4)))
    assert total == pytest.approx(1.0)
    # The last of two is drawn with worth exp(-score).
    assert attrition_loss(np.array([1.0, 0.0]))[0] == pytest.approx(np.log(1.0 + np.exp(-1.0)))


def test_orders_that_are_all_but_certain_have_a_likelihood():
    assert attrition_loss(np.array([800.0, 0.0]))[0] == pytest.approx(0.0)
    loss, gradient = attrition_loss(np.array([0.0, 800.0]))
    assert loss == pytest.approx(800.0)
    assert gradient == pytest.approx([-1.0, 1.0])


@pytest.mark.parametrize("bend", [0.0, 0.05, 0.4])
def test_slopes_of_the_order_loss(bend):
    rng = np.random.default_rng(1)
    races, shares = [rng.normal(size=(n, 2)) for n in (5, 9, 3)], [1.0, 0.5, 2.0]
    weights = np.array([0.7, -0.3])
    _, gradient, by_bend = order_loss(weights, bend, races, shares)
    for slope, step in (
        (gradient @ [1.0, 0.0], (1e-5, 0.0, 0.0)),
        (by_bend, (0.0, 0.0, 1e-5)),
        (gradient[1], (0.0, 1e-5, 0.0)),
    ):
        up, down = (
            order_loss(weights + sign * np.array(step[:2]), bend + sign * step[2], races, shares)[0]
            for sign in (1.0, -1.0 if bend else 0.0)
        )
        assert (up - down) / (1e-5 * (2.0 if bend else 1.0)) == pytest.approx(slope, abs=2e-3)


@pytest.mark.parametrize("bend", [0.0, 0.35])
def test_order_fit_recovers_what_made_the_orders(bend):
    rng = np.random.default_rng(2)
    true = np.array([0.9, 0.5, 0.0, 0.0, 0.6])
    known = []
    for number in range(250):
        n = 30
        # The level of a field says nothing: bent are scores less their mean over all cars.
        signals = np.column_stack([2.0 + rng.normal(size=(n, 2)), np.zeros((n, 2))])
        start = rng.permutation(n) + 1
        utility = signals @ true[:4] + true[4] * rank_scores(-start.astype(float))
        utility = bent(utility - utility.mean(), bend)
        finish = np.argsort(np.argsort(-(utility + np.log(rng.exponential(size=n))))) + 1
        blank = np.zeros(n, np.int64)
        race = historic(
            n,
            race_num=number,
            start=start,
            finish=finish,
            laps_led=blank,
            fastest_laps=blank * 1.0,
            qualified=number % 2 == 0,
        )
        known.append(KnownRace(race, signals))
    fit = fit_orders(known, OrderSettings(half_life_races=1e9, type_ridge=0.1))[TrackType.SHORT]
    assert fit.weights == pytest.approx(true[:4], abs=0.08)
    assert fit.start_effect == pytest.approx(0.6, abs=0.1)
    assert fit.start_effect_unqualified == pytest.approx(0.6, abs=0.1)
    assert fit.bend == pytest.approx(bend, abs=0.06)


def test_statistics_of_a_race_agree_with_plain_computation(races):
    race = races[4]
    row = real_statistics(race, race.start)
    shares = np.sort(race.laps_led)[::-1] / race.laps_run
    running = race.out == 0
    assert row[INDEX["dnf"]] == (race.out > 0).sum()
    assert row[INDEX["crash_squared"]] == (race.out == 1).sum() ** 2
    assert row[[INDEX["top1_led"], INDEX["top2_led"], INDEX["top3_led"]]] == pytest.approx(shares[:3])
    assert row[INDEX["winner_led"]] == race.laps_led[race.finish == 1][0] / race.laps_run
    assert row[INDEX["start_finish"]] == pytest.approx(spearmanr(race.start, race.finish)[0])
    assert row[INDEX["start_finish_running"]] == pytest.approx(spearmanr(race.start[running], race.finish[running])[0])
    assert row[INDEX["fastest_drivers"]] == (race.fastest_laps > 0).sum()
    # The rank by expectation is the grid here.
    assert row[INDEX["favourites_finish"]] == row[INDEX["start_finish"]]
    assert row[INDEX["favourites_top5"]] == pytest.approx(((race.finish <= 5) & (race.start <= 5)).sum() / 5)
    assert row[INDEX["favourites_win"]] == (race.start[race.finish == 1][0] <= 3)
    last = N_CARS - 8
    assert row[INDEX["outsiders_last8"]] == pytest.approx(((race.finish > last) & (race.start > last)).sum() / 8)
    assert row[INDEX["best_ticks"]] == race.ticks().max()
    assert row[INDEX["best6_ticks"]] == np.sort(race.ticks())[-6:].sum()
    front, rear = race.finish <= 5, race.finish >= 21
    for name, laps in (
        ("led", race.laps_led / race.laps_run),
        ("fastest", race.fastest_laps / race.fastest_laps.sum()),
    ):
        assert row[INDEX[f"{name}_by_top5"]] == pytest.approx(laps[front].sum())
        assert row[INDEX[f"{name}_by_21st_on"]] == pytest.approx(laps[rear].sum())
    top = race.laps_led.argmax()
    assert row[INDEX["fastest_by_top_leader"]] == pytest.approx(race.fastest_laps[top] / race.fastest_laps.sum())
    assert np.isnan(row[INDEX["cautions"]]) == (race.cautions < 0)


def test_moments_agree_with_plain_computation(races):
    rows = np.array([real_statistics(race, race.start) for race in races])
    points = np.concatenate([race.ticks()[(race.start > 10) & (race.start <= 20)] / 20 for race in races])
    names = ("points_mean_11-20", "points_sd_11-20", "points_skew_11-20")
    assert moment_values(names, rows) == pytest.approx([points.mean(), points.std(), skew(points)])
    out = np.array([(race.out > 0).sum() for race in races])
    rate = out.mean() / N_CARS
    ratio = out.var() / (N_CARS * rate * (1 - rate))
    assert moment_values(("dnf_rate", "dnf_variance_ratio"), rows) == pytest.approx([rate, ratio])


def test_equal_moments_agree_and_moved_ones_do_not(races):
    rows = np.array([real_statistics(race, race.start) for race in races])
    rng = np.random.default_rng(3)
    same = compare_moments(rows, rows, rng, n_bootstrap=100)
    assert all(item.agrees for item in same)
    assert {item.name for item in same} <= set(MOMENTS)
    moved = rows.copy()
    moved[:, INDEX["top1_led"]] *= 2
    assert [item.name for item in compare_moments(rows, moved, rng, n_bootstrap=100) if not item.agrees] == ["top1_led"]


def test_teammate_products():
    values = np.array([[1.0, 2.0, 3.0, 5.0]])
    assert teammate_products(values, np.array([0, 0, 0, -1])) == (11.0, 3)


def test_bent_scores_rise_ever_less():
    scores = np.linspace(-6.0, 6.0, 49)
    for bend in (0.0, 0.3, 2.0):
        values = bent(scores, bend)
        assert (np.diff(values) > 0).all()
        assert (np.diff(values, 2) < 1e-12).all()
        assert bent(0.0, bend) == 0.0
        assert [bent(float(score), bend) for score in scores] == pytest.approx(values)
        slope, by_bend = bent_slopes(scores, bend)
        assert (bent(scores + 1e-6, bend) - values) / 1e-6 == pytest.approx(slope, rel=1e-3, abs=1e-5)
        assert (bent(scores, bend + 1e-6) - values) / 1e-6 == pytest.approx(by_bend, rel=1e-3, abs=1e-4)
    assert bent(scores, 0.0) == pytest.approx(scores)
    assert np.isfinite(bent(np.array([-1e6, 1e6]), 0.5)).all()


def test_slopes_see_through_curvature_and_products():
    rng = np.random.default_rng(5)
    straight, curved = rng.normal(size=(3, 28)), rng.normal(size=(3, 28, 28))
    at = rng.normal(size=28)

    def residuals(values):
        away = values - at
        return straight @ away + np.einsum("kij,i,j->k", curved, away, away)

    assert slopes(residuals, at, rng) == pytest.approx(straight)


def test_least_squares_finds_a_minimum_in_noise():
    rng = np.random.default_rng(6)
    design, wanted = rng.normal(size=(60, 12)), rng.normal(size=12)
    found = least_squares(lambda x: design @ (x - wanted) + rng.normal(scale=0.05, size=60), np.zeros(12), 6)
    assert found == pytest.approx(wanted, abs=0.1)


def test_a_search_measures_again_before_it_gives_up():
    wanted, looked_at, a_round = np.linspace(-1.0, 1.0, 9), [], 2 * 16

    def residuals(values):
        looked_at.append(tuple(values))
        blind = len(looked_at) <= 1 + a_round + 3
        return np.zeros(9) - wanted if blind else values - wanted

    assert least_squares(residuals, np.zeros(9), 8) == pytest.approx(wanted, abs=0.05)
    first, second = looked_at[1 : 1 + a_round], looked_at[4 + a_round : 4 + 2 * a_round]
    assert len(set(first) & set(second)) < a_round / 2


def test_a_handful_of_cautions_is_not_held_for_certain(races):
    known = [known for known, _ in follow(races) if known.race.track_type is TrackType.SHORT]
    few = [
        KnownRace(dataclasses.replace(item.race, cautions=7 if index < 3 else -1), item.signals)
        for index, item in enumerate(known)
    ]
    order = OrderFit(np.zeros(4), 0.1, 0.1)
    settings = FlowFitSettings(max_rounds=0, n_scenarios=2, workers=1)
    found = fit_flow(few, order, FLOW_DEFAULTS[TrackType.SHORT], settings)
    tolerance = dict(zip(found.names, found.tolerance, strict=True))
    assert tolerance["cautions"] == pytest.approx(np.sqrt(7 / 3))
    assert tolerance["cautions_dispersion"] == pytest.approx(1.0)


def test_a_historic_race_is_simulated_with_the_bend_of_its_scores():
    known = KnownRace(historic(), np.random.default_rng(1).normal(size=(6, 4)))
    order = OrderFit(np.array([1.0, 0.5, 0.0, 0.0]), 0.2, 0.1, 0.3)
    inputs = race_input(known, order, FLOW_DEFAULTS[TrackType.SHORT])
    assert inputs.flow.score_bend == 0.3
    assert inputs.flow.start_effect == 0.2
    assert inputs.strength == pytest.approx(order.strength(known.signals))


def test_coefficients_are_those_of_races_of_one_character(races):
    known = [known for known, _ in follow(races) if known.race.track_type is TrackType.SHORT]
    order = OrderFit(np.zeros(4), 0.1, 0.1)
    settings = FlowFitSettings(max_rounds=1, n_scenarios=2, workers=1)
    start = FLOW_DEFAULTS[TrackType.SHORT]
    assert start.race_spread > 0
    spread, alike = (fit_flow(known, order, begin, settings) for begin in (start, start._replace(race_spread=0.0)))
    assert spread.flow == alike.flow._replace(race_spread=start.race_spread)
    # What is told of the fit are moments of races as they will be forecast.
    assert (spread.simulated != alike.simulated).any()


def test_a_race_that_counts_for_little_is_held_for_little_evidence(races):
    # Two races by turns: chance has no say in how much the moments of twelve vary.
    known = [known for known, _ in follow(races) if known.race.track_type is TrackType.SHORT][:2] * 6
    order = OrderFit(np.zeros(4), 0.1, 0.1)
    loose, tight = (
        fit_flow(
            known,
            order,
            FLOW_DEFAULTS[TrackType.SHORT],
            dataclasses.replace(FROZEN, max_races=36, half_life_races=life),
        )
        for life in (1.0, 1e9)
    )
    # Three races in effect against twelve, but for moments held to 5 %.
    assert np.median(loose.tolerance / tight.tolerance) > 1.5


def test_race_weights_halve():
    assert race_weights(5, 2.0)[[0, 2, 4]] == pytest.approx([0.25, 0.5, 1.0])


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


def targets(known, **settings):
    """Moments that a fit of short tracks aims at, by name."""
    settings = FlowFitSettings(max_rounds=0, n_scenarios=2, workers=1, half_life_races=1e9, **settings)
    order = OrderFit(np.zeros(4), 0.1, 0.1)
    found = fit_flow(known, order, FLOW_DEFAULTS[TrackType.SHORT], settings)
    return dict(zip(found.names, found.real, strict=True))


def test_races_without_qualifying_count_for_less_in_the_fit(races):
    known = [known for known, _ in follow(races) if known.race.track_type is TrackType.SHORT]
    mixed = [
        KnownRace(dataclasses.replace(item.race, qualified=index % 2 == 0), item.signals)
        for index, item in enumerate(known)
    ]
    rows = np.array([real_statistics(item.race, item.race.start) for item in mixed])
    with_grid, without = rows[::2, INDEX["top1_led"]].mean(), rows[1::2, INDEX["top1_led"]].mean()
    assert with_grid != without
    assert targets(mixed, unqualified_weight=1.0)["top1_led"] == pytest.approx((with_grid + without) / 2)
    # A third of the weight is a third of the copies: six against two at a mean weight of two thirds.
    assert targets(mixed, unqualified_weight=1 / 3)["top1_led"] == pytest.approx(0.75 * with_grid + 0.25 * without)


def test_dispersion_comes_from_all_races_and_levels_from_the_newest(races):
    known = [known for known, _ in follow(races) if known.race.track_type is TrackType.SHORT]
    rows = np.array([real_statistics(item.race, item.race.start) for item in known])
    aim = targets(known, max_races=4)
    assert [aim[name] for name in VARIANCE_RATIOS] == pytest.approx(moment_values(VARIANCE_RATIOS, rows))
    assert aim["leaders"] == pytest.approx(rows[-4:, INDEX["leaders"]].mean())


def test_a_track_type_is_fitted_again_from_an_earlier_fit(races):
    past = [known for known, _ in follow(races)]
    first = refit_track(past[:-9], TrackType.SHORT, None, QUICK)
    settled = dataclasses.replace(
        first, flow=dataclasses.replace(first.flow, flow=first.flow.flow._replace(team_sd=0.4))
    )
    again = refit_track(past, TrackType.SHORT, settled, dataclasses.replace(QUICK, flow=FROZEN))
    assert again.n_races == first.n_races + 3
    assert again.flow.flow.team_sd == 0.4
    assert again.flow.flow.lead_hold == pytest.approx(first.flow.flow.lead_hold)
    assert again.flow.flow.mechanical_mean != first.flow.flow.mechanical_mean


@pytest.fixture(scope="module")
def document(folder):
    return calibrate(folder, settings=QUICK)


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
