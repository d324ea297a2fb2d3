"""Tensor networks that fit and predict like scikit-learn estimators."""

from ._classifiers import CPClassifier, HTClassifier, TTClassifier

__version__ = "0.1.0"

__all__ = ["CPClassifier", "HTClassifier", "TTClassifier", "__version__"]
