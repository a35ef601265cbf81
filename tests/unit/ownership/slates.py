"""Slates for tests: plausible numbers, nothing fitted."""

import numpy as np

from services.ownership.core.calibration import shares_from_logits
from services.ownership.core.slate import PlayedSlate, make_slate


def a_slate(rng, n_drivers=38, **changes):
    salaries = np.round(rng.uniform(47, 98, n_drivers)) * 100
    mean = salaries / 250 + rng.normal(0, 5, n_drivers)
    known = {
        "salaries_dollars": salaries,
        "mean_points": mean,
        "ceiling_points": mean + rng.uniform(20, 30, n_drivers),
        "site_average_points": mean + rng.normal(0, 4, n_drivers),
    }
    race_id = changes.pop("race_id", "race")
    names = changes.pop("driver_keys", tuple(f"driver {i}" for i in range(n_drivers)))
    return make_slate(race_id, names, **(known | changes))


def a_season(rng, n_races=10, n_drivers=38):
    """Played slates whose fields are noisy logits of value; points are known."""
    played = []
    for week in range(n_races):
        slate = a_slate(rng, n_drivers, race_id=f"race{week}", day=7.0 * week, track_type=("short", "road")[week % 2])
        eta = slate.mean_points / 8 + rng.normal(0, 0.4, n_drivers)
        points = slate.mean_points + rng.normal(0, 15, n_drivers)
        played.append(PlayedSlate(slate, shares_from_logits(eta, 6.0), points))
    return played
