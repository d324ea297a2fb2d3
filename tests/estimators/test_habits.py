"""What people do with estimators of scikit-learn: a table of ways that give the same answers."""

import multiprocessing
import pickle
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    BaggingClassifier,
    StackingClassifier,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.feature_selection import SequentialFeatureSelector
from sklearn.frozen import FrozenEstimator
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_validate,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sktensornet import CPClassifier, TTClassifier, TTRegressor
from sktensornet.feature_maps import SplineMap

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def data(n=90):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 4))
    return X, np.digitize(X[:, 0] + X[:, 1] * X[:, 2], [0.0]), X[:, 0] + X[:, 1] * X[:, 2]


FIXED = SplineMap(scale=1.0)


def clf(Format=TTClassifier):
    return Format(3, feature_map=FIXED, alpha=1e-3, max_iter=2, random_state=0, n_jobs=1)


def reg():
    return clf(TTRegressor)


GRID = {"rank": [2, 3]}
CLASSIFIERS = {
    "pipeline": lambda: make_pipeline(StandardScaler(), clf()),
    "calibration": lambda: CalibratedClassifierCV(clf(), cv=2),
    "isotonic": lambda: CalibratedClassifierCV(clf(), cv=2, method="isotonic"),
    "stacking": lambda: StackingClassifier([("tt", clf())], LogisticRegression(), cv=2),
    "voting": lambda: VotingClassifier([("tt", clf()), ("cp", clf(CPClassifier))], voting="soft"),
    "bagging": lambda: BaggingClassifier(clf(), n_estimators=2, random_state=0),
    "one versus rest": lambda: OneVsRestClassifier(clf()),
    "one versus one": lambda: OneVsOneClassifier(clf()),
    "grid": lambda: GridSearchCV(clf(), GRID, cv=2, error_score="raise"),
    "random": lambda: RandomizedSearchCV(clf(), GRID, n_iter=2, cv=2, error_score="raise"),
    "threshold": lambda: TunedThresholdClassifierCV(clf(), cv=2),
}


@pytest.mark.parametrize("habit", CLASSIFIERS)
def test_classifiers_inside_others(habit):
    X, y, _ = data()
    model = CLASSIFIERS[habit]().fit(X, y)
    assert model.score(X, y) > 0.8
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


def test_halving_searches():
    from sklearn.experimental import enable_halving_search_cv  # noqa: F401
    from sklearn.model_selection import HalvingGridSearchCV

    X, y, _ = data()
    search = HalvingGridSearchCV(clf(), GRID, cv=2, error_score="raise", random_state=0)
    assert search.fit(X, y).score(X, y) > 0.8


REGRESSORS = {
    "voting": lambda: VotingRegressor([("tt", reg())]),
    "several": lambda: MultiOutputRegressor(reg()),
    "logarithm": lambda: TransformedTargetRegressor(reg(), func=np.sinh, inverse_func=np.arcsinh),
}


@pytest.mark.parametrize("habit", REGRESSORS)
def test_regressors_inside_others(habit):
    X, _, y = data()
    y = np.stack([y, -y], axis=1) if habit == "several" else y
    assert REGRESSORS[habit]().fit(X, y).score(X, y) > 0.5


def test_frozen_estimators_are_not_fitted_again():
    X, y, _ = data()
    model = clf().fit(X, y)
    frozen = FrozenEstimator(model).fit(X, 1 - y)
    np.testing.assert_array_equal(frozen.predict_proba(X), model.predict_proba(X))
    calibrated = CalibratedClassifierCV(frozen).fit(X, y)
    assert calibrated.score(X, y) > 0.8


def test_weights_are_routed():
    X, y, _ = data()
    weight = np.linspace(0, 1, len(y))
    with config_context(enable_metadata_routing=True):
        asks = clf().set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        routed = make_pipeline(scaler, asks).fit(X, y, sample_weight=weight)
        cross_validate(asks, X, y, params={"sample_weight": weight}, cv=2, error_score="raise")
    expected = clf().fit(StandardScaler().fit_transform(X), y, sample_weight=weight)
    np.testing.assert_array_equal(routed[-1].network_.cores[0], expected.network_.cores[0])


def test_selection_and_importance():
    X, y, _ = data()
    selector = SequentialFeatureSelector(clf(), n_features_to_select=1, direction="backward", cv=2)
    assert selector.fit(X[:, :3], y).get_support().sum() == 1
    importance = permutation_importance(clf().fit(X, y), X, y, n_repeats=2, random_state=0)
    assert importance.importances_mean[0] > importance.importances_mean[3]


def test_frames_out_of_a_pipeline():
    pd = pytest.importorskip("pandas")
    X, y, _ = data()
    X = pd.DataFrame(X, columns=list("abcd"))
    model = make_pipeline(StandardScaler(), clf()).set_output(transform="pandas").fit(X, y)
    assert model[-1].feature_names_in_.tolist() == list("abcd")


WAYS = {
    "memmap": lambda model, X, path: model.predict_proba(np.load(path, mmap_mode="r")),
    "columns first": lambda model, X, path: model.predict_proba(np.asfortranarray(X)),
    "strided": lambda model, X, path: model.predict_proba(np.repeat(X, 2, axis=0)[::2]),
    "list": lambda model, X, path: model.predict_proba(X.tolist()),
    "clone": lambda model, X, path: clone(model).fit(X, data()[1]).predict_proba(X),
    "threads": lambda model, X, path: list(ThreadPoolExecutor(4).map(model.predict_proba, [X] * 8))[
        -1
    ],
    "joblib threads": lambda model, X, path: joblib.Parallel(2, prefer="threads")(
        joblib.delayed(model.predict_proba)(X) for _ in range(2)
    )[-1],
}


@pytest.mark.parametrize("way", WAYS)
def test_one_answer_whatever_the_way(way, tmp_path):
    X, y, _ = data()
    np.save(tmp_path / "X.npy", X)
    model = clf().fit(X, y)
    found = WAYS[way](model, X, tmp_path / "X.npy")
    np.testing.assert_array_equal(found, model.predict_proba(X))


def test_held_out_predictions():
    X, y, _ = data()
    found = cross_val_predict(clf(), X, y, cv=3, method="decision_function")
    assert np.mean((found > 0) == y) > 0.7


def test_search_in_processes():
    X, y, _ = data()
    with joblib.parallel_backend("loky", n_jobs=2):
        found = GridSearchCV(clf(), GRID, cv=2, n_jobs=2, error_score="raise").fit(X, y)
    alone = GridSearchCV(clf(), GRID, cv=2, error_score="raise").fit(X, y)
    np.testing.assert_array_equal(
        found.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"]
    )


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_fit_and_predict_in_a_fork(n_jobs):
    X, y, _ = data()
    # Threads that ran before a fork are not in the child.
    model = clf().set_params(n_jobs=n_jobs).fit(X, y)
    with multiprocessing.get_context("fork").Pool(1) as pool:
        found = pool.apply_async(model.predict_proba, (X,)).get(timeout=60)
        again = pool.apply_async(model.fit, (X, y)).get(timeout=60)
    np.testing.assert_array_equal(found, model.predict_proba(X))
    np.testing.assert_array_equal(again.predict_proba(X), found)
