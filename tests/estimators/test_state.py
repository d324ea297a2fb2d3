"""The fitted state changes as a whole, or not at all; and nothing else changes it."""

import pickle
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.utils import get_tags

from sktensornet import TTClassifier, TTRegressor
from sktensornet.feature_maps import PolynomialMap
from sktensornet.solvers import Adam

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def numbers(d=3, n=40, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    return X, X[:, 0] > 0


def table(levels="abc", n=45, seed=0):
    """A column of words that decides, and one of numbers that does not."""
    rng = np.random.default_rng(seed)
    words = np.array(list(levels))[np.arange(n) % len(levels)]
    return pd.DataFrame({"word": words, "number": rng.normal(size=n)}), words == levels[0]


def short(Format=TTClassifier, **parameters):
    return Format(**({"rank": 2, "max_iter": 2, "alpha": 1e-3, "random_state": 0} | parameters))


class Hook:
    """Calls a function with the fitted estimator of each iteration."""

    def __init__(self, function):
        self.function = function

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        if context.task_name != "fit":
            return self.function(fitted_estimator)


def interrupt(fitted_estimator):
    raise KeyboardInterrupt


def fingerprint(model):
    return pickle.dumps(vars(model))


@pytest.fixture(params=["als", "lbfgs", "adam"])
def solver(request):
    return request.param


class TestAFitThatFails:
    """What a failing call changed, it gives back: predictions and every attribute."""

    def bad_targets(self, model):
        X, _ = table("xyz")
        model.fit(X, np.full(len(X), np.nan))

    def bad_map(self, model):
        X, y = table("xyz")
        model.set_params(feature_map=PolynomialMap(degree=-1))
        model.fit(X, np.where(y, "u", "v"))

    def other_width(self, model):
        X, y = numbers(d=8)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            model.set_callbacks(Hook(interrupt)).fit(X, y)

    def bad_batch(self, model):
        X, y = table()
        model.partial_fit(X, np.where(y, "no", "such"))

    def bad_array(self, model):
        da = pytest.importorskip("dask.array")
        X, y = numbers(d=5)
        X[30, 2] = np.inf
        model.fit(da.from_array(X, chunks=(10, 5)), y)

    @pytest.mark.parametrize(
        "fail", ["bad_targets", "bad_map", "other_width", "bad_batch", "bad_array"]
    )
    def test_leaves_the_model_of_before(self, fail):
        X, y = table()
        random_state = np.random.RandomState(3)
        solver = "adam" if fail == "bad_batch" else "auto"
        model = short(random_state=random_state, solver=solver).fit(X, y)
        before, expected = vars(model).copy(), model.predict_proba(X)
        drawn = pickle.dumps(random_state)
        with pytest.raises((ValueError, KeyboardInterrupt)):
            getattr(self, fail)(model)
        model.set_callbacks()
        if fail == "bad_map":
            model.set_params(feature_map="auto")
        assert vars(model).keys() == before.keys()
        assert all(vars(model)[name] is before[name] for name in before)
        np.testing.assert_array_equal(model.predict_proba(X), expected)
        assert pickle.dumps(random_state) == drawn

    def test_of_a_new_estimator_leaves_it_unfitted(self, solver):
        X, y = numbers()
        model = short(solver=solver).set_callbacks(Hook(interrupt))
        with pytest.raises(KeyboardInterrupt):
            model.fit(X, y)
        model.set_callbacks()
        assert vars(model) == vars(short(solver=solver))

    # A generator may be what is interrupted, which nobody hears of.
    @pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
    @pytest.mark.parametrize("method", ["fit", "partial_fit"])
    def test_at_any_call_inside(self, method):
        """Interrupted at random calls of functions, it is as before or, at the very end, new."""
        X, y = numbers()
        other, labels = numbers(seed=1)
        model = short(solver="adam", max_iter=1, warm_start=True).fit(X, y)
        call = getattr(model, method)
        before = fingerprint(model)
        n_calls = count_calls(lambda: getattr(pickle.loads(pickle.dumps(model)), method)(X, y))
        rng = np.random.default_rng(0)
        interrupted = 0
        for at in rng.integers(n_calls, size=25):
            try:
                with interrupted_at(int(at)):
                    call(other, labels)
            except KeyboardInterrupt:
                interrupted += 1
                assert fingerprint(model) == before
            else:
                before = fingerprint(model)
        assert interrupted > 10


class interrupted_at:  # noqa: N801
    """Raise KeyboardInterrupt at the n-th call of a Python function."""

    def __init__(self, n):
        self.left = n

    def __enter__(self):
        sys.setprofile(self.event)
        return self

    def __exit__(self, *exception):
        sys.setprofile(None)

    def event(self, frame, kind, argument):
        if kind == "call" and "sktensornet" in frame.f_code.co_filename:
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt


def count_calls(function):
    counter = interrupted_at(0)
    with counter:
        function()
    return -counter.left


class TestParametersAfterTheFit:
    """`set_params` changes nothing until the next fit."""

    @pytest.mark.parametrize(
        "change",
        [
            {"loss": "poisson"},
            {"loss": "huber", "huber_epsilon": 9.0},
            {"feature_map": "trigonometric", "rank": 5},
            {"categorical_features": [0], "alpha": 3.0, "random_state": 7},
            {"output_tensors": "separate", "product": "max", "shared_cores": True},
            {"n_jobs": 2},
        ],
        ids=str,
    )
    def test_predictions_stay(self, change):
        X, _ = numbers()
        model = short(TTRegressor).fit(X, X[:, 0])
        expected = model.predict(X)
        np.testing.assert_array_equal(model.set_params(**change).predict(X), expected)

    def test_probabilities_are_there_by_the_loss_that_was_fitted(self):
        X, y = numbers()
        model = short().fit(X, y)
        expected = model.predict_proba(X)
        np.testing.assert_array_equal(
            model.set_params(loss="squared_hinge").predict_proba(X), expected
        )
        assert not hasattr(model.fit(X, y), "predict_proba")
        assert not hasattr(model.set_params(loss="log_loss"), "predict_proba")
        assert hasattr(model.fit(X, y), "predict_proba")

    def test_missing_values_are_taken_by_the_map_that_was_fitted(self):
        class Complete(PolynomialMap):
            allow_nan = False

        X, y = numbers()
        gaps = np.where(X > 1, np.nan, X)
        model = short(feature_map=Complete()).fit(X, y)
        for feature_map in (Complete(), "polynomial"):
            model.set_params(feature_map=feature_map)
            assert not get_tags(model).input_tags.allow_nan
            with pytest.raises(ValueError, match="contains NaN"):
                model.predict(gaps)
        assert get_tags(clone(model)).input_tags.allow_nan
        model.fit(gaps, y).set_params(feature_map=Complete())
        assert get_tags(model).input_tags.allow_nan
        model.predict(gaps)

    def test_export_follows_what_was_fitted(self):
        onnx = pytest.importorskip("sktensornet.onnx")
        X, y = numbers()
        model = short(loss="squared_hinge").fit(X, y).set_params(loss="log_loss")
        outputs = [output.name for output in onnx.to_onnx(model).graph.output]
        assert outputs == ["label", "scores"]


class TestWarmStart:
    @pytest.mark.parametrize("solver", ["als", "lbfgs", "adam"])
    def test_refuses_columns_in_another_order(self, solver):
        X, _ = numbers()
        X = pd.DataFrame(X, columns=["p", "q", "r"])
        y = X["p"] + 2 * X["q"]
        maps = PolynomialMap(scale=1.0)
        model = short(
            TTRegressor, warm_start=True, solver=solver, max_iter=20, feature_map=maps
        ).fit(X, y)
        score = model.score(X, y)
        with pytest.raises(ValueError, match=r"(?s)warm_start=True.*names.*warm_start=False"):
            model.fit(X[["q", "p", "r"]], y)
        assert model.fit(X, y).score(X, y) > score - 0.01 > 0.6

    def test_levels_keep_their_codes(self):
        X, y = table("abc")
        model = short(warm_start=True, solver="als").fit(X, y)
        codes = model.columns_.encoder.categories_[0].tolist()
        others = table("bca")[0]
        again = others["word"] != "a"
        model.fit(others, ~again)
        assert model.columns_.encoder.categories_[0].tolist() == codes
        assert model.score(X, y) == 1

    def test_levels_that_are_new_count_as_missing_and_say_where_they_are_learnt(self):
        X, y = table("abc")
        model = short(warm_start=True, solver="als").fit(X, y)
        others = table("abcd")[0]
        with pytest.warns(UserWarning, match="'d'.*missing.*a fit with warm_start=False") as said:
            model.fit(others, y)
        assert {one.filename for one in said} == {__file__}

    def test_refuses_a_loss_with_targets_in_other_units(self):
        X, _ = numbers()
        y = 1e3 + X[:, 0]
        model = short(TTRegressor, loss="poisson", warm_start=True).fit(X, y)
        model.set_params(loss="squared_error")
        with pytest.raises(ValueError, match=r"'poisson'.*'squared_error'.*warm_start=False"):
            model.fit(X, y)
        model.set_params(loss="huber", warm_start=False).fit(X, y)
        assert model.set_params(loss="squared_error", warm_start=True).fit(X, y).score(X, y) > 0

    def test_holds_out_the_same_rows(self):
        """A score of a single row of eight is a multiple of an eighth, whoever trains on it."""
        X, _ = numbers(n=40)
        model = short(
            early_stopping=True, validation_fraction=0.2, warm_start=True, random_state=None
        )
        y = np.arange(40) % 2
        seen = []
        for _ in range(3):
            model.set_callbacks(KeepRows(seen)).fit(X, y)
        assert len(seen) == 3
        assert len(np.unique(np.concatenate(seen), axis=0)) == len(seen[0]) == 32
        model.set_params(warm_start=False).fit(X, y)
        assert len(np.unique(np.concatenate(seen), axis=0)) > 32


class KeepRows(Hook):
    """Keeps the rows that a fit trains on."""

    def __init__(self, seen):
        self.seen = seen

    def on_fit_task_end(self, estimator, context, *, X=None):
        if context.task_name == "fit":
            self.seen.append(X)


def test_no_one_else_draws_from_the_state_of_partial_fit():
    X, y = numbers()
    random_state = np.random.RandomState(0)
    model = short(solver=Adam(), random_state=random_state).partial_fit(X, y, classes=[False, True])
    twin = pickle.loads(pickle.dumps(model))
    random_state.permutation(100)
    model.partial_fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), twin.partial_fit(X, y).predict_proba(X))
