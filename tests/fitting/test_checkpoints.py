"""Fits that are cut off go on where they were."""

import os
import pickle
import signal
import subprocess
import sys

import joblib
import numpy as np
import pytest
import skops.io
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sktensornet import (
    CPClassifier,
    CPRegressor,
    HTClassifier,
    HTRegressor,
    TTClassifier,
    TTRegressor,
    callbacks,
)
from sktensornet._fitting._automatic import FEWEST_CHANNELS
from sktensornet.callbacks import Checkpoint
from sktensornet.feature_maps import OneHotMap, SplineMap
from sktensornet.persistence import TRUSTED_TYPES
from sktensornet.solvers import ALS, Adam

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def numbers(dtype=np.float64, n=80, d=5):
    X = np.random.default_rng(0).normal(size=(n, d)).astype(dtype)
    return X, X[:, 0] * X[:, 1] + X[:, 2]


def target(Format, y):
    return np.digitize(y, [-0.5, 0.5]) if "Classifier" in Format.__name__ else y


class Keep:
    """Keeps what a checkpoint would have saved after each iteration."""

    def __init__(self):
        self.saved = []

    def setup(self, estimator, context):
        pass

    teardown = on_fit_task_begin = setup

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        if context.task_name != "fit" and fitted_estimator is not None:
            vars(fitted_estimator).pop("_skl_callbacks")
            vars(fitted_estimator).pop("_callback_fit_ctx")
            vars(fitted_estimator).pop("_skl_callbacks_to_teardown")
            self.saved.append(pickle.dumps(fitted_estimator))


def kept(model, X, y):
    """The fitted model, and what is saved after each iteration."""
    keep = Keep()
    model.set_callbacks(keep).fit(X, y)
    return model.set_callbacks(), keep.saved


def assert_same_fit(model, other, X):
    """All that training left is the same, in every digit."""
    for a, b in zip(
        (*model.network_.cores, *model.feature_map_.parameters),
        (*other.network_.cores, *other.feature_map_.parameters),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)
        assert a.dtype == b.dtype
    np.testing.assert_array_equal(model.predict(X), other.predict(X))
    assert getattr(model, "temperature_", None) == getattr(other, "temperature_", None)
    for name in ("loss_curve_", "n_iter_", "validation_scores_", "alpha_", "scale_", "_unfinished"):
        assert getattr(model, name) == getattr(other, name), name
    assert (model.sweeps_ is None) == (other.sweeps_ is None)
    for a, b in zip(model.sweeps_ or [], other.sweeps_ or [], strict=True):
        assert (a.objective, a.ranks, a.truncation_loss) == (
            b.objective,
            b.ranks,
            b.truncation_loss,
        )


CASES = [
    (TTClassifier, {"solver": "als", "alpha": 1e-4}),
    (HTClassifier, {"solver": "als", "alpha": 1e-4, "loss": "squared_hinge"}),
    (CPClassifier, {"solver": "als", "alpha": 1e-4, "class_tensors": "separate"}),
    (TTClassifier, {"solver": "als", "alpha": 1e-4, "loss": "calibrated_squared_error"}),
    (CPRegressor, {"solver": "als", "alpha": 1e-4}),
    (TTRegressor, {"solver": ALS(sweep="two_site", rank_tol=1e-2), "alpha": 1e-4}),
    (HTRegressor, {"solver": ALS(class_leg="fixed", memory=1e-9), "loss": "huber", "alpha": 1e-4}),
    (TTRegressor, {"solver": "als", "alpha": "auto"}),
    (TTClassifier, {"solver": "als", "alpha": 1e-5, "early_stopping": True, "tol": 0.0}),
    (TTClassifier, {"solver": "adam"}),
    (HTRegressor, {"solver": Adam(dropout=0.2, weight_decay=0.1), "feature_map": "affine"}),
    (CPClassifier, {"solver": "adam", "early_stopping": True, "n_iter_no_change": 2}),
    (TTRegressor, {"solver": "adam", "random_state": None, "penalty": "start", "init": "linear"}),
    (HTClassifier, {"solver": Adam(schedule="constant"), "product": "max"}),
]
IDS = [f"{k}-{Format.__name__}-{p['solver']}".split("(")[0] for k, (Format, p) in enumerate(CASES)]


