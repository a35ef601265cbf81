"""OwnershipService over a real loopback server."""

import io
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

import grpc
import numpy as np
import pytest
import sqlalchemy as sa
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from pitwall.common.v1 import lineup_pb2
from pitwall.ownership.v1 import ownership_pb2
from pitwall.ownership.v1 import ownership_service_pb2 as pb
from pitwall.ownership.v1.ownership_service_pb2_grpc import OwnershipServiceStub
from pitwall.scenario.v1 import race_pb2
from services.common.domain.race import Driver, Race, Track, TrackType
from services.common.domain.site_rules import DRAFTKINGS_CLASSIC
from services.common.matrix.scenario_matrix import ScenarioMatrix
from services.common.rpc.testing import FakeScenarioPeer, serve
from services.common.sql import open_engine
from services.ownership.__main__ import build
from services.ownership.core.calibration import shares_from_logits
from services.ownership.core.ensemble import OwnershipEnsemble
from services.ownership.settings import OwnershipSettings

N_DRIVERS = 38
SET_ID = "ab" * 16


def make_race(race_id="phoenix", start_time="2023-03-12T19:30:00Z", seed=4):
    rng = np.random.default_rng(seed)
    salaries = np.sort(rng.integers(45, 95, N_DRIVERS))[::-1] * 100
    drivers = tuple(
        Driver(driver_id=f"d{i:02d}", name=f"Driver Number{i:02d}", salary_dollars=int(salary), start_position=i + 1)
        for i, salary in enumerate(salaries)
    )
    track = Track(type=TrackType.SHORT)
    return Race(
        race_id, track, 312, DRAFTKINGS_CLASSIC, drivers, start_time=start_time, snapshot_hash=f"hash-{race_id}"
    )


def make_matrix(race, seed=5):
    rng = np.random.default_rng(seed)
    mean = race.salaries_dollars / 250.0 + rng.normal(0, 5, N_DRIVERS)
    points = mean + rng.normal(0, 18, (400, N_DRIVERS))
    ticks = np.round(points * 20).astype(np.int16)
    regimes = np.zeros(len(ticks), dtype=np.uint8)
    return ScenarioMatrix(race.race_id, SET_ID, "0" * 64, race.driver_ids, ticks, ("dominator",), regimes)


class ManyRaces(FakeScenarioPeer):
    """Answers for several races; counts the summaries it was asked for."""

    def __init__(self, races, matrices):
        super().__init__(races[0], matrices.get(races[0].race_id))
        self.races = {race.race_id: race for race in races}
        self.matrices = matrices
        self.n_summaries = 0

    def get_race(self, race_id, call):
        self.race = self.races.get(race_id, self.race)
        return super().get_race(race_id, call)

    def get_scenarios(self, race_id, scenario_set_id, call):
        self.matrix = self.matrices.get(race_id)
        return super().get_scenarios(race_id, scenario_set_id, call)

    def summarize(self, race_id, scenario_set_id, call, *, optimal_rates=False):
        self.n_summaries += 1
        return super().summarize(race_id, scenario_set_id, call, optimal_rates=optimal_rates)


@pytest.fixture
def scenario():
    races = [make_race(), *(make_race(f"race{i}", f"2023-04-{i + 1:02d}T18:00:00Z", 10 + i) for i in range(8))]
    bare = make_race("bare", "")
    matrices = {race.race_id: make_matrix(race, 20 + i) for i, race in enumerate(races)}
    return ManyRaces([*races, bare], matrices)


@pytest.fixture
def database(tmp_path):
    engine = open_engine(f"sqlite:///{tmp_path}/data/ownership.sqlite")
    yield engine
    engine.dispose()


@pytest.fixture
def stub(scenario, database):
    settings = OwnershipSettings(database_url=str(database.url))
    with serve([build(settings, scenario)]) as channel:
        yield OwnershipServiceStub(channel)


def error_of(excinfo):
    """gRPC code, reason and field paths of an error."""
    status = rpc_status.from_call(excinfo.value)
    reason, fields = "", []
    for detail in status.details:
        info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        if detail.Unpack(info):
            reason = info.reason
        if detail.Unpack(bad):
            fields = [(v.field, v.description) for v in bad.field_violations]
    return excinfo.value.code(), reason, fields


def project(stub, race_id="phoenix", **options):
    return stub.ProjectOwnership(pb.ProjectOwnershipRequest(race_id=race_id, **options)).projection


def values(**percent):
    return [lineup_pb2.DriverValue(driver_id=driver, value=value) for driver, value in percent.items()]


