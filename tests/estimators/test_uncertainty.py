"""Deviations and intervals of the regressors: against dense linear models, refits and new data."""

import pickle
import re
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest
from sklearn.base import clone

from sktensornet import CPRegressor, HTRegressor, TTRegressor
from sktensornet._fitting._noise import log_variance
from sktensornet._fitting._uncertainty import Remembered
from sktensornet._problems._model import Model
from sktensornet.feature_maps import OneHotMap, PolynomialMap, SplineMap

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

FORMATS = [TTRegressor, HTRegressor, CPRegressor]
each_format = pytest.mark.parametrize("Format", FORMATS, ids=lambda Format: Format.__name__)
LINE = {"feature_map": PolynomialMap(scale=1.0), "alpha": 1e-2, "random_state": 0}


def noisy(n=300, seed=0, **noise):
    """A product of two columns, with a noise that a third one sets."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, (n, 3))
    deviation = np.where(X[:, 2] > 0, noise.get("above", 0.2), noise.get("below", 0.2))
    return X, X[:, 0] * X[:, 1] + deviation * rng.standard_normal(n)


def uncertainty_of(reg):
    return reg._uncertainty("a test")


def dense(reg, X):
    """Features of the one site, in which the penalty is the squared norm."""
    return np.asarray(reg.feature_map_.transform(reg.patches_.extract(X))[0])


class TestOneCore:
    """A model of one core is linear: Bayesian linear regression is exact."""

    @pytest.fixture
    def line(self):
        rng = np.random.default_rng(0)
        x = rng.standard_normal((40, 1))
        y = 5 + 3 * x[:, 0] + rng.standard_normal(40)
        return x, y

    @pytest.mark.parametrize("weighted", [False, True])
    def test_variance_is_that_of_a_bayesian_linear_model(self, line, weighted):
        x, y = line
        weight = np.arange(40) % 3 if weighted else None
        reg = TTRegressor(rank=1, **LINE).fit(x, y, sample_weight=weight)
        w = np.ones(40) if weight is None else weight
        z = dense(reg, x)
        precision = z.T @ (w[:, None] * z) + 1e-2 * w.sum() * np.eye(2)
        inverse = np.linalg.inv(precision)
        leverage = np.einsum("np,pq,nq->n", z, inverse, z)
        residual = (y - reg.predict(x)) / (1 - leverage)
        known = leverage / (1 - leverage)
        noise = np.average(residual**2 / (1 + known), weights=w)
        new = np.linspace(-5, 5, 7)[:, None]
        at = dense(reg, new)
        expected = np.sqrt(1 + np.einsum("np,pq,nq->n", at, inverse, at))
        found = reg.predict(new, return_std=True)[1]
        np.testing.assert_allclose(found / found[3], expected / expected[3], rtol=1e-6)
        # The scale is by residuals that the variance of the other folds has divided.
        assert found[3] / expected[3] == pytest.approx(np.sqrt(noise), rel=0.1)

    def test_a_column_of_many_categories_has_its_posterior(self):
        rng = np.random.default_rng(0)
        x = rng.integers(0, 80, (400, 1)).astype(float)
        y = np.sin(x[:, 0]) + 0.3 * rng.standard_normal(400)
        reg = TTRegressor(rank=1, feature_map=OneHotMap(1.0), alpha=1e-2, random_state=0)
        reg.fit(x, y)
        assert reg.feature_map_.indexed_sites
        z = dense(reg, x)
        inverse = np.linalg.inv(z.T @ z + 4 * np.eye(81))
        variance = np.einsum("np,pq,nq->n", z, inverse, z)
        found = uncertainty_of(reg)._posteriors[0].variance(x)
        np.testing.assert_allclose(found, variance, rtol=1e-6)
        assert np.ptp(reg.predict(x, return_std=True)[1]) > 0

    def test_residuals_are_those_of_samples_left_out(self, line):
        x, y = line
        x, y = x[:12], y[:12]
        reg = TTRegressor(rank=1, **LINE).fit(x, y)
        z = dense(reg, x)
        t = (y - reg.target_mean_) / reg.target_scale_
        left_out = np.empty(12)
        for k in range(12):
            rest = np.arange(12) != k
            # The penalty stays that of twelve samples.
            normal = z[rest].T @ z[rest] + 12 * 1e-2 * np.eye(2)
            left_out[k] = t[k] - z[k] @ np.linalg.solve(normal, z[rest].T @ t[rest])
        ratio = np.sort(uncertainty_of(reg)._scores[0][0])
        leverage = np.einsum("np,pq,nq->n", z, np.linalg.inv(z.T @ z + 0.12 * np.eye(2)), z)
        square = left_out**2 * (1 - leverage)
        folds = np.arange(12)
        order = [np.flatnonzero(np.isclose(reg._remembered.train.y[k, 0], t))[0] for k in folds]
        square, left_out, leverage = square[order], left_out[order], leverage[order]
        others = [square[folds % 5 != k % 5].mean() for k in folds]
        expected = np.abs(left_out) * np.sqrt((1 - leverage) / others)
        np.testing.assert_allclose(np.sort(expected), ratio, rtol=1e-5)


@each_format
def test_posterior_is_like_refits_on_bootstrap_samples(Format):
    X, y = noisy(150)
    reg = Format(rank=2, max_iter=6, **LINE)
    new = np.random.default_rng(1).uniform(-1.5, 1.5, (60, 3))
    rng = np.random.default_rng(2)
    predictions = []
    for _ in range(25):
        rows = rng.integers(150, size=150)
        predictions.append(clone(reg).fit(X[rows], y[rows]).predict(new))
    spread = np.std(predictions, axis=0)
    reg.fit(X, y)
    posterior = uncertainty_of(reg)._posteriors[0].variance(new.astype(reg.network_.dtype))
    noise = reg.predict(new, return_std=True)[1] / np.sqrt(1 + posterior)
    found = noise * np.sqrt(posterior)
    assert np.corrcoef(np.log(found), np.log(spread))[0, 1] > 0.6
    assert 0.5 < np.median(found / spread) < 2.5


def test_noise_may_depend_on_a_column():
    X, y = noisy(600, above=0.6, below=0.05)
    reg = TTRegressor(rank=3, feature_map=SplineMap(scale=0.3), alpha=1e-3, random_state=0)
    reg.fit(X, y)
    new = np.array([[0.1, 0.1, -0.6], [0.1, 0.1, 0.6]])
    std = reg.predict(new, return_std=True)[1]
    np.testing.assert_allclose(std, [0.05, 0.6], rtol=0.4)


@each_format
def test_intervals_cover_new_targets(Format):
    X, y = noisy(300, above=0.4, below=0.1)
    reg = Format(rank=3, feature_map=SplineMap(scale=0.3), alpha=1e-3, random_state=0).fit(X, y)
    new, target = noisy(1000, seed=1, above=0.4, below=0.1)
    for coverage in (0.5, 0.9):
        lower, upper = reg.predict_interval(new, coverage).T
        assert np.mean((lower <= target) & (target <= upper)) == pytest.approx(coverage, abs=0.07)
        predicted, std = reg.predict(new, return_std=True)
        np.testing.assert_allclose(lower + upper, 2 * predicted, atol=1e-9)
        shares = [(upper - lower) / std**power for power in (1, 0.5, 0)]
        assert min(np.ptp(share) / share.mean() for share in shares) < 1e-9


def test_intervals_take_the_power_of_the_deviation_of_the_least_width():
    # One row in twenty has nearly all of the noise.
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (800, 1))
    noise = np.where(X[:, 0] > 0.9, 3.0, 0.01)
    reg = TTRegressor(rank=1, feature_map=SplineMap(scale=1.0), alpha=1e-3, random_state=0)
    reg.fit(X, noise * rng.standard_normal(800))
    lower, upper = reg.predict_interval(X, 0.9).T
    std = reg.predict(X, return_std=True)[1]
    known = uncertainty_of(reg)
    ratio, own, _ = known._scores[0]
    widths = {}
    for power in (1, 0.5, 0):
        score = np.sort(ratio * own / own**power)[int(np.ceil(0.9 * 801)) - 1]
        widths[power] = score * np.mean(own**power)
    assert min(widths, key=widths.get) < 1
    power = min(widths, key=widths.get)
    share = (upper - lower) / std**power
    assert np.ptp(share) / share.mean() < 1e-9


def test_held_out_samples_of_early_stopping_are_plain_residuals():
    X, y = noisy(400)
    reg = TTRegressor(rank=2, early_stopping=True, validation_fraction=0.3, **LINE).fit(X, y)
    held = reg._remembered.held
    assert len(held) == 120
    scores = (reg.predict(held.X) - reg.target_mean_) / reg.target_scale_
    ratio = np.sort(uncertainty_of(reg)._scores[0][0])
    residual = np.sort(np.abs(held.y[:, 0] - scores))
    assert np.corrcoef(ratio, residual)[0, 1] > 0.99
    # A number of residuals too small for what is asked covers only if it covers all.
    assert np.isinf(reg.predict_interval(X, 0.999)).all()


@pytest.mark.parametrize("output_tensors", ["joint", "separate"])
def test_several_outputs(output_tensors):
    X, y = noisy(200)
    Y = np.column_stack([y, 100 * y + 7, X[:, 0]])
    reg = TTRegressor(rank=4, output_tensors=output_tensors, **LINE).fit(X, Y)
    predicted, std = reg.predict(X[:5], return_std=True)
    assert predicted.shape == std.shape == (5, 3)
    np.testing.assert_array_equal(predicted, reg.predict(X[:5]))
    np.testing.assert_allclose(std[:, 1], 100 * std[:, 0], rtol=0.05)
    assert std[:, 2].max() < 0.5 * std[:, 0].min()
    intervals = reg.predict_interval(X[:5])
    assert intervals.shape == (5, 3, 2)
    assert (intervals[..., 0] < predicted).all()
    assert (intervals[..., 1] > predicted).all()


def test_units_of_the_target_do_not_matter():
    X, y = noisy(200)
    a = TTRegressor(rank=2, **LINE).fit(X, y).predict(X[:5], return_std=True)[1]
    b = TTRegressor(rank=2, **LINE).fit(X, 1e6 * y - 1e9).predict(X[:5], return_std=True)[1]
    np.testing.assert_allclose(b, 1e6 * a, rtol=1e-4)


def test_weights_are_repetitions():
    X, y = noisy(80)
    weight = np.random.default_rng(0).integers(0, 4, 80)
    reg = TTRegressor(rank=2, **LINE)
    a = reg.fit(X, y, sample_weight=weight).predict(X, return_std=True)[1]
    b = reg.fit(np.repeat(X, weight, axis=0), np.repeat(y, weight)).predict(X, return_std=True)[1]
    np.testing.assert_allclose(a, b, rtol=1e-6)


def test_a_file_and_a_smaller_network_know_it_too():
    X, y = noisy(200)
    reg = TTRegressor(rank=3, **LINE).fit(X, y)
    expected = reg.predict(X[:9], return_std=True)[1]
    saved = pickle.dumps(reg)
    assert len(saved) < len(pickle.dumps(TTRegressor(rank=3, **LINE).fit(X, y))) + 100
    np.testing.assert_array_equal(pickle.loads(saved).predict(X[:9], return_std=True)[1], expected)
    small = reg.compress(rank=2, X=X, y=y).predict(X[:9], return_std=True)[1]
    np.testing.assert_allclose(small, expected, rtol=0.2)
    assert isinstance(reg._remembered, Remembered)


def test_float32_stays_float32():
    X, y = noisy(100)
    X = X.astype(np.float32)
    reg = TTRegressor(rank=2, loss="huber", **LINE).fit(X, y)
    assert [one.dtype for one in reg.predict(X, return_std=True)] == [np.float32] * 2
    assert reg.predict_interval(X).dtype == np.float32


def test_dask_arrays_are_predicted_by_block():
    da = pytest.importorskip("dask.array")
    X, y = noisy(60)
    reg = TTRegressor(rank=2, **LINE).fit(X, y)
    blocks = da.from_array(X, chunks=(25, 3))
    for found, expected in zip(
        reg.predict(blocks, return_std=True), reg.predict(X, return_std=True), strict=True
    ):
        np.testing.assert_allclose(found.compute(), expected, rtol=1e-12)
    np.testing.assert_allclose(
        reg.predict_interval(blocks).compute(), reg.predict_interval(X), rtol=1e-12
    )
    with pytest.raises(ValueError, match="a dask array X, whose rows are not kept; fit an array"):
        TTRegressor(rank=2, **LINE).fit(blocks, y).predict(X, return_std=True)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"loss": "poisson"}, "loss='poisson' has not; use loss='squared_error'"),
        ({"loss": "quantile"}, "loss='quantile' has not"),
        ({"alpha": 0.0, "feature_map": "polynomial"}, "alpha=0.*use early_stopping=True"),
        ({"feature_map": "affine"}, "a trained feature map.*use early_stopping=True"),
        ({"product": "max", "alpha": 0.0}, "product='max'.*use early_stopping=True"),
        ({"shared_cores": True, "solver": "lbfgs"}, "shared_cores=True"),
        ({"penalty": "start", "solver": "lbfgs"}, "penalty='start'"),
    ],
)
def test_without_left_out_residuals_it_says_what_to_do(parameters, message):
    X, y = noisy(60)
    reg = TTRegressor(rank=2, max_iter=2, **(LINE | parameters)).fit(X, np.abs(y))
    for ask in (lambda: reg.predict(X, return_std=True), lambda: reg.predict_interval(X)):
        with pytest.raises(ValueError, match=message):
            ask()
    if "early_stopping" in message:
        reg.set_params(early_stopping=True).fit(X, y)
        assert reg.predict(X, return_std=True)[1].min() > 0


def test_mapie_takes_our_regressors_as_the_guide_says():
    pytest.importorskip("mapie")
    page = Path(__file__).parents[2] / "docs" / "guide" / "uncertainty.md"
    example = page.read_text().partition("## MAPIE")[2].partition("## ")[0]
    code = dedent(re.search(r"(\n    .*|\n(?=\n    ))+", example).group())
    X, y = noisy(400)
    names = {"X": X[:200], "y": y[:200], "X_new": X[200:], "TTRegressor": TTRegressor}
    exec(code, names)
    lower, upper = names["intervals"][..., 0].T
    assert np.mean((lower <= y[200:]) & (y[200:] <= upper)) == pytest.approx(0.9, abs=0.07)


def test_after_partial_fit_there_is_none():
    X, y = noisy(60)
    reg = TTRegressor(rank=2, solver="adam", **LINE).fit(X, y).partial_fit(X, y)
    with pytest.raises(ValueError, match="partial_fit"):
        reg.predict(X, return_std=True)


@pytest.mark.parametrize("coverage", [0, 1, 1.5, "most"])
def test_coverage_is_a_share(coverage):
    X, y = noisy(30)
    with pytest.raises(ValueError, match="coverage"):
        TTRegressor(rank=1, **LINE).fit(X, y).predict_interval(X, coverage)


class TestLogVariance:
    def test_finds_what_was_planted(self):
        rng = np.random.default_rng(0)
        z = rng.standard_normal((4000, 3))
        truth = z @ [1.0, -0.5, 0.0] - 2
        log, held = log_variance(z, np.exp(truth) * rng.standard_normal(4000) ** 2, np.ones(4000))
        assert np.abs(log(z) - truth).mean() < 0.1
        assert np.abs(held - truth).mean() < 0.1

    def test_is_constant_where_nothing_is_to_be_said(self):
        rng = np.random.default_rng(0)
        squares = rng.standard_normal(200) ** 2
        log, _ = log_variance(rng.standard_normal((200, 30)), squares, np.ones(200))
        np.testing.assert_allclose(log(np.zeros((2, 30))), np.log(squares.mean()))

    def test_residuals_of_zero_are_no_infinite_certainty(self):
        log, held = log_variance(np.zeros((60, 1)), np.zeros(60), np.ones(60))
        assert np.isfinite(log(np.zeros((1, 1)))).all()
        assert np.isfinite(held).all()


def test_features_out_of_range_are_named(monkeypatch):
    X, y = noisy(40)
    reg = TTRegressor(rank=2, **LINE).fit(X, y)
    with monkeypatch.context() as patch:
        patch.setattr(
            Model, "features", lambda self, X, dense=False: [np.full((len(X), 2), 1e200)] * 3
        )
        with pytest.raises(ValueError, match="of 3 sites leave the range of floats"):
            reg.predict(X, return_std=True)
    wide = TTRegressor(rank=1, feature_map=PolynomialMap(scale=1e3), alpha=1e-3, max_iter=1)
    X = np.random.default_rng(0).standard_normal((40, 120))
    assert np.isfinite(wide.fit(X, X[:, 0]).predict(X, return_std=True)[1]).all()
