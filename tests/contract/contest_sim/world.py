"""A race, its scenarios and ownership, and a contest-sim service over them."""

from itertools import pairwise

import numpy as np
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from pitwall.common.v1 import lineup_pb2
from pitwall.contestsim.v1 import contest_pb2
from pitwall.contestsim.v1 import contestsim_service_pb2 as pb
from services.common.domain.race import Driver, Race, Track, TrackType
from services.common.domain.site_rules import DRAFTKINGS_CLASSIC
from services.common.matrix.scenario_matrix import ScenarioMatrix
from services.common.rpc.peers import ProjectedOwnership
from services.common.rpc.testing import FakeOwnershipPeer, FakeScenarioPeer, serve
from services.common.universe import enumerate_lineups
from services.contest_sim.__main__ import build
from services.contest_sim.settings import ContestSimSettings

N_DRIVERS = 24

SET_ID = "cd" * 16


def make_race():
    salaries = np.round(np.linspace(10_800, 5_000, N_DRIVERS), -2).astype(int)
    drivers = tuple(
        Driver(driver_id=f"d{i:02d}", name=f"Driver {i:02d}", salary_dollars=int(salary), start_position=i + 1)
        for i, salary in enumerate(salaries)
    )
    return Race("phoenix", Track(type=TrackType.SHORT), 312, DRAFTKINGS_CLASSIC, drivers, snapshot_hash="h")


def make_matrix(race, n_scenarios=400):
    rng = np.random.default_rng(5)
    points = race.salaries_dollars / 250.0 + rng.normal(0, 18, (n_scenarios, N_DRIVERS))
    regimes = (np.arange(n_scenarios) % 2).astype(np.uint8)
    ticks = np.round(points * 20).astype(np.int16)
    return ScenarioMatrix(race.race_id, SET_ID, "0" * 64, race.driver_ids, ticks, ("dominator", "chaos"), regimes)


RACE = make_race()

UNIVERSE = enumerate_lineups(RACE.salaries_dollars, 6, 50_000)


def legal_ownership():
    """Ownership of some field of legal lineups."""
    weights = np.random.default_rng(2).gamma(0.3, size=UNIVERSE.n_lineups)
    counts = np.zeros(N_DRIVERS)
    for slot in range(6):
        np.add.at(counts, UNIVERSE.lineups[:, slot].astype(int), weights)
    return 100.0 * counts / weights.sum()


OWNERSHIP = ProjectedOwnership(
    percent=legal_ownership(),
    lower_percent=legal_ownership() - 5,
    upper_percent=legal_ownership() + 5,
    concentration=40.0,
    projection_id="p",
    model_version="default",
    warnings=("few races in the history",),
)


def serving(matrix):
    scenario = FakeScenarioPeer(RACE, matrix)
    return serve([build(ContestSimSettings(), scenario, FakeOwnershipPeer(OWNERSHIP))])


def entered(row, n_entries=0):
    return contest_pb2.EnteredLineup(lineup=lineup(row), n_entries=n_entries)


def lineup(row):
    return lineup_pb2.Lineup(driver_ids=[RACE.driver_ids[column] for column in UNIVERSE.lineups[row]])


def contest(n_entries=200, name="", **prizes):
    prizes = prizes or {"shape": contest_pb2.PrizeShape()}
    return contest_pb2.ContestSpec(n_entries=n_entries, entry_fee_cents=1000, name=name, **prizes)


def request(rows=(10, 999, 5000), **changes):
    fields = {
        "race_id": "phoenix",
        "entries": [entered(row) for row in rows],
        "contests": [contest()],
        "seed": 7,
    }
    return pb.SimulateContestRequest(**(fields | changes))


def result_of(stream):
    *progress, last = list(stream)
    assert all(message.HasField("progress") for message in progress)
    for before, after in pairwise(message.progress for message in progress):
        assert after.stage != before.stage or after.done >= before.done
        assert after.total == 0 or after.done <= after.total
    return last


def error_of(caught):
    """gRPC code, reason, and violations of an error."""
    status = rpc_status.from_call(caught.value)
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in status.details:
        if detail.Is(info.DESCRIPTOR):
            detail.Unpack(info)
        if detail.Is(bad.DESCRIPTOR):
            detail.Unpack(bad)
    return caught.value.code(), info.reason, {item.field: item.description for item in bad.field_violations}
