"""What bad input gets: an error that names the parameter, its value and the mend."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.model_selection import GridSearchCV

from sktensornet import CPClassifier, HTClassifier, TTClassifier
from sktensornet.feature_maps import AffineMap, OneHotMap, PolynomialMap, TrigonometricMap
from sktensornet.patches import ImagePatches
from sktensornet.solvers import ALS, LBFGS, Adam

FORMATS = [TTClassifier, HTClassifier, CPClassifier]
each_format = pytest.mark.parametrize("Format", FORMATS)


def table(n_features=4):
    X = np.random.default_rng(0).normal(size=(30, n_features))
    return X, np.arange(30) % 3


def message(error_type, function, *arguments, **parameters):
    with pytest.raises(error_type) as error:
        function(*arguments, **parameters)
    return str(error.value)


def assert_says(text, *words):
    assert [word for word in words if word not in text] == [], text


def parameters_id(value):
    return str(value).replace(" ", "") if isinstance(value, dict) else ""


FEATURE_MAPS = ["'affine'", "'auto'", "'one_hot'", "'polynomial'", "'trigonometric'"]


@each_format
@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"rank": 0}, ["'rank'", "[1, inf)", "Got 0"]),
        ({"rank": -3}, ["'rank'", "[1, inf)", "Got -3"]),
        ({"rank": 2.5}, ["'rank'", "int", "Got 2.5"]),
        ({"rank": "8"}, ["'rank'", "int", "Got '8'"]),
        ({"alpha": -1}, ["'alpha'", "[0", "Got -1"]),
        ({"alpha": np.nan}, ["'alpha'", "[0", "Got nan"]),
        ({"alpha": np.inf}, ["'alpha'", "[0", "Got inf"]),
        ({"alpha": None}, ["'alpha'", "[0", "Got None"]),
        ({"feature_map": "wavelet"}, ["'feature_map'", "Got 'wavelet'", *FEATURE_MAPS]),
        ({"feature_map": AffineMap}, ["'feature_map'", "SplineMap()", "Got <class"]),
        ({"solver": "sgd"}, ["'solver'", "Got 'sgd'", "'adam'", "'auto'", "'lbfgs'"]),
        ({"solver": 3}, ["'solver'", "Got 3", "'adam'"]),
        (
            {"loss": "hinge"},
            ["'loss'", "Got 'hinge'", "'log_loss'", "'squared_error'", "'squared_hinge'"],
        ),
        ({"penalty": "l1"}, ["'penalty'", "Got 'l1'", "'frobenius'", "'start'"]),
        ({"class_tensors": "both"}, ["'class_tensors'", "Got 'both'", "'joint'", "'separate'"]),
        ({"init": "random"}, ["'init'", "Got 'random'", "'identity'"]),
        ({"patches": (2, 2)}, ["'patches'", "Got (2, 2)", "None"]),
        ({"patches": "image"}, ["'patches'", "ImagePatches(", "SequencePatches(", "Got 'image'"]),
        ({"class_weight": "equal"}, ["'class_weight'", "Got 'equal'", "'balanced'"]),
        ({"max_iter": 0}, ["'max_iter'", "Got 0", "None"]),
        ({"max_iter": 2.5}, ["'max_iter'", "Got 2.5", "int"]),
        ({"tol": -1e-3}, ["'tol'", "Got -0.001", "[0"]),
        ({"tol": np.nan}, ["'tol'", "Got nan"]),
        ({"n_jobs": 0}, ["'n_jobs'", "Got 0"]),
        ({"n_jobs": 1.5}, ["'n_jobs'", "Got 1.5", "int"]),
        ({"validation_fraction": 1.0}, ["'validation_fraction'", "Got 1.0", "(0.0, 1.0)"]),
        ({"n_iter_no_change": 0}, ["'n_iter_no_change'", "Got 0", "[1, inf)"]),
        ({"early_stopping": "yes"}, ["'early_stopping'", "Got 'yes'"]),
        ({"warm_start": 3}, ["'warm_start'", "Got 3"]),
        ({"random_state": "seed"}, ["'random_state'", "Got 'seed'"]),
        # parameters of the parts
        ({"feature_map": AffineMap(n_components=1)}, ["n_components=1", ">= 2", "constant"]),
        ({"feature_map": AffineMap(n_components=4.0)}, ["n_components=4.0", "integer"]),
        ({"feature_map": AffineMap(activation="gelu")}, ["activation='gelu'", "'relu'", "'tanh'"]),
        ({"feature_map": PolynomialMap(degree=0)}, ["degree=0", ">= 1"]),
        ({"feature_map": PolynomialMap(scale=0)}, ["scale=0", "(0, inf)"]),
        ({"feature_map": PolynomialMap(scale=np.nan)}, ["scale=nan", "(0, inf)"]),
        ({"feature_map": TrigonometricMap(scale=-1)}, ["scale=-1", "(0, inf)"]),
        ({"solver": Adam(dropout=1)}, ["dropout=1", "[0, 1)"]),
        ({"solver": Adam(dropout=-0.1)}, ["dropout=-0.1", "[0, 1)"]),
        ({"solver": Adam(learning_rate=0)}, ["learning_rate=0", "(0, inf)"]),
        ({"solver": Adam(learning_rate="1")}, ["learning_rate='1'", "number"]),
        ({"solver": Adam(batch_size=0)}, ["batch_size=0", ">= 1", "'auto'"]),
        ({"solver": Adam(schedule="cosine")}, ["schedule='cosine'", "'one_cycle'", "'constant'"]),
        ({"solver": Adam(weight_decay=-1)}, ["weight_decay=-1", "[0, inf)"]),
        ({"solver": LBFGS(memory=0)}, ["memory=0", ">= 1"]),
    ],
    ids=parameters_id,
)
def test_parameters_out_of_range(Format, parameters, words):
    assert_says(message(ValueError, Format(**parameters).fit, *table()), *words)


@each_format
@pytest.mark.parametrize(
    ("patches", "words"),
    [
        (ImagePatches((8, 8), (4, 4)), ["image_shape=(8, 8)", "64", "60", "must multiply"]),
        (ImagePatches((6, 10, 3), (2, 2)), ["image_shape=(6, 10, 3)", "180", "60", "must"]),
        (ImagePatches((6, 10), (7, 2)), ["patch_shape=(7, 2)", "image_shape=(6, 10)", "fit into"]),
        (ImagePatches((6, 10), (2, 2), stride=0), ["stride=", "0", ">= 1"]),
        (ImagePatches((6, 10), (2, 2), stride=-1), ["stride=", "-1", ">= 1"]),
        (ImagePatches((6, 10), (2, 2), stride=1.5), ["stride=1.5", "integers >= 1"]),
        (ImagePatches((6, 10), (2, 2), stride=(1, 2, 3)), ["stride=(1, 2, 3)", "2 integers"]),
        (
            ImagePatches((6, 10), (4, 4)),
            ["stride=None", "(4, 4)", "6 x 10", "[1, 2] cover the rows", "[1, 2, 3] the columns"],
        ),
        (ImagePatches((10, 6), (3, 3)), ["uncovered", "[1] cover the rows", "divide", "'ignore'"]),
        (ImagePatches((6, 10), (2, 2), stride=4), ["stride=4", "(2, 2)", "uncovered", "'ignore'"]),
        (ImagePatches((6, 10), (3, 4), stride=(3, 5)), ["stride=(3, 5)", "uncovered"]),
        (ImagePatches((6, 10), (0, 2)), ["patch_shape=(0, 2)", ">= 1"]),
        (ImagePatches((6, 10), 0), ["patch_shape=(0, 0)", ">= 1"]),
        (
            ImagePatches(60, (2, 2)),
            ["image_shape=60", "2 or 3 integers", "(H, W) or (H, W, C)", "such as (60, 60)"],
        ),
        (ImagePatches((6.0, 10), (2, 2)), ["image_shape=(6.0, 10)", "integers"]),
        (
            ImagePatches((6, 10), (2, 2), order="zigzag"),
            ["order='zigzag'", "'raster'", "'snake'", "'hilbert'"],
        ),
        (ImagePatches((6, 10), (2, 2), uncovered="drop"), ["uncovered='drop'", "'ignore'"]),
    ],
    ids=repr,
)
def test_patches_that_do_not_fit(Format, patches, words):
    assert_says(message(ValueError, Format(patches=patches).fit, *table(60)), *words)


@pytest.mark.parametrize(("patch_shape", "stride"), [((4, 4), None), ((2, 2), 4)])
def test_pixels_may_be_left_out_when_asked(patch_shape, stride):
    patches = ImagePatches((6, 10), patch_shape, stride=stride, uncovered="ignore")
    model = TTClassifier(patches=patches, rank=2, solver="adam", max_iter=1).fit(*table(60))
    assert model.patches_.columns.size < 60


@each_format
@pytest.mark.parametrize("feature_map", ["one_hot", OneHotMap()], ids=str)
def test_one_hot_map_needs_single_columns(Format, feature_map):
    model = Format(feature_map=feature_map, patches=ImagePatches((2, 2), (1, 2)))
    text = message(ValueError, model.fit, *table())
    assert_says(text, "feature_map=OneHotMap()", "one column", "2", "patches=None")


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        (((0, 1), 2), ["misses", "[3]", "0..3 exactly once"]),
        (((0, 1), (2, 2)), ["misses", "[3]", "repeats", "[2]"]),
        (((0, 1), (2, (3, 3))), ["repeats", "[3]"]),
        (((0, 1), (2, (3, 4))), ["unknown", "[4]", "0..3"]),
        (((0, 1), (2, -1)), ["unknown", "[-1]", "misses", "[3]"]),
        (0, ["misses", "[1, 2, 3]"]),
        (((0, 1), (2, 3.0)), ["3.0", "integer"]),
        (((0, 1), (2, True)), ["True", "integer"]),
        (((0, 1), ((2,), 3)), ["1 branch", "at least two"]),
        ((), ["0 branch", "at least two"]),
    ],
    ids=str,
)
def test_trees_that_are_not_a_tree_of_the_sites(tree, words):
    text = message(ValueError, HTClassifier(tree=tree).fit, *table())
    assert_says(text, f"tree={tree!r}", *words)


@pytest.mark.parametrize("tree", ["caterpillar", 2.5, None], ids=str)
def test_trees_of_another_kind(tree):
    text = message(ValueError, HTClassifier(tree=tree).fit, *table())
    assert_says(text, "'tree'", f"Got {tree!r}", "'balanced'")


X, Y = table()
FLATTEN = ["X.reshape(len(X), -1)", "ImagePatches(image_shape=", "SequencePatches("]


def with_column(value):
    """The table with the same object in all rows of its third column."""
    words = X.astype(object)
    words[:, 2] = value
    return words


@each_format
@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"X": np.where(np.eye(30, 4), np.inf, X)}, ["infinity"]),
        ({"X": np.where(np.eye(30, 4), -np.inf, X)}, ["infinity"]),
        ({"X": X[0]}, ["1D", "reshape"]),
        ({"X": X[:0], "y": Y[:0]}, ["0 sample", "minimum of 1"]),
        ({"X": X[:, :0]}, ["0 feature", "minimum of 1"]),
        ({"X": np.ones((30, 2, 4))}, ["Found array with dim 3", "(30, 2, 4)", *FLATTEN, "(2, 4)"]),
        (
            {"X": np.ones((30, 4, 4, 3))},
            ["array with dim 4", *FLATTEN[:2], "image_shape=(4, 4, 3)"],
        ),
        (
            {"X": np.ones((30, 3, 24, 24))},
            ["array with dim 4", "image_shape=(24, 24, 3), channels='first'"],
        ),
        ({"X": np.ones((30, 2, 3, 4, 5))}, ["array with dim 5", "by X.reshape(len(X), -1)."]),
        ({"X": np.ones((30, 2, 4)).tolist()}, ["Found array with dim 3", *FLATTEN]),
        ({"X": X.astype(complex)}, ["Complex data not supported"]),
        ({"X": np.full((30, 4), "a")}, ["could not convert string to float: ", "'a'"]),
        ({"X": np.full((30, 4), "a")}, ["columns [0, 1, 2, 3]", "categorical_features=[0, 1"]),
        ({"X": with_column("2024-05-01")}, ["columns [2] look like dates", "the day of the week"]),
        ({"X": with_column("red")}, ["columns [2]", "'red'", "categorical_features=[2]"]),
        ({"X": with_column("red").tolist()}, ["columns [2]", "categorical_features=[2]"]),
        ({"X": with_column(np.datetime64("2024-05-01"))[:, 2:3].astype("M8[D]")}, ["dates", "[0]"]),
        ({"y": Y[:-1]}, ["inconsistent numbers of samples", "30", "29"]),
        ({"y": np.zeros(30)}, ["one class: 0.0.", "at least two classes", "stratify=y"]),
        ({"y": np.full(30, "cat")}, ["one class", "'cat'", "at least two classes"]),
        ({"y": np.zeros((30, 2, 2))}, ["y has shape (30, 2, 2)", "(n_samples, n_outputs)"]),
        ({"y": Y + 0.5}, ["Unknown label type: continuous"]),
        ({"y": np.where(Y == 1, np.nan, Y)}, ["NaN"]),
        ({"y": None}, ["y", "None"]),
        ({"sample_weight": np.zeros(30)}, ["weight", "non-zero"]),
        ({"sample_weight": -np.ones(30)}, ["Negative values", "`sample_weight`"]),
        ({"sample_weight": np.ones(29)}, ["sample_weight", "(29,)", "30"]),
        ({"sample_weight": np.full(30, np.nan)}, ["sample_weight", "NaN"]),
        ({"sample_weight": np.full(30, np.inf)}, ["sample_weight", "infinity"]),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_data_that_cannot_be_fitted(Format, data, words):
    text = message(ValueError, Format().fit, **({"X": X, "y": Y} | data))
    assert_says(text, *words)


@each_format
@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_class_weights_that_are_all_zero(Format, solver):
    model = Format(class_weight={0: 0, 1: 0, 2: 0}, solver=solver, max_iter=1)
    assert_says(message(ValueError, model.fit, X, Y), "class_weight", "zero")


@each_format
@pytest.mark.parametrize("value", [-1, np.nan, np.inf])
def test_class_weights_that_are_no_weights(Format, value):
    model = Format(class_weight={0: value}, solver="adam", max_iter=1)
    assert_says(message(ValueError, model.fit, X, Y), "class_weight", str(value))


@each_format
def test_sample_weights_that_are_zero_where_class_weights_are_not(Format):
    model = Format(class_weight={0: 0, 1: 0}, solver="adam", max_iter=1)
    weight = (Y != 2).astype(float)
    text = message(ValueError, model.fit, X, Y, sample_weight=weight)
    assert_says(text, "class_weight", "sample_weight", "zero")


@each_format
@pytest.mark.parametrize(
    ("class_weight", "words"),
    [({0: 1, 9: 2}, ["9", "[0, 1, 2]"]), ({"0": 1}, ["'0'", "[0, 1, 2]"])],
)
def test_class_weights_of_unknown_labels(Format, class_weight, words):
    text = message(ValueError, Format(class_weight=class_weight).fit, X, Y)
    assert_says(text, "class_weight", *words)


@each_format
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", ["X", "y", "sample_weight"])
def test_masked_values_are_refused(Format, name):
    data = {"X": X.copy(), "y": Y.copy(), "sample_weight": np.ones(len(Y))}
    masked = np.ma.array(data[name])
    model = Format(max_iter=1, alpha=1e-3).fit(**data | {name: masked})
    expected = model.predict(X)
    masked[3] = np.ma.masked
    what = "X.filled(np.nan)" if name == "X" else "leave out those rows"
    text = message(ValueError, model.fit, **data | {name: masked})
    assert_says(text, f"{name} is a masked array", what)
    if name == "X":
        assert_says(message(ValueError, model.predict, masked), "X is a masked array", what)
    np.testing.assert_array_equal(model.predict(X), expected)


@each_format
def test_sparse_input_says_how_to_pass_it(Format):
    text = message(TypeError, Format().fit, csr_array(X), Y)
    assert_says(text, "Sparse data", ".toarray()")
    model = Format(max_iter=1, solver="adam").fit(X, Y)
    assert_says(message(TypeError, model.predict, csr_array(X)), "Sparse data", ".toarray()")


@each_format
@pytest.mark.parametrize(
    "method", ["predict", "predict_proba", "predict_log_proba", "decision_function"]
)
@pytest.mark.parametrize(
    ("X_new", "words"),
    [
        (np.zeros((2, 3)), ["3 features", "4 features"]),
        (np.zeros((2, 5)), ["5 features", "4 features"]),
        (np.zeros(4), ["1D", "reshape"]),
        (np.array([[0, 0, np.inf, 0]]), ["infinity"]),
    ],
    ids=["fewer", "more", "1d", "inf"],
)
def test_data_that_cannot_be_predicted(Format, method, X_new, words):
    model = Format(max_iter=1, solver="adam").fit(X, Y)
    assert_says(message(ValueError, getattr(model, method), X_new), *words)


@pytest.mark.filterwarnings("ignore:overflow encountered in cast:RuntimeWarning")
@each_format
def test_predicting_what_the_fitted_dtype_cannot_hold(Format):
    model = Format(max_iter=1, solver="adam").fit(X.astype(np.float32), Y)
    text = message(ValueError, model.predict, np.full((1, 4), 1e300))
    assert_says(text, "infinity or a value too large for dtype('float32')")


class TestMissingMethods:
    @each_format
    @pytest.mark.parametrize("loss", ["squared_error", "squared_hinge"])
    @pytest.mark.parametrize("method", ["predict_proba", "predict_log_proba"])
    def test_probabilities_of_losses_without(self, Format, loss, method):
        model = Format(loss=loss, max_iter=1, solver="adam").fit(X, Y)
        text = message(AttributeError, getattr, model, method)
        assert_says(text, Format.__name__, method, f"loss={loss!r}", "loss='log_loss'")
        assert_says(message(AttributeError, getattr(Format, method), model, X), text)
        assert not hasattr(model, method)

    @each_format
    @pytest.mark.parametrize("solver", ["lbfgs", "als", LBFGS(), ALS(rank_tol=0.1)], ids=str)
    def test_partial_fit_of_a_full_batch_solver(self, Format, solver):
        text = message(AttributeError, getattr, Format(solver=solver), "partial_fit")
        assert_says(text, Format.__name__, "partial_fit", f"solver={solver!r}", "solver='adam'")

    def test_partial_fit_with_early_stopping(self):
        text = message(AttributeError, getattr, TTClassifier(early_stopping=True), "partial_fit")
        assert_says(text, "partial_fit", "early_stopping=True", "early_stopping=False")

    @each_format
    @pytest.mark.parametrize(
        "change", [{"solver": "sgd"}, {"solver": 3}, {"loss": "hinge"}], ids=str
    )
    def test_unknown_names_are_left_to_fit(self, Format, change):
        model = Format(**change)
        assert hasattr(model, "predict_proba")
        [(name, value)] = change.items()
        text = message(ValueError, model.partial_fit, X, Y, classes=[0, 1, 2])
        assert_says(text, f"{name!r} parameter", f"Got {value!r}")


class TestRankOfCP:
    def test_warns_when_less_than_the_number_of_classes(self):
        with pytest.warns(UserWarning, match=r"rank=2 .*3 classes.*rank >= n_classes") as record:
            CPClassifier(rank=2, solver="adam", max_iter=1).fit(X, Y)
        assert len(record) == 1

    @pytest.mark.parametrize(
        "parameters",
        [{"rank": 3}, {}, {"rank": 1, "class_tensors": "separate"}],
        ids=str,
    )
    def test_does_not_warn_otherwise(self, parameters):
        CPClassifier(solver="adam", max_iter=1, **parameters).fit(X, Y)

    def test_does_not_warn_for_two_classes(self):
        CPClassifier(rank=1, solver="adam", max_iter=1).fit(X, Y % 2)


@each_format
@pytest.mark.parametrize("counts", [(20, 9, 1), (2, 2, 2)])
def test_early_stopping_with_too_few_samples_names_the_parameter(Format, counts):
    y = np.repeat([0, 1, 2], counts)
    model = Format(early_stopping=True, solver="adam", max_iter=1)
    text = message(ValueError, model.fit, X[: len(y)], y)
    assert_says(text, "early_stopping=True")


@each_format
def test_a_failed_fit_leaves_a_model_that_can_be_fitted(Format):
    model = Format(solver="adam", max_iter=1, alpha=-1)
    message(ValueError, model.fit, X, Y)
    assert not hasattr(model, "network_")
    assert model.set_params(alpha=0).fit(X, Y).predict(X).shape == (30,)


class TestParametersOfParts:
    """Names such as feature_map__n_knots need an object to be of."""

    @each_format
    @pytest.mark.parametrize(
        ("parameters", "words"),
        [
            ({"feature_map__n_knots": 3}, ["feature_map='auto'", "feature_map=SplineMap()"]),
            ({"feature_map__n_components": 3}, ["feature_map=AffineMap()", "feature_map=PCAMap()"]),
            (
                {"feature_map": "spline", "feature_map__n_knots": 3},
                ["feature_map__n_knots", "feature_map='spline'", "feature_map=SplineMap()"],
            ),
            ({"solver__rank_tol": 0.1}, ["solver__rank_tol", "solver='auto'", "solver=ALS()"]),
            ({"patches__stride": 2}, ["patches__stride", "patches=None", "ImagePatches(...)"]),
            (
                {"patches__windo": 2},
                ["patches__windo", "ImagePatches(...)", "SequencePatches()"],
            ),
        ],
        ids=parameters_id,
    )
    def test_of_no_object(self, Format, parameters, words):
        assert_says(message(ValueError, Format().set_params, **parameters), *words)

    def test_in_a_search(self):
        search = GridSearchCV(TTClassifier(), {"feature_map__n_components": [4, 8]}, cv=2)
        text = message(ValueError, search.fit, X, Y)
        assert_says(text, "feature_map__n_components", "feature_map=AffineMap()")

    def test_of_an_object_set_at_the_same_time(self):
        model = TTClassifier().set_params(feature_map__degree=2, feature_map=PolynomialMap())
        assert model.feature_map.degree == 2
        text = message(ValueError, model.set_params, feature_map__n_knots=2)
        assert_says(text, "'n_knots'", "PolynomialMap")
