"""Messages towards a moving centre, against brute force."""

from collections import Counter

import pytest

from sktensornet.networks._sweeps._environments import Environments, tour


def chain(n, root=0):
    return [[j for j in (k - 1, k + 1) if 0 <= j < n] for k in range(n)], root


def star(n):
    return [list(range(1, n)), *([0] for _ in range(n - 1))], 0


def binary(depth):
    n = 2**depth - 1
    return [
        [j for j in (2 * k + 1, 2 * k + 2, (k - 1) // 2) if 0 <= j < n and j != k] for k in range(n)
    ], 0


TREES = {
    "single": ([[]], 0),
    "chain from the end": chain(17),
    "chain from the middle": chain(30, 13),
    "star": star(9),
    "binary": binary(5),
}


def beyond(neighbours, a, b):
    """Stations on a's side of the edge to b."""
    return frozenset([a]).union(*(beyond(neighbours, c, a) for c in neighbours[a] if c != b))


class Recorder:
    """A message is the set of stations behind it, and a version for each of them."""

    def __init__(self, neighbours, root, keep_all):
        self.neighbours = neighbours
        self.version = [0] * len(neighbours)
        self.calls = Counter()
        self.most = 0
        self.messages = Environments(neighbours, root, self.compute, keep_all)

    def compute(self, a, b):
        self.calls[a, b] += 1
        self.most = max(self.most, self.messages.n_kept)
        arriving = [self.messages(c, a) for c in self.neighbours[a] if c != b]
        return frozenset([(a, self.version[a])]).union(*arriving)

    def check(self, centre):
        for other in self.neighbours[centre]:
            expected = {(s, self.version[s]) for s in beyond(self.neighbours, other, centre)}
            assert self.messages(other, centre) == expected


@pytest.mark.parametrize("name", TREES)
@pytest.mark.parametrize("keep_all", [True, False])
def test_all_messages_at_the_centre_are_up_to_date(name, keep_all):
    neighbours, root = TREES[name]
    recorder = Recorder(neighbours, root, keep_all)
    recorder.messages.start()
    recorder.check(root)
    for _ in range(2):
        for a, b in tour(neighbours, root):
            recorder.version[a] += 1
            recorder.messages.enter(a, b)
            for other in neighbours[b]:
                if other != a:
                    assert recorder.messages(other, b)
            recorder.messages.move(a, b)
            recorder.check(b)


@pytest.mark.parametrize("name", TREES)
def test_each_message_is_computed_once_in_a_sweep(name):
    neighbours, root = TREES[name]
    recorder = Recorder(neighbours, root, True)
    recorder.messages.start()
    recorder.calls.clear()
    for a, b in tour(neighbours, root):
        recorder.messages.move(a, b)
    assert set(recorder.calls.values()) <= {1}
    assert len(recorder.calls) == 2 * (len(neighbours) - 1)


@pytest.mark.parametrize("tree", [chain(400), chain(400, 150), binary(9)], ids=["c", "m", "b"])
def test_checkpoints_take_little_memory_and_compute_at_most_twice(tree):
    neighbours, root = tree
    recorder = Recorder(neighbours, root, False)
    recorder.messages.start()
    for _ in range(2):
        recorder.calls.clear()
        for a, b in tour(neighbours, root):
            recorder.messages.move(a, b)
        assert max(recorder.calls.values()) <= 2
    assert recorder.most <= 6 * len(neighbours) ** 0.5


@pytest.mark.parametrize("name", TREES)
def test_a_tour_walks_every_edge_both_ways_and_returns(name):
    neighbours, root = TREES[name]
    steps = tour(neighbours, root)
    edges = [(a, b) for a, others in enumerate(neighbours) for b in others]
    assert sorted(steps) == sorted(edges)
    place = root
    for a, b in steps:
        assert a == place
        place = b
    assert place == root
