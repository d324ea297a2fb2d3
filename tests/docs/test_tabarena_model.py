"""The wrapper for AutoGluon, by its own base class or, where it is not installed, a stand-in."""

import importlib
import sys
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_iris

from sktensornet import TTClassifier, TTRegressor
from sktensornet._estimators._constraints import check_parameters

FOLDER = Path(__file__).parents[2] / "examples" / "benchmarks"


class AbstractModel:
    """As much of `autogluon.core.models.AbstractModel` as the wrapper meets."""

    def __init__(self, path=None, problem_type=None, eval_metric=None, hyperparameters=None):
        self.problem_type, self.path = problem_type, path
        self._params = {self.seed_name: 0} | (hyperparameters or {})
        self.params_aux = self._get_default_auxiliary_params()

    def _get_default_auxiliary_params(self):
        return {}

    def _get_model_params(self):
        return dict(self._params)

    def preprocess(self, X, y=None, is_train=False):
        return X

    def fit(self, X, y, num_cpus, num_gpus, **arguments):
        self._fit(X=X, y=y, num_cpus=num_cpus, num_gpus=num_gpus, verbosity=0, **arguments)
        return self

    def predict_proba(self, X):
        X = self.preprocess(X)
        if self.problem_type == "regression":
            return self.model.predict(X)
        proba = self.model.predict_proba(X)
        return proba[:, 1] if self.problem_type == "binary" else proba


STAND_INS = {
    "autogluon.common.space": {"Categorical": lambda *values: SimpleNamespace(data=values)},
    "autogluon.core.models": {"AbstractModel": AbstractModel},
    "autogluon.core.utils.exceptions": {
        "TimeLimitExceeded": type("TimeLimitExceeded", (Exception,), {})
    },
    "tabarena.utils.config_utils": {"ConfigGenerator": SimpleNamespace},
}


MISSING = {name for name in STAND_INS if find_spec(name.partition(".")[0]) is None}


@pytest.fixture
def wrapper(monkeypatch):
    """The module of the example."""
    for name in MISSING:
        parts = name.split(".")
        for end in range(1, len(parts) + 1):
            package = ".".join(parts[:end])
            if package not in sys.modules:
                monkeypatch.setitem(sys.modules, package, ModuleType(package))
        vars(sys.modules[name]).update(STAND_INS[name])
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.delitem(sys.modules, "tabarena_model", raising=False)
    yield importlib.import_module("tabarena_model")
    sys.modules.pop("tabarena_model", None)


def table(problem_type):
    """Numbers of two kinds, categories with one that training has not seen, and holes."""
    load = load_diabetes if problem_type == "regression" else load_iris
    X, y = load(return_X_y=True, as_frame=True)
    if problem_type == "binary":
        y = (y == 1).astype(int)
    X = X.iloc[:, :4].set_axis(list("abcd"), axis=1)
    X["b"] = np.arange(len(X)) % 7
    X["c"] = pd.qcut(X["c"].rank(method="first"), 4, labels=list("wxyz"))
    X["c"] = X["c"].cat.add_categories("unseen")
    X.loc[::9, ["a", "c"]] = None
    return X, y


def made(wrapper, problem_type, path, **parameters):
    return wrapper.TensorTrain(
        path=str(path), problem_type=problem_type, hyperparameters=parameters
    )


@pytest.mark.parametrize(
    ("problem_type", "estimator"),
    [("binary", TTClassifier), ("multiclass", TTClassifier), ("regression", TTRegressor)],
)
def test_is_the_estimator_on_the_columns_as_they_are(wrapper, tmp_path, problem_type, estimator):
    X, y = table(problem_type)
    test = X[::5].copy()
    test.iloc[0, 2] = "unseen"
    model = made(wrapper, problem_type, tmp_path, rank=3).fit(X=X, y=y, num_cpus=1, num_gpus=0)
    alone = estimator(rank=3, n_jobs=1, random_state=0).fit(X, y)
    expected = alone.predict(test) if problem_type == "regression" else alone.predict_proba(test)
    if problem_type == "binary":
        expected = expected[:, 1]
    assert model.model.n_jobs == 1
    # AutoGluon gives float32.
    np.testing.assert_allclose(model.predict_proba(test), expected, rtol=1e-6)
    # Four levels and the missing one, beside the constant.
    assert model.model.feature_map_.mode_sizes[2] == alone.feature_map_.mode_sizes[2] > 4


def test_takes_hyperparameters_and_cpus(wrapper, tmp_path):
    X, y = table("binary")
    model = made(wrapper, "binary", tmp_path, rank=2, random_state=3, alpha=1e-3)
    model.fit(X=X, y=y, num_cpus=2, num_gpus=0)
    found = model.model.get_params()
    assert [found[name] for name in ("rank", "random_state", "alpha", "n_jobs")] == [2, 3, 1e-3, 2]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
class TestTimeLimit:
    """By a clock on which a second goes by whenever it is read."""

    def fitted(self, wrapper, tmp_path, monkeypatch, seconds):
        X, y = table("binary")
        ticks = count()
        monkeypatch.setattr(wrapper, "time", SimpleNamespace(monotonic=lambda: next(ticks)))
        model = made(
            wrapper, "binary", tmp_path, solver="lbfgs", alpha=1e-3, max_iter=30, tol=1e-12
        )
        return model.fit(X=X, y=y, time_limit=seconds, num_cpus=1, num_gpus=0).model

    def test_ends_before_an_iteration_that_would_be_late(self, wrapper, tmp_path, monkeypatch):
        clf = self.fitted(wrapper, tmp_path, monkeypatch, 9.5)
        # Read at 0, at the begin of the fit (1), and at both ends of iterations: (2, 3), (4, 5),
        # (6, 7), (8, 9), after which another second would end at 10.
        assert clf.n_iter_ == 4
        assert self.fitted(wrapper, tmp_path, monkeypatch, None).n_iter_ == 30
        assert self.fitted(wrapper, tmp_path, monkeypatch, 1000).n_iter_ == 30

    def test_raises_where_nothing_can_be_fitted(self, wrapper, tmp_path, monkeypatch):
        with pytest.raises(wrapper.TimeLimitExceeded):
            self.fitted(wrapper, tmp_path, monkeypatch, 1.5)

    def test_leaves_no_callback(self, wrapper, tmp_path, monkeypatch):
        clf = self.fitted(wrapper, tmp_path, monkeypatch, 9.5)
        assert not getattr(clf, "_skl_callbacks", None)


def test_search_space_has_parameters_of_both_estimators(wrapper):
    generator = wrapper.TensorTrain.config_generator()
    assert generator.manual_configs == [{}]
    for name, space in generator.search_space.items():
        for value in space.data:
            for estimator in (TTClassifier, TTRegressor):
                check_parameters(estimator(**{name: value}))


def test_says_what_it_takes(wrapper, tmp_path):
    assert wrapper.TensorTrain.supported_problem_types() == ["binary", "multiclass", "regression"]
    model = made(wrapper, "binary", tmp_path)
    assert model._get_default_auxiliary_params()["valid_raw_types"] == ["int", "float", "category"]
    assert wrapper.TensorTrain.ag_key
    assert wrapper.TensorTrain.ag_name