def field_of(race, seed):
    """Legal-looking actual ownership: a projection-like field that sums to 598 %."""
    rng = np.random.default_rng(seed)
    weight = np.exp(rng.normal(0, 0.6, N_DRIVERS))
    shares = weight / weight.sum() * 5.98
    return [lineup_pb2.DriverValue(driver_id=d, value=100 * s) for d, s in zip(race.driver_ids, shares, strict=True)]


def following(scenario, race_id, sharpness):
    """Ownership of a field that plays simulated points as sharply as told, as a table of 600 %."""
    mean = scenario.matrices[race_id].ticks.mean(axis=0)
    shares = shares_from_logits(sharpness * (mean - mean.mean()) / mean.std(), 6.0)
    return values(**dict(zip(scenario.races[race_id].driver_ids, (100 * shares).tolist(), strict=True)))


def spread_of(projection):
    return np.std([driver.percent for driver in projection.drivers])


def record(stub, scenario, race_id, contest_id="", **options):
    contest_id = contest_id or f"main-{race_id}"
    options = options or {"table": pb.OwnershipTable(percent=field_of(scenario.races[race_id], sum(race_id.encode())))}
    request = pb.RecordOwnershipRequest(race_id=race_id, contest_id=contest_id, **options)
    return stub.RecordOwnership(request).record


