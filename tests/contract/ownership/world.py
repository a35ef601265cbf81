"""Races in memory and an ownership service over them."""

import numpy as np
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from pitwall.common.v1 import lineup_pb2
from pitwall.ownership.v1 import ownership_service_pb2 as pb
from services.common.domain.race import Driver, Race, Track, TrackType
from services.common.domain.site_rules import DRAFTKINGS_CLASSIC
from services.common.matrix.scenario_matrix import ScenarioMatrix
from services.common.rpc.testing import FakeScenarioPeer
from services.ownership.core.calibration import shares_from_logits

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


def record(stub, scenario, race_id, contest_id="", **options):
    contest_id = contest_id or f"main-{race_id}"
    options = options or {"table": pb.OwnershipTable(percent=field_of(scenario.races[race_id], sum(race_id.encode())))}
    request = pb.RecordOwnershipRequest(race_id=race_id, contest_id=contest_id, **options)
    return stub.RecordOwnership(request).record
