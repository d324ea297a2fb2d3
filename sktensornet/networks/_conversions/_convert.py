"""Networks of one format as networks of another."""

from __future__ import annotations

import math
from typing import Literal, overload

import numpy as np

from ..._arrays._typing import FloatArray
from ..._support._checks import check_integer, check_real
from ..._support._warn import warn_user
from .._cores import network_of
from .._messages import khatri_rao
from .._network import DENSE_LIMIT, TensorNetwork
from .._tensors._algebra import add, norm
from .._tensors._change_modes import scale_outputs
from .._tensors._gauge import round_network
from .._tensors._per_class import each_tensor, stack_classes
from .._topologies import is_canonical
from .._tree import Tree
from ._from_dense import decompose
from ._to_sum import expand, n_terms
from ._to_tree import LARGEST, regraft

_EXACT = 1e-8
"""Conversions with a larger relative error warn."""


@overload
def convert(
    network: TensorNetwork,
    tree: Tree,
    rank: int | None = ...,
    rank_tol: float = ...,
    *,
    random_state: int | np.random.RandomState | None = ...,
    return_error: Literal[False] = ...,
) -> TensorNetwork: ...
@overload
def convert(
    network: TensorNetwork,
    tree: Tree,
    rank: int | None = ...,
    rank_tol: float = ...,
    *,
    random_state: int | np.random.RandomState | None = ...,
    return_error: Literal[True],
) -> tuple[TensorNetwork, float]: ...
def convert(
    network: TensorNetwork,
    tree: Tree,
    rank: int | None = None,
    rank_tol: float = 0.0,
    *,
    random_state: int | np.random.RandomState | None = None,
    return_error: bool = False,
) -> TensorNetwork | tuple[TensorNetwork, float]:
    r"""Write the tensor of a network over another tree.

    .. math:: \tilde W = W, \qquad
              \tilde r_t = \operatorname{rank} W^{(S_t, \bar S_t \cup \{c\})}

    A tensor train becomes a tree, a tree a train, a canonical polyadic sum
    either of them, or any tree one with its sites in another order, without
    forming the tensor. Every bond t of the new network has the rank of the
    matricization of the sites S_t below it against all others and the classes,
    which is the least possible; it is at most the `min_cut` of the old network,
    and equal to it for almost all cores.

    To a canonical polyadic sum there is no such way. A network becomes one by
    summing over its bonds, which is exact but costs many terms: for almost all
    trains of d sites at least ``min(m, r) ** (d // 2)`` are needed.

    Parameters
    ----------
    network : TensorNetwork
        A tensor train, hierarchical Tucker tree or canonical polyadic sum. A
        batched network stays batched.
    tree : Tree
        The new topology over the same sites, such as ``tensor_train(d)``.
    rank : int or None, default=None
        Cap of every new rank; None is none. Where a canonical polyadic sum would
        need more terms, it is fitted to the dense tensor by
        ``tensorly.decomposition.parafac``.
    rank_tol : float, default=0.0
        At each bond, singular values are dropped as long as the root of their
        sum of squares stays within `rank_tol` times the norm. They are dropped
        up to 1e-13 of it in any case, which is rounding. Not for a new sum.
    random_state : int, RandomState or None, default=None
        For parafac.
    return_error : bool, default=False
        Whether to return the error, too.

    Returns
    -------
    network : TensorNetwork
        Of the same dtype. A train or tree is in canonical gauge towards the core
        that holds the class leg.
    error : float
        Only with ``return_error=True``: the norm of the difference as a share of
        that of the tensor; for a batched network, of the worst of its tensors.
        Without it, an error of more than 1e-8 warns.

    Raises
    ------
    ValueError
        If the sites differ, a parameter is out of range, a product is mixed with
        other cores, or an array on the way would be too large; the message says
        what can be done.

    See Also
    --------
    round_network : Smaller ranks over the same tree.

    References
    ----------
    Khrulkov, Novikov, Oseledets, "Expressive power of recurrent neural
    networks", ICLR 2018, table 2; Grasedyck, "Hierarchical singular value
    decomposition of tensors", SIAM J. Matrix Anal. Appl. 31 (2010).

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.networks import TensorNetwork, balanced, convert
    >>> from sktensornet.networks import hierarchical_tucker, tensor_train
    >>> train = tensor_train(8)
    >>> shapes = train.core_shapes(train.message_sizes((4,) * 8, rank=2, n_outputs=1))
    >>> rng = np.random.default_rng(0)
    >>> network = TensorNetwork(train, tuple(rng.standard_normal(shape) for shape in shapes))
    >>> tree = convert(network, hierarchical_tucker(balanced(8)))
    >>> max(network.ranks), max(tree.ranks)
    (2, 4)
    >>> bool(np.allclose(tree.to_dense(), network.to_dense()))
    True
    """
    _check_trees(network, tree)
    for each in (network.tree, tree):
        each.require_multilinear("convert")
    network = TensorNetwork(network.tree.free(), network.cores, network.batched)
    tree = tree.free()
    cap = None if rank is None else check_integer("rank", rank, 1)
    tolerance = check_real("rank_tol", rank_tol, 0, 1, low_allowed=True)
    if is_canonical(tree) and tolerance:
        raise ValueError(f"rank_tol={rank_tol!r} must be 0 for a CP tree; give a rank.")
    done = [_convert(part, tree, cap, tolerance, random_state) for part in each_tensor(network)]
    error = max(own for _, own in done)
    converted = [
        TensorNetwork(tree, tuple(core.astype(network.dtype) for core in part.cores))
        for part, _ in done
    ]
    result = stack_classes(converted) if network.batched else converted[0]
    if return_error:
        return result, error
    if error > _EXACT:
        warn_user(
            f"rank={rank!r}, rank_tol={rank_tol!r} changed the tensor by {error:.2g} of its norm; "
            "raise or leave out rank for an exact conversion.",
            UserWarning,
        )
    return result


