"""Arrays of dask: the same statistics, objective and model as for NumPy, in bounded memory."""

import os
import signal
import threading
import warnings

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV

from sktensornet import CPClassifier, HTClassifier, HTRegressor, TTClassifier, TTRegressor
from sktensornet._arrays._samples import merged_rows
from sktensornet._distributed._block_sweeps import _agree
from sktensornet.feature_maps import (
    AffineMap,
    EmbeddingMap,
    FourierMap,
    OneHotMap,
    PCAMap,
    PolynomialMap,
    QuantileMap,
    SplineMap,
    TrigonometricMap,
)
from sktensornet.networks import TensorNetwork, tensor_train
from sktensornet.patches import ImagePatches
from sktensornet.solvers import ALS, LBFGS, Solver

pytest.importorskip("distributed")
dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")
from distributed import Client, LocalCluster  # noqa: E402

from sktensornet._distributed import _blocks as _dask  # noqa: E402
from sktensornet._distributed._block_objective import BlockObjective  # noqa: E402
from sktensornet._distributed._blocks import Blocks, is_dask_array  # noqa: E402

CHUNKS = ((50, 1, 60, 0, 67), (13,))
quick = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def client():
    """Two worker processes of one thread each."""
    cluster = LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
    )
    with cluster, Client(cluster) as client:
        yield client


class Killer:
    """Ends a worker process after an iteration, as the kernel would for its memory."""

    def __init__(self, client, after):
        self.client, self.after, self.seen = client, after, 0

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        self.seen += 1
        if self.seen == self.after:
            os.kill(next(iter(self.client.run(os.getpid).values())), signal.SIGKILL)


def test_a_killed_worker_does_not_end_a_fit(client):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 4))
    y = X[:, 0] * X[:, 1] + X[:, 2] * X[:, 3] + np.sin(3 * X).sum(axis=1)
    blocks = da.from_array(X, chunks=(20, 4))
    model = TTRegressor(
        rank=2, feature_map=PolynomialMap(scale=1.0), alpha=1e-4, solver="als", max_iter=4,
        tol=1e-12, random_state=0,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        whole = clone(model).fit(blocks, y)
        killer = Killer(client, after=2)
        cut = clone(model).set_callbacks(killer).fit(blocks, y)
    client.wait_for_workers(2, timeout=60)
    assert killer.seen >= 4
    assert len(cut.loss_curve_) == len(whole.loss_curve_) == 4
    np.testing.assert_allclose(cut.loss_curve_, whole.loss_curve_, rtol=1e-6)
    np.testing.assert_allclose(cut.predict(X), whole.predict(X), atol=1e-5)
    assert len(cut.sweeps_) == 4


@pytest.fixture
def local():
    """No cluster, as if there were no client: it would live as long as the module."""
    with dask.config.set(scheduler="synchronous"):
        yield


@pytest.fixture(scope="module")
def data():
    X, y = load_wine(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))
    X, y = X[order], y[order]
    return X, np.array(["a", "b", "c"])[y], np.random.default_rng(1).random(len(X)) + 0.1


class Recorder(LBFGS):
    """Does not move, but keeps what it is given."""

    def minimize(self, problem, start, **options):
        type(self).seen.append((problem, start))
        return super().minimize(problem, start, **options)


def objectives(estimator, dask, numpy):
    """The objectives of two fits, and a point."""
    Recorder.seen = []
    for args in (dask, numpy):
        estimator.set_params(solver=Recorder(), max_iter=1).fit(*args)
    (blocks, start), (whole, same_start) = Recorder.seen
    np.testing.assert_allclose(start, same_start, rtol=1e-5, atol=1e-9)
    return blocks, whole, start + 0.1 * np.random.default_rng(2).standard_normal(len(start))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@quick
