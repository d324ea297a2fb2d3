"""Shapley values and interaction indices against all coalitions."""

import itertools
import math
import os
import sys
import tracemalloc
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sktensornet import (
    CPClassifier,
    CPRegressor,
    HTClassifier,
    HTRegressor,
    TTClassifier,
    TTRegressor,
)
from sktensornet._estimators._reading import read_input
from sktensornet.feature_maps import FourierMap, PolynomialMap, QuantileMap, SplineMap
from sktensornet.inspection import (
    TrainingObjective,
    interactions,
    shapley_interactions,
    shapley_values,
    variance_shares,
)
from sktensornet.inspection._paths import Paths
from sktensornet.networks import TensorNetwork, tensor_train
from sktensornet.networks._cores import message_cores
from sktensornet.networks._passes._contraction import Contraction
from sktensornet.patches import ImagePatches

N_MODELS = int(os.environ.get("SKTENSORNET_SHAPLEY", 24))
"""Random models of a run; those past the first 24 have up to ten columns (0.5 s each)."""
SHORT = {"rank": 3, "penalty": "start", "max_iter": 1, "tol": 1e9}
"""With this penalty nothing is searched; most cores are random in the end."""
MAPS = ["polynomial", SplineMap(3), QuantileMap(2), FourierMap(1), PolynomialMap(2), "one_hot"]


def scrambled(estimator, rng):
    network = estimator.network_
    cores = [rng.standard_normal(core.shape) for core in network.cores]
    estimator.network_ = TensorNetwork(network.tree, tuple(cores), network.batched)
    return estimator


def random_model(seed):
    """A model with random cores, and its data: numbers, categories, missing and constant."""
    rng = np.random.default_rng(seed)
    d, n = int(rng.integers(1, 8 if seed < 24 else 11)), 24
    X = pd.DataFrame({f"c{k}": rng.standard_normal(n).round(1) for k in range(d)})
    for k in range(d):
        if rng.random() < 0.2:
            X[f"c{k}"] = rng.choice(["a", "b", "c"], n)
        elif rng.random() < 0.2:
            X[f"c{k}"] = 3.0
        elif rng.random() < 0.3:
            X.loc[rng.random(n) < 0.3, f"c{k}"] = np.nan
    weight = rng.integers(0, 4, n).astype(float) if rng.random() < 0.5 else None
    options = SHORT | {"feature_map": MAPS[rng.integers(len(MAPS))]}
    n_outputs = int(rng.integers(1, 4))
    separate = "separate" if rng.random() < 0.5 else "joint"
    if rng.random() < 0.5:
        kind = (TTRegressor, HTRegressor, CPRegressor)[rng.integers(3)]
        y = 5 + 2 * rng.standard_normal((n, n_outputs))
        estimator = kind(output_tensors=separate, **options).fit(X, y, weight)
    else:
        kind = (TTClassifier, HTClassifier, CPClassifier)[rng.integers(3)]
        options["rank"] = max(3, 1 + n_outputs)
        y = np.arange(n) % (1 + n_outputs)
        weight = None if weight is None else weight + (np.arange(n) < 8)
        estimator = kind(class_tensors=separate, **options).fit(X, y, weight)
    weight = np.ones(n) if weight is None else weight
    return scrambled(estimator, rng), X, weight


def output_scores(estimator, X):
    """Scores (n_samples, n_outputs) in the units of the target."""
    name = "decision_function" if hasattr(estimator, "decision_function") else "predict"
    return getattr(estimator, name)(X).reshape(len(X), -1)


def games_of_rows(estimator, x, background):
    """For each coalition the mean score of the row x, other columns from the background."""
    d = len(x)
    mixed = []
    for present in itertools.product([False, True], repeat=d):
        rows = background.copy()
        for k in np.flatnonzero(present):
            column = pd.Series([x.iloc[k]] * len(rows), rows.index, dtype=rows.dtypes.iloc[k])
            rows[rows.columns[k]] = column
        mixed.append(rows)
    scores = output_scores(estimator, pd.concat(mixed, ignore_index=True))
    return scores.reshape(*[2] * d, len(background), -1).mean(axis=-2)


def games_of_means(estimator, x, X, weight):
    """For each coalition the score of features of x, those of others at their means."""
    d = X.shape[1]
    fitted, sites = estimator.feature_map_, estimator.patches_
    own = fitted.transform(sites.extract(read_input(estimator, x)))
    every = fitted.transform(sites.extract(read_input(estimator, X)))
    means = [np.average(part, axis=0, weights=weight) for part in every]
    coalitions = np.array(list(itertools.product([0, 1], repeat=d)))
    features = [np.stack([means[k], own[k][0]])[coalitions[:, k]].astype(float) for k in range(d)]
    network = estimator.network_
    n_batch = network.n_outputs if network.batched else 1
    contraction = Contraction(network.tree, network.message_sizes, n_batch)
    scores = contraction.forward(message_cores(network), features)[0]
    scores = scores[..., 0].T if network.batched else scores[0]
    scores = scores * getattr(estimator, "target_scale_", 1) + getattr(estimator, "target_mean_", 0)
    return scores.reshape(*[2] * d, -1)


