"""Tensor networks: topologies, contraction, adjoint, norm, starts.

`TensorNetwork` and the constructors of its topologies are for users; the other
names serve the layers above.
"""

from ._algebra import add, inner, norm
from ._blocks import Block
from ._contraction import Contraction
from ._gauge import orthogonalise, round_network
from ._hierarchical_svd import hierarchical_svd
from ._interaction_start import interaction_start
from ._linear_start import linear_start
from ._moment_start import moment_start
from ._nested import balanced, balanced_grid, check_nested
from ._network import TensorNetwork
from ._norm import squared_norm_and_gradient
from ._product_sweep import ProductSweep
from ._starts import identity_start
from ._sweep import Sweep, SweepOptions
from ._tensorly import from_tensorly, to_tensorly
from ._terms import keep_terms
from ._tree import Tree, canonical_polyadic, hierarchical_tucker, tensor_train
from ._tree_sweep import TreeSweep

__all__ = [
    "Block",
    "Contraction",
    "ProductSweep",
    "Sweep",
    "SweepOptions",
    "TensorNetwork",
    "Tree",
    "TreeSweep",
    "add",
    "balanced",
    "balanced_grid",
    "canonical_polyadic",
    "check_nested",
    "from_tensorly",
    "hierarchical_svd",
    "hierarchical_tucker",
    "identity_start",
    "inner",
    "interaction_start",
    "keep_terms",
    "linear_start",
    "moment_start",
    "norm",
    "orthogonalise",
    "round_network",
    "squared_norm_and_gradient",
    "tensor_train",
    "to_tensorly",
]
