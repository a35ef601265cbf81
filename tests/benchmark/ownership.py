"""Ownership: accuracy on real MMA fields and on synthetic seasons, and what a projection and a fit cost.

No contest with NASCAR ownership is public, so nothing here is NASCAR accuracy. Complete DraftKings MMA fields have the
same roster form, with salaries for four events; the entrants of the synthetic seasons maximise utility under the cap,
which is a family of its own.
"""

import dataclasses
import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from pitwall.ownership.v1 import ownership_service_pb2 as pb
from pitwall.ownership.v1.ownership_service_pb2_grpc import OwnershipServiceStub
from services.common.rpc.testing import FakeScenarioPeer, serve
from services.ownership.__main__ import build
from services.ownership.core.ensemble import OwnershipEnsemble
from services.ownership.core.evaluation import leave_one_race_out, summarise
from services.ownership.core.projection import project
from services.ownership.settings import OwnershipSettings
from tests.conftest import REPOSITORY
from tests.contract.ownership.world import make_matrix, make_race
from tests.mma_fields import SelfInformedEnsemble, read_mma_fields, with_salaries
from tests.unit.ownership.season import TASTES, Season, Taste, play

LEVEL = 0.8
N_FIT_RACES = 200
N_EVALUATED_RACES = 60
N_SEASONS = 4


def fitted_to(played):
    return OwnershipEnsemble().fit(played, [one.field_shares for one in played])


def clock(work):
    started = time.perf_counter()
    result = work()
    return result, time.perf_counter() - started


def points_off(shares, actual):
    return 100 * np.abs(shares - actual).mean()


def print_left_out(title, played, model):
    rows = list(leave_one_race_out(model, played))
    print(f"{title}: {len(played)} contests, events left out in turn; errors in points of ownership")
    print("  model          MAE  +-SE  weighted   bias>=20%  recall>=20%  Spearman  coverage  skill")
    for row in summarise(rows, level=LEVEL):
        print(
            f"  {row.name:13s}{100 * row.mae:5.2f} {100 * row.mae_se:5.2f} {100 * row.weighted_mae:9.2f}"
            f" {100 * row.popular_bias[0]:11.2f} {row.recall[0]:12.2f} {row.spearman:9.2f} {row.coverage:9.1%}"
            f" {row.skill:6.1%}"
        )
    return rows


def rows_of(rows, name):
    """What a model said of each contest."""
    return [row for row in rows if row.name == name]


def errors_of(rows, name):
    """Mean absolute error of a model per contest, in points."""
    mine = [row.residual for row in rows_of(rows, name)]
    return np.array([points_off(residual.projected, residual.actual) for residual in mine])


def events_of(rows):
    return np.array([row.race_id for row in rows_of(rows, "ensemble")])


def print_gain(rows):
    """What is gained on equal ownership, paired by event."""
    event, equal = events_of(rows), errors_of(rows, "uniform")
    gain = equal - errors_of(rows, "ensemble")
    gains = np.array([[gain[event == one].mean(), equal[event == one].mean()] for one in np.unique(event)])
    mean, error = gains[:, 0].mean(), gains[:, 0].std(ddof=1) / np.sqrt(len(gains))
    share = mean / gains[:, 1].mean()
    print(
        f"  gain on equal ownership {mean:.2f} +- {error:.2f} points over {len(gains)} events: {share:.1%} "
        f"+- {error / gains[:, 1].mean():.1%} (at least 10)"
    )


def print_against_salary(rows):
    """Paired difference to the salary-only baseline, by kind of contest, by event, and by contest."""
    entries = np.array([row.residual.basis.n_entries for row in rows_of(rows, "ensemble")])
    gain, events = errors_of(rows, "salary_only") - errors_of(rows, "ensemble"), events_of(rows)
    groups = {"$8, 4,411 entries and more": entries >= 1_000, "$555, 170-375 entries": entries < 1_000}
    groups |= {str(event): events == event for event in np.unique(events)}
    for name, group in groups.items():
        print(f"  better than salary alone by {gain[group].mean():+.2f} points: {name} ({group.sum()} contests)")
    for row, salary in zip(rows_of(rows, "ensemble"), rows_of(rows, "salary_only"), strict=True):
        mine, theirs = (100 * np.abs(one.residual.projected - one.residual.actual) for one in (row, salary))
        error = (theirs - mine).std(ddof=1) / np.sqrt(len(mine))
        print(
            f"  {row.race_id}, {row.residual.basis.n_entries:5,} entries: {mine.mean():5.2f} against salary alone"
            f" {theirs.mean():5.2f}, better by {(theirs - mine).mean():+.3f} +- {error:.3f} over its drivers"
        )


