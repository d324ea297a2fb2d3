"""What passes over a tree keep and share: tapes, recorded programs, feature rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from ..._arrays._typing import Features, FloatArray, IntArray
from ..._arrays._workspace import Calls, Workspace, replay
from .._tree import Tree
from ._core_kernel import CoreKernel
from ._product_kernel import ProductKernel
from ._steps import OutOfRangeError
from ._table import compiled

SCORE_EXPONENT = {np.dtype(np.float32): 100, np.dtype(np.float64): 300}
"""Scores saturate at two to this power."""
LEAVES_BETWEEN_CHECKS = 8
"""How many factors may meet before a message is rescaled."""

_WORTH_COMPILING = 50_000
"""How many features, of all samples of a chunk, make compiled code worth its import."""


class Matrices(list):
    """Cores as the passes use them, one item for each core node."""


@dataclass
class Tape:
    """What the downward pass needs of the upward one, by node."""

    messages: list[FloatArray]
    partial: dict[int, list] = field(default_factory=dict)
    shift: dict[int, IntArray] = field(default_factory=dict)
    exponent: dict[int, IntArray] = field(default_factory=dict)
    program: Program | None = None

    def scores(self, root: int) -> FloatArray:
        """What arrives at the root, (b, n, n_outputs)."""
        return saturate(self.messages[root].mT, self.exponent.get(root))


class Pass:
    """Recorded calls, to be made again on new contents of the same memory."""

    def __init__(self) -> None:
        self.calls: Calls = []
        self._compiled: Callable[[], bool] | None = None

    def compile(self, program: Program) -> None:
        """From now on in compiled code, where it is worth loading that and there is any."""
        if program.compiles and program.rows.size >= _WORTH_COMPILING:
            self._compiled = compiled(self.calls, program.work, program.rows.shape[1])

    def run(self) -> bool:
        """Whether all messages stayed in range."""
        if self._compiled is not None:
            return self._compiled()
        try:
            replay(self.calls)
        except OutOfRangeError:
            return False
        return True


class Program(Pass):
    """The pass upward over a number of samples, on memory of its own."""

    def __init__(
        self, matrices: Matrices, rows: FloatArray, work: Workspace, compiles: bool
    ) -> None:
        super().__init__()
        self.matrices, self.rows, self.work, self.compiles = matrices, rows, work, compiles
        self.tape = Tape([])
        self.backward: dict[bool, BackwardProgram] = {}


class BackwardProgram(Pass):
    """The pass downward, its input and its result."""

    def __init__(self, score_gradient: FloatArray) -> None:
        super().__init__()
        self.score_gradient = score_gradient
        self.result: tuple[list[FloatArray], FloatArray | None] = ([], None)


class Step(NamedTuple):
    """A node with or without a core, as the passes come to it."""

    node: int
    children: tuple[int, ...]
    kernel: CoreKernel | ProductKernel | None
    position: int
    checked: bool


def by_site(rows: FloatArray, mode_sizes: Sequence[int]) -> Features:
    """Rows (all m_k in turn, n) as one array (n, m_k) for each site."""
    if len(set(mode_sizes)) == 1:
        return rows.reshape(len(mode_sizes), mode_sizes[0], -1).mT
    return [rows[end - size : end].T for size, end in zip(mode_sizes, accumulate(mode_sizes))]


def copy_features(features: Features, mode_sizes: Sequence[int], rows: FloatArray) -> None:
    """Write features (n, m_k) of all sites into rows (all m_k in turn, n)."""
    if isinstance(features, np.ndarray):
        rows.reshape(len(features), -1, rows.shape[1])[...] = features.mT
        return
    for part, size, end in zip(features, mode_sizes, accumulate(mode_sizes)):
        rows[end - size : end] = part.T


def saturate(message: FloatArray, exponent: IntArray | None) -> FloatArray:
    limit = SCORE_EXPONENT[message.dtype]
    if exponent is None:
        return np.clip(message, -(2.0**limit), 2.0**limit)
    mantissa, own = np.frexp(message)
    return np.ldexp(mantissa, np.clip(own + exponent, -limit, limit))


def nodes_to_check(tree: Tree) -> list[bool]:
    """Nodes whose message is rescaled, so that few factors meet in between."""
    nodes = tree.nodes
    leaves: list[int] = []
    checked = [False] * len(nodes)
    for node in nodes:
        if node.axes is None:
            leaves.append(1)
            continue
        for child in sorted(node.children, key=lambda child: -leaves[child]):
            if sum(leaves[other] for other in node.children) <= LEAVES_BETWEEN_CHECKS:
                break
            if nodes[child].axes is not None:
                checked[child], leaves[child] = True, 1
        leaves.append(sum(leaves[child] for child in node.children))
    return checked
