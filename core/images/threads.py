"""The same work for many images at once."""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_threads(
    work: Callable[[Item], Result], items: Iterable[Item], jobs: int, report: Callable[[int], object]
) -> list[Result]:
    """What ``work`` makes of each item, in order; when it fails for one, no other is begun.

    Note:
        Threads are enough: decoding, resampling, checksums and writing all leave Python to other threads.

    Args:
        work: Can be done in any thread.
        items: What to do it for.
        jobs: How many at a time.
        report: Called with how many are done.
    """
    pool = ThreadPoolExecutor(jobs)
    try:
        futures = [pool.submit(work, item) for item in items]
        for done, future in enumerate(as_completed(futures), 1):
            future.result()
            report(done)
        return [future.result() for future in futures]
    finally:
        pool.shutdown(cancel_futures=True)
