"""Parameter constraints; the only user of scikit-learn's private validation."""

from __future__ import annotations

from numbers import Integral, Real

from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils._param_validation import Interval, StrOptions

from ._init import INITS
from ._objective import PENALTIES
from .feature_maps import FEATURE_MAPS, FeatureMap
from .losses import CLASSIFICATION_LOSSES, REGRESSION_LOSSES
from .networks import PRODUCTS, TensorNetwork
from .patches import Patches
from .solvers import SOLVERS, Solver

__all__ = [
    "CLASSIFIER_CONSTRAINTS",
    "NETWORK_CONSTRAINTS",
    "REGRESSOR_CONSTRAINTS",
    "TREE_CONSTRAINTS",
    "check_parameters",
    "validated",
]

validated = _fit_context(prefer_skip_nested_validation=True)


def check_parameters(estimator: BaseEstimator) -> None:
    """Raise if a parameter of an estimator breaks its constraints."""
    estimator._validate_params()


NETWORK_CONSTRAINTS: dict[str, list] = {
    "rank": [Interval(Integral, 1, None, closed="left")],
    "patches": [Patches, None],
    "feature_map": [StrOptions({"auto", *FEATURE_MAPS}), FeatureMap, dict],
    "categorical_features": [StrOptions({"from_dtype"}), "array-like", None],
    "product": [StrOptions(set(PRODUCTS))],
    "shared_cores": ["boolean"],
    "alpha": [Interval(Real, 0, None, closed="left"), StrOptions({"auto"})],
    "penalty": [StrOptions(set(PENALTIES))],
    "solver": [StrOptions({"auto", *SOLVERS}), Solver],
    "max_iter": [Interval(Integral, 1, None, closed="left"), None],
    "tol": [Interval(Real, 0, None, closed="left")],
    "init": [StrOptions(set(INITS)), TensorNetwork],
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
    "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
    "warm_start": ["boolean"],
    "n_jobs": [
        Interval(Integral, None, -1, closed="right"),
        Interval(Integral, 1, None, closed="left"),
        None,
    ],
    "random_state": ["random_state"],
}


CLASSIFIER_CONSTRAINTS: dict[str, list] = NETWORK_CONSTRAINTS | {
    "class_tensors": [StrOptions({"joint", "separate"})],
    "loss": [StrOptions(set(CLASSIFICATION_LOSSES))],
    "class_weight": [StrOptions({"balanced"}), dict, None],
}

REGRESSOR_CONSTRAINTS: dict[str, list] = NETWORK_CONSTRAINTS | {
    "output_tensors": [StrOptions({"joint", "separate"})],
    "loss": [StrOptions(set(REGRESSION_LOSSES))],
    "huber_epsilon": [Interval(Real, 0, None, closed="neither")],
}

TREE_CONSTRAINTS: dict[str, list] = {"tree": [StrOptions({"balanced"}), tuple, list, Integral]}
