"""Messages towards the centre of a sweep, each computed once as the centre moves."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

from ..._arrays._typing import FloatArray

Compute = Callable[[int, int], FloatArray]
"""The message from one station to a neighbour, from those that arrive there."""


class Environments:
    """The messages of a tree of stations, all pointing towards its centre.

    On every edge only the message towards the centre is kept. As the centre
    takes a step along an edge, that edge's message is computed anew and no
    other. If not all messages may be kept, the tree is cut into segments of
    about the root of its size: between segments messages are always kept,
    inside a segment only while the centre is there. A tour that enters every
    segment at most once in each direction computes no message more than twice.

    Parameters
    ----------
    neighbours : sequence of sequence of int
        The neighbours of every station.
    root : int
        Where tours begin and end.
    compute : callable
        ``compute(a, b)`` is the message from a to b; it may call the instance
        for the messages that arrive at a from elsewhere.
    keep_all : bool
        Whether all messages may be kept.
    """

    def __init__(
        self,
        neighbours: Sequence[Sequence[int]],
        root: int,
        compute: Compute,
        keep_all: bool = True,
    ) -> None:
        self._neighbours = neighbours
        self._root = root
        self._compute = compute
        self._messages: dict[tuple[int, int], FloatArray] = {}
        self._segment = self._cut(1 if keep_all else math.isqrt(len(neighbours)))
        if keep_all:
            self._segment = [self._segment[root]] * len(neighbours)

    def __call__(self, a: int, b: int) -> FloatArray:
        """The message from a to b, which must point towards the centre."""
        return self._messages[a, b]

    @property
    def n_kept(self) -> int:
        """Number of messages in memory."""
        return len(self._messages)

    def start(self) -> None:
        """Compute all messages towards the root."""
        self._messages.clear()
        self._fill(self._inwards(self._root, range(len(self._neighbours))))

    def enter(self, centre: int, station: int) -> None:
        """Have all messages that arrive at a neighbour of the centre, but from there."""
        segment = self._segment[station]
        if segment in (self._segment[centre], self._segment[self._root]):
            return
        members = [s for s in range(len(self._segment)) if self._segment[s] == segment]
        missing = [
            (a, b) for a, b in self._inwards(station, members) if (a, b) not in self._messages
        ]
        self._fill(missing)

    def move(self, a: int, b: int) -> None:
        """Move the centre from a to its neighbour b, once a has its new core."""
        self.enter(a, b)
        del self._messages[b, a]
        self._messages[a, b] = self._compute(a, b)
        if self._segment[a] != self._segment[b]:
            self._forget(self._segment[a])

    def _fill(self, edges: Iterable[tuple[int, int]]) -> None:
        for a, b in edges:
            self._messages[a, b] = self._compute(a, b)
            if self._segment[a] != self._segment[b]:
                self._forget(self._segment[a])

    def _forget(self, segment: int) -> None:
        if segment != self._segment[self._root]:
            for a, b in list(self._messages):
                if self._segment[a] == self._segment[b] == segment:
                    del self._messages[a, b]

    def _inwards(self, target: int, members: Iterable[int]) -> list[tuple[int, int]]:
        """Edges among the members towards the target, subtree by subtree, outermost first."""
        inside = set(members)
        found: list[tuple[int, int]] = []
        stack = [(target, -1)]
        while stack:
            station, before = stack.pop()
            if station != target:
                found.append((station, before))
            for other in self._neighbours[station]:
                if other != before and other in inside:
                    stack.append((other, station))
        return found[::-1]

    def _cut(self, size: int) -> list[int]:
        """Name the segment of every station by the station on its top."""
        parent = dict(self._inwards(self._root, range(len(self._neighbours))))
        loose = dict.fromkeys(range(len(self._neighbours)), 1)
        tops = {self._root}
        for station, above in parent.items():
            if loose[station] >= size:
                tops.add(station)
            else:
                loose[above] += loose[station]
        segment = [self._root] * len(self._neighbours)
        for station in reversed(list(parent)):
            segment[station] = station if station in tops else segment[parent[station]]
        return segment


def tour(neighbours: Sequence[Sequence[int]], root: int) -> list[tuple[int, int]]:
    """Steps of a walk from the root over every edge in both directions and back."""
    steps: list[tuple[int, int]] = []
    stack = [(root, -1, iter(neighbours[root]))]
    while stack:
        station, before, rest = stack[-1]
        following = next((other for other in rest if other != before), None)
        if following is not None:
            steps.append((station, following))
            stack.append((following, station, iter(neighbours[following])))
        else:
            stack.pop()
            if stack:
                steps.append((station, before))
    return steps
