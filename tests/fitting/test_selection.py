"""The automatic choice of alpha and scale: its kernel, its walk, its weights, its limits."""

import warnings
from concurrent.futures import Future
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_digits, load_iris, load_wine
from sklearn.linear_model import Ridge
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from sktensornet import (
    CPClassifier,
    CPRegressor,
    HTClassifier,
    HTRegressor,
    TTClassifier,
    TTRegressor,
)
from sktensornet._arrays._samples import in_observations, merged_rows
from sktensornet._data._samples import Samples
from sktensornet._fitting import _selection
from sktensornet._fitting._automatic import automatic_solver
from sktensornet._fitting._folds import deal
from sktensornet._fitting._leave_out import left_out_loss
from sktensornet._fitting._selection import Selection
from sktensornet._fitting._setting import Setting
from sktensornet._problems._model import Model
from sktensornet.feature_maps import PolynomialMap, SplineMap, TrigonometricMap
from sktensornet.networks import tensor_train
from sktensornet.patches import ImagePatches, SingleColumns
from sktensornet.solvers import Adam

FORMATS = [TTClassifier, HTClassifier, CPClassifier, TTRegressor, HTRegressor, CPRegressor]
each_format = pytest.mark.parametrize("Format", FORMATS, ids=lambda Format: Format.__name__)


def two_formats(first, second):
    """A classifier and a regressor; which formats take their turns."""
    return pytest.mark.parametrize("Format", [first, second], ids=lambda Format: Format.__name__)


def column_targets(y):
    return y.reshape(len(y), -1).astype(float)


def selection_of(X, y, weight=None, feature_map=None, targets=column_targets, **options):
    """A selection for a tensor train over single columns."""
    weight = np.ones(len(X)) if weight is None else weight
    sites = SingleColumns().fit(X.shape[1])
    rs = np.random.RandomState(0)
    fitted = (feature_map or PolynomialMap(scale="auto")).fit(X, sites.columns, weight, rs)
    tree = tensor_train(X.shape[1])
    sizes = tree.message_sizes(fitted.mode_sizes, 2, 1)
    model = Model(sites, fitted, tree, sizes, 1, False, X.dtype)
    samples = Samples.weighted(X, y, in_observations(weight))
    return Selection(model, samples, targets, **options)


def products(X, weight, scale):
    """All products of [1, s z] over the columns, the features of the full tensor."""
    mean = np.average(X, axis=0, weights=weight)
    deviation = np.sqrt(np.average((X - mean) ** 2, axis=0, weights=weight))
    Z = scale * ((X - mean) / deviation).clip(-4, 4)
    design = np.ones((len(X), 1))
    for z in Z.T:
        design = np.concatenate([design, design * z[:, None]], axis=1)
    return design


