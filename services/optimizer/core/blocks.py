"""Compiled work in blocks on several threads, stoppable between blocks."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager

from services.common.domain.work import Checkpoint

_POLL_SECONDS = 0.1


def n_threads() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_blocks(task: Callable[[int, int], None], n_items: int, block: int, checkpoint: Checkpoint) -> None:
    """Call ``task(start, stop)`` for all blocks of ``n_items``, in threads: tasks must release the GIL.

    ``checkpoint`` runs in the calling thread at least ten times a second; when it raises, no further block
    is started and the error is passed on once those under way have ended.
    """
    starts = iter(range(0, n_items, block))
    stopped = threading.Event()

    def work() -> None:
        # A range iterator hands out each block once, whichever thread asks.
        for start in starts:
            if stopped.is_set():
                return
            task(start, min(start + block, n_items))

    workers = min(n_threads(), -(-n_items // block))
    checkpoint()
    if workers <= 1:
        work()
        return
    with ThreadPoolExecutor(workers) as pool:
        pending = {pool.submit(work) for _ in range(workers)}
        try:
            while pending:
                done, pending = wait(pending, timeout=_POLL_SECONDS)
                for future in done:
                    future.result()
                checkpoint()
        finally:
            stopped.set()


@contextmanager
def held(lock: threading.Lock, checkpoint: Checkpoint) -> Iterator[None]:
    """Hold a lock; while it is waited for, ``checkpoint`` runs ten times a second and may raise."""
    while not lock.acquire(timeout=_POLL_SECONDS):
        checkpoint()
    try:
        yield
    finally:
        lock.release()
