"""Fitted estimators of one format from those of another."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_digits, load_wine

from sktensornet import (
    CPClassifier,
    CPRegressor,
    HTClassifier,
    HTRegressor,
    TTClassifier,
    TTRegressor,
)
from sktensornet.feature_maps import SplineMap
from sktensornet.networks import balanced
from sktensornet.patches import ImagePatches
from sktensornet.solvers import Adam

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

CLASSIFIERS = [TTClassifier, HTClassifier, CPClassifier]
REGRESSORS = [TTRegressor, HTRegressor, CPRegressor]
SWEEPS = {"solver": "als", "feature_map": SplineMap(scale=1.0)}


def name(Format):
    return Format.__name__


may_grow = pytest.mark.filterwarnings("ignore:.* became a .* of rank:UserWarning")


@pytest.fixture(scope="module")
def wine():
    X, y = load_wine(return_X_y=True)
    return X[:, :5], y


@pytest.fixture(scope="module", params=CLASSIFIERS, ids=name)
def classifier(request, wine):
    return request.param(rank=4, alpha=1e-3, **SWEEPS, max_iter=1, random_state=0).fit(*wine)


@may_grow
@pytest.mark.parametrize("Format", CLASSIFIERS, ids=name)
def test_predictions_stay(classifier, Format, wine):
    X, _ = wine
    before = classifier.network_
    converted = Format.from_fitted(classifier)
    assert type(converted) is Format
    assert classifier.network_ is before
    assert converted.network_.tree == converted._tree(converted.patches_)
    assert converted.rank == classifier.rank
    expected = classifier.decision_function(X)
    np.testing.assert_allclose(
        converted.decision_function(X), expected, atol=1e-10 * np.abs(expected).max()
    )
    np.testing.assert_array_equal(converted.predict(X), classifier.predict(X))
    assert converted.get_params()["alpha"] == 1e-3
    np.testing.assert_array_equal(converted.classes_, classifier.classes_)


@pytest.mark.parametrize("Target", REGRESSORS, ids=name)
@pytest.mark.parametrize("Source", REGRESSORS, ids=name)
def test_regressors_of_separate_outputs(Source, Target):
    X, y = load_diabetes(return_X_y=True)
    y = np.column_stack([y, X[:, 0] * X[:, 1]])
    regressor = Source(
        rank=3, output_tensors="separate", alpha=1e-3, **SWEEPS, max_iter=1, random_state=0
    ).fit(X[:, :4], y)
    converted = Target.from_fitted(regressor)
    assert converted.network_.batched
    np.testing.assert_allclose(converted.predict(X[:, :4]), regressor.predict(X[:, :4]), rtol=1e-9)


def test_a_recurrent_network_of_images_as_a_deep_one():
    X, y = load_digits(return_X_y=True)
    X, y = X[:300].astype(np.float32), y[:300]
    chain = TTClassifier(
        rank=3,
        patches=ImagePatches((8, 8), (4, 4), stride=2),
        solver=Adam(learning_rate=1e-2),
        max_iter=2,
        random_state=0,
    ).fit(X, y)
    tree = HTClassifier.from_fitted(chain)
    assert tree.network_.dtype == np.float32
    scores = chain.decision_function(X)
    np.testing.assert_allclose(tree.decision_function(X), scores, atol=2e-4 * np.abs(scores).max())
    # The tree halves the chain: on the grid of the patches it would need ranks of thousands.
    assert tree.tree == balanced(9)
    assert tree.feature_map_.mode_sizes == chain.feature_map_.mode_sizes


def test_ranks_that_grow_far_warn(wine):
    X, y = wine
    wide = TTClassifier(rank=4, alpha=1e-3, **SWEEPS, max_iter=1, random_state=0).fit(X, y)
    with pytest.warns(
        UserWarning, match=r"TT of rank 4 became a CP of rank 768, .*rank="
    ) as record:
        converted = CPClassifier.from_fitted(wide)
    assert len(record) == 1
    old, new = wide.network_.n_parameters, converted.network_.n_parameters
    assert f"{new:,} parameters instead of {old:,}" in str(record[0].message)
    assert record[0].filename == __file__


@may_grow
def test_the_new_tree_can_be_chosen(classifier, wine):
    nested = ((4, 2), (0, (3, 1)))
    converted = HTClassifier.from_fitted(classifier, tree=nested)
    assert converted.tree == nested
    assert converted.network_.tree == HTClassifier(tree=nested)._tree(converted.patches_)
    np.testing.assert_allclose(
        converted.predict_proba(wine[0]), classifier.predict_proba(wine[0]), atol=1e-9
    )
    again = HTClassifier.from_fitted(converted)
    assert again.tree == nested


def test_fewer_ranks_warn_and_are_close(classifier, wine):
    with pytest.warns(UserWarning, match="changed the tensor by"):
        smaller = TTClassifier.from_fitted(classifier, rank=2)
    assert smaller.rank == max(smaller.network_.ranks) == 2
    assert smaller.score(*wine) > 0.6


@pytest.mark.parametrize("class_tensors", ["joint", "separate"])
def test_a_sum_of_few_terms_is_fitted(class_tensors, wine):
    X, y = wine
    chain = TTClassifier(
        3, class_tensors=class_tensors, alpha=1e-2, **SWEEPS, max_iter=1, random_state=0
    ).fit(X[:, :3], y)
    with pytest.warns(UserWarning, match=r"rank=8.* changed the tensor by"):
        terms = CPClassifier.from_fitted(chain, rank=8, random_state=0)
    assert terms.network_.ranks == (8,)
    assert np.mean(terms.predict(X[:, :3]) == chain.predict(X[:, :3])) > 0.8


def test_training_goes_on(wine):
    """Mini-batches take the converted network as it is; so do sweeps, if ``rank`` lets them."""
    X, y = wine
    chain = TTClassifier(rank=3, solver="adam", penalty="start", random_state=0)
    for _ in range(3):
        chain.partial_fit(X, y, classes=[0, 1, 2])
    tree = HTClassifier.from_fitted(chain)
    n_parameters = tree.network_.n_parameters
    tree.partial_fit(X, y)
    assert tree.network_.n_parameters == n_parameters
    swept = TTClassifier(rank=3, alpha=1e-3, **SWEEPS, max_iter=1).fit(X, y)
    deep = HTClassifier.from_fitted(swept)
    before = deep.network_
    deep.set_params(warm_start=True, max_iter=1, rank=max(before.ranks))
    assert deep.fit(X, y).loss_curve_[-1] <= swept.loss_curve_[-1] * 1.01
    assert deep.network_ is not before


@may_grow
@pytest.mark.parametrize("Format", CLASSIFIERS, ids=name)
def test_a_new_fit_is_of_the_rank_of_the_old_estimator(Format, wine):
    chain = TTClassifier(5, feature_map="trigonometric", alpha=1e-3, max_iter=1, random_state=0)
    chain.set_params(solver="als").fit(*wine)
    converted = Format.from_fitted(chain)
    assert max(converted.network_.ranks) > 5 or Format is TTClassifier
    fresh = clone(converted)
    assert fresh.get_params() == converted.get_params()
    assert fresh.get_params()["rank"] == chain.rank
    assert not hasattr(fresh, "network_")
    assert max(converted.fit(*wine).network_.ranks) <= 5
    assert converted.network_.n_parameters == fresh.fit(*wine).network_.n_parameters


def test_names_and_categories_stay():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.random(60), "b": pd.Categorical(rng.choice(list("xyz"), 60))})
    y = (frame["a"] > 0.5) ^ (frame["b"] == "x")
    chain = TTClassifier(rank=2, alpha=1e-3, **SWEEPS, max_iter=2).fit(frame, y)
    terms = CPClassifier.from_fitted(chain)
    assert list(terms.feature_names_in_) == ["a", "b"]
    np.testing.assert_allclose(terms.predict_proba(frame), chain.predict_proba(frame), atol=1e-9)


def test_an_init_that_is_a_network_is_left_out(wine):
    chain = TTClassifier(rank=2, alpha=1e-3, **SWEEPS, max_iter=1).fit(*wine)
    chain.set_params(init=chain.network_)
    assert HTClassifier.from_fitted(chain).init == "identity"


@pytest.mark.parametrize(
    ("Format", "argument", "params", "said"),
    [
        (TTRegressor, "fitted", {}, "must be a fitted regressor"),
        (TTClassifier, "text", {}, "estimator='text' must be a fitted classifier"),
        (TTClassifier, TTClassifier(), {}, "not fitted"),
        (TTClassifier, "fitted", {"tree": (0, 1)}, r"does not take \['tree'\]"),
        (HTClassifier, "fitted", {"alpha": 1.0}, r"takes \['tree'\]"),
        (HTClassifier, "fitted", {"tree": "deep"}, "'tree' parameter"),
        (HTClassifier, "fitted", {"tree": (0, 1)}, "misses site"),
        (HTClassifier, "fitted", {"rank": 0}, "rank=0"),
    ],
)
def test_says_what_is_wrong(Format, argument, params, said, classifier):
    estimator = classifier if argument == "fitted" else argument
    with pytest.raises(ValueError, match=said):
        Format.from_fitted(estimator, **params)


def test_recurrent_networks_become_free_ones():
    X, y = load_wine(return_X_y=True)
    recurrent = TTClassifier(
        3, shared_cores=True, feature_map="polynomial", solver="lbfgs", max_iter=5, random_state=0
    )
    recurrent.fit(X[:, :4], y)
    tree = HTClassifier.from_fitted(recurrent)
    assert not tree.shared_cores
    np.testing.assert_allclose(
        tree.decision_function(X[:, :4]), recurrent.decision_function(X[:, :4]), rtol=1e-8
    )


def test_other_products_have_nothing_to_convert():
    X, y = load_wine(return_X_y=True)
    clf = TTClassifier(3, product="max", feature_map="polynomial", solver="adam", max_iter=1)
    with pytest.raises(ValueError, match="from_fitted needs product='multiply'"):
        HTClassifier.from_fitted(clf.fit(X, y))
