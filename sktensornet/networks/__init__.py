"""Tensor networks: topologies, contraction, adjoint, norm, starts."""

from ._contraction import Contraction, Tape
from ._network import TensorNetwork
from ._norm import squared_norm_and_gradient
from ._starts import identity_start
from ._tree import (
    Node,
    Tree,
    balanced,
    balanced_grid,
    canonical_polyadic,
    check_nested,
    hierarchical_tucker,
    tensor_train,
)

__all__ = [
    "Contraction",
    "Node",
    "Tape",
    "TensorNetwork",
    "Tree",
    "balanced",
    "balanced_grid",
    "canonical_polyadic",
    "check_nested",
    "hierarchical_tucker",
    "identity_start",
    "squared_norm_and_gradient",
    "tensor_train",
]
