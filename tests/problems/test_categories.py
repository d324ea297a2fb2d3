"""Sites of many categories, whose features are places instead of arrays, against dense ones."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

import sktensornet
from sktensornet._arrays._indicators import Indicators
from sktensornet._arrays._parallel import ChunkPool
from sktensornet._fitting._feature_moments import feature_moments
from sktensornet._fitting._leave_out import product_kernel
from sktensornet._problems._model import Model
from sktensornet._problems._objective import Objective
from sktensornet._problems._sweep_problem import SweepProblem
from sktensornet.feature_maps import MixedMap, OneHotMap, PolynomialMap, _one_hot
from sktensornet.feature_maps._missing import with_missing
from sktensornet.losses import LogLoss, SquaredError
from sktensornet.networks import balanced, canonical_polyadic, hierarchical_tucker, tensor_train
from sktensornet.networks._passes._contraction import Contraction
from sktensornet.networks._sweeps._by_category import CategorySystem
from sktensornet.networks._sweeps._category_blocks import CategoryBlock, CategoryFactorBlock
from sktensornet.networks._sweeps._split import truncated_split
from sktensornet.patches import SingleColumns
from sktensornet.solvers import ALS

TREES = {
    "TT": tensor_train,
    "HT": lambda d: hierarchical_tucker(balanced(d)),
    # A core at which two such sites meet.
    "HT, pairs": lambda d: hierarchical_tucker(((0, 1), (2, 3), 4)),
    "CP": canonical_polyadic,
}
each_tree = pytest.mark.parametrize("tree", TREES)
each_separate = pytest.mark.parametrize("separate", [False, True], ids=["joint", "separate"])
LEVELS = {1: 7, 3: 5, 4: 9}
N = 60


def indicators(n=N, size=6, seed=0):
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, size, n)
    return Indicators(codes, np.where(codes > 0, rng.uniform(0.3, 1, n), 0.0), size)


def table(n=N, seed=0):
    """Two columns of numbers and three of categories, with values that are missing or unknown."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 5))
    for column, size in LEVELS.items():
        X[:, column] = rng.integers(0, size, n)
    X[rng.random((n, 5)) < 0.05] = np.nan
    return X


def models(tree, separate=False, n_outputs=3, rank=4, scale=0.6):
    """The same model with lookups and with dense features, and samples."""
    X, sites = table(), SingleColumns().fit(5)
    groups = [[0, 2], sorted(LEVELS)]
    one = MixedMap([PolynomialMap(scale="auto"), OneHotMap()], groups)
    weight = np.ones(N)
    fitted = one.fit(X, sites.columns, weight, np.random.RandomState(0))
    fitted = with_missing(fitted, np.arange(5)).with_scale(scale)
    shape = TREES[tree](5)
    n_batch, out = (n_outputs, 1) if separate else (1, n_outputs)
    sizes = shape.message_sizes(fitted.mode_sizes, rank, out)
    made = []
    for widest in (3, 100):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_one_hot, "WIDEST_DENSE", widest)
            made.append(Model(sites, fitted, shape, sizes, n_batch, separate, np.dtype(float)))
    X[:3, 1] = 77.0
    return *made, X


@pytest.fixture(autouse=True)
def looked_up(monkeypatch):
    """All categories are looked up; models of dense features know it."""
    monkeypatch.setattr(_one_hot, "WIDEST_DENSE", 3)


class TestIndicators:
    def test_products_are_those_of_the_dense_array(self):
        features, rng = indicators(), np.random.default_rng(1)
        dense = np.asarray(features)
        assert dense.shape == features.shape == (len(features), 6)
        core, rows = rng.normal(size=(6, 4)), rng.normal(size=(N, 3))
        np.testing.assert_allclose(features @ core, dense @ core, rtol=1e-14)
        np.testing.assert_allclose(features.adjoint(rows), dense.T @ rows, atol=1e-13)
        np.testing.assert_allclose(features.kernel(), dense @ dense.T, rtol=1e-14)
        np.testing.assert_array_equal(features.sparse().toarray()[:, 1:], dense[:, 1:])
        for k in range(6):
            np.testing.assert_array_equal(features.column(k), dense[:, k])

    def test_parts_and_one_more_feature(self):
        features = indicators()
        dense = np.asarray(features)
        again = Indicators.joined([features[:20], features[20:]])
        np.testing.assert_array_equal(np.asarray(again), dense)
        rows = np.array([3, 1, 3])
        np.testing.assert_array_equal(np.asarray(features[rows]), dense[rows])
        free = features.codes == 0
        more = np.asarray(features.with_feature(free, 0.5))
        np.testing.assert_array_equal(more, np.column_stack([dense, 0.5 * free]))

    def test_kernel_of_a_mixed_table(self):
        wide, dense, X = models("TT")
        found, expected = wide.features(X), dense.features(X)
        assert sum(isinstance(own, Indicators) for own in found) == len(LEVELS)
        np.testing.assert_allclose(product_kernel(found), product_kernel(expected), rtol=1e-13)
        for own, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(np.asarray(own), other)


