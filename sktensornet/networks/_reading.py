"""Shared cores as a recurrent network: one step after the other, in constant memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .._arrays._immutable import ReadOnlyArrays
from .._arrays._typing import FloatArray, IntArray
from ._topologies import recurrent_train
from ._tree import Tree

if TYPE_CHECKING:
    from ._network import TensorNetwork

_LIMITS = {4: 100, 8: 300}
"""Scores saturate at two to these powers, by the bytes of a number, as those of whole passes."""


_ALIKE, _MOST_KEPT = 8, 4096
"""Samples whose steps have equal features share a matrix if there are so many of each on
average: tokens cost as much as their number of features less. So many matrices are kept."""


@dataclass(frozen=True, eq=False)
class State(ReadOnlyArrays):
    r"""What a recurrent network remembers of the steps that it has read.

    .. math:: h^{(t)} = 2^{e} \, \hat h, \qquad
              h^{(t)}_k = \sum_{ij} G_{ijk} \, f(x^{(t)})_i \, h^{(t-1)}_j

    Parameters
    ----------
    hidden : ndarray of shape (n_samples, r) or (n_outputs, n_samples, r)
        The state, its largest entry between a half and one; for one tensor per
        class, one of each.
    exponent : ndarray of int, shape (n_samples,) or (n_outputs, n_samples)
        The power of two that it is to be multiplied by.
    scores : ndarray of shape (n_samples, n_outputs) or None
        What the network says after these steps; None after the first, as a train has
        at least two cores. They saturate at 2**100 (float32) or 2**300 (float64).

    See Also
    --------
    TensorNetwork.read : Reads a step.

    Examples
    --------
    >>> from sktensornet.automata import from_automaton
    >>> network = from_automaton([1, 0], [[[0, 2], [2, 0]]], [0, 1])
    >>> state = None
    >>> for _ in range(4_000):
    ...     state = network.read(state, [[1.0]])
    >>> state.hidden, state.exponent
    (array([[0.5, 0. ]]), array([4001]))
    """

    hidden: FloatArray
    exponent: IntArray
    scores: FloatArray | None

    @property
    def value(self) -> FloatArray:
        """The state itself, which saturates as scores do."""
        return saturated(self.hidden, self.exponent[..., None])


class Reader:
    """The distinct cores of a recurrent train, ready for many steps.

    Parameters
    ----------
    network : TensorNetwork
    """

    def __init__(self, network: TensorNetwork) -> None:
        tree = network.tree
        if not reads_steps(network):
            raise ValueError(
                f"reading step by step needs a train of at least three equal cores "
                f"(shared_cores=True) with product='multiply', not {network!r} with "
                f"product={network.product!r}."
            )
        cores = [network.cores[k] for k in (0, 1, -1)]
        if network.batched:
            cores[-1] = cores[-1][..., None]
        else:
            cores = [core[None] for core in cores]
        nodes = [tree.nodes[tree.order[k]] for k in (0, 1, -1)]
        self.first, self.inner, self.last = (
            node.inward(core) for node, core in zip(nodes, cores, strict=True)
        )
        self.batched, self.mode_size = network.batched, self.first.shape[1]
        self._direction = np.random.default_rng(0).standard_normal(self.mode_size)
        self._matrices: dict[bytes, FloatArray] = {}

    def begin(self, step: FloatArray) -> tuple[FloatArray, IntArray]:
        """The state (batch, n, r) after the first step, and its exponents (batch, n)."""
        return normalised(step @ self.first, np.zeros(1, np.int64))

    def go_on(
        self, hidden: FloatArray, exponent: IntArray, step: FloatArray
    ) -> tuple[FloatArray, IntArray]:
        """The state after another step."""
        return normalised(self._through(hidden, step), exponent)

    def _through(self, hidden: FloatArray, step: FloatArray) -> FloatArray:
        """States through the inner core; those of equal features share a matrix."""
        n = len(step)
        if n < _ALIKE:
            return contract(hidden, step, self.inner)
        keys, first, place = np.unique(
            step @ self._direction, return_index=True, return_inverse=True
        )
        if len(keys) * _ALIKE > n:
            return contract(hidden, step, self.inner)
        order = np.argsort(place.ravel(), kind="stable")
        bounds = np.cumsum(np.bincount(place.ravel()))[:-1]
        after = np.empty_like(hidden)
        for own, rows in zip(step[first], np.split(order, bounds), strict=True):
            key = own.tobytes()
            if key not in self._matrices:
                if len(self._matrices) >= _MOST_KEPT:
                    self._matrices.clear()
                self._matrices[key] = np.einsum("brmk,m->brk", self.inner, own)
            after[:, rows] = hidden[:, rows] @ self._matrices[key]
        return after

    def scores(self, hidden: FloatArray, exponent: IntArray, step: FloatArray) -> FloatArray:
        """Scores (n, n_outputs) of another step as the last one."""
        raw = saturated(contract(hidden, step, self.last), exponent[..., None])
        return raw[..., 0].T if self.batched else raw[0]


def reads_steps(network: TensorNetwork) -> bool:
    """Whether a network is a recurrent train of equal cores that are all there."""
    return network.n_sites > 2 and is_recurrent(network.tree)


def is_recurrent(tree: Tree) -> bool:
    """Whether a tree is a train of equal cores, read from the first to the last."""
    return tree == recurrent_train(tree.n_sites, shared=True)


def contract(hidden: FloatArray, step: FloatArray, core: FloatArray) -> FloatArray:
    """States (batch, n, r) and features (n, m) through a core (batch, r, m, k)."""
    b, n, r = hidden.shape
    m, k = core.shape[2:]
    if k <= r:
        both = (hidden[..., None] * step[:, None]).reshape(b, n, r * m)
        return both @ core.reshape(b, r * m, k)
    by_mode = (hidden @ core.reshape(b, r, m * k)).reshape(b, n, m, k)
    return np.einsum("bnmk,nm->bnk", by_mode, step)


def normalised(hidden: FloatArray, exponent: IntArray) -> tuple[FloatArray, IntArray]:
    """States whose largest entry is between a half and one, and the powers of two."""
    _, powers = np.frexp(np.abs(hidden).max(axis=-1))
    return np.ldexp(hidden, -powers[..., None]), exponent + powers


def saturated(values: FloatArray, exponent: IntArray) -> FloatArray:
    """The values times powers of two, no larger than scores become."""
    limit = _LIMITS[values.dtype.itemsize]
    mantissa, own = np.frexp(values)
    power = np.clip(own + exponent, -8 * limit, limit)
    most = values.dtype.type(2.0**limit)
    return np.clip(np.ldexp(mantissa, power.astype(np.int32)), -most, most)


def read(reader: Reader, state: State | None, step: FloatArray) -> State:
    """`TensorNetwork.read`."""
    features = np.asarray(step, reader.inner.dtype)
    if features.ndim != 2 or features.shape[1] != reader.mode_size:
        raise ValueError(
            f"step has shape {features.shape}; it must be (n_samples, {reader.mode_size}), the "
            "features of one site."
        )
    if state is None:
        hidden, exponent = reader.begin(features)
        scores = None
    else:
        before, power = state.hidden, state.exponent
        if not reader.batched:
            before, power = before[None], power[None]
        if before.shape[1] != len(features):
            raise ValueError(
                f"step has {len(features)} samples, but the state is of {before.shape[1]}."
            )
        hidden, exponent = reader.go_on(before, power, features)
        scores = reader.scores(before, power, features)
    if not reader.batched:
        hidden, exponent = hidden[0], exponent[0]
    return State(hidden, exponent, scores)
