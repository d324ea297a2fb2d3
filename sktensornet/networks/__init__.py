"""Tensor networks: topologies, contraction, adjoint, norm, starts.

`TensorNetwork` and the constructors of its topologies are for users; the other
names serve the layers above.
"""

from ._contraction import Contraction
from ._network import TensorNetwork
from ._norm import squared_norm_and_gradient
from ._starts import identity_start
from ._tree import (
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
