"""When a call that was refused is made again: as the service says, longer each time, within the time there is."""

import contextlib
import math
import threading

import pytest

from pitwall import ConnectionConfig
from pitwall._waiting import Patience, Pauses, Tries, never, untold
from pitwall.errors import CancelledError, InvalidInputError, OverloadedError, UnavailableError


def busy(retry_seconds=1.0):
    return OverloadedError("busy", retry_seconds=retry_seconds)


def paused(error, *, seconds=math.inf, overload_wait_seconds=math.inf, most=12, on_wait=untold):
    """The pauses after the same error again and again, and whether it was raised in the end."""
    pauses = []
    patience = Patience(overload_wait_seconds, on_wait=on_wait)
    tries = Tries(pauses.append, seconds, patience=patience, max_attempts=3)
    for _ in range(most):
        try:
            tries.wait_after(error)
        except type(error):
            return pauses, True
    return pauses, False


def test_pauses_double_from_what_the_service_asks_for_up_to_a_bound():
    pauses, ended = paused(busy())
    assert not ended
    for pause, least in zip(pauses, [1, 2, *[3] * 10], strict=True):
        assert least <= pause <= 1.5 * least
    assert len(set(pauses)) == len(pauses), "those refused together would come back together"


def test_a_wait_is_told_once_and_only_if_there_is_one():
    told = []
    paused(busy(), on_wait=told.append)
    assert [error.retry_seconds for error in told] == [1.0]
    _, ended = paused(busy(), seconds=0.5, on_wait=told.append)
    assert ended
    assert len(told) == 1
    paused(UnavailableError("gone"), on_wait=told.append)
    assert len(told) == 1


def test_a_fault_that_no_retry_heals_is_told_at_once():
    gone = UnavailableError("gone")
    gone.retriable = False
    assert paused(gone) == ([], True)


def test_a_pause_that_does_not_fit_is_not_begun():
    gone = UnavailableError("gone")
    assert paused(gone, seconds=0.25) == ([0.1, 0.2], True)
    assert paused(gone, seconds=0.05) == ([], True)


def test_a_service_that_asks_for_more_gets_it():
    pauses, _ = paused(busy(60.0))
    assert all(60 <= pause <= 90 for pause in pauses)


def test_a_service_that_asks_for_no_pause_is_not_called_without_end():
    pauses, _ = paused(busy(0.0))
    assert all(pause >= 0.1 for pause in pauses)


def test_the_wait_in_all_is_bounded():
    pauses, ended = paused(busy(), overload_wait_seconds=30.0, most=1_000)
    assert ended
    assert 29 < sum(pauses) <= 30
    assert min(pauses) >= 1
    assert paused(busy(), overload_wait_seconds=0.0) == ([], True)


def test_a_pause_leaves_the_call_half_of_its_time():
    (first, *_), _ = paused(busy(8.0), seconds=20.0)
    assert 8 <= first <= 10
    assert paused(busy(8.0), seconds=7.0) == ([], True)


def test_a_message_too_large_is_not_waited_with():
    assert paused(busy(None)) == ([], True)


def test_a_service_that_is_away_is_asked_a_number_of_times():
    pauses, ended = paused(UnavailableError("gone"))
    assert ended
    assert pauses == [0.1, 0.2]


def test_a_pause_ends_with_its_call():
    @contextlib.contextmanager
    def cancelled_by_now(cancel):
        cancel()
        yield

    with pytest.raises(CancelledError):
        Pauses().wait(3600, cancelled_by_now)
    Pauses().wait(0.0, never)


def test_a_pause_ends_with_its_client():
    pauses, ended, entered = Pauses(), [], threading.Event()

    @contextlib.contextmanager
    def told(_cancel):
        entered.set()
        yield

    def wait():
        with pytest.raises(CancelledError):
            pauses.wait(3600, told)
        ended.append(True)

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    assert entered.wait(10)
    pauses.close()
    thread.join(10)
    assert ended
    with pytest.raises(CancelledError):
        pauses.wait(3600, never)


@pytest.mark.parametrize("seconds", [-1.0, math.nan])
def test_a_wait_that_is_no_time_is_refused(seconds):
    with pytest.raises(InvalidInputError, match="overload_wait_seconds: must not be negative"):
        ConnectionConfig(overload_wait_seconds=seconds)
