"""Users behind entries: nobody enters a lineup twice, and the closed form says what that does to copies."""

import numpy as np
import pytest

from services.contest_sim.core.entrants import Entrants, entry_limit
from services.contest_sim.core.field import fit_field
from services.contest_sim.core.field_parameters import FieldParameters


def test_sizes_look_like_those_of_real_users():
    """61 % enter once, about a tenth ten times or more, and the average is 6-7 entries (620-709 users of 4,408)."""
    entrants = Entrants(132)
    sizes = np.arange(1, 133)
    assert entrants.probabilities.sum() == pytest.approx(1.0)
    assert entrants.probabilities[0] == pytest.approx(0.61, abs=0.01)
    assert entrants.probabilities[9:].sum() == pytest.approx(0.10, abs=0.02)
    assert 4408 / 709 < entrants.probabilities @ sizes < 4408 / 620


def test_limit_is_the_contests_own_and_three_per_cent():
    assert entry_limit(100_000, 150) == 150
    assert entry_limit(4_411, 150) == 132
    assert entry_limit(222, 1) == 1
    assert entry_limit(10, 150) == 1


def test_no_user_repeats_a_lineup(rng):
    cumulative = np.cumsum(rng.gamma(0.3, size=4000))
    seeded = np.random.default_rng(5)
    rows = Entrants(50).draw(cumulative, 3000, seeded)
    users = Entrants(50).users(3000, _after(np.random.default_rng(5), cumulative, 3000))
    assert len({*zip(users.tolist(), rows.tolist(), strict=True)}) == 3000


def _after(generator, _cumulative, n):
    """The generator as it stands once the first rows are drawn."""
    generator.random(n)
    generator.permutation(np.arange(n))
    return generator


def test_expected_copies_of_users_who_never_repeat_against_sampling(rng):
    p = rng.gamma(0.1, size=5000)
    p /= p.sum()
    entrants = Entrants(30)
    cumulative = np.cumsum(p)
    counts = np.zeros(5000)
    for _ in range(300):
        counts += np.bincount(entrants.draw(cumulative, 2000, rng), minlength=5000)
    shares = entrants.repeats(p.max()).held(p)
    shares /= shares.sum()
    assert shares.max() < p.max()
    top = np.argsort(-p)[:20]
    expected = shares[top] * counts.sum()
    assert np.abs(counts[top] - expected) == pytest.approx(np.zeros(20), abs=4 * np.sqrt(expected.max()))
    assert counts[top].sum() == pytest.approx(expected.sum(), rel=0.02)


def test_single_entry_contests_change_nothing(rng):
    p = rng.random(50)
    assert Entrants(1).repeats(p.max()).held(p) == pytest.approx(p)


def test_entries_not_choices_have_the_ownership(small):
    field = fit_field(small.universe, small.prices, small.shares, FieldParameters(0.5, 0.0), entrants=Entrants(5))
    owned = np.zeros(12)
    for slot in range(4):
        np.add.at(owned, small.universe.lineups[:, slot].astype(int), field.entry_shares)
    assert np.abs(owned - small.shares).max() < 1e-4
    assert np.abs(field.offset).max() > 1e-4
