"""Fitted models with random networks, so that all interactions are there."""

from copy import deepcopy

import numpy as np
import pandas as pd
import pytest

from sktensornet import (
    CPClassifier,
    CPRegressor,
    HTClassifier,
    HTRegressor,
    TTClassifier,
    TTRegressor,
)
from sktensornet.feature_maps import SplineMap
from sktensornet.networks import TensorNetwork

CLASSIFIERS = {"TT": TTClassifier, "HT": HTClassifier, "CP": CPClassifier}
REGRESSORS = {"TT": TTRegressor, "HT": HTRegressor, "CP": CPRegressor}


def scrambled(estimator, seed=0):
    """The fitted estimator with random cores."""
    rng = np.random.default_rng(seed)
    network = estimator.network_
    cores = [rng.standard_normal(core.shape).astype(core.dtype) for core in network.cores]
    estimator.network_ = TensorNetwork(network.tree, tuple(cores), network.batched)
    return estimator


def table(n=60, seed=3):
    """Two numeric columns, a column of categories and a column of two values."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "age": rng.uniform(20, 70, n),
            "colour": rng.choice(["blue", "green", "red"], n),
            "dose": rng.standard_normal(n) * 3 + 5,
            "sex": rng.choice([-1.0, 1.0], n),
        }
    )


@pytest.fixture(scope="session")
def make_fitted():
    """A fitted estimator with random cores, and its data, which are found once."""
    made = {}

    def make(*args, **kwargs):
        key = repr((args, kwargs))
        if key not in made:
            made[key] = fitted(*args, **kwargs)
        return deepcopy(made[key])

    def fitted(
        name="TT", kind="classifier", n_outputs=3, separate=False, dtype=np.float64, **kwargs
    ):
        X = table()
        X = X.astype({column: dtype for column in X.columns if column != "colour"})
        rng = np.random.default_rng(5)
        options = {"rank": 4, "alpha": 1e-2, "max_iter": 2, "tol": 1e9} | kwargs
        options.setdefault("feature_map", SplineMap(scale=1.0))
        tensors = "separate" if separate else "joint"
        if kind == "classifier":
            y = np.arange(len(X)) % n_outputs
            estimator = CLASSIFIERS[name](class_tensors=tensors, **options)
            estimator.fit(X, np.array(["a", "b", "c"])[y])
        else:
            y = 10 + 3 * rng.standard_normal((len(X), n_outputs))
            estimator = REGRESSORS[name](output_tensors=tensors, **options)
            estimator.fit(X, y if n_outputs > 1 else y[:, 0])
        return scrambled(estimator), X

    return make
