"""A fit ends with finite numbers or raises, and a prediction is finite."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import ConvergenceWarning

from sktensornet import CPClassifier, HTRegressor, TTClassifier, TTRegressor
from sktensornet._fitting import _fit
from sktensornet.feature_maps import SplineMap
from sktensornet.solvers import Adam

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

each_solver = pytest.mark.parametrize("solver", ["als", "lbfgs", "adam"])


def numbers(n=60, d=4):
    X = np.random.default_rng(0).normal(size=(n, d))
    return X, X[:, 0] + X[:, 1], np.arange(n) % 3


def short(Format=TTRegressor, **parameters):
    settings = {"rank": 2, "max_iter": 5, "alpha": 1e-3, "random_state": 0}
    # Of scale 1, which such few samples would not choose.
    return Format(**(settings | {"feature_map": SplineMap(10, 3, scale=1.0)} | parameters))


def assert_finite(model, X):
    for array in (*model.network_.cores, *model.feature_map_.parameters, model.loss_curve_):
        assert np.isfinite(array).all()
    for name in ("decision_function", "predict_proba", "predict"):
        if hasattr(model, name):
            answer = getattr(model, name)(X)
            assert answer.dtype.kind != "f" or np.isfinite(answer).all()


class TestTargets:
    @each_solver
    @pytest.mark.parametrize("exponent", [-1050, -560, 530, 1000, 1023])
    def test_units_of_y_change_nothing(self, solver, exponent):
        """A power of two in y is one in the predictions, where squares of y would overflow."""
        X, y, _ = numbers()
        y /= 2 * np.abs(y).max()
        expected = short(solver=solver).fit(X, y).predict(X)
        model = short(solver=solver).fit(X, np.ldexp(y, exponent))
        # Subnormal numbers have fewer digits.
        np.testing.assert_allclose(
            np.ldexp(model.predict(X), -exponent), expected, rtol=1e-6, atol=1e-6
        )
        assert_finite(model, X)

    def test_a_mean_far_from_zero(self):
        X, y, _ = numbers()
        y = 1.7e308 * (1 - 0.5 * (y > 0))
        model = short(max_iter=20).fit(X, y)
        assert np.abs(model.predict(X) / 1.7e308 - y / 1.7e308).mean() < 0.1

    def test_a_constant_keeps_the_scale_one(self):
        X, _, _ = numbers()
        for value in (0.0, 3.0, 1e300, -1e-300):
            model = short().fit(X, np.full(60, value))
            assert model.target_scale_ == 1
            np.testing.assert_allclose(model.predict(X), value, rtol=1e-12, atol=1e-15)

    def test_float32_predictions_end_at_the_largest_number(self):
        X, y, _ = numbers()
        predicted = short().fit(X.astype(np.float32), 1e60 * y).predict(X)
        assert predicted.dtype == np.float32
        largest = np.finfo(np.float32).max
        np.testing.assert_array_equal(np.unique(predicted), [-largest, largest])

    @pytest.mark.parametrize("solver", ["lbfgs", "adam"])
    def test_rates_far_beyond_the_training_rows_are_finite(self, solver):
        X, _, _ = numbers()
        y = np.random.default_rng(0).poisson(np.exp(2 * X[:, 0]))
        model = short(HTRegressor, loss="poisson", solver=solver, feature_map="polynomial")
        model.fit(X, y)
        model.network_ = type(model.network_)(
            model.network_.tree, tuple(9 * core for core in model.network_.cores)
        )
        predicted = model.predict(3e3 * X)
        assert predicted.max() == np.finfo(float).max
        assert np.isfinite(predicted).all()

    def test_early_stopping_scores_them(self):
        X, y, _ = numbers()
        model = short(early_stopping=True, solver="lbfgs").fit(X, 1e200 * y)
        assert np.isfinite(model.validation_scores_).all()
        assert model.validation_scores_[-1] > 0.5


class TestObjects:
    @pytest.mark.parametrize("value", [None, "nan", np.nan, "inf", np.inf, "3 m"], ids=repr)
    def test_no_regressor_takes_them_for_numbers(self, value):
        X, y, _ = numbers()
        y = y.astype(object)
        y[3] = value
        with pytest.raises(ValueError, match=r"(?i)input y contains (nan|infinity)|^y has text"):
            short().fit(X, y)

    def test_numbers_as_objects_or_text_are_numbers(self):
        X, y, _ = numbers()
        expected = short().fit(X, y).predict(X)
        np.testing.assert_array_equal(short().fit(X, y.astype(object)).predict(X), expected)
        np.testing.assert_array_equal(
            short().fit(X, [repr(float(value)) for value in y]).predict(X), expected
        )

    @pytest.mark.parametrize(
        ("value", "said"),
        [
            (None, "y contains None"),
            (1.5, r"\['float', 'str'\]"),
            (np.nan, "y contains NaN"),
            (pd.NA, "y contains NaN"),
        ],
        ids=repr,
    )
    def test_no_classifier_takes_them_for_labels(self, value, said):
        X, _, y = numbers()
        y = np.array(["a", "b", "c"], object)[y]
        y[3] = value
        with pytest.raises(ValueError, match=said):
            short(TTClassifier).fit(X, y)

    @pytest.mark.parametrize("dtype", ["string", "str", "category"])
    def test_missing_labels_of_a_table_are_named(self, dtype):
        X, _, y = numbers()
        labels = pd.Series(np.array(["a", "b", "c"], object)[y]).where(y != 1).astype(dtype)
        with pytest.raises(ValueError, match="y contains NaN; leave out"):
            short(TTClassifier).fit(X, labels)


class TestWeights:
    @each_solver
    def test_a_class_without_weight_is_an_absent_class(self, solver):
        """Balanced weights are those of the samples that have any."""
        X, _, y = numbers()
        weight = np.where(y == 2, 0.0, 1.0)
        model = short(TTClassifier, solver=solver, class_weight="balanced")
        model.fit(X, y, sample_weight=weight)
        assert_finite(model, X)
        assert (model.predict_proba(X)[:, 2] < 1 / 3).mean() > 0.9
        plain = short(TTClassifier, solver=solver).fit(X, y, sample_weight=weight)
        if solver != "adam":
            np.testing.assert_allclose(
                model.predict_proba(X), plain.predict_proba(X), rtol=1e-6, atol=1e-8
            )

    @each_solver
    def test_constant_columns(self, solver):
        _, _, y = numbers()
        parameters = {"loss": "squared_hinge", "init": "moments", "solver": solver}
        if solver != "als":
            parameters["penalty"] = "start"
        model = short(CPClassifier, rank=3, **parameters).fit(np.ones((60, 4)), y)
        assert_finite(model, np.ones((60, 4)))


class TestTheEnd:
    def test_weights_that_are_not_finite_raise(self, monkeypatch):
        X, y, _ = numbers()

        class Broken(Adam):
            def minimize(self, problem, start, **options):
                outcome = super().minimize(problem, start, **options)
                outcome.point[0] = np.nan
                return outcome

            def advance(self, *args):
                outcome, value = super().advance(*args)
                outcome.point[-1] = np.inf
                return outcome, value

        for method in ("fit", "partial_fit"):
            model = short(solver=Broken())
            with pytest.raises(ValueError, match=r"not finite.*larger alpha.*learning_rate"):
                getattr(model, method)(X, y)
            assert not hasattr(model, "network_")

    def test_broken_systems_say_what_to_change(self, monkeypatch):
        def broken(*args):
            raise np.linalg.LinAlgError("Eigenvalues did not converge")

        X, y, _ = numbers()
        monkeypatch.setattr(_fit, "make_start", broken)
        with pytest.raises(ValueError, match=r"Eigenvalues.*larger alpha"):
            short().fit(X, y)


def test_these_checks_warn_of_nothing_else():
    X, y, _ = numbers()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ConvergenceWarning)
        short().fit(X, 1.7e308 * (y / np.abs(y).max())).predict(2 * X)