def test_objective_of_a_cluster_is_that_of_numpy(client, data, dtype):
    X, y, weight = data
    X = X.astype(dtype)
    blocks, whole, theta = objectives(
        TTClassifier(rank=4, feature_map="polynomial", alpha=0.01, random_state=0),
        (da.from_array(X, CHUNKS).persist(), da.from_array(y, 70), da.from_array(weight, 33)),
        (X, y, weight),
    )
    assert isinstance(blocks, BlockObjective)
    assert not isinstance(whole, BlockObjective)
    tolerance = 1e-12 if dtype is np.float64 else 1e-5
    value, gradient = blocks.value_and_gradient(theta)
    expected, expected_gradient = whole.value_and_gradient(theta)
    np.testing.assert_allclose(value, expected, rtol=tolerance)
    scale = np.abs(expected_gradient).max()
    np.testing.assert_allclose(gradient, expected_gradient, atol=tolerance * scale, rtol=tolerance)
    again, gradient_again = blocks.value_and_gradient(theta)
    assert again == value
    np.testing.assert_array_equal(gradient_again, gradient)


def blocks_of(X, chunks=CHUNKS):
    return Blocks(da.from_array(X, chunks), np.asarray, X.dtype)


@pytest.mark.parametrize("k", range(20))
def test_blocks_give_rows_and_columns(local, data, k):
    X = data[0]
    rng = np.random.default_rng(k)
    blocks = blocks_of(X, (tuple(rng.multinomial(len(X), np.full(5, 0.2))), (13,)))
    rows = rng.integers(0, len(X), 7)
    for key in (slice(0), rows, (slice(None), k % 13), (slice(None), 5)):
        np.testing.assert_array_equal(blocks[key], X[key])
    assert blocks[:] is blocks
    assert (len(blocks), blocks.shape, blocks.dtype) == (len(X), X.shape, X.dtype)


def test_blocks_hold_no_more_columns_than_a_quarter(local, data):
    X = np.tile(data[0], (1, 4))
    blocks = blocks_of(X, (CHUNKS[0], (52,)))
    sizes = []
    for k in range(52):
        np.testing.assert_array_equal(blocks[:, k], X[:, k])
        sizes.append(blocks._held[1].size)
    assert len(X) < max(sizes) <= 67 * 52 / 4
    with pytest.raises(TypeError, match="all rows of a dask array to one place"):
        np.asarray(blocks)
    with pytest.raises(TypeError, match="all rows of a dask array to one place"):
        blocks[:, [0, 1]]


