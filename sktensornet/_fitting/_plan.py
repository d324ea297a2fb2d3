"""From the parameters of an estimator to its parts: solver, feature map, model."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from .._arrays._typing import FloatArray
from .._data._columns import Columns
from .._problems._model import Model
from ..feature_maps import FEATURE_MAPS, AffineMap, FeatureMap, MixedMap, OneHotMap, PCAMap
from ..networks import TensorNetwork
from ..patches import SingleColumns
from ..solvers import ALS, LBFGS, SOLVERS, Adam, Solver
from ._start import check_network

LBFGS_LIMIT = 5_000_000
"""The largest n_samples * n_parameters for which "auto" takes L-BFGS."""
LBFGS_LIMIT_TEXT = f"{LBFGS_LIMIT:,}"
WIDEST_SWEPT = 256
"""The largest number of features of a site for which "auto" takes ALS."""
MOST_SWEPT = 100_000_000
"""The largest number of features of all samples and sites for which "auto" takes ALS."""

FEWER_STEPS, MANY_SITES, MANY_OUTPUTS = 2, 11, 8
"""Steps of a local solve, from how many sites on and below how many scores, where "auto"
takes ALS and the loss is not quadratic: with few sites a core is visited too seldom to make
up for steps, and many classes need more of them."""

LOCAL_SHARE_OF_TOL = 10
"""Where "auto" takes ALS, the loss is quadratic and alpha is "auto", a local solve ends before a
step that gains less than this times tol of the objective: a tenth of what a sweep must gain."""


def make_solver(solver: str | Solver, automatic: Callable[[], Solver]) -> Solver:
    """The solver that a parameter means; `automatic` is "auto"."""
    if not isinstance(solver, Solver):
        solver = automatic() if solver == "auto" else SOLVERS[solver]()
    solver.check()
    return solver


def automatic_solver(estimator: Any, model: Model, n_samples: int) -> Callable[[], Solver]:
    """What "auto" means as the solver of an estimator, for so many samples."""
    sizes = model.feature_map.mode_sizes
    if (
        estimator.patches is None
        and estimator.product == "multiply"
        and not estimator.shared_cores
        and estimator.penalty == "frobenius"
        and estimator._loss().is_bounded
        and not model.feature_map.parameters
        and max(sizes) <= WIDEST_SWEPT
        and n_samples * sum(sizes) <= MOST_SWEPT
    ):
        n_outputs = model.contraction.n_batch * model.message_sizes[-1]
        few = len(sizes) >= MANY_SITES and n_outputs < MANY_OUTPUTS
        if not estimator._loss().is_quadratic:
            return partial(ALS, local_iter=FEWER_STEPS) if few else ALS
        if estimator.alpha == "auto":
            return partial(ALS, local_tol=min(LOCAL_SHARE_OF_TOL * estimator.tol, 0.1))
        return ALS
    return LBFGS if n_samples * model.size <= LBFGS_LIMIT else Adam


def why_no_batches(estimator: Any) -> str | None:
    """Why ``partial_fit`` is not there; None if it is, or if it will refuse the solver itself."""
    asked = estimator.solver
    solver = SOLVERS.get(asked, Adam) if isinstance(asked, str) else asked
    if not getattr(solver, "takes_batches", True):
        return (
            f"with solver={asked!r}, which needs all samples at once; use solver='adam', which "
            "takes them in batches, or fit."
        )
    if estimator.early_stopping:
        return (
            f"with early_stopping={estimator.early_stopping!r}, which holds samples out of a whole "
            "fit; use early_stopping=False."
        )
    return None


def sweeps(solver: str | Solver) -> bool:
    """Whether the solver needs a fixed feature map; "auto" adapts."""
    found = SOLVERS.get(solver) if isinstance(solver, str) else solver
    return found is not None and found.sweeps


def make_feature_map(estimator: Any, columns: Columns, n_columns: int) -> FeatureMap:
    """The feature map that the parameters of an estimator ask for.

    Categories are one-hot, by ``feature_map`` if that is a `OneHotMap`, and other
    columns take ``feature_map``, which may be another one for each column.
    """
    asked = estimator.feature_map
    if estimator.patches is not None:
        return _patch_map(estimator, columns)
    one_hot = asked if isinstance(asked, OneHotMap) else OneHotMap()
    by_column: dict[int, FeatureMap] = dict.fromkeys(columns.categorical, one_hot)
    other: FeatureMap = estimator._column_map()
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
    groups: dict[FeatureMap, list[int]] = {}
    for k in range(n_columns):
        groups.setdefault(by_column.get(k, other), []).append(k)
    if len(groups) == 1:
        return next(iter(groups))
    return MixedMap(list(groups), list(groups.values()))


def _patch_map(estimator: Any, columns: Columns) -> FeatureMap:
    """The feature map of sites of several columns."""
    asked = estimator.feature_map
    if columns.categorical:
        raise ValueError(
            f"patches={estimator.patches!r} does not go with columns of categories, here "
            f"{columns.labels(columns.categorical)!r}; use patches=None, or encode them and set "
            "categorical_features=None."
        )
    if isinstance(asked, dict):
        raise ValueError(
            f"feature_map={asked!r} names columns, which does not go with patches="
            f"{estimator.patches!r}; pass one map for all patches."
        )
    if asked == "auto":
        return PCAMap() if sweeps(estimator.solver) else AffineMap()
    return _one(asked)


def _one(feature_map: str | FeatureMap) -> FeatureMap:
    return FEATURE_MAPS[feature_map]() if isinstance(feature_map, str) else feature_map


def make_model(
    estimator: Any,
    X: FloatArray,
    weight: FloatArray,
    random_state: np.random.RandomState,
    *,
    columns: Columns,
    n_outputs: int,
    batched: bool,
) -> Model:
    """A model for the data; `batched` is one tensor for each output."""
    _check_rule(estimator)
    sites = (estimator.patches or SingleColumns()).fit(X.shape[1])
    sites.check(X.shape[1])
    chosen = make_feature_map(estimator, columns, X.shape[1])
    if sweeps(estimator.solver):
        _check_sweeps(estimator, chosen)
    feature_map = chosen.fit(X, sites.columns, weight, random_state)
    if estimator.shared_cores and len(set(feature_map.mode_sizes)) > 1:
        raise ValueError(
            f"shared_cores=True needs as many local features at every site, but feature_map="
            f"{chosen!r} has {sorted(set(feature_map.mode_sizes))} here; use one map with a fixed "
            "number of features, or shared_cores=False."
        )
    tree = estimator._tree(sites)
    n_tensors, leg = (n_outputs, 1) if batched else (1, n_outputs)
    sizes = tree.message_sizes(feature_map.mode_sizes, estimator.rank, leg)
    if isinstance(estimator.init, TensorNetwork):
        model = Model(sites, feature_map, tree, sizes, n_tensors, batched, X.dtype)
        check_network(estimator.init, model)
        sizes = estimator.init.message_sizes
    return Model(sites, feature_map, tree, sizes, n_tensors, batched, X.dtype)


def _check_sweeps(estimator: Any, feature_map: FeatureMap) -> None:
    """Raise if a sweeping solver cannot honour the parameters."""
    solver = estimator.solver
    if feature_map.trainable:
        raise ValueError(
            f"feature_map={feature_map!r} is trained together with the network, which "
            f"solver={solver!r} cannot do; use a fixed map such as PCAMap() for patches "
            "and PolynomialMap() or SplineMap() for columns, or solver='adam'."
        )
    if estimator.penalty != "frobenius":
        raise ValueError(
            f"solver={solver!r} penalises the Frobenius norm of the weight tensor, so "
            f"penalty={estimator.penalty!r} must be 'frobenius'; or use solver='lbfgs' or 'adam'."
        )
    if not estimator._loss().is_bounded:
        raise ValueError(
            f"solver={solver!r} needs a loss whose curvature has a bound, which "
            f"loss={estimator.loss!r} has not; use solver='lbfgs' or 'adam'."
        )


def _check_rule(estimator: Any) -> None:
    """Raise if another product, or shared cores, rule out a parameter."""
    rules = []
    if estimator.product != "multiply":
        rules.append(f"product={estimator.product!r}")
    if estimator.shared_cores:
        rules.append("shared_cores=True")
    for rule in rules:
        if sweeps(estimator.solver):
            raise ValueError(
                f"solver={estimator.solver!r} optimises one core of a multilinear network at a "
                f"time, which {rule} rules out; use solver='lbfgs' or 'adam'."
            )
        if isinstance(estimator.init, str) and estimator.init != "identity":
            raise ValueError(
                f"init={estimator.init!r} starts at cores that {rule} rules out; use "
                "init='identity' or a network."
            )
    if (
        estimator.product != "multiply"
        and estimator.penalty == "frobenius"
        and estimator.alpha not in ("auto", 0)
    ):
        raise ValueError(
            f"penalty='frobenius' is the norm of the weight tensor, which a network with "
            f"product={estimator.product!r} has not, so alpha={estimator.alpha!r} must be 0 or "
            "'auto', which then means 0; or use penalty='start'."
        )
