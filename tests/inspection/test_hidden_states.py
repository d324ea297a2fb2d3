"""Hidden states: bases against dense singular vectors, and scikit-learn's checks."""

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from sktensornet import CPClassifier, HTClassifier, TTClassifier, TTRegressor
from sktensornet.feature_maps import PolynomialMap
from sktensornet.inspection import HiddenStates

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

LINE = {"feature_map": PolynomialMap(scale=1.0), "alpha": 1e-3, "max_iter": 3, "random_state": 0}


@parametrize_with_checks([HiddenStates(TTRegressor(rank=2, **LINE))])
def test_is_a_transformer(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True)


def test_of_a_tree_they_are_coordinates_in_singular_vectors(iris):
    X, y = iris
    states = HiddenStates(HTClassifier(rank=2, **LINE)).fit(X, y)
    clf = states.estimator_
    features = clf.feature_map_.transform(clf.patches_.extract(X))
    dense = clf.network_.to_dense()
    for pair, axes in enumerate([(0, 1), (2, 3)]):
        others = [k for k in range(5) if k not in axes]
        matrix = dense.transpose(*axes, *others).reshape(4, -1)
        left, values, _ = np.linalg.svd(matrix, full_matrices=False)
        below = np.einsum("na,nb->nab", *(features[k] for k in axes)).reshape(150, -1)
        own = slice(2 * pair, 2 * pair + 2)
        np.testing.assert_allclose(states.singular_values_[own], values[:2], rtol=1e-8)
        found = states.transform(X)[:, own]
        np.testing.assert_allclose(np.abs(found), np.abs(below @ left[:, :2]), atol=1e-8)
        assert (np.abs(found).argmax(axis=0) == found.argmax(axis=0)).all()


@pytest.mark.parametrize("Format", [TTClassifier, HTClassifier, CPClassifier])
def test_scores_are_linear_in_products_of_them(Format, iris):
    X, y = iris
    states = HiddenStates(Format(rank=3, **LINE)).fit(X, y)
    found = states.transform(X)
    assert found.shape == (150, len(states.singular_values_))
    network = states.estimator_.network_
    sizes = [network.message_sizes[child] for child in network.tree.nodes[-1].children]
    # Scores that sum to zero read one term less of a sum.
    assert found.shape[1] == sum(sizes) - (Format is CPClassifier)
    sides = np.split(found, np.cumsum(sizes)[:-1], axis=1)
    design = sides[0]
    for side in sides[1:]:
        design = np.einsum("na,nb->nab", design, side).reshape(150, -1)
    scores = states.estimator_.decision_function(X)
    fitted = design @ np.linalg.lstsq(design, scores, rcond=None)[0]
    np.testing.assert_allclose(fitted, scores, atol=1e-6 * np.abs(scores).max())


def test_another_gauge_and_weights_change_nothing(iris):
    X, y = iris
    weight = np.random.default_rng(0).integers(0, 3, 150)
    states = HiddenStates(TTClassifier(rank=2, **(LINE | {"max_iter": 20, "tol": 1e-10})))
    a = states.fit(X, y, sample_weight=weight).transform(X)
    b = states.fit(np.repeat(X, weight, axis=0), np.repeat(y, weight)).transform(X)
    np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-7)
    fitted = HiddenStates(states.estimator_, prefit=True).fit(X)
    np.testing.assert_allclose(np.abs(fitted.transform(X)), np.abs(b), atol=1e-9)


def test_in_pipelines_and_with_names(iris):
    X, y = iris
    inner = make_pipeline(StandardScaler(), TTClassifier(rank=2, **LINE))
    states = HiddenStates(inner).set_output(transform="pandas")
    frame = states.fit(X, y).transform(X)
    assert frame.columns[0] == "hiddenstates0"
    pipe = make_pipeline(HiddenStates(inner), LogisticRegression(max_iter=1000))
    assert pipe.fit(X, y).score(X, y) > 0.9


def test_separate_tensors_have_states_of_their_own(iris):
    X, y = iris
    states = HiddenStates(HTClassifier(rank=2, class_tensors="separate", **LINE)).fit(X, y)
    assert states.transform(X).shape[1] == len(states.singular_values_) > 6


def test_shared_cores_have_none(iris):
    X, y = iris
    shared = TTClassifier(rank=2, shared_cores=True, **LINE)
    with pytest.raises(ValueError, match="shared_cores=False"):
        HiddenStates(shared).fit(X, y)
