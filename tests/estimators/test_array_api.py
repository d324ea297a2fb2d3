"""Estimators on arrays of other libraries, under scikit-learn's array_api_dispatch."""

import pickle
from copy import deepcopy

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils._array_api import (
    move_estimator_to,
    yield_mixed_namespace_input_permutations,
)
from sklearn.utils.estimator_checks import (
    check_array_api_input,
    check_array_api_input_and_values,
    check_array_api_mixed_inputs,
    check_array_api_same_namespace,
)

from sktensornet import CPClassifier, HTClassifier, TTClassifier, TTRegressor
from sktensornet._arrays._namespace import place_of, to_numpy
from sktensornet.feature_maps import AffineMap, EmbeddingMap, PolynomialMap, SplineMap
from sktensornet.patches import ImagePatches
from sktensornet.solvers import ALS, LBFGS, Adam

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_iris(return_X_y=True)
WEIGHT = 0.5 + np.random.default_rng(0).random(len(X))
SHORT = {"rank": 3, "alpha": 1e-3, "max_iter": 10, "random_state": 0}
MAP = SplineMap(scale=1.0)
FITS = [
    TTClassifier(solver="lbfgs", feature_map=MAP, **SHORT),
    HTClassifier(solver=LBFGS(), feature_map="trigonometric", class_tensors="separate", **SHORT),
    CPClassifier(
        solver="lbfgs", patches=ImagePatches((2, 2), (1, 2)), feature_map=AffineMap(4), **SHORT
    ),
    TTClassifier(
        solver=Adam(dropout=0.1, weight_decay=1e-2, batch_size=50),
        feature_map=MAP,
        **SHORT | {"max_iter": 5},
    ),
]


def there(place, *arrays, dtype=None):
    return [place.put(np.asarray(array), dtype) for array in arrays]


@pytest.mark.parametrize("estimator", FITS, ids=lambda one: repr(one)[:40])
def test_ten_iterations_are_those_of_numpy(place, dispatch, estimator):
    rtol = 1e-7 if place.widest == place.xp.float64 else 1e-3
    here = clone(estimator).fit(X, Y, WEIGHT)
    own_X, own_y, own_weight = there(place, X, Y, WEIGHT)
    found = clone(estimator).fit(own_X, own_y, own_weight)
    np.testing.assert_allclose(found.loss_curve_, here.loss_curve_, rtol)
    for method in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
        got, wanted = getattr(found, method)(own_X), getattr(here, method)(X)
        assert place_of(got) == place
        np.testing.assert_allclose(to_numpy(got), wanted, 1e-6, 10 * rtol)
    assert found.score(own_X, own_y) == pytest.approx(here.score(X, Y), abs=1e-6)
    assert place_of(found.classes_) == place
    for a, b in zip(found.network_.cores, here.network_.cores, strict=True):
        np.testing.assert_allclose(a, b, 1e-4, 1e-5)


def test_adam_in_float32_is_that_of_numpy(place, dispatch):
    estimator = FITS[-1]
    here = clone(estimator).fit(X.astype(np.float32), Y)
    found = clone(estimator).fit(*there(place, X, dtype=np.float32), Y)
    np.testing.assert_allclose(found.loss_curve_, here.loss_curve_, 1e-4)
    assert found.network_.dtype == np.float32
    (own,) = there(place, X, dtype=np.float32)
    assert found.predict_proba(own).dtype == place.xp.float32


def test_real_targets_stay_with_x(place, dispatch):
    model = TTRegressor(solver="lbfgs", feature_map=PolynomialMap(scale=1.0), **SHORT)
    here = clone(model).fit(X[:, :3], X[:, 3])
    own_X, own_y = there(place, X[:, :3], X[:, 3])
    found = model.fit(own_X, own_y)
    assert place_of(found.target_mean_) == place_of(found.predict(own_X)) == place
    rtol = 1e-6 if place.widest == place.xp.float64 else 1e-2
    np.testing.assert_allclose(to_numpy(found.predict(own_X)), here.predict(X[:, :3]), rtol)


def test_deviations_stay_with_x(place, dispatch):
    model = TTRegressor(solver="lbfgs", feature_map=PolynomialMap(scale=1.0), **SHORT)
    here = clone(model).fit(X[:, :3], X[:, 3])
    (own,) = there(place, X[:, :3])
    found = model.fit(own, X[:, 3])
    wanted, got = here.predict_interval(X[:, :3]), found.predict_interval(own)
    assert place_of(got) == place_of(found.predict(own, return_std=True)[1]) == place
    np.testing.assert_allclose(to_numpy(got), wanted, 1e-3)


