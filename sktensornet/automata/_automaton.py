"""Automata as networks, and networks as automata."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .._arrays._typing import FloatArray
from .._support._checks import check_integer
from ..networks import TensorNetwork, recurrent_train
from ..networks._cores import message_core, network_of
from ..networks._reading import is_recurrent

_ROUNDING = 1e-9
"""Cores at the ends are those of equal ones if they differ by less than this share."""


class Automaton(NamedTuple):
    r"""A linear automaton.

    .. math:: f(x_1 \dots x_T) = \alpha^T A_{x_1} \cdots A_{x_T} \, B

    Parameters
    ----------
    initial : ndarray of shape (r,)
        The weights alpha of the states at the start.
    transitions : ndarray of shape (K, r, r)
        For each symbol a, A_a[i, j] weighs the step from state i to j.
    final : ndarray of shape (r, n_outputs)
        The outputs B of the states.

    Examples
    --------
    >>> from sktensornet.automata import Automaton
    >>> import numpy as np
    >>> parity = Automaton(
    ...     np.array([1, 0]), np.array([np.eye(2), [[0, 1], [1, 0]]]), np.array([[0], [1]])
    ... )
    >>> parity([1, 0, 1, 1])
    array([1.])
    """

    initial: FloatArray
    transitions: FloatArray
    final: FloatArray

    def __call__(self, word: Iterable[int]) -> FloatArray:
        """The outputs of a sequence of symbols.

        Parameters
        ----------
        word : iterable of int
            The symbols.

        Returns
        -------
        ndarray of shape (n_outputs,)
            The outputs.
        """
        state = self.initial
        for symbol in word:
            state = state @ self.transitions[symbol]
        return state @ self.final

    @property
    def n_states(self) -> int:
        """The number r of states."""
        return len(self.initial)


def check_automaton(initial: ArrayLike, transitions: ArrayLike, final: ArrayLike) -> Automaton:
    """Matrices that fit together, or an error."""
    alpha, A, B = np.asarray(initial), np.asarray(transitions), np.asarray(final)
    B = B[:, None] if B.ndim == 1 else B
    r = len(alpha) if alpha.ndim == 1 else -1
    if r < 0 or A.ndim != 3 or A.shape[1:] != (r, r) or not len(A) or B.shape[:1] != (r,):
        raise ValueError(
            f"initial, transitions and final have the shapes {alpha.shape}, {A.shape} and "
            f"{np.shape(final)}; they must be (r,), (n_symbols, r, r) and (r,) or (r, n_outputs)."
        )
    if B.ndim != 2 or not B.shape[1]:
        raise ValueError(f"final has the shape {B.shape}; it must be (r,) or (r, n_outputs).")
    for name, one in zip(Automaton._fields, (alpha, A, B), strict=True):
        if one.dtype.kind not in "biuf" or not np.isfinite(one).all():
            raise ValueError(f"{name} must hold finite numbers.")
    return Automaton(alpha, A, B)


def from_automaton(
    initial: ArrayLike, transitions: ArrayLike, final: ArrayLike, n_sites: int = 3
) -> TensorNetwork:
    r"""The tensor train of equal cores that computes what a linear automaton does.

    .. math:: W^{x_1 \dots x_T}_c = \alpha^T A_{x_1} \cdots A_{x_T} \, B_c

    Parameters
    ----------
    initial : array-like of shape (r,)
        The weights of the states at the start.
    transitions : array-like of shape (n_symbols, r, r)
        A matrix for each symbol, from states to states.
    final : array-like of shape (r,) or (r, n_outputs)
        The outputs of the states.
    n_sites : int, default=3
        Steps of the network; ``with_n_sites`` gives other ones, and ``read`` takes one step
        after the other.

    Returns
    -------
    TensorNetwork
        Whose features are the indicators of the symbols.

    Raises
    ------
    ValueError
        If shapes do not match, or numbers are not finite.

    See Also
    --------
    to_automaton : The way back.

    References
    ----------
    Li, Precup, Rabusseau, "Connecting weighted automata, tensor networks and recurrent neural
    networks through spectral learning", Machine Learning 113 (2024).

    Examples
    --------
    >>> from sktensornet.automata import from_automaton
    >>> parity = from_automaton([1, 0], [[[1, 0], [0, 1]], [[0, 1], [1, 0]]], [0, 1])
    >>> parity.to_dense()[..., 0].ravel()
    array([0., 1., 1., 0., 1., 0., 0., 1.])
    """
    found = check_automaton(initial, transitions, final)
    if not found.n_states:
        raise ValueError("initial has no states; a network needs one at least, such as one of 0.")
    d = check_integer("n_sites", n_sites, 2)
    alpha, A, B = (one.astype(np.float64) for one in found)
    inner = A.swapaxes(0, 1)[None]
    cores = [inner] * d
    cores[0], cores[-1] = np.tensordot(alpha, inner[0], 1)[None], inner @ B
    return network_of(recurrent_train(d, shared=True), cores)


def to_automaton(network: TensorNetwork, features: ArrayLike | None = None) -> Automaton:
    r"""The linear automaton of a tensor train of equal cores.

    .. math:: A_a = \sum_i \phi_{a i} \, G_{:, i, :}

    Parameters
    ----------
    network : TensorNetwork
        A train of equal cores over at least three sites, such as ``network_`` of an estimator
        with ``shared_cores=True``.
    features : array-like of shape (n_symbols, m) or None, default=None
        The local features of each symbol, such as a fitted map's ``transform`` gives. None
        makes each feature a symbol.

    Returns
    -------
    Automaton
        Of r states where the first and last cores are those of equal ones with some ``initial``
        and ``final``. Otherwise, as after training by gradients, of ``1 + r + n_outputs``, which
        is right for two steps or more and 0 for fewer; `minimise` may make it smaller.

    Raises
    ------
    ValueError
        If the network is no such train, or has one tensor for each output.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.automata import from_automaton, to_automaton
    >>> network = from_automaton([1, 0], [[[1, 0], [0, 1]], [[0, 1], [1, 0]]], [0, 1])
    >>> to_automaton(network).transitions[1]
    array([[0., 1.],
           [1., 0.]])
    """
    if network.n_sites < 3 or not is_recurrent(network.tree) or network.batched:
        raise ValueError(
            f"network={network!r} must be a tensor train of equal cores (shared_cores=True) with "
            "product='multiply' over at least three sites, with one tensor for all outputs."
        )
    first, inner, last = (
        message_core(network, network.tree.order[k])[0] for k in (0, 1, network.n_sites - 1)
    )
    r, m, n_outputs = last.shape
    table = np.eye(m) if features is None else np.asarray(features, np.float64)
    if table.ndim != 2 or table.shape[1] != m:
        raise ValueError(f"features has the shape {table.shape}; it must be (n_symbols, {m}).")
    A = np.einsum("rmk,am->ark", inner, table)
    begins, ends = table @ first, np.einsum("rmc,am->arc", last, table)
    # alpha A_a = begins_a for all a, and A_a B = ends_a.
    alpha = np.linalg.lstsq(A.swapaxes(1, 2).reshape(-1, r), begins.ravel(), rcond=None)[0]
    B = np.linalg.lstsq(A.reshape(-1, r), ends.reshape(-1, n_outputs), rcond=None)[0]
    if _same(alpha @ A, begins) and _same(A @ B, ends):
        return Automaton(alpha, A, B)
    whole = np.zeros((len(A), 1 + r + n_outputs, 1 + r + n_outputs))
    whole[:, 0, 1 : 1 + r], whole[:, 1 : 1 + r, 1 : 1 + r] = begins, A
    whole[:, 1 : 1 + r, 1 + r :] = ends
    initial = np.eye(1, whole.shape[1])[0]
    return Automaton(initial, whole, np.eye(n_outputs, whole.shape[1], 1 + r).T)


def _same(a: FloatArray, b: FloatArray) -> bool:
    return bool(np.abs(a - b).max() <= _ROUNDING * max(np.abs(b).max(), 1e-300))
