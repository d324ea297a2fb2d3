"""Fitted attributes, predictions against the dense tensor, dtypes, threads, seeds, parameters."""

import pickle
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_info, threadpool_limits

from sktensornet import CPClassifier, HTClassifier, TTClassifier
from sktensornet.feature_maps import AffineMap, PolynomialMap
from sktensornet.patches import ImagePatches
from sktensornet.solvers import LBFGS, Adam

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

FORMATS = [TTClassifier, HTClassifier, CPClassifier]
MAPS = ["polynomial", "trigonometric", "affine", "one_hot"]
LOSSES = ["log_loss", "squared_error", "squared_hinge"]
each_format = pytest.mark.parametrize("Format", FORMATS)


def table(n_classes=3, d=4, n=60, seed=0, dtype=np.float64):
    """Columns with a few values each, and classes that depend on their products."""
    rng = np.random.default_rng(seed)
    X = rng.integers(-2, 3, size=(n, d)).astype(dtype)
    y = (X[:, 0] + X[:, 1 % d] * X[:, -1]).astype(int) % n_classes
    y[:n_classes] = np.arange(n_classes)
    return X, y


def short(Format, **parameters):
    """A deterministic model a few steps away from its start, with a map of two features."""
    defaults = {"rank": 4, "max_iter": 5, "solver": "lbfgs", "alpha": 1e-4, "random_state": 0}
    if "patches" not in parameters:
        defaults["feature_map"] = "polynomial"
    return Format(**(defaults | parameters))


def features(model, X):
    return model.feature_map_.transform(model.patches_.extract(X))


def dense_scores(model, X):
    """<W_c, f(x_1) (x) ... (x) f(x_d)> from the dense tensor, one site after the other."""
    scores = [model.network_.to_dense()] * len(X)
    for local in features(model, X):
        scores = [np.tensordot(f, W, axes=(0, 0)) for f, W in zip(local, scores, strict=True)]
    return np.stack(scores)


def tt_scores(cores, local):
    """The documented meaning of TT cores (r_left, m, r_right), class axis last on one of them."""
    message = np.ones((len(local[0]), 1, 1))
    for core, f in zip(cores, local, strict=True):
        if core.ndim == 3:
            core = core[..., None]
        message = np.einsum("nac,nm,ambd->nbcd", message, f, core)
        message = message.reshape(*message.shape[:2], -1)
    return message[:, 0]


def ht_scores(cores, local):
    """Leaf frames (m, out), then inner nodes (left, right, out) of ((0, 1), (2, 3))."""
    a, b, c, d = (f @ frame for f, frame in zip(local, cores[:4], strict=True))
    left = np.einsum("na,nb,abo->no", a, b, cores[4])
    right = np.einsum("na,nb,abo->no", c, d, cores[5])
    return np.einsum("na,nb,abo->no", left, right, cores[6])


def cp_scores(cores, local):
    """Factors (m, r), multiplied over the sites, and a readout (r, C)."""
    factors = [f @ factor for f, factor in zip(local, cores[:-1], strict=True)]
    return np.prod(factors, axis=0) @ cores[-1]


def as_decision(scores):
    return scores[:, 0] if scores.shape[1] == 1 else scores


def writeable_arrays(model):
    """Names of the arrays in what a model hands out that could be changed."""
    found = []
    for part in (model.network_, model.feature_map_, model.patches_):
        for name, value in vars(part).items():
            for array in value if isinstance(value, tuple) else (value,):
                if isinstance(array, np.ndarray) and array.flags.writeable:
                    found.append(f"{type(part).__name__}.{name}")
    return sorted(set(found))


