"""Tensor networks: topologies, contraction, adjoint, norm, starts.

`TensorNetwork` and the constructors of its topologies are for users; the other
names serve the layers above.
"""

from ._conversions._convert import convert
from ._conversions._hierarchical_svd import hierarchical_svd
from ._conversions._tensorly import from_tensorly, to_tensorly
from ._cores import message_core
from ._dimension_trees import balanced, balanced_grid, check_nested
from ._network import DENSE_LIMIT, TensorNetwork
from ._passes._contraction import Contraction
from ._passes._products import PRODUCTS
from ._starts._generalized import generalized_start
from ._starts._identity import identity_start
from ._starts._interactions import interaction_start
from ._starts._linear import linear_start
from ._starts._moments import moment_start
from ._sweeps._blocks import Block
from ._sweeps._product_sweep import ProductSweep
from ._sweeps._sweep import Sweep, SweepOptions
from ._sweeps._tree_sweep import TreeSweep
from ._tensors._algebra import add, inner, norm
from ._tensors._bond_spectra import bond_spectra
from ._tensors._change_modes import change_modes, scale_outputs
from ._tensors._entry_search import Entries, EntrySearch, count_entries
from ._tensors._fewer_terms import keep_terms
from ._tensors._frobenius import squared_norm_and_gradient
from ._tensors._gauge import orthogonalise, round_network
from ._tensors._grams_by_order import GradedGrams
from ._tensors._min_cut import check_rows, min_cut
from ._topologies import canonical_polyadic, hierarchical_tucker, recurrent_train, tensor_train
from ._tree import Tree

__all__ = [
    "DENSE_LIMIT",
    "PRODUCTS",
    "Block",
    "Contraction",
    "Entries",
    "EntrySearch",
    "GradedGrams",
    "ProductSweep",
    "Sweep",
    "SweepOptions",
    "TensorNetwork",
    "Tree",
    "TreeSweep",
    "add",
    "balanced",
    "balanced_grid",
    "bond_spectra",
    "canonical_polyadic",
    "change_modes",
    "check_nested",
    "check_rows",
    "convert",
    "count_entries",
    "from_tensorly",
    "generalized_start",
    "hierarchical_svd",
    "hierarchical_tucker",
    "identity_start",
    "inner",
    "interaction_start",
    "keep_terms",
    "linear_start",
    "message_core",
    "min_cut",
    "moment_start",
    "norm",
    "orthogonalise",
    "recurrent_train",
    "round_network",
    "scale_outputs",
    "squared_norm_and_gradient",
    "tensor_train",
    "to_tensorly",
]
