"""Long work cut into blocks that run on all cores and stop when asked."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from services.common.domain.work import Checkpoint, no_checkpoint

Block = tuple[int, int]
Result = TypeVar("Result")


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

    Kernels release the interpreter lock, so threads are enough. Two blocks a thread are in flight; the
    checkpoint runs before each one is started and an error leaves only those to finish.
    """
    n_threads = min(available_threads(), max(1, len(blocks)))
    with ThreadPoolExecutor(n_threads) as pool:
        flying: deque[Future[Result]] = deque()
        for start, stop in blocks:
            checkpoint()
            flying.append(pool.submit(work, start, stop))
            if len(flying) >= 2 * n_threads:
                yield flying.popleft().result()
        while flying:
            checkpoint()
            yield flying.popleft().result()
