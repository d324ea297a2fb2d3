"""The formats: which tree an estimator's weight tensor has."""

from __future__ import annotations

from typing import Any

from ..networks import (
    Tree,
    balanced,
    balanced_grid,
    canonical_polyadic,
    check_nested,
    hierarchical_tucker,
    recurrent_train,
    tensor_train,
)
from ..patches import Sites


class TensorTrainMixin:
    """Weights in a tensor train; one with another rule is read from left to right."""

    product: str
    shared_cores: bool

    def _tree(self, sites: Sites) -> Tree:
        if self.product == "multiply" and not self.shared_cores:
            return tensor_train(sites.n_sites)
        return recurrent_train(sites.n_sites, self.product, self.shared_cores)


class HierarchicalTuckerMixin:
    """Weights in a hierarchical Tucker tree, as the parameter ``tree`` says."""

    tree: str | tuple
    product: str
    shared_cores: bool

    @staticmethod
    def _in_order(n_sites: int) -> dict[str, Any]:
        return {"tree": balanced(n_sites)}

    def _tree(self, sites: Sites) -> Tree:
        if isinstance(self.tree, str):
            grid = sites.grid
            nested = balanced(sites.n_sites) if grid is None else balanced_grid(grid)
        else:
            nested = check_nested(self.tree, sites.n_sites)
        return hierarchical_tucker(nested, self.product, self.shared_cores)


class CanonicalPolyadicMixin:
    """Weights in a canonical polyadic sum."""

    product: str
    shared_cores: bool

    def _tree(self, sites: Sites) -> Tree:
        return canonical_polyadic(sites.n_sites, self.product, self.shared_cores)