def test_blocks_have_the_hashes_of_numpy(local, data):
    X, _, weight = data
    y, weight = np.arange(len(X)) % 3, weight * (np.arange(len(X)) % 7 > 0)
    for one, other in zip(merged_rows(blocks_of(X), y, weight), merged_rows(X, y, weight)):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "feature_map",
    [
        AffineMap(4),
        EmbeddingMap(n_components=3),
        FourierMap(),
        OneHotMap(),
        PCAMap(),
        PolynomialMap(2),
        QuantileMap(),
        SplineMap(),
        TrigonometricMap(),
    ],
    ids=lambda one: type(one).__name__,
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_feature_maps_learn_the_same_from_blocks(local, data, feature_map, dtype):
    X, _, weight = data
    X = np.round(X).astype(dtype)
    if not isinstance(feature_map, EmbeddingMap):
        X[::9, 3] = np.nan
    columns, sites = np.arange(13)[:, None], X.T[:, :, None]
    expected = feature_map.fit(X, columns, weight, np.random.RandomState(0))
    fitted = feature_map.fit(blocks_of(X), columns, weight, np.random.RandomState(0))
    for one, other in zip(fitted.transform(sites), expected.transform(sites), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


MODELS = {
    "table": TTClassifier(rank=3),
    "separate": CPClassifier(rank=3, class_tensors="separate", class_weight="balanced"),
    "interactions": TTClassifier(rank=3, init="interactions", feature_map="polynomial"),
    "pixels": TTClassifier(
        rank=3, patches=ImagePatches((3, 4), (1, 2)), feature_map=AffineMap(4), alpha=1e-3
    ),
    "regressor": HTRegressor(rank=3, loss="huber", feature_map="polynomial"),
    "outputs": TTRegressor(rank=3, output_tensors="separate", feature_map="quantile"),
}


def test_fit_of_a_cluster_is_that_of_numpy(client, data):
    assert_same_fit("table", *data)


@pytest.mark.parametrize("name", MODELS)
def test_fit_of_blocks_is_that_of_numpy(local, data, name):
    assert_same_fit(name, *data)


def assert_same_fit(name, X, y, weight):
    model = clone(MODELS[name])
    if name == "pixels":
        X = X[:, :12]
    if name == "regressor":
        X, y = X[:, 1:], X[:, 0]
    if name == "outputs":
        X, y = X[:, 2:], X[:, :2]
    model.set_params(solver="lbfgs", max_iter=4, tol=0, random_state=0)
    array = da.from_array(X, (60, -1)).persist()
    expected = clone(model)
    with pytest.warns(match="LBFGS stopped after max_iter=4"):
        expected.fit(X, y, weight)
    with pytest.warns(match="LBFGS stopped after max_iter=4"):
        model.fit(array, da.from_array(y, 50), da.from_array(weight, 50))
    np.testing.assert_allclose(model.alpha_, expected.alpha_, rtol=1e-12)
    np.testing.assert_allclose(model.loss_curve_, expected.loss_curve_, rtol=1e-7)
    predicted = getattr(expected, "decision_function", expected.predict)(X)
    found = getattr(model, "decision_function", model.predict)(array)
    assert is_dask_array(found)
    np.testing.assert_allclose(found, predicted, rtol=1e-5, atol=1e-5 * np.abs(predicted).max())
    for attribute in ("classes_", "target_mean_", "n_features_in_"):
        np.testing.assert_array_equal(
            getattr(model, attribute, None), getattr(expected, attribute, None)
        )


SWEPT = {
    "two sites": TTClassifier(rank=4, solver=ALS(sweep="two_site", rank_tol=1e-3)),
    "fixed leg": TTClassifier(rank=3, solver=ALS(class_leg="fixed"), loss="squared_error"),
    "tree": HTClassifier(rank=3, class_tensors="separate"),
    "sum": CPClassifier(rank=3),
    "regressor": TTRegressor(rank=3, loss="huber"),
    "patches": CPClassifier(
        rank=8, patches=ImagePatches((3, 4), (1, 2)), feature_map=PCAMap(2), loss="log_loss"
    ),
}


def assert_same_sweeps(name, X, y, weight):
    model = clone(SWEPT[name])
    if name == "patches":
        X = X[:, :12]
    else:
        # Of fewer columns the ranks of two sites come to rest at once.
        X = X if name == "two sites" else X[:, :7]
        # Short fits, which blocks have not, would choose the scale.
        model.set_params(feature_map=PolynomialMap(scale=1.0))
    if name == "regressor":
        X, y = X[:, 1:], X[:, 0]
    if model.solver == "auto":
        model.set_params(solver="als")
    model.set_params(alpha=0.01, max_iter=2, tol=0, random_state=0)
    array = da.from_array(X, (CHUNKS[0], X.shape[1:])).persist()
    with pytest.warns(match="ALS stopped after max_iter=2"):
        expected = clone(model).fit(X, y, weight)
    with pytest.warns(match="ALS stopped after max_iter=2"):
        model.fit(array, da.from_array(y, 50), da.from_array(weight, 50))
    np.testing.assert_allclose(model.loss_curve_, expected.loss_curve_, rtol=1e-9)
    assert model.sweeps_[-1].ranks == expected.sweeps_[-1].ranks
    decision = getattr(expected, "decision_function", expected.predict)(X)
    found = getattr(model, "decision_function", model.predict)(array)
    np.testing.assert_allclose(found, decision, rtol=1e-5, atol=1e-6 * np.abs(decision).max())


def test_sweeps_of_a_cluster_are_those_of_numpy(client, data):
    assert_same_sweeps("fixed leg", *data)


def test_parts_in_another_gauge_are_noticed():
    cores = (np.ones((1, 2, 2)), np.ones((2, 2, 1, 1)))
    network, flipped = (
        TensorNetwork(tensor_train(2), tuple(sign * core for core in cores)) for sign in (1.0, -1.0)
    )
    assert _agree([(network, 0.5, None), (network, 0.5, None)])
    assert not _agree([(network, 0.5, None), (flipped, 0.5, None)])


@pytest.mark.parametrize("name", SWEPT)
def test_sweeps_over_blocks_are_those_of_numpy(local, data, name):
    assert_same_sweeps(name, *data)


class Drawing(ALS):
    """Draws numbers before it sweeps."""

    def minimize(self, problem, start, *, random_state, **options):
        type(self).drawn.append(random_state.randint(1000))
        return super().minimize(problem, start, random_state=random_state, **options)


@quick
def test_blocks_draw_the_same_numbers_and_leave_the_generator(local, data):
    X, y, _ = data
    random_state = np.random.RandomState(3)
    model = TTClassifier(rank=2, feature_map=PolynomialMap(scale=1.0), alpha=0.01, max_iter=1)
    Drawing.drawn = []
    model.set_params(solver=Drawing(), random_state=random_state).fit(da.from_array(X, CHUNKS), y)
    assert len(Drawing.drawn) == 4
    assert set(Drawing.drawn) == {random_state.randint(1000)}


@quick
def test_a_fit_of_blocks_without_trials_takes_all_its_sweeps(local, data):
    X, y, _ = data
    X = X[:, :6]
    model = TTClassifier(rank=2, solver="als", feature_map="polynomial", tol=0, random_state=0)
    after_trials = clone(model).fit(X, y).n_iter_
    model.set_params(max_iter=after_trials + 2).fit(da.from_array(X, (CHUNKS[0], 6)), y)
    assert model.n_iter_ == after_trials + 2


@quick
def test_sweeps_over_blocks_choose_alpha_and_go_on(local, data):
    X, y, _ = data
    array = da.from_array(X, CHUNKS)
    model = TTClassifier(
        rank=3, solver="als", feature_map="polynomial", max_iter=1, warm_start=True, random_state=0
    )
    first = model.fit(array, y).loss_curve_[-1]
    assert model.alpha_ > 0
    model.fit(array, y)
    assert model.loss_curve_[-1] < first
    with pytest.raises(ValueError, match="Input X contains infinity"):
        model.fit(da.where(array > 14, np.inf, array), y)


@quick
def test_predictions_stay_in_blocks(client, data):
    X, y, _ = data
    model = TTClassifier(rank=3, feature_map="polynomial", max_iter=2, random_state=0).fit(X, y)
    array = da.from_array(X, CHUNKS)
    for method in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
        expected = getattr(model, method)(X)
        found = getattr(model, method)(array)
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
        assert found.chunks[0] == CHUNKS[0]
        if method == "predict":
            np.testing.assert_array_equal(found, expected)
        else:
            np.testing.assert_allclose(found, expected, rtol=1e-10)
    some = array[array[:, 0] > 13]
    np.testing.assert_array_equal(model.predict(some), model.predict(X[X[:, 0] > 13]))
    assert model.score(array, y) == model.score(X, y)
    two = TTClassifier(rank=2, feature_map="polynomial", max_iter=2).fit(X, y == "a")
    np.testing.assert_allclose(two.decision_function(array), two.decision_function(X), rtol=1e-12)
    with pytest.raises(ValueError, match="X has 12 features, but TTClassifier is expecting 13"):
        model.predict(array[:, 1:])


@quick
def test_blocks_without_weight_do_not_count(local, data):
    X, y, weight = data
    weight = weight.copy()
    weight[50:111] = 0
    blocks, whole, theta = objectives(
        TTClassifier(rank=2, feature_map="polynomial", random_state=0),
        (da.from_array(X, CHUNKS), y, weight),
        (X, y, weight),
    )
    value, gradient = blocks.value_and_gradient(theta)
    expected, expected_gradient = whole.value_and_gradient(theta)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    np.testing.assert_allclose(gradient, expected_gradient, atol=1e-12)


@quick
def test_whole_numbers_are_converted_in_their_blocks(local, data):
    X, y, _ = data
    X = X.astype(np.int16)
    model = TTClassifier(rank=2, feature_map="polynomial", solver="lbfgs", max_iter=3)
    expected = model.set_params(random_state=0).fit(X, y).decision_function(X)
    found = model.fit(da.from_array(X, CHUNKS), y).decision_function(da.from_array(X, CHUNKS))
    assert model.network_.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=1e-7)


