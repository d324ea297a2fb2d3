"""Tensor networks that fit and predict like scikit-learn estimators."""

from ._estimators._classifiers import CPClassifier, HTClassifier, TTClassifier
from ._estimators._regressors import CPRegressor, HTRegressor, TTRegressor
from ._support._version import __version__

__all__ = [
    "CPClassifier",
    "CPRegressor",
    "HTClassifier",
    "HTRegressor",
    "TTClassifier",
    "TTRegressor",
    "__version__",
]
