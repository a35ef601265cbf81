"""Blocks of work: all of it, in order, and none of it once a checkpoint says stop."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common import blocks
from services.common.blocks import cut, held, run_apart, run_blocks
from services.common.domain.errors import Cancelled


@given(st.integers(0, 300), st.integers(0, 50))
def test_blocks_cover_everything_once_in_order(n, size):
    covered = cut(n, size)
    assert [item for start, stop in covered for item in range(start, stop)] == list(range(n))
    assert all(0 < stop - start <= max(1, size) for start, stop in covered)


@pytest.mark.parametrize("n_threads", [1, 2, 5])
def test_results_come_in_the_order_of_the_blocks(monkeypatch, n_threads):
    monkeypatch.setattr(blocks, "available_threads", lambda: n_threads)
    assert list(run_blocks(lambda start, stop: (start, stop), cut(23, 2))) == cut(23, 2)
    assert list(run_blocks(lambda start, stop: start, [])) == []


@pytest.mark.parametrize("n_threads", [1, 3])
def test_after_a_stop_no_further_block_is_started(monkeypatch, n_threads):
    monkeypatch.setattr(blocks, "available_threads", lambda: n_threads)
    begun, looks = [], []

    def stop_at_the_fourth_look():
        looks.append(None)
        if len(looks) == 4:
            raise Cancelled("gone")

    with pytest.raises(Cancelled):
        list(run_blocks(lambda start, stop: begun.append(start), cut(1_000, 1), checkpoint=stop_at_the_fourth_look))
    assert len(begun) <= 4


def test_the_checkpoint_runs_while_a_block_is_waited_for(monkeypatch):
    monkeypatch.setattr(blocks, "available_threads", lambda: 2)
    release, looks = threading.Event(), []

    def look():
        looks.append(None)
        if len(looks) == 6:
            # Two looks are for starting the blocks: the others can only come from waiting.
            release.set()

    assert list(run_blocks(lambda start, stop: release.wait(60), cut(2, 1), checkpoint=look)) == [True, True]


def test_an_error_in_a_block_reaches_the_caller(monkeypatch):
    monkeypatch.setattr(blocks, "available_threads", lambda: 2)
    with pytest.raises(ZeroDivisionError):
        list(run_blocks(lambda start, stop: 1 // start, cut(5, 1)))


@pytest.mark.parametrize("n_threads", [1, 2])
def test_blocks_in_flight_have_ended_when_an_error_is_raised(monkeypatch, n_threads):
    """What they write to may be another's the moment after."""
    monkeypatch.setattr(blocks, "available_threads", lambda: n_threads)
    begun, stopping, ended = [], threading.Event(), []

    def work(start, stop):
        begun.append(start)
        stopping.wait(60)
        ended.append(start)

    def look():
        if begun:
            stopping.set()
            raise Cancelled("gone")

    if n_threads == 1:
        # The first look after the beginning of a block is the one before the next.
        stopping.set()
    with pytest.raises(Cancelled):
        list(run_blocks(work, cut(4, 1), checkpoint=look))
    assert sorted(begun) == sorted(ended)


def test_work_apart_is_left_behind_when_the_checkpoint_raises():
    begun, release, ended = threading.Event(), threading.Event(), threading.Event()

    def work():
        begun.set()
        release.wait(60)
        ended.set()

    def look():
        if begun.is_set():
            raise Cancelled("gone")

    with pytest.raises(Cancelled):
        run_apart(work, look)
    assert not ended.is_set()
    release.set()
    assert ended.wait(60)


def test_work_apart_answers_and_its_errors_reach_the_caller():
    assert run_apart(lambda: 7, lambda: None) == 7
    with pytest.raises(ZeroDivisionError):
        run_apart(lambda: 1 // 0, lambda: None)


def test_a_lock_is_waited_for_with_an_eye_on_the_checkpoint():
    lock = threading.Lock()

    def gone():
        raise Cancelled("gone")

    with lock, pytest.raises(Cancelled), held(lock, gone):
        pytest.fail("the lock was taken twice")
    with held(lock, gone):
        assert lock.locked()
    assert not lock.locked()
