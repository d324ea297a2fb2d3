"""Columns of categories, and missing values, from data to prediction."""

import re
import warnings
from datetime import date

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from sktensornet import CPClassifier, CPRegressor, HTClassifier, TTClassifier, TTRegressor
from sktensornet._data._columns import learn_columns
from sktensornet._fitting._automatic import COARSE, FINE
from sktensornet.feature_maps import FourierMap, OneHotMap, PolynomialMap, SplineMap
from sktensornet.patches import ImagePatches

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def table(n=60, seed=0):
    """Numbers, strings, booleans and a class that depends on their interaction."""
    rng = np.random.default_rng(seed)
    size = rng.standard_normal(n)
    colour = rng.choice(["red", "green", "blue"], n)
    sold = rng.random(n) < 0.5
    y = np.where((size > 0) ^ sold ^ (colour == "red"), "yes", "no")
    return {"size": size, "colour": colour, "sold": sold}, y


def pandas_table(n=60, seed=0):
    data, y = table(n, seed)
    frame = pd.DataFrame(data)
    frame["shape"] = pd.Categorical(np.arange(n) % 3)
    return frame, y


def polars_table(n=60, seed=0):
    data, y = table(n, seed)
    frame = pl.DataFrame(data)
    shape = pl.Series("shape", (np.arange(n) % 3).astype(str), dtype=pl.Categorical)
    return frame.with_columns(shape), y


each_frame = pytest.mark.parametrize("make", [pandas_table, polars_table], ids=["pandas", "polars"])


@each_frame
def test_categories_are_found_by_their_type(make):
    X, y = make()
    clf = TTClassifier(rank=4, max_iter=30, random_state=0).fit(X, y)
    assert clf.columns_.categorical == [1, 2, 3]
    assert clf.feature_map_.mode_sizes[1:] == (4, 3, 4)
    assert clf.score(X, y) > 0.9
    assert list(clf.feature_names_in_) == ["size", "colour", "sold", "shape"]


@each_frame
def test_frames_of_any_library_give_the_same_model(make):
    X, y = make()
    encoded, _ = pandas_table()
    encoded["colour"] = encoded["colour"].map({"blue": 0, "green": 1, "red": 2})
    clf = TTClassifier(rank=3, max_iter=10, random_state=0).fit(X, y)
    other = TTClassifier(rank=3, max_iter=10, random_state=0, categorical_features=[1, 2, 3]).fit(
        encoded.to_numpy(dtype=float), y
    )
    np.testing.assert_allclose(
        clf.decision_function(X), other.decision_function(encoded.to_numpy(dtype=float))
    )


@each_frame
def test_unseen_and_missing_categories_act_the_same(make):
    X, y = make()
    clf = CPClassifier(rank=4, max_iter=10, random_state=0).fit(X, y)
    size = np.asarray(X["size"])
    pieces = {"colour": ["violet"] * len(size), "sold": [None] * len(size)}
    strange = {"size": size, **pieces, "shape": ["9"] * len(size)}
    frame = pd.DataFrame(strange) if make is pandas_table else pl.DataFrame(strange)
    network = clf.network_
    constant = [f.copy() for f in clf.feature_map_.transform(np.full((4, len(size), 1), np.nan))]
    constant[0] = clf.feature_map_.transform(
        np.stack([size, *[np.full(len(size), np.nan)] * 3])[:, :, None]
    )[0]
    expected = np.array(
        [
            np.einsum("a,b,c,d,abcd...->...", *(f[i] for f in constant), network.to_dense())
            for i in range(len(size))
        ]
    )
    np.testing.assert_allclose(clf.decision_function(frame), expected.reshape(len(size), -1)[:, 0])


@pytest.mark.parametrize(
    "chosen", [[1, 2], np.array([False, True, True]), ["colour", "sold"], [1, 1, 2]]
)
def test_categories_by_mask_index_or_name(chosen):
    data, y = table()
    frame = pd.DataFrame(data)
    clf = TTClassifier(rank=2, max_iter=3, categorical_features=chosen).fit(frame, y)
    assert clf.columns_.categorical == [1, 2]
    assert [len(levels) for levels in clf.columns_.encoder.categories_] == [3, 2]


def test_no_categories_unless_asked():
    frame = pd.DataFrame({"a": pd.Categorical([1, 2, 3] * 10), "b": np.arange(30.0)})
    y = np.arange(30) % 2
    clf = TTClassifier(rank=2, max_iter=3, categorical_features=None).fit(frame, y)
    assert clf.columns_.categorical == []
    assert clf.feature_map_.mode_sizes[0] == 6


