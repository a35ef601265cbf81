"""Ownership projected over gRPC."""

from dataclasses import replace

import grpc
import numpy as np
import pytest

from pitwall.ownership.v1 import ownership_pb2
from pitwall.ownership.v1 import ownership_service_pb2 as pb
from tests.contract.ownership.world import SET_ID, error_of, following, project, record, values


def spread_of(projection):
    return np.std([driver.percent for driver in projection.drivers])


class TestProjectOwnership:
    def test_sums_to_600_and_stays_inside_0_and_100(self, stub):
        projection = project(stub)
        percent = np.array([driver.percent for driver in projection.drivers])
        assert abs(percent.sum() - 600) < 1e-9
        assert abs(projection.total_percent - 600) < 1e-9
        assert (percent > 0).all()
        assert (percent < 100).all()
        assert projection.model_version == "default"
        assert projection.scenario_set_id == SET_ID

    def test_intervals_enclose_and_components_explain(self, stub):
        narrow, wide = project(stub, interval_level=0.5), project(stub, interval_level=0.9)
        for a, b in zip(narrow.drivers, wide.drivers, strict=True):
            assert b.lower_percent <= a.lower_percent <= a.percent <= a.upper_percent <= b.upper_percent
            assert {c.estimator for c in a.components} == {"historical", "projection", "salary_skill", "recent_form"}
            assert sum(c.weight for c in a.components) == pytest.approx(1.0)
        for k in range(4):
            assert sum(d.components[k].percent for d in narrow.drivers) == pytest.approx(600)

    def test_is_the_same_every_time_and_summaries_are_fetched_once(self, stub, scenario):
        assert project(stub) == project(stub, scenario_set_id=SET_ID)
        assert scenario.n_summaries == 1
        assert project(stub).projection_id != project(stub, interval_level=0.5).projection_id

    def test_overrides_stand_and_the_rest_makes_room(self, stub):
        before = project(stub)
        after = project(stub, overrides_percent=values(d05=60.0, d20=1.5))
        by_id = {d.driver_id: d for d in after.drivers}
        assert by_id["d05"].percent == pytest.approx(60.0, abs=1e-12)
        assert by_id["d20"].percent == pytest.approx(1.5, abs=1e-12)
        assert [c.estimator for c in by_id["d05"].components] == ["user"]
        assert abs(after.total_percent - 600) < 1e-9
        assert after.projection_id != before.projection_id

    def test_ownership_of_the_race_sheet_stands_unless_the_request_says_otherwise(self, stub, scenario):
        race = scenario.races["phoenix"]
        own = (replace(race.drivers[4], projected_ownership_percent=44.0), *race.drivers[5:])
        scenario.races["phoenix"] = replace(race, drivers=(*race.drivers[:4], *own))
        assert {d.driver_id: d for d in project(stub).drivers}["d04"].percent == pytest.approx(44.0, abs=1e-12)
        after = project(stub, overrides_percent=values(d04=20.0))
        assert {d.driver_id: d for d in after.drivers}["d04"].percent == pytest.approx(20.0, abs=1e-12)
        too_much = tuple(replace(driver, projected_ownership_percent=90.0) for driver in race.drivers)
        scenario.races["phoenix"] = replace(race, drivers=too_much)
        with pytest.raises(grpc.RpcError) as excinfo:
            project(stub)
        assert error_of(excinfo)[2][0][0] == "race.drivers.projected_ownership_percent"

    def test_sharper_field_in_a_dear_contest(self, stub):
        cheap = project(stub, contest=ownership_pb2.ContestProfile(entry_fee_cents=800))
        dear = project(stub, contest=ownership_pb2.ContestProfile(entry_fee_cents=55500))
        spread = [np.std([d.percent for d in p.drivers]) for p in (cheap, dear)]
        assert spread[1] > spread[0]

    @pytest.mark.parametrize(("feature", "low", "high"), [("n_entries", 500, 50_000), ("max_entries_per_user", 1, 150)])
    @pytest.mark.parametrize("sharper_at", ["low", "high"])
    def test_learns_which_contests_have_sharper_fields(self, stub, scenario, feature, low, high, sharper_at):
        """Records differ in one feature alone; projections of contests that differ in it follow, either way."""
        kinds = {"low": ownership_pb2.ContestProfile(**{feature: low})}
        kinds["high"] = ownership_pb2.ContestProfile(**{feature: high})
        for race_id in (f"race{i}" for i in range(8)):
            for kind, profile in kinds.items():
                table = pb.OwnershipTable(percent=following(scenario, race_id, 1.0 if kind == sharper_at else 0.6))
                record(stub, scenario, race_id, f"{kind}-{race_id}", contest=profile, table=table)
        before, after = {}, {}
        for kind, profile in kinds.items():
            before[kind] = spread_of(project(stub, contest=profile))
        list(stub.FitModel(pb.FitModelRequest()))
        for kind, profile in kinds.items():
            after[kind] = spread_of(project(stub, contest=profile))
        other = "low" if sharper_at == "high" else "high"
        assert before["low"] == before["high"]
        assert after[sharper_at] > 1.05 * after[other]

    @pytest.mark.parametrize(
        ("overrides", "field", "says"),
        [
            (values(nobody=10.0), "overrides_percent[0].driver_id", "does not start"),
            (values(d01=10.0) + values(d01=11.0), "overrides_percent[1].driver_id", "twice"),
            (values(d01=101.0), "overrides_percent[0].value", "between 0 and 100"),
            (values(d01=-1.0), "overrides_percent[0].value", "between 0 and 100"),
            (values(**{f"d{i:02d}": 99.0 for i in range(7)}), "overrides_percent", "sum to 693"),
            (values(**{f"d{i:02d}": 98.0 for i in range(6)}), "overrides_percent", "above the cap"),
            (values(**{f"d{i:02d}": 10.0 for i in range(38)}), "overrides_percent", "must sum to 600"),
        ],
    )
    def test_refuses_overrides_no_field_can_have(self, stub, overrides, field, says):
        with pytest.raises(grpc.RpcError) as excinfo:
            project(stub, overrides_percent=overrides)
        code, reason, fields = error_of(excinfo)
        assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_INPUT")
        assert fields[0][0] == field
        assert says in fields[0][1]

    def test_what_the_race_itself_says_is_named_when_it_takes_part_in_the_fault(self, stub, scenario):
        race = scenario.races["phoenix"]
        drivers = tuple(replace(d, projected_ownership_percent=99.0) for d in race.drivers[:7]) + race.drivers[7:]
        scenario.races["phoenix"] = replace(race, drivers=drivers)
        for overrides, field in (
            ([], "race.drivers.projected_ownership_percent"),
            (values(d30=10.0), "overrides_percent, race.drivers.projected_ownership_percent"),
            (values(**{f"d{i:02d}": 98.0 for i in range(7)}), "overrides_percent"),
        ):
            with pytest.raises(grpc.RpcError) as excinfo:
                project(stub, overrides_percent=overrides)
            assert error_of(excinfo)[2][0][0] == field

    def test_statuses(self, stub):
        for race_id, options, code in (
            ("nowhere", {}, grpc.StatusCode.NOT_FOUND),
            ("bare", {}, grpc.StatusCode.FAILED_PRECONDITION),
            ("phoenix", {"scenario_set_id": "ef" * 16}, grpc.StatusCode.NOT_FOUND),
            ("phoenix", {"model_version": "fit-none"}, grpc.StatusCode.NOT_FOUND),
            ("../etc", {}, grpc.StatusCode.INVALID_ARGUMENT),
            ("phoenix", {"interval_level": 1.0}, grpc.StatusCode.INVALID_ARGUMENT),
        ):
            with pytest.raises(grpc.RpcError) as excinfo:
                project(stub, race_id, **options)
            assert excinfo.value.code() == code, race_id
