"""Helpers that several test files share."""

import math
import threading
from pathlib import Path

import numpy as np
import pytest
from sklearn import config_context
from threadpoolctl import threadpool_limits

from sktensornet._arrays._namespace import restored
from sktensornet._problems._model import Model
from sktensornet.feature_maps import AffineMap, OneHotMap, PolynomialMap, TrigonometricMap
from sktensornet.networks import balanced, canonical_polyadic, hierarchical_tucker, tensor_train
from sktensornet.networks._starts._identity import identity_start
from sktensornet.patches import ImagePatches, SingleColumns

TESTS = Path(__file__).parent
FIRST = {TESTS / "docs", TESTS / "distributed", TESTS / "test_imports.py"}
"""Where single tests take seconds, and where tests share a cluster."""


def pytest_collection_modifyitems(items):
    """The longest first, so that parallel workers end together, and one starts the cluster."""
    items.sort(key=lambda item: FIRST.isdisjoint({item.path, item.path.parent}))


@pytest.fixture(scope="session", autouse=True)
def one_thread_of_blas():
    """Small products, for which threads would wait for each other, and longer beside others."""
    # In a thread that ends, which then does not own the limit.
    limit = {"limits": 1, "user_api": "blas"}
    thread = threading.Thread(target=threadpool_limits, kwargs=limit)
    thread.start()
    thread.join()


@pytest.fixture(autouse=True)
def seeded():
    """Fits without a ``random_state`` draw from the global generator: the same in every run."""
    np.random.seed(0)  # noqa: NPY002


PLACES = [
    ("torch", "cpu"),
    ("torch", "cuda:0"),
    ("torch", "mps:0"),
    ("cupy", "0"),
    ("array_api_strict", "array_api_strict.Device('device1')"),
]
"""Libraries and devices of arrays that are not NumPy's; those that are not here are skipped."""


@pytest.fixture(params=PLACES, ids=lambda names: "-".join(names).replace("array_api_", ""))
def place(request):
    """Where arrays of another library are."""
    found = restored(*request.param)
    if found is None:
        pytest.skip(f"{' on '.join(request.param)} is not here")
    if found.name == "torch":
        # Small calls: threads would wait for each other, and longer beside other tests.
        found.xp.set_num_threads(1)
    return found


@pytest.fixture
def dispatch(monkeypatch):
    """Estimators leave arrays where they are, and scikit-learn believes that SciPy does."""
    pytest.importorskip("scipy", minversion="1.14", reason="scikit-learn asks SciPy 1.14 for it")
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    with config_context(array_api_dispatch=True):
        yield


@pytest.fixture(scope="session")
def assert_derivative():
    """Check a gradient against central differences along random directions."""

    def check(function, point, gradient, *, step=1e-5, rtol=1e-6, n_directions=6):
        rng = np.random.default_rng(0)
        assert gradient.shape == point.shape
        for _ in range(n_directions):
            direction = rng.standard_normal(point.shape)
            direction *= 1.0 / np.linalg.norm(direction)
            change = function(point + step * direction) - function(point - step * direction)
            np.testing.assert_allclose(
                np.sum(gradient * direction),
                change / (2 * step),
                rtol=rtol,
                atol=rtol * np.linalg.norm(gradient) + 1e-9,
            )

    return check


@pytest.fixture
def guarded():
    """Arrays with contiguous last axes in memory of NaN, which must be left as it is."""
    made = []

    def make(values, gap):
        *outer, n = values.shape
        whole = np.full((math.prod(outer) + 2, n + gap), np.nan, values.dtype)
        guards = np.ones(whole.shape, bool)
        guards[1:-1, :n] = False
        made.append((whole, guards))
        array = whole[1:-1].reshape(*outer, n + gap)[..., :n]
        array[...] = values
        return array

    yield make
    for whole, guards in made:
        assert np.isnan(whole[guards]).all()


TREES = {
    "TT": tensor_train,
    "HT": lambda d: hierarchical_tucker(balanced(d)),
    "CP": canonical_polyadic,
}
MAPS = {
    "affine": AffineMap(n_components=3, activation="tanh"),
    "relu": AffineMap(n_components=4),
    "polynomial": PolynomialMap(degree=2, scale=0.5),
    "trigonometric": TrigonometricMap(),
    "one_hot": OneHotMap(),
}


@pytest.fixture(scope="session")
def make_model():
    """A small model over 3 x 4 images, a random parameter vector of it, and data."""

    def make(
        tree="TT", feature_map="affine", *, n_outputs=3, batched=False, dtype=np.float64, n=10
    ):
        rng = np.random.default_rng(4)
        single = feature_map == "one_hot"
        X = rng.integers(0, 3, (n, 5 if single else 12)).astype(dtype)
        X += 0 if single else rng.random(X.shape).astype(dtype)
        patches = SingleColumns() if single else ImagePatches((3, 4), (2, 2), stride=1)
        sites = patches.fit(X.shape[1])
        fitted = MAPS[feature_map].fit(X, sites.columns, None, np.random.RandomState(0))
        topology = TREES[tree](sites.n_sites)
        n_tensors, leg = (n_outputs, 1) if batched else (1, n_outputs)
        sizes = topology.message_sizes(fitted.mode_sizes, 3, leg)
        model = Model(sites, fitted, topology, sizes, n_tensors, batched, dtype)
        bias = rng.standard_normal((n_tensors, leg))
        cores = identity_start(
            model.contraction, fitted.constants, bias, np.random.RandomState(1), 1.0, 1.0
        )
        return model, model.pack(cores, fitted.parameters), X

    return make


@pytest.fixture(scope="session")
def random_tree():
    """A function that draws a topology: a chain, any tree over permuted sites, or a product."""

    def nested(rng, sites):
        if len(sites) == 1:
            return int(sites[0])
        n_parts = min(len(sites), int(rng.integers(2, 4)))
        cuts = np.sort(rng.choice(np.arange(1, len(sites)), n_parts - 1, replace=False))
        return tuple(nested(rng, part) for part in np.split(sites, cuts))

    def draw(rng, n_sites):
        kind = rng.integers(3)
        if kind == 0:
            return tensor_train(n_sites, int(rng.integers(n_sites)))
        if kind == 1:
            return hierarchical_tucker(nested(rng, rng.permutation(n_sites)))
        return canonical_polyadic(n_sites)

    return draw
