"""Tensor networks that fit and predict like scikit-learn estimators."""

from ._classifiers import CPClassifier, HTClassifier, TTClassifier
from ._regressors import CPRegressor, HTRegressor, TTRegressor
from ._version import __version__

__all__ = [
    "CPClassifier",
    "CPRegressor",
    "HTClassifier",
    "HTRegressor",
    "TTClassifier",
    "TTRegressor",
    "__version__",
]
