"""Fewer terms in a canonical polyadic sum."""

from __future__ import annotations

import numpy as np

from ..._arrays._typing import FloatArray
from .._cores import message_cores, network_of
from .._network import TensorNetwork

_ROUNDING = 1e-7
"""Errors are roots of differences, so smaller shares of the norm than this are rounding."""
_INDEPENDENT = 1e-13
"""A term whose squared residual is a smaller share of the largest depends on those chosen."""


def keep_terms(
    network: TensorNetwork,
    rank: int | None,
    rank_tol: float,
    gram: FloatArray | None = None,
) -> TensorNetwork:
    r"""Keep the terms that matter most, one after the other, and refit the readout.

    .. math:: \min_{\hat\lambda} \Big\| \sum_a \lambda_a \, t_a
              - \sum_{a \in S} \hat\lambda_a \, t_a \Big\|, \qquad t_a = \bigotimes_k v_k^a

    Parameters
    ----------
    network : TensorNetwork
        A canonical polyadic sum.
    rank : int or None
        Cap of the number of terms.
    rank_tol : float
        Terms are left out as long as the error stays within this share of the
        norm.
    gram : ndarray of shape (b, r, r) or None
        Inner products of the terms t_a, which say what the norm is; None is the
        norm of the weight tensor.

    Returns
    -------
    TensorNetwork
        The smaller sum.

    References
    ----------
    Tropp, Gilbert, Strauss, "Algorithms for simultaneous sparse approximation",
    Signal Processing 86 (2006), orthogonal matching pursuit.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.networks import TensorNetwork, canonical_polyadic
    >>> from sktensornet.networks._tensors._fewer_terms import keep_terms
    >>> factor, readout = np.eye(2), np.array([[1.0], [1e-9]])
    >>> network = TensorNetwork(canonical_polyadic(2), (factor, factor, readout))
    >>> keep_terms(network, rank=None, rank_tol=1e-6).ranks
    (1,)
    """
    network.tree.require_multilinear("the algebra of weight tensors")
    *factors, readout = message_cores(network)
    if gram is None:
        gram = np.multiply.reduce([np.matmul(v.mT, v) for v in factors])
    cap = readout.shape[1] if rank is None else min(rank, readout.shape[1])
    paths = [_pursue(g, own, cap) for g, own in zip(gram, readout)]
    needed = [int(np.sum(errors > max(rank_tol, _ROUNDING) * errors[0])) for _, errors in paths]
    size = max(1, min(cap, max(needed)))
    kept = [np.sort(order[:size]) for order, _ in paths]
    refitted = [
        np.linalg.lstsq(g[np.ix_(which, which)], g[which] @ own)[0]
        for g, own, which in zip(gram, readout, kept)
    ]
    chosen = [np.stack([v[:, which] for v, which in zip(factor, kept)]) for factor in factors]
    cores = [*chosen, np.stack(refitted)]
    return network_of(network.tree.free(), cores, network.batched, network.dtype)


def _pursue(gram: FloatArray, readout: FloatArray, cap: int) -> tuple[FloatArray, FloatArray]:
    """Terms in the order of their use, and the error before each of them.

    The residual Gram matrix is that of the terms with the chosen ones projected
    out, as in a pivoted Cholesky factorisation.
    """
    residual = gram.copy()
    correlation = gram @ readout
    remaining = max(float(np.vdot(readout, correlation)), 0.0)
    floor = _INDEPENDENT * np.diagonal(gram).max(initial=np.finfo(np.float64).tiny)
    order: list[int] = []
    errors: list[float] = []
    for _ in range(cap):
        errors.append(np.sqrt(max(remaining, 0.0)))
        norms = np.diagonal(residual)
        gain = np.where(norms > floor, (correlation**2).sum(axis=1) / np.maximum(norms, floor), -1)
        gain[order] = -2.0
        best = int(gain.argmax())
        order.append(best)
        if norms[best] > floor:
            column = residual[:, best] / np.sqrt(norms[best])
            step = correlation[best] / np.sqrt(norms[best])
            remaining -= float(step @ step)
            correlation = correlation - np.outer(column, step)
            residual = residual - np.outer(column, column)
    return np.array(order), np.array(errors)