def test_several_labels_of_a_sample(place, dispatch):
    labels = np.stack([Y > 0, X[:, 0] > 5.8], axis=1).astype(int)
    own_X, own_y = there(place, X, labels)
    here = clone(FITS[0]).fit(X, labels)
    found = clone(FITS[0]).fit(own_X, own_y)
    np.testing.assert_array_equal(to_numpy(found.predict(own_X)), here.predict(X))
    np.testing.assert_allclose(to_numpy(found.predict_proba(own_X)), here.predict_proba(X), 1e-3)


def test_partial_fit_goes_on_there(place, dispatch):
    model = TTClassifier(solver=Adam(), feature_map=MAP, alpha=1e-3, random_state=0)
    here, found = clone(model), clone(model)
    own_X, own_y = there(place, X, Y)
    for _ in range(2):
        here.partial_fit(X, Y, classes=[0, 1, 2])
        found.partial_fit(own_X, own_y, classes=[0, 1, 2])
    np.testing.assert_allclose(found.loss_curve_, here.loss_curve_, 1e-5)
    assert place_of(found.predict(own_X)) == place


def test_early_stopping_and_a_warm_start(place, dispatch):
    model = TTClassifier(
        solver="lbfgs", early_stopping=True, warm_start=True, feature_map=MAP, **SHORT
    ).set_params(max_iter=3)
    own_X, own_y = there(place, X, Y)
    model.fit(own_X, own_y)
    first = model.loss_curve_[-1]
    model.fit(own_X, own_y)
    assert model.loss_curve_[-1] <= first
    assert len(model.validation_scores_) == len(model.loss_curve_)


def test_a_callback_predicts_there(place, dispatch):
    seen = []

    class Scorer:
        def setup(self, estimator, context):
            pass

        teardown = setup

        def on_fit_task_begin(self, estimator, context):
            pass

        def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
            if context.parent is not None and fitted_estimator is not None:
                seen.append(place_of(fitted_estimator.predict(own)))

    (own,) = there(place, X)
    clone(FITS[0]).set_params(max_iter=2).set_callbacks(Scorer()).fit(own, Y)
    assert seen == [place, place]


def test_tensors_of_a_graph_are_taken_as_they_are(dispatch):
    torch = pytest.importorskip("torch")
    own = torch.tensor(X, dtype=torch.bfloat16, requires_grad=True)
    found = clone(FITS[0]).fit(own, Y)
    predicted = found.predict_proba(own)
    assert not predicted.requires_grad
    assert predicted.shape == (150, 3)


def test_labels_may_be_strings(place, dispatch):
    names = np.array(["setosa", "versicolor", "virginica"])
    (own,) = there(place, X)
    found = clone(FITS[0]).fit(own, names[Y])
    assert found.predict(own)[0] == "setosa"
    assert isinstance(found.classes_, np.ndarray)
    assert place_of(found.predict_proba(own)) == place


def test_estimators_move_and_can_be_saved(place, dispatch):
    (own,) = there(place, X)
    found = clone(FITS[0]).fit(own, Y)
    with pytest.raises(ValueError, match="must use the same namespace"):
        found.predict(X)
    here = move_estimator_to(found, np, "cpu")
    np.testing.assert_allclose(here.predict_proba(X), to_numpy(found.predict_proba(own)), 1e-4)
    back = move_estimator_to(here, place.xp, place.device)
    own_way = here.to(place.names[1], xp=place.xp)
    assert isinstance(own_way.to("cpu", xp=np).classes_, np.ndarray)
    for again in (back, own_way, pickle.loads(pickle.dumps(found)), deepcopy(found)):
        assert place_of(again.classes_) == place_of(again.predict(own)) == place
    smaller = found.compress(rank=2)
    assert place_of(smaller.predict(own)) == place


def test_places_that_are_not_there_are_named(dispatch):
    torch = pytest.importorskip("torch")
    found = clone(FITS[0]).set_params(max_iter=1).fit(X, Y)
    with pytest.raises(ValueError, match=r"device='cuda' is not where.*xp=torch"):
        found.to("cuda")
    with pytest.raises(ValueError, match="xp='math' must be one of numpy, torch"):
        found.to("cpu", xp="math")
    there = found.to("cpu", xp=torch)
    with pytest.raises(ValueError, match="device='xpu:7' of torch is not at hand"):
        there.to("xpu:7")
    with pytest.raises(ValueError, match="same namespace and the same device"):
        there.predict(torch.empty((2, 4), device="meta"))