@pytest.mark.parametrize(("Format", "parameters"), CASES, ids=IDS)
def test_goes_on_bit_for_bit_from_every_iteration(Format, parameters):
    # By each solver in both precisions.
    X, y = numbers([np.float64, np.float32][CASES.index((Format, parameters)) % 2], n=60)
    y = target(Format, y)
    quick = {"rank": 3, "max_iter": 4, "random_state": 0, "n_jobs": 1}
    if not isinstance(parameters.get("alpha", "auto"), str):
        quick["feature_map"] = SplineMap(scale=1.0)
    model = Format(**quick | parameters)
    model, saved = kept(model, X, y)
    assert len(saved) == model.n_iter_ > 1
    for k, one in enumerate(saved):
        again = pickle.loads(one)
        assert again.n_iter_ == len(again.loss_curve_) == k + 1
        # The importances, and what intervals are made of, are those of the network at the end.
        at_the_end = {"feature_importances_", "_remembered"}
        assert vars(again).keys() == vars(model).keys() - at_the_end
        assert again._unfinished is not None
        again.set_params(warm_start=True).fit(X, y)
        assert_same_fit(again, model, X)


def test_a_fit_that_went_on_leaves_further_snapshots():
    X, y = numbers()
    model, saved = kept(TTRegressor(solver="als", alpha=1e-4, tol=0, max_iter=6, rank=3), X, y)
    second, later = kept(pickle.loads(saved[1]).set_params(warm_start=True), X, y)
    assert len(later) == 4
    assert_same_fit(pickle.loads(later[1]).fit(X, y), model, X)
    assert_same_fit(second, model, X)


def test_after_the_end_a_warm_start_is_one():
    X, y = numbers()
    model = TTRegressor(solver="adam", warm_start=True, max_iter=4, random_state=0).fit(X, y)
    assert model._unfinished is None
    assert model.fit(X, y).n_iter_ == 4


def test_lbfgs_goes_on_with_a_new_memory_and_says_so():
    X, y = numbers()
    model, saved = kept(TTRegressor(solver="lbfgs", alpha=1e-3, max_iter=30, random_state=0), X, y)
    again = pickle.loads(saved[9]).set_params(warm_start=True)
    with pytest.warns(UserWarning, match="LBFGS goes on after 10 iterations"):
        again.fit(X, y)
    assert again.loss_curve_[:10] == model.loss_curve_[:10]
    assert 10 < again.n_iter_ <= 30
    assert again.loss_curve_[-1] < 0.5 * model.loss_curve_[9]


def test_lbfgs_takes_no_step_from_where_it_was_stopped():
    X, y = numbers()
    model, saved = kept(TTRegressor(solver="lbfgs", alpha=1e-3, max_iter=6, random_state=0), X, y)
    again = pickle.loads(saved[-1]).set_params(warm_start=True).fit(X, y)
    assert_same_fit(again, model, X)


def test_a_rank_that_was_chosen_stays():
    rng = np.random.default_rng(0)
    u, v = rng.normal(size=(2, 30))
    levels = rng.integers(0, 30, (2, 300)).T
    y = u[levels[:, 0]] * v[levels[:, 1]]
    feature_map = OneHotMap(scale=1.0)
    model = TTRegressor(categorical_features=[0, 1], feature_map=feature_map, random_state=0)
    model, saved = kept(model, levels, y)
    assert max(model.network_.ranks) < FEWEST_CHANNELS
    assert model.n_iter_ > 2
    first = pickle.loads(saved[0]).set_params(warm_start=True)
    again, later = kept(first, levels, y)
    for one in (again, pickle.loads(later[0]).fit(levels, y)):
        assert_same_fit(one, model, levels)


@pytest.mark.parametrize("change", ["data", "weights", {"alpha": 1e-2}, {"max_iter": 7}], ids=str)
def test_another_fit_is_a_warm_start_and_says_so(change):
    X, y = numbers()
    _, saved = kept(TTRegressor(solver="adam", alpha=1e-3, max_iter=5, random_state=0), X, y)
    again = pickle.loads(saved[1]).set_params(warm_start=True)
    weight = None
    if change == "data":
        y = y + 1e-12
    elif change == "weights":
        weight = np.linspace(1, 2, len(y))
    else:
        again.set_params(**change)
    with pytest.warns(UserWarning, match="does not go on with it"):
        again.fit(X, y, sample_weight=weight)
    assert again.n_iter_ == again.max_iter


@pytest.mark.parametrize("solver", ["adam", "als"])
def test_snapshots_train_on_batches_compress_and_convert(solver):
    X, y = numbers()
    _, saved = kept(TTRegressor(solver=solver, alpha=1e-3, max_iter=3, random_state=0), X, y)
    snapshot = pickle.loads(saved[0])
    for other in (snapshot.compress(rank=2), HTRegressor.from_fitted(snapshot)):
        assert other._unfinished is None
        other.set_params(warm_start=True, solver="als").fit(X, y)
    snapshot.set_params(solver="adam").partial_fit(X, y)
    assert snapshot._unfinished is None
    assert snapshot.n_iter_ == 2


