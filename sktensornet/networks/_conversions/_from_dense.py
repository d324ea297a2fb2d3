"""From dense tensors to networks, through TensorLy where it has the decomposition."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from ..._arrays._multilinear import unfold
from ..._arrays._typing import FloatArray
from ..._support._checks import check_integer
from .._network import TensorNetwork
from .._tensors._gauge import round_network
from .._topologies import centre_of_train, is_canonical
from .._tree import Tree
from ._hierarchical_svd import as_floats, check_dense, hierarchical_svd, leading_vectors

_SPANNED = 1e-7
"""Singular values of a smaller share of the norm give no column of a start; not tuned."""


def decompose(
    tensor: Any,
    tree: Tree,
    rank: int | None = None,
    rank_tol: float = 0.0,
    random_state: int | np.random.RandomState | None = None,
) -> TensorNetwork:
    """A dense tensor (m_1, ..., m_d, C) as a network, TT and CP by TensorLy."""
    tensor = check_dense(tensor, tree)
    doubles = tensor.astype(np.float64, copy=False)
    if is_canonical(tree):
        if rank_tol != 0:
            raise ValueError(f"rank_tol={rank_tol!r} must be 0 for a CP tree; give a rank.")
        network = _parafac(doubles, tree, rank, random_state)
    elif (centre := centre_of_train(tree)) is not None:
        network = _train(doubles, tree, centre, rank, rank_tol)
    else:
        network = hierarchical_svd(doubles, tree, rank, rank_tol)
    return TensorNetwork(tree, tuple(core.astype(tensor.dtype) for core in network.cores))


def to_backend(array: FloatArray) -> Any:
    """A copy as a tensor of TensorLy's current backend."""
    import tensorly as tl

    return tl.tensor(array, dtype=getattr(tl, array.dtype.name))


def _train(
    array: FloatArray, tree: Tree, centre: int, rank: int | None, rank_tol: float
) -> TensorNetwork:
    from tensorly.decomposition import tensor_train

    cap = array.size if rank is None else check_integer("rank", rank, 1)
    ranks = [1, *[cap] * tree.n_sites, 1]
    # The class axis is a mode next to the site of its core, and that bond is not cut.
    ranks[centre + 1] = array.size
    moved = np.moveaxis(array, -1, centre + 1)
    train = tensor_train(to_backend(moved), rank=ranks)
    cores = [as_floats(core) for core in train]
    leg = cores.pop(centre + 1)
    cores[centre] = np.tensordot(cores[centre], leg, axes=1).swapaxes(2, 3)
    return round_network(TensorNetwork(tree, tuple(cores)), rank, rank_tol)


def _parafac(
    array: FloatArray,
    tree: Tree,
    rank: int | None,
    random_state: int | np.random.RandomState | None,
) -> TensorNetwork:
    from tensorly.decomposition import parafac

    n_terms = check_integer("rank", rank, 1, " for a CP tree")
    largest = array.size // max(array.shape)
    if n_terms > largest:
        raise ValueError(
            f"rank={n_terms} must be <= {largest}, which is enough for any tensor of shape "
            f"{array.shape}."
        )
    # A class axis of length one would only scale, but TensorLy needs two axes.
    modes = array[..., 0] if array.shape[-1] == 1 and tree.n_sites > 1 else array
    start = _parafac_start(modes, n_terms, check_random_state(random_state))
    init = (None, [to_backend(factor) for factor in start])
    try:
        tensor = parafac(to_backend(modes), n_terms, init=init)
        weights, *factors = map(as_floats, [tensor.weights, *tensor.factors])
        if not all(np.isfinite(factor).all() for factor in factors):
            raise np.linalg.LinAlgError("Singular matrix")
    except np.linalg.LinAlgError as error:
        raise ValueError(
            f"rank={n_terms} is more terms than alternating least squares can tell apart in this "
            "tensor; it must be smaller."
        ) from error
    classes = np.ones((1, n_terms)) if modes is not array else factors.pop()
    return TensorNetwork(tree, (*factors, (weights * classes).T))


def _parafac_start(
    array: FloatArray, rank: int, random_state: np.random.RandomState
) -> list[FloatArray]:
    """Leading singular vectors of each unfolding, and random columns where it has no more.

    The start of TensorLy takes vectors whose singular values are zero up to
    rounding, from where factors grow without bound, and warns of short axes.
    """
    threshold = _SPANNED * float(np.linalg.norm(array))
    factors = []
    for axis, m in enumerate(array.shape):
        vectors = leading_vectors(unfold(array[None], 1 + axis)[0], threshold, rank)
        factor = random_state.standard_normal((m, rank)) / m**0.5
        factor[:, : vectors.shape[1]] = vectors
        factors.append(factor)
    return factors
