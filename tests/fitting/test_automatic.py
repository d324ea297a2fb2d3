"""What "auto" means as the rank and the feature map."""

import numpy as np
import pytest

from sktensornet import CPClassifier, HTClassifier, TTClassifier, TTRegressor
from sktensornet._fitting import _automatic, _fit, _problem
from sktensornet._fitting._automatic import FINE
from sktensornet._fitting._selection import Selection
from sktensornet.feature_maps import PCAMap, SplineMap

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def fitted(Format, n_classes, **options):
    X = np.random.default_rng(0).standard_normal((60, 6))
    options = {
        "feature_map": SplineMap(5),
        "alpha": 1e-3,
        "max_iter": 1,
        "random_state": 0,
    } | options
    return Format(**options).fit(X, np.arange(60) % n_classes)


@pytest.mark.parametrize(
    ("n_classes", "rank"), [(2, 8), (4, 8), (5, 10), (7, 14), (9, 16), (12, 16)]
)
def test_trains_have_two_channels_for_each_class_from_eight_to_sixteen(n_classes, rank):
    assert max(fitted(TTClassifier, n_classes).network_.ranks) == rank


def test_trees_have_as_many():
    assert max(fitted(HTClassifier, 6).network_.ranks) == 12


@pytest.mark.parametrize(("n_classes", "rank"), [(3, 32), (12, 60)])
def test_sums_have_five_terms_for_each_class_and_no_fewer_than_32(n_classes, rank):
    assert max(fitted(CPClassifier, n_classes).network_.ranks) == rank


def test_classes_of_separate_tensors_do_not_count():
    model = fitted(TTClassifier, 12, class_tensors="separate")
    assert max(model.network_.ranks) == 8


def test_outputs_count_as_classes_do():
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((40, 6)), rng.standard_normal((40, 7))
    reg = TTRegressor(feature_map=SplineMap(5), alpha=1e-3, max_iter=1).fit(X, Y)
    assert max(reg.network_.ranks) == 14


def test_a_number_stays():
    assert max(fitted(TTClassifier, 12, rank=3).network_.ranks) == 3


def test_a_word_other_than_auto_is_refused():
    with pytest.raises(ValueError, match=r"'rank' parameter .* must be .*auto.*large"):
        fitted(TTClassifier, 3, rank="large")


def turning(n=500):
    """A column whose effect turns eleven times, and one without any."""
    rng = np.random.default_rng(0)
    X = np.stack([rng.permutation(n) / n, rng.standard_normal(n)], axis=1)
    return X, np.sin(35 * X[:, 0]) + 0.1 * rng.standard_normal(n)


