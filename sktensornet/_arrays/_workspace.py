"""Memory of the hot path that is used again from chunk to chunk."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import numpy as np

from ._typing import FloatArray

Calls: TypeAlias = "list[tuple[Callable[..., Any], tuple, FloatArray | None]]"

_ALIGNMENT = 64


class _Stack:
    """Arrays handed out in turn; after `clear` the same memory is handed out again."""

    def __init__(self) -> None:
        self._blocks: list[np.ndarray] = []
        self._arrays: list[FloatArray] = []
        self._used = 0

    def empty(self, shape: tuple[int, ...], dtype: np.dtype) -> FloatArray:
        place, self._used = self._used, self._used + 1
        if place < len(self._arrays):
            array = self._arrays[place]
            if array.shape == shape and array.dtype == dtype:
                return array
        size = math.prod(shape) * dtype.itemsize
        if place == len(self._blocks):
            self._blocks.append(_aligned(size))
            self._arrays.append(np.empty(0))
        elif self._blocks[place].size < size:
            self._blocks[place] = _aligned(size)
        self._arrays[place] = self._blocks[place][:size].view(dtype).reshape(shape)
        return self._arrays[place]

    def clear(self) -> None:
        self._used = 0

    def blocks(self) -> list[tuple[int, int]]:
        starts = [block.ctypes.data for block in self._blocks]
        return [(start, start + block.size) for start, block in zip(starts, self._blocks)]


def _aligned(size: int) -> np.ndarray:
    """Bytes that begin at a line of the cache."""
    block = np.empty(size + _ALIGNMENT, np.uint8)
    first = -block.ctypes.data % _ALIGNMENT
    return block[first : first + size]


class Workspace:
    """Arrays for one thread at a time: none is allocated twice for the same purpose.

    `keep` gives an array that lasts until `clear`, `spare` one that lasts until
    `clear_spare`, so that what passes through it stays in the cache. As memory
    stays where it is, calls may be recorded once and replayed on new contents:
    for short calls the interpreter otherwise takes longer than they do.
    """

    def __init__(self) -> None:
        self._kept, self._spare = _Stack(), _Stack()
        self._record: Calls | None = None
        self.programs: dict[Hashable, Any] = {}
        """What was recorded of work on this memory, for whoever records it."""

    def keep(self, shape: tuple[int, ...], dtype: np.dtype) -> FloatArray:
        """An uninitialised array of the tape."""
        return self._kept.empty(shape, dtype)

    def spare(self, shape: tuple[int, ...], dtype: np.dtype) -> FloatArray:
        """An uninitialised array for what is needed at one node only."""
        return self._spare.empty(shape, dtype)

    def run(self, function: Callable[..., Any], *arguments: Any, out: FloatArray) -> FloatArray:
        """Call a function that writes into `out`, or record the call."""
        if self._record is None:
            function(*arguments, out=out)
        else:
            self._record.append((function, arguments, out))
        return out

    def note(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Record a call that writes nothing."""
        if self._record is not None:
            self._record.append((function, arguments, None))

    @property
    def records(self) -> bool:
        """Whether calls are recorded and not made."""
        return self._record is not None

    @contextmanager
    def recording(self, calls: Calls) -> Iterator[None]:
        """Append calls to a list and do not make them: what is in memory has no meaning yet."""
        self._record = calls
        try:
            yield
        finally:
            self._record = None

    def clear_spare(self) -> None:
        """Hand out again what `spare` gave: the work at the next node begins."""
        self._spare.clear()
        self.note(next_node)

    def spare_blocks(self) -> list[tuple[int, int]]:
        """First address and end of the memory of each array that `spare` may give."""
        return self._spare.blocks()

    def clear(self) -> None:
        """Hand out everything again."""
        self._kept.clear()
        self._spare.clear()


def next_node(out: None) -> None:
    """Mark where the work at another node begins."""


def replay(calls: Calls) -> None:
    """Make recorded calls again."""
    for function, arguments, out in calls:
        function(*arguments, out=out)