def test_arrays_of_objects():
    X = np.array([[1.5, "a"], [0.5, "b"], [2.5, None], [1.0, "a"]] * 5, dtype=object)
    clf = TTClassifier(rank=2, max_iter=5, categorical_features=[1]).fit(X, [0, 1, 1, 0] * 5)
    assert clf.feature_map_.mode_sizes[1] == 4
    assert clf.score(X.tolist(), [0, 1, 1, 0] * 5) == 1.0


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ([7], r"categorical_features=\[7\] must be .* indices in \[0, 2\]"),
        ([-1], "must be 'from_dtype', None, a mask"),
        ([True, False], "a mask of 3 booleans.* the mask has 2"),
        (["colour", "weight"], r"\['weight'\] are not columns of X, which are \['size'"),
        ([0.5], "categorical_features="),
    ],
)
def test_a_wrong_choice_of_categories_is_named(chosen, message):
    data, y = table()
    with pytest.raises(ValueError, match=message):
        TTClassifier(categorical_features=chosen).fit(pd.DataFrame(data), y)


def test_names_need_a_frame():
    with pytest.raises(ValueError, match="X is not a DataFrame"):
        TTClassifier(categorical_features=["a"]).fit(np.eye(4), [0, 1, 0, 1])


def test_levels_of_several_types_are_refused():
    frame = pd.DataFrame({"a": np.arange(4.0), "b": np.array(["x", 1, "y", 2], dtype=object)})
    with pytest.raises(ValueError, match=r"\['b'\] hold categories, .* several types"):
        TTClassifier(categorical_features=["b"]).fit(frame, [0, 1, 0, 1])


def test_infinity_is_refused_beside_categories():
    data, y = table()
    frame = pd.DataFrame(data)
    frame.loc[3, "size"] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        TTClassifier().fit(frame, y)


def test_patches_do_not_go_with_categories():
    X, y = pandas_table()
    with pytest.raises(ValueError, match=r"patches=.* does not go with columns of categories"):
        TTClassifier(patches=ImagePatches((2, 2), (1, 2))).fit(X, y)


def test_a_map_for_each_column():
    X, y = pandas_table()
    X["age"] = np.linspace(0, 1, len(X))
    maps = {"age": "fourier", "size": SplineMap(n_knots=3), "shape": "polynomial"}
    clf = HTClassifier(rank=2, max_iter=3, feature_map=maps)
    with pytest.raises(ValueError, match="feature_map has the column 'shade'"):
        clf.set_params(feature_map=maps | {"shade": "spline"}).fit(X, y)
    clf.set_params(feature_map=maps).fit(X, y)
    assert clf.feature_map_.mode_sizes == (6, 4, 3, 2, 5)
    by_index = {4: FourierMap(), 0: SplineMap(3), 3: PolynomialMap()}
    other = HTClassifier(rank=2, max_iter=3, feature_map=by_index).fit(X, y)
    assert other.feature_map_.mode_sizes == clf.feature_map_.mode_sizes


@pytest.mark.parametrize(
    ("maps", "message"),
    [
        ({"weight": "spline"}, r"feature_map has the column 'weight'; it must be one of \['size'"),
        ({9: "spline"}, "feature_map has the column 9"),
        ({"size": "wavelet"}, r"feature_map\['size'\]='wavelet' must be a FeatureMap or one of"),
        ({"size": 3}, r"feature_map\['size'\]=3 must be"),
    ],
)
def test_a_wrong_map_of_a_column_is_named(maps, message):
    X, y = pandas_table()
    with pytest.raises(ValueError, match=message):
        TTClassifier(feature_map=maps).fit(X, y)


@pytest.mark.parametrize(
    ("maps", "message"),
    [
        ({"hr": "spline"}, "the column 'hr'; X has no names of columns; pass a DataFrame, or an "),
        ({4: "spline"}, r"the column 4; it must be an index in \[0, 3\]\."),
    ],
)
def test_a_map_of_a_column_that_an_array_has_not(maps, message):
    with pytest.raises(ValueError, match=f"feature_map has {message}"):
        TTClassifier(feature_map=maps).fit(np.eye(4), [0, 1, 0, 1])


def test_maps_by_column_do_not_go_with_patches():
    with pytest.raises(ValueError, match="names columns, which does not go with patches"):
        TTClassifier(feature_map={0: "spline"}, patches=ImagePatches((2, 2), (1, 2))).fit(
            np.eye(4), [0, 1, 0, 1]
        )


