"""scikit-learn's own checks, on the defaults and on many configurations."""

import re
from collections import Counter
from functools import partial

import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_inplace_ensure_writeable,
    check_param_validation,
    estimator_checks_generator,
)

from sktensornet import (
    CPClassifier,
    CPRegressor,
    HTClassifier,
    HTRegressor,
    TTClassifier,
    TTRegressor,
)
from sktensornet.augmentation import Jitter, RandomScaling
from sktensornet.feature_maps import (
    AffineMap,
    FourierMap,
    OneHotMap,
    PolynomialMap,
    QuantileMap,
    SplineMap,
    TrigonometricMap,
)
from sktensornet.patches import SequencePatches
from sktensornet.solvers import ALS, LBFGS, Adam, Spectral

# A short fit warns that it is short, in scikit-learn's own test suite too; all other warnings
# are errors. The checks run in the default number of iterations only for the default instances.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

DEFAULTS = [
    TTClassifier(),
    HTClassifier(),
    CPClassifier(),
    TTRegressor(),
    HTRegressor(),
    CPRegressor(),
]

FULL_BATCH = Adam(learning_rate=2e-2, batch_size=64)

# The choice of alpha and of a free scale takes most of a fit, and most of these are not about it.
FIXED = SplineMap(scale=1.0)
QUICK = {"feature_map": PolynomialMap(scale=1.0), "alpha": 1e-3, "max_iter": 3}
CONFIGURATIONS = [
    TTClassifier(rank=1, solver="lbfgs", max_iter=15),
    HTClassifier(rank=3, tree="balanced", solver=LBFGS(memory=5), max_iter=15),
    CPClassifier(rank=40, feature_map=FIXED, alpha=1e-3, max_iter=3),
    TTClassifier(rank=20, feature_map=PolynomialMap(degree=2), alpha=1e-3, max_iter=3),
    HTClassifier(feature_map=TrigonometricMap(0.5), alpha=1e-3, max_iter=15),
    CPClassifier(feature_map=AffineMap(n_components=8, activation="tanh"), max_iter=15),
    TTClassifier(feature_map=OneHotMap(1.0), alpha=1e-3, rank=2, max_iter=4),
    HTClassifier(loss="squared_error", feature_map=FIXED, alpha=1e-2, n_jobs=2, max_iter=3),
    TTClassifier(loss="squared_hinge", max_iter=3),
    HTClassifier(class_tensors="separate", rank=1, max_iter=3),
    CPClassifier(class_tensors="separate", loss="squared_error", rank=5, max_iter=3),
    TTClassifier(solver=FULL_BATCH, feature_map="affine", penalty="start", alpha=1e-3, max_iter=40),
    CPClassifier(solver=Adam(5e-2, batch_size=20, dropout=0.05), rank=6, max_iter=5),
    HTClassifier(
        early_stopping=True, validation_fraction=0.3, feature_map=FIXED, alpha=1e-3, max_iter=3
    ),
    TTClassifier(solver="als", loss="squared_error", feature_map=FIXED, alpha=1e-2, max_iter=3),
    HTClassifier(solver="als", loss="squared_error", feature_map=FIXED, alpha=1e-2, max_iter=3),
    TTClassifier(
        solver="als",
        loss="squared_error",
        feature_map=FIXED,
        alpha=1e-2,
        class_tensors="separate",
        max_iter=2,
    ),
    HTClassifier(
        solver=ALS(sweep="two_site", rank_tol=1e-3),
        loss="squared_error",
        feature_map=FIXED,
        alpha=1e-2,
        max_iter=2,
    ),
    TTClassifier(
        solver=ALS(class_leg="fixed", local_iter=1), feature_map=FIXED, alpha=10.0, max_iter=1
    ),
    CPClassifier(
        solver="als",
        loss="squared_hinge",
        class_tensors="separate",
        feature_map=FIXED,
        alpha=1e-2,
        max_iter=2,
    ),
    HTClassifier(
        solver="als", early_stopping=True, validation_fraction=0.3, alpha=1e-3, feature_map=FIXED
    ),
    CPClassifier(feature_map={0: FIXED}, penalty="start", alpha=1e-3, max_iter=15),
    HTRegressor(feature_map=FourierMap(scale=1.0), alpha=1e-2, max_iter=3),
    TTRegressor(loss="huber", feature_map=FIXED, alpha=1e-2, max_iter=3),
    HTRegressor(loss="poisson", feature_map=FIXED, alpha=1e-3, max_iter=15),
    CPRegressor(loss="gamma", feature_map=FIXED, alpha=1e-3, max_iter=5),
    TTRegressor(loss="absolute_error", feature_map=FIXED, alpha=1e-3, max_iter=4),
    HTRegressor(
        loss="quantile", quantile=0.4, solver="lbfgs", feature_map=FIXED, alpha=1e-3, max_iter=15
    ),
    CPRegressor(output_tensors="separate", feature_map="affine", max_iter=15),
    TTRegressor(solver="als", feature_map=QuantileMap(scale=1.0), alpha=1e-2, max_iter=3),
    CPRegressor(solver="als", feature_map=FIXED, alpha=1e-2, max_iter=3),
    HTRegressor(solver="als", loss="huber", feature_map=FIXED, alpha=1e-2, max_iter=3),
    HTRegressor(solver=FULL_BATCH, early_stopping=True, validation_fraction=0.3),
    CPClassifier(product="max", rank=16, max_iter=15),
    TTClassifier(product="logaddexp", rank=3, penalty="start", alpha=1e-3, max_iter=15),
    HTRegressor(product="add", rank=4, penalty="start", max_iter=15),
    TTRegressor(product="hypot", feature_map="affine", rank=3, penalty="start", max_iter=15),
    HTClassifier(product="max", class_tensors="separate", rank=2, max_iter=15),
    TTClassifier(shared_cores=True, feature_map=PolynomialMap(), alpha=1e-3, max_iter=15),
    TTClassifier(
        shared_cores=True,
        rank=2,
        feature_map=PolynomialMap(),
        solver=Spectral(route="hankel", n_starts=1),
        max_iter=8,
    ),
    TTRegressor(
        shared_cores=True,
        rank=8,
        feature_map=PolynomialMap(),
        solver=Spectral(n_starts=1),
        max_iter=20,
    ),
    TTClassifier(
        patches=SequencePatches(1),
        augment=[Jitter(0.01), RandomScaling(0.01)],
        n_views=3,
        solver=Adam(5e-2, batch_size=20),
        max_iter=15,
    ),
    HTRegressor(
        patches=SequencePatches(1),
        augment=[RandomScaling(0.01)],
        n_views=2,
        feature_map=PolynomialMap(),
        solver=Adam(5e-2, batch_size=20),
        max_iter=15,
    ),
]


