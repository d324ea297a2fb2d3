"""Grid tensors against scores."""

import itertools

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_digits, load_iris

from sktensornet import CPClassifier, HTClassifier, TTClassifier, TTRegressor
from sktensornet.expressivity import (
    cp_rank_lower_bound,
    grid_tensor,
    matricization_rank,
    on_templates,
    random_network,
)
from sktensornet.networks import tensor_train
from sktensornet.patches import ImagePatches

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("class_tensors", ["joint", "separate"])
@pytest.mark.parametrize("Format", [TTClassifier, HTClassifier, CPClassifier])
def test_columns_of_a_table(Format, class_tensors):
    X, y = load_iris(return_X_y=True)
    clf = Format(4, class_tensors=class_tensors, solver="als", alpha=1e-3, max_iter=3).fit(X, y)
    templates = np.array([[0.5], [2.0], [6.0]])
    grid = grid_tensor(clf, templates)
    points = np.array(list(itertools.product(templates[:, 0], repeat=4)))
    scores = clf.decision_function(points)
    np.testing.assert_allclose(grid.reshape(81, 3), scores, atol=1e-9 * np.abs(scores).max())


def test_patches_of_images_with_templates_of_their_own():
    X, y = load_digits(return_X_y=True)
    X, y = X[:200].astype(np.float32), y[:200]
    patches = ImagePatches((8, 8), (4, 4))
    clf = TTClassifier(3, patches=patches, solver="als", max_iter=1, random_state=0).fit(X, y)
    columns = clf.patches_.columns
    templates = np.stack([X[:3][:, own] for own in columns])
    grid = grid_tensor(clf, templates)
    assert grid.shape == (3, 3, 3, 3, 10)
    image = np.zeros((1, 64), np.float32)
    chosen = (2, 0, 1, 1)
    for k, template in enumerate(chosen):
        image[0, columns[k]] = templates[k, template]
    scale = np.abs(grid).max()
    np.testing.assert_allclose(grid[chosen], clf.decision_function(image)[0], atol=1e-4 * scale)
    same = grid_tensor(clf, X[:2, columns[0]])
    assert same.shape == (2, 2, 2, 2, 10)


def test_a_regressor_gives_scaled_scores():
    X, y = load_diabetes(return_X_y=True)
    reg = TTRegressor(3, solver="als", alpha=1e-3, max_iter=2).fit(X[:, :3], y)
    grid = grid_tensor(reg, [[0.0], [0.02]])
    predicted = reg.predict([[0.0, 0.02, 0.0]])
    assert grid[0, 1, 0, 0] * reg.target_scale_[0] + reg.target_mean_[0] == pytest.approx(
        predicted[0]
    )


@pytest.mark.parametrize("batched", [False, True])
def test_a_network_on_features(batched):
    network = random_network(tensor_train(3), (2, 3, 4), 2, 2, batched=batched, random_state=0)
    rng = np.random.default_rng(0)
    features = [rng.standard_normal((size, m)) for size, m in zip((3, 2, 5), (2, 3, 4))]
    expected = np.einsum("ia,jb,kc,abco->ijko", *features, network.to_dense())
    np.testing.assert_allclose(grid_tensor(network, features), expected, atol=1e-12)


def test_invertible_templates_keep_ranks():
    network = random_network(tensor_train(6), 3, 4, random_state=0)
    grid = on_templates(network, np.random.default_rng(0).standard_normal((3, 3)))
    assert cp_rank_lower_bound(grid) == cp_rank_lower_bound(network) == 27
    few = on_templates(network, np.random.default_rng(0).standard_normal((2, 3)))
    assert matricization_rank(few, [0, 2, 4]) == 8


def test_too_large_ones_raise_and_bad_templates_are_named():
    network = random_network(tensor_train(20), 3, 2, random_state=0)
    with pytest.raises(ValueError, match="to_dense"):
        grid_tensor(network, np.eye(3))
    for wrong in (np.eye(4), [np.eye(3)] * 3, np.ones(3)):
        with pytest.raises(ValueError, match="templates has features of shapes"):
            grid_tensor(network, wrong)
    X, y = load_iris(return_X_y=True)
    clf = TTClassifier(2, solver="als", alpha=1e-3, max_iter=1).fit(X, y)
    for wrong in (np.ones((3, 2)), np.ones((3, 5, 1)), np.ones(3)):
        with pytest.raises(ValueError, match="templates has shape"):
            grid_tensor(clf, wrong)
    with pytest.raises(ValueError, match="not fitted"):
        grid_tensor(TTClassifier(), np.ones((3, 1)))


@pytest.mark.parametrize("product", ["max", "logaddexp", "add", "hypot"])
@pytest.mark.parametrize("batched", [False, True])
def test_grid_of_a_generalized_network_is_its_scores(product, batched):
    X, y = load_iris(return_X_y=True)
    clf = TTClassifier(
        3,
        product=product,
        feature_map="polynomial",
        class_tensors="separate" if batched else "joint",
        solver="adam",
        max_iter=2,
        random_state=0,
    ).fit(X[:, :3], y)
    values = np.array([[4.0], [5.5]])
    grid = grid_tensor(clf, values)
    for place in np.ndindex(2, 2, 2):
        row = values[list(place), 0]
        np.testing.assert_allclose(grid[place], clf.decision_function([row])[0], rtol=1e-10)
    for refused in (lambda: matricization_rank(clf.network_, [0]), clf.network_.to_dense):
        with pytest.raises(ValueError, match="product='multiply'"):
            refused()


def test_a_large_grid_of_a_generalized_network_raises():
    X, y = load_iris(return_X_y=True)
    clf = TTClassifier(2, product="max", feature_map="polynomial", solver="adam", max_iter=1)
    with pytest.raises(ValueError, match="the limit is"):
        grid_tensor(clf.fit(X, y), np.zeros((60, 1)))
