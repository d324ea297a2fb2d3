"""Errors about y speak of y, and what cannot be a table is named before its columns."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.sparse import csr_array

from sktensornet import TTClassifier, TTRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def table(n=30):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"number": rng.normal(size=n), "word": np.array(["u", "v"])[np.arange(n) % 2]})
    return X, X["number"].to_numpy() + (X["word"] == "u")


def polars(X):
    return pl.DataFrame({name: X[name].to_list() for name in X})


def fitted(Format=TTRegressor, X=None):
    own, y = table()
    y = y > 0.5 if Format is TTClassifier else y
    return Format(rank=2, max_iter=1, alpha=1e-3).fit(own if X is None else X, y)


class TestTargets:
    @pytest.mark.parametrize("learns", [True, False], ids=["fit", "partial_fit"])
    def test_of_text(self, learns):
        X, _ = table()
        model = TTRegressor(solver="adam")
        with pytest.raises(ValueError, match=r"^y has text.*TTRegressor.*'much'.*classifier"):
            (model.fit if learns else model.partial_fit)(X[["number"]], ["much"] * 30)

    @pytest.mark.parametrize(
        "y",
        [pd.date_range("2020", periods=30), np.arange(30).astype("m8[D]")],
        ids=["dates", "durations"],
    )
    def test_of_dates(self, y):
        X, _ = table()
        with pytest.raises(ValueError, match=r"^y has dates or durations.*timedelta64"):
            TTRegressor().fit(X[["number"]], y)

    def test_that_is_sparse(self):
        X, y = table()
        with pytest.raises(TypeError, match=r"for y, .* use y.toarray\(\)"):
            TTRegressor().fit(X[["number"]], csr_array(y.to_numpy()[:, None]))

    @pytest.mark.parametrize("Format", [TTClassifier, TTRegressor])
    def test_with_three_axes(self, Format):
        X, _ = table()
        with pytest.raises(ValueError, match=r"^y has shape \(30, 2, 2\); it must be"):
            Format().fit(X, np.ones((30, 2, 2)))


class TestTables:
    @pytest.mark.parametrize(
        ("make", "said"),
        [
            (lambda X: X.iloc[0], r"got 1D.*\(2,\).*Reshape your data.*to_frame"),
            (lambda X: X.iloc[0].tolist(), r"got 1D.*\(2,\).*\[x\]"),
            (lambda X: X["word"], r"got 1D.*\(30,\)"),
            (lambda X: X.to_dict("list"), r"X is a dict.*DataFrame"),
            (lambda X: polars(X).lazy(), r"LazyFrame.*collect"),
            (lambda X: csr_array(np.ones((2, 2))), r"Sparse data"),
        ],
        ids=["row", "list", "column", "dict", "lazy", "sparse"],
    )
    def test_what_is_none_is_named(self, make, said):
        X, _ = table()
        with pytest.raises((ValueError, TypeError), match=said):
            fitted().predict(make(X))

    def test_a_list_of_rows_and_a_frame_of_polars_are_tables(self):
        X, _ = table()
        model = fitted()
        expected = model.predict(X)
        np.testing.assert_array_equal(model.predict(polars(X)), expected)
        with pytest.warns(UserWarning, match="feature names"):
            np.testing.assert_array_equal(model.predict(X.to_numpy().tolist()), expected)

    @pytest.mark.filterwarnings("ignore:X does not have valid feature names")
    @pytest.mark.parametrize("missing", [None, np.nan, pd.NA], ids=repr)
    def test_missing_values_among_objects(self, missing):
        X, _ = table()
        model = fitted()
        row = np.array([X.to_numpy()[0], [missing, "u"], [1.0, missing]], object)
        gaps = pd.DataFrame({"number": [row[0, 0], np.nan, 1.0], "word": ["u", "u", np.nan]})
        np.testing.assert_array_equal(model.predict(row), model.predict(gaps))
        np.testing.assert_array_equal(model.predict(row.tolist()), model.predict(gaps))

    def test_a_prediction_is_told_nothing_of_parameters_of_a_fit(self):
        X, _ = table()
        for model in (fitted(X=X[["number"]]), fitted()):
            wrong = X[model.columns_.names].assign(number="three")
            with pytest.raises(ValueError, match=r"'number'.*held numbers in fit") as error:
                model.predict(wrong)
            assert "categorical_features" not in str(error.value)
