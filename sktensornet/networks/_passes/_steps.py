"""Steps with symbolic memory, which whoever binds them to memory takes in turn.

They know how long messages are but not how many samples there are. `_numpy` takes
them as calls of NumPy, `_table` as rows of integers for compiled code.

Messages have shape (b, r, n): b tensors (one per class, or 1), r entries, n
samples. The samples are innermost and contiguous everywhere, so that element-wise
work runs along them. A leading axis of length 1 broadcasts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import Enum, auto
from typing import NamedTuple

from ..._arrays._typing import IntArray

SAFE_EXPONENT = 16
"""Messages whose largest entry lies within two to plus and minus this power are left as they
are: eight factors, see `LEAVES_BETWEEN_CHECKS`, then just reach the ends of float32, 2**(8 * 16)
and 2**-(8 * 16), and rescaling, which takes as long as a step, is rare."""

LEAVES_BETWEEN_CHECKS = 8
"""How many factors may meet before a message is checked; see `SAFE_EXPONENT`."""


class Kind(Enum):
    """What a step does; inputs and output in the order of the formula."""

    APPLY = auto()
    """out[b, p, n] = sum over q of core[b, p, q] x[b, q, n]"""
    REDUCE = auto()
    """out[b, p, q] = sum over n of x[b, p, n] y[b, q, n]"""
    MULTIPLY = auto()
    """out = x y, entry by entry; axes of length one broadcast"""
    CONTRACT = auto()
    """out[b, p, n] = sum over q of x[b, p, q, n] y[b, q, n]"""
    SUM_BATCH = auto()
    """out[0, p, n] = sum over b of x[b, p, n]"""
    COPY = auto()
    """out = x"""
    SUM_PRODUCTS = auto()
    """out[b, o, n] = sum over i, j of core[b, o, j, i] x[b, i, n] y[b, j, n]; the inputs are the
    core, also as matrix (b, rows, i), x, y, and memory for their product, also as (b, o, j, n)"""
    BY_CORE = auto()
    """out[b, i, j, o] = sum over n of g[b, o, n] x[b, i, n] y[b, j, n]; the inputs are g, x, y, and
    memory for the products of x and y, also as (b, i, j, n)"""
    BY_MESSAGES = auto()
    """out x[b, i, n] = sum over j, o of core[b, i, j, o] g[b, o, n] y[b, j, n], and out y likewise;
    the inputs are the core, also as matrix (b, i j, o), g, x, y, and memory as for BY_CORE"""
    MATRICES = auto()
    """out[s, b, n, (p q)] = sum over m of x[s, b, m, n] core[s, b, m, (p q)]; matrices (p, q) of
    each of s sites, or their products, are the last axes of their arrays"""
    COMPOSE = auto()
    """out[s, b, n, p, q] = sum over o of x[s, b, n, p, o] y[s, b, n, o, q]"""
    BY_COMPOSE = auto()
    """out x = g y^T, out y = x^T g, the derivatives of COMPOSE; the inputs are x, y and g"""
    BY_STACK = auto()
    """out[s, b, m, (p q)] = sum over n of x[s, b, m, n] g[s, b, n, (p q)]"""
    BY_SITES = auto()
    """out[s, b, m, n] = sum over p, q of core[s, b, m, (p q)] g[s, b, n, (p q)]"""
    TURN = auto()
    """out[1, b, n, p, 1] = x[b, p, n], or the other way round"""
    CHECK = auto()
    """Rescale x if it has left a safe range, or give up"""
    UNSCALE = auto()
    """Divide x by what a check has divided a message by"""
    JOIN = auto()
    """out = xi(x, y, ...), entry by entry; axes of length one broadcast"""
    PARTS = auto()
    """The derivatives of JOIN by each input, times g, summed over axes of length one;
    the inputs are x, y, ..., out and g"""


class Place(Enum):
    """What the memory of a buffer holds, and for how long."""

    SAMPLES = auto()
    """Rows of n numbers, as long as the pass"""
    SPARE = auto()
    """Rows of n numbers, at one node only: what passes through stays in the cache"""
    MATRICES = auto()
    """n matrices in each row, as long as the pass"""
    NUMBERS = auto()
    """Numbers, as long as the pass"""
    CORE = auto()
    """A core as it was prepared"""


class Buffer(NamedTuple):
    """Memory that a plan asks for.

    Parameters
    ----------
    place : Place
    size : int
        Number of rows, or of numbers.
    which : tuple of int
        A core: its position, and which of its matrices. Spare memory: how manieth at its node.
        Matrices: their shape.
    """

    place: Place
    size: int
    which: tuple[int, ...] = ()

    @property
    def sampled(self) -> bool:
        """Whether there is a number, or a matrix, of n samples in each row."""
        return self.place in (Place.SAMPLES, Place.SPARE, Place.MATRICES)


class View(NamedTuple):
    """A strided part of a buffer; shape, strides and offset in rows, or in numbers."""

    buffer: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int = 0

    def part(self, start: int, stop: int) -> View:
        """Some entries (b, start to stop)."""
        shape = (self.shape[0], stop - start, *self.shape[2:])
        return self._replace(shape=shape, offset=self.offset + start * self.strides[1])

    def split(self, axis: int, *lengths: int) -> View:
        """One axis as several."""
        shape = (*self.shape[:axis], *lengths, *self.shape[axis + 1 :])
        steps = packed(lengths, self.strides[axis])
        strides = (*self.strides[:axis], *steps, *self.strides[axis + 1 :])
        return View(self.buffer, shape, strides, self.offset)

    def transpose(self, *axes: int) -> View:
        """The axes in another order."""
        shape, strides = (tuple([own[k] for k in axes]) for own in (self.shape, self.strides))
        return View(self.buffer, shape, strides, self.offset)

    @property
    def mT(self) -> View:  # noqa: N802  as in NumPy
        """The last two axes exchanged."""
        last = len(self.shape) - 1
        return self.transpose(*range(last - 1), last, last - 1)

    def expand(self, axis: int) -> View:
        """With an axis of length one."""
        shape = (*self.shape[:axis], 1, *self.shape[axis:])
        strides = (*self.strides[:axis], 0, *self.strides[axis:])
        return View(self.buffer, shape, strides, self.offset)


def packed(lengths: Sequence[int], step: int = 1) -> tuple[int, ...]:
    """Strides of axes that follow each other in memory, the last one by steps of some size."""
    return tuple(step * math.prod(lengths[j + 1 :]) for j in range(len(lengths)))


class Step(NamedTuple):
    """One step: what it does, what it reads and writes, and for scales the number of the check."""

    kind: Kind
    inputs: tuple[View, ...]
    outputs: tuple[View | None, ...] = ()
    check: int = -1


class Span(NamedTuple):
    """The samples that go on after step `first`, but not after step `stop`.

    Samples are sorted, the longest first, and the last step of each is read at the last site.

    Parameters
    ----------
    first, stop : int
        With `stop` -1, the last step, all that go on after `first`.
    """

    first: int
    stop: int = -1

    def rows(self, going: IntArray | None) -> slice:
        """Which they are, given how many go on after each step."""
        if going is None:
            raise ValueError("A ragged plan needs the lengths of the samples.")
        return slice(int(going[self.stop]), int(going[self.first]))


class Part(NamedTuple):
    """The steps of one way, node by node, and the buffers that it asks for.

    Buffers are numbered from those of the way before on. `spans` says for which samples
    each node is; None for all.
    """

    nodes: tuple[tuple[Step, ...], ...]
    buffers: tuple[Buffer, ...]
    spans: tuple[Span | None, ...]

    def spare(self) -> list[int]:
        """Rows of spare memory: the most that any node asks for, by how manieth it is there."""
        rows: list[int] = []
        for place, size, which in self.buffers:
            if place is Place.SPARE:
                rows += [0] * (which[0] + 1 - len(rows))
                rows[which[0]] = max(rows[which[0]], size)
        return rows

    def without_numbers(self, first: int) -> Part:
        """Without steps that sum over the samples; `first` is the number of its first buffer."""

        def is_sum(view: View | None) -> bool:
            return view is None or self.buffers[view.buffer - first].place is Place.NUMBERS

        def stays(step: Step) -> bool:
            return not step.outputs or not all(map(is_sum, step.outputs))

        return self._replace(nodes=tuple(tuple(filter(stays, node)) for node in self.nodes))


class Builder:
    """Collects the steps and buffers of one way for n_batch tensors."""

    def __init__(self, n_batch: int, before: Part | None = None) -> None:
        self.n_batch = n_batch
        self._before = () if before is None else before.buffers
        self._first = len(self._before)
        self._twins: dict[int, int] = {}
        self._buffers: list[Buffer] = []
        self._nodes: list[tuple[Span | None, list[Step]]] = [(None, [])]
        self._free: dict[int, list[int]] = {}
        self._n_spare = self._n_checks = 0

    def next_node(self, span: Span | None = None) -> None:
        """What was spare memory is free again."""
        self._nodes.append((span, []))
        self._n_spare = 0

    def end(self) -> Part:
        """What was collected."""
        kept = [(tuple(node), span) for span, node in self._nodes if node]
        nodes, spans = zip(*kept, strict=True) if kept else ((), ())
        return Part(nodes, tuple(self._buffers), spans)

    def keep(self, *shape: int) -> View:
        """Memory (..., n) that lasts, unless it is released."""
        free = self._free.get(math.prod(shape))
        if free:
            return View(free.pop(), shape, packed(shape))
        return self._new(Place.SAMPLES, shape)

    def release(self, view: View) -> None:
        """What nothing reads any more: later memory of that size is the same."""
        self._free.setdefault(math.prod(view.shape), []).append(view.buffer)

    def spare(self, *shape: int) -> View:
        """Memory (..., n) for this node."""
        self._n_spare += 1
        return self._new(Place.SPARE, shape, self._n_spare - 1)

    def matrices(self, p: int, q: int, *shape: int) -> View:
        """Memory (..., n, p, q) that lasts."""
        return self._new(Place.MATRICES, shape, p, q)

    def twin(self, buffer: int) -> int:
        """Memory like some of the way before, the same at each call."""
        if buffer not in self._twins:
            place, size, which = self._before[buffer]
            self._twins[buffer] = self._new(place, (size,), *which).buffer
        return self._twins[buffer]

    def numbers(self, *shape: int) -> View:
        """Memory without samples that lasts."""
        return self._new(Place.NUMBERS, shape)

    def core(self, position: int, which: int, *shape: int) -> View:
        """What a rule has prepared of a core."""
        return self._new(Place.CORE, shape, position, which)

    def _new(self, place: Place, shape: tuple[int, ...], *which: int) -> View:
        self._buffers.append(Buffer(place, math.prod(shape), which))
        return View(self._first + len(self._buffers) - 1, shape, packed(shape))

    def add(self, kind: Kind, *inputs: View, out: View) -> View:
        """Append a step with one output."""
        self._nodes[-1][1].append(Step(kind, inputs, (out,)))
        return out

    def add_all(self, kind: Kind, *inputs: View, outs: Sequence[View | None]) -> None:
        """Append a step with several outputs, unless none is wanted."""
        if any(out is not None for out in outs):
            self._nodes[-1][1].append(Step(kind, inputs, tuple(outs)))

    def check(self, message: View) -> int:
        """Append a check; its number, for `unscale`."""
        self._n_checks += 1
        self._nodes[-1][1].append(Step(Kind.CHECK, (message,), check=self._n_checks))
        return self._n_checks

    def unscale(self, gradient: View, check: int | None) -> None:
        """Append what undoes a check, if there is one."""
        if check is not None:
            self._nodes[-1][1].append(Step(Kind.UNSCALE, (gradient,), check=check))


def by_site(rows: View, mode_sizes: Sequence[int]) -> list[View]:
    """The rows of each site of (1, all m_k in turn)."""
    found, start = [], 0
    for size in mode_sizes:
        found.append(rows.part(start, start + size))
        start += size
    return found
