"""From dense and Tucker tensors to trees by the hierarchical SVD of Grasedyck."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..._arrays._linalg import kept_rank
from ..._arrays._multilinear import mode_product
from ..._arrays._typing import FloatArray
from ..._support._checks import check_integer, check_real
from .._cores import core_shapes, network_of
from .._network import TensorNetwork
from .._tensors._change_modes import change_modes
from .._tree import Tree


def hierarchical_svd(
    tensor: Any, tree: Tree, rank: int | None = None, rank_tol: float = 0.0
) -> TensorNetwork:
    r"""Approximate a dense tensor by a tensor train or hierarchical Tucker tree.

    .. math:: \|W - \tilde W\|^2 \le \sum_{\text{bonds}} \sum_{j > r} \sigma_j^2
              \le n_{\text{truncated bonds}} \, \|W - W_{\text{best}}\|^2

    with the singular values of the matricization at each bond, the sites below
    it against all others and the class axis, and the best approximation by a
    network of the ranks that result.

    Parameters
    ----------
    tensor : array-like of shape (m_1, ..., m_d, C)
        The tensor, the class axis last.
    tree : Tree
        A topology without element-wise products over d sites: a tensor train
        with its class leg anywhere, or any hierarchical Tucker tree.
    rank : int or None, default=None
        Cap of every rank.
    rank_tol : float, default=0.0
        On every bond, singular values are dropped as long as the root of their
        sum of squares stays within `rank_tol` times the norm of the tensor, so
        without `rank` the error is within
        ``rank_tol * sqrt(number of truncated bonds)`` of the norm.

    Returns
    -------
    TensorNetwork
        In float32 if the tensor is, else in float64. Every core but that of the class
        leg is orthonormal towards it; that core takes all norm.

    Raises
    ------
    ValueError
        If the tree has element-wise products (CP), the tensor does not have
        d + 1 axes, is empty or has entries that are no finite real numbers.

    Notes
    -----
    From the leaves to the root, the tensor is projected on the leading left
    singular vectors of its matricization at each node. A later projection
    keeps the range of the earlier ones, so the errors of the steps are
    orthogonal, and projecting does not increase singular values.

    References
    ----------
    Grasedyck, "Hierarchical singular value decomposition of tensors", SIAM J.
    Matrix Anal. Appl. 31 (2010), the truncation from the leaves to the root.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.networks import balanced, hierarchical_tucker
    >>> from sktensornet.networks import hierarchical_svd
    >>> tensor = np.add.outer(np.arange(6.0).reshape(2, 3), np.arange(8.0).reshape(4, 2))
    >>> network = hierarchical_svd(tensor, hierarchical_tucker(balanced(3)))
    >>> network.ranks, bool(np.allclose(network.to_dense(), tensor))
    ((2, 2, 2, 2), True)
    """
    cap = None if rank is None else check_integer("rank", rank, 1)
    tolerance = check_real("rank_tol", rank_tol, 0, 1, low_allowed=True)
    tensor = check_dense(tensor, tree)
    if tree.multiplied:
        raise ValueError(
            f"a {tree.format} tree multiplies messages element by element, which the hierarchical "
            "SVD cannot; tree must be a tensor train or a hierarchical Tucker tree."
        )
    rest = tensor.astype(np.float64, copy=False)
    threshold = tolerance * float(np.linalg.norm(rest))
    site_nodes = {node.site: index for index, node in enumerate(tree.nodes)}
    axes = [site_nodes[site] for site in range(tree.n_sites)]
    sizes = [0] * len(tree.nodes)
    bases: dict[int, FloatArray] = {}
    for index, node in enumerate(tree.nodes):
        if node.site is not None:
            sizes[index] = rest.shape[node.site]
            continue
        n_children = len(node.children)
        rest = np.moveaxis(rest, [axes.index(child) for child in node.children], range(n_children))
        axes = [index, *(axis for axis in axes if axis not in node.children)]
        matrix = rest.reshape(math.prod(rest.shape[:n_children]), -1)
        if index == tree.root:
            basis = matrix
        else:
            basis = leading_vectors(matrix, threshold, cap)
            rest = (basis.T @ matrix).reshape(-1, *rest.shape[n_children:])
        sizes[index] = basis.shape[1]
        bases[index] = basis
    shapes = core_shapes(tree, sizes)
    cores = [bases[index].reshape(shape) for index, shape in zip(tree.order, shapes, strict=True)]
    return network_of(tree, cores, dtype=tensor.dtype)


def tucker_svd(
    core: FloatArray,
    factors: Sequence[FloatArray],
    tree: Tree,
    rank: int | None = None,
    rank_tol: float = 0.0,
) -> TensorNetwork:
    """Hierarchical SVD of a Tucker tensor: core (r_1, ..., r_d, C) and d factors (m, r)."""
    dtype = np.result_type(core, *factors)
    frames = []
    for axis, factor in enumerate(factors):
        # Behind orthonormal frames the core has the norm and singular values of the tensor.
        frame, r = np.linalg.qr(factor.astype(np.float64))
        frames.append(frame)
        core = mode_product(core[None], r[None], 1 + axis)[0]
    network = hierarchical_svd(core, tree, rank, rank_tol)
    # W = core x_1 U_1 ... x_d U_d: each leg of the network in the columns of its frame.
    whole = change_modes(network, [frame.T for frame in frames])
    return TensorNetwork(tree, tuple(each.astype(dtype) for each in whole.cores))


def check_dense(tensor: Any, tree: Tree) -> FloatArray:
    """Return `tensor` as finite floats with one axis per site and the class axis, or raise."""
    array = as_floats(tensor)
    if not isinstance(tree, Tree):
        raise ValueError(f"tree={tree!r} must be a Tree, such as tensor_train({array.ndim - 1}).")
    tree.require_multilinear("a network of a dense tensor")
    if array.ndim != tree.n_sites + 1 or not array.size:
        raise ValueError(
            f"tensor has shape {array.shape}; over the {tree.n_sites} site(s) of the tree it must "
            f"have {tree.n_sites + 1} axes of length >= 1, the class axis last."
        )
    if not np.isfinite(array).all():
        raise ValueError("tensor contains NaN or infinity; its entries must be finite.")
    return array


def as_floats(tensor: Any) -> FloatArray:
    """An array of float32 if the input is, else of float64; no other than real numbers."""
    import tensorly as tl

    array = tl.to_numpy(tensor) if tl.is_tensor(tensor) else np.asarray(tensor)
    if array.dtype.kind not in "fiub":
        raise ValueError(f"tensor has entries of dtype {array.dtype}; they must be real numbers.")
    return array if array.dtype == np.float32 else array.astype(np.float64, copy=False)


def leading_vectors(matrix: FloatArray, threshold: float, cap: int | None) -> FloatArray:
    """The left singular vectors that stay."""
    # Most matrices here are wide; without the row space the SVD is that of a small square.
    triangle = np.linalg.qr(matrix.T, mode="r")
    _, values, right = np.linalg.svd(triangle, full_matrices=False)
    return right[: kept_rank(values[None], threshold, cap)].T
