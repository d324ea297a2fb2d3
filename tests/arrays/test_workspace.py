"""Memory that is handed out again."""

import threading

import numpy as np

from sktensornet._arrays._parallel import ChunkPool
from sktensornet._arrays._workspace import Workspace


def address(array):
    return array.__array_interface__["data"][0]


def test_blocks_begin_at_a_line_of_the_cache_and_do_not_overlap():
    work = Workspace()
    blocks = [work.block(size) for size in (1, 64, 1000, 0, 7)]
    assert [block.size for block in blocks] == [1, 64, 1000, 0, 7]
    assert all(address(block) % 64 == 0 for block in blocks if block.size)
    for k, block in enumerate(blocks):
        block[...] = k
    for k, block in enumerate(blocks):
        np.testing.assert_array_equal(block, k)


def test_few_things_are_kept():
    work = Workspace()
    for round in range(3):
        work.clear()
        for key in range(5):
            found = work.kept(key, lambda round=round, key=key: (round, key))
            assert found == (0, key)


def test_memory_of_many_things_is_used_again():
    work = Workspace()
    first = {address(work.kept(k, lambda k=k: work.block(100 + k))) for k in range(20)}
    assert len(first) == 20
    work.clear()
    again = {address(work.kept(k, lambda k=k: work.block(100 + k))) for k in range(20)}
    assert again == first
    larger = work.kept("large", lambda: work.block(1000))
    assert address(larger) not in first


def test_what_is_kept_stays_until_memory_is_cleared():
    work = Workspace()
    blocks = [work.kept(k, lambda: work.block(8)) for k in range(20)]
    assert len({address(block) for block in blocks}) == 20
    assert all(work.kept(k, lambda: work.block(8)) is block for k, block in enumerate(blocks))


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
