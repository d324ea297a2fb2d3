"""The regressors: known optima, scaling of targets, outputs, losses."""

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_diabetes, make_regression
from sklearn.linear_model import (
    GammaRegressor,
    HuberRegressor,
    PoissonRegressor,
    QuantileRegressor,
    Ridge,
)
from sklearn.metrics import mean_poisson_deviance
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sktensornet import CPRegressor, HTRegressor, TTRegressor
from sktensornet.feature_maps import PolynomialMap

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

QUICK = {
    "feature_map": PolynomialMap(scale=1.0), "alpha": 1e-3, "max_iter": 3, "random_state": 0,
}  # fmt: skip
FORMATS = [TTRegressor, HTRegressor, CPRegressor]
each_format = pytest.mark.parametrize("Format", FORMATS, ids=lambda Format: Format.__name__)
each_solver = pytest.mark.parametrize("solver", ["als", "lbfgs"])


@pytest.fixture(scope="module")
def product():
    """A product of three columns: rank one, order three."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 4))
    return X, 50 + 7 * X[:, 0] * X[:, 1] * X[:, 3]


@each_format
@each_solver
def test_finds_a_product(Format, solver, product):
    X, y = product
    reg = Format(rank=4, solver=solver, feature_map=PolynomialMap(scale=1.0), alpha=1e-7, tol=1e-9)
    assert reg.set_params(random_state=0).fit(X, y).score(X, y) > 0.999


@each_solver
def test_one_column_is_ridge_regression(solver):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((80, 1))
    y = 3 * x[:, 0] + rng.standard_normal(80) + 10
    weight = rng.random(80)
    reg = TTRegressor(rank=1, solver=solver, alpha=0.3, tol=1e-12, feature_map="polynomial")
    reg.fit(x, y, sample_weight=weight)
    target = (y - reg.target_mean_) / reg.target_scale_
    z = reg.feature_map_.transform(x.T[:, :, None])[0]
    ridge = Ridge(alpha=0.3 * weight.sum(), fit_intercept=False)
    ridge.fit(z, target, sample_weight=weight)
    np.testing.assert_allclose(
        reg.predict(x), ridge.predict(z) * reg.target_scale_ + reg.target_mean_, rtol=1e-4
    )


@each_solver
@pytest.mark.parametrize("loss", ["squared_error", "huber"])
def test_units_of_the_target_do_not_matter(solver, loss):
    X, y = make_regression(60, 4, noise=5, random_state=0)
    a = TTRegressor(rank=2, solver=solver, loss=loss, max_iter=3, random_state=0)
    b = clone(a.set_params(feature_map=PolynomialMap(scale=1.0), alpha=1e-3)).fit(X, 1e6 * y - 1e9)
    a.fit(X, y)
    np.testing.assert_allclose(b.predict(X), 1e6 * a.predict(X) - 1e9, rtol=1e-7)


@each_format
def test_huber_is_robust(Format, product):
    X, y = product
    spoilt = y.copy()
    spoilt[:15] += 1000
    scores = {}
    for loss in ("squared_error", "huber"):
        reg = Format(rank=2, solver="als", loss=loss, huber_epsilon=0.1, alpha=1e-4, max_iter=30)
        reg.set_params(feature_map=PolynomialMap(scale=1.0), random_state=0)
        scores[loss] = reg.fit(X, spoilt).score(X[15:], y[15:])
    assert scores["huber"] > 0.9 > scores["squared_error"]


@each_solver
def test_huber_of_one_column_is_scikit_learns(solver):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((200, 1))
    y = 2 * x[:, 0] + 0.1 * rng.standard_t(2, 200)
    y = (y - y.mean()) / y.std()
    reference = HuberRegressor(epsilon=1.35, alpha=0.0, tol=1e-9).fit(x, y)
    epsilon = 1.35 * reference.scale_
    reg = TTRegressor(rank=1, solver=solver, loss="huber", huber_epsilon=epsilon, alpha=0.0)
    reg.set_params(tol=1e-10, max_iter=500, feature_map="polynomial", random_state=1).fit(x, y)
    inside = np.abs(x[:, 0]) < 2.5
    np.testing.assert_allclose(reg.predict(x)[inside], reference.predict(x)[inside], atol=1e-3)


def test_poisson_of_one_column_is_scikit_learns():
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (300, 1))
    y = rng.poisson(np.exp(1 + 1.5 * x[:, 0]))
    reference = PoissonRegressor(alpha=0.0, tol=1e-9).fit(x, y)
    reg = TTRegressor(rank=1, loss="poisson", alpha=0.0, tol=1e-10, feature_map="polynomial")
    reg.fit(x, y)
    np.testing.assert_allclose(reg.predict(x), reference.predict(x), rtol=1e-4)
    assert reg.target_mean_ == 0
    assert reg.target_scale_ == pytest.approx(y.mean())


@each_solver
def test_gamma_of_one_column_is_scikit_learns(solver):
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (300, 1))
    y = rng.gamma(2.0, np.exp(1 + 1.5 * x[:, 0]) / 2)
    reference = GammaRegressor(alpha=0.0, tol=1e-9).fit(x, y)
    reg = TTRegressor(rank=1, loss="gamma", alpha=0.0, tol=1e-10, feature_map="polynomial")
    reg.set_params(solver=solver, max_iter=100).fit(x, y)
    np.testing.assert_allclose(reg.predict(x), reference.predict(x), rtol=1e-4)


@each_solver
@pytest.mark.parametrize("quantile", [None, 0.9])
def test_quantile_of_one_column_is_scikit_learns(solver, quantile):
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (400, 1))
    y = 3 * x[:, 0] + (1 + x[:, 0]) * rng.standard_t(3, 400)
    reference = QuantileRegressor(quantile=quantile or 0.5, alpha=0.0).fit(x, y)
    asked = {"loss": "quantile", "quantile": quantile} if quantile else {"loss": "absolute_error"}
    reg = TTRegressor(rank=1, alpha=0.0, tol=1e-9, feature_map="polynomial", **asked)
    reg.set_params(solver=solver, max_iter=500).fit(x, y)
    np.testing.assert_allclose(reg.predict(x), reference.predict(x), atol=0.03 * y.std())
    assert np.mean(y <= reg.predict(x)) == pytest.approx(quantile or 0.5, abs=0.02)


def test_the_median_is_robust(product):
    X, y = product
    spoilt = y.copy()
    spoilt[:15] += 1000
    reg = TTRegressor(rank=2, loss="absolute_error", alpha=1e-4, max_iter=30, random_state=0)
    reg.set_params(feature_map=PolynomialMap(scale=1.0))
    assert reg.fit(X, spoilt).score(X[15:], y[15:]) > 0.9


def test_early_stopping_of_a_quantile_goes_by_its_loss():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((600, 2))
    y = X[:, 0] + rng.standard_normal(600)
    reg = TTRegressor(rank=2, loss="quantile", quantile=0.95, early_stopping=True, max_iter=5)
    reg.set_params(feature_map=PolynomialMap(scale=1.0), alpha=1e-3, validation_fraction=0.5)
    # R2 of an upper bound is negative here.
    assert max(reg.set_params(random_state=0).fit(X, y).validation_scores_) > 0.1 > reg.score(X, y)


@pytest.mark.filterwarnings("error::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("solver", ["auto", "lbfgs"])
def test_poisson_of_large_counts_is_as_good_as_generalized_linear(solver):
    X, y = load_diabetes(return_X_y=True)
    reference = make_pipeline(StandardScaler(), PoissonRegressor(alpha=1.0)).fit(X[:300], y[:300])
    reg = TTRegressor(rank=4, loss="poisson", solver=solver, random_state=0).fit(X[:300], y[:300])
    expected = mean_poisson_deviance(y[300:], reference.predict(X[300:]))
    assert mean_poisson_deviance(y[300:], reg.predict(X[300:])) < 1.03 * expected


@pytest.mark.parametrize("solver", ["auto", "lbfgs"])
@pytest.mark.parametrize("unit", [2.0**-14, 2.0**14])
def test_units_do_not_count_for_poisson(unit, solver):
    x = np.random.default_rng(0).standard_normal((200, 2))
    y = np.exp(x[:, 0])
    reg = TTRegressor(rank=2, loss="poisson", solver=solver, random_state=0)
    expected = reg.fit(x, y).predict(x)
    assert reg.score(x, y) > 0.99
    np.testing.assert_allclose(reg.fit(x, unit * y).predict(x), unit * expected, rtol=1e-6)


def test_poisson_predictions_are_positive():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 3))
    y = rng.poisson(np.exp(0.5 * X[:, 0] * X[:, 1]))
    reg = HTRegressor(rank=3, loss="poisson", random_state=0).fit(X, y)
    assert reg.predict(10 * X).min() > 0


@pytest.mark.parametrize(
    ("parameters", "y", "message"),
    [
        ({"loss": "poisson"}, -1.0, r"loss='poisson' needs y >= 0, but y has a minimum of -1"),
        ({"loss": "poisson"}, 0.0, "needs a positive mean of each output"),
        ({"huber_epsilon": 0.0}, 1.0, "huber_epsilon"),
        ({"output_tensors": "both"}, 1.0, "output_tensors"),
        ({"loss": "gamma"}, 0.0, r"loss='gamma' needs y > 0, but y has a minimum of 0"),
        ({"loss": "quantile", "quantile": 1.0}, 1.0, "quantile"),
        ({"loss": "absolute"}, 1.0, "loss"),
        ({"early_stopping": True}, 1.0, r"validation_fraction=0\.1 needs at least two"),
    ],
)
def test_what_cannot_be_honoured_raises(parameters, y, message):
    X = np.random.default_rng(0).standard_normal((8, 2))
    with pytest.raises(ValueError, match=message):
        TTRegressor(**parameters).fit(X, np.full(8, y))


@each_format
@pytest.mark.parametrize(("solver", "output_tensors"), [("als", "separate"), ("lbfgs", "joint")])
def test_several_outputs(Format, solver, output_tensors, product):
    X, y = product
    Y = np.column_stack([y, -3 * y + 2, X[:, 2]])
    reg = Format(
        rank=6,
        feature_map=PolynomialMap(scale=1.0),
        solver=solver,
        output_tensors=output_tensors,
        alpha=1e-7,
        tol=1e-9,
        random_state=0,
    )
    reg.fit(X, Y)
    assert reg.predict(X).shape == (300, 3)
    assert reg.score(X, Y) > 0.99
    assert reg.network_.n_outputs == 3
    assert reg.network_.batched == (output_tensors == "separate")


def test_separate_outputs_are_separate_fits(product):
    X, y = product
    Y = np.column_stack([y, X[:, 2]])
    options = {"rank": 2, "feature_map": PolynomialMap(scale=1.0), "alpha": 1e-2, "tol": 1e-12}
    options |= {"solver": "als", "max_iter": 30}
    both = TTRegressor(output_tensors="separate", random_state=0, **options).fit(X, Y)
    for k in range(2):
        one = TTRegressor(random_state=0, **options).fit(X, Y[:, k])
        np.testing.assert_allclose(both.predict(X)[:, k], one.predict(X), rtol=1e-3, atol=1e-3)


def test_shape_of_the_target_is_kept(product):
    X, y = product
    flat = TTRegressor(rank=2, **QUICK).fit(X, y)
    column = TTRegressor(rank=2, **QUICK).fit(X, y[:, None])
    assert flat.predict(X).shape == (300,)
    assert column.predict(X).shape == (300, 1)
    np.testing.assert_array_equal(flat.predict(X), column.predict(X)[:, 0])


@each_format
def test_float32_stays_float32(Format, product):
    X, y = product
    reg = Format(rank=2, **QUICK).fit(X.astype(np.float32), y)
    assert reg.predict(X.astype(np.float32)).dtype == np.float32
    assert reg.network_.dtype == np.float32
    assert reg.predict(X).dtype == np.float32


@each_solver
@pytest.mark.parametrize("loss", ["squared_error", "huber"])
def test_weight_is_repetition(solver, loss):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 3))
    y = X[:, 0] * X[:, 1] + 0.1 * rng.standard_normal(60)
    weight = rng.integers(0, 4, 60)
    reg = TTRegressor(rank=2, solver=solver, loss=loss, **QUICK)
    a = reg.fit(X, y, sample_weight=weight).predict(X)
    b = reg.fit(np.repeat(X, weight, axis=0), np.repeat(y, weight)).predict(X)
    np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-8)


def test_constant_targets():
    X = np.random.default_rng(0).standard_normal((20, 3))
    reg = TTRegressor(rank=2, solver="als").fit(X, np.full(20, 7.5))
    np.testing.assert_allclose(reg.predict(X), 7.5, rtol=1e-3)


@each_format
def test_warm_start_goes_on(Format, product):
    X, y = product
    reg = Format(rank=3, warm_start=True, solver="lbfgs", **QUICK).fit(X, y)
    before = reg.loss_curve_[-1]
    scaling = reg.target_mean_, reg.target_scale_
    reg.fit(X, y + 1)
    assert reg.loss_curve_[0] < 2 * before + 0.5
    assert (reg.target_mean_, reg.target_scale_) == scaling
    with pytest.raises(ValueError, match=r"y has shape \(300, 2\); it must be \(n_samples,\)"):
        reg.fit(X, np.column_stack([y, y]))


def test_early_stopping_keeps_the_best(product):
    X, y = product
    reg = TTRegressor(rank=8, early_stopping=True, validation_fraction=0.3, n_iter_no_change=5)
    reg.set_params(solver="lbfgs", alpha=0.0, random_state=0).fit(X, y)
    assert len(reg.validation_scores_) == reg.n_iter_
    assert max(reg.validation_scores_) > 0.5


def test_partial_fit_learns(product):
    X, y = product
    reg = HTRegressor(rank=4, solver="adam", alpha=0.0, random_state=0)
    for _ in range(25):
        for k in range(3):
            reg.partial_fit(X[k::3], y[k::3])
    assert reg.score(X, y) > 0.8
    with pytest.raises(ValueError, match="y has shape"):
        reg.partial_fit(X, np.column_stack([y, y]))


def test_partial_fit_needs_a_solver_of_batches():
    assert not hasattr(TTRegressor(solver="als"), "partial_fit")


@each_format
def test_compress_keeps_the_predictions(Format, product):
    X, y = product
    reg = Format(rank=6, feature_map=PolynomialMap(scale=1.0), solver="als", alpha=1e-6)
    reg.set_params(random_state=0).fit(X, y)
    small = reg.compress(rank=3, X=X, y=y)
    assert max(small.network_.ranks) <= 3
    assert small.score(X, y) > 0.99
    assert reg.compress(rank_tol=1e-8).score(X, y) == pytest.approx(reg.score(X, y), abs=1e-3)


def test_in_a_pipeline_and_a_grid():
    X, y = load_diabetes(return_X_y=True)
    reg = TTRegressor(solver="als", feature_map=PolynomialMap(scale=0.1), max_iter=2)
    pipe = make_pipeline(StandardScaler(), reg.set_params(random_state=0))
    grid = GridSearchCV(
        pipe, {"ttregressor__alpha": [1e-3, 1.0], "ttregressor__rank": [2]}, cv=3
    ).fit(X, y)
    assert grid.best_score_ > 0.4


def test_sample_weight_is_routed(product):
    X, y = product
    with config_context(enable_metadata_routing=True):
        reg = TTRegressor(rank=2, **QUICK).set_fit_request(sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        pipe = make_pipeline(scaler, reg)
        pipe.fit(X, y, sample_weight=np.arange(300) % 2)
    other = make_pipeline(StandardScaler(), TTRegressor(rank=2, **QUICK))
    other.fit(X, y, ttregressor__sample_weight=np.arange(300) % 2)
    np.testing.assert_array_equal(pipe.predict(X), other.predict(X))


def test_poisson_by_lbfgs_gets_past_huge_first_steps():
    rng = np.random.default_rng(1)
    X = rng.standard_normal((100, 8))
    y = rng.poisson(np.exp(X[:, 0]))
    reg = TTRegressor(
        feature_map=PolynomialMap(degree=4, scale=1.0),
        solver="lbfgs",
        loss="poisson",
        alpha=1e-4,
        random_state=0,
        max_iter=80,
    )
    assert reg.fit(X, y).score(X, y) > 0.5
    assert reg.loss_curve_[-1] < reg.loss_curve_[0] - 0.1
