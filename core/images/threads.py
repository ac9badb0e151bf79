"""Working on several images at once."""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def processors() -> int:
    """The number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_threads(
    work: Callable[[Item], Result], items: Iterable[Item], jobs: int, report: Callable[[int], object]
) -> list[Result]:
    """The result of ``work`` for each item, in order; once it fails for an item, no further one is begun.

    Note:
        Threads suffice: decoding, resampling, checksums and writing all release the GIL.

    Args:
        work: May run in any thread.
        items: The items to work on.
        jobs: Number of threads.
        report: Called with the number of items done.
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
