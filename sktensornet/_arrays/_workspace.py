"""Memory of the hot path that is used again from chunk to chunk."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import numpy as np

Kept = TypeVar("Kept")

LINE = 64
"""Bytes of a line of the cache."""

_MOST_KEPT = 6
"""How many passes are kept from chunk to chunk: with a tape and without, over chunks of two
sizes and the odd one at the end of the data."""


def aligned(size: int) -> np.ndarray:
    """Bytes that begin at a line of the cache."""
    block = np.empty(size + LINE, np.uint8)
    first = -block.ctypes.data % LINE
    return block[first : first + size]


class Workspace:
    """Memory for one thread at a time, and what it is bound to.

    As memory stays where it is, what is bound to it once may run many times on
    new contents: for short calls the interpreter otherwise takes longer than they do.
    """

    def __init__(self) -> None:
        self._kept: dict[Hashable, object] = {}
        self._blocks: list[np.ndarray] = []
        self._free: list[np.ndarray] = []

    @property
    def n_bytes(self) -> int:
        """All memory that is held."""
        return sum(block.size for block in (*self._blocks, *self._free))

    def block(self, size: int) -> np.ndarray:
        """Bytes that belong to whoever asks until all that is kept is dropped."""
        fitting = [k for k, block in enumerate(self._free) if block.size >= size]
        if fitting:
            found = self._free.pop(min(fitting, key=lambda k: self._free[k].size))
        else:
            found = aligned(size)
        self._blocks.append(found)
        return found

    def kept(self, key: Hashable, make: Callable[[], Kept]) -> Kept:
        """What was made for a key, or is made now."""
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]  # type: ignore[return-value]

    def clear(self) -> None:
        """Allow that things are dropped and their memory is used again, if there are many."""
        if len(self._kept) > _MOST_KEPT:
            self._kept.clear()
            self._free = sorted([*self._free, *self._blocks], key=len)
            self._blocks = []


class Scratch(threading.local):
    """Arrays that each thread uses again, by name."""

    def __init__(self) -> None:
        self._arrays: dict[Hashable, np.ndarray] = {}

    def like(self, array: np.ndarray, *name: Any) -> np.ndarray:
        """Memory in the shape and type of an array."""
        key = name, array.shape, array.dtype
        if key not in self._arrays:
            self._arrays[key] = np.empty(array.shape, array.dtype)
        return self._arrays[key]