FIT = {"solver", "feature_map", "loss", "product", "penalty", "early_stopping", "n_jobs"}
FIT |= {"class_tensors", "output_tensors", "shared_cores", "augment", "n_views"}
INPUT = {"solver", "feature_map", "n_jobs"}
PREDICTION = {"feature_map", "product", "loss", "class_tensors", "output_tensors", "shared_cores"}
PREDICTION |= {"n_views"}
CLASS_WEIGHTS = {"feature_map", "loss", "product", "class_tensors", "shared_cores", "augment"}

# On which parameters the outcome of a check may depend. All other checks try what happens to X, y,
# weights and parameters before the fit, or after it, and is the same whatever is fitted.
CHECKS_OF_CONFIGURATIONS = {
    # A fit leaves alone what it is given, is the same again, and survives a file.
    "check_estimators_overwrite_params": INPUT,
    "check_readonly_memmap_input": INPUT,
    "check_sample_weights_not_overwritten": INPUT,
    "check_dict_unchanged": PREDICTION,
    "check_fit_idempotent": FIT | {"rank", "max_iter"},
    "check_estimators_pickle": PREDICTION,
    # Memory order and dtypes, and what of other samples a prediction depends on.
    "check_estimators_dtypes": FIT,
    "check_f_contiguous_array_estimator": INPUT,
    "check_methods_sample_order_invariance": PREDICTION,
    "check_methods_subset_invariance": PREDICTION,
    # It learns, counts its iterations, and scores rank as probabilities do.
    "check_classifiers_train(readonly_memmap=True,X_dtype=float32)": FIT,
    "check_regressors_train(readonly_memmap=True,X_dtype=float32)": FIT,
    "check_regressor_multioutput": FIT,
    "check_non_transformer_estimators_n_iter": FIT,
    "check_decision_proba_consistency": PREDICTION,
    # Weights.
    "check_sample_weight_equivalence_on_dense_data": FIT,
    # It takes a thousand iterations, and class weights are weights of samples to all that follows.
    "check_class_weight_classifiers": CLASS_WEIGHTS,
    # Data of one sample, one column or one class.
    "check_fit2d_1sample": FIT,
    "check_fit2d_1feature": FIT,
    "check_classifiers_one_label": FIT,
    "check_classifiers_one_label_sample_weights": FIT,
}