@pytest.mark.parametrize("q", [1, 3])
@pytest.mark.parametrize("p", [1, 4, 40])
def test_systems_by_category_are_solved_as_dense_ones(p, q):
    features = indicators(size=12)
    # One category without samples, one with many.
    codes = np.where(features.codes == 5, 6, features.codes)
    codes[:25] = 1
    features = Indicators(codes, np.where(codes > 0, 0.7, 0.0), 12)
    rng = np.random.default_rng(0)
    rows, right = rng.normal(size=(N, q, p)), rng.normal(size=(12, p, 2))
    design = np.einsum("nm,nqp->nqmp", np.asarray(features), rows).reshape(N * q, -1)
    matrix = design.T @ design + 0.3 * np.eye(12 * p)
    expected = np.linalg.solve(matrix, right.reshape(-1, 2)).reshape(right.shape)
    solved = CategorySystem(features, rows, 0.3).solve(right)
    np.testing.assert_allclose(solved, expected, rtol=1e-8, atol=1e-9)


@each_separate
@each_tree
def test_passes_are_those_of_dense_features(tree, separate):
    wide, dense, X = models(tree, separate)
    rng = np.random.default_rng(1)
    theta = rng.normal(size=wide.size) / 3
    assert wide.size == dense.size
    features, expected_features = wide.features(X), dense.features(X)
    indexed = [k for k, own in enumerate(features) if isinstance(own, Indicators)]
    plain = dense.contraction
    found = Contraction(plain.tree, plain.message_sizes, plain.n_batch, indexed=indexed)
    cores, _ = wide.unpack(theta)
    scores, tape = found.forward(cores, features)
    expected, expected_tape = plain.forward(cores, expected_features)
    np.testing.assert_allclose(scores, expected, rtol=1e-10, atol=1e-12)
    gradient = rng.normal(size=scores.shape)
    by_core, by_feature = found.backward(tape, gradient, True)
    expected_by_core, expected_by_feature = plain.backward(expected_tape, gradient, True)
    expected_by_core = plain.gradients(plain.prepare(cores), expected_by_core)
    for own, other in zip(by_core, expected_by_core, strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-10, atol=1e-10)
    for own, other in zip(by_feature, expected_by_feature, strict=True):
        if own is not None:
            np.testing.assert_allclose(own, other, rtol=1e-10, atol=1e-10)
    assert sum(own is not None for own in by_feature) >= 2
    assert found.backward(tape, gradient, False)[1] is None