class TestFittedAttributes:
    @pytest.mark.parametrize("n_classes", [2, 3, 5])
    def test_tt_cores(self, n_classes):
        X, y = table(n_classes, d=5)
        network = short(TTClassifier, rank=2).fit(X, y).network_
        out = 1 if n_classes == 2 else n_classes
        assert [core.shape for core in network.cores] == [
            (1, 2, 2),
            (2, 2, 2),
            (2, 2, 2, out),
            (2, 2, 2),
            (2, 2, 1),
        ]
        assert network.ranks == (2, 2, 2, 2)

    @pytest.mark.parametrize("n_classes", [2, 3, 5])
    def test_ht_cores(self, n_classes):
        X, y = table(n_classes, d=4)
        network = short(HTClassifier, rank=2).fit(X, y).network_
        out = 1 if n_classes == 2 else n_classes
        shapes = [core.shape for core in network.cores]
        assert shapes == [(2, 2)] * 4 + [(2, 2, 2)] * 2 + [(2, 2, out)]
        assert network.ranks == (2,) * 6

    @pytest.mark.parametrize("n_classes", [2, 3, 5])
    def test_cp_cores(self, n_classes):
        X, y = table(n_classes, d=4)
        network = short(CPClassifier, rank=7).fit(X, y).network_
        out = 1 if n_classes == 2 else n_classes
        assert [core.shape for core in network.cores] == [(2, 7)] * 4 + [(7, out)]
        assert network.ranks == (7,)

    @pytest.mark.parametrize(
        ("Format", "shapes"),
        [
            (TTClassifier, [(1, 2, 2), (2, 2, 2), (2, 2, 2), (2, 2, 1)]),
            (HTClassifier, [(2, 2)] * 4 + [(2, 2, 2)] * 2 + [(2, 2)]),
            (CPClassifier, [(2, 2)] * 4 + [(2,)]),
        ],
    )
    @pytest.mark.parametrize(("n_classes", "n_outputs"), [(2, 1), (3, 3)])
    def test_separate_class_tensors_have_a_leading_class_axis(
        self, Format, shapes, n_classes, n_outputs
    ):
        X, y = table(n_classes)
        network = short(Format, rank=2, class_tensors="separate").fit(X, y).network_
        assert [core.shape for core in network.cores] == [(n_outputs, *shape) for shape in shapes]

    @each_format
    @pytest.mark.parametrize("class_tensors", ["joint", "separate"])
    def test_sizes_agree_with_the_cores(self, Format, class_tensors):
        X, y = table(d=5)
        network = short(Format, class_tensors=class_tensors).fit(X, y).network_
        assert network.n_parameters == sum(core.size for core in network.cores)
        assert network.to_dense().shape == (2,) * 5 + (3,)
        assert max(network.ranks) <= 4

    def test_tt_rank_never_exceeds_either_side_of_a_bond(self):
        X, y = table(d=6)
        network = short(TTClassifier, rank=1000).fit(X, y).network_
        sizes = [1, *network.ranks, 1]
        for core, (left, right) in zip(network.cores, pairwise(sizes), strict=True):
            assert (core.shape[0], core.shape[2]) == (left, right)
        caps = [min(2**k, 3 * 2 ** (6 - k)) for k in range(1, 6)]
        assert all(rank <= max(cap, 3 * 2**k) for k, (rank, cap) in enumerate(zip(sizes[1:], caps)))
        assert network.n_parameters < 5 * 3 * 2**6

    @each_format
    def test_describes_the_data(self, Format):
        X, y = table()
        model = short(Format).fit(pl.DataFrame(X, schema=list("abcd")), y)
        assert model.n_features_in_ == 4
        assert model.feature_names_in_.tolist() == list("abcd")
        assert model.classes_.tolist() == [0, 1, 2]
        assert len(model.loss_curve_) == model.n_iter_ == 5
        assert model.validation_scores_ is None

    @each_format
    @pytest.mark.parametrize("feature_map", MAPS)
    def test_everything_handed_out_is_read_only(self, Format, feature_map):
        X, y = table()
        model = short(Format, feature_map=feature_map).fit(X, y)
        assert writeable_arrays(model) == []
        with pytest.raises(AttributeError):
            model.network_.cores = ()

    @each_format
    def test_stays_read_only_after_pickling(self, Format):
        X, y = table()
        model = pickle.loads(pickle.dumps(short(Format, feature_map="affine").fit(X, y)))
        assert writeable_arrays(model) == []

    @each_format
    def test_to_dense_refuses_what_does_not_fit(self, Format):
        X, y = table(d=30)
        network = short(Format, max_iter=1).fit(X, y).network_
        with pytest.raises(ValueError, match=r"to_dense.*limit"):
            network.to_dense()


