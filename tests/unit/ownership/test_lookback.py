import dataclasses

import numpy as np

from services.ownership.core.lookback import DriverHistory, Likeness
from services.ownership.core.slate import PlayedSlate
from tests.unit.ownership.slates import a_slate


def by_hand(played, values, slate, likeness):
    """The definition, driver by driver."""
    days = sorted({p.slate.day for p in played})
    z = (slate.salaries_dollars - slate.salaries_dollars.mean()) / slate.salaries_dollars.std()
    sums, weights = np.zeros(slate.n_drivers), np.zeros(slate.n_drivers)
    for column, key in enumerate(slate.driver_keys):
        for past, value in zip(played, values, strict=True):
            if past.slate.day >= slate.day or key not in past.slate.driver_keys:
                continue
            row = past.slate.driver_keys.index(key)
            salaries = past.slate.salaries_dollars
            past_z = (salaries[row] - salaries.mean()) / salaries.std()
            if not np.isfinite(value[row]):
                continue
            age = sum(day < slate.day for day in days) - days.index(past.slate.day)
            if not likeness.first_race_back <= age <= likeness.last_race_back:
                continue
            weight = 0.5 ** (age / likeness.half_life_races)
            weight *= np.exp(-abs(z[column] - past_z) / likeness.price_band_sd)
            if past.slate.track_type != slate.track_type:
                weight *= likeness.other_track_weight
            sums[column] += weight * value[row]
            weights[column] += weight
    return sums, weights


def a_history(rng, n_races=9):
    played, values = [], []
    for week in range(n_races):
        keys = tuple(f"driver {i}" for i in rng.permutation(20)[:12])
        slate = a_slate(
            rng,
            12,
            race_id=f"race{week}",
            driver_keys=keys,
            day=7.0 * (week // 2),
            track_type=("road", "short")[week % 2],
        )
        played.append(PlayedSlate(slate, np.full(12, 0.5), np.full(12, np.nan)))
        values.append(np.where(rng.random(12) < 0.1, np.nan, rng.normal(size=12)))
    return played, values


def test_equals_the_definition(rng):
    played, values = a_history(rng)
    likeness = Likeness(half_life_races=3.0, other_track_weight=0.4, price_band_sd=0.8)
    history = DriverHistory(played, values)
    upcoming = a_slate(rng, 25, track_type="short")
    others = Likeness(half_life_races=1.0), Likeness(first_race_back=2, last_race_back=3)
    for slate in [*(p.slate for p in played), upcoming]:
        ones = [likeness, *others]
        for found, one in zip(history.look_back(slate, ones), ones, strict=True):
            np.testing.assert_allclose(found, by_hand(played, values, slate, one), atol=1e-12)


def test_never_sees_the_same_day_or_later(rng):
    played, values = a_history(rng)
    first = min(played, key=lambda p: p.slate.day).slate
    sums, weights = DriverHistory(played, values).look_back(first, [Likeness(3.0)])[0]
    assert not weights.any()
    assert not sums.any()


def test_a_remembered_race_never_sees_itself_or_what_came_after(rng):
    """Not even when it is said to be still to come, or was moved to a later day since."""
    played, values = a_history(rng)
    history, likeness = DriverHistory(played, values), [Likeness(3.0)]
    for past in played:
        as_recorded = history.look_back(past.slate, likeness)[0]
        for day in (float("inf"), past.slate.day + 30.0):
            moved = dataclasses.replace(past.slate, day=day)
            np.testing.assert_array_equal(history.look_back(moved, likeness)[0], as_recorded)
        named = dataclasses.replace(past.slate, race_id="another", day=float("inf"))
        assert history.look_back(named, likeness)[0][1].sum() > as_recorded[1].sum()


def test_comes_back_from_its_state(rng):
    played, values = a_history(rng)
    history = DriverHistory(played, values)
    copy = DriverHistory.from_state(history.state())
    slate = a_slate(rng, 20, track_type="road")
    likeness = Likeness(5.0, 0.5, 1.0)
    np.testing.assert_array_equal(copy.look_back(slate, [likeness])[0], history.look_back(slate, [likeness])[0])
    again = dataclasses.replace(played[3].slate, day=float("inf"))
    np.testing.assert_array_equal(copy.look_back(again, [likeness])[0], history.look_back(again, [likeness])[0])
