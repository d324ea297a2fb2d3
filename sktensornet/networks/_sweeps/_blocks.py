"""Blocks of a sweep: what the scores are as a linear function of one core."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np

from ..._arrays._typing import FloatArray
from .._messages import contract_core, khatri_rao, leading, product_over_samples

_KEPT_BYTES = 100_000_000
"""A design up to this is kept for all products with a block; a bound of memory, not tuned."""


class Block(ABC):
    r"""Scores that are linear in one array, all else being fixed.

    .. math:: s_{nc}(T) = \sum_p A_{nc,p} T_p, \qquad R(T) = \langle T, H T \rangle

    Parameters
    ----------
    value : ndarray of float64, shape (b, i_1, ..., i_k, c)
        The array. A solver assigns the new one.

    Examples
    --------
    The one core of a train over one site: scores are linear in it, and so a
    least squares fit is one linear system.

    >>> import numpy as np
    >>> from sktensornet._arrays._parallel import ChunkPool
    >>> from sktensornet.networks import TensorNetwork, tensor_train
    >>> from sktensornet.networks._sweeps._sweep import SweepOptions
    >>> from sktensornet.networks._sweeps._tree_sweep import TreeSweep
    >>> network = TensorNetwork(tensor_train(1), (np.ones((1, 2, 1, 1)),))
    >>> features = [np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]])]
    >>> with ChunkPool(1) as pool:
    ...     sweep = TreeSweep(network, features, np.ones(3), pool, SweepOptions(rank=1))
    ...     block = next(sweep.begin())
    ...     scores = block.scores(block.value, slice(None))
    >>> block.n_systems, block.n_unknowns, scores[:, 0]
    (1, 2, array([1., 2., 3.]))
    >>> normal = block.normal(np.ones(3), slice(None), False)[0]
    >>> target = block.adjoint(np.array([[1.0], [3.0], [5.0]]), slice(None))
    >>> np.linalg.solve(normal, target.ravel()).round(6)
    array([1., 2.])
    """

    value: FloatArray

    def __init__(self, value: FloatArray) -> None:
        self.value = value

    @property
    def n_systems(self) -> int:
        """Number of systems of normal equations."""
        return self.value.shape[0]

    @property
    def n_unknowns(self) -> int:
        """Size of each of these systems."""
        return math.prod(self.value.shape[1:-1])

    @property
    def n_intermediates(self) -> int:
        """Numbers for each sample between the messages and the scores."""
        return self.n_systems * self.n_unknowns

    @property
    def has_plain_penalty(self) -> bool:
        """Whether H is a multiple of the identity."""
        return False

    @property
    def shares_system(self) -> bool:
        """Whether there is a class leg whose entries share one system."""
        return self.value.shape[-1] > 1

    @abstractmethod
    def scores(self, value: FloatArray, rows: slice) -> FloatArray:
        """Scores of some samples.

        Parameters
        ----------
        value : ndarray
            An array in the place of ``value``.
        rows : slice
            The samples.

        Returns
        -------
        ndarray of float64, shape (n_rows, n_outputs)
            The scores.
        """

    @abstractmethod
    def adjoint(self, gradient: FloatArray, rows: slice) -> FloatArray:
        """Derivative by the value, given that by the scores of some samples.

        Parameters
        ----------
        gradient : ndarray of shape (n_rows, n_outputs)
            Derivative of a number by the scores.
        rows : slice
            The samples.

        Returns
        -------
        ndarray of float64
            Its derivative, in the shape of ``value``.
        """

    @abstractmethod
    def normal(self, weight: FloatArray, rows: slice, shift_free: bool) -> FloatArray:
        r"""Contribution of some samples to the normal matrices.

        .. math:: N = \sum_n w_n \sum_c (\Pi A_n)_c^\top (\Pi A_n)_c

        Parameters
        ----------
        weight : ndarray of shape (n_samples,)
            Weights of all samples.
        rows : slice
            The samples.
        shift_free : bool
            Whether Pi takes the mean over the classes out; else it does nothing.

        Returns
        -------
        ndarray of float64, shape (n_systems, p, p)
            Their contribution to N, with p the number of unknowns.
        """

    @abstractmethod
    def grams(self, weight: FloatArray, rows: slice, shift_free: bool) -> list[FloatArray]:
        """Contributions to Gram matrices whose Kronecker product is about N.

        Parameters
        ----------
        weight : ndarray of shape (n_samples,)
            Weights of all samples.
        rows : slice
            The samples.
        shift_free : bool
            As for `normal`.

        Returns
        -------
        list of ndarray of float64, shape (n_systems or 1, i_j, i_j)
            One for each leg of the value.
        """

    def inverse(
        self, weight: FloatArray, alpha: float, shift_free: bool
    ) -> Callable[[FloatArray], FloatArray] | None:
        r"""Solve systems with N + alpha H, where that is cheaper than to form them.

        Parameters
        ----------
        weight : ndarray of shape (n_samples,)
            Weights of all samples, times a bound of the curvature of the loss.
        alpha : float
        shift_free : bool
            As for `normal`.

        Returns
        -------
        callable or None
            From a right side in the shape of ``value`` to the solution.
        """
        return None

    @abstractmethod
    def penalty(self, value: FloatArray) -> FloatArray:
        """H applied to a value.

        Parameters
        ----------
        value : ndarray
            An array in the place of ``value``.

        Returns
        -------
        ndarray
            H T, in the same shape.
        """

    @abstractmethod
    def penalty_matrix(self) -> FloatArray:
        """H on the last leg of the value, which is that of the last of `grams`.

        Returns
        -------
        ndarray of float64, shape (n_systems or 1, i_k, i_k)
            The matrix.
        """


class CoreBlock(Block):
    """One core of a tree, or two neighbours merged, in canonical gauge.

    Parameters
    ----------
    value : ndarray of shape (b, i_1, ..., i_k, c)
        ``b`` is the number of tensors; with a class leg, c is its length.
    messages : list of ndarray of shape (1 or n_batch, i_j, n_samples)
        What arrives at each leg. With ``b = 1`` and a longer leading axis here,
        the class leg is elsewhere and its index is that axis.
    ridge : ndarray of shape (1 or b,) or (1 or b, i_k, i_k), or float
        H, a multiple of the identity or a matrix on the last leg.
    """

    def __init__(self, value, messages: list[FloatArray], ridge) -> None:
        super().__init__(value)
        self.messages = messages
        self.ridge = ridge
        self._is_plain = np.ndim(ridge) == 0
        n_batch = max(len(value), *map(len, messages))
        lengths = [message.shape[1] for message in messages]
        width = math.prod(lengths[:2])
        self._n_intermediates = n_batch * (width + math.prod(lengths[2:]) * value.shape[-1])
        size = n_batch * width * messages[0].shape[2] * messages[0].itemsize
        self._designs: dict[tuple, tuple[FloatArray, list[FloatArray]]] | None = (
            {} if size < _KEPT_BYTES else None
        )

    @property
    def n_intermediates(self) -> int:
        return self._n_intermediates

    def _at(self, rows: slice) -> list[FloatArray]:
        return [message[..., rows] for message in self.messages]

    def _design(self, rows: slice) -> tuple[FloatArray, list[FloatArray]]:
        """What arrives at the first two legs together, kept if it is small, and the rest."""
        key = rows.start, rows.stop
        if self._designs is not None and key in self._designs:
            return self._designs[key]
        messages = self._at(rows)
        found = leading(messages), messages[2:]
        if self._designs is not None:
            self._designs[key] = found
        return found

    def scores(self, value, rows):
        design, others = self._design(rows)
        raw = contract_core(value.astype(design.dtype, copy=False), design, others)
        return as_scores(raw)

    def adjoint(self, gradient, rows):
        design, others = self._design(rows)
        n_batch = max(len(self.value), *(len(message) for message in self.messages))
        g = as_message(gradient.astype(design.dtype, copy=False), n_batch)
        for message in reversed(others):
            g = khatri_rao(message, g)
        result = product_over_samples(design, g).astype(np.float64, copy=False)
        if len(result) > len(self.value):
            result = result.sum(axis=0, keepdims=True)
        return result.reshape(self.value.shape)

    def normal(self, weight, rows, shift_free):
        design = leading(self._at(rows))
        design = design * np.sqrt(weight[rows]).astype(design.dtype)
        for message in self._at(rows)[2:]:
            design = khatri_rao(design, message)
        summed = len(design) > len(self.value)
        if summed and shift_free:
            design = design - design.mean(axis=0)
        normal = np.matmul(design, design.mT).astype(np.float64, copy=False)
        return normal.sum(axis=0, keepdims=True) if summed else normal

    def grams(self, weight, rows, shift_free):
        grams = []
        for message in self._at(rows):
            weighted = message * weight[rows].astype(message.dtype)
            gram = np.matmul(weighted, message.mT).astype(np.float64, copy=False)
            if len(gram) > len(self.value):
                gram = gram.mean(axis=0, keepdims=True)
            grams.append(gram)
        return grams

    @property
    def has_plain_penalty(self) -> bool:
        return self._is_plain

    def penalty(self, value):
        if self._is_plain:
            return self.ridge * value
        flat = value.reshape(len(value), -1, self.ridge.shape[-1], value.shape[-1])
        return np.matmul(self.ridge[:, None], flat).reshape(value.shape)

    def penalty_matrix(self):
        if self._is_plain:
            return self.ridge * np.eye(self.value.shape[-2])[None]
        return self.ridge


class FactorBlock(Block):
    r"""One factor of a canonical polyadic sum.

    .. math:: s_{nc}(V) = \sum_a \Big( \sum_i f_{ni} V_{ia} \Big) z_{na} \lambda_{ac}

    Parameters
    ----------
    value : ndarray of shape (b, m, r, 1)
        The factor V.
    features : ndarray of shape (1, m, n_samples)
    others : ndarray of shape (b, r, n_samples)
        Product z of the readings of all other sites.
    readout : ndarray of shape (b, r, c)
    ridge : ndarray of shape (b, r, r)
        Hadamard product of the Gram matrices of all other factors and of the
        readout.
    """

    def __init__(self, value, features, others, readout, ridge) -> None:
        super().__init__(value)
        self.features = features
        self.others = others
        self.readout = readout
        self.ridge = ridge

    def scores(self, value, rows):
        dtype = self.others.dtype
        hidden = value[..., 0].astype(dtype).mT @ self.features[..., rows]
        raw = self.readout.astype(dtype).mT @ (hidden * self.others[..., rows])
        return as_scores(raw)

    def adjoint(self, gradient, rows):
        dtype = self.others.dtype
        g = as_message(gradient.astype(dtype), len(self.value))
        hidden = (self.readout.astype(dtype) @ g) * self.others[..., rows]
        result = np.matmul(self.features[..., rows], hidden.mT)
        return result[..., None].astype(np.float64)

    def normal(self, weight, rows, shift_free):
        root = np.sqrt(weight[rows]).astype(self.others.dtype)
        design = khatri_rao(self.features[..., rows] * root, self.others[..., rows])
        gram = np.matmul(design, design.mT).astype(np.float64)
        m, r = self.value.shape[1:3]
        gram = gram.reshape(-1, m, r, m, r) * self._coupling(shift_free)[:, None, :, None, :]
        return gram.reshape(-1, m * r, m * r)

    def grams(self, weight, rows, shift_free):
        features, others = self.features[..., rows], self.others[..., rows]
        w = weight[rows].astype(others.dtype)
        by_feature = np.matmul(features * w, features.mT).astype(np.float64)
        by_rank = np.matmul(others * w, others.mT).astype(np.float64)
        return [by_feature, by_rank * self._coupling(shift_free)]

    def _coupling(self, shift_free: bool) -> FloatArray:
        readout = self.readout
        if shift_free and readout.shape[-1] > 1:
            readout = readout - readout.mean(axis=-1, keepdims=True)
        return np.matmul(readout, readout.mT)

    def penalty(self, value):
        return np.matmul(value[..., 0], self.ridge)[..., None]

    def penalty_matrix(self):
        return self.ridge


def as_scores(message: FloatArray) -> FloatArray:
    """The scores (n, n_outputs) of the message (b, c, n) that leaves the network."""
    scores = message[0] if len(message) == 1 else message[:, 0]
    return scores.T.astype(np.float64, copy=False)


def as_message(gradient: FloatArray, n_batch: int) -> FloatArray:
    """A derivative by the scores (n, n_outputs) as one by that message (b, c, n)."""
    return gradient.T[None] if n_batch == 1 else gradient.T[:, None]