class TestPredictions:
    @each_format
    @pytest.mark.parametrize("class_tensors", ["joint", "separate"])
    @pytest.mark.parametrize("feature_map", MAPS)
    @pytest.mark.parametrize("n_classes", [2, 3])
    def test_decision_function_is_the_dense_tensor_applied(
        self, Format, class_tensors, feature_map, n_classes
    ):
        X, y = table(n_classes)
        model = short(Format, feature_map=feature_map, class_tensors=class_tensors).fit(X, y)
        X_new, _ = table(seed=1)
        expected = as_decision(dense_scores(model, X_new))
        assert expected.shape == ((60,) if n_classes == 2 else (60, 3))
        assert expected.std() > 0.01
        np.testing.assert_allclose(model.decision_function(X_new), expected, atol=1e-12)

    @pytest.mark.parametrize(
        ("Format", "scores_of"),
        [(TTClassifier, tt_scores), (HTClassifier, ht_scores), (CPClassifier, cp_scores)],
    )
    @pytest.mark.parametrize("class_tensors", ["joint", "separate"])
    @pytest.mark.parametrize("n_classes", [2, 4])
    def test_decision_function_is_the_documented_cores_applied(
        self, Format, scores_of, class_tensors, n_classes
    ):
        X, y = table(n_classes)
        model = short(Format, class_tensors=class_tensors).fit(X, y)
        cores, local = model.network_.cores, features(model, X)
        if class_tensors == "separate":
            # One tensor without a class leg each: HT and CP roots get a leg of size one.
            each = [[core[c] for core in cores] for c in range(model.network_.n_outputs)]
            if Format is not TTClassifier:
                each = [[*one[:-1], one[-1][..., None]] for one in each]
            expected = np.hstack([scores_of(one, local) for one in each])
        else:
            expected = scores_of(cores, local)
        np.testing.assert_allclose(model.decision_function(X), as_decision(expected), atol=1e-12)

    @each_format
    @pytest.mark.parametrize("stride", [2, 1])
    def test_patches_cut_the_image(self, Format, stride):
        rng = np.random.default_rng(0)
        X, y = rng.normal(size=(40, 16)), np.arange(40) % 3
        patches = ImagePatches((4, 4), (2, 2), stride=stride)
        # degree 1 on 2 x 2 patches: m = 5
        rank, shape = 3, (5,) * (4 if stride == 2 else 9)
        model = short(Format, rank=rank, patches=patches, feature_map="polynomial", max_iter=2)
        model.fit(X, y)
        first = X.reshape(-1, 4, 4)[:, :2, :2].reshape(-1, 4)
        z = (first - first.mean(axis=0)) / first.std(axis=0)
        z = model.scale_ * np.clip(z, -4, 4)
        np.testing.assert_allclose(features(model, X)[0], np.c_[np.ones(40), z])
        assert model.network_.mode_sizes == shape
        if stride == 2:
            expected = dense_scores(model, X)
            np.testing.assert_allclose(model.decision_function(X), expected, atol=1e-12)

    def test_polynomial_features_are_one_and_the_standardised_column(self):
        X, y = table()
        weight = np.linspace(0, 2, 60)
        model = short(TTClassifier).fit(X, y, sample_weight=weight)
        mean = np.average(X, axis=0, weights=weight)
        deviation = np.sqrt(np.average((X - mean) ** 2, axis=0, weights=weight))
        X_new = 20 * X
        for k, f in enumerate(features(model, X_new)):
            z = np.clip((X_new[:, k] - mean[k]) / deviation[k], -4, 4)
            np.testing.assert_allclose(f, np.c_[np.ones(60), model.scale_ * z])

    @each_format
    @pytest.mark.parametrize(
        ("labels", "loss"),
        [
            (("no", "yes"), "log_loss"),
            (("a", "b", "c"), "squared_error"),
            ((7, -3), "squared_hinge"),
            ((0.0, 2.0, 1.0), "log_loss"),
        ],
    )
    def test_predict_is_the_label_of_the_largest_score(self, Format, labels, loss):
        y = np.arange(60) % len(labels)
        X = table()[0] + 6 * np.eye(4)[y]
        y = np.array(labels)[y]
        model = short(Format, loss=loss, max_iter=30).fit(X, y)
        assert model.classes_.tolist() == sorted(labels)
        scores = model.decision_function(X)
        winner = (scores > 0).astype(int) if len(labels) == 2 else scores.argmax(axis=1)
        predicted = model.predict(X)
        assert predicted.dtype == y.dtype
        np.testing.assert_array_equal(predicted, model.classes_[winner])
        assert len(set(predicted)) == len(labels)
        assert model.score(X, y) == np.mean(predicted == y) > 0.9

    @each_format
    @pytest.mark.parametrize("n_classes", [2, 3])
    def test_probabilities_are_the_softmax_or_sigmoid_of_the_scores(self, Format, n_classes):
        X, y = table(n_classes)
        model = short(Format).fit(X, y)
        scores, probabilities = model.decision_function(X), model.predict_proba(X)
        if n_classes == 2:
            scores = np.c_[np.zeros(60), scores]
        expected = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        np.testing.assert_allclose(probabilities, expected, rtol=1e-10)
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-12)
        np.testing.assert_allclose(model.predict_log_proba(X), np.log(expected), rtol=1e-9)
        np.testing.assert_array_equal(model.classes_[probabilities.argmax(1)], model.predict(X))

    @pytest.mark.parametrize("method", ["predict_proba", "predict_log_proba"])
    @pytest.mark.parametrize("loss", LOSSES)
    def test_probabilities_exist_only_with_log_loss(self, loss, method):
        assert hasattr(TTClassifier(loss=loss), method) == (loss == "log_loss")

    @each_format
    @pytest.mark.parametrize(
        "method", ["predict", "predict_proba", "predict_log_proba", "decision_function"]
    )
    def test_predicting_needs_a_fit(self, Format, method):
        with pytest.raises(NotFittedError, match=Format.__name__):
            getattr(Format(), method)(np.zeros((1, 2)))

    @pytest.mark.parametrize("class_tensors", ["joint", "separate"])
    @each_format
    def test_learns_a_product_of_columns(self, Format, class_tensors):
        """Classes that no linear model separates."""
        X = np.random.default_rng(0).normal(size=(200, 3))
        y = np.where(X[:, 0] * X[:, 1] * X[:, 2] > 0, "even", "odd")
        model = Format(class_tensors=class_tensors, solver="lbfgs", max_iter=60, random_state=0)
        assert model.fit(X, y).score(X, y) > 0.95

    @pytest.mark.parametrize("tree", [((0, 3), (1, 2)), [0, [1, [2, 3]]], (0, 1, 2, 3)])
    def test_trees_of_any_shape(self, tree):
        X, y = table()
        model = short(HTClassifier, tree=tree).fit(X, y)
        np.testing.assert_allclose(model.decision_function(X), dense_scores(model, X), atol=1e-12)