class TestFinerMap:
    def test_real_targets_have_it_where_effects_turn_often(self):
        X, y = turning()
        reg = TTRegressor(random_state=0).fit(X[::2], y[::2])
        assert reg.feature_map_.mode_sizes == (26, 26)
        assert {trial.mode_size for trial in reg.trials_} == {26}
        coarser = TTRegressor(feature_map=FINE, random_state=0).fit(X[::2], y[::2])
        left, more = (1 - one.score(X[1::2], y[1::2]) for one in (reg, coarser))
        assert left < 0.1
        assert more > 3 * left

    @pytest.mark.parametrize("Format", [TTClassifier, HTClassifier, CPClassifier])
    def test_classes_have_it_where_columns_have_long_tails(self, Format):
        X = np.random.default_rng(0).standard_t(1.2, (600, 5))
        y = np.abs(X[:, 0]) > np.abs(X[:, 1])
        clf = Format(random_state=0).fit(X[::2], y[::2])
        assert clf.feature_map_.mode_sizes == (18,) * 5
        coarser = Format(feature_map=SplineMap(), random_state=0).fit(X[::2], y[::2])
        assert clf.score(X[1::2], y[1::2]) > coarser.score(X[1::2], y[1::2])

    def test_it_goes_with_a_given_penalty_and_with_gradients(self):
        X, y = turning()
        for options in ({"alpha": 1e-6}, {"solver": "lbfgs", "max_iter": 3}):
            assert TTRegressor(**options).fit(X, y).feature_map_.mode_sizes == (26, 26)

    def test_smooth_effects_and_noise_have_the_ordinary_one(self):
        rng = np.random.default_rng(0)
        X = rng.standard_normal((400, 3))
        for y in (X[:, 0] ** 2 + X[:, 1], rng.standard_normal(400)):
            reg = TTRegressor(random_state=0).fit(X, y)
            assert reg.feature_map_.mode_sizes == (18,) * 3
            assert {trial.mode_size for trial in reg.trials_} == {18}

    def test_it_is_kept_by_a_warm_start(self):
        X, y = turning()
        reg = TTRegressor(warm_start=True, max_iter=1, random_state=0).fit(X, y)
        before = reg.feature_map_
        reg.fit(X[::-1], y[::-1])
        for one, other in zip(before.knots, reg.feature_map_.knots, strict=True):
            np.testing.assert_array_equal(one, other)

    def test_columns_that_are_missing_or_categories_go_with_it(self):
        X, y = turning()
        X = np.column_stack([X, np.arange(500) % 3])
        X[::7, 1] = np.nan
        reg = TTRegressor(categorical_features=[2], random_state=0).fit(X, y)
        assert reg.feature_map_.mode_sizes == (26, 27, 4)
        assert reg.trials_[0].mode_size == 26
        assert reg.score(X, y) > 0.9

    def test_equal_cores_with_categories_keep_the_map_that_they_need(self):
        rng = np.random.default_rng(0)
        X = np.column_stack([rng.permutation(660) / 660, np.arange(660) % 10])
        clf = TTClassifier(shared_cores=True, categorical_features=[1], max_iter=1)
        assert clf.fit(X, np.sin(35 * X[:, 0]) > 0).feature_map_.mode_sizes == (11, 11)

    def test_all_rows_must_agree(self, monkeypatch):
        X, y = turning()
        honest = Selection._at

        def at(self, curvature, scale, place=0, rows=600):
            loss, setting = honest(self, curvature, scale, place, rows)
            return (np.inf if place and rows > 300 else loss), setting

        monkeypatch.setattr(Selection, "_at", at)
        reg = TTRegressor(random_state=0).fit(X, y)
        assert reg.feature_map_.mode_sizes == (18, 18)
        assert len(reg.trials_) > 1

    def test_components_of_columns_keep_what_says_that_values_are_missing(self):
        X, y = turning(60)
        X[::7, 1] = np.nan
        chosen = PCAMap("auto", scale="auto", moduli="auto")
        reg = TTRegressor(feature_map=chosen, max_iter=1).fit(X, y)
        assert reg.feature_map_.mode_sizes == (2, 3)

    def test_work_is_in_the_type_of_what_was_chosen_also_in_a_warm_start(self, monkeypatch):
        X, y = turning()
        monkeypatch.setattr(_problem, "_FEW_FEATURES", 500 * 2 * 20)
        types = []
        honest = _fit.sweep_problem

        def spied(plan, model, *others):
            types.append(model.dtype)
            return honest(plan, model, *others)

        monkeypatch.setattr(_fit, "sweep_problem", spied)
        reg = TTRegressor(warm_start=True, max_iter=1, random_state=0)
        for _ in range(2):
            reg.fit(X.astype(np.float32), y)
        assert types == [np.float32, np.float32]

    def test_nothing_else_is_tried_where_there_is_no_choice(self, monkeypatch):
        X, y = turning()
        reg = TTRegressor(feature_map=FINE, random_state=0).fit(X, y)
        assert {trial.mode_size for trial in reg.trials_} == {None}
        names = np.arange(500) % 3, np.arange(500) % 5
        reg = TTRegressor(categorical_features=[0, 1]).fit(np.column_stack(names), y)
        assert {trial.mode_size for trial in reg.trials_} == {None}
        monkeypatch.setattr(_automatic, "MANY_COLUMNS", 2)
        reg = TTRegressor(random_state=0).fit(X, y)
        assert reg.feature_map_.mode_sizes == (18, 18)