def brute_force(game):
    """Shapley values (d, n_outputs) and interaction indices (d, d, n_outputs) of a game."""
    d = game.ndim - 1
    values, pairs = np.zeros((d, game.shape[-1])), np.zeros((d, d, game.shape[-1]))
    for k in range(d):
        gain = np.diff(game, axis=k)
        for others in itertools.product([0, 1], repeat=d - 1):
            size = sum(others)
            share = math.factorial(size) * math.factorial(d - size - 1) / math.factorial(d)
            values[k] += share * gain[(*others[:k], 0, *others[k:])]
        for j in range(k):
            twice = np.diff(gain, axis=j)
            for others in itertools.product([0, 1], repeat=d - 2):
                size = sum(others)
                share = math.factorial(size) * math.factorial(d - size - 2) / math.factorial(d - 1)
                place = (*others[:j], 0, *others[j : k - 1], 0, *others[k - 1 :])
                pairs[k, j] += share * twice[place]
                pairs[j, k] = pairs[k, j]
    return values, pairs


@pytest.mark.parametrize("seed", range(N_MODELS))
def test_values_are_those_of_all_coalitions(seed):
    estimator, X, weight = random_model(seed)
    by_means = games_of_means(estimator, X.iloc[:1], X, weight)
    by_rows = games_of_rows(estimator, X.iloc[0], X.iloc[5:8])
    for game, background in ((by_means, None), (by_rows, X.iloc[5:8])):
        values, pairs = brute_force(game)
        close = {"rtol": 0, "atol": 1e-10 * np.abs(game).max()}
        found = shapley_values(estimator, X.iloc[:2], background)
        np.testing.assert_allclose(found.values[0], values, **close)
        np.testing.assert_allclose(found.base_values, game[(0,) * X.shape[1]], **close)
        total = found.base_values + found.values.sum(axis=1)
        np.testing.assert_allclose(total, output_scores(estimator, X.iloc[:2]), **close)
        both = shapley_interactions(estimator, X.iloc[:1], background)
        matrix = both.matrix()[0]
        off_diagonal = ~np.eye(X.shape[1], dtype=bool)
        np.testing.assert_allclose(matrix[off_diagonal], pairs[off_diagonal] / 2, **close)
        np.testing.assert_allclose(matrix.sum(axis=1), values, **close)


def test_columns_that_are_as_in_the_background_have_none():
    estimator, X, _ = random_model(5)
    X = X.assign(c0=X["c0"].iloc[3])
    found = shapley_values(estimator, X, X.iloc[5:8])
    np.testing.assert_array_equal(found.values[:, 0], 0)
    assert np.abs(found.values[:, 1:]).max() > 0


def test_hundreds_of_columns_add_up():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((8, 300))
    reg = TTRegressor(feature_map="polynomial", **SHORT | {"rank": 1}).fit(X, X[:, 0])
    cores = [core + 0.05 * rng.standard_normal(core.shape) for core in reg.network_.cores]
    reg.network_ = TensorNetwork(reg.network_.tree, tuple(cores))
    found = shapley_values(reg, X[:2])
    scores = reg.predict(X[:2])[:, None]
    error = np.abs(found.base_values + found.values.sum(axis=1) - scores).max()
    assert error < 1e-10 * np.abs(scores).max()


def test_chosen_pairs_outputs_and_names():
    estimator, X, _ = random_model(13)
    names = [f"n{k}" for k in range(X.shape[1])]
    every = shapley_interactions(estimator, X[:3], feature_names=names)
    some = shapley_interactions(estimator, X[:3], pairs=[("n1", 0), (2, "n3")], feature_names=names)
    assert some.pairs.tolist() == [[1, 0], [2, 3]]
    for place, pair in enumerate([(0, 1), (2, 3)]):
        where = every.pairs.tolist().index(list(pair))
        np.testing.assert_allclose(
            some.indices[:, place], every.indices[:, where], rtol=1e-9, atol=1e-9
        )
    with pytest.raises(ValueError, match="pairs=None"):
        some.matrix()
    one = shapley_values(estimator, X[:3], output=every.outputs[-1])
    whole = shapley_values(estimator, X[:3], feature_names=names)
    np.testing.assert_allclose(one.values[..., 0], whole.values[..., -1])
    assert whole.columns == tuple(names)
    frame = whole.to_frame()
    row = frame[(frame["sample"] == 2) & (frame["column"] == "n1")].iloc[-1]
    assert row["value"] == whole.values[2, 1, -1]
    frame = some.to_frame()
    assert frame["columns"].tolist()[0] == ("n1", "n0")
    assert "n_pairs=2" in repr(some)


