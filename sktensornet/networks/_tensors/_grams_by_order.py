"""Gram matrices of a network by the order of interaction.

Index 0 of every site stands for the constant. The order of an entry of the
weight tensor is the number of its other indices, and everything quadratic in
the tensor is a polynomial whose degree counts the order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from ..._arrays._multilinear import mode_gram, mode_product
from ..._arrays._typing import FloatArray
from .._cores import message_cores
from .._network import TensorNetwork
from ._upward_downward import downward, upward


@dataclass(frozen=True, eq=False, repr=False)
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
    >>> from sktensornet.networks import TensorNetwork, canonical_polyadic
    >>> from sktensornet.networks._tensors._grams_by_order import GradedGrams
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
        self.below = upward(self.tree, self._site, self._gram, self.multiply)
        size = self._sizes[-1]
        top = np.eye(size)[None, None]
        if per_output and not network.batched:
            top = (np.eye(size)[:, :, None] * np.eye(size)[:, None, :])[None]
        self.above = downward(self.tree, self.below, Graded(top), self._environments, self.multiply)

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

    def _site(self, index: int) -> Graded:
        constant = np.zeros(self._sizes[index])
        constant[0] = 1.0
        return Graded(np.stack([np.diag(constant), np.diag(1.0 - constant)])[:, None])

    def _gram(self, index: int, below: list[Graded]) -> Graded:
        core = self._cores[self.tree.core_of[index]]
        product = Graded(core[None])
        for axis, below_leg in enumerate(below, start=2):
            product = self._raised(product, below_leg, axis)
        gram = mode_gram(product.terms, core[None], -1, n_batch=2)
        return _scaled(gram, product.exponent)

    def _environments(self, index: int, above: Graded, below: list[Graded]) -> Iterator[Graded]:
        core = self._cores[self.tree.core_of[index]][None]
        half = self._raised(Graded(core), above, -1)
        axes = range(2, core.ndim - 1)
        for own in axes:
            others = half
            for axis, gram in zip(axes, below, strict=True):
                if axis != own:
                    others = self._raised(others, gram, axis)
            yield _scaled(mode_gram(others.terms, core, own, n_batch=2), others.exponent)

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

    def _raised(self, tensor: Graded, gram: Graded, axis: int) -> Graded:
        """Multiply one axis of tensors (n_orders, batch, legs...)."""

        def multiply(terms: FloatArray, matrices: FloatArray) -> FloatArray:
            return mode_product(terms, matrices.mT, axis, n_batch=2)

        terms = self._convolve(tensor.terms, gram.terms, multiply)
        return Graded(terms, tensor.exponent + gram.exponent)

    def _convolve(self, a: FloatArray, b: FloatArray, multiply: Callable) -> FloatArray:
        total: list[FloatArray | None] = [None] * min(len(a) + len(b) - 1, self._n_terms)
        for j, second in enumerate(b):
            for i, part in enumerate(multiply(a, second)):
                place = min(i + j, self._n_terms - 1)
                known = total[place]
                total[place] = part if known is None else known + part
        return np.stack([part for part in total if part is not None])


def _scaled(terms: FloatArray, exponent: int) -> Graded:
    """Bring the largest entry near one by a power of two."""
    shift = int(np.frexp(np.abs(terms).max(initial=0.0))[1])
    return Graded(np.ldexp(terms, -shift), exponent + shift)


def _unscaled(values: FloatArray, exponent: int) -> FloatArray:
    with np.errstate(over="ignore", under="ignore"):
        return np.ldexp(values, exponent)
