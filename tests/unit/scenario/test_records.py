import datetime as dt
import itertools
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sqlalchemy.orm import Session

from pitwall._matrix import upload_parts
from services.common.domain.errors import DeadlineExceeded, FailedPrecondition, InvalidInput, NotFound
from services.common.matrix.store import MatrixStore
from services.scenario.calibration_file import read_calibration
from services.scenario.core.race_checks import complete_race
from services.scenario.core.simulate import simulate
from services.scenario.records import Records
from services.scenario.servicer import ScenarioServicer
from services.scenario.sets import ScenarioSets
from tests.unit.scenario.slates import make_race


@pytest.fixture
def records(tmp_path):
    ticking = itertools.count()
    made = Records(
        f"sqlite:///{tmp_path / 'deep' / 'scenario.db'}",
        clock=lambda: dt.datetime(2026, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=next(ticking)),
    )
    yield made
    made.close()


@pytest.fixture
def sets(records, tmp_path):
    return ScenarioSets(records, MatrixStore(str(tmp_path / "matrices")), read_calibration(), workers=2)


def test_a_race_comes_back_as_it_was(records):
    race = complete_race(make_race(race_id="a"))
    stored = records.put_race(race)
    assert records.get_race("a").race == race
    assert records.get_race("a").race.snapshot_hash == race.snapshot_hash
    again = records.put_race(race)
    assert again.create_time == stored.create_time < again.update_time


@pytest.fixture
def between_reading_and_writing(monkeypatch):
    """Does something once, after the next row was read."""
    read = Session.get

    def meanwhile(do):
        def get(session, *arguments, **options):
            monkeypatch.setattr(Session, "get", read)
            found = read(session, *arguments, **options)
            do()
            return found

        monkeypatch.setattr(Session, "get", get)

    return meanwhile


def test_a_race_that_another_call_stores_first_is_replaced(records, between_reading_and_writing):
    between_reading_and_writing(lambda: records.put_race(complete_race(make_race(race_id="a", laps=100))))
    stored = records.put_race(complete_race(make_race(race_id="a", laps=120)))
    assert records.get_race("a") == stored
    assert stored.race.scheduled_laps == 120
    assert stored.create_time < stored.update_time


def test_a_race_that_another_call_deletes_meanwhile_is_stored_anew(records, between_reading_and_writing):
    race = complete_race(make_race(race_id="a"))
    records.put_race(race)
    between_reading_and_writing(lambda: records.delete_race("a"))
    assert records.put_race(race) == records.get_race("a")


def test_a_set_whose_race_is_deleted_while_it_is_asked_for_again_is_not_found(
    records, sets, between_reading_and_writing
):
    records.put_race(complete_race(make_race(race_id="a")))
    made = sets.generate("a", 100, 1)
    between_reading_and_writing(lambda: records.delete_race("a"))
    with pytest.raises(NotFound, match="no race 'a'"):
        records.add_set(made)


def test_pages_follow_the_newest_change(records):
    for name in ("a", "b", "c"):
        records.put_race(complete_race(make_race(race_id=name)))
    records.put_race(complete_race(make_race(race_id="a", laps=120)))
    first, token = records.list_races(2, "")
    second, end = records.list_races(2, token)
    assert [record.race.race_id for record in (*first, *second)] == ["a", "c", "b"]
    assert end == ""
    with pytest.raises(InvalidInput, match="page_token"):
        records.list_races(2, "nonsense")


def test_missing_races_and_sets(records):
    records.put_race(complete_race(make_race(race_id="a")))
    for call in (
        lambda: records.get_race("b"),
        lambda: records.delete_race("b"),
        lambda: records.list_sets("b", 10, ""),
        lambda: records.newest_set("b", ("", "")),
        lambda: records.get_set("a", "00" * 16),
    ):
        with pytest.raises(NotFound):
            call()


def test_callers_at_the_same_time_make_one_set(records, sets):
    records.put_race(complete_race(make_race(race_id="a")))
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: sets.generate("a", 500, 1), range(8)))
    assert len({record.scenario_set_id for record in made}) == 1
    assert len(records.list_sets("a", 10, "")[0]) == 1


