"""Tensor networks: topologies, contraction, adjoint, norm, starts.

`TensorNetwork` and the constructors of its topologies are for users; the other
names serve the layers above.
"""

from ._algebra import add, inner, message_core, norm
from ._blocks import Block
from ._contraction import Contraction
from ._conversions import convert
from ._entries import Entries, EntrySearch, count_entries
from ._gauge import orthogonalise, round_network
from ._generalized_start import generalized_start
from ._graded import GradedGrams
from ._hierarchical_svd import hierarchical_svd
from ._interaction_start import interaction_start
from ._linear_start import linear_start
from ._merging import merged
from ._min_cut import check_rows, min_cut
from ._modes import change_modes, scale_outputs
from ._moment_start import moment_start
from ._nested import balanced, balanced_grid, check_nested
from ._network import DENSE_LIMIT, TensorNetwork
from ._norm import squared_norm_and_gradient
from ._product_sweep import ProductSweep
from ._products import PRODUCTS
from ._spectra import bond_spectra
from ._starts import identity_start
from ._sweep import Sweep, SweepOptions
from ._tensorly import from_tensorly, to_tensorly
from ._terms import keep_terms
from ._topologies import (
    canonical_polyadic,
    hierarchical_tucker,
    recurrent_train,
    tensor_train,
)
from ._tree import Tree
from ._tree_sweep import TreeSweep

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
    "merged",
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
