"""Bounds of the lineup table at every stage, against the sorted totals of each lineup."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.common.domain.errors import Cancelled
from services.common.domain.work import no_checkpoint
from services.optimizer import tables
from services.optimizer.core.objective import DEFAULT_TERMS, build_objective
from services.optimizer.core.table import build_table
from services.optimizer.core.tighten_kernels import STAGE_EXACT, STAGE_OWN, STAGE_PREFIX
from tests.unit.optimizer.oracle import random_slate, slates, terms


def exact_tails(table):
    """Value of the tails of every row in units of the objective, by sorting."""
    totals = np.sort(table.ticks[table.lineups].astype(np.int64).sum(axis=1), axis=1)[:, ::-1]
    return sum(tail.multiplier * totals[:, : tail.k].sum(axis=1) for tail in table.objective.tails)


@given(
    slate=slates(),
    objective_terms=terms().filter(lambda terms: any(term.alpha is not None and term.weight for term in terms)),
    offset=st.integers(-2_000, 2_000),
    share=st.sampled_from([0.1, 0.5, 1.0]),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=200, deadline=None)
def test_no_bound_is_ever_below_the_value_whatever_the_thresholds(slate, objective_terms, offset, share, seed):
    table = build_table(slate, build_objective(objective_terms, slate.n_scenarios), no_checkpoint, max_lineups=10**6)
    exact, rng = exact_tails(table), np.random.default_rng(seed)
    thresholds = np.clip(table.thresholds + offset, -16_383, 16_383)
    for _ in range(3):
        assert (table.bound >= exact).all()
        before = table.stage.copy()
        rows = np.flatnonzero(rng.random(table.n_lineups) < share)
        table.tighten(rows, thresholds)
        assert (table.stage[rows[before[rows] == STAGE_PREFIX]] == STAGE_OWN).all()
        assert (table.stage[rows[before[rows] != STAGE_PREFIX]] == STAGE_EXACT).all()
    known = table.stage == STAGE_EXACT
    assert (table.bound[known] == exact[known]).all()


def test_a_table_is_built_once_although_a_caller_gives_up_waiting_for_it(monkeypatch):
    slate = random_slate(np.random.default_rng(1))
    objective = build_objective(DEFAULT_TERMS, slate.n_scenarios)
    begun, release, builds = threading.Event(), threading.Event(), []

    def slow(*args, **options):
        builds.append(args)
        begun.set()
        assert release.wait(10)
        return build_table(*args, **options)

    def gone():
        raise Cancelled("gone")

    monkeypatch.setattr(tables, "build_table", slow)
    library = tables.TableLibrary(10**9, 10**6)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(library.get, "content", slate, objective, no_checkpoint)
        assert begun.wait(60)
        with pytest.raises(Cancelled):
            library.get("content", slate, objective, gone)
        assert library.get("content", slate, objective, release.set) is first.result(60)
    assert len(builds) == 1