class TestPrecision:
    @each_format
    @pytest.mark.parametrize("feature_map", MAPS)
    @pytest.mark.parametrize("solver", ["lbfgs", "adam"])
    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_dtype_of_the_input_is_that_of_everything_fitted(
        self, Format, feature_map, solver, dtype
    ):
        X, y = table(dtype=dtype)
        model = short(Format, feature_map=feature_map, solver=solver, max_iter=2).fit(X, y)
        held = [*vars(model.feature_map_).values(), *model.feature_map_.parameters]
        floats = [value for value in held if isinstance(value, np.ndarray)]
        arrays = [*model.network_.cores, model.network_.to_dense(), *features(model, X), *floats]
        arrays += [model.decision_function(X), model.predict_proba(X), model.predict_log_proba(X)]
        assert {array.dtype for array in arrays} == {np.dtype(dtype)}

    @pytest.mark.parametrize("loss", LOSSES)
    @pytest.mark.parametrize("class_tensors", ["joint", "separate"])
    @pytest.mark.parametrize("n_classes", [2, 3])
    def test_float32_stays_float32_for_every_loss(self, loss, class_tensors, n_classes):
        X, y = table(n_classes, dtype=np.float32)
        model = short(TTClassifier, loss=loss, class_tensors=class_tensors).fit(X, y)
        assert {core.dtype for core in model.network_.cores} == {np.dtype(np.float32)}
        assert model.decision_function(X.astype(np.float64)).dtype == np.float32

    @each_format
    def test_float32_agrees_with_float64(self, Format):
        X, y = table()
        double, single = (short(Format).fit(X.astype(t), y) for t in (np.float64, np.float32))
        np.testing.assert_allclose(
            single.decision_function(X.astype(np.float32)),
            double.decision_function(X),
            rtol=1e-3,
            atol=1e-3,
        )


