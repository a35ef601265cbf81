"""Synthetic seasons whose fields come from another family than the model: entrants who maximise utility.

Every entrant has a view of every driver: a consensus projection that all share, a liking for popular names, faith in
recent form, and noise of his own. He enters the one lineup under the cap whose views sum highest, found exactly by
dynamic programming. No logit anywhere; ownership is what the lineups hold.
"""

from dataclasses import dataclass

import numba
import numpy as np

from services.ownership.core.slate import Contest, PlayedSlate, make_slate

ROSTER, STEP, CAP = 6, 100, 50_000
TRACKS = ("short", "intermediate", "superspeedway", "road")


@dataclass(frozen=True)
class Taste:
    """What moves entrants, all in fantasy points."""

    projection: float = 1.0
    popularity_sd: float = 6.5
    form: float = 0.3
    consensus_sd: float = 4.2
    own_sd: float = 14.0
    memory: tuple[float, ...] = (0.5, 0.3, 0.2)
    """Weights of the last races in form, the last one first."""


TASTES = {
    "mixed": Taste(),
    "of names": Taste(popularity_sd=10.0),
    "of form": Taste(form=0.8),
    "of form alone": Taste(projection=0.0, popularity_sd=0.0, form=0.8),
    "of fading form": Taste(form=0.8, memory=tuple(0.4 * 0.5 ** (back / 2) for back in range(12))),
    "of five races": Taste(form=0.8, memory=(0.25,) * 5),
    "of the last race": Taste(form=0.8, memory=(0.6,)),
    "half informed": Taste(projection=0.5),
    "noisy": Taste(own_sd=25.0),
    "agreeing": Taste(own_sd=7.0),
    "moody": Taste(consensus_sd=8.0),
    "of little else": Taste(popularity_sd=2.0, form=0.1),
    "of projections": Taste(popularity_sd=0.0, form=0.0),
}
"""Crowds to learn from. The last three leave little to learn: a mood that no input tells, or nothing but projections,
which the defaults know."""


@numba.njit(cache=True)
def best_lineups(views, prices, budget):
    """Columns of the dearest-loved lineup of each row of ``views`` under ``budget`` price units; (n, 6)."""
    n_entrants, n_drivers = views.shape
    roster = 6
    chosen = np.zeros((n_entrants, roster), dtype=np.int64)
    value = np.empty((roster + 1, budget + 1))
    took = np.zeros((n_drivers, roster + 1, budget + 1), dtype=np.bool_)
    for entrant in range(n_entrants):
        value[:] = -1e18
        value[0] = 0.0
        for driver in range(n_drivers):
            price, view = prices[driver], views[entrant, driver]
            for size in range(roster, 0, -1):
                for left in range(budget, -1, -1):
                    took[driver, size, left] = False
                    if left >= price and value[size - 1, left - price] + view > value[size, left]:
                        value[size, left] = value[size - 1, left - price] + view
                        took[driver, size, left] = True
        size, left = roster, budget
        for driver in range(n_drivers - 1, -1, -1):
            if size > 0 and took[driver, size, left]:
                size -= 1
                left -= prices[driver]
                chosen[entrant, size] = driver
    return chosen


def field_of(views, salaries):
    """Ownership of a field with these views; shape (n_drivers,)."""
    floor = salaries.min()
    prices = ((salaries - floor) // STEP).astype(np.int64)
    lineups = best_lineups(views, prices, int((CAP - ROSTER * floor) // STEP))
    return np.bincount(lineups.ravel(), minlength=len(salaries)) / len(lineups)


@dataclass(frozen=True)
class SeasonRace:
    """A played race, and the ownership to expect of it by one who knows the process."""

    played: PlayedSlate
    attainable: np.ndarray


class Season:
    """Drivers with lasting skill and popularity who race week after week."""

    def __init__(self, seed, taste, n_drivers=38):
        self.rng = np.random.default_rng(seed)
        self.taste = taste
        self.n = n_drivers
        self.names = tuple(f"driver {i:02d}" for i in range(n_drivers))
        self.skill = self.rng.normal(0, 7, n_drivers)
        self.by_track = {track: self.rng.normal(0, 4, n_drivers) for track in TRACKS}
        self.popularity = self.rng.normal(0, taste.popularity_sd, n_drivers)
        self.surprises = []

    def _salaries(self):
        """Prices follow lasting skill with some lag and noise; mean about $7,500 as on the site."""
        rank = np.argsort(np.argsort(self.skill + self.rng.normal(0, 2, self.n)))
        return np.round((4_800 + 5_600 * rank / (self.n - 1)) / STEP) * STEP

    def _form(self):
        """Points beyond expectation in the last races, weighted as this crowd remembers them."""
        recent = zip(self.taste.memory, reversed(self.surprises), strict=False)
        return sum((weight * surprise for weight, surprise in recent), np.zeros(self.n))

    def _views(self, liked, n_entrants):
        """Liked drivers seen through one consensus and as many pairs of eyes as there are entrants."""
        consensus = liked + self.rng.normal(0, self.taste.consensus_sd, self.n)
        return consensus + self.rng.normal(0, self.taste.own_sd, (n_entrants, self.n))

    def race(self, week, *, n_entrants=600, n_worlds=0):
        """Run one race. ``n_worlds`` fields are averaged for what is attainable."""
        track = TRACKS[week % len(TRACKS)]
        mean = 30 + self.skill + self.by_track[track] + self.rng.normal(0, 3, self.n)
        salaries = self._salaries()
        form = self._form()
        liked = self.taste.projection * mean + self.popularity + self.taste.form * form
        shares = field_of(self._views(liked, n_entrants), salaries)
        worlds = [field_of(self._views(liked, 150), salaries) for _ in range(n_worlds)]
        points = mean + self.rng.normal(0, 15, self.n)
        self.surprises.append(points - mean)
        slate = make_slate(
            f"race{week:02d}",
            self.names,
            salaries_dollars=salaries,
            mean_points=mean,
            ceiling_points=mean + 25,
            site_average_points=30 + self.skill,
            track_type=track,
            day=7.0 * week,
            contest=Contest(n_entries=n_entrants, entry_fee_dollars=8.0, max_entries_per_user=20),
        )
        return SeasonRace(PlayedSlate(slate, shares, points), np.mean(worlds, axis=0) if worlds else shares)


def play(seed, taste, *, n_history=30, n_test=6, n_worlds=25):
    """A season cut in two: races with history only, then races with what is attainable."""
    season = Season(seed, taste)
    history = [season.race(week).played for week in range(n_history)]
    return history, [season.race(n_history + week, n_worlds=n_worlds) for week in range(n_test)]
