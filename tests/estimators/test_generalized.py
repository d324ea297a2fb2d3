"""Estimators with other products and with shared cores."""

import itertools
import warnings

import numpy as np
import pytest
from sklearn.datasets import load_digits, make_moons
from sklearn.exceptions import ConvergenceWarning

from sktensornet import (
    CPClassifier,
    CPRegressor,
    HTClassifier,
    HTRegressor,
    TTClassifier,
    TTRegressor,
)
from sktensornet.feature_maps import AffineMap, PolynomialMap
from sktensornet.networks import balanced, canonical_polyadic, hierarchical_tucker, recurrent_train
from sktensornet.networks._passes._contraction import Contraction
from sktensornet.networks._starts._generalized import generalized_start
from sktensornet.patches import ImagePatches
from sktensornet.solvers import ALS, Adam

PRODUCTS = ["max", "logaddexp", "add", "hypot"]
CLASSIFIERS = [TTClassifier, HTClassifier, CPClassifier]
each_product = pytest.mark.parametrize("product", PRODUCTS)
each_classifier = pytest.mark.parametrize("kind", CLASSIFIERS)
TREES = {
    "TT": recurrent_train,
    "HT": lambda d, product: hierarchical_tucker(balanced(d), product),
    "CP": canonical_polyadic,
}


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X[:500].astype(np.float32), y[:500]


@each_product
@pytest.mark.parametrize("kind", TREES)
def test_start_without_noise_is_the_bias(product, kind):
    for d, rank, n_batch in itertools.product([1, 2, 5], [1, 4], [1, 3]):
        assert_start_is_the_bias(TREES[kind](d, product), rank, n_batch)


def assert_start_is_the_bias(tree, rank, n_batch):
    d = tree.n_sites
    leg = 3 if n_batch == 1 else 1
    contraction = Contraction(tree, tree.message_sizes((3,) * d, rank, leg), n_batch)
    rng = np.random.default_rng(0)
    bias = rng.standard_normal((n_batch, leg))
    features = rng.standard_normal((d, 5, 3))
    features[..., 0] = 1
    constants = [np.eye(3)[0]] * d
    scores, _ = contraction.forward(generalized_start(contraction, constants, bias, None), features)
    np.testing.assert_allclose(scores, np.broadcast_to(bias[:, None], scores.shape), atol=1e-12)
    noisy = generalized_start(contraction, constants, bias, np.random.RandomState(0))
    assert [core.shape for core in noisy] == list(contraction.core_shapes)
    scores, _ = contraction.forward(noisy, features)
    assert scores.std(axis=1).min() > 0
    assert np.abs(scores).max() < 50


@pytest.mark.parametrize(
    ("kind", "product"),
    # Every product and every format.
    [*zip([*CLASSIFIERS, TTClassifier], PRODUCTS), (HTClassifier, "max"), (CPClassifier, "max")],
)
def test_learns_digits(kind, product, digits):
    X, y = digits
    clf = kind(
        rank=12,
        patches=ImagePatches((8, 8), (4, 4)),
        feature_map=AffineMap(12),
        product=product,
        solver=Adam(1e-2 if kind is CPClassifier else 4e-3, batch_size=20),
        max_iter=25,
        random_state=0,
    ).fit(X, y)
    assert clf.score(X, y) > 0.95
    assert clf.alpha_ == 0
    assert clf.network_.product == product
    assert clf.network_.dtype == np.float32


