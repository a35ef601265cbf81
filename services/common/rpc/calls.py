"""A call in progress as the code below the servicer sees it: when to stop, and how to answer in parts."""

from __future__ import annotations

import contextvars
import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import grpc
from google.protobuf.message import Message

from pitwall.common.v1 import progress_pb2
from services.common.domain.errors import Cancelled, DeadlineExceeded
from services.common.domain.work import ReportProgress
from services.common.rpc.ongoing import left_behind

M = TypeVar("M", bound=Message)
Emit = Callable[[M], None]

_LONGEST_SECONDS = 24 * 3600.0
_POLL_SECONDS = 0.1
_QUEUE_LENGTH = 32
_PROGRESS_INTERVAL_SECONDS = 0.1


class Call:
    """Knows whether the caller still waits, and for how long."""

    def __init__(self, context: grpc.ServicerContext) -> None:
        remaining = context.time_remaining()
        seconds = _LONGEST_SECONDS if remaining is None else min(float(remaining), _LONGEST_SECONDS)
        self.started = time.monotonic()
        self._deadline = self.started + seconds
        self._lock = threading.Lock()
        self._stopped = False
        self._on_stop: dict[int, Callable[[], object]] = {}
        if not context.add_callback(self.stop):
            self.stop()

    def stop(self) -> None:
        """Make the next checkpoint raise, and cancel the downstream calls under way."""
        with self._lock:
            self._stopped = True
            callbacks, self._on_stop = list(self._on_stop.values()), {}
        for callback in callbacks:
            callback()

    @contextmanager
    def cancelling(self, cancel: Callable[[], object]) -> Iterator[None]:
        """Run ``cancel`` if the call stops inside the block: a thread that waits for an answer cannot poll."""
        key = id(cancel)
        with self._lock:
            stopped = self._stopped
            if not stopped:
                self._on_stop[key] = cancel
        if stopped:
            cancel()
        try:
            yield
        finally:
            with self._lock:
                self._on_stop.pop(key, None)

    def checkpoint(self) -> None:
        """Raise ``DeadlineExceeded`` or ``Cancelled`` when nobody waits for the answer any more."""
        if time.monotonic() >= self._deadline:
            raise DeadlineExceeded("the deadline passed before the work was done; allow more time or ask for less")
        if self._stopped:
            raise Cancelled("the call was cancelled, by its caller or by the end of this service")

    def remaining_seconds(self) -> float:
        """Seconds until the deadline, at most a day."""
        return max(0.0, self._deadline - time.monotonic())

    def timeout_seconds(self, margin: float = 0.2) -> float:
        """Timeout of a downstream call that leaves ``margin`` seconds to answer; raises when none is left."""
        self.checkpoint()
        return max(0.001, self.remaining_seconds() - margin)


class PartOfCall(Call):
    """A call as work sees it that has less time than the call: to be given up while the rest goes on."""

    def __init__(self, whole: Call, seconds: float) -> None:
        self._whole = whole
        self._ends = time.monotonic() + seconds
        self.started = whole.started

    def stop(self) -> None:
        """Stop the whole call."""
        self._whole.stop()

    @contextmanager
    def cancelling(self, cancel: Callable[[], object]) -> Iterator[None]:
        """Run ``cancel`` if the whole call stops inside the block."""
        with self._whole.cancelling(cancel):
            yield

    def checkpoint(self) -> None:
        """Raise as the whole call does, and ``DeadlineExceeded`` when the time for this part is over."""
        self._whole.checkpoint()
        if time.monotonic() >= self._ends:
            raise DeadlineExceeded("the time for this part of the work is over")

    def remaining_seconds(self) -> float:
        """Seconds until this part or the whole call ends."""
        return max(0.0, min(self._whole.remaining_seconds(), self._ends - time.monotonic()))


def with_idle_limit(context: grpc.ServicerContext, messages: Iterator[M], seconds: float) -> Iterator[M]:
    """The messages of a client stream; a client that sends nothing for so long is cancelled.

    Its place would otherwise be held for as long as it likes: a thread that waits for a message cannot poll.
    """
    while True:
        timer = threading.Timer(seconds, context.cancel)
        timer.daemon = True
        timer.start()
        try:
            message = next(messages, None)
        finally:
            timer.cancel()
        if message is None:
            return
        yield message


def open_call(context: grpc.ServicerContext) -> Call:
    """The call that a context belongs to."""
    return Call(context)


def stream_events(context: grpc.ServicerContext, work: Callable[[Emit[M], Call], None]) -> Iterator[M]:
    """Run ``work`` in a thread of its own and yield what it emits, in order.

    The queue between them is bounded: a slow reader holds the work up instead of filling memory. Errors of
    the work surface on the stream. When the caller goes away or the deadline passes, the work's next
    ``call.checkpoint()`` raises, and the stream ends once the work has: until then it holds its place among the calls
    of the server. Work that does not stop is left behind when the server does; it can emit nothing more.
    """
    call, given_up = open_call(context), left_behind()
    events: queue.Queue[M] = queue.Queue(maxsize=_QUEUE_LENGTH)

    def emit(message: M) -> None:
        while True:
            call.checkpoint()
            try:
                events.put(message, timeout=_POLL_SECONDS)
            except queue.Full:
                continue
            return

    finished = threading.Event()
    failures: list[BaseException] = []

    def run() -> None:
        try:
            work(emit, call)
        except BaseException as error:  # noqa: BLE001 - carried over to the stream, not swallowed
            failures.append(error)
        finally:
            finished.set()

    thread = threading.Thread(target=contextvars.copy_context().run, args=(run,), daemon=True)
    thread.start()
    try:
        yield from _drain(events, finished, call)
        if failures:
            raise failures[0]
    finally:
        call.stop()
        while thread.is_alive() and not given_up.is_set():
            thread.join(_POLL_SECONDS)


def _drain(events: queue.Queue[M], finished: threading.Event, call: Call) -> Iterator[M]:
    while True:
        try:
            item = events.get(timeout=_POLL_SECONDS)
        except queue.Empty:
            if finished.is_set() and events.empty():
                return
            if not finished.is_set():
                call.checkpoint()
            continue
        yield item


def progress_reporter(
    emit: Callable[[M], None], wrap: Callable[[progress_pb2.Progress], M], call: Call
) -> ReportProgress:
    """A reporter that turns progress into messages, at most ten a second and always the end of a stage."""
    last_sent = 0.0

    def report(stage: str, done: int, total: int) -> None:
        nonlocal last_sent
        now = time.monotonic()
        if now - last_sent < _PROGRESS_INTERVAL_SECONDS and done < total:
            return
        last_sent = now
        progress = progress_pb2.Progress(stage=stage, done=done, total=total, elapsed_seconds=now - call.started)
        emit(wrap(progress))

    return report
