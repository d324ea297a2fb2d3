"""The scores as a linear model in all cores at once: the kernel of the tangent space."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..._arrays._typing import FloatArray
from .._network import TensorNetwork
from ._bond_grams import bond_grams, contract_rows, messages_up, whitening

Parts = list[tuple[float, list[FloatArray]]]
"""Signs, and matrices (n_samples, ...) whose Gram matrices are multiplied entry by entry."""


class Tangents:
    r"""Tangent space of all weight tensors of given ranks, at one of them.

    .. math:: k(x, x') = \langle P \, f(x), f(x') \rangle, \qquad
              k = \sum_t \Big( \prod_{c \in t} g_c(x, x') - g_t(x, x') \Big) e_t(x, x')
              + k_\text{root}

    P projects the product f(x) of all features on the tensors that a small change
    of the cores adds to the weight tensor. For a core t, g_c are the inner products
    of what arrives at its legs and e_t those of what is beyond it, both in orthonormal bases;
    what the core itself gives, g_t, is left out since a change of it along
    itself is one of the core above. The sum of the parts is exact for trees; in a
    canonical polyadic sum, where the parts of two factors may overlap, it is about right.

    Ridge regression in this kernel is what a fit does to first order in the data:
    the covariance of its posterior is that of a Laplace approximation.

    Parameters
    ----------
    network : TensorNetwork
        Of one output, one tensor, multilinear, and without shared cores.

    References
    ----------
    Immer, Korzepa, Bauer, "Improving predictions of Bayesian neural nets via local
    linearization", AISTATS 2021; Holtz, Rohwedder, Schneider, "On manifolds of
    tensors of fixed TT-rank", Numer. Math. 120 (2012) 701-731.

    Examples
    --------
    For one core all features are in the tangent space:

    >>> import numpy as np
    >>> from sktensornet.networks import TensorNetwork, tensor_train
    >>> from sktensornet.networks._tensors._tangents import Tangents, kernel
    >>> tangents = Tangents(TensorNetwork(tensor_train(1), (np.ones((1, 2, 1, 1)),)))
    >>> parts = tangents.parts([np.array([[1.0, 0.0], [1.0, 2.0]])])
    >>> kernel(parts, parts)
    array([[1., 1.],
           [1., 5.]])
    """

    def __init__(self, network: TensorNetwork) -> None:
        tree = network.tree
        self._nodes, self._tree = tree.nodes, tree
        self._cores, inside, beyond = bond_grams(network)
        self._inside = [whitening(gram) for gram in inside]
        self._beyond = [whitening(gram) for gram in beyond]
        self._both = {
            child: whitening(inside[child] * beyond[child])
            for index, node in enumerate(tree.nodes)
            if index not in self._cores
            for child in node.children
        }

    def parts(self, features: Sequence[FloatArray]) -> Parts:
        """What `kernel` and `diagonal` take, of some samples.

        Parameters
        ----------
        features : sequence of ndarray of shape (n_samples, m_k)
            Local features of each site.

        Returns
        -------
        list of (float, list of ndarray)
            The parts.
        """
        nodes, cores = self._nodes, self._cores
        up = messages_up(self._tree, cores, features)
        down: list[FloatArray] = [np.ones((len(up[0]), 1))] * len(nodes)
        parts: Parts = []
        for index in range(len(nodes) - 1, -1, -1):
            children = nodes[index].children
            if not children:
                continue
            own = [up[child] for child in children]
            if index in cores:
                core = np.moveaxis(cores[index], -1, 0)
                wide = down[index] @ core.reshape(len(core), -1)
                legs: list[FloatArray] = [up[child] @ self._inside[child] for child in children]
                if index == len(nodes) - 1:
                    parts.append((1.0, legs))
                else:
                    out = down[index] @ self._beyond[index]
                    parts.append((1.0, [*legs, out]))
                    alone: list[FloatArray]
                    if index in self._both:
                        alone = [(up[index] * down[index]) @ self._both[index]]
                    else:
                        alone = [up[index] @ self._inside[index], out]
                    parts.append((-1.0, alone))
                for j, child in enumerate(children):
                    turned = wide.reshape(-1, *core.shape[1:])
                    others = [one for i, one in enumerate(own) if i != j]
                    turned = np.moveaxis(turned, 1 + j, -1)
                    shape = turned.shape[1:]
                    down[child] = contract_rows(turned.reshape(len(turned), -1), shape, others)
            else:
                for child in children:
                    others = [up[c] for c in children if c != child]
                    down[child] = np.prod([down[index], *others], axis=0)
        return parts


def kernel(a: Parts, b: Parts) -> FloatArray:
    """Inner products (n, n') of the samples of two lists of parts.

    Parameters
    ----------
    a, b : list of (float, list of ndarray)
        From `Tangents.parts`.

    Returns
    -------
    ndarray of shape (n, n')
        The kernel.
    """
    total = np.zeros((len(a[0][1][0]), len(b[0][1][0])))
    for (sign, left), (_, right) in zip(a, b, strict=True):
        product = left[0] @ right[0].T
        for one, other in zip(left[1:], right[1:], strict=True):
            product *= one @ other.T
        total += sign * product
    return total


def diagonal(parts: Parts) -> FloatArray:
    """Squared norms (n,) of samples: the diagonal of `kernel`.

    Parameters
    ----------
    parts : list of (float, list of ndarray)
        From `Tangents.parts`.

    Returns
    -------
    ndarray of shape (n,)
        The norms.
    """
    squares = [
        sign * np.prod([np.sum(one * one, axis=1) for one in own], axis=0) for sign, own in parts
    ]
    return np.sum(squares, axis=0)
