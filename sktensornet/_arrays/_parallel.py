"""Chunks over threads, with the BLAS kept to one thread inside."""

from __future__ import annotations

import multiprocessing
import operator
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache, reduce
from itertools import pairwise
from typing import Any, TypeVar

import joblib
import numpy as np
from threadpoolctl import ThreadpoolController

from ._workspace import Workspace

Item = TypeVar("Item")
Result = TypeVar("Result")

_SHORT_BYTES = 3_000_000
"""Bytes of the intermediates of a short function, such as a product with one core.

With one megabyte two threads are handed work too often: a default fit on bike
took 2.00 s where it takes 1.81.
"""
_LEAST_ROWS = 64
"""A call in NumPy takes as long as some work on so many rows; chunks have half of them or more. Not
tuned."""
_LARGEST_LEARNT = 2**25 - 2**13
"""Bytes just below those up to which the allocator of Linux learns from what is freed."""


@cache
def _keep_freed_memory() -> None:
    """Let the process keep freed memory, up to 64 MiB, for what it asks for next.

    Otherwise arrays of a step may go back to the system and be asked for again in the next one,
    page by page. With it epochs of mnist.py take 6 to 20 % less time. Freeing one block is
    enough, as any program may do by chance: glibc then takes its size for what is usual, and
    trims above twice that (mallopt(3), M_MMAP_THRESHOLD). Settings of the user go before, and
    elsewhere it does nothing.
    """
    np.empty(_LARGEST_LEARNT, np.uint8)


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController().select(user_api="blas")


def effective_threads(n_jobs: int | None) -> int:
    """Number of chunk threads for an estimator's ``n_jobs``.

    None is as many as the BLAS may use now, which respects the environment,
    threadpoolctl's limits and the workers of joblib; integers are read as
    joblib reads them.
    """
    if n_jobs is None:
        return max((library["num_threads"] for library in _blas().info()), default=1)
    if multiprocessing.current_process().daemon:
        # In a worker of a pool joblib asks whether processes can be started, which cannot.
        with joblib.parallel_config(backend="threading"):
            return int(joblib.effective_n_jobs(n_jobs))
    return int(joblib.effective_n_jobs(n_jobs))


class _BlasLimit:
    """One limit for all threads that are inside, lifted when the last one leaves."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._limiter: Any = None

    def enter(self) -> None:
        with self._lock:
            if self._inside == 0:
                _release_ownership()
                self._limiter = _blas().limit(limits=1)
            self._inside += 1

    def leave(self) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                _release_ownership()
                self._limiter.restore_original_limits()
                _release_ownership()


def _release_ownership() -> None:
    """Let the present thread set the limit.

    threadpoolctl lets only the thread that came first change the process-wide
    limit of OpenBLAS; ours is entered and left by whichever thread comes.
    """
    for library in _blas().lib_controllers:
        clear = getattr(library, "clear_controlling_thread", None)
        if clear is not None:
            clear(force=True)


_limit = _BlasLimit()


@contextmanager
def single_threaded_blas() -> Iterator[None]:
    """Keep the BLAS to one thread; may be nested and entered by several threads."""
    _limit.enter()
    try:
        yield
    finally:
        _limit.leave()


class ChunkPool:
    """Maps a function over chunks in order, on a number of threads.

    Results come in the order of the items whatever the number of threads, so a
    sum over them does not depend on it; at most two results per thread wait.
    Use it as a context manager.
    """

    holds_part: bool = False
    """Whether others hold samples too, so that `total` is more than the value."""

    def __init__(self, n_threads: int) -> None:
        self.n_threads = n_threads
        self._pool: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()
        self._local = threading.local()

    @property
    def most_waiting(self) -> int:
        """How many results `map` has at hand at most, with that of the present item."""
        return 1 if self.n_threads == 1 else 2 * self.n_threads

    @property
    def workspace(self) -> Workspace:
        """Work memory of the present thread, kept as long as the pool."""
        if not hasattr(self._local, "workspace"):
            self._local.workspace = Workspace()
        return self._local.workspace

    def __enter__(self) -> ChunkPool:
        _keep_freed_memory()
        _limit.enter()
        return self

    def __exit__(self, *exception) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None
        self._local = threading.local()
        _limit.leave()

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Yield ``function(item)`` for each item, in order."""
        items = list(items)
        if self.n_threads == 1 or len(items) == 1:
            yield from map(function, items)
            return
        waiting: deque = deque()
        for item in items:
            if len(waiting) >= self.most_waiting:
                yield waiting.popleft().result()
            waiting.append(self.submit(function, item))
        while waiting:
            yield waiting.popleft().result()

    def runs(self, function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """All of ``function(item)``, where each thread takes neighbouring items.

        For short functions, whose results may all be kept: handing over an item
        to a thread takes as long as some matrix products.
        """
        items = list(items)
        n_runs = min(self.n_threads, len(items))
        if n_runs <= 1:
            return [function(item) for item in items]
        bounds = [len(items) * k // n_runs for k in range(n_runs + 1)]
        parts = [items[low:high] for low, high in pairwise(bounds)]
        # The present thread takes the first run.
        others = [self.submit(lambda part: list(map(function, part)), p) for p in parts[1:]]
        results = [function(item) for item in parts[0]]
        for other in others:
            results += other.result()
        return results

    def submit(self, function: Callable[..., Result], *arguments: Any) -> Future[Result]:
        """Call a function on a thread of its own; it must not use this pool itself."""
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self.n_threads)
            return self._pool.submit(function, *arguments)

    def total(self, value: Any, what: str) -> Any:
        """Sum of a value over all who hold samples: the value itself, where one holds all.

        `what` names it. Whatever all are to decide alike must follow from totals.
        """
        return value

    def sum(self, function: Callable[[Item], Any], items: Iterable[Item]) -> Any:
        """Sum of ``function(item)`` over the items, in order."""
        return reduce(operator.add, self.map(function, items))


def chunks(n: int, size: int) -> list[slice]:
    """Slices of at most `size` rows, all but the last of equal length."""
    return [slice(first, min(first + size, n)) for first in range(0, n, size)]


def short_chunks(n: int, row_bytes: int) -> list[slice]:
    """Slices of n rows for `ChunkPool.runs`, given the bytes that lie between for each row."""
    return chunks(n, even_size(n, max(_LEAST_ROWS, _SHORT_BYTES // max(1, row_bytes))))


def even_size(n: int, largest: int) -> int:
    """Length of one chunk, or of as many as an even number of equal ones needs, or one fewer."""
    n_chunks = -(-n // largest)
    return largest if n_chunks <= 1 else -(-n // (n_chunks + n_chunks % 2))
