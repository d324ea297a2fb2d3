"""Both passes over n samples, on memory of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from ..._arrays._typing import Features, FloatArray, IntArray
from ..._support._optional import WORTH_COMPILING
from ._lengths import Lengths
from ._numpy import Calls, Memory, Shifts, bind, run
from ._plan import Plan
from ._products import Product
from ._steps import Part
from ._table import compiled

SCORE_EXPONENT = {np.dtype(np.float32): 100, np.dtype(np.float64): 300}
"""Scores saturate at two to this power, far below what overflows, so that on the way down
derivatives may still be multiplied with cores and features."""


class Prepared:
    """Cores as the passes use them.

    Attributes
    ----------
    matrices : list of tuple of ndarray
        What the rules need, one item for each core.
    levels : list of list of ndarray
        The cores before each merging of sites.
    cores : list of ndarray
        Those after all of them.
    filled : set of bool
        Whether the matrices are of these cores, for passes without and with folded runs.
    """

    def __init__(self, n_cores: int) -> None:
        self.matrices: list[tuple[FloatArray, ...]] = [()] * n_cores
        self.levels: list[list[FloatArray]] = []
        self.cores: list[FloatArray] = []
        self.filled: set[bool] = set()


class _Bound:
    """One way of a plan bound to memory: compiled code if there is any, and calls of NumPy."""

    def __init__(
        self, part: Part, memory: Memory, product: Product | None, shifts: Shifts, compiles: bool
    ) -> None:
        self._part, self._memory, self._product, self._shifts = part, memory, product, shifts
        self._compiled = compiled(part, memory) if compiles else None
        self._has_spans = any(span is not None for span in part.spans)
        self._calls: dict[bool, Calls] = {}
        self._going: IntArray | None = None

    def run(self, rescaled: bool = False, going: IntArray | None = None) -> None:
        """Take all steps; `rescaled` says that checks have rescaled messages before.

        `going` says how many samples go on after each step, for a ragged plan.
        """
        if self._compiled is not None and not rescaled:
            is_done = self._compiled(going) if self._has_spans else self._compiled()
            if is_done:
                return
        if going is not self._going:
            self._calls.clear()
            self._going = going
        if rescaled not in self._calls:
            self._calls[rescaled] = bind(
                self._part, self._memory, self._product, self._shifts, rescaled, going
            )
        run(self._calls[rescaled])


class Pass:
    """A plan bound to memory for n samples: scores, and the derivatives after them.

    Parameters
    ----------
    plan : Plan
    prepared : Prepared
    n : int
        Number of samples.
    block_of : callable
        Gives a block of some bytes.
    product : Product or None
        What takes the place of the product.
    compiles : bool
        Whether compiled code may run it, where it is worth loading that.
    """

    def __init__(
        self,
        plan: Plan,
        prepared: Prepared,
        n: int,
        block_of: Callable[[int], np.ndarray],
        product: Product | None,
        compiles: bool,
    ) -> None:
        self.plan, self.prepared = plan, prepared
        self.shifts: dict[int, IntArray] = {}
        """Exponents that were taken out of messages, by check."""
        self.looked_up: list[tuple[int, Any]] = []
        """Sites whose product with the core came in, and their `Indicators`."""
        self._lengths: Lengths | None = None
        self._product, self._block_of = product, block_of
        self._compiles = compiles and plan.n_features * n >= WORTH_COMPILING
        self._memory = Memory(plan.up, prepared.matrices, n, block_of)
        self._up = self._bound(plan.up, self._memory)
        (self._features,) = self._memory.array(plan.features)
        self._scores = self._memory.array(plan.messages[-1])
        self._down: dict[tuple[bool, bool], tuple[_Bound, Any, list[Any], FloatArray | None]] = {}

    def _bound(self, part: Part, memory: Memory) -> _Bound:
        return _Bound(part, memory, self._product, self.shifts, self._compiles)

    @property
    def messages(self) -> list[FloatArray]:
        """The message (b, r, n) of each node, less its exponents."""
        return [self._memory.array(view) for view in self.plan.messages]

    def exponent(self) -> Any:
        """The exponent (b, 1, n) of the scores: that of all messages."""
        n = self._memory.n
        # Messages of those samples alone that reach a node.
        wide = [(0, 0)] * 2
        return sum(
            own if own.shape[2] == n else np.pad(own, [*wide, (0, n - own.shape[2])])
            for own in self.shifts.values()
        )

    def forward(
        self, features: Features, mode_sizes: Sequence[int], lengths: Lengths | None = None
    ) -> FloatArray:
        """Scores (b, n, n_outputs), given features (n, m_k) of all sites.

        A ragged plan takes lengths.
        """
        self._lengths, rows = lengths, self._features
        going = None
        if lengths is not None:
            going = lengths.going
            lengths.write(features, rows)
        elif isinstance(features, np.ndarray):
            rows.reshape(len(features), -1, rows.shape[1])[...] = features.mT
        else:
            for part, size, end in zip(features, mode_sizes, accumulate(mode_sizes)):
                rows[end - size : end] = part.T
        self.shifts.clear()
        unit = 1.0 if self._product is None else self._product.unit
        for view, span in self.plan.units:
            reach = span.rows(going)
            self._memory.part(view, slice(reach.stop, self._memory.n))[...] = unit
        self._up.run(going=going)
        scores = self._scaled_scores()
        return scores if lengths is None else lengths.back(scores)

    def _scaled_scores(self) -> FloatArray:
        limit = SCORE_EXPONENT[self._scores.dtype]
        if not self.shifts:
            return np.clip(self._scores.mT, -(2.0**limit), 2.0**limit)
        mantissa, own = np.frexp(self._scores)
        return np.ldexp(mantissa, np.clip(own + self.exponent(), -limit, limit)).mT

    def backward(
        self, score_gradient: FloatArray, wants_features: bool, wants_cores: bool = True
    ) -> tuple[list[Any], FloatArray | None]:
        """Derivatives by each core, or None if looked up, and by all features in turn, (m_k, n)."""
        key = wants_features, wants_cores
        if key not in self._down:
            down, n = self.plan.down(wants_features, wants_cores), self._memory.n
            matrices = self.prepared.matrices
            memory = Memory(down.part, matrices, n, self._block_of, before=self._memory)
            bound = self._bound(down.part, memory)
            rows = None if down.by_feature is None else memory.array(down.by_feature)[0]
            by_core = [None if view is None else memory.array(view) for view in down.by_core]
            self._down[key] = bound, memory.array(down.scores), by_core, rows
        bound, target, by_core, rows = self._down[key]
        lengths = self._lengths
        going = None if lengths is None else lengths.going
        target[...] = (score_gradient if lengths is None else lengths.sort(score_gradient)).mT
        if self.shifts:
            exponent, limit = self.exponent(), SCORE_EXPONENT[target.dtype]
            inside = np.abs(exponent) <= limit
            target *= inside
            np.ldexp(target, np.where(inside, exponent, 0), out=target)
        bound.run(rescaled=bool(self.shifts), going=going)
        # Nodes that no sample reaches have taken no steps.
        for position, span in self.plan.core_spans if by_core else ():
            if span.rows(going).stop == 0:
                by_core[position][...] = 0
        if rows is not None and lengths is not None:
            rows = lengths.read(rows)
        return list(by_core), rows