@pytest.mark.parametrize("name", ["fit.joblib", "fit.skops"])
@pytest.mark.parametrize("solver", ["adam", "als"])
def test_the_file_goes_on(tmp_path, name, solver):
    X, y = numbers()
    path = tmp_path / name
    parameters = {"solver": solver, "alpha": 1e-4, "tol": 0, "max_iter": 5, "random_state": 0}
    seen = []

    class Copies(Checkpoint):
        def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
            super().on_fit_task_end(estimator, context, fitted_estimator=fitted_estimator)
            seen.append(path.read_bytes() if path.exists() else None)

    model = CPRegressor(**parameters).set_callbacks(Copies(path, every=2)).fit(X, y)
    assert [one is None for one in seen] == [True] + 5 * [False]
    assert seen[1] == seen[2] != seen[3] == seen[4] != seen[5]
    assert os.listdir(tmp_path) == [name]

    def load(saved):
        path.write_bytes(saved)
        if name.endswith("skops"):
            return skops.io.load(path, trusted=TRUSTED_TYPES)
        return joblib.load(path)

    again = load(seen[2]).set_params(warm_start=True)
    assert again.n_iter_ == 2
    assert_same_fit(again.fit(X, y), model, X)
    assert_same_fit(load(seen[5]), model, X)


KILLED = """
import os, signal, sys
import numpy as np
from sktensornet import TTRegressor
from sktensornet.callbacks import Checkpoint
from sktensornet.feature_maps import OneHotMap

class Kill:
    def setup(self, estimator, context): pass
    teardown = on_fit_task_end = setup
    def on_fit_task_begin(self, estimator, context):
        if context.task_name != "fit" and context.task_id == 5:
            os.kill(os.getpid(), signal.SIGKILL)

X, y = np.load(sys.argv[1]).values()
model = TTRegressor(solver="adam", alpha=1e-4, max_iter=8, random_state=0, n_jobs=1)
model.set_callbacks(Checkpoint(sys.argv[2], every=2), Kill()).fit(X, y)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="the system has no SIGKILL")
def test_a_killed_fit_loses_at_most_one_interval(tmp_path):
    X, y = numbers()
    np.savez(tmp_path / "data.npz", X=X, y=y)
    path = tmp_path / "fit.joblib"
    command = [sys.executable, "-c", KILLED, tmp_path / "data.npz", path]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    again = joblib.load(path)
    assert again.n_iter_ == 4
    again.set_params(warm_start=True).fit(X, y)
    expected = TTRegressor(solver="adam", alpha=1e-4, max_iter=8, random_state=0, n_jobs=1)
    assert_same_fit(again, expected.fit(X, y), X)


def test_a_write_that_fails_leaves_the_file_of_before(tmp_path, monkeypatch):
    X, y = numbers()
    path = tmp_path / "fit.joblib"
    model = TTRegressor(solver="adam", max_iter=2, random_state=0)
    model.set_callbacks(Checkpoint(path)).fit(X, y)
    before = path.read_bytes()

    def full(*arguments):
        raise OSError("no space left on device")

    monkeypatch.setattr(callbacks.os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        model.fit(X, -y)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["fit.joblib"]


def test_the_file_is_closed_when_it_takes_its_place_and_has_the_usual_mode(tmp_path, monkeypatch):
    opened, left_open = [], []

    def fsync(number):
        opened.append(number)

    def replace(self, target):
        try:
            left_open.append(os.fstat(opened[-1]))
        except OSError:
            os.rename(self, target)

    monkeypatch.setattr(callbacks.os, "fsync", fsync)
    monkeypatch.setattr(callbacks.Path, "replace", replace)
    X, y = numbers()
    path = tmp_path / "fit.joblib"
    TTRegressor(solver="adam", max_iter=2, random_state=0).set_callbacks(Checkpoint(path)).fit(X, y)
    assert not left_open
    (tmp_path / "other").write_bytes(b"")
    assert path.stat().st_mode == (tmp_path / "other").stat().st_mode


def test_is_a_callback_of_the_estimator_itself(tmp_path):
    X, y = numbers()
    model = TTRegressor(solver="adam", max_iter=2)
    pipeline = make_pipeline(StandardScaler(), model).set_callbacks(Checkpoint(tmp_path / "no"))
    with pytest.raises(ValueError, match=r"pipeline\[-1\]\.set_callbacks"):
        pipeline.fit(X, y)
    pipeline.set_callbacks()
    model.set_callbacks(Checkpoint(tmp_path / "fit"))
    pipeline.fit(X, y)
    saved = joblib.load(tmp_path / "fit")
    np.testing.assert_array_equal(saved.predict(pipeline[:-1].transform(X)), pipeline.predict(X))
    with pytest.raises(ValueError, match="every=0"):
        Checkpoint("fit", every=0)
