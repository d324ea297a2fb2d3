"""Parameter constraints; the only user of scikit-learn's private validation."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import signature
from numbers import Integral, Real
from typing import Any

from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions

from .._fitting._start import INITS
from .._problems._objective import PENALTIES
from ..feature_maps import FEATURE_MAPS, FeatureMap
from ..losses import CLASSIFICATION_LOSSES, REGRESSION_LOSSES
from ..networks import TensorNetwork
from ..networks._passes._products import PRODUCTS
from ..patches import ImagePatches, Patches, SequencePatches
from ..solvers import SOLVERS, Solver

__all__ = [
    "CLASSIFIER_CONSTRAINTS",
    "NETWORK_CONSTRAINTS",
    "REGRESSOR_CONSTRAINTS",
    "TREE_CONSTRAINTS",
    "check_parameters",
    "check_parts",
    "validated",
]

validated = _fit_context(prefer_skip_nested_validation=True)


def check_parameters(estimator: BaseEstimator) -> None:
    """Raise if a parameter of an estimator breaks its constraints."""
    estimator._validate_params()


_PARTS: dict[str, list[type[BaseEstimator]]] = {
    "feature_map": list(FEATURE_MAPS.values()),
    "patches": [ImagePatches, SequencePatches],
    "solver": list(SOLVERS.values()),
}
"""The parameters that may be objects with parameters of their own."""


def check_parts(estimator: Any, params: Mapping[str, Any]) -> None:
    """Raise if a name such as ``feature_map__scale`` is of a part that is not an object."""
    for name in params:
        part, _, own = name.partition("__")
        if own and part == "augment":
            raise ValueError(
                f"{name} sets {own!r} of something in a list; set the list itself, such as "
                "augment=[RandomShift(2)]."
            )
        value = params.get(part, getattr(estimator, part, None))
        if not own or part not in _PARTS or isinstance(value, BaseEstimator):
            continue
        having = [kind for kind in _PARTS[part] if own in signature(kind).parameters]
        objects = ", or ".join(f"{part}={_call(kind)}" for kind in having or _PARTS[part])
        raise ValueError(
            f"{name} sets {own!r} of an object, but {part}={value!r} is not one; first pass "
            f"{objects}."
        )


def _call(kind: type) -> str:
    """How an object is made; with dots if arguments are needed."""
    needed = any(one.default is one.empty for one in signature(kind).parameters.values())
    return f"{kind.__name__}({'...' if needed else ''})"


class _Part(HasMethods):
    """An object of a class; `text` says how it is made."""

    def __init__(self, base: type, text: str) -> None:
        super().__init__(["get_params"])
        self.base, self.text = base, text

    def is_satisfied_by(self, val: Any) -> bool:
        return isinstance(val, self.base)

    def __str__(self) -> str:
        return self.text


class _Augmentations(HasMethods):
    """Callables in a list."""

    def __init__(self) -> None:
        super().__init__(["__iter__"])

    def is_satisfied_by(self, val: Any) -> bool:
        if not isinstance(val, (list, tuple)):
            return False
        return all(callable(one) and not isinstance(one, type) for one in val)

    def __str__(self) -> str:
        return "a list of callables such as [RandomShift(2), RandomRotation(10)]"


NETWORK_CONSTRAINTS: dict[str, list] = {
    "rank": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
    "patches": [
        _Part(
            Patches,
            "an object such as ImagePatches((28, 28), (7, 7)) for images or "
            "SequencePatches(window=8) for series",
        ),
        None,
    ],
    "augment": [_Augmentations(), None],
    "n_views": [Interval(Integral, 1, None, closed="left")],
    "feature_map": [
        StrOptions({"auto", *FEATURE_MAPS}),
        _Part(FeatureMap, "an object such as SplineMap()"),
        dict,
    ],
    "categorical_features": [StrOptions({"from_dtype"}), "array-like", None],
    "product": [StrOptions(set(PRODUCTS))],
    "shared_cores": ["boolean"],
    "alpha": [Interval(Real, 0, None, closed="left"), StrOptions({"auto"})],
    "penalty": [StrOptions(set(PENALTIES))],
    "solver": [StrOptions({"auto", *SOLVERS}), _Part(Solver, "an object such as ALS()")],
    "max_iter": [Interval(Integral, 1, None, closed="left"), None],
    "tol": [Interval(Real, 0, None, closed="left")],
    "init": [StrOptions(set(INITS)), TensorNetwork],
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
    "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
    "warm_start": ["boolean"],
    "verbose": [Interval(Integral, 0, None, closed="left"), "boolean"],
    "n_jobs": [
        Interval(Integral, None, -1, closed="right"),
        Interval(Integral, 1, None, closed="left"),
        None,
    ],
    "random_state": ["random_state"],
}


CLASSIFIER_CONSTRAINTS: dict[str, list] = NETWORK_CONSTRAINTS | {
    "class_tensors": [StrOptions({"joint", "separate"})],
    "loss": [StrOptions({"auto", *CLASSIFICATION_LOSSES})],
    "class_weight": [StrOptions({"balanced"}), dict, None],
    "posterior": ["boolean"],
}

REGRESSOR_CONSTRAINTS: dict[str, list] = NETWORK_CONSTRAINTS | {
    "output_tensors": [StrOptions({"joint", "separate"})],
    "loss": [StrOptions(set(REGRESSION_LOSSES))],
    "huber_epsilon": [Interval(Real, 0, None, closed="neither")],
    "quantile": [Interval(Real, 0, 1, closed="neither")],
}

TREE_CONSTRAINTS: dict[str, list] = {"tree": [StrOptions({"balanced"}), tuple, list, Integral]}
