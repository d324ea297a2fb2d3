"""scikit-learn's own checks, on the defaults and on many configurations."""

import re
from functools import partial

import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_inplace_ensure_writeable,
    check_param_validation,
    estimator_checks_generator,
    parametrize_with_checks,
)

from sktensornet import (
    CPClassifier,
    CPRegressor,
    HTClassifier,
    HTRegressor,
    TTClassifier,
    TTRegressor,
)
from sktensornet.feature_maps import AffineMap, PolynomialMap, SplineMap
from sktensornet.solvers import ALS, LBFGS, Adam

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

# Of a free scale alpha is not the only choice, which is what most of these are not about.
FIXED = SplineMap(scale=1.0)
CONFIGURATIONS = [
    TTClassifier(rank=1, solver="lbfgs", max_iter=15),
    TTClassifier(rank=2, feature_map=FIXED, alpha=1e-4, max_iter=3),
    HTClassifier(rank=3, tree="balanced", solver=LBFGS(memory=5), max_iter=15),
    CPClassifier(rank=40, feature_map=FIXED, alpha=1e-3, max_iter=3),
    TTClassifier(rank=20, feature_map=PolynomialMap(degree=2), alpha=1e-3, max_iter=3),
    HTClassifier(feature_map="trigonometric", max_iter=15),
    CPClassifier(feature_map=AffineMap(n_components=8, activation="tanh"), max_iter=15),
    TTClassifier(feature_map="one_hot", rank=2, max_iter=15),
    HTClassifier(loss="squared_error", feature_map=FIXED, alpha=1e-2, n_jobs=2, max_iter=3),
    TTClassifier(loss="squared_hinge", max_iter=3),
    HTClassifier(class_tensors="separate", rank=1, max_iter=3),
    CPClassifier(class_tensors="separate", loss="squared_error", rank=5, max_iter=3),
    TTClassifier(solver=FULL_BATCH, feature_map="affine", penalty="start", alpha=1e-3),
    CPClassifier(solver=Adam(2e-2, batch_size=14, dropout=0.05), rank=6, max_iter=10),
    HTClassifier(
        early_stopping=True, validation_fraction=0.3, feature_map=FIXED, alpha=1e-3, max_iter=3
    ),
    TTClassifier(solver="als", max_iter=3),
    CPClassifier(solver="als", loss="squared_error", rank=4, max_iter=2),
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
    HTClassifier(solver="als", early_stopping=True, validation_fraction=0.3, max_iter=3),
    TTClassifier(feature_map="spline", max_iter=3),
    CPClassifier(feature_map={0: "spline"}, alpha=1e-3, max_iter=3),
    HTRegressor(feature_map="fourier", alpha=1e-2, max_iter=3),
    TTRegressor(loss="huber", max_iter=3),
    HTRegressor(loss="poisson", max_iter=15),
    CPRegressor(loss="gamma", feature_map=FIXED, alpha=1e-3, max_iter=5),
    TTRegressor(loss="absolute_error", feature_map=FIXED, alpha=1e-3, max_iter=4),
    HTRegressor(
        loss="quantile", quantile=0.4, solver="lbfgs", feature_map=FIXED, alpha=1e-3, max_iter=15
    ),
    CPRegressor(output_tensors="separate", feature_map="affine", max_iter=15),
    TTRegressor(solver="als", feature_map="quantile", alpha=1e-2, max_iter=3),
    CPRegressor(solver="als", feature_map=FIXED, alpha=1e-2, max_iter=3),
    HTRegressor(solver="als", loss="huber", feature_map=FIXED, alpha=1e-2, max_iter=3),
    HTRegressor(solver=FULL_BATCH, early_stopping=True, validation_fraction=0.3),
    CPClassifier(product="max", rank=16, max_iter=15),
    TTClassifier(product="logaddexp", rank=3, penalty="start", alpha=1e-3, max_iter=15),
    HTRegressor(product="add", rank=4, penalty="start", max_iter=15),
    TTRegressor(product="hypot", feature_map="affine", rank=3, penalty="start", max_iter=15),
    HTClassifier(product="max", class_tensors="separate", rank=2, max_iter=15),
    TTClassifier(shared_cores=True, feature_map=PolynomialMap(), alpha=1e-3, max_iter=15),
]


# What these check may depend on solver, loss, map, product or dtype. All others try what happens
# to X, y, weights and parameters before the fit, or after it, and is the same whatever is fitted.
CHECKS_OF_CONFIGURATIONS = {
    # A fit leaves alone what it is given, is the same again, and survives a file.
    "check_estimators_overwrite_params",
    "check_readonly_memmap_input",
    "check_sample_weights_not_overwritten",
    "check_dict_unchanged",
    "check_fit_idempotent",
    "check_estimators_pickle",
    # Memory order and dtypes, and what of other samples a prediction depends on.
    "check_estimators_dtypes",
    "check_f_contiguous_array_estimator",
    "check_methods_sample_order_invariance",
    "check_methods_subset_invariance",
    # It learns, counts its iterations, and scores rank as probabilities do.
    "check_classifiers_train(readonly_memmap=True,X_dtype=float32)",
    "check_regressors_train(readonly_memmap=True,X_dtype=float32)",
    "check_regressor_multioutput",
    "check_non_transformer_estimators_n_iter",
    "check_decision_proba_consistency",
    # Weights.
    "check_sample_weight_equivalence_on_dense_data",
    "check_class_weight_classifiers",
    # Data of one sample, one column or one class.
    "check_fit2d_1sample",
    "check_fit2d_1feature",
    "check_classifiers_one_label",
    "check_classifiers_one_label_sample_weights",
}


def name_of(value):
    """The name of a check with its options, or an estimator as it is written."""
    if not isinstance(value, partial):
        return re.sub(r"\s", "", repr(value))
    options = ",".join(f"{name}={option}" for name, option in value.keywords.items())
    return value.func.__name__ + (options and f"({options})")


def checks_of_configurations():
    for estimator in CONFIGURATIONS:
        for one in estimator_checks_generator(
            estimator, expected_failed_checks=expected_failures(estimator), mark="xfail"
        ):
            _, check = getattr(one, "values", one)
            if name_of(check) in CHECKS_OF_CONFIGURATIONS:
                yield one


def expected_failures(estimator):
    if estimator.loss in ("poisson", "gamma"):
        return {"check_regressor_multioutput": "its targets are negative"}
    if estimator.early_stopping:
        return {"check_sample_weight_equivalence_on_dense_data": "rows are drawn at random"}
    return {}


def test_all_checks_of_configurations_exist():
    checks = {check for one in DEFAULTS for _, check in estimator_checks_generator(one)}
    assert {name_of(check) for check in checks} >= CHECKS_OF_CONFIGURATIONS


@parametrize_with_checks(DEFAULTS)
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
    check(type(estimator).__name__, clone(estimator).set_params(max_iter=20))


@pytest.mark.parametrize("estimator", DEFAULTS, ids=repr)
def test_html_and_dir_work_before_and_after_fit(estimator):
    X, y = load_iris(return_X_y=True)
    estimator = clone(estimator).set_params(max_iter=3)
    for _ in range(2):
        assert type(estimator).__name__ in estimator._repr_html_()
        assert {"rank", "fit"} <= set(dir(estimator))
        estimator.fit(X, y)
    assert "network_" in dir(estimator)