def test_patches_have_a_value_each():
    X = np.random.default_rng(0).random((20, 16))
    clf = TTClassifier(
        rank=2, patches=ImagePatches((4, 4), (2, 2)), solver="lbfgs", max_iter=5, tol=1e9
    ).fit(X, np.arange(20) % 2)
    found = shapley_values(clf, X[:3], X[10:12])
    assert found.columns == tuple(f"patch {k}" for k in range(4))
    assert found.data is None
    columns = clf.patches_.columns
    game = np.empty((2,) * 4)
    for present in itertools.product([0, 1], repeat=4):
        rows = X[10:12].copy()
        for k in np.flatnonzero(present):
            rows[:, columns[k]] = X[0, columns[k]]
        game[present] = clf.decision_function(rows).mean()
    np.testing.assert_allclose(found.values[0], brute_force(game[..., None])[0], atol=1e-12)
    means = shapley_values(clf, X[:3])
    total = means.base_values + means.values.sum(axis=1)
    np.testing.assert_allclose(total[:, 0], clf.decision_function(X[:3]), atol=1e-12)


def test_steps_that_are_skipped_have_none():
    X = np.random.default_rng(0).standard_normal((30, 4))
    clf = TTClassifier(
        shared_cores=True, feature_map=PolynomialMap(2), solver="lbfgs", max_iter=3, tol=1e9
    )
    full = clf.fit(X, X[:, 0] > 0)
    found = shapley_values(full, X[:2])
    total = found.base_values + found.values.sum(axis=1)
    np.testing.assert_allclose(total[:, 0], full.decision_function(X[:2]))
    X[1, 2:] = np.nan
    with pytest.raises(
        ValueError, match="X has samples without their last site, the first is row 1"
    ):
        shapley_values(full, X[:2])
    with pytest.raises(ValueError, match="background has samples without their last site"):
        shapley_values(full, X[2:], X[:2])
    clf.fit(X, X[:, 0] > 0)
    with pytest.raises(ValueError, match="background=None needs the mean features"):
        shapley_values(clf, X[2:])


def test_scores_that_saturate_have_none():
    X = np.random.default_rng(0).standard_normal((30, 3))
    reg = TTRegressor(feature_map="polynomial", **SHORT).fit(X, X[:, 0])
    cores = [core * 1e40 for core in reg.network_.cores]
    reg.network_ = TensorNetwork(reg.network_.tree, tuple(cores))
    with pytest.raises(ValueError, match="the scores saturate at 2\\*\\*300"):
        shapley_values(reg, X)


def test_other_products_have_none():
    X = np.random.default_rng(0).standard_normal((30, 3))
    clf = TTClassifier(3, product="max", feature_map="polynomial", solver="adam", max_iter=1)
    with pytest.raises(ValueError, match="needs product='multiply'"):
        shapley_values(clf.fit(X, X[:, 0] > 0), X)


def test_partial_fit_needs_a_background():
    X = np.random.default_rng(0).standard_normal((30, 3))
    clf = TTClassifier(3, feature_map="polynomial", solver="adam")
    clf.partial_fit(X, X[:, 0] > 0, classes=[False, True])
    with pytest.raises(ValueError, match="background=None needs the mean features"):
        shapley_values(clf, X)
    assert shapley_values(clf, X, X[:3]).values.shape == (30, 3, 1)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_threads_and_chunks_do_not_matter(n_jobs, monkeypatch):
    from sktensornet.inspection import _paths

    estimator, X, _ = random_model(3)
    whole = shapley_values(estimator.set_params(n_jobs=1), X, X[:7])
    monkeypatch.setattr(_paths, "_CHUNK", 16)
    monkeypatch.setattr(_paths, "_BLOCK_BYTES", 1000)
    parts = shapley_values(estimator.set_params(n_jobs=n_jobs), X, X[:7])
    np.testing.assert_allclose(parts.values, whole.values, rtol=1e-10, atol=1e-10)


def test_memory_does_not_grow_with_the_outputs():
    def peak(n_outputs):
        tree = tensor_train(3)
        shapes = tree.core_shapes(tree.message_sizes((2, 2, 2), rank=4, n_outputs=n_outputs))
        network = TensorNetwork(tree, tuple(rng.standard_normal(shape) for shape in shapes))
        paths = Paths(network, background, 1)
        tracemalloc.start()
        try:
            paths.integrals(background)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    rng = np.random.default_rng(0)
    background = rng.standard_normal((6, 40))
    # The passes of an output keep their lists of steps, not their messages.
    assert peak(40) < 3 * peak(10)