@quick
def test_warm_starts_go_on(local, data):
    X, y, _ = data
    array = da.from_array(X, CHUNKS)
    model = TTClassifier(rank=2, feature_map="polynomial", max_iter=3, random_state=0)
    before = model.fit(array, y).loss_curve_
    model.set_params(warm_start=True, max_iter=1).fit(array, y)
    assert model.loss_curve_[0] < before[-1]


@quick
def test_callbacks_see_the_array(local, data):
    seen = []

    class Look:
        def setup(self, *args, **kwargs): ...

        def teardown(self, *args, **kwargs): ...

        def on_fit_task_begin(self, *args, X=None, **kwargs):
            seen.append(X)

        def on_fit_task_end(self, *args, **kwargs): ...

    X, y, _ = data
    array = da.from_array(X, CHUNKS)
    TTClassifier(rank=2, feature_map="polynomial", max_iter=1).set_callbacks(Look()).fit(array, y)
    assert all(one is array for one in seen)
    assert seen


def test_partial_fit_takes_a_block(local, data):
    X, y, _ = data
    array, classes = da.from_array(X, (89, -1)), np.unique(y)
    models = [TTClassifier(rank=2, solver="adam", random_state=0) for _ in range(2)]
    for k in range(2):
        rows = slice(89 * k, 89 * k + 89)
        models[0].partial_fit(array.blocks[k], y[rows], classes=classes)
        models[1].partial_fit(X[rows], y[rows], classes=classes)
    np.testing.assert_array_equal(models[0].predict_proba(X), models[1].predict_proba(X))


