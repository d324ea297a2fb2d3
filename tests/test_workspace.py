"""Memory that is handed out again."""

import threading

import numpy as np
import pytest

from sktensornet._arrays._parallel import ChunkPool
from sktensornet._arrays._workspace import Workspace, replay

SINGLE, DOUBLE = np.dtype(np.float32), np.dtype(np.float64)


def address(array):
    return array.__array_interface__["data"][0]


def test_arrays_do_not_overlap_before_memory_is_cleared():
    work = Workspace()
    arrays = [work.keep((3, 5), SINGLE) for _ in range(4)]
    arrays += [work.spare((2, 7), SINGLE) for _ in range(4)]
    for k, array in enumerate(arrays):
        array[...] = k
    for k, array in enumerate(arrays):
        np.testing.assert_array_equal(array, k)


def test_the_same_memory_comes_again():
    work = Workspace()
    first, spare = work.keep((3, 5), SINGLE), work.spare((4,), SINGLE)
    work.clear()
    assert address(work.keep((3, 5), SINGLE)) == address(first)
    assert address(work.spare((4,), SINGLE)) == address(spare)


def test_spare_memory_is_cleared_alone():
    work = Workspace()
    kept, spare = work.keep((3,), SINGLE), work.spare((3,), SINGLE)
    work.clear_spare()
    assert address(work.spare((3,), SINGLE)) == address(spare)
    assert address(work.keep((3,), SINGLE)) != address(kept)


@pytest.mark.parametrize(
    "shapes", [[(8, 9), (2, 3), (8, 9)], [(2,), (100, 3), (4, 4)], [(0,), (1,)]]
)
@pytest.mark.parametrize("dtypes", [(SINGLE, SINGLE), (SINGLE, DOUBLE)])
def test_shapes_and_types_may_change(shapes, dtypes):
    work = Workspace()
    for shape, dtype in zip(shapes, dtypes * 2):
        work.clear()
        array = work.keep(shape, dtype)
        assert (array.shape, array.dtype) == (shape, dtype)
        assert array.flags.c_contiguous
        assert address(array) % 64 == 0 or array.size == 0


def test_each_thread_has_its_own():
    with ChunkPool(2) as pool:
        both = threading.Barrier(2, timeout=60)

        def work(_):
            both.wait()
            return pool.workspace

        first, second = pool.map(work, range(2))
        assert first is not second
        assert pool.workspace is pool.workspace
        assert pool.workspace not in (first, second)


def test_memory_goes_with_the_pool():
    pool = ChunkPool(1)
    with pool:
        inside = pool.workspace
    assert pool.workspace is not inside


def test_recorded_calls_are_made_when_they_are_replayed():
    work, calls = Workspace(), []
    x, out = np.array([1.0, 2.0]), np.zeros(2)
    with work.recording(calls):
        assert work.records
        assert work.run(np.multiply, x, x, out=out) is out
    assert not work.records
    np.testing.assert_array_equal(out, 0)
    replay(calls)
    np.testing.assert_array_equal(out, [1.0, 4.0])
    work.run(np.add, x, x, out=out)
    np.testing.assert_array_equal(out, [2.0, 4.0])
