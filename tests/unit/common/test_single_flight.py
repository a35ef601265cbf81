"""Things made once: however many ask, whoever gives up waiting, and again where making them failed."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from services.common.domain.errors import Cancelled
from services.common.domain.work import no_checkpoint
from services.common.single_flight import BuiltOnce


class Building:
    """A build that takes until it is released; counts how often it was begun."""

    def __init__(self):
        self.begun, self.release, self.n = threading.Event(), threading.Event(), 0

    def __call__(self):
        self.n += 1
        self.begun.set()
        assert self.release.wait(60)
        return object()


@pytest.fixture
def building():
    return Building()


def gone():
    raise Cancelled("gone")


def test_many_callers_at_once_get_what_one_of_them_builds(building):
    kept = BuiltOnce(1)
    n_callers, waiting = 8, set()

    def ask(caller):
        def look():
            # Release the one that builds only once all the others wait for it.
            waiting.add(caller)
            if len(waiting) == n_callers - 1:
                building.release.set()

        return kept.get("key", building, look)

    with ThreadPoolExecutor(n_callers) as pool:
        found = list(pool.map(ask, range(n_callers)))
    assert building.n == 1
    assert {id(value) for value in found} == {id(kept.find("key"))}


def test_a_caller_who_gives_up_waiting_leaves_the_build_to_those_that_do_not(building):
    kept = BuiltOnce(1)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(kept.get, "key", building, no_checkpoint)
        assert building.begun.wait(60)
        with pytest.raises(Cancelled):
            kept.get("key", building, gone)
        # Whoever comes after that waits for the first build, which ends once it does.
        assert kept.get("key", building, building.release.set) is first.result(60)
    assert building.n == 1


def test_keys_do_not_wait_for_each_other(building):
    kept = BuiltOnce(2)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(kept.get, "slow", building, no_checkpoint)
        assert building.begun.wait(60)
        assert kept.get("quick", lambda: 7, gone) == 7
        building.release.set()


def test_where_a_build_fails_the_next_caller_tries():
    kept, builds = BuiltOnce(1), iter([gone, lambda: 7])

    def build():
        return next(builds)()

    with pytest.raises(Cancelled):
        kept.get("key", build, no_checkpoint)
    assert kept.get("key", build, no_checkpoint) == 7


def test_what_is_kept_is_within_the_capacity_and_what_is_too_large_is_handed_out():
    kept = BuiltOnce(10, len)
    assert kept.get("large", lambda: "x" * 11, no_checkpoint) == "x" * 11
    assert kept.find("large") is None
    for key in "abc":
        kept.get(key, lambda: "x" * 5, no_checkpoint)
    assert [kept.find(key) is None for key in "abc"] == [True, False, False]


def test_what_is_too_large_to_keep_is_built_once_for_those_who_wait(building):
    kept = BuiltOnce(0)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(kept.get, "key", building, no_checkpoint)
        assert building.begun.wait(60)
        second = pool.submit(kept.get, "key", building, building.release.set)
        assert second.result(60) is first.result(60)
    assert (building.n, kept.find("key")) == (1, None)


def test_nothing_is_left_of_flights_that_have_ended(building):
    kept = BuiltOnce(1)
    building.release.set()
    kept.get("key", building, no_checkpoint)
    assert kept._flight._flights == {}