def test_a_wide_category_is_dear_only_at_its_own_core():
    rng = np.random.default_rng(0)
    n_levels = 1500
    words = np.array([f"w{k:04d}" for k in range(n_levels)])
    frame = pd.DataFrame({"word": rng.choice(words, 4000), "x": rng.standard_normal(4000)})
    effect = dict(zip(words, rng.choice([-1.0, 1.0], n_levels), strict=True))
    y = frame["word"].map(effect) * frame["x"] > 0
    clf = TTClassifier(rank=2, max_iter=30, alpha=1e-6, random_state=0).fit(frame, y)
    first, second = clf.network_.cores
    assert first.size == 1 * first.shape[1] * 2 > 100 * second.shape[1] * 2
    assert clf.score(frame, y) > 0.9


@pytest.mark.parametrize("Format", [TTRegressor, CPRegressor])
def test_missing_numbers_degrade_gracefully(Format):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((400, 4))
    y = X[:, 0] * X[:, 1] + X[:, 2]
    holes = np.where(rng.random(X.shape) < 0.2, np.nan, X)
    full = Format(rank=4, random_state=0).fit(X[:300], y[:300])
    partly = Format(rank=4, random_state=0).fit(holes[:300], y[:300])
    assert full.score(X[300:], y[300:]) > 0.99
    assert partly.score(X[300:], y[300:]) > 0.85
    assert partly.score(holes[300:], y[300:]) > 0.5


def test_everything_missing_can_be_fitted_and_predicted():
    X = np.full((8, 3), np.nan)
    y = np.arange(8) % 2
    for feature_map in ("polynomial", "spline", "quantile", "fourier", "trigonometric", "affine"):
        clf = TTClassifier(rank=2, max_iter=2, feature_map=feature_map).fit(X, y)
        np.testing.assert_allclose(clf.predict_proba(X), 0.5, atol=1e-3)


def test_missing_values_in_patches():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((40, 16)), np.arange(40) % 2
    X[y == 1, :4] += 2
    holes = np.where(rng.random(X.shape) < 0.2, np.nan, X)
    patches = ImagePatches((4, 4), (2, 2))
    for feature_map in ("affine", "pca", "polynomial"):
        clf = TTClassifier(
            rank=2, patches=patches, feature_map=feature_map, max_iter=30, random_state=0
        )
        assert clf.fit(holes, y).score(X, y) >= 0.9


def test_maps_that_refuse_missing_values_say_so():
    class Stubborn(PolynomialMap):
        allow_nan = False

    clf = TTClassifier(feature_map=Stubborn())
    assert not clf.__sklearn_tags__().input_tags.allow_nan
    assert not TTClassifier(feature_map={0: Stubborn()}).__sklearn_tags__().input_tags.allow_nan
    assert TTClassifier(feature_map={0: OneHotMap()}).__sklearn_tags__().input_tags.allow_nan
    with pytest.raises(ValueError, match="NaN"):
        clf.fit(np.full((4, 2), np.nan), [0, 1, 0, 1])


@pytest.mark.parametrize(
    ("parameters", "takes"),
    [
        ({}, False),
        ({"categorical_features": None}, False),
        ({"categorical_features": [0]}, True),
        ({"categorical_features": np.array([True, False])}, True),
    ],
)
def test_the_tags_say_whether_arrays_may_hold_categories(parameters, takes):
    tags = TTClassifier(**parameters).__sklearn_tags__().input_tags
    assert (tags.categorical, tags.string) == (takes, takes)


def test_partial_fit_keeps_the_first_levels():
    X, y = pandas_table(120)
    clf = TTClassifier(rank=3, random_state=0)
    clf.partial_fit(X[:60], y[:60], classes=["no", "yes"])
    levels = clf.columns_.encoder.categories_
    later = X[60:].assign(colour=["violet", None, "red"] * 20)
    with pytest.warns(UserWarning, match=r"columns \['colour'\] .* such as 'violet'; they count"):
        clf.partial_fit(later, y[60:])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clf.partial_fit(later.assign(colour=None), y[60:]).predict(later)
    assert clf.columns_.encoder.categories_ is levels
    assert clf.predict(X).shape == (120,)


def test_columns_know_their_names():
    X, _ = pandas_table()
    columns = learn_columns(X, "from_dtype")
    assert columns.labels([0, 3]) == ["size", "shape"]
    assert learn_columns(X.to_numpy(), [1]).labels([0, 1]) == [0, 1]


def test_an_ordinary_fit_on_a_frame_does_not_warn():
    X, y = pandas_table()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        TTClassifier(rank=2, max_iter=200, alpha=0.1).fit(X, y).predict(X)


@each_frame
def test_text_that_is_no_category_is_named(make):
    X, y = make()
    clf = TTClassifier(categorical_features=["shape", "sold"])
    with pytest.raises(
        ValueError, match=r"columns \['colour'\].*categorical_features=\['colour'\]"
    ):
        clf.fit(X, y)


