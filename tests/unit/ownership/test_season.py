"""Learning, against fields of another family than the model: entrants who maximise utility under the cap."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pytest

from services.ownership.core.dispersion import interval
from services.ownership.core.ensemble import OwnershipEnsemble
from services.ownership.core.projection import project
from tests.unit.ownership.season import CAP, TASTES, Taste, best_lineups, play

SEEDS = (0, 1, 2)


def fitted_to(played):
    return OwnershipEnsemble().fit(played, [one.field_shares for one in played])


@dataclass(frozen=True)
class Outcome:
    """Mean absolute errors in points over the last races of some seasons, and coverage of 80 % intervals."""

    cold: float
    learnt: float
    attainable: float
    coverage: float


def outcome_of(taste, seeds, n_test):
    """Each last race is projected by a model fitted to all races before it, 30 of them at first."""
    rows = []
    for seed in seeds:
        history, last = play(seed, taste, n_test=n_test)
        cold = OwnershipEnsemble()
        for race in last:
            actual = race.played.shares
            found = project(fitted_to(history), race.played.slate)
            guesses = (cold.predict([race.played.slate])[0], found.shares, race.attainable)
            inside = ((found.lower <= actual) & (actual <= found.upper)).mean()
            rows.append([*(100 * np.abs(guess - actual).mean() for guess in guesses), inside])
            history = [*history, race.played]
    return Outcome(*np.mean(rows, axis=0))


def test_entrants_play_the_best_lineup_there_is(rng):
    views = rng.normal(30, 10, (5, 12))
    salaries = rng.integers(60, 110, 12) * 100
    lineups = best_lineups(views, salaries // 100, CAP // 100)
    for view, lineup in zip(views, lineups, strict=True):
        legal = [c for c in map(list, combinations(range(12), 6)) if salaries[c].sum() <= CAP]
        assert view[lineup].sum() == pytest.approx(max(view[c].sum() for c in legal))


def test_thirty_races_teach_what_can_be_learnt():
    """Attainable is the process itself, popularity of every driver known, averaged over its worlds."""
    found = outcome_of(Taste(), SEEDS, 4)
    assert found.learnt <= 0.60 * found.cold
    assert found.learnt <= 1.15 * found.attainable
    assert 0.75 <= found.coverage <= 0.85


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", TASTES)
def test_whatever_moves_the_crowd_is_learnt(name):
    """As near to the attainable as asked for; where that is 40 % below a cold start, so is what was learnt."""
    found = outcome_of(TASTES[name], SEEDS, 6)
    assert found.learnt <= 1.15 * found.attainable
    assert 0.75 <= found.coverage <= 0.85
    if found.attainable <= 0.55 * found.cold:
        assert found.learnt <= 0.60 * found.cold
    assert found.learnt <= found.cold


@pytest.mark.parametrize("taste", [Taste(), Taste(popularity_sd=0.0, form=0.0)])
def test_a_few_races_do_not_make_it_worse(taste):
    """Not even where the defaults are nearly right and there is little to learn."""
    errors = []
    for seed in SEEDS:
        history, last = play(seed, taste, n_history=3, n_test=1, n_worlds=0)
        actual = last[0].played.shares
        models = (fitted_to(history), OwnershipEnsemble())
        errors.append([np.abs(model.predict([last[0].played.slate])[0] - actual).mean() for model in models])
    learnt, cold = np.mean(errors, axis=0)
    assert learnt < 1.03 * cold


def test_weights_find_the_informative_members():
    by_taste = {
        "projection": Taste(popularity_sd=0.0, form=0.0),
        "historical": Taste(popularity_sd=8.0, form=0.0, projection=0.4),
        "recent_form": Taste(popularity_sd=0.0, form=0.8),
    }
    default = OwnershipEnsemble().weights
    weights = {name: fitted_to(play(3, taste, n_test=0)[0]).weights for name, taste in by_taste.items()}
    for name, found in weights.items():
        assert max(found, key=found.get) == name
        assert found[name] > default[name]
        assert found[name] == max(other[name] for other in weights.values())


def test_intervals_of_a_cold_start_are_wider_than_those_of_a_learnt_model():
    history, last = play(1, Taste(), n_test=1, n_worlds=0)
    slate = last[0].played.slate
    known = fitted_to(history).dispersion_.rate(np.ones(38), 600)
    unknown = fitted_to(history).dispersion_.rate(np.zeros(38), 600)
    assert (unknown > known).all()
    shares = project(OwnershipEnsemble(), slate).shares
    assert (np.subtract(*interval(shares, unknown, 0.8)) < np.subtract(*interval(shares, known, 0.8))).all()
