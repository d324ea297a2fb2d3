"""Tensor networks: topologies, conversions, and what can be asked of a weight tensor.

The engine below (passes, sweeps, starts) is private and may change.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._dimension_trees import balanced, balanced_grid
from ._network import TensorNetwork
from ._reading import State
from ._tensors._change_modes import change_modes, scale_outputs
from ._tensors._gauge import orthogonalise, round_network
from ._topologies import canonical_polyadic, hierarchical_tucker, recurrent_train, tensor_train
from ._tree import Tree

if TYPE_CHECKING:
    from ._conversions._convert import convert
    from ._conversions._hierarchical_svd import hierarchical_svd
    from ._conversions._tensorly import from_tensorly, to_tensorly
    from ._tensors._algebra import add, inner, norm
    from ._tensors._bond_spectra import bond_spectra
    from ._tensors._min_cut import min_cut

__all__ = [
    "State",
    "TensorNetwork",
    "Tree",
    "add",
    "balanced",
    "balanced_grid",
    "bond_spectra",
    "canonical_polyadic",
    "change_modes",
    "convert",
    "from_tensorly",
    "hierarchical_svd",
    "hierarchical_tucker",
    "inner",
    "min_cut",
    "norm",
    "orthogonalise",
    "recurrent_train",
    "round_network",
    "scale_outputs",
    "tensor_train",
    "to_tensorly",
]

_LATER = {
    "_conversions._convert": ("convert",),
    "_conversions._hierarchical_svd": ("hierarchical_svd",),
    "_conversions._tensorly": ("from_tensorly", "to_tensorly"),
    "_tensors._algebra": ("add", "inner", "norm"),
    "_tensors._bond_spectra": ("bond_spectra",),
    "_tensors._min_cut": ("min_cut",),
}
"""Modules that no fit needs: each is loaded when one of its names is first asked for."""


def __getattr__(name: str) -> Any:
    for module, names in _LATER.items():
        if name in names:
            return getattr(import_module(f".{module}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