def test_text_at_predict_is_named():
    X = np.arange(40.0).reshape(20, 2)
    clf = TTClassifier(rank=2, max_iter=1).fit(X, np.arange(20) % 2)
    with pytest.raises(ValueError, match=r"text or other objects in the columns \[1\]: .*'high'"):
        clf.predict(np.array([[1.0, "high"]], dtype=object))


def test_objects_that_are_no_numbers_are_named():
    X = pd.DataFrame({"a": np.arange(20.0), "day": [date(2024, 5, 1 + k) for k in range(20)]})
    with pytest.raises(TypeError, match=r"columns \['day'\]: .*not 'datetime.date'"):
        TTClassifier().fit(X, np.arange(20) % 2)


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
def test_dates_are_named(make):
    days = np.datetime64("2024-05-01", "us") + np.arange(20) * np.timedelta64(1, "D")
    X = make({"a": np.arange(20.0), "day": days, "age": days - days[0]})
    y = np.arange(20) % 2
    with pytest.raises(ValueError, match=r"columns \['day', 'age'\].*the day of the week"):
        TTClassifier().fit(X, y)
    with pytest.raises(ValueError, match=r"columns \['age'\]"):
        TTClassifier(categorical_features=["day"]).fit(X, y)


class TestDatesAsText:
    @pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
    @pytest.mark.parametrize(
        "form",
        ["2024-05-{:02}", "{:02}.05.2024", "5/{}/24", "2024/5/{} 9:30", "2024-5-{}T12Z"],
    )
    def test_are_named(self, make, form):
        X = make({"a": np.arange(60.0), "day": [form.format(1 + k % 28) for k in range(60)]})
        y = np.arange(60) % 2
        with pytest.raises(ValueError, match=r"dates as text in the columns \['day'\], such as"):
            TTClassifier().fit(X, y)
        clf = TTClassifier(rank=2, alpha=1e-3, max_iter=1, categorical_features=["day"])
        assert clf.fit(X, y).columns_.categorical == [1]

    @pytest.mark.parametrize("form", ["3.11.{}", "2024-{}", "item 2024-05-{:02}", "{}-5-2"])
    def test_other_texts_are_categories(self, form):
        X = pd.DataFrame({"a": np.arange(60.0), "b": [form.format(1 + k % 9) for k in range(60)]})
        clf = TTClassifier(rank=2, alpha=1e-3, max_iter=1).fit(X, np.arange(60) % 2)
        assert clf.columns_.categorical == [1]