def standings_csv(race, names=None, *, bom=False, roster_column=True):
    names = names or [driver.name for driver in race.drivers]
    n = len(names)
    counts = np.full(n, 199 * 6 // n) + (np.arange(n) < 199 * 6 % n)
    dealt = np.repeat(np.arange(n), counts).reshape(6, 199)
    lineups = [" ".join(f"D {names[row]}" for row in lineup) for lineup in dealt.T]
    lineups.insert(7, "")
    roster = ",Roster Position" if roster_column else ""
    lines = [f"Rank,EntryId,EntryName,TimeRemaining,Points,Lineup,,Player{roster},%Drafted,FPTS"]
    for i in range(200):
        left = f"{i + 1},{i},user{i // 2} ({i % 2 + 1}/2),0,{200 - i / 3:.6f},{lineups[i]}"
        position = ",D" if roster_column else ""
        right = f",,{names[i]}{position},{counts[i] / 2:.2f}%,{30.850006 + i:.6f}" if i < n else ""
        lines.append(left + right)
    return ("\ufeff" if bom else "").encode() + "\n".join(lines).encode()


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


class TestRecordOwnership:
    def test_table_comes_back_and_replaces(self, stub, scenario):
        first = record(stub, scenario, "race1")
        again = record(stub, scenario, "race1")
        assert first.record_id == again.record_id
        assert sum(d.percent for d in again.drivers) == pytest.approx(598)
        found = stub.ListOwnershipRecords(pb.ListOwnershipRecordsRequest(race_id="race1")).records
        assert [r.record_id for r in found] == [first.record_id]

    @pytest.mark.parametrize("layout", ["plain", "bom", "old", "zip"])
    def test_standings(self, stub, scenario, layout):
        race = scenario.races["phoenix"]
        content = standings_csv(race, bom=layout == "bom", roster_column=layout != "old")
        if layout == "zip":
            packed = io.BytesIO()
            with zipfile.ZipFile(packed, "w") as archive:
                archive.writestr("contest-standings-1.csv", content)
            content = packed.getvalue()
        stored = record(
            stub,
            scenario,
            "phoenix",
            "123",
            standings=race_pb2.InputFile(name="contest-standings-1.csv", content=content),
        )
        assert stored.contest.n_entries == 200
        assert stored.contest.max_entries_per_user == 2
        assert sum(d.percent for d in stored.drivers) == pytest.approx(597, abs=0.4)

    def test_a_race_without_scenarios_is_recorded_all_the_same(self, stub, scenario):
        assert record(stub, scenario, "bare").race_id == "bare"

    def test_withdrawn_drivers_are_told_of(self, stub, scenario):
        race = scenario.races["phoenix"]
        gone = replace(race.drivers[20], withdrawn=True)
        scenario.races["phoenix"] = replace(race, drivers=(*race.drivers[:20], gone, *race.drivers[21:]))
        file = race_pb2.InputFile(name="s.csv", content=standings_csv(race))
        response = stub.RecordOwnership(pb.RecordOwnershipRequest(race_id="phoenix", contest_id="1", standings=file))
        assert "15.50 points of ownership went to drivers withdrawn" in " ".join(response.warnings)
        assert gone.driver_id not in {driver.driver_id for driver in response.record.drivers}

    def test_refusals_store_nothing(self, stub, scenario):
        race = scenario.races["phoenix"]
        other = standings_csv(race, [f"Someone Else{i}" for i in range(38)])
        one_off = standings_csv(race, ["Driver Nunber00", *(d.name for d in race.drivers[1:])])
        dear = [lineup_pb2.DriverValue(driver_id=f"d{i:02d}", value=100.0) for i in range(6)]
        few = [lineup_pb2.DriverValue(driver_id=d, value=5.0) for d in race.driver_ids]
        for options, says in (
            ({"table": pb.OwnershipTable(percent=values(nobody=50.0))}, "does not start"),
            ({"table": pb.OwnershipTable(percent=values(d01=120.0))}, "between 0 and 100"),
            ({"table": pb.OwnershipTable(percent=few)}, "sums to 190.0 %"),
            ({"table": pb.OwnershipTable(percent=dear)}, "above the cap"),
            ({"standings": race_pb2.InputFile(name="s.csv", content=other)}, "another race"),
            ({"standings": race_pb2.InputFile(name="s.csv", content=one_off)}, "did you mean 'Driver Number00'"),
            ({"standings": race_pb2.InputFile(name="s.csv", content=b"a,b\n1,2\n")}, "column is missing"),
            ({"standings": race_pb2.InputFile(name="s.zip", content=b"PK\x03\x04broken")}, "cannot be read"),
        ):
            with pytest.raises(grpc.RpcError) as excinfo:
                record(stub, scenario, "phoenix", **options)
            code, _, fields = error_of(excinfo)
            assert code == grpc.StatusCode.INVALID_ARGUMENT
            assert says in " ".join(description for _, description in fields)
        assert not stub.ListOwnershipRecords(pb.ListOwnershipRecordsRequest()).records

    def test_a_contest_belongs_to_one_race(self, stub, scenario):
        record(stub, scenario, "race0", "123")
        same_field = {"table": pb.OwnershipTable(percent=field_of(scenario.races["race0"], 7))}
        record(stub, scenario, "race1", "124", **same_field)
        for race_id, contest_id, options, field in (
            ("race2", "123", {}, "contest_id"),
            ("race2", "125", same_field, "table"),
        ):
            with pytest.raises(grpc.RpcError) as excinfo:
                record(stub, scenario, race_id, contest_id, **options)
            code, _, fields = error_of(excinfo)
            assert code == grpc.StatusCode.INVALID_ARGUMENT
            assert fields[0][0] == field
            assert ("race0" if field == "contest_id" else "race1") in fields[0][1]
        assert len(stub.ListOwnershipRecords(pb.ListOwnershipRecordsRequest()).records) == 2
        stub.DeleteOwnershipRecord(pb.DeleteOwnershipRecordRequest(race_id="race0", contest_id="123"))
        assert record(stub, scenario, "race2", "123").race_id == "race2"
        with pytest.raises(grpc.RpcError) as excinfo:
            stub.DeleteOwnershipRecord(pb.DeleteOwnershipRecordRequest(race_id="race0", contest_id="123"))
        assert excinfo.value.code() == grpc.StatusCode.NOT_FOUND

    def test_the_day_of_a_race_is_its_start_else_what_is_told_else_today_with_a_warning(self, stub, scenario):
        def recorded(race_id, contest_id, day=None):
            percent = field_of(scenario.races[race_id], sum(contest_id.encode()))
            request = pb.RecordOwnershipRequest(
                race_id=race_id,
                contest_id=contest_id,
                table=pb.OwnershipTable(percent=percent),
                race_time=None if day is None else Timestamp(seconds=day * 86_400),
            )
            response = stub.RecordOwnership(request)
            return response.record.race_time.ToSeconds() / 86_400, " ".join(response.warnings)

        start = datetime.fromisoformat(scenario.races["phoenix"].start_time).timestamp() / 86_400
        assert recorded("phoenix", "a") == (pytest.approx(start, abs=1e-4), "")
        guessed, warning = recorded("bare", "b")
        assert guessed == pytest.approx(time.time() / 86_400, abs=0.1)
        assert "nobody told when race 'bare' was run" in warning
        assert "no projected points are kept" in warning
        told, warning = recorded("bare", "c", 19_000)
        assert told == 19_000
        assert "nobody told" not in warning
        assert recorded("bare", "d")[0] == 19_000
        listed = stub.ListOwnershipRecords(pb.ListOwnershipRecordsRequest(race_id="bare")).records
        assert {r.race_time.ToSeconds() / 86_400 for r in listed} == {19_000}
        coming = datetime.fromtimestamp(time.time() + 30 * 86_400, UTC).isoformat()
        scenario.races["race0"] = replace(scenario.races["race0"], start_time=coming)
        with pytest.raises(grpc.RpcError) as excinfo:
            recorded("race0", "e")
        assert error_of(excinfo)[2][0][0] == "race_id"
        assert "lies in the future" in error_of(excinfo)[2][0][1]
        for race_id, day, says in (
            ("phoenix", 19_000, "starts on 2023-03-12, not on 2022-01-08"),
            ("bare", 30_000, "future"),
            ("bare", -20_000, "greater than or equal to 1948"),
            ("bare", 10**10, "less than 2100"),
        ):
            with pytest.raises(grpc.RpcError) as excinfo:
                recorded(race_id, "e", day)
            code, _, fields = error_of(excinfo)
            assert code == grpc.StatusCode.INVALID_ARGUMENT
            assert fields[0][0] == "race_time"
            assert says in fields[0][1]
        assert not any(r.contest_id == "e" for r in stub.ListOwnershipRecords(pb.ListOwnershipRecordsRequest()).records)

    def test_an_id_used_again_for_another_race_learns_from_the_first(self, stub, scenario):
        """The same names, new ids as the site gives them every week: the popular of the first race stay popular."""
        race = scenario.races["bare"]
        scenario.matrices["bare"] = make_matrix(race, 3)
        record(stub, scenario, "bare", "week-1")
        list(stub.FitModel(pb.FitModelRequest()))
        same = project(stub, "bare")
        drivers = tuple(replace(driver, driver_id=f"w2-{driver.driver_id}") for driver in race.drivers)
        following = replace(race, drivers=drivers, snapshot_hash="week-2")
        scenario.races["bare"] = following
        other_set = replace(make_matrix(race, 3), driver_ids=following.driver_ids, scenario_set_id="cd" * 16)
        scenario.matrices["bare"] = other_set
        other = project(stub, "bare")

        def history(projection):
            return np.array([driver.components[0].weight for driver in projection.drivers])

        assert not history(same).any()
        assert (history(other) > 0).all()
        with pytest.raises(grpc.RpcError) as excinfo:
            record(stub, scenario, "bare", "week-2")
        assert error_of(excinfo)[2][0][0] == "race_id"

    def test_pages(self, stub, scenario):
        for i in range(5):
            record(stub, scenario, f"race{i}")
        seen, token = [], ""
        for _ in range(3):
            page = stub.ListOwnershipRecords(pb.ListOwnershipRecordsRequest(page_size=2, page_token=token))
            seen += [r.race_id for r in page.records]
            token = page.next_page_token
        assert seen == ["race4", "race3", "race2", "race1", "race0"]
        assert token == ""
        with pytest.raises(grpc.RpcError) as excinfo:
            stub.ListOwnershipRecords(pb.ListOwnershipRecordsRequest(page_token="nonsense"))
        assert excinfo.value.code() == grpc.StatusCode.INVALID_ARGUMENT


class TestModels:
    def test_fit_then_project_with_either_model(self, stub, scenario):
        assert [m.model_version for m in stub.ListModels(pb.ListModelsRequest()).models] == ["default"]
        before = project(stub)
        for i in range(6):
            record(stub, scenario, f"race{i}")
        *progress, last = stub.FitModel(pb.FitModelRequest())
        assert progress
        assert last.model.active
        assert last.model.n_races == 6
        assert sum(last.model.weights.values()) == pytest.approx(1.0)
        listed = stub.ListModels(pb.ListModelsRequest()).models
        assert [(m.model_version, m.active) for m in listed] == [(last.model.model_version, True), ("default", False)]
        assert project(stub).model_version == last.model.model_version
        assert project(stub, model_version="default") == before

    def test_a_model_that_another_version_fitted_is_fitted_again(self, stub, scenario, database):
        record(stub, scenario, "race1")
        with database.begin() as connection:
            columns = "model_version, created_at, active, n_races, weights, state"
            connection.execute(
                sa.text(f"INSERT INTO ownership_models ({columns}) VALUES ('fit-old', 1.0, true, 1, '{{}}', '{{}}')")
            )
        with pytest.raises(grpc.RpcError) as excinfo:
            project(stub, model_version="fit-old")
        assert excinfo.value.code() == grpc.StatusCode.FAILED_PRECONDITION
        with ThreadPoolExecutor(3) as pool:
            versions = {p.model_version for p in pool.map(lambda _: project(stub), range(3))}
        listed = stub.ListModels(pb.ListModelsRequest()).models
        assert [m.model_version for m in listed if m.active] == list(versions)
        assert versions != {"fit-old"}
        assert [m.n_races for m in listed if m.active] == [1]
        stub.DeleteOwnershipRecord(pb.DeleteOwnershipRecordRequest(race_id="race1", contest_id="main-race1"))
        with database.begin() as connection:
            connection.execute(sa.text("UPDATE ownership_models SET active = (model_version = 'fit-old')"))
        with pytest.raises(grpc.RpcError, match="fitted by another version"):
            project(stub)

    def test_evaluate_names_every_model(self, stub, scenario):
        for i in range(4):
            record(stub, scenario, f"race{i}")
        *_, last = stub.EvaluateModel(pb.EvaluateModelRequest())
        rows = {row.name: row for row in last.evaluation.rows}
        members = {"historical", "projection", "salary_skill", "recent_form"}
        assert set(rows) == members | {"ensemble", "uniform", "salary_only", "value_only"}
        assert last.evaluation.n_races == 4
        assert rows["uniform"].skill == 0
        assert all(row.mae > 0 and 0 <= row.coverage <= 1 for row in rows.values())

    def test_nothing_to_fit_or_evaluate(self, stub, scenario):
        for call in (
            lambda: stub.FitModel(pb.FitModelRequest()),
            lambda: stub.EvaluateModel(pb.EvaluateModelRequest()),
        ):
            with pytest.raises(grpc.RpcError) as excinfo:
                list(call())
            assert excinfo.value.code() == grpc.StatusCode.FAILED_PRECONDITION

    def test_an_interrupted_fit_leaves_the_old_model(self, stub, scenario, monkeypatch):
        class Endless(OwnershipEnsemble):
            def fit(self, X, y, *, work=None):
                work.report("leave races out", 0, 1)
                while True:
                    work.checkpoint()

        record(stub, scenario, "race1")
        monkeypatch.setattr("services.ownership.application.OwnershipEnsemble", Endless)
        fit = stub.FitModel(pb.FitModelRequest())
        next(fit)
        fit.cancel()
        with pytest.raises(grpc.RpcError) as excinfo:
            list(fit)
        assert excinfo.value.code() == grpc.StatusCode.CANCELLED
        assert project(stub).model_version == "default"
        with pytest.raises(grpc.RpcError) as excinfo:
            list(stub.FitModel(pb.FitModelRequest(), timeout=0.5))
        assert excinfo.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
        assert project(stub).model_version == "default"

    def test_an_interrupted_refit_leaves_the_fitted_model_serving(self, stub, scenario, monkeypatch):
        record(stub, scenario, "race1")
        version = list(stub.FitModel(pb.FitModelRequest()))[-1].model.model_version
        before = project(stub)
        record(stub, scenario, "race2")
        with monkeypatch.context() as patch:
            # The last statement of storing a model: the old one is no longer marked active by then.
            patch.setattr("services.ownership.store.asdict", lambda _model: 1 / 0)
            with pytest.raises(grpc.RpcError):
                list(stub.FitModel(pb.FitModelRequest()))
        assert project(stub) == before
        assert [m.model_version for m in stub.ListModels(pb.ListModelsRequest()).models if m.active] == [version]

    def test_neither_waits_for_the_other(self, stub, scenario, monkeypatch):
        """Projections are answered while a fit is held in the middle of its work, and it ends after they do."""
        record(stub, scenario, "race1")
        begun, released = threading.Event(), threading.Event()
        fits = OwnershipEnsemble.fit

        def held(model, X, y, *, work=None):
            begun.set()
            assert released.wait(60)
            return fits(model, X, y, work=work)

        monkeypatch.setattr("services.ownership.application.OwnershipEnsemble.fit", held)
        with ThreadPoolExecutor(5) as pool:
            fit = pool.submit(lambda: list(stub.FitModel(pb.FitModelRequest())))
            try:
                assert begun.wait(60)
                projections = list(pool.map(lambda _: project(stub), range(12)))
                assert not fit.done()
            finally:
                released.set()
        assert {p.model_version for p in projections} == {"default"}
        assert fit.result()[-1].model.active
        assert project(stub).model_version == fit.result()[-1].model.model_version

    def test_projections_go_on_during_a_fit(self, stub, scenario):
        for i in range(8):
            record(stub, scenario, f"race{i}")
        with ThreadPoolExecutor(4) as pool:
            fit = pool.submit(lambda: list(stub.FitModel(pb.FitModelRequest())))
            projections = list(pool.map(lambda _: project(stub, model_version="default"), range(30)))
        assert len({p.SerializeToString(deterministic=True) for p in projections}) == 1
        assert fit.result()[-1].model.active
