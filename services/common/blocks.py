"""Work that stops when asked: compiled, cut into blocks on all cores; or whole, left to itself."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TypeVar

from services.common.domain.work import Checkpoint, no_checkpoint

Block = tuple[int, int]
Result = TypeVar("Result")

_POLL_SECONDS = 0.1


def available_threads() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cut(n: int, size: int) -> list[Block]:
    """Return ``(start, stop)`` of consecutive blocks of at most ``size`` that cover ``range(n)``."""
    step = max(1, size)
    return [(start, min(n, start + step)) for start in range(0, n, step)]


def run_blocks(
    work: Callable[[int, int], Result], blocks: Sequence[Block], *, checkpoint: Checkpoint = no_checkpoint
) -> Iterator[Result]:
    """Yield ``work(start, stop)`` for each block, in order, computed on all cores.

    Kernels release the interpreter lock, so threads are enough. Two blocks a thread are in flight. The
    checkpoint runs before each block is started and ten times a second while threads are waited for. An error is
    raised once the blocks in flight have ended: until then they write to arrays that others are about to use. A
    single thread is therefore left as soon without the wait, and blocks have to be short. For a piece of work that
    cannot be cut there is ``run_apart``.
    """
    n_threads = min(available_threads(), len(blocks))
    if n_threads <= 1:
        for start, stop in blocks:
            checkpoint()
            yield work(start, stop)
        return
    flying: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(n_threads) as pool:
        try:
            for start, stop in blocks:
                checkpoint()
                flying.append(pool.submit(work, start, stop))
                if len(flying) >= 2 * n_threads:
                    yield _result(flying.popleft(), checkpoint)
            while flying:
                yield _result(flying.popleft(), checkpoint)
        finally:
            for future in flying:
                future.cancel()


def run_apart(work: Callable[[], Result], checkpoint: Checkpoint) -> Result:
    """Return what ``work`` does, done by a thread of its own which an error of the checkpoint leaves behind.

    The checkpoint runs ten times a second. Work that is left behind goes on to its end, for nobody: it has to bound
    its time by itself and to touch nothing that others use.
    """
    pool = ThreadPoolExecutor(1)
    try:
        return _result(pool.submit(work), checkpoint)
    finally:
        pool.shutdown(wait=False)


def _result(future: Future[Result], checkpoint: Checkpoint) -> Result:
    """Wait for a block with an eye on the checkpoint."""
    while not wait([future], timeout=_POLL_SECONDS).done:
        checkpoint()
    checkpoint()
    return future.result()


@contextmanager
def held(lock: threading.Lock | threading.Semaphore, checkpoint: Checkpoint) -> Iterator[None]:
    """Hold a lock or one of several places; ``checkpoint`` runs ten times a second while it waits and may raise."""
    while not lock.acquire(timeout=_POLL_SECONDS):
        checkpoint()
    try:
        yield
    finally:
        lock.release()