class TestIdentifiers:
    def frame(self, n_rows, n_levels):
        levels = [f"c{k % n_levels}" for k in range(n_rows)]
        X = pd.DataFrame({"customer": levels, "colour": ["red", "blue"] * (n_rows // 2)})
        return X, np.arange(n_rows) // 2 % 2

    def fit(self, n_rows, n_levels):
        return TTClassifier(rank=2, alpha=1e-3, max_iter=1).fit(*self.frame(n_rows, n_levels))

    def test_warn_and_are_named(self):
        with pytest.warns(
            UserWarning, match=r"\['customer'\] look like .* 31 levels in 60"
        ) as seen:
            self.fit(60, 31)
        (own,) = [str(each.message) for each in seen if each.category is UserWarning]
        assert "\n" not in own

    @pytest.mark.parametrize(("n_rows", "n_levels"), [(60, 30), (48, 48)])
    def test_fewer_levels_or_rows_do_not_warn(self, n_rows, n_levels):
        assert self.fit(n_rows, n_levels).columns_.categorical == [0, 1]


@pytest.mark.parametrize("are_repeated", [False, True])
@pytest.mark.parametrize(("n", "n_splines"), [(299, 6), (300, 9)])
def test_many_samples_for_a_column_give_a_classifier_finer_splines(n, n_splines, are_repeated):
    """Of observations: weights are repetitions."""
    X = np.random.default_rng(0).normal(size=(n, 2))
    y, weight = X[:, 0] > 0, np.ones(n)
    if are_repeated:
        # The others stand for what is left out.
        left = n // 3
        X, y, weight = X[left:], y[left:], weight[left:]
        weight[:left] = 2
    clf = TTClassifier(2, alpha=1e-3, max_iter=1).fit(X, y, sample_weight=weight)
    assert clf.feature_map_.mode_sizes == (2 + n_splines,) * 2
    reg = TTRegressor(2, alpha=1e-3, max_iter=1, tol=9.0).fit(X, X[:, 0], sample_weight=weight)
    assert reg.feature_map_.mode_sizes == (2 + 16,) * 2


@pytest.mark.parametrize("Estimator", [TTClassifier, TTRegressor])
def test_alpha_and_scale_give_about_the_chosen_fit_again(Estimator):
    X, _ = pandas_table(80)
    y = X["size"] + 2.0 * (X["colour"] == "red") - X["sold"]
    if Estimator is TTClassifier:
        y = y > 0
    chosen = Estimator(rank=3, random_state=0).fit(X, y)
    assert chosen.scale_ < 1
    numbers = COARSE if Estimator is TTClassifier else FINE
    numbers = clone(numbers).set_params(scale=chosen.scale_)
    words = OneHotMap(scale=chosen.scale_)
    fixed = {"rank": 3, "alpha": chosen.alpha_, "max_iter": 3, "random_state": 0}
    maps = {"size": numbers, "colour": words, "sold": words, "shape": words}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        again = Estimator(**fixed, feature_map=maps).fit(X, y)
        one = {name: type(own)(**{**own.get_params(), "scale": 1.0}) for name, own in maps.items()}
        other = Estimator(**fixed, feature_map=one).fit(X, y)
    assert again.scale_ is None
    scores = chosen._raw_scores(X, "predict")
    # Classes that are far apart leave the size of the scores to the last sweeps.
    limit = (0.2 if Estimator is TTClassifier else 0.05) * np.abs(scores).max()
    assert np.abs(again._raw_scores(X, "predict") - scores).max() < limit
    assert np.abs(other._raw_scores(X, "predict") - scores).max() > limit


def test_a_one_hot_map_is_taken_for_categories_too():
    X, _ = pandas_table(80)
    words = OneHotMap(scale=0.1)
    numbers = X["size"]
    X = X[["colour", "sold", "shape"]]
    maps = ("auto", words, dict.fromkeys(X.columns, words), {"colour": words})
    usual, one, each, mixed = (
        TTRegressor(rank=2, alpha=1e-3, feature_map=feature_map, random_state=0).fit(X, numbers)
        for feature_map in maps
    )
    np.testing.assert_array_equal(one.predict(X), each.predict(X))
    for other in (usual, mixed):
        assert np.abs(one.predict(X) - other.predict(X)).max() > 1e-3


@pytest.mark.parametrize("library", [pd, pl], ids=lambda library: library.__name__)
@pytest.mark.parametrize(
    ("every", "mark", "words"),
    [(20, "?", "apart from text such as '?'"), (1000, "?", "hold numbers as text, which")],
)
def test_numbers_as_text_are_named(library, every, mark, words):
    x = np.round(np.random.default_rng(0).standard_normal(200), 1)
    text = x.astype(str).astype(object)
    text[1::every] = mark if every < 200 else text[0]
    table = library.DataFrame({"size": text.tolist(), "shape": (["a", "b"] * 100)})
    with pytest.warns(UserWarning, match=rf"columns \['size'\] .*{re.escape(words)}") as caught:
        columns = learn_columns(table, "from_dtype")
    assert len(caught) == 1
    assert "pandas.to_numeric" in str(caught[0].message)
    assert columns.categorical == [0, 1]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        learn_columns(table, ["size", "shape"])


@pytest.mark.parametrize(
    "levels",
    [["0", "1"], ["1", "2", "3", "one", "two"], ["a", "b"], [None, "a"]],
    ids=str,
)
def test_few_numbers_as_text_are_levels(levels):
    table = pd.DataFrame({"level": pd.Series(levels * 20, dtype=object)})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert learn_columns(table, "from_dtype").categorical == [0]
        assert learn_columns(table.astype("category"), "from_dtype").categorical == [0]


@pytest.mark.parametrize(
    ("values", "categorical"),
    [
        ([1.5, 2], []),
        ([np.float32(1), 2, 3], []),
        (["a", "b"], [0]),
        ([True, False], []),
        ([], [0]),
    ],
    ids=str,
)
def test_objects_are_judged_by_all_values_that_are_not_missing(values, categorical):
    column = pd.Series([None] * 150 + [*values] * 30, dtype=object)
    table = pd.DataFrame({"late": column, "other": np.arange(len(column)) % 7})
    assert learn_columns(table, "from_dtype").categorical == categorical
    y = np.where(column.isna(), 0.0, 1.0)
    reg = TTRegressor(alpha=1e-3).fit(table, y)
    assert np.isfinite(reg.predict(table)).all()
    if values and not categorical:
        known = table.iloc[150:]
        np.testing.assert_array_equal(
            reg.predict(known), reg.predict(known.assign(late=known["late"].astype(float)))
        )
