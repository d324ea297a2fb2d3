"""Contraction of a network with local features, and its adjoint.

One upward pass over the tree gives the scores, one downward pass the derivative
with respect to every core and every feature. Messages are rescaled by powers of
two, which is exact, and the exponents are carried along, so that a product over
thousands of sites neither overflows nor vanishes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from .._typing import Features, FloatArray, IntArray
from ._kernels import apply_core, apply_core_adjoint
from ._products import PRODUCTS, add_exponents, rescale
from ._tree import UNIT, Tree

_LEAVES_BETWEEN_CHECKS = 8
SCORE_EXPONENT = {np.dtype(np.float32): 100, np.dtype(np.float64): 300}
"""Scores saturate at two to this power."""


@dataclass
class Tape:
    """What the downward pass needs of the upward one."""

    messages: list[FloatArray] = field(default_factory=list)
    partial: list[list] = field(default_factory=list)
    shift: list[IntArray | None] = field(default_factory=list)
    exponent: list[IntArray | None] = field(default_factory=list)


class Contraction:
    r"""The network function of a tree whose message sizes are fixed.

    .. math:: s_c(X) = \langle W_c, f_1(x_1) \otimes \dots \otimes f_d(x_d) \rangle

    With another product than "multiply" it is the function that the same rules
    give with it; its messages are not rescaled.

    Parameters
    ----------
    tree : Tree
        The topology.
    message_sizes : tuple of int
        Length of the outgoing message of every node.
    n_batch : int, default=1
        Number of tensors over the same features (the classes, for separate
        class tensors).

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.networks import Contraction, tensor_train
    >>> contraction = Contraction(tensor_train(3), tensor_train(3).message_sizes((2, 2, 2), 2, 1))
    >>> cores = [np.ones(shape) for shape in contraction.core_shapes]
    >>> features = [np.full((5, 2), 0.5)] * 3
    >>> scores, tape = contraction.forward(cores, features)
    >>> scores.shape, float(scores[0, 0, 0])
    ((1, 5, 1), 4.0)
    >>> gradients, _ = contraction.backward(cores, tape, np.ones_like(scores), False)
    >>> [gradient.shape for gradient in gradients] == [core.shape for core in cores]
    True
    """

    def __init__(self, tree: Tree, message_sizes: tuple[int, ...], n_batch: int = 1) -> None:
        self.tree = tree
        self.message_sizes = message_sizes
        self.n_batch = n_batch
        self.product = PRODUCTS[tree.product]
        self.core_shapes = tuple((n_batch, *shape) for shape in tree.core_shapes(message_sizes))
        self._working_shapes = tuple(
            (n_batch, *(n for n, axis in zip(shape, self._axes(node), strict=True) if axis != UNIT))
            for node, shape in zip(tree.order, tree.core_shapes(message_sizes), strict=True)
        )
        self._checked = self._nodes_to_check()

    def _axes(self, index: int) -> tuple[int, ...]:
        return self.tree.nodes[index].axes or ()

    def _nodes_to_check(self) -> tuple[bool, ...]:
        """Nodes whose message is rescaled, so that few factors meet in between."""
        nodes = self.tree.nodes
        leaves: list[int] = []
        checked = [False] * len(nodes)
        if not self.product.is_multilinear:
            return tuple(checked)
        for node in nodes:
            if node.axes is None:
                leaves.append(1)
                continue
            for child in sorted(node.children, key=lambda child: -leaves[child]):
                if sum(leaves[other] for other in node.children) <= _LEAVES_BETWEEN_CHECKS:
                    break
                if nodes[child].axes is not None:
                    checked[child], leaves[child] = True, 1
            leaves.append(sum(leaves[child] for child in node.children))
        return tuple(checked)

    def working_cores(self, cores: Sequence[FloatArray]) -> list[FloatArray]:
        """Views of the cores without the axes of length one at the chain's ends.

        Parameters
        ----------
        cores : sequence of ndarray
            The cores, as for `forward`.

        Returns
        -------
        list of ndarray
            The views.
        """
        return [
            core.reshape(shape) for core, shape in zip(cores, self._working_shapes, strict=True)
        ]

    def forward(self, cores: Sequence[FloatArray], features: Features) -> tuple[FloatArray, Tape]:
        """Scores of n samples.

        Parameters
        ----------
        cores : sequence of ndarray
            The cores with a leading axis of length ``n_batch``.
        features : sequence of ndarray of shape (n, m_k)
            Local features of each site.

        Returns
        -------
        scores : ndarray of shape (n_batch, n, n_outputs)
            Saturated at 2**100 (float32) or 2**300 (float64).
        tape : Tape
            What `backward` needs.
        """
        cores = self.working_cores(cores)
        tape = Tape()
        for index, node in enumerate(self.tree.nodes):
            partial: list = []
            shift = exponent = None
            if node.site is not None:
                message = features[node.site][None]
            else:
                messages = [tape.messages[child] for child in node.children]
                for child in node.children:
                    exponent = add_exponents(exponent, tape.exponent[child])
                if node.axes is None:
                    message, partial, inner = self.product.combine(messages)
                    exponent = add_exponents(exponent, inner)
                else:
                    core = cores[self.tree.core_of[index]]
                    message, partial = apply_core(core, messages, node.out_first, self.product)
                    if self._checked[index]:
                        message, shift = rescale(message)
                exponent = add_exponents(exponent, shift)
            tape.messages.append(message)
            tape.partial.append(partial)
            tape.shift.append(shift)
            tape.exponent.append(exponent)
        return _saturate(tape.messages[-1], tape.exponent[-1]), tape

    def backward(
        self,
        cores: Sequence[FloatArray],
        tape: Tape,
        score_gradient: FloatArray,
        wants_features: bool,
    ) -> tuple[list[FloatArray], list[FloatArray] | None]:
        """Derivatives of a loss, given its derivative with respect to the scores.

        Parameters
        ----------
        cores : sequence of ndarray
            The cores, as for `forward`.
        tape : Tape
            What `forward` returned.
        score_gradient : ndarray of shape (n_batch, n, n_outputs)
            Derivative of the loss by the scores.
        wants_features : bool
            Whether the derivative by the features is asked for.

        Returns
        -------
        core_gradients : list of ndarray
            Derivative by each core, in its shape.
        feature_gradients : list of ndarray of shape (n, m_k), or None
            Derivative by the features of each site, if asked for.
        """
        tree = self.tree
        cores = self.working_cores(cores)
        core_gradients: list[FloatArray] = [np.empty(0)] * len(cores)
        feature_gradients: list[FloatArray] = [np.empty(0)] * tree.n_sites
        pending: list[FloatArray | None] = [None] * len(tree.nodes)
        exponent = tape.exponent[-1]
        if exponent is not None:
            limit = SCORE_EXPONENT[score_gradient.dtype]
            inside = np.abs(exponent) <= limit
            score_gradient = np.ldexp(score_gradient * inside, np.where(inside, exponent, 0))
        pending[-1] = score_gradient
        for index in range(len(tree.nodes) - 1, -1, -1):
            node, gradient = tree.nodes[index], pending[index]
            pending[index] = None
            if gradient is None:
                continue
            if node.site is not None:
                feature_gradients[node.site] = (
                    gradient[0] if len(gradient) == 1 else gradient.sum(axis=0)
                )
                continue
            messages = [tape.messages[child] for child in node.children]
            shift = tape.shift[index]
            if node.axes is None:
                back = self.product.combine_adjoint(
                    messages, tape.partial[index], tape.messages[index], gradient
                )
            else:
                if shift is not None:
                    gradient = np.ldexp(gradient, -shift)
                wanted = [
                    wants_features or tree.nodes[child].site is None for child in node.children
                ]
                position = tree.core_of[index]
                core_gradient, back = apply_core_adjoint(
                    cores[position],
                    messages,
                    tape.partial[index],
                    gradient,
                    wanted,
                    node.out_first,
                    self.product,
                )
                core_gradients[position] = core_gradient.reshape(self.core_shapes[position])
            for child, part in zip(node.children, back, strict=True):
                pending[child] = part
        return core_gradients, feature_gradients if wants_features else None


def _saturate(message: FloatArray, exponent: IntArray | None) -> FloatArray:
    limit = SCORE_EXPONENT[message.dtype]
    if exponent is None:
        return np.clip(message, -(2.0**limit), 2.0**limit)
    mantissa, own = np.frexp(message)
    return np.ldexp(mantissa, np.clip(own + exponent, -limit, limit))
