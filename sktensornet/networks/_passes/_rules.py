"""What each node of a tree adds to the plan of both passes.

Every rule has two methods. ``up(build, position, messages, wants_tape)`` gives the
outgoing message and what the way down needs of the way up. ``down(build, position,
messages, saved, message, gradient, into)`` takes the derivative by the outgoing
message, writes those by the incoming ones into ``into``, or not where None, and
gives that by the core.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations

import numpy as np

from ..._arrays._namespace import contiguous, namespace
from ..._arrays._typing import FloatArray
from ._matrix_split import Split
from ._steps import LEAVES_BETWEEN_CHECKS, Builder, Kind, View

_TURNED = 1.3
"""What a split costs beside one in the order of the core, into which cores and their derivatives
need not be turned: that of the train for MNIST with the class leg, (24, 32, 24, 10), costs 1.13
times the least and takes 6 of the 50 ms of a step less."""


class CoreRule:
    r"""The multilinear rule of one node.

    .. math:: y_o = \sum_{i_1 \dots i_k} G_{i_1 \dots i_k o} \, x^1_{i_1} \cdots x^k_{i_k}

    Of the three legs of a chain's core the matrix products of both passes take
    the largest, be it a message or the result, so that the least is left to do
    sample by sample. The way up leaves nothing for the way down unless that
    saves work: memory that went out of the cache is as slow as the work.

    Parameters
    ----------
    sizes : sequence of int
        Lengths of the messages of the children.
    out : int
        Length of the outgoing message.
    fused : bool, default=False
        Whether compiled code takes both passes of two children in one step each.
    """

    def __init__(self, sizes: Sequence[int], out: int, fused: bool = False) -> None:
        k = len(sizes)

        def split(*first: int) -> Split:
            rest = tuple(j for j in range(k) if j not in first)
            return Split(first, rest, sizes, out)

        def designed(split: Split) -> int:
            return math.prod(sizes[j] for j in split.first) if len(split.first) > 1 else 0

        def left(split: Split) -> int:
            return math.prod(sizes[j] for j in split.rest) * out if split.rest else 0

        splits = [split(*first) for n in (1, 2) for first in combinations(range(k), n)]

        def cost(split: Split) -> float:
            turned = _TURNED if fused and not split.in_order else 1.0
            return turned * (designed(split) + left(split))

        self._up = min(splits, key=cost)
        whole = split(*range(k)) if k <= 2 else self._up
        kept = 3 * left(self._up) + designed(self._up)
        if fused and k == 2:
            self._up, self._down = split(0), whole
        else:
            self._down = whole if 3 * designed(whole) <= kept else self._up
        self._shares = self._down.first == self._up.first
        self.keeps = self._shares and bool(self._up.rest)
        self._is_turned = fused
        is_alike = self._shares and (fused or len(self._up.first) == 1)
        self._one_matrix = is_alike or (fused and k == 2)
        self._is_copy = fused and self._one_matrix and self._up.in_order
        rest = [sizes[j] for j in self._up.rest]
        kept = sum(math.prod(rest[j:]) * out for j in range(len(rest))) if self.keeps else 0
        self.entries = 2 * out + kept
        """Numbers per sample that both passes keep."""

    def matrices(self, core: FloatArray) -> tuple[FloatArray, ...]:
        """Copies of a core (b, children..., out) as the two passes use it, each contiguous.

        Compiled code takes both of two children from the core as it is.
        """
        return tuple(map(contiguous, self._views(core)))

    def refresh(self, matrices: tuple[FloatArray, ...], core: FloatArray) -> None:
        """Write another core into what `matrices` gave."""
        if self._is_copy:
            (matrix,) = matrices
            matrix[...] = namespace(core).reshape(core, matrix.shape)
            return
        for matrix, view in zip(matrices, self._views(core), strict=True):
            matrix[...] = view

    def _views(self, core: FloatArray) -> list[FloatArray]:
        up = self._up.matrix(core)
        own = [up.mT if self._is_turned else up]
        return own if self._one_matrix else [*own, self._down.matrix(core).mT]

    def _up_matrix(self, build: Builder, position: int) -> View:
        """That of the way up, (b, rest and out, first)."""
        n_rows, n_columns = self._up.shape
        if self._is_turned:
            return build.core(position, 0, build.n_batch, n_columns, n_rows).mT
        return build.core(position, 0, build.n_batch, n_rows, n_columns)

    def up(
        self, build: Builder, position: int, messages: Sequence[View], wants_tape: bool
    ) -> tuple[View, list[View]]:
        """See the module."""
        split, batch = self._up, build.n_batch
        matrix = self._up_matrix(build, position)
        design = messages[split.first[0]]
        if len(split.first) == 2:
            other = messages[split.first[1]]
            design = build.spare(max(design.shape[0], other.shape[0]), split.shape[1])
            _outer(build, messages[split.first[0]], other, design)
        wants_partial = self.keeps and wants_tape
        empty = build.keep if not split.rest or wants_partial else build.spare
        result = empty(batch, split.shape[0])
        if len(split.rest) == 1 and not wants_partial:
            y = messages[split.rest[0]]
            core, each = (split.by_message(rows, y.shape[1]) for rows in (matrix, result))
            out = build.keep(batch, each.shape[1])
            return build.add(Kind.SUM_PRODUCTS, core, matrix, design, y, result, each, out=out), []
        build.add(Kind.APPLY, matrix, design, out=result)
        partial: list[View] = []
        for j in split.rest:
            each = split.by_message(result, messages[j].shape[1])
            partial.append(each)
            empty = build.keep if j == split.rest[-1] else empty
            result = empty(batch, each.shape[1])
            build.add(Kind.CONTRACT, each, messages[j], out=result)
        return result, partial

    def down(
        self,
        build: Builder,
        position: int,
        messages: Sequence[View],
        saved: Sequence[View],
        message: View,
        gradient: View,
        into: Sequence[View | None],
    ) -> View:
        """See the module."""
        split, batch = self._down, build.n_batch
        n_rows, n_columns = split.shape
        if self._one_matrix and not self._is_turned:
            turned = self._up_matrix(build, position).mT
        else:
            which = 0 if self._one_matrix else 1
            turned = build.core(position, which, batch, n_columns, n_rows)
        for j, each in zip(reversed(split.rest), reversed(saved)):
            target, size = into[j], messages[j].shape[1]
            if target is not None:
                build.add(Kind.CONTRACT, each.mT, gradient, out=target)
            spread = build.spare(batch, size * gradient.shape[1])
            factors = messages[j].expand(2), gradient.expand(1)
            build.add(Kind.MULTIPLY, *factors, out=split.by_message(spread, size).mT)
            gradient = spread
        if len(split.first) == 1:
            (j,) = split.first
            if split.rest:
                by_matrix = _reduce(build, gradient, messages[j])
            else:
                # In the order of the core, which others then need not turn.
                by_matrix = build.numbers(batch, n_columns, n_rows).mT
                build.add(Kind.REDUCE, messages[j], gradient, out=by_matrix.mT)
            target = into[j]
            if target is not None:
                build.add(Kind.APPLY, turned, gradient, out=target)
            return split.core(by_matrix)
        i, j = split.first
        x, y = messages[i], messages[j]
        lengths = x.shape[1], y.shape[1]
        design = build.spare(max(x.shape[0], y.shape[0]), n_columns)
        by_rows = build.numbers(batch, n_columns, n_rows)
        each = design.split(1, *lengths)
        out = by_rows.split(1, *lengths)
        build.add(Kind.BY_CORE, gradient, x, y, design, each, out=out)
        # The design has done its work; its memory is in the cache.
        back = design if design.shape[0] == batch else build.spare(batch, n_columns)
        core, each = turned.split(1, *lengths), back.split(1, *lengths)
        build.add_all(
            Kind.BY_MESSAGES, core, turned, gradient, x, y, back, each, outs=(into[i], into[j])
        )
        return split.core(by_rows.mT)


class JoinRule:
    r"""The rule of a node with a core and another product: all joined entries meet the core.

    .. math:: y_o = \sum_{i_1 \dots i_k} G_{i_1 \dots i_k o} \,
              \xi(x^1_{i_1}, \dots, x^k_{i_k})

    Parameters
    ----------
    sizes : sequence of int
        Lengths of the messages of the children.
    out : int
        Length of the outgoing message.
    """

    def __init__(self, sizes: Sequence[int], out: int) -> None:
        self._sizes, self._out = tuple(sizes), out
        self.entries = 2 * out

    def matrices(self, core: FloatArray) -> tuple[FloatArray]:
        """A copy of a core (b, children..., out) as (b, joined, out)."""
        return (np.array(core.reshape(len(core), -1, self._out), order="C"),)

    def refresh(self, matrices: tuple[FloatArray, ...], core: FloatArray) -> None:
        """Write another core into what `matrices` gave."""
        matrices[0][...] = core.reshape(matrices[0].shape)

    def _along(self, j: int, message: View) -> View:
        """The message of a child along an axis of its own."""
        after = len(self._sizes) - 1 - j
        return message.split(1, *(1,) * j, message.shape[1], *(1,) * after)

    def _core(self, build: Builder, position: int) -> View:
        return build.core(position, 0, build.n_batch, math.prod(self._sizes), self._out)

    def up(
        self, build: Builder, position: int, messages: Sequence[View], wants_tape: bool
    ) -> tuple[View, View]:
        """See the module; one message alone is passed on as it is."""
        design = messages[0]
        if len(messages) > 1:
            empty = build.keep if wants_tape else build.spare
            batch = max(message.shape[0] for message in messages)
            design = empty(batch, math.prod(self._sizes))
            out = design.split(1, *self._sizes)
            build.add(Kind.JOIN, *map(self._along, range(len(messages)), messages), out=out)
        out = build.keep(build.n_batch, self._out)
        return build.add(Kind.APPLY, self._core(build, position).mT, design, out=out), design

    def down(
        self,
        build: Builder,
        position: int,
        messages: Sequence[View],
        saved: View,
        message: View,
        gradient: View,
        into: Sequence[View | None],
    ) -> View:
        """See the module."""
        by_core = _reduce(build, saved, gradient)
        core = self._core(build, position)
        (first, *others) = into
        if not others and first is not None:
            build.add(Kind.APPLY, core, gradient, out=first)
        elif any(target is not None for target in into):
            back = build.spare(build.n_batch, core.shape[1])
            build.add(Kind.APPLY, core, gradient, out=back)
            joined = (view.split(1, *self._sizes) for view in (saved, back))
            outs = [None if t is None else self._along(j, t) for j, t in enumerate(into)]
            build.add_all(
                Kind.PARTS, *map(self._along, range(len(messages)), messages), *joined, outs=outs
            )
        return by_core.split(1, *self._sizes)


class MultiplyRule:
    """The rule of a node without a core: all messages entry by entry, with checks on the way."""

    def __init__(self, n_factors: int, size: int) -> None:
        self.entries = n_factors * size

    def up(
        self, build: Builder, position: None, messages: Sequence[View], wants_tape: bool
    ) -> tuple[View, list[tuple[View, int | None]]]:
        """See the module."""
        prefix = messages[0]
        saved: list[tuple[View, int | None]] = []
        for j, message in enumerate(messages[1:], start=1):
            check = build.check(prefix) if j % LEAVES_BETWEEN_CHECKS == 0 else None
            saved.append((prefix, check))
            shape = (max(prefix.shape[0], message.shape[0]), prefix.shape[1])
            # Without a tape nothing reads the prefix before last again.
            reuses = j > 2 and not wants_tape and saved[j - 2][0].shape == shape
            out = saved[j - 2][0] if reuses else build.keep(*shape)
            prefix = build.add(Kind.MULTIPLY, prefix, message, out=out)
        return prefix, saved

    def down(
        self,
        build: Builder,
        position: None,
        messages: Sequence[View],
        saved: Sequence[tuple[View, int | None]],
        message: View,
        gradient: View,
        into: Sequence[View | None],
    ) -> None:
        """See the module."""
        first = into[0]
        if not saved and first is not None:
            build.add(Kind.COPY, gradient, out=first)
        # In turn, since compiled code is slow where a result lies in its operand.
        spare = [build.spare(*gradient.shape) for _ in saved[:2]]
        for j in range(len(saved), 0, -1):
            prefix, check = saved[j - 1]
            target = into[j]
            if target is not None:
                build.add(Kind.MULTIPLY, prefix, gradient, out=target)
            target = spare[j % len(spare)] if j > 1 else first
            if target is not None:
                gradient = build.add(Kind.MULTIPLY, messages[j], gradient, out=target)
                build.unscale(gradient, check)


class JoinAllRule:
    """As `MultiplyRule` with another product, without checks."""

    def __init__(self, n_factors: int, size: int) -> None:
        self.entries = n_factors * size

    def up(
        self, build: Builder, position: None, messages: Sequence[View], wants_tape: bool
    ) -> tuple[View, None]:
        """See the module; one message alone meets the unit of the product."""
        batch = max(message.shape[0] for message in messages)
        out = build.keep(batch, messages[0].shape[1])
        return build.add(Kind.JOIN, *messages, out=out), None

    def down(
        self,
        build: Builder,
        position: None,
        messages: Sequence[View],
        saved: None,
        message: View,
        gradient: View,
        into: Sequence[View | None],
    ) -> None:
        """See the module."""
        build.add_all(Kind.PARTS, *messages, message, gradient, outs=into)


Rule = CoreRule | JoinRule | MultiplyRule | JoinAllRule


def _outer(build: Builder, x: View, y: View, out: View) -> None:
    """All products of entries, (b, i) and (b, j) to (b, i * j)."""
    each = out.split(1, x.shape[1], y.shape[1])
    build.add(Kind.MULTIPLY, x.expand(2), y.expand(1), out=each)


def _reduce(build: Builder, x: View, y: View) -> View:
    """The matrices (b, i, j) of (b, i) and (b, j); BLAS wants the longer side first."""
    if x.shape[1] < y.shape[1]:
        return _reduce(build, y, x).mT
    out = build.numbers(build.n_batch, x.shape[1], y.shape[1])
    return build.add(Kind.REDUCE, x, y, out=out)


@lru_cache(maxsize=1024)
def core_rule(sizes: tuple[int, ...], out: int, fused: bool) -> CoreRule:
    """A `CoreRule`, which many nodes of a tree may share, since it keeps nothing."""
    return CoreRule(sizes, out, fused)