def name_of(value):
    """The name of a check with its options, or an estimator as it is written."""
    if not isinstance(value, partial):
        return re.sub(r"\s", "", repr(value))
    options = ",".join(f"{name}={option}" for name, option in value.keywords.items())
    return value.func.__name__ + (options and f"({options})")


def choices(estimator, parameters):
    """What is not the default, and the format."""
    default = type(estimator)()
    found = {type(estimator).__name__}
    for name in parameters & set(default.get_params(deep=False)):
        value = getattr(estimator, name)
        if repr(value) != repr(getattr(default, name)):
            # Of a map the kind matters, of a solver its options too.
            kind = name == "feature_map" and not isinstance(value, str)
            found.add((name, type(value).__name__ if kind else repr(value)))
    return found


def covering(estimators, parameters, used):
    """Few of the estimators, with each choice of the parameters and each format among them.

    The least used ones, where several are as good.
    """
    of = {estimator: choices(estimator, parameters) for estimator in estimators}
    missing = set().union(*of.values())
    while missing:
        best = max(of, key=lambda estimator: (len(of[estimator] & missing), -used[estimator]))
        missing -= of[best]
        yield best


def checks_of_configurations():
    """The pairs, each check on as few configurations as have every choice it may depend on."""
    pairs = {}
    for estimator in CONFIGURATIONS:
        for one in estimator_checks_generator(
            estimator, expected_failed_checks=expected_failures(estimator), mark="xfail"
        ):
            _, check = getattr(one, "values", one)
            if name_of(check) in CHECKS_OF_CONFIGURATIONS:
                pairs.setdefault(name_of(check), {})[estimator] = one
    used = Counter()
    for name, by_estimator in pairs.items():
        for estimator in covering(by_estimator, CHECKS_OF_CONFIGURATIONS[name], used):
            used[estimator] += 1
            yield by_estimator[estimator]


def expected_failures(estimator):
    if estimator.loss in ("poisson", "gamma"):
        return {"check_regressor_multioutput": "its targets are negative"}
    if estimator.shared_cores:
        return {"check_n_features_in_after_fitting": "equal cores read samples of any length"}
    if estimator.early_stopping or estimator.augment:
        return {"check_sample_weight_equivalence_on_dense_data": "rows are drawn at random"}
    return {}


def test_all_checks_of_configurations_exist():
    checks = {check for one in DEFAULTS for _, check in estimator_checks_generator(one)}
    assert {name_of(check) for check in checks} >= set(CHECKS_OF_CONFIGURATIONS)


def test_every_configuration_is_checked():
    checked = {id(getattr(one, "values", one)[0]) for one in checks_of_configurations()}
    assert len(checked) == len(CONFIGURATIONS)


def checks_of_defaults():
    """Every check on all six: in turn on a classifier and a regressor as they are, else quick."""
    turn = {}
    for place, estimator in enumerate(DEFAULTS):
        quick = clone(estimator).set_params(**QUICK)
        for (one, check), (other, _) in zip(
            estimator_checks_generator(estimator), estimator_checks_generator(quick)
        ):
            format_in_turn = turn.setdefault(name_of(check), (1 + len(turn)) % 3)
            yield one if place % 3 == format_in_turn else other, check


@pytest.mark.parametrize(("estimator", "check"), list(checks_of_defaults()), ids=name_of)
def test_default_instance_passes(estimator, check):
    check(estimator)


@pytest.mark.parametrize(("estimator", "check"), list(checks_of_configurations()), ids=name_of)
def test_configuration_passes(estimator, check):
    check(estimator)


@pytest.mark.parametrize("estimator", DEFAULTS, ids=repr)
@pytest.mark.parametrize(
    "check",
    [
        check_param_validation,
        check_dataframe_column_names_consistency,
        check_inplace_ensure_writeable,
    ],
    ids=lambda check: check.__name__,
)
def test_passes_checks_that_third_parties_are_not_given(estimator, check):
    check(type(estimator).__name__, clone(estimator).set_params(**QUICK))


@pytest.mark.parametrize("estimator", DEFAULTS, ids=repr)
def test_html_and_dir_work_before_and_after_fit(estimator):
    X, y = load_iris(return_X_y=True)
    estimator = clone(estimator).set_params(**QUICK)
    for _ in range(2):
        assert type(estimator).__name__ in estimator._repr_html_()
        assert {"rank", "fit"} <= set(dir(estimator))
        estimator.fit(X, y)
    assert "network_" in dir(estimator)
