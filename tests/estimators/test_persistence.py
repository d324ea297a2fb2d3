"""Estimators survive pickle, joblib and skops, and know the version that saved them."""

import copy
import io
import pickle
import warnings
from dataclasses import fields, is_dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.base import clone, is_classifier
from sklearn.exceptions import InconsistentVersionWarning as SklearnWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skops.io.exceptions import UntrustedTypesFoundException

import sktensornet
from sktensornet import (
    CPClassifier,
    CPRegressor,
    HTClassifier,
    HTRegressor,
    TTClassifier,
    TTRegressor,
    persistence,
)
from sktensornet._support import _version
from sktensornet.feature_maps import (
    FEATURE_MAPS,
    AffineMap,
    FeatureMap,
    FittedMap,
    PCAMap,
    SplineMap,
)
from sktensornet.losses import CLASSIFICATION_LOSSES, REGRESSION_LOSSES, EachLabel
from sktensornet.patches import ImagePatches, Patches, SequencePatches
from sktensornet.persistence import TRUSTED_TYPES, InconsistentVersionWarning
from sktensornet.solvers import ALS, LBFGS, SOLVERS, Adam, Solver

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

FORMATS = [TTClassifier, HTClassifier, CPClassifier, TTRegressor, HTRegressor, CPRegressor]
each_format = pytest.mark.parametrize("Format", FORMATS)


def joblib_dumps(model):
    file = io.BytesIO()
    joblib.dump(model, file)
    return file.getvalue()


def joblib_loads(saved):
    return joblib.load(io.BytesIO(saved))


FILES = {
    "pickle": (pickle.dumps, pickle.loads),
    "joblib": (joblib_dumps, joblib_loads),
    "skops": (skops.io.dumps, partial(skops.io.loads, trusted=TRUSTED_TYPES)),
}
each_file = pytest.mark.parametrize(("dumps", "loads"), FILES.values(), ids=FILES.keys())


def through(dumps, loads):
    return lambda model: loads(dumps(model))


WAYS = {name: through(*functions) for name, functions in FILES.items()} | {"copy": copy.deepcopy}
each_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())


def numbers(n=40, d=12):
    """Small whole numbers, so that one-hot maps have few categories."""
    X = np.random.default_rng(0).integers(0, 4, (n, d)).astype(float)
    return X, X[:, 0] + X[:, 1] * X[:, 2] > 3


def table():
    X, y = numbers(d=3)
    words = pd.Categorical(np.array(["a", "b", "c", "d"])[X[:, 2].astype(int)])
    return pd.DataFrame({"x": X[:, 0], "y": X[:, 1], "z": words}), y


def targets(model, y):
    return np.where(y, "yes", "no") if is_classifier(model) else y + 0.5


def short(Format, data=numbers, **parameters):
    """A fitted estimator and its X."""
    X, y = data()
    quick = {"rank": 2, "feature_map": SplineMap(scale=1.0), "alpha": 1e-3, "max_iter": 1}
    model = Format(**{**quick, "random_state": 0, "n_jobs": 1, **parameters})
    return model.fit(X, targets(model, y)), X


