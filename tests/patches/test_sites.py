"""Which columns of X sites may name."""

import pickle

import numpy as np
import pytest

from sktensornet import TTRegressor
from sktensornet.patches import Patches, Sites


class Fixed(Patches):
    """The same columns, however many X has."""

    def __init__(self, columns):
        self.columns = columns

    def fit(self, n_features):
        return Sites(np.array(self.columns))


def data():
    X = np.random.default_rng(0).standard_normal((60, 3))
    return X, X[:, 2]


@pytest.mark.parametrize("columns", [[[1], [-1]], [[0.5]], [1, 2], [[]], [[True, False]]])
def test_sites_are_checked_when_made(columns):
    with pytest.raises(ValueError, match="integers >= 0 of shape"):
        Sites(np.array(columns))
    with pytest.raises(ValueError, match="integers >= 0 of shape"):
        TTRegressor(patches=Fixed(columns)).fit(*data())


@pytest.mark.parametrize("solver", ["als", "lbfgs"])
def test_columns_beyond_the_last_are_refused(solver):
    with pytest.raises(ValueError, match="name column 3, counted from 0, but X has 3 columns"):
        TTRegressor(patches=Fixed([[1], [3]]), solver=solver).fit(*data())


def test_the_last_column_is_read():
    sites = Sites(np.array([[2], [0]]))
    X, y = data()
    np.testing.assert_array_equal(sites.extract(X)[:, :, 0], X[:, [2, 0]].T)
    assert TTRegressor(patches=Fixed([[1], [2]])).fit(X, y).score(X, y) > 0.99


def test_files_are_checked_when_loaded():
    sites = Sites(np.array([[0], [1]]))
    vars(sites)["columns"] = np.array([[0], [-1]])
    saved = pickle.dumps(sites)
    with pytest.raises(ValueError, match="integers >= 0"):
        pickle.loads(saved)
    vars(sites)["columns"] = np.array([[0], [10**6]])
    loaded = pickle.loads(pickle.dumps(sites))
    with pytest.raises(ValueError, match="but X has 3 columns"):
        loaded.extract(data()[0])