@each_separate
@each_tree
def test_objective_and_its_derivative(tree, separate):
    wide, dense, X = models(tree, separate)
    y, weight = np.arange(N) % 3, np.random.default_rng(2).uniform(0.5, 2, N)
    theta = np.random.default_rng(1).normal(size=wide.size) / 3
    found = []
    for model in (wide, dense):
        with ChunkPool(1) as pool:
            objective = Objective(
                model,
                LogLoss(),
                X,
                y,
                weight,
                alpha=0.01,
                penalty="frobenius",
                origin=theta,
                pool=pool,
            )
            found.append(objective.value_and_gradient(theta))
            if model is wide:
                _, slope = objective.value_and_gradient(theta, dropout=0.5, seed=1)
                step = 1e-6 * np.random.default_rng(0).normal(size=theta.size)
                ends = [
                    objective.value_and_gradient(theta + s * step, dropout=0.5, seed=1)[0]
                    for s in (1, -1)
                ]
                assert (ends[0] - ends[1]) / 2 == pytest.approx(slope @ step, rel=1e-5)
    (value, gradient), (expected, expected_gradient) = found
    assert value == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(gradient, expected_gradient, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("loss", [LogLoss(), SquaredError()], ids=["log", "squared"])
@each_separate
@each_tree
def test_blocks_of_sweeps(tree, separate, loss):
    wide, dense, X = models(tree, separate)
    y, weight = np.arange(N) % 3, np.random.default_rng(2).uniform(0.5, 2, N)
    theta = np.random.default_rng(1).normal(size=wide.size) / 3
    kinds = []
    with ChunkPool(1) as pool:
        problems = [
            SweepProblem(model, loss, X, y, weight, alpha=0.01, rank=4, pool=pool)
            for model in (wide, dense)
        ]
        for problem in problems:
            problem.open(problem.start(theta))
        for way in ("begin", "sweep"):
            for pair in zip(*(getattr(problem, way)() for problem in problems), strict=True):
                states = [local.start() for local in pair]
                kinds.append(type(pair[0]._block))
                for name in ("scores", "objective", "score_gradient"):
                    found, expected = (getattr(state, name) for state in states)
                    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8)
                gradients = [local.gradient(s) for local, s in zip(pair, states, strict=True)]
                # Splits leave signs open, which scores do not see.
                changes = [local.scores(g) for local, g in zip(pair, gradients, strict=True)]
                np.testing.assert_allclose(*changes, rtol=1e-6, atol=1e-8)
                if issubclass(kinds[-1], (CategoryBlock, CategoryFactorBlock)):
                    solve, is_exact = pair[0].preconditioner()
                    assert is_exact == loss.is_quadratic
                    for way_to_solve in ("cholesky", "kronecker"):
                        about = [
                            local.scores(getattr(local, way_to_solve)()(g))
                            for local, g in zip(pair, gradients, strict=True)
                        ]
                        np.testing.assert_allclose(*about, rtol=1e-5, atol=1e-8)
                else:
                    solve = pair[0].cholesky()
                steps = [solve(gradients[0]), pair[1].cholesky()(gradients[1])]
                changes = [local.scores(step) for local, step in zip(pair, steps, strict=True)]
                largest = np.abs(changes[1]).max()
                np.testing.assert_allclose(*changes, rtol=1e-5, atol=1e-6 * largest + 1e-10)
                for local, state, step in zip(pair, states, steps, strict=True):
                    local.finish(local.search(state, -step))
    is_sum = tree == "CP"
    assert kinds.count(CategoryFactorBlock if is_sum else CategoryBlock) >= 2
    points = [problem.point() for problem in problems]
    for problem, model in zip(problems, (wide, dense), strict=True):
        np.testing.assert_allclose(problem.scores(points[0], X), model_scores(model, points[0], X))
    np.testing.assert_allclose(
        *(problems[0].scores(point, X) for point in points), rtol=1e-5, atol=1e-6
    )


def model_scores(model, point, X):
    own = Model.from_fitted(model.sites, model.feature_map, point)
    return own.scores(own.theta_of(point, model.feature_map), X, 1)


def test_truncation_by_second_moments_is_that_by_a_gram_matrix():
    rng = np.random.default_rng(0)
    tensors, half = rng.normal(size=(2, 8, 3, 2)), rng.normal(size=(2, 20, 8))
    rows, columns = half.mT @ half, np.eye(3)[None] + 0.2
    expected = truncated_split(tensors, 3, 0.0, rows, columns)
    found = truncated_split(tensors, 3, 0.0, lambda a: a.mT @ rows @ a, columns)
    products = [np.einsum("bik,bkjc->bijc", q, f) for q, f, *_ in (found, expected)]
    np.testing.assert_allclose(*products, atol=1e-10)
    np.testing.assert_allclose(
        found[0].mT @ found[0], np.broadcast_to(np.eye(3), (2, 3, 3)), atol=1e-12
    )
    np.testing.assert_allclose(found[2], expected[2], rtol=1e-6)
    assert found[3] == pytest.approx(expected[3], rel=1e-8)


def test_moments_of_features():
    wide, dense, X = models("TT")
    weight = np.random.default_rng(0).uniform(0.5, 2, N)
    found = feature_moments(wide.sites, wide.feature_map, X, weight)
    for k, features in enumerate(dense.features(X)):
        mean = weight @ features / weight.sum()
        square = features.T @ (weight[:, None] * features) / weight.sum()
        np.testing.assert_allclose(found.means[k], mean, rtol=1e-12)
        own = found.squares[k]
        np.testing.assert_allclose(own, square if own.ndim == 2 else np.diag(square), atol=1e-12)
    assert not found.overlaps.any()


