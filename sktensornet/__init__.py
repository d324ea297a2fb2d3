"""Tensor networks that fit and predict like scikit-learn estimators."""

from ._classifiers import CPClassifier, HTClassifier, TTClassifier
from ._regressors import CPRegressor, HTRegressor, TTRegressor

__version__ = "0.1.0"

__all__ = [
    "CPClassifier",
    "CPRegressor",
    "HTClassifier",
    "HTRegressor",
    "TTClassifier",
    "TTRegressor",
    "__version__",
]
