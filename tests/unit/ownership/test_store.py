from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import sqlalchemy as sa

from services.common.domain.errors import InvalidInput, NotFound
from services.common.sql import open_engine
from services.ownership.core.slate import SLATE_ARRAYS, Contest, PlayedSlate
from services.ownership.records import StoredRecord, record_id
from services.ownership.store import OwnershipStore, StoredModel
from tests.unit.ownership.slates import a_slate


@pytest.fixture
def store(tmp_path):
    store = OwnershipStore(open_engine(f"sqlite:///{tmp_path}/own.db"))
    yield store
    store.close()


def a_record(rng, race_id="race", contest_id="", created_at=1.0, day=5.0, shares=None, ids=None):
    contest_id = contest_id or f"of-{race_id}"
    slate = a_slate(rng, race_id=race_id, day=day, contest=Contest(100, 8.0, 3), track_type="road")
    points = np.where(rng.random(38) < 0.2, np.nan, rng.normal(size=38))
    played = PlayedSlate(slate, rng.dirichlet(np.full(38, 30.0)) * 6 if shares is None else shares, points)
    return StoredRecord(record_id(race_id, contest_id), contest_id, created_at, ids or slate.driver_keys, played)


def test_a_record_comes_back_whole(store, rng):
    record = a_record(rng)
    store.put_record(record)
    (found,) = store.records()
    for name in SLATE_ARRAYS:
        np.testing.assert_array_equal(getattr(found.played.slate, name), getattr(record.played.slate, name))
    np.testing.assert_array_equal(found.played.points, record.played.points)
    assert found.played.slate.contest == record.played.slate.contest
    assert (found.record_id, found.race_id, found.driver_ids) == (record.record_id, "race", record.driver_ids)
    assert store.record_of_race("race").record_id == record.record_id
    assert store.record_of_race("other") is None


def test_records_are_replaced_ordered_and_paged(store, rng):
    for i, day in enumerate((9.0, 3.0, 6.0)):
        store.put_record(a_record(rng, f"race{i}", created_at=float(i), day=day))
        store.put_record(a_record(rng, f"race{i}", created_at=float(i), day=day))
    assert [r.race_id for r in store.records()] == ["race1", "race2", "race0"]
    first = store.page("", None, 2)
    assert [r.race_id for r in first] == ["race2", "race1"]
    rest = store.page("", (first[-1].created_at, first[-1].record_id), 2)
    assert [r.race_id for r in rest] == ["race0"]
    assert [r.race_id for r in store.page("race1", None, 9)] == ["race1"]


def test_one_model_is_active(store):
    assert store.active_version() is None
    for created, version in enumerate(("a", "b", "a")):
        store.put_model(StoredModel(version, float(created), True, 3, {"projection": 1.0}), {"n": created})
    assert store.active_version() == "a"
    assert [(m.model_version, m.active) for m in store.models()] == [("a", True), ("b", False)]
    assert store.model_state("a") == {"n": 2}
    with pytest.raises(NotFound):
        store.model_state("c")


def test_of_models_fitted_at_once_one_is_active(store):
    models = [StoredModel(version, 1.0, True, 3, {}) for version in "abcab" * 4]
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(lambda model: store.put_model(model, {}), models))
    assert sorted(model.model_version for model in store.models()) == ["a", "b", "c"]
    assert sum(model.active for model in store.models()) == 1


def test_writers_do_not_lose_each_other(store, rng):
    records = [a_record(np.random.default_rng(i), f"race{i}") for i in range(24)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(store.put_record, records))
    assert {r.race_id for r in store.records()} == {r.race_id for r in records}


def test_all_contests_of_a_race_have_one_day_the_last_told(store, rng):
    store.put_record(a_record(rng, contest_id="a", day=5.0))
    store.put_record(a_record(rng, "other", day=6.0))
    store.put_record(a_record(rng, contest_id="b", day=9.0))
    assert [(r.contest_id, r.played.slate.day) for r in store.records()] == [("of-other", 6.0), ("a", 9.0), ("b", 9.0)]


def test_what_cannot_stand_together_is_refused_and_nothing_changes(store, rng):
    first = a_record(rng, "first", "123")
    store.put_record(first)
    conflicts = (
        (a_record(rng, "second", "123"), r"contest '123' is recorded for race 'first'"),
        (a_record(rng, "second", "124", shares=first.played.shares), r"contest '123' of race 'first'"),
        (a_record(rng, "first", "124", shares=first.played.shares), r"recorded for race 'first' as contest '123'"),
        (a_record(rng, "first", "125", ids=tuple(f"new{i}" for i in range(38))), r"of other drivers \(contest '123'\)"),
    )
    for record, says in conflicts:
        with pytest.raises(InvalidInput, match=says):
            store.put_record(record)
    (kept,) = store.records()
    assert kept.record_id == first.record_id
    store.put_record(a_record(rng, "first", "123", shares=first.played.shares))
    store.put_record(a_record(rng, "first", "124"))


def test_a_record_is_deleted_once(store, rng):
    store.put_record(a_record(rng, "race", "c"))
    store.delete_record("race", "c")
    assert not store.records()
    with pytest.raises(NotFound, match="'c' is not recorded for race 'race'"):
        store.delete_record("race", "c")


def test_with_the_last_record_the_built_in_model_is_used_again(store, rng):
    for contest in ("c", "d"):
        store.put_record(a_record(rng, f"race-{contest}", contest))
    store.put_model(StoredModel("fit-1", 1.0, True, 2, {"projection": 1.0}), {})
    store.delete_record("race-c", "c")
    assert store.active_version() == "fit-1"
    store.delete_record("race-d", "d")
    assert store.active_version() is None
    assert [model.model_version for model in store.models()] == ["fit-1"]


def test_of_racing_writers_one_gets_the_contest(store):
    """Each takes the contest for a race of its own; whoever comes second is told so."""
    records = [a_record(np.random.default_rng(i), f"race{i}", "123") for i in range(12)]

    def stored(record):
        try:
            store.put_record(record)
        except InvalidInput:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(stored, records)) == 1
    assert len(store.records()) == 1


def test_recording_reads_no_more_however_many_there_are(store, rng, monkeypatch):
    """Only records of the same race, contest or picks can be in the way, and they are found by index."""
    for i in range(30):
        store.put_record(a_record(np.random.default_rng(i), f"race{i}", day=float(i)))
    read = []
    monkeypatch.setattr("services.ownership.store.record_from_body", lambda *row: read.append(row[:2]) or a_record(rng))
    plans = []

    @sa.event.listens_for(store._engine, "before_cursor_execute")
    def explain(connection, _cursor, statement, parameters, _context, _many):
        if not statement.startswith(("EXPLAIN", "BEGIN", "INSERT")):
            plans.extend(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).scalars(3))

    store.put_record(a_record(np.random.default_rng(99), "new", "new"))
    assert read == []
    assert plans
    assert not [step for step in plans if step.startswith("SCAN")]
    store.put_record(a_record(np.random.default_rng(98), "race7", "second", ids=a_record(rng).driver_ids))
    assert read == [("race7", "of-race7")]
