"""The version, and estimators that know the one that saved them."""

from __future__ import annotations

import warnings
from typing import Any

from sklearn import exceptions
from sklearn.base import BaseEstimator

__version__ = "0.2.0.dev0"

_KEY = "_sktensornet_version"


class InconsistentVersionWarning(exceptions.InconsistentVersionWarning):
    """An estimator was saved by another version of sktensornet.

    Parameters
    ----------
    estimator_name : str
        Class of the estimator.
    saved_by : str
        The version that saved it.

    Examples
    --------
    >>> from sktensornet.persistence import InconsistentVersionWarning
    >>> str(InconsistentVersionWarning("TTClassifier", "0.0.1"))[:44]
    'TTClassifier was saved by sktensornet 0.0.1 '
    """

    def __init__(self, estimator_name: str, saved_by: str) -> None:
        self.estimator_name = estimator_name
        self.saved_by = saved_by

    def __str__(self) -> str:
        return (
            f"{self.estimator_name} was saved by sktensornet {self.saved_by} and is loaded by "
            f"sktensornet {__version__}. It may fail or predict something else; fit it anew, or "
            f"load it with sktensornet {self.saved_by}."
        )


def moved(name: str) -> Any:
    """Say of which version a saved estimator is, in the place of the class that it looks for.

    A class that has moved is looked for before any state is read, so that the comparison
    of versions would come too late.
    """
    if not name.endswith(("Classifier", "Regressor")):
        raise AttributeError(name)
    raise ImportError(
        f"this {name} was saved by sktensornet 0.1.0 and cannot be loaded by sktensornet "
        f"{__version__}; fit it anew, or load it with sktensornet 0.1.0."
    )


class VersionedEstimator(BaseEstimator):
    """An estimator whose saved state names the version, which loading compares.

    scikit-learn does so for its own estimators only.
    """

    def __getstate__(self) -> dict:
        return {**super().__getstate__(), _KEY: __version__}

    def __setstate__(self, state: dict) -> None:
        state = dict(state)
        saved_by = state.pop(_KEY, "before 0.1.0")
        if saved_by != __version__:
            warnings.warn(InconsistentVersionWarning(type(self).__name__, saved_by), stacklevel=2)
        super().__setstate__(state)