def test_sets_that_are_rebuilt_wait_for_a_place(records, tmp_path, monkeypatch):
    store = MatrixStore(str(tmp_path / "matrices"))
    sets = ScenarioSets(records, store, read_calibration(), max_simulations=1)
    records.put_race(complete_race(make_race(race_id="a")))
    first, second = (sets.generate("a", 100, seed).scenario_set_id for seed in (1, 2))
    store.delete(first)
    store.delete(second)
    started, release, simulated = threading.Event(), threading.Event(), []

    def slow(*arguments, seed, **options):
        simulated.append(seed)
        started.set()
        release.wait(20)
        return simulate(*arguments, seed=seed, **options)

    def expired():
        raise DeadlineExceeded("too late")

    monkeypatch.setattr("services.scenario.sets.simulate", slow)
    with ThreadPoolExecutor(1) as pool:
        rebuilt = pool.submit(sets.open, "a", first)
        assert started.wait(10)
        with pytest.raises(DeadlineExceeded):
            sets.open("a", second, checkpoint=expired)
        assert simulated == [1]
        release.set()
        assert rebuilt.result().matrix.key == first
    assert sets.open("a", second).matrix.key == second


class NoTimeLeft:
    """The context of a call whose deadline has passed."""

    def time_remaining(self):
        return 0.0

    def add_callback(self, _callback):
        return True

    def cancel(self):
        """Nobody is there to notice."""


def test_an_upload_whose_deadline_has_passed_keeps_nothing(records, sets, tmp_path):
    race = complete_race(make_race(race_id="a"))
    records.put_race(race)
    parts = iter(upload_parts("a", np.zeros((10, len(race.driver_ids)), np.int16), race.driver_ids))
    with pytest.raises(DeadlineExceeded):
        ScenarioServicer(records, sets).UploadMatrix(parts, NoTimeLeft())
    assert records.list_sets("a", 10, "")[0] == []
    assert list((tmp_path / "matrices").iterdir()) == []


def test_the_identity_of_a_set_is_its_recipe(records, sets):
    records.put_race(complete_race(make_race(race_id="a")))
    ids = {sets.generate("a", n, seed).scenario_set_id for n, seed in ((500, 1), (500, 2), (501, 1), (500, 2**64 - 1))}
    records.put_race(complete_race(make_race(race_id="a", laps=120)))
    ids.add(sets.generate("a", 500, 1).scenario_set_id)
    assert len(ids) == 5
    assert sets.find("a").race.scheduled_laps == 120
    assert {record.seed for record in records.list_sets("a", 10, "")[0]} == {1, 2, 2**64 - 1}


def test_pages_of_sets_follow_the_newest_request(records, sets):
    for race_id in ("a", "b"):
        records.put_race(complete_race(make_race(race_id=race_id)))
        for seed in (1, 2, 3):
            sets.generate(race_id, 100, seed)
    sets.generate("a", 100, 2)
    seeds, token, pages = [], "", 0
    while pages == 0 or token:
        page, token = records.list_sets("a", 2, token)
        assert all(record.race.race_id == "a" for record in page)
        seeds += [record.seed for record in page]
        pages += 1
    assert (seeds, pages) == ([2, 3, 1], 2)
    assert sets.find("a").seed == 2
    with pytest.raises(InvalidInput, match="page_token"):
        records.list_sets("a", 2, "nonsense")


def test_a_set_of_another_calibration_is_served_by_its_id_alone_and_not_rebuilt(records, sets, tmp_path):
    records.put_race(complete_race(make_race(race_id="a")))
    made = sets.generate("a", 500, 1)
    other = read_calibration()
    store = MatrixStore(str(tmp_path / "matrices"))
    later = ScenarioSets(records, store, type(other)("2-other", other.series, {}), workers=1)
    with pytest.raises(NotFound, match="as it and the race model stand now"):
        later.open("a")
    assert later.open("a", made.scenario_set_id).matrix.content_hash == made.content_hash
    store.delete(made.scenario_set_id)
    with pytest.raises(FailedPrecondition, match="generate it again"):
        later.open("a", made.scenario_set_id)
    sets.open("a", made.scenario_set_id)