def print_coverage(rows):
    """Coverage of the ensemble's intervals by kind of contest, with its standard error over contests."""
    mine = rows_of(rows, "ensemble")
    for name, cheap in (("$8", True), ("$555", False)):
        kind = [row for row in mine if (row.residual.basis.fee_decades < 1) == cheap]
        covered = np.array([row.residual.covered(row.dispersion, LEVEL).mean() for row in kind])
        error = covered.std(ddof=1) / np.sqrt(len(covered))
        print(f"  coverage at {name}: {covered.mean():.1%} +- {error:.1%} over {len(covered)} contests")


def print_mma():
    folder = Path(os.environ.get("PITWALL_SHARED_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        print(f"MMA fields: skipped, no data at {folder}; set PITWALL_SHARED_DATA")
        return
    played = read_mma_fields(folder)
    for title, model in (("defaults of the other events", SelfInformedEnsemble()), ("defaults", OwnershipEnsemble())):
        rows = print_left_out(f"MMA fields with salaries, {title}", with_salaries(played), model)
        print_gain(rows)
        print_against_salary(rows)
        print_coverage(rows)
    print_left_out("MMA fields, salaries or not, defaults of the other events", played, SelfInformedEnsemble())


def season_errors(seed, taste):
    """Cold start, after 30 races, attainable, coverage; over the last six races of a season of 36."""
    history, last = play(seed, taste, n_history=30, n_test=6)
    cold, rows = OwnershipEnsemble(), []
    for race in last:
        actual = race.played.shares
        found = project(fitted_to(history), race.played.slate, level=LEVEL)
        guesses = (cold.predict([race.played.slate])[0], found.shares, race.attainable)
        inside = ((found.lower <= actual) & (actual <= found.upper)).mean()
        rows.append([*(points_off(guess, actual) for guess in guesses), 100 * inside])
        history = [*history, race.played]
    return np.mean(rows, axis=0), fitted_to(history).weights


def print_seasons():
    """Crowds that differ in what moves them; errors are means over seasons, +- their standard errors."""
    print(f"Synthetic seasons of 36 races, {N_SEASONS} per crowd, mean absolute error over the last six:")
    print(
        "  crowd            cold  learnt  attainable  fall %  above attainable %  80 % intervals cover %  most weight"
    )
    for name, taste in TASTES.items():
        seasons = [season_errors(seed, taste) for seed in range(N_SEASONS)]
        errors = np.array([row for row, _ in seasons])
        cold, learnt, attainable, coverage = errors.mean(axis=0)
        above = 100 * (errors[:, 1] / errors[:, 2] - 1)
        spread = [values.std(ddof=1) / np.sqrt(N_SEASONS) for values in (above, errors[:, 3])]
        weights = {member: np.mean([row[member] for _, row in seasons]) for member in seasons[0][1]}
        best = max(weights, key=weights.get)
        print(
            f"  {name:15s}{cold:6.2f}{learnt:8.2f}{attainable:12.2f}{100 * (1 - learnt / cold):8.0f}"
            f"{above.mean():14.1f} +- {spread[0]:.1f}{coverage:18.1f} +- {spread[1]:.1f}   {best} {weights[best]:.2f}"
        )


def wire_seconds():
    """Median seconds of ProjectOwnership and of ListModels on one server."""
    race = make_race()
    peer = FakeScenarioPeer(race, make_matrix(race))
    with TemporaryDirectory() as folder, serve([build(OwnershipSettings(data_dir=Path(folder)), peer)]) as channel:
        stub = OwnershipServiceStub(channel)
        request = pb.ProjectOwnershipRequest(race_id=race.race_id)
        stub.ProjectOwnership(request)
        projected = [clock(lambda: stub.ProjectOwnership(request))[1] for _ in range(50)]
        listed = [clock(lambda: stub.ListModels(pb.ListModelsRequest()))[1] for _ in range(50)]
    return np.median(projected), np.median(listed)


def print_cost():
    season = Season(0, Taste())
    played = [season.race(week, n_entrants=150).played for week in range(N_FIT_RACES)]
    model, seconds = clock(lambda: fitted_to(played))
    upcoming = dataclasses.replace(played[-1].slate, day=float("inf"))
    project(model, upcoming)
    each = [clock(lambda: project(model, dataclasses.replace(upcoming)))[1] for _ in range(50)]
    _, evaluation = clock(lambda: list(leave_one_race_out(OwnershipEnsemble(), played[:N_EVALUATED_RACES])))
    (wire, direct) = wire_seconds()
    print(
        f"fit on {N_FIT_RACES} races {seconds:.1f} s (limit 30); projection of {upcoming.n_drivers} drivers "
        f"{1e3 * np.median(each):.1f} ms in the core; evaluation of {N_EVALUATED_RACES} races {evaluation:.1f} s"
    )
    print(
        f"ProjectOwnership over loopback, summary cached: {1e3 * wire:.1f} ms (limit 20), "
        f"{wire / direct:.1f} times an rpc that only lists models"
    )


def run():
    print_mma()
    print_seasons()
    print_cost()