class TestThreads:
    @each_format
    @pytest.mark.parametrize("solver", ["lbfgs", Adam(dropout=0.2)], ids=["lbfgs", "adam"])
    def test_result_does_not_depend_on_n_jobs(self, Format, solver):
        X, y = table(n=600)
        models = [
            short(Format, solver=solver, feature_map="affine", n_jobs=n_jobs, max_iter=2).fit(X, y)
            for n_jobs in (1, 2)
        ]
        one, two = (model.decision_function(X) for model in models)
        np.testing.assert_allclose(two, one, rtol=1e-9, atol=1e-9)

    def test_fits_in_two_threads_leave_the_blas_limits_as_they_were(self):
        X, y = table(n=300)
        model = short(HTClassifier, solver="adam", max_iter=3)
        with threadpool_limits(2, user_api="blas"):
            before = [library["num_threads"] for library in threadpool_info()]
            fitted = Parallel(n_jobs=2, prefer="threads")(
                delayed(clone(model).set_params(random_state=seed).fit)(X, y) for seed in (0, 1, 0)
            )
            assert [library["num_threads"] for library in threadpool_info()] == before
        first, other, again = (each.decision_function(X) for each in fitted)
        np.testing.assert_array_equal(first, again)
        assert np.abs(first - other).max() > 1e-3

    def test_a_failed_fit_leaves_the_blas_limits_as_they_were(self):
        class Broken(Adam):
            def minimize(self, *args, **kwargs):
                raise RuntimeError("broken")

        X, y = table()
        with threadpool_limits(2, user_api="blas"):
            before = [library["num_threads"] for library in threadpool_info()]
            with pytest.raises(RuntimeError, match="broken"):
                TTClassifier(solver=Broken()).fit(X, y)
            assert [library["num_threads"] for library in threadpool_info()] == before


class TestRandomState:
    @each_format
    @pytest.mark.parametrize("solver", ["lbfgs", Adam(dropout=0.2)], ids=["lbfgs", "adam"])
    def test_decides_every_bit(self, Format, solver):
        X, y = table(n=300)

        def parameters(seed):
            model = short(Format, solver=solver, feature_map="affine", random_state=seed, n_jobs=2)
            model.fit(X, y)
            return np.concatenate(
                [a.ravel() for a in (*model.network_.cores, *model.feature_map_.parameters)]
            )

        first = parameters(0)
        assert np.array_equal(parameters(0), first)
        assert not np.array_equal(parameters(1), first)

    def test_generator_instances_move_on(self):
        X, y = table()
        state = np.random.RandomState(0)
        first, second = (
            short(TTClassifier, random_state=state).fit(X, y).decision_function(X) for _ in "ab"
        )
        assert not np.array_equal(first, second)


