"""Matricizations of networks and their ranks, in floating point or exactly."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable

import numpy as np

from .._arrays._typing import FloatArray, IntArray
from .._support._checks import check_boolean, check_real
from ..networks import TensorNetwork
from ..networks._cores import message_core
from ..networks._tensors._min_cut import check_rows
from ._modular import check_prime, pivot_rows, product, residues

LARGEST = 50_000_000
"""The largest number of entries of an array on the way."""

_WHAT = "a matricization of the weight tensor"


def matricization_singular_values(
    network: TensorNetwork, rows: Iterable[int], class_in_rows: bool = False
) -> FloatArray:
    r"""Singular values of the weight tensor as a matrix of some sites against the others.

    .. math:: \sigma\big(W^{(S, \bar S)}\big), \qquad
              W^{(S, \bar S)} \in R^{\prod_{k \in S} m_k \times \prod_{k \notin S} m_k}

    The tensor is not formed: from the leaves to the root, what one side of the
    split spans in a part of the network is replaced by the triangle of its QR
    decomposition as soon as that is smaller. A split at a bond of a chain or a
    tree costs as much as its canonical gauge; the odd against the even sites
    cost as much as the matrix, where the network allows its full rank.

    Parameters
    ----------
    network : TensorNetwork
        The network.
    rows : iterable of int
        The sites S of the rows; all others are columns.
    class_in_rows : bool, default=False
        Whether the class leg is on the side of S.

    Returns
    -------
    ndarray of shape (k,) or (n_outputs, k)
        The largest first; those left out are zero. For a batched network, those
        of each of its tensors.

    Raises
    ------
    ValueError
        If `rows` has an entry that is no site, or one twice, or an array of more
        than 50,000,000 entries would be needed.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.expressivity import matricization_singular_values, random_network
    >>> from sktensornet.networks import tensor_train
    >>> network = random_network(tensor_train(100), 2, rank=3, random_state=0)
    >>> values = matricization_singular_values(network, range(50))
    >>> values.shape
    (3,)
    """
    network.tree.require_multilinear(_WHAT)
    matrices = _matrices(network, rows, class_in_rows, _Real())
    values = np.linalg.svd(matrices, compute_uv=False)
    return values if network.batched else values[0]


def matricization_rank(
    network: TensorNetwork,
    rows: Iterable[int],
    class_in_rows: bool = False,
    *,
    tol: float = 1e-10,
    prime: int | None = None,
) -> int | IntArray:
    r"""Rank of the weight tensor as a matrix of some sites against the others.

    .. math:: \operatorname{rank} W^{(S, \bar S)} \le
              \operatorname{rank}_{CP} W, \qquad
              \operatorname{rank} W^{(S, \bar S)} \le \text{min-cut}(S, \bar S)

    Parameters
    ----------
    network : TensorNetwork
        The network.
    rows : iterable of int
        The sites S of the rows, such as ``range(0, d, 2)``; all others are
        columns.
    class_in_rows : bool, default=False
        Whether the class leg is on the side of S.
    tol : float, default=1e-10
        The rank is the number of singular values of more than `tol` times the
        largest. Not used with `prime`.
    prime : int or None, default=None
        Work modulo this prime, at most `LARGEST_PRIME`: exactly, without a
        threshold. Cores may hold whole numbers, as those of
        ``random_network(..., prime=p)`` do, or floating-point ones, which are
        whole numbers over powers of two. The rank modulo a prime is at most that over the rational
        numbers, so it is a certificate of a lower bound for these cores, and,
        as rank can only fall on a set of measure zero, for almost all others.

    Returns
    -------
    int or ndarray of int, shape (n_outputs,)
        For a batched network, that of each of its tensors.

    Raises
    ------
    ValueError
        As `matricization_singular_values`; or if `prime` is no prime, or a core
        has no residue modulo it.

    References
    ----------
    Khrulkov, Novikov, Oseledets, "Expressive power of recurrent neural
    networks", ICLR 2018, lemma 1 and theorem 1.

    Examples
    --------
    >>> from sktensornet.expressivity import matricization_rank, random_network
    >>> from sktensornet.networks import tensor_train
    >>> network = random_network(tensor_train(6), 4, rank=3, prime=1_000_003, random_state=0)
    >>> matricization_rank(network, [0, 1, 2]), matricization_rank(network, [0, 2, 4])
    (3, 48)
    >>> matricization_rank(network, [0, 2, 4], prime=1_000_003)
    48
    """
    threshold = check_real("tol", tol, 0, 1, low_allowed=True)
    if prime is None:
        values = matricization_singular_values(network, rows, class_in_rows)
        ranks = np.sum(values > threshold * values[..., :1], axis=-1)
        return ranks if network.batched else int(ranks)
    network.tree.require_multilinear(_WHAT)
    p = check_prime(prime)
    chosen = tuple(rows)
    found = []
    for part in range(network.n_outputs if network.batched else 1):
        matrix = _matrices(network, chosen, class_in_rows, _Modular(p, part))[0]
        found.append(len(pivot_rows(matrix.copy(), p)))
    return np.array(found) if network.batched else found[0]


class _Algebra(ABC):
    """Sums of products, and fewer rows that span the same."""

    @abstractmethod
    def take(self, core: FloatArray) -> FloatArray:
        """The cores (b, ...) to work with."""

    @abstractmethod
    def multiply(self, a: FloatArray, b: FloatArray) -> FloatArray:
        """Products of matrices."""

    @abstractmethod
    def scale(self, a: FloatArray, b: FloatArray) -> FloatArray:
        """Element-wise products."""

    @abstractmethod
    def shrink(self, matrix: FloatArray) -> FloatArray:
        """A matrix of fewer rows for one with more rows than columns."""


class _Real(_Algebra):
    """Floating point; singular values stay."""

    def take(self, core):
        return core

    def multiply(self, a, b):
        return a @ b

    def scale(self, a, b):
        return a * b

    def shrink(self, matrix):
        return np.linalg.qr(matrix, mode="r")


class _Modular(_Algebra):
    """One tensor of the batch, modulo a prime; the rank stays."""

    def __init__(self, p: int, part: int) -> None:
        self.p, self.part = p, part

    def take(self, core):
        return residues(core[[self.part]], self.p)

    def multiply(self, a, b):
        return product(a, b, self.p)

    def scale(self, a, b):
        return np.remainder(a * b, self.p)

    def shrink(self, matrix):
        return matrix[:, pivot_rows(matrix[0].copy(), self.p)]


def _matrices(
    network: TensorNetwork, rows: Iterable[int], class_in_rows: bool, algebra: _Algebra
) -> FloatArray:
    """Matrices of the rank of the matricization, one for each tensor."""
    inside = set(check_rows(rows, network.n_sites))
    below = check_boolean("class_in_rows", class_in_rows)
    tree = network.tree
    # A message is an array (batch, rows, columns, bond).
    messages: list[FloatArray] = []
    for index, node in enumerate(tree.nodes):
        if node.site is not None:
            eye = np.eye(network.message_sizes[index])
            messages.append(eye[None, :, None] if node.site in inside else eye[None, None])
            continue
        parts = [messages[child] for child in node.children]
        if node.is_product:
            message = parts[0]
            for part in parts[1:]:
                message = _smaller(_merge(message, part, algebra), algebra)
        else:
            core = algebra.take(message_core(network, index))
            message = _apply(core, parts, algebra)
        messages.append(message if index == tree.root else _smaller(message, algebra))
    n_batch, n_rows, n_columns, n_classes = messages[-1].shape
    if below:
        return messages[-1].swapaxes(2, 3).reshape(n_batch, n_rows * n_classes, n_columns)
    return messages[-1].reshape(n_batch, n_rows, n_columns * n_classes)


def _apply(core: FloatArray, messages: list[FloatArray], algebra: _Algebra) -> FloatArray:
    """The message of a core (b, children..., out)."""
    total = core[:, None, None]
    for message in messages:
        n_rows, n_columns, bond = message.shape[1:]
        n_batch, old_rows, old_columns = total.shape[:3]
        rest = total.shape[4:]
        _check(math.prod(total.shape) // bond * n_rows * n_columns)
        left = np.moveaxis(total, 3, -1).reshape(n_batch, -1, bond)
        right = message.reshape(len(message), -1, bond).mT
        new = algebra.multiply(left, right)
        n_batch = len(new)
        new = new.reshape(n_batch, old_rows, old_columns, -1, n_rows, n_columns)
        new = new.transpose(0, 1, 4, 2, 5, 3)
        total = new.reshape(n_batch, old_rows * n_rows, old_columns * n_columns, *rest)
    return total


def _merge(a: FloatArray, b: FloatArray, algebra: _Algebra) -> FloatArray:
    """The element-wise product of two messages over their bond."""
    _check(math.prod(a.shape) * math.prod(b.shape[1:3]))
    merged = algebra.scale(a[:, :, None, :, None], b[:, None, :, None])
    shape = merged.shape
    return merged.reshape(shape[0], shape[1] * shape[2], shape[3] * shape[4], shape[5])


def _smaller(message: FloatArray, algebra: _Algebra) -> FloatArray:
    """A message of fewer rows or columns that spans the same."""
    for axis in (1, 2):
        moved = np.moveaxis(message, axis, 1)
        n_batch, size, *rest = moved.shape
        if size > math.prod(rest):
            fewer = algebra.shrink(moved.reshape(n_batch, size, -1))
            message = np.moveaxis(fewer.reshape(n_batch, -1, *rest), 1, axis)
    return message


def _check(size: int) -> None:
    if size > LARGEST:
        raise ValueError(
            f"the matricization needs an array of {size:,} entries, more than {LARGEST:,}; rows "
            "must alternate with columns less often along the network, or its ranks or mode sizes "
            "be smaller."
        )