@pytest.mark.parametrize("kind", [TTRegressor, HTRegressor, CPRegressor])
def test_regressors_take_a_product(kind):
    X = np.random.default_rng(0).standard_normal((80, 2))
    y = np.maximum(X[:, 0], X[:, 1])
    model = kind(product="max", feature_map=PolynomialMap(), random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        assert model.fit(X, y).score(X, y) > 0.9


def test_defaults_choose_a_gradient_solver_without_penalty():
    X, y = make_moons(60, random_state=0)
    clf = TTClassifier(product="max", max_iter=5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        clf.fit(X, y)
    assert clf.alpha_ == 0
    assert clf.trials_ is None
    assert clf.sweeps_ is None
    start = clf.set_params(penalty="start", warm_start=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        assert start.fit(X, y).alpha_ == 1e-4


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"product": "max", "alpha": 0.1}, r"penalty='frobenius'.*product='max'.*alpha=0.1"),
        ({"product": "max", "solver": "als"}, "product='max' rules out"),
        ({"product": "max", "init": "linear"}, "init='linear'.*product='max'"),
        ({"product": "max", "init": "moments"}, "init='moments'.*product='max'"),
        ({"product": "min"}, "'product' parameter"),
        ({"shared_cores": True, "solver": ALS()}, "shared_cores=True rules out"),
        ({"shared_cores": True, "init": "linear"}, "init='linear'.*shared_cores=True"),
        ({"shared_cores": "yes"}, "'shared_cores' parameter"),
        ({"shared_cores": True, "feature_map": {1: "one_hot"}}, "as many local features at every"),
    ],
)
@each_classifier
def test_what_does_not_go_together_raises(kind, parameters, message):
    X = np.array([[0.0, 1.0], [1.0, 2.0], [0.0, 3.0], [1.0, 1.0]])
    with pytest.raises(ValueError, match=message):
        kind(**parameters).fit(X, [0, 1, 0, 1])


def test_uneven_trees_cannot_share():
    X = np.random.default_rng(0).standard_normal((8, 3))
    clf = HTClassifier(shared_cores=True, feature_map=PolynomialMap())
    with pytest.raises(ValueError, match=r"shared_cores=True.*perfect tree.*3 sites"):
        clf.fit(X, [0, 1] * 4)


@each_classifier
@pytest.mark.parametrize("rule", [{"product": "hypot"}, {"shared_cores": True}], ids=str)
def test_fitted_networks_warm_start_and_do_not_compress(kind, rule):
    X = np.random.default_rng(0).standard_normal((40, 4))
    y = X[:, 0] + X[:, 1] > 0
    clf = kind(rank=3, feature_map="affine", max_iter=4, warm_start=True, random_state=0, **rule)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        first = clf.fit(X, y).loss_curve_[-1]
        assert clf.fit(X, y).loss_curve_[-1] < first
        again = kind(rank=3, feature_map="affine", max_iter=1, init=clf.network_, **rule)
        again.fit(X, y)
    assert again.network_.tree == clf.network_.tree
    with pytest.raises(ValueError, match=r"compress.*(product='hypot'|shared_cores=True)"):
        clf.compress(rank=2)
    plain = kind(rank=3, feature_map="affine", init=clf.network_)
    with pytest.raises(ValueError, match="does not fit"):
        plain.fit(X, y)


@each_classifier
def test_partial_fit_takes_products_and_shared_cores(kind, digits):
    X, y = digits
    clf = kind(
        rank=12,
        patches=ImagePatches((8, 8), (4, 4)),
        product="add",
        shared_cores=True,
        random_state=0,
    )
    for _ in range(3):
        clf.partial_fit(X, y, classes=np.arange(10))
    assert clf.network_.shares_cores
    assert clf.loss_curve_[-1] < clf.loss_curve_[0]


@each_classifier
def test_a_shared_network_scores_sequences_of_other_lengths(kind):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 8))
    y = X[:, :4].sum(axis=1) > 0
    clf = kind(rank=3, feature_map=AffineMap(4), shared_cores=True, solver="lbfgs", max_iter=30)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        clf.fit(X, y)
    short = X.copy()
    short[:, 4:] = np.nan
    shorter = clf.network_.with_n_sites(4)
    dense = shorter.to_dense()[..., 0]
    features = clf.feature_map_.transform(clf.patches_.extract(short))[:4]
    expected = np.einsum("abcd,na,nb,nc,nd->n", dense, *features)
    np.testing.assert_allclose(clf.decision_function(short), expected, rtol=1e-9, atol=1e-9)