def same(a, b):
    """Whether two values are of one type and equal, all the way down."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and same(a.tolist(), b.tolist())
    if isinstance(a, np.random.RandomState):
        return same(a.get_state(), b.get_state())
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if is_dataclass(a):
        return all(same(getattr(a, f.name), getattr(b, f.name)) for f in fields(a) if f.compare)
    if hasattr(a, "get_params"):
        return same(vars(a), vars(b))
    return a == b or (a != a and b != b)


def test_same_sees_differences():
    a, _ = short(TTClassifier)
    b, _ = short(TTClassifier)
    assert same(a, b)
    for name, value in [("alpha_", 2 * b.alpha_), ("network_", b.compress(rank=1).network_)]:
        b, _ = short(TTClassifier)
        setattr(b, name, value)
        assert not same(a, b)


CASES = [
    *((Format, numbers, {}) for Format in FORMATS),
    *((TTClassifier, numbers, {"feature_map": name, "alpha": 0.0}) for name in FEATURE_MAPS),
    *(
        (
            TTRegressor,
            numbers,
            {"solver": name, "feature_map": "polynomial", "shared_cores": name == "spectral"},
        )
        for name in SOLVERS
    ),
    (HTClassifier, table, {"feature_map": "auto", "alpha": "auto"}),
    (CPRegressor, table, {"feature_map": {"x": "fourier", "y": AffineMap(4)}, "solver": "lbfgs"}),
    (
        TTClassifier,
        numbers,
        {"feature_map": "auto", "patches": SequencePatches(3, n_channels=2), "solver": "als"},
    ),
    (
        HTRegressor,
        numbers,
        {
            "feature_map": "auto",
            "patches": ImagePatches((3, 4), (2, 2), 1, "snake"),
            "solver": Adam(),
        },
    ),
    (HTClassifier, numbers, {"tree": (0, (1, 2), tuple(range(3, 12))), "solver": LBFGS()}),
    (CPClassifier, numbers, {"class_tensors": "separate", "feature_map": PCAMap(2)}),
    (TTRegressor, numbers, {"loss": "huber", "solver": ALS(sweep="two_site", rank_tol=0.1)}),
    (TTClassifier, numbers, {"early_stopping": True, "random_state": np.random.RandomState(3)}),
    (TTClassifier, numbers, {"solver": "als", "feature_map": "polynomial", "alpha": "auto"}),
    (TTClassifier, numbers, {"shared_cores": True, "feature_map": "polynomial"}),
    (CPClassifier, numbers, {"shared_cores": True, "feature_map": "polynomial"}),
    (HTRegressor, numbers, {"product": "max", "feature_map": "polynomial", "alpha": 0.0}),
]


@pytest.mark.parametrize(
    ("Format", "data", "parameters"),
    CASES,
    ids=[f"{k}-{case[0].__name__}-{'-'.join(case[2])}" for k, case in enumerate(CASES)],
)
def test_everything_of_an_estimator_survives(Format, data, parameters):
    model, X = short(Format, data, **parameters)
    for name, way in WAYS.items():
        again = way(model)
        assert same(again, model), name
        np.testing.assert_array_equal(again.predict(X), model.predict(X))
        assert repr(again.network_) == repr(model.network_)


@each_way
def test_a_network_given_as_the_start_survives(way):
    start = short(TTClassifier)[0].network_
    model, _ = short(TTClassifier, init=start)
    assert same(way(model).init, start)


@each_way
def test_what_is_handed_out_stays_read_only(way):
    again = way(short(HTClassifier)[0])
    arrays = [*again.network_.cores, *again.feature_map_.constants, again.patches_.columns]
    assert not any(array.flags.writeable for array in arrays)
    with pytest.raises(AttributeError):
        again.network_.cores = ()


@each_way
@pytest.mark.parametrize("Format", [TTClassifier, HTRegressor])
def test_training_goes_on_as_if_it_had_not_been_saved(Format, way):
    model, X = short(Format, solver=Adam(dropout=0.2), random_state=np.random.RandomState(0))
    _, y = numbers()
    y = targets(model, y)
    model.partial_fit(X, y)
    again = way(model)
    for one in (model, again):
        one.partial_fit(X[::2], y[::2])
    assert same(again, model)


@each_way
def test_warm_starts_go_on(way):
    model, X = short(TTRegressor, warm_start=True, solver="lbfgs")
    again = way(model)
    y = numbers()[1] + 0.5
    assert same(again.fit(X, y), model.fit(X, y))


@pytest.mark.parametrize("name", ["core_of", "multiplied", "n_sites", "message_sizes"])
@each_way
def test_what_is_cached_is_not_saved_and_found_anew(way, name):
    network = short(CPClassifier)[0].network_
    owner = network if name == "message_sizes" else network.tree
    value = getattr(owner, name)
    assert name in vars(owner)
    again = way(owner)
    assert name not in owner.__getstate__()
    assert getattr(again, name) == value


@each_way
def test_trees_are_equal_and_hash_alike(way):
    tree = short(HTClassifier)[0].network_.tree
    assert way(tree) == tree
    assert hash(way(tree)) == hash(tree)


def test_a_file_may_be_mapped_into_memory(tmp_path):
    model, X = short(TTClassifier)
    joblib.dump(model, tmp_path / "model.joblib")
    again = joblib.load(tmp_path / "model.joblib", mmap_mode="r")
    assert all(type(core) is np.ndarray for core in again.network_.cores)
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


@each_file
def test_pipelines_survive(dumps, loads):
    X, y = numbers()
    model = TTClassifier(rank=2, max_iter=1, alpha=1e-3)
    pipeline = make_pipeline(StandardScaler(), model).fit(X, y)
    again = loads(dumps(pipeline))
    np.testing.assert_array_equal(again.predict_proba(X), pipeline.predict_proba(X))


@each_file
@pytest.mark.parametrize(
    "make",
    [
        lambda x: pd.cut(x, 4),
        lambda x: pd.cut(x, 4, right=False),
        lambda x: pd.Categorical(np.round(x)),
        lambda x: pd.Categorical(x > 0),
        lambda x: pd.Categorical([Decimal(round(one)) for one in x]),
        lambda x: pd.Categorical([date(2020, 1, 9 + round(one)) for one in x]),
        lambda x: pd.Categorical([timedelta(round(one)) for one in x]),
        lambda x: pd.Categorical([datetime(2020, 1, 9 + round(one)) for one in x]),
    ],
)
def test_levels_survive_whatever_they_are(dumps, loads, make):
    x = np.random.default_rng(0).standard_normal(50)
    X = pd.DataFrame({"level": make(x)})
    model = TTRegressor(categorical_features=["level"], alpha=1e-3).fit(X, x)
    predictions = loads(dumps(model)).predict(X)
    np.testing.assert_array_equal(predictions, model.predict(X))
    assert np.corrcoef(predictions, x)[0, 1] > 0.7


@each_format
def test_skops_loads_nothing_that_is_not_named(Format):
    saved = skops.io.dumps(short(Format)[0])
    asked = skops.io.get_untrusted_types(data=saved)
    assert set(asked) <= set(TRUSTED_TYPES)
    with pytest.raises(UntrustedTypesFoundException):
        skops.io.loads(
            saved, trusted=[name for name in TRUSTED_TYPES if Format.__name__ not in name]
        )


@pytest.mark.parametrize("base", [FeatureMap, FittedMap, Patches, Solver])
def test_types_of_others_are_not_trusted(base):
    foreign = type("Foreign", (base,), {"__module__": "somewhere"})
    own = persistence._own(base)
    assert own
    assert foreign not in own
    assert {f"{cls.__module__}.{cls.__qualname__}" for cls in own} <= set(TRUSTED_TYPES)
    others = [name for name in TRUSTED_TYPES if not name.startswith("sktensornet.")]
    assert others == sorted([*persistence._LEVELS, "functools.partial"])


def test_the_state_names_the_version():
    model, _ = short(TTClassifier)
    assert model.__getstate__()["_sktensornet_version"] == sktensornet.__version__
    assert "_sktensornet_version" not in vars(pickle.loads(pickle.dumps(model)))


@each_format
@each_file
def test_another_version_is_told(Format, dumps, loads, monkeypatch):
    model, X = short(Format)
    with monkeypatch.context() as patch:
        patch.setattr(_version, "__version__", "0.0.9")
        saved = dumps(model)
    with pytest.warns(InconsistentVersionWarning) as caught:
        again = loads(saved)
    (warning,) = caught
    message = str(warning.message)
    assert message.startswith(f"{Format.__name__} was saved by sktensornet 0.0.9 and is loaded by")
    assert f"sktensornet {sktensornet.__version__}" in message
    assert warning.message.saved_by == "0.0.9"
    assert issubclass(warning.category, SklearnWarning)
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


def test_a_state_without_a_version_is_told():
    model, _ = short(TTClassifier)
    state = model.__getstate__()
    del state["_sktensornet_version"]
    with pytest.warns(InconsistentVersionWarning, match=r"saved by sktensornet before 0\.1\.0"):
        TTClassifier().__setstate__(state)
    assert "alpha_" in state


@each_format
def test_a_file_of_the_first_version_says_so(Format):
    module = "_classifiers" if is_classifier(Format()) else "_regressors"
    saved = f"csktensornet.{module}\n{Format.__name__}\n.".encode()
    with pytest.raises(ImportError, match=rf"{Format.__name__} was saved by sktensornet 0\.1\.0"):
        pickle.loads(saved)


@pytest.mark.parametrize("way", [clone, copy.copy, copy.deepcopy])
def test_copies_within_a_session_do_not_warn(way):
    model, _ = short(TTClassifier)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "_sktensornet_version" not in vars(way(model))


def test_all_losses_are_trusted():
    losses = [*CLASSIFICATION_LOSSES.values(), *REGRESSION_LOSSES.values(), EachLabel]
    names = {f"{one.__module__}.{one.__qualname__}" for one in losses}
    assert names <= set(TRUSTED_TYPES)
