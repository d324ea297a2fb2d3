"""The Frobenius norm of the weight tensor, and its derivative, by contraction."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..._arrays._multilinear import mode_gram, mode_product, move_axis
from ..._arrays._namespace import contiguous, device_of, namespace, to_numpy, widest
from ..._arrays._typing import FloatArray
from ..._arrays._workspace import Scratch
from .._passes._contraction import Contraction
from .._tree import Tree
from ._upward_downward import Each, downward, in_turn, upward

_SAFE = 2.0**20
"""Gram matrices whose largest entry is between this and its inverse are left as they are: with a
core that makes no more of them, products of three stay in the range of float32."""


class _Gram(NamedTuple):
    """Matrices (b, i, i), or None for identities, times two to the power of exponents.

    These have shape (b, 1, 1), or are the number 0 for all.
    """

    matrices: Any
    exponent: Any = 0


def squared_norm_and_gradient(
    contraction: Contraction,
    cores: Sequence[FloatArray],
    constants: Sequence[FloatArray] | None = None,
    factor: float = 1.0,
    into: Sequence[FloatArray] | None = None,
    each: Each = in_turn,
    work: Scratch | None = None,
) -> tuple[float, list[FloatArray]]:
    r"""Squared Frobenius norm of the weight tensor and its derivative by core.

    .. math:: R(W) = \frac{\|W\|_F^2}{\prod_k \|u_k\|^2}, \qquad
              \|W\|_F^2 = \sum_{c, i_1 \dots i_d} (W_c^{i_1 \dots i_d})^2

    With the covectors u_k of the constant the norm is relative to that of the
    constant function 1, so that it does not change when features are scaled.
    They have norm one, and play no role, where a map has a constant feature.

    Every bond carries the Gram matrix of the subtree below it. The cost is that
    of contracting the network with itself, O(d m r^3) for a tensor train. What
    leaves a safe range is scaled by powers of two, which is exact, so that no
    step between overflows or vanishes. For arrays elsewhere than in NumPy, which
    are not asked for their values, the most precise type takes the place of that.

    Parameters
    ----------
    contraction : Contraction
        The network function whose cores are wanted.
    cores : sequence of ndarray
        The cores, as for `Contraction.forward`.
    constants : sequence of ndarray of shape (m_k,), or None
        The covectors u_k; None leaves the denominator out.
    factor : float, default=1.0
        What the gradients are multiplied by.
    into : sequence of ndarray, or None
        What the gradients are added to, in NumPy; None gives them as they are.
    each : callable
        Takes the branches below the root, perhaps at the same time.
    work : Scratch or None
        Whose memory is used. With memory asked anew for each product the call takes
        about twice as long.

    Returns
    -------
    value : float
        R(W), or the squared norm.
    gradients : list of ndarray
        The factor times its derivative by each core, in its shape and type, or `into`.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.networks import tensor_train
    >>> from sktensornet.networks._passes._contraction import Contraction
    >>> from sktensornet.networks._tensors._frobenius import squared_norm_and_gradient
    >>> tree = tensor_train(2)
    >>> contraction = Contraction(tree, tree.message_sizes((2, 2), rank=1, n_outputs=1))
    >>> cores = [np.full(shape, 2.0) for shape in contraction.core_shapes]
    >>> value, gradients = squared_norm_and_gradient(contraction, cores)
    >>> value, gradients[0].ravel()
    (64.0, array([32., 32.]))
    """
    contraction.tree.require_multilinear("the Frobenius norm")
    norm = _Norm(contraction.tree, cores, constants, factor, into, work)
    return norm.value(each), norm.gradients


_NOTHING = _Gram(None)
"""What a site sends, and what arrives at a root with a core."""


class _Leg(NamedTuple):
    """A leg of a core that carries a Gram matrix: of which child, which axis, the matrices."""

    child: int
    axis: int
    matrices: Any


class _Norm:
    """Both passes; the parameters are those of `squared_norm_and_gradient`."""

    def __init__(self, tree, cores, constants, factor, into, work) -> None:
        self._tree, self._factor, self._into = tree, factor, into
        self._in_numpy, self._wide = isinstance(cores[0], np.ndarray), widest(cores[0])
        astype = namespace(cores[0]).astype
        self._cores = list(cores) if self._in_numpy else [astype(c, self._wide) for c in cores]
        none = constants is None
        self._shares = [1.0 if none else _share(tree, index, constants) for index in tree.order]
        self._exponents: list[Any] = [0] * len(cores)
        self._work = Scratch() if work is None else work
        self.gradients: list[Any] = [None] * len(cores) if into is None else list(into)

    def value(self, each: Each) -> float:
        """The squared norm; the derivatives are found on the way."""
        tree = self._tree

        def quietly(function, items):
            def call(item):
                with np.errstate(over="ignore", invalid="ignore"):
                    return function(item)

            return each(call, items)

        with np.errstate(over="ignore", invalid="ignore"):
            return self._value(tree, quietly)

    def _value(self, tree: Tree, each: Each) -> float:
        below: list[_Gram] = upward(tree, lambda index: _NOTHING, self._gram, _multiply, each)
        found, exponent = below[-1]
        xp = namespace(found)
        identity = xp.eye(found.shape[-1], dtype=found.dtype, device=device_of(found))
        top = _Gram(identity[None, ...]) if tree.nodes[-1].is_product else _NOTHING
        downward(tree, below, top, self._environments, _multiply, each)
        squares = xp.sum(xp.astype(found * identity, self._wide), axis=(1, 2))
        if not isinstance(exponent, int):
            squares = np.ldexp(squares, exponent[:, 0, 0])
        return float(xp.sum(squares))

    def _gram(self, index: int, below: list[_Gram]) -> _Gram:
        """What a core sends up: of a root with a core the trace of its Gram matrix is enough."""
        place, legs = self._tree.core_of[index], self._legs(index, below)
        if index == self._tree.root and legs:
            # Nothing meets the last leg of a root; products by the last axis take the least time.
            moved = move_axis(self._cores[place], 1 + legs[-1].child, -1)
            self._cores[place] = contiguous(moved)
        for is_scaled in (False, True):
            core = self._cores[place]
            most = self._raised(core, legs[:-1], "most")
            product = self._raised(most, legs[-1:], "product")
            if index == self._tree.root:
                found, self._of_root = _square(core, product), (most, product)
            else:
                found = mode_gram(core, product, -1)
            if is_scaled or _is_safe(found):
                break
            self._cores[place], self._exponents[place] = _scaled(core)
        exponent = sum(own.exponent for own in below) + 2 * self._exponents[place]
        return _settled(_times(self._shares[place], found), exponent)

    def _environments(self, index: int, above: _Gram, below: list[_Gram]) -> list[_Gram]:
        """What a core sends down, and the derivative by it."""
        place, legs = self._tree.core_of[index], self._legs(index, below)
        core, share = self._cores[place], self._shares[place]
        total = sum(own.exponent for own in below) + above.exponent + self._exponents[place]
        sent = [_NOTHING] * len(below)
        half = others = self._times(core, above.matrices, -1, "half")
        for leg in legs:
            if index == self._tree.root and leg is legs[-1]:
                others = self._of_root[0]
            else:
                others = self._raised(half, [one for one in legs if one is not leg], "others")
            found = _times(share, mode_gram(others, core, leg.axis))
            exponent = total - below[leg.child].exponent + self._exponents[place]
            sent[leg.child] = _settled(found, exponent)
        scale = 2.0 * self._factor * share * 2.0**total
        if index == self._tree.root:
            gradient = _times(scale, self._of_root[1])
            if legs:
                gradient = move_axis(gradient, -1, 1 + legs[-1].child)
        elif legs:
            last = _times(scale, legs[-1].matrices)
            gradient = self._times(others, last, legs[-1].axis, "gradient")
        else:
            gradient = _times(scale, half)
        if self._into is None:
            self.gradients[place] = contiguous(gradient)
        else:
            self._into[place][...] += gradient
        return sent

    def _legs(self, index: int, below: list[_Gram]) -> list[_Leg]:
        legs = [_Leg(j, 1 + j, own.matrices) for j, own in enumerate(below) if own is not _NOTHING]
        if index == self._tree.root and legs:
            legs[-1] = legs[-1]._replace(axis=-1)
        return legs

    def _raised(self, core: Any, legs: Sequence[_Leg], name: str) -> Any:
        """A core times the matrices of some legs."""
        for leg in legs:
            core = self._times(core, leg.matrices, leg.axis, name)
        return core

    def _times(self, core: Any, matrices: Any, axis: int, name: str) -> Any:
        """A mode product of symmetric matrices, or None for identities."""
        if matrices is None:
            return core
        out = self._work.like(core, name, axis) if self._in_numpy else None
        return mode_product(core, matrices, axis, out=out)


def _square(core: Any, product: Any) -> Any:
    """The sums (b, 1, 1) of the products of entries: the trace of the last Gram matrix."""
    xp = namespace(core)
    rows = (xp.reshape(each, (core.shape[0], -1)) for each in (core, product))
    return xp.vecdot(*rows)[:, None, None]


def _times(scale: Any, array: Any) -> Any:
    """Tensors (b, ...) times a number, or numbers (b, 1, 1) of more range, in their type."""
    if isinstance(scale, float):
        return array if scale == 1.0 else scale * array
    scale = scale.reshape(-1, *(1,) * (array.ndim - 1))
    return namespace(array).astype(scale * array, array.dtype, copy=False)


def _multiply(x: _Gram, y: _Gram) -> _Gram:
    return _settled(x.matrices * y.matrices, x.exponent + y.exponent)


def _is_safe(grams: Any) -> bool:
    """Whether the largest entry of each matrix is of moderate size, or unknown."""
    if not isinstance(grams, np.ndarray):
        return True
    # A Gram matrix has its largest entry on the diagonal, so that none is below minus that.
    largest = [own.max() for own in grams]
    return min(largest) > 1 / _SAFE and max(largest) < _SAFE


def _scaled(tensors: FloatArray) -> tuple[FloatArray, Any]:
    """Tensors (b, ...) with largest entries near one, and the exponents (b, 1, 1) taken out."""
    exponent = np.frexp(np.abs(tensors).max(axis=tuple(range(1, tensors.ndim))))[1]
    own = exponent.reshape(-1, *(1,) * (tensors.ndim - 1))
    return np.ldexp(tensors, -own), exponent.reshape(-1, 1, 1)


def _settled(grams: Any, exponent: Any) -> _Gram:
    """The matrices, of moderate size."""
    if _is_safe(grams):
        return _Gram(grams, exponent)
    scaled, own = _scaled(grams)
    return _Gram(scaled, exponent + own)


def _share(tree: Tree, index: int, constants: Sequence[FloatArray]) -> float:
    """What the sites at a node contribute to the denominator, inverted."""
    sites = [tree.nodes[child].site for child in tree.nodes[index].children]
    own = [to_numpy(constants[site]) for site in sites if site is not None]
    squares = [float(u @ u) for u in own]
    return 1.0 / math.prod(squares)