def test_a_pickle_loads_without_the_device(place, dispatch):
    (own,) = there(place, X)
    state = clone(FITS[0]).fit(own, Y).__getstate__()
    assert not any(hasattr(value, "__dlpack__") for value in state.values()
                   if not isinstance(value, np.ndarray))  # fmt: skip
    gone = TTClassifier()
    gone.__setstate__(state | {"_anchor": (place.name, "no such device")})
    assert isinstance(gone.predict(X), np.ndarray)


@pytest.mark.parametrize(
    ("parameters", "wanted"),
    [
        ({"solver": "als"}, "solver='als' visits.*use solver='lbfgs', 'adam' or 'auto'"),
        ({"product": "max"}, "product='max' rules out; use product='multiply'"),
        ({"shared_cores": True}, "shared_cores=True rules out"),
        ({"feature_map": EmbeddingMap()}, r"feature_map=EmbeddingMap\(\) rules out"),
    ],
)
def test_what_needs_numpy_says_so(place, dispatch, parameters, wanted):
    model = TTClassifier(**parameters)
    assert not model.__sklearn_tags__().array_api_support
    with pytest.raises(ValueError, match=wanted):
        model.fit(*there(place, X), Y)


def test_auto_takes_a_solver_that_works(place, dispatch):
    model = TTClassifier(rank=2, max_iter=2, random_state=0)
    assert model.__sklearn_tags__().array_api_support
    found = model.fit(*there(place, X), Y)
    assert found.sweeps_ is None
    assert found.trials_


def test_without_dispatch_nothing_changes(place):
    if not place.is_host:
        pytest.skip("NumPy cannot read what is not on the host")
    found = clone(FITS[0]).fit(*there(place, X, Y))
    assert isinstance(found.predict(place.put(X)), np.ndarray)
    assert isinstance(found.classes_, np.ndarray)
    np.testing.assert_array_equal(found.predict(place.put(X)), clone(FITS[0]).fit(X, Y).predict(X))


CHECKED = [
    TTClassifier(solver="lbfgs", feature_map=MAP, alpha=1e-3, max_iter=9, random_state=0),
    TTRegressor(solver="lbfgs", feature_map="affine", alpha=1e-3, max_iter=2, random_state=0),
]


@pytest.mark.parametrize(
    ("library", "model"),
    [
        ("numpy", CHECKED[0]),
        ("numpy", CHECKED[1]),
        ("torch", CHECKED[0]),
        ("torch", CHECKED[1]),
        ("array_api_strict", CHECKED[1]),
    ],
    ids=lambda one: one if isinstance(one, str) else type(one).__name__,
)
def test_input_checks_of_scikit_learn(monkeypatch, library, model):
    if library != "numpy":
        pytest.importorskip(library)
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    name = type(model).__name__
    check_array_api_input(name, model, library)
    check_array_api_input_and_values(name, model, library)


def test_other_array_checks_of_scikit_learn(monkeypatch):
    pytest.importorskip("array_api_strict")
    pytest.importorskip("torch")
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    check_array_api_same_namespace("TTRegressor", CHECKED[1], "array_api_strict")
    checked = []
    for other, of_X, text in yield_mixed_namespace_input_permutations():
        if not {"cupy", "cuda", "mps"} & set(text.replace("-", " ").split()):
            check_array_api_mixed_inputs("TTRegressor", CHECKED[1], of_X, other)
            checked.append(text)
    assert checked


def test_steps_of_scikit_learn_around_it(dispatch):
    """Of its own scaler, its search and its cross validation, on tensors."""
    torch = pytest.importorskip("torch")
    own_X, own_y = torch.asarray(X, dtype=torch.float32), torch.asarray(Y)
    model = make_pipeline(StandardScaler(), clone(FITS[0]).set_params(max_iter=3))
    scores = cross_val_score(model, own_X, own_y, cv=3)
    assert scores.min() > 0.8
    search = GridSearchCV(model, {"ttclassifier__rank": [1, 3]}, cv=2).fit(own_X, own_y)
    predicted = search.predict(own_X)
    assert isinstance(predicted, torch.Tensor)
    assert float((predicted == own_y).float().mean()) > 0.8


def test_tags_follow_the_parameters():
    def takes(**parameters):
        return TTClassifier(**parameters).__sklearn_tags__().array_api_support

    assert takes()
    assert takes(solver="adam")
    assert takes(feature_map={0: "spline", 1: MAP})
    assert not takes(solver=ALS())
    assert not takes(feature_map={0: "spline", 1: EmbeddingMap()})
