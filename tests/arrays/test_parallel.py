"""Chunks over threads: order, sums, errors, and the limit of the BLAS."""

import os
import platform
import queue
import subprocess
import sys
import threading

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from sktensornet._arrays._parallel import (
    ChunkPool,
    chunks,
    effective_threads,
    even_size,
    single_threaded_blas,
)

PATIENCE = 60
"""Seconds after which a thread that should have been woken is taken for hung."""


def blas_threads():
    return {lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"}


def set_blas_threads(n):
    """Set the BLAS from a thread that ends, so that no living thread owns the setting."""
    with threadpool_limits():  # leaving it gives up what this thread owns
        pass
    limit = {"limits": n, "user_api": "blas"}
    thread = threading.Thread(target=threadpool_limits, kwargs=limit)
    thread.start()
    thread.join(PATIENCE)


@pytest.fixture
def two_blas_threads():
    """A BLAS of two threads, so that a limit of one can be seen."""
    before = blas_threads()
    set_blas_threads(2)
    if blas_threads() != {2}:
        pytest.skip("this BLAS cannot be set to two threads")
    yield
    set_blas_threads(max(before))


class Visitor:
    """A thread that enters and leaves the limit when told, and lives on until the end."""

    def __init__(self):
        self.orders = queue.Queue()
        self.done = queue.Queue()
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def work(self):
        limit = None
        for order in iter(self.orders.get, "end"):
            if order == "enter":
                limit = single_threaded_blas()
                limit.__enter__()
            else:
                limit.__exit__(None, None, None)
            self.done.put(order)

    def do(self, order):
        self.orders.put(order)
        assert self.done.get(timeout=PATIENCE) == order

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.orders.put("end")
        self.thread.join(PATIENCE)


@pytest.mark.parametrize("n_threads", [1, 2, 4])
@pytest.mark.parametrize("n_items", [0, 1, 2, 50])
def test_results_come_in_the_order_of_the_items(n_items, n_threads):
    with ChunkPool(n_threads) as pool:
        assert list(pool.map(lambda i: i * i, range(n_items))) == [i * i for i in range(n_items)]


def test_a_late_first_result_still_comes_first():
    last_is_done = threading.Event()

    def work(item):
        if item == 0:
            assert last_is_done.wait(PATIENCE)
        if item == 3:
            last_is_done.set()
        return item

    with ChunkPool(2) as pool:
        assert list(pool.map(work, range(4))) == [0, 1, 2, 3]


def test_items_run_at_the_same_time_on_several_threads():
    both = threading.Barrier(2, timeout=PATIENCE)
    with ChunkPool(2) as pool:
        assert len({*pool.map(lambda _: (both.wait(), threading.get_ident())[1], range(2))}) == 2


def test_one_thread_is_the_calling_one():
    with ChunkPool(1) as pool:
        threads = set(pool.map(lambda _: threading.get_ident(), range(3)))
    assert threads == {threading.get_ident()}


@pytest.mark.parametrize("n_threads", [1, 2, 3])
def test_few_results_wait(n_threads):
    started = []
    with ChunkPool(n_threads) as pool:
        for taken, _ in enumerate(pool.map(started.append, range(40))):
            assert len(started) <= taken + 2 * n_threads
    assert sorted(started) == list(range(40))


@pytest.mark.parametrize("n_threads", [1, 2, 3, 8])
@pytest.mark.parametrize("n_items", [0, 1, 2, 7])
def test_runs_give_all_results_in_order(n_items, n_threads):
    with ChunkPool(n_threads) as pool:
        assert pool.runs(lambda i: i * i, range(n_items)) == [i * i for i in range(n_items)]


def test_a_run_of_neighbours_has_one_thread_and_the_first_is_the_callers():
    at_once = threading.Barrier(2, timeout=PATIENCE)

    def thread(item):
        if item in (0, 2):
            at_once.wait()
        return threading.get_ident()

    with ChunkPool(2) as pool:
        first, second, third, fourth = pool.runs(thread, range(4))
    assert first == second == threading.get_ident() != third == fourth


@pytest.mark.parametrize("wrong", [0, 3])
def test_errors_of_runs_come_through(wrong):
    with ChunkPool(2) as pool, pytest.raises(ZeroDivisionError):
        pool.runs(lambda item: 1 // (item - wrong), range(4))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sums_are_the_same_to_the_bit_for_any_number_of_threads(dtype):
    X = np.random.default_rng(0).standard_normal((1000, 7)).astype(dtype)

    def total(n_threads):
        with ChunkPool(n_threads) as pool:
            return sum(pool.map(lambda rows: X[rows].T @ X[rows], chunks(1000, 64)))

    for n_threads in (2, 3, 7):
        np.testing.assert_array_equal(total(n_threads), total(1))


@pytest.mark.parametrize("n_threads", [1, 2])
def test_errors_come_through_and_the_limit_is_lifted(two_blas_threads, n_threads):
    def work(item):
        if item == 2:
            raise KeyError(item)
        return item

    with pytest.raises(KeyError), ChunkPool(n_threads) as pool:
        list(pool.map(work, range(5)))
    assert blas_threads() == {2}


def test_a_map_may_be_left_early(two_blas_threads):
    with ChunkPool(2) as pool:
        assert next(pool.map(lambda i: i, range(100))) == 0
    assert blas_threads() == {2}


@pytest.mark.parametrize("n_threads", [1, 2])
def test_the_blas_has_one_thread_inside_a_pool(two_blas_threads, n_threads):
    with ChunkPool(n_threads) as pool:
        assert list(pool.map(lambda _: blas_threads(), range(3))) == [{1}] * 3
        assert blas_threads() == {1}
    assert blas_threads() == {2}


def test_limits_may_be_nested(two_blas_threads):
    with single_threaded_blas():
        with ChunkPool(1), single_threaded_blas():
            assert blas_threads() == {1}
        assert blas_threads() == {1}
    assert blas_threads() == {2}


@pytest.mark.parametrize("first_out", [0, 1])
def test_limits_of_threads_may_overlap(two_blas_threads, first_out):
    with Visitor() as one, Visitor() as two:
        seen = []
        for visitor, order in [
            (one, "enter"),
            (two, "enter"),
            ((one, two)[first_out], "leave"),
            ((two, one)[first_out], "leave"),
        ]:
            visitor.do(order)
            seen.append(blas_threads())
    assert seen == [{1}, {1}, {1}, {2}]


def test_limits_of_threads_may_follow_one_another(two_blas_threads):
    seen = []
    with Visitor() as one, Visitor() as two:
        for visitor in (one, two, one):
            for order in ("enter", "leave"):
                visitor.do(order)
                seen.append(blas_threads())
    assert seen == [{1}, {2}] * 3


def test_a_thread_may_enter_after_the_main_thread_has_left(two_blas_threads):
    with single_threaded_blas():
        pass
    with Visitor() as visitor:
        visitor.do("enter")
        inside = blas_threads()
        visitor.do("leave")
        outside = blas_threads()
    assert (inside, outside) == ({1}, {2})


def test_threads_by_default_are_those_of_the_blas(two_blas_threads):
    assert effective_threads(None) == 2
    with threadpool_limits(limits=1):
        assert effective_threads(None) == 1
    with single_threaded_blas():
        assert effective_threads(None) == 1


@pytest.mark.parametrize("n_jobs", [1, 2, 5])
def test_a_number_of_jobs_is_a_number_of_threads(two_blas_threads, n_jobs):
    assert effective_threads(n_jobs) == n_jobs


def test_negative_numbers_of_jobs_count_from_the_cores():
    assert effective_threads(-1) >= 1
    assert effective_threads(-2) == max(1, effective_threads(-1) - 1)


@pytest.mark.parametrize(
    ("n", "size", "lengths"),
    [(0, 3, []), (1, 3, [1]), (3, 3, [3]), (7, 3, [3, 3, 1]), (6, 3, [3, 3])],
)
def test_chunks_follow_one_another(n, size, lengths):
    parts = chunks(n, size)
    assert [part.stop - part.start for part in parts] == lengths
    assert [i for part in parts for i in range(n)[part]] == list(range(n))


@pytest.mark.parametrize(("n", "largest"), [(1, 4), (4, 4), (8, 3), (1024, 473), (1000, 64)])
def test_even_chunks_are_an_even_number_of_about_equal_ones(n, largest):
    size = even_size(n, largest)
    lengths = [part.stop - part.start for part in chunks(n, size)]
    assert max(lengths) <= largest
    assert len(lengths) == 1 or len(lengths) % 2 == 0
    assert max(lengths) - min(lengths) <= len(lengths)


FREED_AGAIN = """
import resource

import numpy as np

from sktensornet._arrays._parallel import ChunkPool


def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        # Together more than glibc keeps of its own accord, twice the largest that was freed.
        _ = [np.ones(2**17) for _ in range(8)]
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


before = faults()
with ChunkPool(1):
    print(before, faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="is for the allocator of glibc")
def test_freed_memory_is_used_again():
    # Settings of the user go before; dask leaves one behind.
    settings = "MALLOC_", "GLIBC_TUNABLES"
    plain = {name: value for name, value in os.environ.items() if not name.startswith(settings)}
    command = [sys.executable, "-c", FREED_AGAIN]
    done = subprocess.run(command, env=plain, capture_output=True, text=True, check=True)
    before, after = map(int, done.stdout.split())
    if before < 20 * 8:
        pytest.skip("Memory comes in large pages.")
    assert after < before / 5
