"""Saving estimators and loading them again.

Fitted estimators survive `pickle`, `joblib` and `skops.io`, and an estimator
that another version of the package saved is loaded with an
`InconsistentVersionWarning`. Pickles run any code that their author put into
them; a file of skops does not, and loads no types but its own and those named
in ``trusted``.

Examples
--------
>>> import skops.io
>>> from sklearn.datasets import load_iris
>>> from sktensornet import TTClassifier
>>> from sktensornet.persistence import TRUSTED_TYPES
>>> X, y = load_iris(return_X_y=True)
>>> clf = TTClassifier(rank=2).fit(X, y)
>>> saved = skops.io.dumps(clf)
>>> again = skops.io.loads(saved, trusted=TRUSTED_TYPES)
>>> bool((again.predict_proba(X) == clf.predict_proba(X)).all())
True
"""

from __future__ import annotations

from functools import partial
from typing import Any

from ._data._columns import Columns
from ._data._labels import Labels
from ._data._multilabels import Multilabels
from ._data._reals import Reals
from ._data._samples import Samples
from ._estimators._classifiers import CPClassifier, HTClassifier, TTClassifier
from ._estimators._regressors import CPRegressor, HTRegressor, TTRegressor
from ._fitting._feature_moments import FeatureMoments
from ._fitting._search import Trial
from ._fitting._uncertainty import Remembered
from ._fitting._unfinished import Unfinished
from ._problems._sweep_problem import SweepRecord
from ._support._version import InconsistentVersionWarning
from .augmentation import Augmentation
from .feature_maps import FeatureMap, FittedMap
from .losses import ClassificationLoss, RegressionLoss
from .networks import TensorNetwork, Tree
from .networks._topologies import FAMILIES
from .networks._tree import Node
from .patches import Patches, Sites
from .preprocessing import TokenEncoder
from .solvers import Solver
from .solvers._adam import _Moments
from .solvers._als import _Sweeps

__all__ = ["TRUSTED_TYPES", "InconsistentVersionWarning"]

_ESTIMATORS = (TTClassifier, HTClassifier, CPClassifier, TTRegressor, HTRegressor, CPRegressor)
_DATA = (Columns, Labels, Multilabels, Reals, Samples, Sites)
_FITS = (FeatureMoments, Remembered, SweepRecord, Trial, Unfinished, _Moments, _Sweeps)
_NETWORKS = (Node, TensorNetwork, Tree)


def _own(base: Any) -> list[type]:
    """The subclasses that the package itself defines, and theirs."""
    package = __name__.partition(".")[0] + "."
    own = [cls for cls in base.__subclasses__() if cls.__module__.startswith(package)]
    return [*own, *(below for cls in own for below in _own(cls))]


_BASES: tuple[type, ...] = (
    Augmentation,
    ClassificationLoss,
    FeatureMap,
    FittedMap,
    Patches,
    RegressionLoss,
    Solver,
)
_TYPES: list[type] = [
    *_ESTIMATORS,
    *_DATA,
    *_FITS,
    *_NETWORKS,
    TokenEncoder,
    *(cls for base in _BASES for cls in _own(base)),
]

_TRUSTED: list[Any] = [*_TYPES, *FAMILIES, partial]

_LEVELS = (
    "datetime.date",
    "datetime.datetime",
    "datetime.timedelta",
    "decimal.Decimal",
    "pandas.Interval",
    "pandas._libs.interval.Interval",
)
"""What levels of categories may be beside text, numbers and booleans; pandas 3 renamed its own."""

TRUSTED_TYPES = tuple(
    sorted([*_LEVELS, *(f"{one.__module__}.{one.__qualname__}" for one in _TRUSTED)])
)
"""Names of the types that a saved estimator of this package consists of, beside those that
skops trusts anyway: what ``skops.io.load(file, trusted=TRUSTED_TYPES)`` needs. Types of your
own, such as a `FeatureMap` that you wrote, are not among them."""
