"""The feature map and the model that parameters ask for."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from sklearn.base import clone

from .._data._columns import Columns
from .._data._samples import Samples
from .._data._targets import Targets
from .._distributed._blocks import Blocks
from .._problems._model import Model
from ..feature_maps import (
    FEATURE_MAPS,
    FeatureMap,
    FittedMap,
    MixedMap,
    OneHotMap,
)
from ..feature_maps._missing import sites_with_missing, with_missing
from ..networks import TensorNetwork, Tree
from ..patches import SingleColumns, Sites
from ._automatic import automatic_rank
from ._start import check_network


def make_feature_map(
    parameters: Any, columns: Columns, n_columns: int, automatic: FeatureMap
) -> FeatureMap:
    """The feature map that the parameters of an estimator ask for.

    Categories are one-hot, by ``feature_map`` if that is a `OneHotMap`, and other
    columns take ``feature_map``, which may be another one for each column;
    `automatic` is what "auto" means for them, or for patches.
    """
    asked = parameters.feature_map
    if parameters.patches is not None:
        return _patch_map(parameters, columns, automatic)
    one_hot = asked if isinstance(asked, OneHotMap) else OneHotMap()
    by_column: dict[int, FeatureMap] = dict.fromkeys(columns.categorical, one_hot)
    other = automatic
    if isinstance(asked, dict):
        for name, one in asked.items():
            if not (isinstance(one, FeatureMap) or one in FEATURE_MAPS):
                raise ValueError(
                    f"feature_map[{name!r}]={one!r} must be a FeatureMap or one of "
                    f"{sorted(FEATURE_MAPS)}."
                )
            by_column[columns.index(name, n_columns, "feature_map")] = _one(one)
    elif asked != "auto":
        other = _one(asked)
    for k, n_levels in columns.counts().items() if columns.are_declared else ():
        own = by_column[k]
        if isinstance(own, OneHotMap) and own.categories is None:
            by_column[k] = clone(own).set_params(categories=range(n_levels))
    groups: dict[FeatureMap, list[int]] = {}
    for k in range(n_columns):
        groups.setdefault(by_column.get(k, other), []).append(k)
    if len(groups) == 1:
        return next(iter(groups))
    return MixedMap(list(groups), list(groups.values()))


def _patch_map(parameters: Any, columns: Columns, automatic: FeatureMap) -> FeatureMap:
    """The feature map of sites of several columns."""
    asked = parameters.feature_map
    if columns.categorical:
        raise ValueError(
            f"patches={parameters.patches!r} does not go with columns of categories, here "
            f"{columns.labels(columns.categorical)!r}; use patches=None, or encode them and set "
            "categorical_features=None."
        )
    if isinstance(asked, dict):
        raise ValueError(
            f"feature_map={asked!r} names columns, which does not go with patches="
            f"{parameters.patches!r}; pass one map for all patches."
        )
    return automatic if asked == "auto" else _one(asked)


def _one(feature_map: str | FeatureMap) -> FeatureMap:
    return FEATURE_MAPS[feature_map]() if isinstance(feature_map, str) else feature_map


def make_model(
    parameters: Any,
    topology: Callable[[Sites], Tree],
    columns: Columns,
    chosen: FeatureMap,
    targets: Targets,
    train: Samples,
    random_state: np.random.RandomState,
    before: FittedMap | None = None,
) -> Model:
    """The model, its feature map fitted to the samples.

    Which columns say that a value is missing stays as it was in the map `before`.
    """
    X, n_outputs, batched = train.X, targets.n_scores, targets.are_separate
    sites = (parameters.patches or SingleColumns()).fit(X.shape[1])
    sites.check(X.shape[1])
    alike = parameters.shared_cores and not (columns.categorical or isinstance(chosen, MixedMap))
    fit = partial(_fit_alike, chosen) if alike and not chosen.sees_sites_alike else chosen.fit
    feature_map = fit(X, sites.columns, train.weight, random_state)
    if parameters.patches is None and not parameters.shared_cores:
        missing = (
            sites_with_missing(X, sites.columns, train.weight)
            if before is None
            else getattr(before, "missing_sites", np.empty(0, np.intp))
        )
        feature_map = with_missing(feature_map, missing)
    if parameters.shared_cores and len(set(feature_map.mode_sizes)) > 1:
        raise ValueError(
            f"shared_cores=True needs as many local features at every site, but feature_map="
            f"{chosen!r} has {sorted(set(feature_map.mode_sizes))} here; use one map with a fixed "
            "number of features, or shared_cores=False."
        )
    tree = topology(sites)
    n_tensors, leg = (n_outputs, 1) if batched else (1, n_outputs)
    rank = automatic_rank(parameters, tree, targets)
    sizes = tree.message_sizes(feature_map.mode_sizes, rank, leg)
    if isinstance(parameters.init, TensorNetwork):
        model = Model(sites, feature_map, tree, sizes, n_tensors, batched, X.dtype)
        check_network(parameters.init, model)
        sizes = parameters.init.message_sizes
    return Model(sites, feature_map, tree, sizes, n_tensors, batched, X.dtype)


def _fit_alike(
    chosen: FeatureMap,
    X: Any,
    columns: np.ndarray,
    weight: np.ndarray,
    random_state: np.random.RandomState,
) -> FittedMap:
    """A map fitted to the values of all sites as those of one, the same at each."""
    n_sites, size = columns.shape
    steps: Any = X.stacked(columns) if isinstance(X, Blocks) else X[:, columns].reshape(-1, size)
    one = chosen.fit(steps, np.arange(size)[None], np.repeat(weight, n_sites), random_state)
    return one.repeated(n_sites)


def at_rank(model: Model, rank: int, feature_map: FittedMap | None = None) -> Model:
    """The model with another cap of its ranks, and perhaps another fitted map."""
    feature_map = model.feature_map if feature_map is None else feature_map
    tree, n_tensors = model.tree, model.contraction.n_batch
    sizes = tree.message_sizes(feature_map.mode_sizes, rank, model.message_sizes[-1])
    return Model(model.sites, feature_map, tree, sizes, n_tensors, model.batched, model.dtype)
