"""Fields of the model: described, sampled, and of ownership that is given."""

import numpy as np
import pytest

from pitwall.common.v1 import lineup_pb2
from pitwall.contestsim.v1 import contest_pb2
from pitwall.contestsim.v1 import contestsim_service_pb2 as pb
from services.contest_sim.core.field import fit_field
from services.contest_sim.core.field_parameters import FieldParameters, Prices
from tests.contract.contest_sim.world import N_DRIVERS, OWNERSHIP, RACE, UNIVERSE, lineup


def test_described_field_has_the_projected_ownership(stub):
    response = stub.DescribeField(pb.DescribeFieldRequest(race_id="phoenix", n_entries=1000, lineups=[lineup(0)]))
    achieved = {value.driver_id: value.value for value in response.field.ownership_percent}
    assert list(achieved) == list(RACE.driver_ids)
    assert np.allclose(list(achieved.values()), OWNERSHIP.percent, atol=0.01)
    assert response.field.n_legal_lineups == UNIVERSE.n_lineups
    assert 0 < response.field.unique_share < 1
    assert len(response.expected_copies) == 1


def test_given_ownership_and_parameters_are_used(stub):
    values = [
        lineup_pb2.DriverValue(driver_id=d, value=v) for d, v in zip(RACE.driver_ids, OWNERSHIP.percent, strict=True)
    ]
    model = contest_pb2.ModelField(ownership_percent=values, salary_tilt=0.0, sharpness=0.0, contrast=0.0)
    response = stub.DescribeField(
        pb.DescribeFieldRequest(
            race_id="phoenix", n_entries=1000, field=contest_pb2.FieldSpec(model=model), lineups=[lineup(3)]
        )
    )
    field = fit_field(UNIVERSE, Prices(RACE.salaries_dollars, 50_000), OWNERSHIP.percent / 100, FieldParameters())
    assert response.expected_copies[0] == pytest.approx(1000 * field.probabilities(np.array([3]))[0], rel=1e-3)
    assert not response.field.warnings
    assert response.field.ownership_distance == 0.0


def test_ownership_beyond_the_cap_gives_the_nearest_and_says_so(stub):
    percent = np.full(N_DRIVERS, 2.0)
    percent[:6] = (600 - 36) / 6
    values = [lineup_pb2.DriverValue(driver_id=d, value=v) for d, v in zip(RACE.driver_ids, percent, strict=True)]
    model = contest_pb2.ModelField(ownership_percent=values)
    response = stub.DescribeField(
        pb.DescribeFieldRequest(race_id="phoenix", n_entries=100, field=contest_pb2.FieldSpec(model=model))
    )
    assert "nearest" in response.field.warnings[0]
    assert "points away" in response.field.warnings[0]
    assert response.field.ownership_distance >= response.field.max_ownership_error > 1


def test_sampled_field_is_compressed_and_legal(stub):
    drawn = [
        item
        for message in stub.SampleField(pb.SampleFieldRequest(race_id="phoenix", n_entries=5000, seed=3))
        for item in message.lineups
    ]
    copies = [item.n_entries for item in drawn]
    assert sum(copies) == 5000
    assert copies == sorted(copies, reverse=True)
    assert len({tuple(item.lineup.driver_ids) for item in drawn}) == len(drawn)
    columns = [[RACE.driver_index[driver] for driver in item.lineup.driver_ids] for item in drawn]
    assert all(len(set(row)) == 6 and RACE.salaries_dollars[row].sum() <= 50_000 for row in columns)


def test_field_depends_on_fee_and_entries_per_user(stub):
    """Sharper at high fees; the most played lineup is copied less where a user may hold it once among many entries."""

    def described(**setting):
        return stub.DescribeField(pb.DescribeFieldRequest(race_id="phoenix", n_entries=5000, **setting)).field

    assert described() == described(entry_fee_cents=100, max_entries_per_user=150)
    cheap, dear = described(entry_fee_cents=800), described(entry_fee_cents=55_500)
    assert dear.effective_lineups < cheap.effective_lineups
    single, many = described(max_entries_per_user=1), described(max_entries_per_user=150)
    assert single.max_expected_copies > many.max_expected_copies
    drawn = [
        next(stub.SampleField(pb.SampleFieldRequest(race_id="phoenix", n_entries=50, seed=1, entry_fee_cents=fee)))
        for fee in (800, 55_500)
    ]
    assert drawn[0] != drawn[1]
