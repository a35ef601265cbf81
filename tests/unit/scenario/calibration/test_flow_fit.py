"""The race flow fitted to the moments of real races."""

import dataclasses

import numpy as np
import pytest

from services.common.domain.race import TrackType
from services.scenario.calibration.fit import refit_track
from services.scenario.calibration.flow_defaults import FLOW_DEFAULTS
from services.scenario.calibration.flow_fit import (
    FlowFitSettings,
    fit_flow,
    race_input,
    race_weights,
)
from services.scenario.calibration.form import KnownRace, follow
from services.scenario.calibration.moments import (
    VARIANCE_RATIOS,
    moment_values,
    real_statistics,
)
from services.scenario.calibration.noisy_least_squares import least_squares, slopes
from services.scenario.calibration.order_fit import OrderFit
from services.scenario.calibration.race_statistics import INDEX
from tests.unit.scenario.calibration.history import QUICK, historic

FROZEN = dataclasses.replace(QUICK.flow, max_rounds=0)


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
