import numpy as np
import pytest

from services.common.domain.errors import Cancelled, FailedPrecondition
from services.ownership.core.dispersion import Basis, Dispersion, Residual
from services.ownership.core.ensemble import OwnershipEnsemble, Work
from services.ownership.core.evaluation import LeftOut, leave_one_race_out, summarise
from services.ownership.core.left_out import folds
from services.ownership.core.slate import PlayedSlate
from tests.unit.ownership.slates import a_season


def test_measures_are_those_of_their_definitions():
    def seen(name, race, projected, actual):
        basis = Basis(np.ones(len(projected)), np.zeros(len(projected), dtype=bool), 0)
        return LeftOut(name, race, Residual(np.array(projected), np.array(actual), basis), Dispersion(1e6))

    actual = [[0.5, 0.3, 0.2, 0.0], [0.1, 0.2, 0.3, 0.4]]
    rows = [seen("uniform", f"r{i}", [0.25] * 4, row) for i, row in enumerate(actual)]
    rows += [seen("model", "r0", [0.4, 0.3, 0.2, 0.1], actual[0]), seen("model", "r1", [0.1, 0.2, 0.3, 0.4], actual[1])]
    uniform, model = summarise(rows, level=0.8)
    assert uniform.mae == pytest.approx((0.15 + 0.1) / 2)
    assert uniform.mae_se == pytest.approx(np.std([0.15, 0.1], ddof=1) / np.sqrt(2))
    assert model.mae == pytest.approx(0.05 / 2)
    assert model.skill == pytest.approx(1 - 0.025 / 0.125)
    assert model.weighted_mae == pytest.approx(0.1 * 0.5 / 2)
    assert model.spearman == pytest.approx(1.0)
    assert model.bias == pytest.approx(0.0)
    assert model.coverage == pytest.approx(6 / 8)
    assert model.recall == pytest.approx((1.0, 1.0, 1.0))
    assert uniform.recall == pytest.approx((1.0, 0.0, 0.0))
    assert uniform.spearman == 0.0
    assert uniform.popular_bias == pytest.approx((-0.0667, -0.125, -0.2), abs=1e-4)


def test_a_race_left_out_does_not_touch_its_own_projection():
    """Whatever the last race's field did, and however many contests it had, its projection is the same."""
    season = a_season(np.random.default_rng(2), 4)
    last = season[-1]
    flipped = PlayedSlate(last.slate, last.shares[::-1].copy(), -last.points)

    def projected(played):
        return [
            row.residual.projected
            for row in leave_one_race_out(OwnershipEnsemble(), played)
            if row.race_id == last.slate.race_id
        ]

    one, other = projected(season), projected([*season[:-1], flipped, last])
    for k, values in enumerate(one):
        np.testing.assert_allclose(other[k], values, atol=1e-12)
        np.testing.assert_allclose(other[k + len(one)], values, atol=1e-12)


def test_contests_of_a_race_are_left_out_together():
    season = a_season(np.random.default_rng(2), 3)
    groups = folds([*season, season[1]], 20)
    assert [group.tolist() for group in groups] == [
        [True, False, False, False],
        [False, True, False, True],
        [False, False, True, False],
    ]


def test_needs_two_races_and_stops_when_told():
    season = a_season(np.random.default_rng(2), 3)
    with pytest.raises(FailedPrecondition, match="two at least"):
        list(leave_one_race_out(OwnershipEnsemble(), season[:1]))

    def stop():
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        list(leave_one_race_out(OwnershipEnsemble(), season, Work(checkpoint=stop)))


def test_fields_of_equal_ownership_leave_nothing_to_be_better_than():
    season = [
        PlayedSlate(played.slate, np.full(38, 6 / 38), played.points)
        for played in a_season(np.random.default_rng(2), 3)
    ]
    found = summarise(list(leave_one_race_out(OwnershipEnsemble(), season)), level=0.8)
    assert {row.skill for row in found} == {0.0}
    assert all(np.isfinite(row.mae) for row in found)
