"""Gram matrices of a network by the order of interaction.

Index 0 of every site stands for the constant. The order of an entry of the
weight tensor is the number of its other indices, and everything quadratic in
the tensor is a polynomial whose degree counts the order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import accumulate

import numpy as np

from ..._arrays._typing import FloatArray
from .._cores import message_cores
from .._network import TensorNetwork


@dataclass(frozen=True)
class Graded:
    """A polynomial with matrices as coefficients, times a power of two.

    Parameters
    ----------
    terms : ndarray of shape (n_orders, batch, r, r)
        One Gram matrix per order; the last of the largest allowed number counts
        all orders from there on.
    exponent : int
    """

    terms: FloatArray
    exponent: int = 0


class GradedGrams:
    r"""Gram matrices below and above every node of a network, by order.

    .. math:: \sum_{i_1 \dots i_d} t^{\#\{k : i_k \ne 0\}} \,
              (W_c^{i_1 \dots i_d})^2 = \sum_j v_c^{(j)} t^j

    is a contraction of the network with itself in which the features of a site
    carry diag(1, t, ..., t); powers from t^(max_order + 1) on are summed up.
    Cost O(d max_order) for a chain; O(d max_order^2) for other trees.

    Parameters
    ----------
    network : TensorNetwork
        The network.
    max_order : int
        Orders that are kept apart: 0..max_order; the rest is one more.
    per_output : bool
        Whether the environments above are those of each output, with a batch
        axis of that length, or of the sum over all outputs.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.networks import GradedGrams, TensorNetwork, canonical_polyadic
    >>> ones = TensorNetwork(canonical_polyadic(2), (np.ones((2, 1)),) * 2 + (np.ones((1, 1)),))
    >>> grams = GradedGrams(ones, max_order=2, per_output=False)
    >>> grams.squared_norms()  # 1, x and y, xy, and none above
    array([[1., 2., 1., 0.]])
    >>> grams.site_norms(0)  # x; x and xy
    (array([1.]), array([2.]))
    """

    def __init__(self, network: TensorNetwork, max_order: int, per_output: bool) -> None:
        self.tree = network.tree
        self._n_terms = max_order + 2
        self._cores = message_cores(network)
        self._sizes = network.message_sizes
        self.below: list[Graded] = []
        for index in range(len(self.tree.nodes)):
            self.below.append(self._gram_below(index))
        size = self._sizes[-1]
        top = np.eye(size)[None, None]
        if per_output and not network.batched:
            top = (np.eye(size)[:, :, None] * np.eye(size)[:, None, :])[None]
        self.above: list[Graded] = [Graded(np.empty(0))] * len(self.tree.nodes)
        self.above[-1] = Graded(top)
        for index in range(len(self.tree.nodes) - 1, -1, -1):
            self._fill_above(index)

    def squared_norms(self) -> FloatArray:
        """Sum of squares of the entries of each order.

        Returns
        -------
        ndarray of shape (n_outputs, max_order + 2)
            The sums; the last is that of all orders above.
        """
        root = self.below[-1]
        values = np.diagonal(root.terms, axis1=-2, axis2=-1)
        by_output = values[..., 0] if values.shape[1] > 1 else values[:, 0]
        padded = np.zeros((by_output.shape[1], self._n_terms))
        padded[:, : len(by_output)] = by_output.T
        return _unscaled(padded, root.exponent)

    def site_norms(self, site: int) -> tuple[FloatArray, FloatArray]:
        """Sums of squares of entries with a site's index not 0.

        Parameters
        ----------
        site : int
            The site.

        Returns
        -------
        alone : ndarray of shape (n_outputs,)
            Of those where all other indices are 0.
        together : ndarray of shape (n_outputs,)
            Of all of them.
        """
        index = next(i for i, node in enumerate(self.tree.nodes) if node.site == site)
        above = self.above[index]
        values = np.diagonal(above.terms, axis1=-2, axis2=-1)[..., 1:].sum(axis=-1)
        alone, together = values[0], values.sum(axis=0)
        return _unscaled(alone, above.exponent), _unscaled(together, above.exponent)

    def _gram_below(self, index: int) -> Graded:
        node = self.tree.nodes[index]
        if node.site is not None:
            constant = np.zeros(self._sizes[index])
            constant[0] = 1.0
            return Graded(np.stack([np.diag(constant), np.diag(1.0 - constant)])[:, None])
        if node.axes is None:
            return self.product(node.children)
        children = [self.below[child] for child in node.children]
        exponent = sum(child.exponent for child in children)
        core = self._cores[self.tree.core_of[index]]
        product = core[None]
        for axis, child in enumerate(children, start=1):
            product = self._apply(product, child.terms, axis)
        legs = core.ndim - 1
        gram = _unfold(product, legs, legs - 1) @ _unfold(core, legs, legs - 1).mT
        return _scaled(gram, exponent)

    def _fill_above(self, index: int) -> None:
        node, above = self.tree.nodes[index], self.above[index]
        children = [self.below[child] for child in node.children]
        if node.is_product:
            before = list(accumulate(children[:-1], self.multiply, initial=above))
            after: list[Graded | None] = [None, *accumulate(children[:0:-1], self.multiply)]
            for child, prefix, suffix in zip(node.children, before, after[::-1], strict=True):
                self.above[child] = prefix if suffix is None else self.multiply(prefix, suffix)
        elif node.axes is not None:
            core = self._cores[self.tree.core_of[index]]
            half = self._apply(core[None], above.terms, core.ndim - 1)
            for place, child in enumerate(node.children):
                others, exponent = half, above.exponent
                for other, below in enumerate(children):
                    if other != place:
                        others = self._apply(others, below.terms, 1 + other)
                        exponent += below.exponent
                legs = core.ndim - 1
                gram = _unfold(others, legs, place) @ _unfold(core, legs, place).mT
                self.above[child] = _scaled(gram, exponent)

    def product(self, nodes: Sequence[int]) -> Graded:
        """Element-wise product of the Gram matrices below some nodes.

        Parameters
        ----------
        nodes : sequence of int
            The nodes.

        Returns
        -------
        Graded
            The product.
        """
        return reduce(self.multiply, (self.below[node] for node in nodes))

    def multiply(self, a: Graded, b: Graded) -> Graded:
        """Product of two polynomials with element-wise products of the matrices.

        Parameters
        ----------
        a, b : Graded
            The polynomials.

        Returns
        -------
        Graded
            The product.
        """
        terms = self._convolve(a.terms, b.terms, np.multiply)
        return _scaled(terms, a.exponent + b.exponent)

    def _apply(self, tensor: FloatArray, grams: FloatArray, axis: int) -> FloatArray:
        """Multiply axis `axis` of (n_orders, batch, ...) tensors, the batch being axis 0."""
        moved = np.moveaxis(tensor, axis + 1, -1)
        flat = moved.reshape(*moved.shape[:2], -1, moved.shape[-1])
        result = self._convolve(flat, grams, np.matmul)
        return np.moveaxis(result.reshape(*result.shape[:2], *moved.shape[2:]), -1, axis + 1)

    def _convolve(self, a: FloatArray, b: FloatArray, multiply: Callable) -> FloatArray:
        total: list[FloatArray | None] = [None] * min(len(a) + len(b) - 1, self._n_terms)
        for j, second in enumerate(b):
            for i, part in enumerate(multiply(a, second)):
                place = min(i + j, self._n_terms - 1)
                known = total[place]
                total[place] = part if known is None else known + part
        return np.stack([part for part in total if part is not None])


def _unfold(tensor: FloatArray, n_legs: int, leg: int) -> FloatArray:
    """Matricizations of the last `n_legs` axes, with rows along one of them."""
    moved = np.moveaxis(tensor, leg - n_legs, -n_legs)
    return moved.reshape(*moved.shape[:-n_legs], moved.shape[-n_legs], -1)


def _scaled(terms: FloatArray, exponent: int) -> Graded:
    """Bring the largest entry near one by a power of two."""
    shift = int(np.frexp(np.abs(terms).max(initial=0.0))[1])
    return Graded(np.ldexp(terms, -shift), exponent + shift)


def _unscaled(values: FloatArray, exponent: int) -> FloatArray:
    with np.errstate(over="ignore", under="ignore"):
        return np.ldexp(values, exponent)