def test_pipelines_and_searches_give_their_names():
    X = pd.DataFrame(np.random.default_rng(0).standard_normal((40, 3)), columns=list("abc"))
    y = X["a"] * X["b"]
    reg = TTRegressor(feature_map="polynomial", **SHORT)
    search = GridSearchCV(make_pipeline(StandardScaler(), reg), {"ttregressor__rank": [2]}, cv=2)
    search.fit(X, y)
    found = shapley_values(search, X[:4], X[:2])
    assert found.columns == ("a", "b", "c")
    total = found.base_values + found.values.sum(axis=1)
    np.testing.assert_allclose(total[:, 0], search.predict(X[:4]))
    assert variance_shares(search, X).columns == ("a", "b", "c")
    listed = interactions(search)
    assert {name for k in range(len(listed)) for name in listed.columns(k)} == set("abc")
    scaler, inner = search.best_estimator_[0], search.best_estimator_[-1]
    with (
        TrainingObjective(search, X, y) as outside,
        TrainingObjective(inner, scaler.transform(X), y) as inside,
    ):
        assert outside.value_and_gradient(outside.point)[0] == pytest.approx(
            inside.value_and_gradient(inside.point)[0], rel=1e-12
        )
    unnamed = make_pipeline(FunctionTransformer(np.tanh), reg).fit(X.to_numpy(), y)
    with pytest.raises(ValueError, match="pass feature_names, one for each of the 3 columns"):
        shapley_values(unnamed, X.to_numpy())
    named = shapley_values(unnamed, X.to_numpy(), feature_names=["u", "v", "w"])
    assert named.columns == ("u", "v", "w")
    with pytest.raises(ValueError, match="or a fitted pipeline or search"):
        shapley_values(make_pipeline(StandardScaler()).fit(X), X)


def test_shap_is_only_needed_for_its_own_objects(monkeypatch):
    X = pd.DataFrame(np.random.default_rng(0).standard_normal((40, 3)), columns=list("abc"))
    estimator = TTRegressor(feature_map="polynomial", **SHORT).fit(X, X[["a", "c"]])
    found = shapley_values(estimator, X[:3])
    monkeypatch.setitem(sys.modules, "shap", None)
    with pytest.raises(ImportError, match="pip install shap"):
        found.to_shap()
    fake = SimpleNamespace(Explanation=lambda values, **others: (values, others))
    monkeypatch.setitem(sys.modules, "shap", fake)
    values, others = found.to_shap()
    np.testing.assert_array_equal(values, found.values)
    assert others["base_values"].shape == (3, 2)
    assert others["feature_names"] == list(X.columns)
    values, others = shapley_values(estimator, X[:3], output=found.outputs[0]).to_shap()
    assert values.shape == (3, 3)
    assert others["base_values"].shape == (3,)
    values, others = shapley_interactions(estimator, X[:3], output=found.outputs[0]).to_shap()
    assert values.shape == (3, 3, 3)


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"pairs": [(0, 0)]}, "pairs has \\(0, 0\\)"),
        ({"pairs": [(0, "zz")]}, "pairs has the column 'zz'"),
        ({"pairs": [(0, 99)]}, "pairs has the column 99"),
        ({"pairs": [0]}, "pairs has 0"),
        ({"output": "none"}, "output='none'"),
    ],
)
def test_bad_parameters(parameters, said):
    estimator, X, _ = random_model(13)
    with pytest.raises(ValueError, match=said):
        shapley_interactions(estimator, X[:2], **parameters)


def test_counts_are_explained_by_their_logarithms():
    X = np.random.default_rng(0).standard_normal((60, 3))
    reg = TTRegressor(
        loss="poisson", feature_map="polynomial", rank=2, alpha=1e-2, solver="lbfgs", tol=1e-2
    ).fit(X, np.random.default_rng(1).poisson(np.exp(X[:, 0])))
    found = shapley_values(reg, X[:4])
    total = found.base_values + found.values.sum(axis=1)
    np.testing.assert_allclose(np.exp(total[:, 0]), reg.predict(X[:4]), rtol=1e-10)


def test_models_in_single_precision_have_values_in_double():
    X = np.random.default_rng(0).standard_normal((60, 3)).astype(np.float32)
    reg = TTRegressor(feature_map="polynomial", **SHORT).fit(X, X[:, 0] * X[:, 1])
    found = shapley_values(reg, X[:4])
    assert found.values.dtype == np.float64
    total = found.base_values + found.values.sum(axis=1)
    np.testing.assert_allclose(total[:, 0], reg.predict(X[:4]), rtol=1e-5, atol=1e-6)