def frame(n_levels, n, seed=0, noise=0.3):
    rng = np.random.default_rng(seed)
    effect = rng.normal(size=n_levels)
    code = rng.integers(0, n_levels, n)
    X = pd.DataFrame({"a": rng.normal(size=n), "k": [f"l{c}" for c in code]})
    return X, X.a.to_numpy() + effect[code] + noise * rng.normal(size=n)


@pytest.mark.filterwarnings("ignore:.*max_iter")
@pytest.mark.parametrize("name", ["TT", "HT", "CP"])
@pytest.mark.parametrize(
    "parameters",
    [
        {"init": "linear", "max_iter": 2},
        {"init": "moments", "max_iter": 2},
        {"init": "interactions", "max_iter": 2},
        {"solver": "lbfgs", "max_iter": 4},
        {"solver": "adam", "max_iter": 2},
    ],
    ids=lambda parameters: str(next(iter(parameters.values()))),
)
def test_estimators_predict_what_they_do_with_dense_features(name, parameters, monkeypatch):
    X, y = frame(8, 80)
    X.loc[::9, "k"] = None
    X_test, _ = frame(10, 30, seed=1)
    found = []
    for widest in (3, 100):
        monkeypatch.setattr(_one_hot, "WIDEST_DENSE", widest)
        model = getattr(sktensornet, f"{name}Regressor")(
            rank=3, alpha=1e-3, random_state=0, tol=1e-12, feature_map=OneHotMap(scale=1.0)
        )
        model.set_params(feature_map={"a": PolynomialMap(scale=1.0), "k": OneHotMap(scale=1.0)})
        model.set_params(**parameters)
        found.append(model.fit(X, y).predict(X_test))
    np.testing.assert_allclose(*found, rtol=1e-5, atol=1e-6)


@pytest.mark.filterwarnings("ignore:.*max_iter")
@pytest.mark.parametrize("name", ["TT", "HT", "CP"])
def test_no_array_is_as_long_as_samples_times_categories(name, monkeypatch):
    X, y = frame(1_000, 3_000)

    def refuse(self, dtype=None, copy=None):
        raise AssertionError("made dense")

    monkeypatch.setattr(Indicators, "__array__", refuse)
    scale = {"a": PolynomialMap(scale=1.0), "k": OneHotMap(scale=1.0)}
    common = {"rank": 4, "alpha": 1e-4, "random_state": 0, "feature_map": scale}
    regressor = getattr(sktensornet, f"{name}Regressor")(solver=ALS(), max_iter=1, **common)
    classifier = getattr(sktensornet, f"{name}Classifier")(max_iter=2, solver="lbfgs", **common)
    assert regressor.fit(X, y).score(X, y) > 0.8
    classifier.fit(X, y > 0).predict(X)


def test_many_categories_are_shrunk_as_by_a_ridge_regression():
    X, y = frame(600, 3_600)
    train, test = slice(0, 2_400), slice(2_400, None)
    encoder = OneHotEncoder(handle_unknown="ignore")
    model = sktensornet.TTRegressor(random_state=0).fit(X[train], y[train])
    ridge = make_pipeline(encoder, Ridge(0.3)).fit(X[["k"]][train], y[train] - X.a[train])
    best = 1 - np.var(y[test] - X.a[test] - ridge.predict(X[["k"]][test])) / np.var(y[test])
    assert model.score(X[test], y[test]) > best - 0.02


def test_a_product_of_two_wide_columns_without_main_effects():
    """In the mean of three tables: of single ones the R2 is .85 to 1."""
    scores = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        u, v = rng.normal(size=(2, 150))
        a, b = rng.integers(0, 150, (2, 6_000))
        y = u[a] * v[b]
        X = pd.DataFrame({"a": [f"a{i}" for i in a], "b": [f"b{i}" for i in b]})
        model = sktensornet.TTRegressor(random_state=0).fit(X[:5_000], y[:5_000])
        scores.append(model.score(X[5_000:], y[5_000:]))
    assert np.mean(scores) > 0.9