def images(n=60):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(n, 16)), np.arange(n) % 2
    X[:, 5] += 4 * y
    return X, y


class TestNestedParameters:
    @pytest.mark.parametrize(
        ("parameters", "name", "value"),
        [
            ({"feature_map": AffineMap()}, "feature_map__n_components", 5),
            ({"feature_map": PolynomialMap()}, "feature_map__degree", 2),
            ({"patches": ImagePatches((4, 4), (2, 2))}, "patches__stride", 1),
            ({"solver": Adam()}, "solver__learning_rate", 0.5),
            ({"solver": LBFGS()}, "solver__memory", 1),
        ],
    )
    @pytest.mark.parametrize("Format", FORMATS[:1])
    def test_can_be_set_and_take_effect(self, Format, parameters, name, value):
        X, y = images()
        parameters = {key: clone(value) for key, value in parameters.items()}
        model = short(Format, max_iter=4, **({"solver": "adam"} | parameters))
        before = model.fit(X, y).decision_function(X)
        model.set_params(**{name: value})
        assert model.get_params()[name] == value
        assert not np.allclose(model.fit(X, y).decision_function(X), before)

    def test_feature_map_and_stride_change_the_shapes(self):
        X, y = images()
        model = short(
            TTClassifier, patches=ImagePatches((4, 4), (2, 2)), feature_map=AffineMap(), max_iter=1
        )
        model.set_params(patches__stride=1, feature_map__n_components=3)
        assert model.fit(X, y).network_.mode_sizes == (3,) * 9

    def test_can_be_searched_in_a_pipeline(self):
        X, y = images()
        model = TTClassifier(
            rank=3,
            patches=ImagePatches((4, 4), (2, 2)),
            feature_map=AffineMap(n_components=4),
            solver=Adam(batch_size=8),
            max_iter=6,
            random_state=0,
        )
        grid = {
            "net__feature_map__n_components": [3, 5],
            "net__patches__stride": [1, 2],
            "net__solver__learning_rate": [1e-9, 4e-2],
        }
        pipeline = Pipeline([("scale", StandardScaler()), ("net", model)])
        search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(X, y)
        assert len(search.cv_results_["params"]) == 8
        assert search.best_params_["net__solver__learning_rate"] == 4e-2
        best = search.best_estimator_["net"]
        size = search.best_params_["net__feature_map__n_components"]
        sites = {1: 9, 2: 4}[search.best_params_["net__patches__stride"]]
        assert best.network_.mode_sizes == (size,) * sites
        assert search.score(X, y) > 0.9

    @each_format
    def test_clone_is_unfitted_and_shares_nothing(self, Format):
        X, y = images()
        patches, feature_map, solver = ImagePatches((4, 4), (2, 2)), AffineMap(4), Adam()
        model = Format(patches=patches, feature_map=feature_map, solver=solver, max_iter=1)
        model.fit(X, y)
        copy = clone(model)
        assert repr(copy) == repr(model)
        assert not hasattr(copy, "network_")
        copy.set_params(patches__stride=1, feature_map__n_components=9, solver__learning_rate=1)
        assert (patches.stride, feature_map.n_components) == (None, 4)
        assert solver.learning_rate == Adam().learning_rate
        assert (model.patches, model.feature_map, model.solver) == (patches, feature_map, solver)

    @each_format
    @pytest.mark.parametrize("solver", ["lbfgs", "adam"])
    def test_pickle_predicts_the_same(self, Format, solver):
        X, y = images()
        model = short(Format, feature_map="affine", solver=solver).fit(X, y)
        again = pickle.loads(pickle.dumps(model))
        np.testing.assert_array_equal(again.decision_function(X), model.decision_function(X))
        np.testing.assert_array_equal(again.predict(X), model.predict(X))
        assert repr(again.network_) == repr(model.network_)
