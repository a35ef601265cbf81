"""Contests recorded, from tables and standings."""

import io
import time
import zipfile
from dataclasses import replace
from datetime import UTC, datetime

import grpc
import numpy as np
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from pitwall.common.v1 import lineup_pb2
from pitwall.ownership.v1 import ownership_service_pb2 as pb
from pitwall.scenario.v1 import race_pb2
from tests.contract.ownership.world import (
    error_of,
    field_of,
    make_matrix,
    project,
    record,
    values,
)


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
