"""Networks to and from the tensors of TensorLy, in whatever backend it is set to."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..._arrays._typing import FloatArray
from .._dimension_trees import balanced
from .._network import DENSE_LIMIT, TensorNetwork
from .._tensors._gauge import round_network
from .._tensors._per_class import one_output, stack_classes
from .._topologies import (
    canonical_polyadic,
    centre_of_train,
    hierarchical_tucker,
    is_canonical,
    tensor_train,
)
from .._tree import OUT, Tree
from ._from_dense import decompose, to_backend
from ._hierarchical_svd import as_floats, tucker_svd

if TYPE_CHECKING:
    from tensorly.cp_tensor import CPTensor
    from tensorly.tt_tensor import TTTensor
    from tensorly.tucker_tensor import TuckerTensor


def to_tensorly(
    network: TensorNetwork, class_index: int | None = None
) -> TTTensor | CPTensor | TuckerTensor:
    r"""Write the weight tensor of one class as a tensor of TensorLy.

    .. math::
        \text{TTTensor:} \quad & W_c^{i_1 \dots i_d} = G_1[i_1] \, G_2[i_2] \cdots G_d[i_d] \\
        \text{CPTensor:} \quad & W_c^{i_1 \dots i_d} = \sum_a w_a \prod_k V_k[i_k, a] \\
        \text{TuckerTensor:} \quad & W_c^{i_1 \dots i_d}
            = \sum_{a_1 \dots a_d} S[a_1, \dots, a_d] \prod_k U_k[i_k, a_k]

    A tensor train becomes a TTTensor of the cores, one of them sliced at the
    class; a CP a CPTensor of its factors and one column of its readout. TensorLy
    has no trees, so a hierarchical Tucker tree becomes a TuckerTensor of its leaf
    frames (m, r) whose core is the dense contraction of all other cores.

    Parameters
    ----------
    network : TensorNetwork
        Its class leg may be anywhere, and it may be batched.
    class_index : int or None, default=None
        The class, 0..C-1. None is the only one there is, or all of them: the
        class axis is then the last mode of the tensor. That is exact for a joint
        CP, hierarchical Tucker tree, or tensor train with the class leg on its
        last core.

    Returns
    -------
    TTTensor, CPTensor or TuckerTensor
        Copies of the arrays, with the dtype of the network, in the current
        backend of TensorLy. A TuckerTensor over a single site, which TensorLy
        does not allow, keeps a class axis of length one.

    Raises
    ------
    ValueError
        If `class_index` is no class, or None where the class axis cannot be a
        mode; if the core of a TuckerTensor would have more than 10,000,000
        entries; or if the topology mixes products and cores.

    See Also
    --------
    from_tensorly : The way back.

    References
    ----------
    Kossaifi, Panagakis, Anandkumar, Pantic, "TensorLy: tensor learning in
    Python", JMLR 20 (2019).

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.networks import TensorNetwork, tensor_train
    >>> from sktensornet.networks import to_tensorly
    >>> cores = (np.ones((1, 2, 3)), np.ones((3, 4, 1, 5)))
    >>> tensor = to_tensorly(TensorNetwork(tensor_train(2), cores), class_index=4)
    >>> tensor.shape, tensor.rank, float(tensor.to_tensor()[0, 0])
    ((2, 4), (1, 3, 1), 3.0)
    """
    network.tree.require_multilinear("TensorLy")
    import tensorly as tl

    tree = network.tree
    if class_index is not None or network.n_outputs == 1:
        network = one_output(network, 0 if class_index is None else class_index)
    elif network.batched:
        raise _no_class_mode(network, "there is one tensor per class")
    every_class = network.n_outputs > 1
    centre = centre_of_train(tree)
    if centre is not None:
        cores = list(network.cores)
        if not every_class:
            cores[centre] = cores[centre][..., 0]
        elif centre == tree.n_sites - 1:
            cores[centre] = cores[centre][:, :, 0]
            cores.append(np.eye(network.n_outputs, dtype=network.dtype)[..., None])
        else:
            raise _no_class_mode(network, f"the class leg is on core {centre} of the chain")
        return tl.tt_tensor.TTTensor([to_backend(core) for core in cores])
    if is_canonical(tree):
        *factors, readout = network.cores
        weights = np.ones(len(readout), network.dtype) if every_class else readout[:, 0]
        if every_class:
            factors.append(readout.T)
        return tl.cp_tensor.CPTensor(
            (to_backend(weights), [to_backend(factor) for factor in factors])
        )
    core, factors = _tucker(network)
    if every_class or len(factors) == 1:
        factors.append(np.eye(network.n_outputs, dtype=network.dtype))
    else:
        core = core[..., 0]
    return tl.tucker_tensor.TuckerTensor(
        (to_backend(core), [to_backend(factor) for factor in factors])
    )


def from_tensorly(
    tensor: Any,
    tree: Tree | None = None,
    rank: int | None = None,
    rank_tol: float = 0.0,
    random_state: int | np.random.RandomState | None = None,
) -> TensorNetwork:
    r"""Take a tensor of TensorLy, or decompose a dense one, as a network.

    .. math:: W^{i_1 \dots i_d}_c = \text{tensor}[i_1, \dots, i_d]
              \quad \text{or} \quad \text{tensor}[i_1, \dots, i_d, c]

    ============  ==================================  ===================================
    tensor        tree                                network
    ============  ==================================  ===================================
    TTTensor      tensor train                        the same cores, then rounded
    CPTensor      CP                                  the same factors, weights as readout
    TuckerTensor  tensor train, hierarchical Tucker   hierarchical SVD of the core
    dense         tensor train                        ``tensorly.decomposition.tensor_train``
    dense         CP                                  ``tensorly.decomposition.parafac``
    dense         hierarchical Tucker                 hierarchical SVD
    ============  ==================================  ===================================

    Parameters
    ----------
    tensor : TTTensor, CPTensor, TuckerTensor, array, or list or tuple
        A tensor over the d sites of the tree gives a network with one output;
        one with a further mode has the class axis there. A list of arrays
        ``(r, m, r)`` that starts and ends with r = 1 is the list of the cores of
        one TTTensor; any other list holds one tensor for each class, and gives a
        batched network with ranks padded by zeros to the largest.
    tree : Tree or None, default=None
        The topology. None is ``tensor_train(d)`` for a TTTensor,
        ``canonical_polyadic(d)`` for a CPTensor and
        ``hierarchical_tucker(balanced(d))`` for a TuckerTensor, every mode a
        site; a dense tensor needs a tree.
    rank : int or None, default=None
        Cap of every rank; for a dense tensor and a CP tree its rank, which must
        be given. Not for a CPTensor, whose rank is as it is.
    rank_tol : float, default=0.0
        Truncates as in `round_network`. Not for CP trees.
    random_state : int, RandomState or None, default=None
        Fills the start of parafac where the tensor has fewer singular vectors
        than `rank`. Iterations and tolerance are those of TensorLy; for others
        call it yourself and hand over the CPTensor.

    Returns
    -------
    TensorNetwork
        In float32 if all arrays are, else in float64.

    Raises
    ------
    ValueError
        If the tensor is of another kind, does not fit the tree, or is not to be
        had at that rank.

    See Also
    --------
    to_tensorly : The way back.

    References
    ----------
    Kossaifi, Panagakis, Anandkumar, Pantic, "TensorLy: tensor learning in
    Python", JMLR 20 (2019).

    Examples
    --------
    >>> import numpy as np
    >>> from tensorly.cp_tensor import CPTensor
    >>> from sktensornet.networks import tensor_train
    >>> from sktensornet.networks import from_tensorly
    >>> from_tensorly(CPTensor((np.ones(3), [np.ones((2, 3)), np.ones((4, 3))])))
    TensorNetwork(CP, sites=2, mode_size=2..4, rank=3, outputs=1, parameters=21, bytes=168)
    >>> from_tensorly(np.ones((2, 2, 2, 5)), tensor_train(3)).ranks
    (1, 1)
    """
    import tensorly as tl

    if tree is not None and not isinstance(tree, Tree):
        raise ValueError(f"tree={tree!r} must be a Tree, such as tensor_train(4), or None.")
    if isinstance(tensor, tl.tt_tensor.TTTensor) or _is_train(tensor):
        return _from_train(_same_floats(tensor), tree, rank, rank_tol)
    if isinstance(tensor, (list, tuple)) and tensor:
        parts = [from_tensorly(part, tree, rank, rank_tol, random_state) for part in tensor]
        return stack_classes(parts)
    if isinstance(tensor, tl.cp_tensor.CPTensor):
        if rank is not None or rank_tol != 0:
            raise ValueError(
                f"rank={rank!r}, rank_tol={rank_tol!r} do not apply to a CPTensor, which is taken "
                "as it is; they must be None and 0."
            )
        return _from_cp(tensor, tree)
    if isinstance(tensor, tl.tucker_tensor.TuckerTensor):
        return _from_tucker(tensor, tree, rank, rank_tol)
    if hasattr(tensor, "__array__"):
        return _from_dense(tensor, tree, rank, rank_tol, random_state)
    raise ValueError(
        f"tensor is of type {type(tensor).__name__}; it must be a TTTensor, CPTensor, "
        "TuckerTensor or array, or a list of at least one of them."
    )


def _no_class_mode(network: TensorNetwork, reason: str) -> ValueError:
    return ValueError(
        f"class_index=None: the class axis cannot be a mode, as {reason}; class_index must be one "
        f"of 0..{network.n_outputs - 1}."
    )


def _tucker(network: TensorNetwork) -> tuple[FloatArray, list[FloatArray]]:
    """Core (r_1, ..., r_d, C) and factors (m, r); a site without a frame has the identity."""
    tree = network.tree
    if tree.multiplied:
        raise ValueError(
            f"TensorLy has no tensor for this {tree.format} network, which mixes element-wise "
            "products and cores; convert a tensor train, a hierarchical Tucker tree or a CP."
        )
    cores = list(network.cores)
    factors = [np.eye(m, dtype=network.dtype) for m in network.mode_sizes]
    for position, index in enumerate(tree.order):
        node = tree.nodes[index]
        site = tree.nodes[node.children[0]].site
        if node.axes == (0, OUT) and site is not None and index != tree.root:
            factors[site] = cores[position]
            cores[position] = np.eye(factors[site].shape[1], dtype=network.dtype)
    size = math.prod(factor.shape[1] for factor in factors) * network.n_outputs
    if size > DENSE_LIMIT or len(factors) > 63:
        raise ValueError(
            f"the TuckerTensor would have a core of {size:,} entries over {len(factors)} sites; "
            f"the limit is {DENSE_LIMIT:,} entries and 63 sites. Truncate the network with "
            "round_network, or use its cores."
        )
    return TensorNetwork(tree.free(), tuple(cores)).to_dense(), factors


def _from_train(
    cores: list[FloatArray], tree: Tree | None, rank: int | None, rank_tol: float
) -> TensorNetwork:
    tree = tensor_train(len(cores)) if tree is None else tree
    centre = centre_of_train(tree)
    if centre is None:
        raise _misfit("TTTensor", f"tensor_train({tree.n_sites})", tree)
    for k, core in enumerate(cores[1:], start=1):
        if core.shape[0] != cores[k - 1].shape[2]:
            raise ValueError(
                f"tensor[{k}] has shape {core.shape}; its first axis must have length "
                f"{cores[k - 1].shape[2]}, as the last of tensor[{k - 1}]."
            )
    if not _has_class_mode(tree, len(cores)):
        cores[centre] = cores[centre][..., None]
    elif centre == tree.n_sites - 1:
        leg = cores.pop()[..., 0]
        cores[centre] = (cores[centre] @ leg)[:, :, None]
    else:
        raise ValueError(
            f"tensor has {len(cores)} modes, the class axis last, and tree has the class leg on "
            f"core {centre}; the right tree is tensor_train({tree.n_sites}, {tree.n_sites - 1})."
        )
    network = TensorNetwork(tree, tuple(cores))
    return network if rank is None and rank_tol == 0 else round_network(network, rank, rank_tol)


def _from_cp(tensor: CPTensor, tree: Tree | None) -> TensorNetwork:
    weights, *factors = _same_floats([tensor.weights, *tensor.factors])
    factors = [factor.reshape(len(factor), -1) for factor in factors]
    tree = canonical_polyadic(len(factors)) if tree is None else tree
    if not is_canonical(tree):
        raise _misfit("CPTensor", f"canonical_polyadic({tree.n_sites})", tree)
    classes = factors.pop() if _has_class_mode(tree, len(factors)) else np.ones_like(weights[None])
    return TensorNetwork(tree, (*factors, (weights * classes).T))


def _from_tucker(
    tensor: TuckerTensor, tree: Tree | None, rank: int | None, rank_tol: float
) -> TensorNetwork:
    core, *factors = _same_floats([tensor.core, *tensor.factors])
    tree = hierarchical_tucker(balanced(len(factors))) if tree is None else tree
    if tree.multiplied:
        right = f"hierarchical_tucker(balanced({tree.n_sites}))"
        raise _misfit("TuckerTensor", right, tree)
    core = core @ factors.pop().T if _has_class_mode(tree, len(factors)) else core[..., None]
    return tucker_svd(core, factors, tree, rank, rank_tol)


def _from_dense(
    tensor: Any,
    tree: Tree | None,
    rank: int | None,
    rank_tol: float,
    random_state: int | np.random.RandomState | None,
) -> TensorNetwork:
    array = as_floats(tensor)
    if tree is None:
        raise ValueError(
            f"tree=None: a dense tensor, here of shape {array.shape}, needs a tree over its sites, "
            "such as tensor_train(n_sites)."
        )
    array = array if _has_class_mode(tree, array.ndim) else array[..., None]
    return decompose(array, tree, rank, rank_tol, random_state)


def _misfit(kind: str, right: str, tree: Tree) -> ValueError:
    return ValueError(
        f"tensor is a {kind}, which does not fit the given tree, a {tree.format} over "
        f"{tree.n_sites} site(s); the right tree is {right}, or decompose the dense tensor."
    )


def _has_class_mode(tree: Tree, n_modes: int) -> bool:
    """Whether the last mode is the class axis, or raise if the number is wrong."""
    if n_modes not in (tree.n_sites, tree.n_sites + 1):
        raise ValueError(
            f"tensor has {n_modes} mode(s); over the {tree.n_sites} site(s) of the tree it must "
            f"have {tree.n_sites}, or {tree.n_sites + 1} with the class axis last."
        )
    return n_modes > tree.n_sites


def _is_train(tensor: Any) -> bool:
    """Whether a list is that of the cores of one tensor train."""
    if not isinstance(tensor, (list, tuple)) or not tensor:
        return False
    shapes = [np.shape(as_floats(part)) if hasattr(part, "__array__") else () for part in tensor]
    return all(len(shape) == 3 for shape in shapes) and shapes[0][0] == shapes[-1][-1] == 1


def _same_floats(tensors: Iterable[Any]) -> list[FloatArray]:
    """NumPy arrays of one dtype."""
    arrays = [as_floats(tensor) for tensor in tensors]
    return [array.astype(np.result_type(*arrays)) for array in arrays]
