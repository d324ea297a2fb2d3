"""The formats: which tree an estimator's weight tensor has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..networks import (
    Tree,
    balanced,
    balanced_grid,
    canonical_polyadic,
    hierarchical_tucker,
    recurrent_train,
    tensor_train,
)
from ..networks._dimension_trees import check_nested
from ..patches import Sites


@dataclass(frozen=True)
class Format:
    """A topology for any sites.

    Parameters
    ----------
    tree : callable
        From the parameters of an estimator and its sites to the tree.
    in_order : callable
        From a number of sites to the parameters of the topology that takes them in
        their order.
    """

    tree: Callable[[Any, Sites], Tree]
    in_order: Callable[[int], dict[str, Any]] = lambda n_sites: {}


def _train(parameters: Any, sites: Sites) -> Tree:
    """A train; one with another rule is read from left to right."""
    if parameters.product == "multiply" and not parameters.shared_cores:
        return tensor_train(sites.n_sites)
    return recurrent_train(sites.n_sites, parameters.product, parameters.shared_cores)


def _tucker(parameters: Any, sites: Sites) -> Tree:
    """A tree, as the parameter ``tree`` says."""
    if isinstance(parameters.tree, str):
        grid = sites.grid
        nested = balanced(sites.n_sites) if grid is None else balanced_grid(grid)
    else:
        nested = check_nested(parameters.tree, sites.n_sites)
    return hierarchical_tucker(nested, parameters.product, parameters.shared_cores)


def _polyadic(parameters: Any, sites: Sites) -> Tree:
    return canonical_polyadic(sites.n_sites, parameters.product, parameters.shared_cores)


TENSOR_TRAIN = Format(_train)
HIERARCHICAL_TUCKER = Format(_tucker, lambda n_sites: {"tree": balanced(n_sites)})
CANONICAL_POLYADIC = Format(_polyadic)