def _convert(
    network: TensorNetwork,
    tree: Tree,
    rank: int | None,
    rank_tol: float,
    random_state: int | np.random.RandomState | None,
) -> tuple[TensorNetwork, float]:
    """One joint network, and the relative error."""
    if not is_canonical(tree):
        source = _from_sum(network, tree) if network.tree.multiplied else network
        return regraft(source, tree, rank, rank_tol)
    if network.tree.multiplied:
        if rank is None or rank >= len(network.cores[-1]):
            return network, 0.0
        fewer = round_network(network, rank)
        error = add(network, scale_outputs(fewer, -np.ones(network.n_outputs)))
        return fewer, norm(error) / (norm(network) or 1.0)
    needed = n_terms(network)
    if rank is None or rank >= needed:
        size = needed * sum(network.mode_sizes)
        if size > LARGEST:
            raise ValueError(
                f"as a canonical polyadic sum this {network.format} network would have "
                f"{needed:,} terms of {sum(network.mode_sizes)} entries, more than {LARGEST:,} in "
                "all; make the network smaller with round_network, or give a rank to fit fewer "
                "terms, for which the dense tensor must have at most "
                f"{DENSE_LIMIT:,} entries."
            )
        return expand(network), 0.0
    dense = network.to_dense().astype(np.float64)
    fitted = decompose(dense, tree, rank, random_state=random_state)
    scale = float(np.linalg.norm(dense)) or 1.0
    return fitted, float(np.linalg.norm(fitted.to_dense() - dense)) / scale


def _from_sum(network: TensorNetwork, tree: Tree) -> TensorNetwork:
    """A canonical polyadic sum over any tree, from the leaves to the root.

    The message of a node holds one vector for each term, the element-wise
    product of those below it, in an orthonormal basis of what they span.
    """
    *factors, readout = (core.astype(np.float64) for core in network.cores)
    cores: dict[int, FloatArray] = {}
    vectors: list[FloatArray] = []
    for index, node in enumerate(tree.nodes):
        if node.site is not None:
            vectors.append(factors[node.site])
            continue
        lengths = [len(vectors[child]) for child in node.children]
        if math.prod(lengths) * len(readout) > LARGEST:
            raise ValueError(
                f"the network has {len(readout)} terms, for which a core of the new tree would "
                f"have {math.prod(lengths) * len(readout):,} entries, more than {LARGEST:,}; keep "
                "fewer terms with round_network first."
            )
        every = vectors[node.children[0]]
        for child in node.children[1:]:
            every = khatri_rao(every, vectors[child])
        if index == tree.root:
            cores[index] = (every @ readout).reshape(*lengths, -1)
            break
        basis, triangle = (
            np.linalg.qr(every)
            if len(every) > len(readout)
            else (
                np.eye(len(every)),
                every,
            )
        )
        cores[index] = basis.reshape(*lengths, -1)
        vectors.append(triangle)
    return network_of(tree, [cores[index][None] for index in tree.order])


def _check_trees(network: TensorNetwork, tree: Tree) -> None:
    if not isinstance(network, TensorNetwork):
        raise ValueError(f"network={network!r} must be a TensorNetwork.")
    if not isinstance(tree, Tree):
        raise ValueError(f"tree={tree!r} must be a Tree, such as tensor_train({network.n_sites}).")
    if tree.n_sites != network.n_sites:
        raise ValueError(
            f"tree is over {tree.n_sites} site(s); it must be over the {network.n_sites} of the "
            "network."
        )
    for each in (network.tree, tree):
        if each.multiplied and not is_canonical(each):
            raise ValueError(
                f"a {each.format} tree that mixes element-wise products and other cores cannot be "
                "converted; it must be a tensor train, a hierarchical Tucker tree or a CP."
            )