class Batches(Solver):
    """A solver of one's own that asks for single rows."""

    default_max_iter = 1
    full_batch = True

    def check(self): ...

    def minimize(self, problem, start, **options):
        problem.value_and_gradient(start, np.arange(3))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"solver": "adam"}, "solver='adam' asks for single samples.* partial_fit"),
        ({"solver": Batches()}, "rows must be None"),
        ({"early_stopping": True}, "early_stopping=True holds out"),
        ({"init": "moments"}, "init='moments' needs the features of all"),
        ({"categorical_features": [1]}, r"categorical_features=\[1\] does not go with a dask"),
    ],
)
def test_what_cannot_be_honoured_raises(local, data, changes, message):
    X, y, _ = data
    model = TTClassifier(rank=2, feature_map="polynomial", **changes)
    with pytest.raises(ValueError, match=message):
        model.fit(da.from_array(X, CHUNKS), y)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X: X.rechunk((60, 5)), r"3 blocks of columns.* X.rechunk\(\{1: -1\}\)"),
        (lambda X: X[X[:, 0] > 13], "blocks of unknown sizes.* X.compute_chunk_sizes"),
        (lambda X: X[:100], "inconsistent numbers of samples"),
        (lambda X: X[:, 0], r"X has 1 dimension\(s\)"),
        (lambda X: da.where(X > 14, np.inf, X), "Input X contains infinity"),
    ],
)
def test_bad_arrays_raise(local, data, change, message):
    X, y, _ = data
    with pytest.raises(ValueError, match=message):
        TTClassifier(rank=2).fit(change(da.from_array(X, CHUNKS)), y)


def test_grid_search_on_a_cluster_finds_the_same(client, data):
    X, y, _ = data
    feature_map = PolynomialMap(scale=1.0)
    model = TTClassifier(feature_map=feature_map, alpha=0.01, tol=0.05, n_jobs=1, random_state=0)
    search = GridSearchCV(model, {"rank": [1, 3]}, cv=2)
    expected = search.fit(X, y).cv_results_["mean_test_score"]
    with joblib.parallel_backend("dask"):
        search.set_params(n_jobs=2).fit(X, y)
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], expected)


def test_without_a_cluster_one_block_is_read_after_the_other(monkeypatch, data):
    monkeypatch.setattr(_dask, "client_of_dask", lambda: None)
    threads = []

    def note(block):
        threads.append(threading.current_thread())
        return block

    array = da.from_array(data[0], CHUNKS).map_blocks(note, meta=np.empty((0, 0)))
    with dask.config.set(scheduler=None):
        np.testing.assert_array_equal(_dask.read(array), data[0])
    assert threads == [threading.main_thread()] * 5
