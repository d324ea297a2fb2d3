"""What is kept between predictions is that of the present network, and of no file."""

import gc
import pickle
import weakref
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy

import numpy as np
import pytest
from sklearn.base import clone

from sktensornet import HTClassifier, TTRegressor
from sktensornet._estimators import _predictor as module
from sktensornet.feature_maps import PolynomialMap
from sktensornet.networks import TensorNetwork

SHORT = {
    "rank": 3,
    "feature_map": PolynomialMap(2),
    "alpha": 1e-2,
    "max_iter": 2,
    "tol": 1e9,
    "random_state": 0,
}


@pytest.fixture
def fitted():
    X = np.random.default_rng(0).standard_normal((300, 4))
    return TTRegressor(**SHORT).fit(X, X[:, 0] * X[:, 1]), X


def test_what_was_learnt_since_is_used(fitted):
    reg, X = fitted
    first = reg.predict(X)
    cores = reg.network_.cores
    reg.network_ = TensorNetwork(reg.network_.tree, (2 * cores[0], *cores[1:]))
    mean = reg.target_mean_
    np.testing.assert_allclose(reg.predict(X) - mean, 2 * (first - mean), rtol=1e-12, atol=1e-12)
    reg.fit(X, X[:, 2])
    again = clone(reg).fit(X, X[:, 2])
    np.testing.assert_array_equal(reg.predict(X), again.predict(X))
    np.testing.assert_array_equal(deepcopy(reg).predict(X), again.predict(X))


def test_other_numbers_of_rows_and_threads_do_not_matter(fitted):
    reg, X = fitted
    whole = reg.predict(X)
    for n in (1, 7, 1, 300, 2, 1):
        np.testing.assert_allclose(reg.predict(X[:n]), whole[:n], rtol=1e-12)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda k: reg.predict(X[k : k + 1 + k % 3]), range(200)))
    for k, scores in enumerate(found):
        np.testing.assert_allclose(scores, whole[k : k + 1 + k % 3], rtol=1e-12)


def test_nothing_is_kept_in_files_or_after_the_estimator():
    X = np.random.default_rng(0).standard_normal((60, 4))
    reg = TTRegressor(**SHORT).fit(X, X[:, 0])
    before = len(pickle.dumps(reg)), set(vars(reg))
    reg.predict(X)
    assert (len(pickle.dumps(reg)), set(vars(reg))) == before
    predictor = weakref.ref(module.predictor_of(reg))
    assert predictor() is not None
    del reg
    gc.collect()
    assert predictor() is None


def test_much_memory_is_not_kept():
    X = np.random.default_rng(0).standard_normal((600, 30))
    clf = HTClassifier(**SHORT | {"rank": 8}).fit(X, X[:, 0] > 0)
    clf.predict(X[:512])
    predictor = module.predictor_of(clf)
    assert not predictor._idle
    clf.predict(X[:5])
    assert len(predictor._idle) == 1