def data(n=40, d=3, noise=0.3, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    return X, X[:, 0] * X[:, 1] + noise * rng.standard_normal(n)


DEFAULT_ALPHA = 1e-4
"""As the documentation has it."""


def mean_left_out(design, y, weight, alpha):
    """The mean squared residual of every observation under a fit to all others."""
    total, found = weight.sum(), 0.0
    centred = y - np.average(y, axis=0, weights=weight)
    for i in range(len(y)):
        kept = weight.copy()
        kept[i] -= min(weight[i], 1.0)
        ridge = Ridge(alpha * total, fit_intercept=False)
        ridge.fit(design, centred, sample_weight=kept)
        found += weight[i] * np.mean((centred[i] - ridge.predict(design[[i]])[0]) ** 2)
    return found / total


def left_out_at_once(design, y, alpha):
    """The same without weights, in closed form."""
    inverse = np.linalg.inv(design @ design.T + alpha * len(y) * np.eye(len(y)))
    return np.mean((inverse @ (y - y.mean()) / np.diag(inverse)) ** 2)


class TestMergedRows:
    def test_equal_samples_are_one(self):
        X = np.array([[1.0, 2.0], [0.0, 2.0], [1.0, 2.0], [-0.0, 2.0], [1.0, 2.0], [9.0, 9.0]])
        y = np.array([0, 1, 0, 1, 1, 0])
        rows, weight = merged_rows(X, y, np.array([1.0, 2.0, 3.0, 4.0, 5.0, 0.0]))
        assert sorted(zip(rows.tolist(), weight.tolist(), strict=True)) == [
            (0, 4.0),
            (1, 6.0),
            (4, 5.0),
        ]

    @pytest.mark.parametrize("y", [np.arange(30) % 2, np.arange(60.0).reshape(30, 2) % 4])
    def test_order_of_rows_and_repetitions_do_not_matter(self, y):
        rng = np.random.default_rng(0)
        X = rng.integers(0, 3, (30, 4)).astype(np.float32)
        weight = rng.integers(0, 4, 30)
        rows, merged = merged_rows(X, y, weight.astype(float))
        order = rng.permutation(weight.sum())
        X_more, y_more = X.repeat(weight, axis=0)[order], y.repeat(weight, axis=0)[order]
        rows_more, merged_more = merged_rows(X_more, y_more, np.ones(len(order)))
        np.testing.assert_array_equal(X[rows], X_more[rows_more])
        np.testing.assert_array_equal(y[rows], y_more[rows_more])
        np.testing.assert_array_equal(merged, merged_more)
        both = np.column_stack([X, y])[weight > 0]
        assert len(rows) == len(np.unique(both, axis=0))

    def test_targets_do_not_count_in_the_order(self):
        X, y = data()
        first, _ = merged_rows(X, y, np.ones(40))
        second, _ = merged_rows(X, 5 - y, np.ones(40))
        np.testing.assert_array_equal(first, second)

    @pytest.mark.parametrize("as_float", [np.float32, np.float64])
    def test_float32_samples_have_the_order_of_float64(self, as_float):
        X = np.round(np.random.default_rng(0).standard_normal((200, 3)), 1)
        y = X[:, 0] + 0.1
        rows, weight = merged_rows(X, y, np.ones(200))
        other_rows, other = merged_rows(X.astype(np.float32), y.astype(as_float), np.ones(200))
        np.testing.assert_array_equal(rows, other_rows)
        np.testing.assert_array_equal(weight, other)
        assert (rows != np.arange(len(rows))).any()

    def test_samples_that_float32_cannot_tell_apart_stay_apart(self):
        seconds = 1_700_000_000.0 + np.arange(50)[:, None]
        rows, weight = merged_rows(seconds, np.zeros(50), np.ones(50))
        assert sorted(rows.tolist()) == list(range(50))
        rows, weight = merged_rows(np.zeros((50, 1)), 1e290 * seconds[:, 0], np.ones(50))
        assert sorted(rows.tolist()) == list(range(50))
        np.testing.assert_array_equal(weight, np.ones(50))

    def test_nan_is_a_value(self):
        X = np.array([[np.nan, 1.0], [np.nan, 1.0], [1.0, np.nan]])
        rows, weight = merged_rows(X, np.zeros(3), np.ones(3))
        assert sorted(weight.tolist()) == [1.0, 2.0]
        assert len(rows) == 2

    def test_nothing_to_merge_copies_nothing(self):
        X, y = data()
        weight = np.full(40, 3.0)
        samples = Samples.weighted(X, y, weight)
        assert samples.merged() is samples


class TestUnits:
    @pytest.mark.parametrize(
        ("weight", "unit"),
        [
            ([0.0, 1.0, 3.0], 1.0),
            ([2.0, 2.0, 2.0 + 1e-7], 1.0),
            ([3.7, 3.7, 0.0], 3.7),
            ([0.5, 1.0, 1.5], 1.0),
            ([0.25, 0.5, 3.0], 1.25),
            ([1e200, 2e200, 3e200], 2e200),
            ([1e-200, 3e-200], 2e-200),
            ([1e-7, 3e-7], 2e-7),
        ],
    )
    def test_whole_numbers_are_counts_and_others_have_their_mean(self, weight, unit):
        assert in_observations(np.array(weight)) * unit == pytest.approx(
            np.array(weight), rel=1e-12
        )

    def test_weights_of_classes_multiply_it(self):
        X, y = np.array([[0.0], [0.0], [1.0]]), np.array([0, 0, 1])
        given = np.array([2.0, 1.0, 4.0])
        samples = Samples.weighted(X, y, given, given * np.array([5.0, 5.0, 0.5])).merged()
        order = np.argsort(samples.X[:, 0])
        assert samples.weight[order].tolist() == [15.0, 2.0]
        assert samples.unit[order].tolist() == [5.0, 0.5]
        assert samples.copies[order].tolist() == [3, 4]

    def test_a_light_row_is_one_copy(self):
        samples = Samples.weighted(np.zeros((3, 1)), np.arange(3), np.array([0.01, 0.9, 2.4]))
        assert samples.copies.tolist() == [1, 1, 2]


class TestKernel:
    @pytest.mark.parametrize("n_outputs", [1, 2])
    @pytest.mark.parametrize("scale", [0.05, 0.2, 0.7, "auto"])
    def test_residuals_are_those_of_refits(self, scale, n_outputs):
        X, y = data(25)
        y = np.column_stack([y, X[:, 2] ** 2])[:, :n_outputs]
        weight = np.random.default_rng(1).uniform(0.2, 4, 25)
        selection = selection_of(X, y, weight, PolynomialMap(scale=scale))
        trial = selection.by_kernel(lambda loss: 1.0)
        weight = in_observations(weight)
        design = products(X, weight, trial.scale if scale == "auto" else scale)
        assert trial.loss == pytest.approx(mean_left_out(design, y, weight, trial.alpha), rel=1e-6)

    def test_left_out_units_are_those_of_refits(self):
        rng = np.random.default_rng(0)
        A, t, weight = rng.normal(size=(8, 5)), rng.normal(size=(8, 2)), rng.uniform(0.3, 6, 8)
        unit = np.ones(8)
        for penalty in (0.1, 3.0):
            expected = 0.0
            for i in range(8):
                kept = weight.copy()
                kept[i] -= min(unit[i], weight[i])
                coef = np.linalg.solve(
                    (A * kept[:, None]).T @ A + penalty * np.eye(5), (A * kept[:, None]).T @ t
                )
                expected += weight[i] * np.sum((t[i] - A[i] @ coef) ** 2)
            found = left_out_loss(A @ A.T, t, weight, unit)(penalty)
            assert found == pytest.approx(expected / (2 * weight.sum()), rel=1e-10)

    def test_rows_of_weight_are_repetitions(self):
        rng = np.random.default_rng(0)
        A, t, weight = rng.normal(size=(8, 5)), rng.normal(size=(8, 1)), rng.integers(1, 5, 8)
        B, s, one = A.repeat(weight, axis=0), t.repeat(weight, axis=0), np.ones(weight.sum())
        penalties = [0.01, 1.0, 100.0]
        found = map(left_out_loss(A @ A.T, t, weight.astype(float), np.ones(8)), penalties)
        expected = map(left_out_loss(B @ B.T, s, one, one), penalties)
        np.testing.assert_allclose(list(found), list(expected))

    def test_chooses_the_best_of_a_grid_or_a_simpler_one_about_as_good(self):
        X, y = data(80)
        selection = selection_of(X, y)
        trial = selection.by_kernel(lambda loss: 1.0)
        losses = [
            left_out_at_once(products(X, np.ones(80), scale), y, alpha * scale**2)
            for scale in (0.05, 0.2, 0.4, 0.7, 1.0)
            for alpha in 10.0 ** np.arange(-5, 2)
        ]
        assert trial.loss <= 1.02 * min(losses)
        assert trial.loss < 0.5 * max(losses)
        assert selection.trials == [trial]

    def test_a_flat_loss_has_a_smaller_penalty(self):
        X, y = data(80)
        full = selection_of(X, y).by_kernel(lambda loss: 1.0)
        flat = selection_of(X, y).by_kernel(lambda loss: 0.1)
        assert flat.scale == full.scale
        assert flat.alpha == pytest.approx(0.1 * full.alpha)

    def test_a_given_scale_stays(self):
        X, y = data(80)
        trial = selection_of(X, y, feature_map=PolynomialMap(scale=0.3)).by_kernel(lambda loss: 1)
        assert trial.scale is None
        design = products(X, np.ones(80), 0.3)
        assert trial.loss == pytest.approx(left_out_at_once(design, y, trial.alpha))
        least = min(left_out_at_once(design, y, alpha) for alpha in 10.0 ** np.arange(-6, 2))
        assert trial.loss <= 1.02 * least
        # A penalty ten times as large is no longer about as good.
        assert left_out_at_once(design, y, 10 * trial.alpha) > 1.01 * least

    def test_prior_counts_less_with_more_samples(self):
        X, y = data(1800)
        many = selection_of(X, y).by_kernel(lambda loss: 1.0)
        rows, _ = merged_rows(X, y, np.ones(1800))
        few = selection_of(X[rows[:600]], y[rows[:600]]).by_kernel(lambda loss: 1.0)
        assert few.scale == many.scale
        assert many.alpha == pytest.approx(few.alpha / 3)

    @pytest.mark.parametrize("free", [True, False])
    def test_too_few_samples(self, free):
        X, y = data(9)
        feature_map = None if free else PolynomialMap(scale=0.3)
        selection = selection_of(X, y, feature_map=feature_map)
        trial = selection.by_kernel(lambda loss: 1.0)
        assert (trial.alpha, trial.scale) == (DEFAULT_ALPHA, 1.0 if free else None)
        assert np.isnan(trial.loss)
        assert selection.walk(None) is trial

    @pytest.mark.parametrize(
        ("losses", "scale"),
        [
            ([1, 2, 3, 4, 5, 6], 0),
            ([2, 1, 3, 4, 5, 6], 1),
            ([6, 5, 4, 3, 1, 2], 4),
            ([1, np.inf, np.inf, np.inf, np.inf, np.inf], 0),
            ([2, 1, np.inf, np.inf, np.inf, np.inf], 1),
            ([np.inf] * 3 + [1, 2, 3], 3),
        ],
    )
    def test_scales_whose_kernel_overflows_are_passed_over(self, losses, scale, monkeypatch):
        selection = selection_of(*data(30))
        found = [(float(loss), Setting(0, k)) for k, loss in enumerate(losses)]
        assert selection._best_scale(found.__getitem__, map) == found[scale]

    def test_tables_of_many_columns_have_small_scales(self):
        """Else the kernel of a sample with itself leaves nothing for the others."""
        rng = np.random.default_rng(0)
        hidden = rng.standard_normal((120, 3))
        X = hidden @ rng.standard_normal((3, 500)) + rng.standard_normal((120, 500))
        reg = TTRegressor(random_state=0).fit(X[:80], hidden[:80, 0])
        assert reg.scale_ < 0.05
        assert reg.score(X[80:], hidden[80:, 0]) > 0.95
        # Where no kernel is finite the least scale is left.
        selection = selection_of(np.tile(1e3 * X, 40), hidden[:, :1], feature_map=PolynomialMap(2))
        assert selection.by_kernel(lambda loss: 1.0).scale == 0.0125

    @pytest.mark.parametrize("feature_map", [PolynomialMap(2), TrigonometricMap(1.0)])
    def test_so_many_columns_that_products_overflow_or_vanish(self, feature_map):
        rng = np.random.default_rng(0)
        X, y = rng.standard_normal((30, 3000)), rng.standard_normal(30)
        selection = selection_of(X, y, feature_map=feature_map)
        trial = selection.by_kernel(lambda loss: 1.0)
        assert np.isfinite(trial.alpha)
        assert selection.walk(None) is trial


class TestWalk:
    @staticmethod
    def walk(loss, X=None, y=None, weight=None):
        """The trials for a made loss, log10(alpha) and scale -> mean loss."""
        if X is None:
            X, y = data(90)
        selection = selection_of(X, y, weight)
        start = selection.by_kernel(lambda loss: 1.0)
        calls = []

        def judge(model, alpha, train, held, rank, is_glance, start):
            calls.append((alpha, train, held))
            z = model.feature_map.transform(model.sites.extract(held.X))[0][:, 1]
            unit = selection._model.feature_map.with_scale(1.0)
            reference = unit.transform(model.sites.extract(held.X))[0][:, 1]
            scale = np.abs(z).max() / np.abs(reference).max()
            whole = alpha * train.weight.sum() / selection._total
            return (alpha, scale), held.weight.sum() * loss(np.log10(whole), scale)

        chosen = selection.walk(judge)
        return start, selection.trials[1:], chosen, calls

    def test_a_flat_loss_stays(self):
        start, trials, chosen, _ = self.walk(lambda alpha, scale: 1.0)
        assert (chosen.alpha, chosen.scale) == (start.alpha, start.scale)
        assert 1 < len(trials) <= 8
        assert len({(trial.alpha, trial.scale) for trial in trials}) == len(trials)

    def test_gains_of_less_than_three_percent_do_not_count(self):
        start, _, chosen, _ = self.walk(lambda alpha, scale: 10 + 0.01 * alpha)
        assert chosen.alpha == start.alpha

    @pytest.mark.parametrize("step", [-1, 1, 2])
    def test_goes_to_the_least_loss(self, step):
        start, _, _, _ = self.walk(lambda alpha, scale: 1.0)
        wanted = np.log10(start.alpha) + step
        _, trials, chosen, _ = self.walk(
            lambda alpha, scale: 1 + (alpha - wanted) ** 2 + 100 * (scale / start.scale - 1) ** 2
        )
        assert np.log10(chosen.alpha) == pytest.approx(wanted)
        assert chosen.scale == start.scale
        assert chosen.loss == min(trial.loss for trial in trials)

    @pytest.mark.parametrize(("slope", "scale"), [(-1, 1.0), (1, 0.05)])
    def test_scales_in_both_directions_to_the_edge(self, slope, scale):
        _, trials, chosen, _ = self.walk(lambda alpha, scale: scale**slope)
        assert len(trials) <= 8
        assert chosen.scale == scale

    @pytest.mark.parametrize("n_columns", [3, 14])
    @pytest.mark.parametrize("are_classes", [True, False])
    def test_a_larger_scale_keeps_the_penalty_of_an_effect(self, n_columns, are_classes):
        X, y = data(90, n_columns)
        start, trials, *_ = self.walk(lambda alpha, scale: 1.0, X, y if are_classes else y[:, None])
        *_, wider = (trial for trial in trials if start.scale < trial.scale < 1)
        assert wider.alpha / start.alpha == pytest.approx((wider.scale / start.scale) ** 2)

    def test_penalties_end_at_the_edge(self):
        _, trials, chosen, _ = self.walk(lambda alpha, scale: 10**alpha)
        assert chosen.alpha == min(trial.alpha for trial in trials)
        assert 1e-10 < chosen.alpha < 1e-4

    @pytest.mark.parametrize("loss", [np.nan, np.inf])
    def test_losses_that_are_not_finite_are_not_taken(self, loss):
        start, _, chosen, _ = self.walk(lambda alpha, scale: loss)
        assert (chosen.alpha, chosen.scale) == (start.alpha, start.scale)

    def test_folds_share_out_the_samples(self):
        X, y = data(90)
        y = (np.arange(90) % 9 == 0).astype(int)
        weight = np.linspace(1, 2, 90)

        def close(call, first):
            return call[0] * call[1].weight.sum() == pytest.approx(first)

        _, _, _, calls = self.walk(lambda alpha, scale: 100 + alpha, X, y, weight)
        # The first setting on its folds, each of them once.
        first = calls[0][0] * calls[0][1].weight.sum()
        own = {call[2].X[0, 0]: call for call in calls if close(call, first)}
        calls = list(own.values())
        assert len(calls) == 3
        held = np.concatenate([call[2].X for call in calls])
        np.testing.assert_array_equal(np.sort(held, axis=0), np.sort(X, axis=0))
        for _, train, out in calls:
            assert len(train.X) + len(out.X) == 90
            assert out.y.sum() in (3, 4)
            assert train.weight.max() <= 2

    def test_folds_deal_the_copies_of_a_row(self):
        X, y = np.arange(12.0)[:, None], np.arange(12.0)
        weight = np.random.default_rng(0).integers(1, 9, 12).astype(float)
        selection = selection_of(X, y[:, None], weight)
        rows, merged = merged_rows(X, y[:, None], weight)
        dealt = np.arange(merged.sum()) % 3
        for k, (train, held) in enumerate(deal(selection._samples)):
            own = [
                (part == k).sum() for part in np.split(dealt, np.cumsum(merged)[:-1].astype(int))
            ]
            expected = dict(zip(X[rows, 0].tolist(), own, strict=True))
            found = dict(zip(held.X[:, 0].tolist(), held.weight.tolist(), strict=True))
            assert found == {x: count for x, count in expected.items() if count > 0}
            left = dict(zip(train.X[:, 0].tolist(), train.weight.tolist(), strict=True))
            for x, whole in zip(X[rows, 0].tolist(), merged.tolist(), strict=True):
                assert found.get(x, 0.0) + left.get(x, 0.0) == pytest.approx(whole)

    def test_what_is_worse_on_the_first_fold_is_not_tried_on_others(self):
        X, y = data(90)
        _, trials, _, calls = self.walk(lambda alpha, scale: 1.0, X, y)
        assert len({call[2].X[0, 0] for call in calls}) == 1
        assert len(trials) > 2
        best = trials[0].alpha

        def valley(alpha, scale):
            return 1 + (alpha - np.log10(best)) ** 2 + (scale - trials[0].scale) ** 2

        _, trials, chosen, calls = self.walk(valley, X, y)
        assert chosen.alpha == pytest.approx(best)
        assert len({call[2].X[0, 0] for call in calls}) == 1

    def test_keeps_the_network_of_the_first_fold_of_the_chosen_setting(self):
        X, y = data(90)
        selection = selection_of(X, y)
        selection.by_kernel(lambda loss: 1.0)
        assert not selection.networks
        made = []

        def judge(model, alpha, train, held, rank, is_glance, start):
            made.append((alpha * train.weight.sum() / selection._total, object()))
            return made[-1][1], held.weight.sum() * alpha

        chosen = selection.walk(judge)
        of_chosen = [network for alpha, network in made if alpha == pytest.approx(chosen.alpha)]
        assert selection.networks[0] is of_chosen[0]
        assert len(of_chosen) > 1

    @pytest.mark.parametrize(("at_a_glance", "tried"), [(1.01, {True}), (0.9, {True, False})])
    def test_products_are_tried_where_a_glance_gains(self, at_a_glance, tried):
        X, y = np.split(np.random.default_rng(0).normal(size=(90, 4)), [3], axis=1)
        selection = selection_of(X, y, ranks=(2, 4))
        selection.by_kernel(lambda loss: 1.0)
        assert selection._hides_products
        seen = set()

        def judge(model, alpha, train, held, rank, is_glance, start):
            if rank is not None:
                seen.add(is_glance)
            return object(), held.weight.sum() * (at_a_glance if is_glance else 1.0)

        selection.walk(judge)
        assert seen == tried
        assert selection.rank is None

    @pytest.mark.parametrize("n", [90, 900])
    def test_fits_of_large_tables_are_in_single_precision(self, n, monkeypatch):
        X, y = data(n)
        selection = selection_of(X, y)
        monkeypatch.setattr(_selection, "_SINGLE", selection._products(selection._samples) / 2)
        monkeypatch.setattr(_selection, "_BESIDE", np.inf)
        if n == 90:
            monkeypatch.setattr(_selection, "_SINGLE", np.inf)
        selection.by_kernel(lambda loss: 1.0)
        types = set()

        def judge(model, alpha, train, held, rank, is_glance, start):
            types.add((model.dtype, train.X.dtype, held.X.dtype))
            return object(), 1.0

        selection.walk(judge)
        assert types == {(np.dtype(f"f{4 if n == 900 else 8}"), *[np.dtype("f8")] * 2)}

    def test_what_is_fitted_beside_one_another(self, monkeypatch):
        """The start and the far end, a penalty and its neighbour, then both other directions."""
        monkeypatch.setattr(_selection, "_BESIDE", 0)
        begun, made = [], []

        def judge(model, alpha, train, held, rank, is_glance, start):
            made.append(start is None)
            return object(), 1.0

        def beside(*arguments):
            begun.append(arguments[-1] is None)
            return object(), 1.0

        def submit(function, *arguments):
            found = Future()
            found.set_result(function(*arguments))
            return found

        X, y = data(90)
        selection = selection_of(X, y)
        selection.by_kernel(lambda loss: 1.0)
        selection.walk(judge, beside, submit)
        assert begun == [True, True, False, False, False, True]
        alone = len(made)
        selection.walk(judge)
        # Where nothing gains, nothing was fitted in vain.
        assert len(made) - alone == len(begun) + alone

    def test_large_tables_are_judged_by_a_part(self):
        X, y = data(5000)
        _, _, _, calls = self.walk(lambda alpha, scale: 1.0, X, y)
        assert {(len(train.X), len(held.X)) for _, train, held in calls} == {(3000, 1000)}


def small_table(Format, n=120, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.integers(-3, 4, (n, 3)).astype(float)
    y = X[:, 0] * X[:, 1] + X[:, 2] + 0.3 * rng.standard_normal(n).round(1)
    return X, (y > 0).astype(int) if "Classifier" in Format.__name__ else y


def state(model, X):
    predict = getattr(model, "decision_function", model.predict)
    settings = [(trial.alpha, trial.scale) for trial in model.trials_]
    return model.alpha_, model.scale_, settings, predict(X)


class TestEstimators:
    @pytest.mark.parametrize(
        ("Format", "solver"),
        [(Format, "als") for Format in FORMATS]
        + [(TTClassifier, "lbfgs"), (HTRegressor, "lbfgs")]
        + [(CPClassifier, Adam(batch_size=32)), (TTRegressor, Adam(batch_size=32))],
        ids=str,
    )
    def test_weights_are_repetitions_to_the_last_bit(self, Format, solver):
        X, y = small_table(Format)
        weight = np.random.default_rng(1).integers(0, 4, len(X))
        order = np.random.default_rng(2).permutation(weight.sum())
        model = Format(rank=3, solver=solver, max_iter=2, random_state=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            one = state(model.fit(X, y, sample_weight=weight), X)
            many = state(model.fit(X.repeat(weight, axis=0)[order], y.repeat(weight)[order]), X)
        assert one[:3] == many[:3]
        np.testing.assert_array_equal(one[3], many[3])

    @pytest.mark.parametrize("least", [0, np.inf], ids=["beside", "in turn"])
    @two_formats(HTClassifier, TTRegressor)
    def test_threads_do_not_count(self, Format, least, monkeypatch):
        monkeypatch.setattr(_selection, "_BESIDE", least)
        monkeypatch.setattr(_selection, "_SINGLE", least)
        X, y = small_table(Format)
        one, two = (state(Format(n_jobs=n, random_state=0).fit(X, y), X) for n in (1, 2))
        assert one[:3] == two[:3]
        np.testing.assert_allclose(one[3], two[3], rtol=1e-6, atol=1e-9)

    @two_formats(CPClassifier, HTRegressor)
    def test_units_do_not_count(self, Format):
        X, y = small_table(Format)
        X += np.random.default_rng(1).uniform(0, 0.1, X.shape)
        first = state(Format(random_state=0).fit(X, y), X)
        other = Format(random_state=0).fit(X, y * 1024 if y.dtype == float else 5 - y)
        second = state(other, X)
        np.testing.assert_allclose(first[2], second[2])
        if y.dtype == float:
            np.testing.assert_allclose(1024 * first[3], second[3], rtol=1e-6, atol=1e-6)

    @two_formats(TTClassifier, CPRegressor)
    def test_size_of_weights_does_not_count(self, Format):
        X, y = small_table(Format)
        weight = np.linspace(1, 2, len(X))
        model = Format(random_state=0)
        settings = [
            state(model.fit(X, y, sample_weight=size * weight), X)[:3]
            for size in (1e-200, 1, 1e200)
        ]
        for setting in settings[1:]:
            np.testing.assert_allclose(settings[0][:2], setting[:2])
            np.testing.assert_allclose(settings[0][2], setting[2])

    @pytest.mark.parametrize("Format", FORMATS[3:])
    def test_products_without_effects_of_one_column_are_found(self, Format):
        rng = np.random.default_rng(0)
        u, v = rng.normal(size=(2, 50))
        levels = rng.integers(0, 50, (2, 2750))
        y = u[levels[0]] * v[levels[1]]
        levels = levels.T.astype(str).astype(object)
        model = Format(categorical_features=[0, 1], random_state=0).fit(levels[:750], y[:750])
        assert model.score(levels[750:], y[750:]) > 0.8
        assert max(model.network_.ranks) < 8

    @pytest.mark.parametrize("Format", FORMATS[:3])
    def test_parities_are_found(self, Format):
        rng = np.random.default_rng(1)
        X = rng.integers(0, 2, (1400, 6))
        y = (X.sum(axis=1) + (rng.random(1400) < 0.05)) % 2
        model = Format(categorical_features=list(range(6)), random_state=0).fit(X[:400], y[:400])
        assert model.score(X[400:], y[400:]) > 0.93

    @two_formats(HTClassifier, TTRegressor)
    def test_equal_weights_of_any_size_are_none(self, Format):
        X, y = small_table(Format)
        model = Format(random_state=0)
        alpha, scale, trials, predicted = state(model.fit(X, y), X)
        for weight in (1 / len(X), 3.7):
            found = state(model.fit(X, y, sample_weight=np.full(len(X), weight)), X)
            np.testing.assert_allclose((alpha, scale), found[:2])
            np.testing.assert_allclose(trials, found[2])
            np.testing.assert_allclose(predicted, found[3], rtol=1e-6, atol=1e-7)

    @each_format
    def test_levels_that_repeat_are_learnt(self, Format):
        levels = np.arange(200.0)[:, None] % 5
        model = Format(categorical_features=[0], random_state=0)
        if "Regressor" in Format.__name__:
            assert model.fit(levels, levels[:, 0]).score(levels, levels[:, 0]) > 0.999
            return
        positives = np.array([2, 10, 20, 30, 38])
        y = (np.arange(200) // 5 < positives[levels[:, 0].astype(int)]).astype(int)
        found = model.fit(levels, y).predict_proba(np.arange(5.0)[:, None])[:, 1]
        frequency = positives / 40
        assert (np.abs(found - frequency) < np.sqrt(frequency * (1 - frequency) / 40) + 0.01).all()

    @pytest.mark.parametrize("seed", range(4))
    def test_contingency_tables(self, seed):
        rng = np.random.default_rng(seed)
        shape = tuple(rng.integers(2, 6, 2))
        logit = 1.5 * rng.normal(size=shape[0])[:, None] + 1.5 * rng.normal(size=shape[1])
        count = rng.integers(30, 120, shape)
        positives = rng.binomial(count, 1 / (1 + np.exp(-logit - rng.normal(size=shape)))).ravel()
        count = count.ravel()
        cells = np.indices(shape).reshape(2, -1).T.astype(float)
        X, y = np.tile(cells, (2, 1)), np.repeat([0, 1], len(cells))
        weight = np.concatenate([count - positives, positives])
        model = TTClassifier(categorical_features=[0, 1], random_state=0)
        found = model.fit(X, y, sample_weight=weight).predict_proba(X)[:, 1]
        frequency = positives / count
        smooth = (positives + 1) / (count + 2)
        noise = np.sqrt(smooth * (1 - smooth) / count)
        assert (np.abs(found[: len(cells)] - frequency) < 3.5 * noise).all()
        own = log_loss(y, np.tile(frequency, 2), sample_weight=weight)
        assert log_loss(y, found, sample_weight=weight) < own + 0.02

    @each_format
    @pytest.mark.parametrize(
        "parameters",
        [
            {"patches": ImagePatches((1, 3), (1, 1)), "solver": "lbfgs", "max_iter": 2},
            {"penalty": "start", "max_iter": 2},
            {"feature_map": "affine", "max_iter": 2},
        ],
        ids=str,
    )
    @pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
    def test_where_nothing_is_chosen(self, Format, parameters):
        X, y = small_table(Format)
        model = Format(**parameters).fit(X, y)
        assert (model.alpha_, model.scale_, model.trials_) == (DEFAULT_ALPHA, None, None)

    @each_format
    def test_partial_fit_and_networks_choose_nothing(self, Format):
        X, y = small_table(Format)
        classes = {"classes": [0, 1]} if y.dtype == int else {}
        model = Format(solver="adam").partial_fit(X, y, **classes)
        assert (model.alpha_, model.trials_) == (DEFAULT_ALPHA, None)
        again = Format(init=model.network_, max_iter=100).fit(X, y)
        assert (again.alpha_, again.trials_) == (DEFAULT_ALPHA, None)

    def test_what_ends_a_fit_early_needs_a_choice(self):
        X, y = small_table(TTClassifier)
        network = TTClassifier(rank=2, solver="adam", max_iter=1).fit(X, y).network_
        auto, given = (
            TTClassifier(rank=2, init=network, tol=1e-6, alpha=alpha).fit(X, y)
            for alpha in ("auto", DEFAULT_ALPHA)
        )
        assert auto.loss_curve_ == given.loss_curve_
        assert auto.n_iter_ > 3

    @pytest.mark.parametrize(
        ("alpha", "lacks", "local_tol"),
        [("auto", {}, 1e-3), ("auto", {"free start": "init"}, 1e-8), (1e-3, {}, 1e-8)],
    )
    def test_what_ends_a_local_solve_early_does_too(self, alpha, lacks, local_tol):
        feature_map = SimpleNamespace(mode_sizes=(2, 2), indexed_sites=frozenset())
        model = SimpleNamespace(feature_map=feature_map)
        parameters = SimpleNamespace(alpha=alpha, tol=1e-4)
        targets = SimpleNamespace(loss=SimpleNamespace(is_quadratic=True), n_scores=1)
        solver = automatic_solver(parameters, model, range(9), targets, lacks)
        assert solver.local_tol == local_tol

    @each_format
    def test_a_given_alpha_is_taken_and_the_scale_chosen_for_it(self, Format):
        X, y = small_table(Format)
        model = Format(alpha=0.01, random_state=0).fit(X, y)
        assert model.alpha_ == 0.01
        assert model.scale_ in {trial.scale for trial in model.trials_}
        assert [trial.alpha for trial in model.trials_] == pytest.approx(
            [0.01] * len(model.trials_)
        )
        assert len({trial.scale for trial in model.trials_}) > 1

    @pytest.mark.filterwarnings("ignore:ALS stopped")
    @each_format
    def test_scales_of_maps_that_have_one_stay(self, Format):
        X, y = small_table(Format)
        for parameters in ({"feature_map": PolynomialMap(scale=0.3)}, {"alpha": 0.0}):
            model = Format(**{"alpha": 0.01, "max_iter": 1} | parameters).fit(X, y)
            assert (model.scale_, model.trials_) == (None, None)

    def test_every_alpha_has_a_scale_that_serves_it(self):
        X, y = load_diabetes(return_X_y=True)
        X, X_test, y, y_test = train_test_split(X, y, test_size=0.4, random_state=0)
        chosen = TTRegressor(rank=4, random_state=0).fit(X, y)
        for alpha in (1e-4, 1e-2, chosen.alpha_):
            given = TTRegressor(rank=4, alpha=alpha, random_state=0).fit(X, y)
            assert given.score(X_test, y_test) > chosen.score(X_test, y_test) - 0.03

    def test_warm_start_keeps_what_was_chosen(self):
        X, y = small_table(TTRegressor)
        model = TTRegressor(rank=3, warm_start=True, random_state=0).fit(X, y)
        chosen, trials, before = model.alpha_, model.trials_, model.loss_curve_[-1]
        model.fit(X, y)
        assert (model.alpha_, model.trials_) == (chosen, trials)
        assert model.loss_curve_[-1] <= before * (1 + 1e-9)
        assert model.set_params(alpha=0.5).fit(X, y).alpha_ == 0.5

    @pytest.mark.filterwarnings("ignore:ALS stopped")
    def test_three_sweeps_with_that_of_the_best_trial(self):
        X, y = small_table(TTClassifier)
        assert TTClassifier(rank=2, tol=0.0, random_state=0).fit(X, y).n_iter_ == 2
        assert TTClassifier(rank=2, max_iter=1, random_state=0).fit(X, y).n_iter_ == 1
        X, y = small_table(TTRegressor)
        assert TTRegressor(rank=2, tol=0.0, random_state=0).fit(X, y).n_iter_ > 2

    def test_ends_with_a_sweep_that_gains_little(self):
        rng = np.random.default_rng(1)
        X = rng.standard_normal((200, 4))
        y = X[:, 0] * X[:, 1] + np.sin(2 * X[:, 2]) + 0.3 * rng.standard_normal(200)
        curves = [
            np.array(TTRegressor(rank=3, tol=tol, random_state=0).fit(X, y).loss_curve_)
            for tol in (1e-3, 1e-5)
        ]
        assert len(curves[0]) < len(curves[1])
        for tol, curve in zip((1e-3, 1e-5), curves, strict=True):
            decrease = curve[:-1] - curve[1:]
            expected = decrease.copy()
            # The one before the first of these is not known here, and was larger.
            expected[1:] *= np.minimum(1, decrease[1:] / decrease[:-1])
            little = (decrease <= tol) | (expected <= 100 * tol * curve[1:])
            assert little[-1]
            assert not little[1:-1].any()

    @pytest.mark.filterwarnings("ignore:ALS stopped")
    @pytest.mark.parametrize("Format", FORMATS[3:])
    def test_noise_is_not_learnt(self, Format):
        scores = []
        for seed in (1, 2):
            rng = np.random.default_rng(seed)
            X, y = rng.standard_normal((200, 6)), rng.standard_normal(200)
            model = Format(random_state=0).fit(X[:100], y[:100])
            scores.append(model.score(X[100:], y[100:]))
        # One draw in ten misleads the choice, to -0.2.
        assert np.mean(scores) > -0.1
        features = SplineMap(n_knots=10, degree=3, scale=1.0)
        fixed = clone(model).set_params(alpha=1e-4, max_iter=3, feature_map=features)
        fixed.fit(X[:100], y[:100])
        assert fixed.score(X[100:], y[100:]) < -0.2

    @pytest.mark.parametrize("Format", FORMATS[3:])
    def test_a_noisy_table_is_predicted_as_by_ridge_regression(self, Format):
        X, y = load_diabetes(return_X_y=True)
        X, X_test, y, y_test = train_test_split(X, y, test_size=0.4, random_state=0)
        ridge = Ridge(alpha=0.1).fit(X, y).score(X_test, y_test)
        assert Format(random_state=0).fit(X, y).score(X_test, y_test) > ridge - 0.03

    @pytest.mark.parametrize("Format", FORMATS[1:3])
    def test_probabilities_are_calibrated_enough(self, Format):
        X, y = load_wine(return_X_y=True)
        X, X_test, y, y_test = train_test_split(X, y, test_size=0.4, stratify=y, random_state=0)
        model = Format(random_state=0).fit(X, y)
        assert log_loss(y_test, model.predict_proba(X_test)) < 0.25

    @pytest.mark.parametrize("Format", FORMATS[3:])
    def test_low_noise_has_a_small_penalty(self, Format):
        X, y = data(300, noise=0.001)
        exact = Format(random_state=0).fit(X[:200], y[:200])
        assert exact.score(X[200:], y[200:]) > 0.99
        noisy = Format(random_state=0).fit(*data(300, noise=3.0))
        assert exact.alpha_ < 1e-2 * noisy.alpha_


class TestFloat32:
    """What is chosen, and about what is predicted, does not depend on the type of X."""

    @staticmethod
    def assert_same(Format, X, y, **parameters):
        single = X.astype(np.float32)
        one = Format(random_state=0, **parameters).fit(X, y)
        other = Format(random_state=0, **parameters).fit(single, y)
        assert other.network_.dtype == np.float32
        assert other.alpha_ == pytest.approx(one.alpha_, rel=1e-6)
        assert other.scale_ == one.scale_
        assert other.network_.ranks == one.network_.ranks
        if isinstance(one, (TTClassifier, HTClassifier, CPClassifier)):
            first, second = one.predict_proba(X), other.predict_proba(single)
        else:
            first, second = one.predict(X) / y.std(), other.predict(single) / y.std()
        np.testing.assert_allclose(second, first, atol=1e-3)

    @pytest.mark.parametrize("Format", [HTClassifier])
    def test_iris(self, Format):
        self.assert_same(Format, *load_iris(return_X_y=True))

    def test_digits(self):
        X, y = load_digits(return_X_y=True)
        self.assert_same(TTClassifier, X[:100], y[:100], rank=3)

    @pytest.mark.parametrize("seed", range(10))
    def test_made_tables(self, seed):
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((50 + 5 * seed, 3)).round(1 + seed % 3)
        y = X[:, 0] * X[:, 1] + X[:, 2] + 0.3 * rng.standard_normal(len(X))
        if seed % 2:
            self.assert_same(FORMATS[seed % 3], X, y > 0, rank=4)
        else:
            self.assert_same(FORMATS[3 + seed // 2 % 2], 10 * X + 5, y, rank=4)
