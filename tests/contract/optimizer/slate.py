"""A race of sixteen drivers for the optimizer behind a real server, and what tests ask of it."""

import itertools

import grpc
import numpy as np
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from pitwall.optimizer.v1 import optimizer_service_pb2 as pb
from pitwall.optimizer.v1 import portfolio_pb2 as messages
from services.common.domain.race import Driver, Race, Track, TrackType
from services.common.domain.site_rules import DRAFTKINGS_CLASSIC
from services.common.matrix.scenario_matrix import ScenarioMatrix
from services.common.rpc.peers import ProjectedOwnership

N_DRIVERS = 16
N_SCENARIOS = 10_000
SET_ID = "ab" * 16


def make_race():
    rng = np.random.default_rng(1)
    drivers = tuple(
        Driver(
            driver_id=f"d{index:02d}",
            name=f"Driver {index:02d}",
            salary_dollars=int(salary),
            start_position=index + 1,
            team=f"Team {index // 3}",
        )
        for index, salary in enumerate(np.sort(rng.integers(50, 110, N_DRIVERS))[::-1] * 100)
    )
    return Race("phoenix", Track(type=TrackType.SHORT), 312, DRAFTKINGS_CLASSIC, drivers, snapshot_hash="snapshot")


def make_matrix(race, n_scenarios=N_SCENARIOS):
    rng = np.random.default_rng(2)
    mean = race.salaries_dollars / 250.0 + rng.normal(0, 6, N_DRIVERS)
    points = mean + rng.normal(0, 15, (n_scenarios, N_DRIVERS)) + rng.exponential(6, (n_scenarios, N_DRIVERS))
    regimes = (rng.random(n_scenarios) < 0.3).astype(np.uint8)
    ticks = np.round(points * 20).astype(np.int16)
    return ScenarioMatrix("phoenix", SET_ID, "c" * 64, race.driver_ids, ticks, ("normal", "chaos"), regimes)


def make_ownership(race):
    weight = race.salaries_dollars / race.salaries_dollars.sum()
    percent = np.minimum(90.0, weight * 600)
    return ProjectedOwnership(percent, percent * 0.8, percent * 1.2, 10.0, "projection", "test")


LOOSE = messages.ExposureRules(max_driver=1, max_team=1)
"""Sixteen drivers are too few for the general maxima in small portfolios."""


def request(n_lineups=4, **fields):
    return pb.BuildPortfolioRequest(race_id="phoenix", n_lineups=n_lineups, **{"exposure": LOOSE, **fields})


def built(stub, asked, timeout=60):
    lineups, summary = [], None
    for event in stub.BuildPortfolio(asked, timeout=timeout):
        kind = event.WhichOneof("event")
        assert summary is None, "the summary comes last"
        if kind == "lineup":
            lineups.append(event.lineup)
        if kind == "summary":
            summary = event.summary
    return lineups, summary


def columns_of(race, message):
    return tuple(race.driver_index[driver_id] for driver_id in message.lineup.driver_ids)


def exhausted(answer):
    return list(answer) if hasattr(answer, "__next__") else answer


def refused(call, code):
    with pytest.raises(grpc.RpcError) as caught:
        exhausted(call())
    assert caught.value.code() == code
    details = {}
    for packed in rpc_status.from_call(caught.value).details:
        for kind in (error_details_pb2.ErrorInfo, error_details_pb2.BadRequest):
            if packed.Is(kind.DESCRIPTOR):
                details[kind.__name__] = kind()
                packed.Unpack(details[kind.__name__])
    return caught.value, details


def fields_of(details):
    return [violation.field for violation in details["BadRequest"].field_violations]


def legal(race):
    cap = race.rules.salary_cap_dollars
    return [c for c in itertools.combinations(range(N_DRIVERS), 6) if race.salaries_dollars[list(c)].sum() <= cap]
