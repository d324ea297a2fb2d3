"""The objective, weights, warm starts, early stopping, convergence, and what they leave behind."""

import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.utils import compute_class_weight

from sktensornet import CPClassifier, HTClassifier, TTClassifier
from sktensornet._fitting._callbacks import Callbacks
from sktensornet._fitting._training import Training, expected_decrease
from sktensornet.feature_maps import AffineMap, PolynomialMap
from sktensornet.patches import ImagePatches
from sktensornet.solvers import LBFGS, Adam

FORMATS = [TTClassifier, HTClassifier, CPClassifier]
each_format = pytest.mark.parametrize("Format", FORMATS)
short_fits = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def blobs(n_classes=3, d=4, n=60, seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % n_classes
    return rng.normal(size=(n, d)) + 1.5 * np.eye(d)[y % d], y


FIXED = {"alpha": 1e-3, "feature_map": PolynomialMap(scale=1.0)}
"""Nothing is chosen, for which whole numbers as weights are counts, and others are not."""


def short(Format, **parameters):
    defaults = {"rank": 4, "max_iter": 8, "solver": "lbfgs", "random_state": 0}
    return Format(**(defaults | FIXED | parameters))


def cores_of(model):
    arrays = (*model.network_.cores, *model.feature_map_.parameters)
    return np.concatenate([array.ravel() for array in arrays])


def loss_by_hand(model, X, y, weight):
    """The documented losses, from the public predictions."""
    if model.loss in ("log_loss", "auto"):
        return log_loss(y, model.predict_proba(X), sample_weight=weight)
    scores = model.decision_function(X)
    scores = scores[:, None] if scores.ndim == 1 else scores
    target = np.where(y[:, None] == model.classes_[-scores.shape[1] :], 1, -1)
    if model.loss == "squared_error":
        losses = 0.5 * ((scores - target) ** 2).sum(axis=1)
    else:
        losses = (np.maximum(0, 1 - target * scores) ** 2).sum(axis=1)
    return np.average(losses, weights=weight)


@short_fits
class TestObjective:
    @each_format
    @pytest.mark.parametrize("loss", ["log_loss", "squared_error", "squared_hinge"])
    @pytest.mark.parametrize("class_tensors", ["joint", "separate"])
    @pytest.mark.parametrize("n_classes", [2, 3])
    def test_is_the_weighted_mean_loss_plus_half_alpha_squared_norm(
        self, Format, loss, class_tensors, n_classes
    ):
        X, y = blobs(n_classes)
        weight = np.linspace(0.5, 3, 60)
        model = short(Format, loss=loss, class_tensors=class_tensors, alpha=0.03)
        model.fit(X, y, sample_weight=weight)
        penalty = 0.5 * 0.03 * (model.network_.to_dense() ** 2).sum()
        assert penalty > 1e-3
        expected = loss_by_hand(model, X, y, weight) + penalty
        assert model.loss_curve_[-1] == pytest.approx(expected, rel=1e-9)

    @each_format
    def test_without_alpha_is_the_mean_loss(self, Format):
        X, y = blobs()
        model = short(Format, alpha=0).fit(X, y)
        assert model.loss_curve_[-1] == pytest.approx(loss_by_hand(model, X, y, None), rel=1e-9)

    @each_format
    def test_adam_reports_the_same_objective(self, Format):
        """One step with a vanishing rate: the curve holds the objective of the start."""
        X, y = blobs()
        solver = Adam(learning_rate=1e-12, batch_size=60)
        model = short(Format, solver=solver, max_iter=1, alpha=0.1).fit(X, y)
        penalty = 0.05 * (model.network_.to_dense() ** 2).sum()
        expected = loss_by_hand(model, X, y, None) + penalty
        assert model.loss_curve_[-1] == pytest.approx(expected, rel=1e-6)

    @each_format
    @pytest.mark.parametrize("solver", ["lbfgs", Adam(learning_rate=2e-2)], ids=["lbfgs", "adam"])
    @pytest.mark.parametrize("penalty", ["frobenius", "start"])
    def test_alpha_pulls_the_tensor_together(self, Format, solver, penalty):
        X, y = blobs(2)
        spread = []
        for alpha in (0, 1):
            model = short(Format, solver=solver, penalty=penalty, alpha=alpha, max_iter=20)
            spread.append(model.fit(X, y).decision_function(X).std())
        assert spread[1] < 0.5 * spread[0]

    @each_format
    def test_start_penalty_is_the_distance_to_the_start(self, Format):
        """With a penalty that outweighs the loss, the noise-free start wins: a constant."""
        X, y = blobs(2)
        y[:20] = 1
        model = short(Format, penalty="start", alpha=1e6, max_iter=50).fit(X, y)
        odds = np.log(y.mean() / (1 - y.mean()))
        np.testing.assert_allclose(model.decision_function(X), odds, atol=1e-3)

    @each_format
    def test_lbfgs_never_goes_up(self, Format):
        X, y = blobs()
        curve = short(Format, max_iter=30).fit(X, y).loss_curve_
        assert np.all(np.diff(curve) <= 1e-12)
        assert curve[-1] < 0.9 * curve[0]

    @each_format
    def test_adam_goes_down(self, Format):
        X, y = blobs()
        model = short(Format, solver=Adam(learning_rate=2e-2), max_iter=20).fit(X, y)
        assert model.loss_curve_[-1] < 0.9 * model.loss_curve_[0]
        assert model.score(X, y) > 0.6


@short_fits
class TestWeights:
    @each_format
    @pytest.mark.parametrize("feature_map", ["polynomial", "trigonometric", "affine", "one_hot"])
    def test_a_weight_is_a_repetition(self, Format, feature_map):
        self.check_repetition(short(Format, feature_map=feature_map))

    @each_format
    @pytest.mark.parametrize("class_weight", ["balanced", {0: 2.0, 1: 0.5}], ids=str)
    def test_a_weight_is_a_repetition_under_class_weights(self, Format, class_weight):
        self.check_repetition(short(Format, class_weight=class_weight))

    def check_repetition(self, model):
        X, y = blobs()
        weight = np.random.default_rng(1).integers(0, 4, size=60)
        order = np.random.default_rng(2).permutation(weight.sum())
        weighted = model.fit(X, y, sample_weight=weight).decision_function(X)
        model.fit(X.repeat(weight, axis=0)[order], y.repeat(weight)[order])
        np.testing.assert_allclose(model.decision_function(X), weighted, rtol=1e-5, atol=1e-7)

    @pytest.mark.parametrize("solver", ["lbfgs", "adam"])
    def test_only_ratios_of_weights_count(self, solver):
        X, y = blobs()
        model = short(TTClassifier, solver=solver)
        one, many = (
            model.fit(X, y, sample_weight=np.full(60, w)).decision_function(X) for w in (1.0, 1e9)
        )
        np.testing.assert_allclose(many, one, rtol=1e-6, atol=1e-9)

    @pytest.mark.parametrize("solver", ["lbfgs", "adam"])
    def test_weights_count(self, solver):
        X, y = blobs(2)
        model = short(TTClassifier, solver=solver)
        share = [
            model.fit(X, y, sample_weight=np.where(y == 1, w, 1)).predict(X).mean()
            for w in (1e-3, 1e3)
        ]
        assert share[0] < 0.2
        assert share[1] > 0.8

    @each_format
    @pytest.mark.parametrize(
        ("labels", "solver"), [(np.arange(3), "lbfgs"), (np.array(["a", "b", "c"]), "adam")]
    )
    def test_class_weight_is_a_sample_weight_by_class(self, Format, labels, solver):
        X, y = blobs()
        y[:20] = 0
        y = labels[y]
        by_class = dict(zip(labels.tolist(), (0.2, 1.0, 7.0)))
        expected = short(Format, solver=solver)
        expected.fit(X, y, sample_weight=[by_class[label] for label in y.tolist()])
        model = short(Format, solver=solver, class_weight=by_class).fit(X, y)
        np.testing.assert_allclose(model.decision_function(X), expected.decision_function(X))

    @each_format
    def test_labels_that_class_weight_leaves_out_count_once(self, Format):
        X, y = blobs()
        part = short(Format, class_weight={1: 5}).fit(X, y).decision_function(X)
        full = short(Format, class_weight={0: 1, 1: 5, 2: 1}).fit(X, y).decision_function(X)
        np.testing.assert_array_equal(part, full)

    @each_format
    def test_class_weight_may_name_absent_labels_beside_all_present_ones(self, Format):
        X, y = blobs()
        given = {0: 0.5, 1: 5, 2: 1}
        expected = short(Format, class_weight=given).fit(X, y).decision_function(X)
        more = short(Format, class_weight=given | {9: 3, "other": 2}).fit(X, y)
        np.testing.assert_array_equal(more.decision_function(X), expected)

    @each_format
    @pytest.mark.parametrize("solver", ["als", "adam"])
    def test_balanced_leaves_out_classes_without_weight(self, Format, solver):
        X, y = blobs()
        weight = np.where(y == 2, 0.0, 1.0 + y)
        balanced = short(Format, solver=solver, class_weight="balanced")
        balanced.fit(X, y, sample_weight=weight)
        n = np.bincount(y, weight)
        by_class = {0: n.sum() / 2 / n[0], 1: n.sum() / 2 / n[1], 2: 7.0}
        by_hand = clone(balanced).set_params(class_weight=by_class)
        by_hand.fit(X, y, sample_weight=weight)
        found = balanced.predict_proba(X)
        np.testing.assert_allclose(found, by_hand.predict_proba(X), rtol=1e-7)
        assert (found[:, 2] < found[:, :2].max(axis=1)).all()

    @each_format
    def test_balanced_is_one_over_the_frequency(self, Format):
        X, y = blobs()
        y[:30] = 0
        values = compute_class_weight("balanced", classes=np.arange(3), y=y)
        balanced = short(Format, class_weight="balanced").fit(X, y)
        by_hand = short(Format, class_weight=dict(enumerate(values))).fit(X, y)
        np.testing.assert_allclose(balanced.decision_function(X), by_hand.decision_function(X))
        plain = short(Format).fit(X, y)
        assert np.mean(balanced.predict(X) == 0) < np.mean(plain.predict(X) == 0)


@short_fits
class TestWarmStart:
    @each_format
    @pytest.mark.parametrize("solver", ["lbfgs", Adam(learning_rate=1e-12)], ids=["lbfgs", "adam"])
    def test_continues_from_the_fitted_network(self, Format, solver):
        X, y = blobs()
        model = short(Format, solver=solver, warm_start=True, feature_map="affine", max_iter=10)
        first = model.fit(X, y).loss_curve_
        again = model.fit(X, y).loss_curve_
        assert len(again) == model.n_iter_ <= 10
        assert max(again) <= first[-1] + 1e-6
        if solver == "lbfgs":
            assert again[-1] < first[-1] - 1e-6

    @each_format
    def test_is_off_by_default(self, Format):
        X, y = blobs()
        model = short(Format)
        first = model.fit(X, y).loss_curve_
        assert model.fit(X, y).loss_curve_ == first

    @each_format
    def test_keeps_the_scaling(self, Format):
        X, y = blobs()
        model = short(Format, solver=Adam(learning_rate=1e-12), max_iter=1, warm_start=True)
        before = model.fit(X, y).decision_function(X)
        model.fit(5 * X + 3, y)
        np.testing.assert_allclose(model.decision_function(X), before, rtol=1e-6, atol=1e-6)

    @each_format
    @pytest.mark.parametrize(
        "change",
        [
            {"rank": 3},
            {"feature_map": "affine"},
            {"feature_map": AffineMap(n_components=5)},
            {"class_tensors": "separate"},
        ],
        ids=str,
    )
    def test_refuses_another_shape(self, Format, change):
        X, y = blobs()
        model = short(Format, warm_start=True).fit(X, y).set_params(**change)
        with pytest.raises(ValueError, match=r"warm_start=True.*set warm_start=False"):
            model.fit(X, y)
        model.set_params(warm_start=False).fit(X, y)

    @each_format
    def test_refuses_other_columns_and_classes(self, Format):
        X, y = blobs()
        model = short(Format, warm_start=True).fit(X, y)
        with pytest.raises(ValueError, match="warm_start=True"):
            model.fit(X, y + 1)
        with pytest.raises(ValueError, match="warm_start=True"):
            model.fit(X[:, :3], y)

    def test_refuses_another_tree(self):
        X, y = blobs()
        model = short(HTClassifier, warm_start=True).fit(X, y).set_params(tree=((0, 3), (1, 2)))
        with pytest.raises(ValueError, match="warm_start=True"):
            model.fit(X, y)


class Snapshots:
    """A callback that keeps what the estimator would predict after each iteration."""

    def __init__(self, X):
        self.X = X
        self.scores = []

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        if fitted_estimator is not None and context.parent is not None:
            self.scores.append(fitted_estimator.decision_function(self.X))


@short_fits
class TestEarlyStopping:
    @each_format
    @pytest.mark.parametrize("solver", ["lbfgs", Adam(learning_rate=3e-2)], ids=["lbfgs", "adam"])
    def test_keeps_the_state_with_the_best_validation_score(self, Format, solver):
        X, y = blobs(n=90)
        y = np.random.default_rng(0).permutation(y)  # nothing to learn: it must overfit
        snapshots = Snapshots(X)
        model = short(
            Format,
            solver=solver,
            early_stopping=True,
            validation_fraction=0.3,
            n_iter_no_change=6,
            max_iter=30,
        )
        model.set_callbacks(snapshots).fit(X, y)
        assert len(model.validation_scores_) == len(snapshots.scores) == model.n_iter_
        best = int(np.argmax(model.validation_scores_))
        np.testing.assert_allclose(model.decision_function(X), snapshots.scores[best])
        assert best < model.n_iter_ - 1
        assert not np.allclose(snapshots.scores[best], snapshots.scores[-1])

    @pytest.mark.parametrize("patience", [1, 4])
    def test_stops_after_n_iter_no_change_iterations_without_gain(self, patience):
        X, y = blobs()
        model = short(
            TTClassifier,
            solver=Adam(learning_rate=1e-12),
            early_stopping=True,
            n_iter_no_change=patience,
            max_iter=50,
        )
        assert model.fit(X, y).n_iter_ == 1 + patience
        assert len(set(model.validation_scores_)) == 1

    def test_tol_says_what_a_gain_is(self):
        X, y = blobs()
        model = short(TTClassifier, solver="adam", early_stopping=True, n_iter_no_change=3, tol=2.0)
        assert model.fit(X, y).n_iter_ == 4

    def test_holds_out_a_share_of_every_class(self):
        """A score of a held-out sample of known size is a multiple of one over that size."""
        X, y = blobs(n=300)
        model = short(TTClassifier, early_stopping=True, validation_fraction=0.2).fit(X, y)
        counts = np.array(model.validation_scores_) * 60
        np.testing.assert_allclose(counts, counts.round(), atol=1e-9)
        assert 0 < counts.max() <= 60

    def test_does_not_warn_when_it_stops(self):
        X, y = blobs()
        y = np.random.default_rng(0).permutation(y)
        model = short(TTClassifier, early_stopping=True, n_iter_no_change=3, max_iter=60, alpha=0)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert model.fit(X, y).n_iter_ < 60


class TestConvergence:
    @each_format
    @pytest.mark.parametrize("solver", ["lbfgs", LBFGS(memory=5)], ids=str)
    def test_lbfgs_warns_when_max_iter_ends_it(self, Format, solver):
        X, y = blobs()
        with pytest.warns(ConvergenceWarning, match=r"max_iter=3 .*Increase max_iter"):
            model = short(Format, solver=solver, max_iter=3).fit(X, y)
        assert model.n_iter_ == len(model.loss_curve_) == 3

    @each_format
    def test_lbfgs_does_not_warn_when_it_converges(self, Format):
        X, y = blobs()
        model = short(Format, alpha=0.1, tol=0.05, max_iter=500).fit(X, y)
        assert 1 <= model.n_iter_ < 500

    @each_format
    @pytest.mark.parametrize("schedule", ["one_cycle", "constant"])
    def test_adam_does_not_warn_when_its_schedule_ends(self, Format, schedule):
        X, y = blobs()
        model = short(Format, solver=Adam(schedule=schedule), max_iter=2).fit(X, y)
        assert model.n_iter_ == len(model.loss_curve_) == 2

    @pytest.mark.parametrize("Solver", [LBFGS, Adam])
    def test_max_iter_none_is_the_documented_default_of_the_solver(self, Solver):
        assert f"max_iter``: {Solver.default_max_iter}" in " ".join(Solver.__doc__.split())
        X, y = blobs()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model = short(TTClassifier, solver=Solver(), max_iter=None, tol=0, alpha=0).fit(X, y)
        if Solver is Adam:
            assert model.n_iter_ == Solver.default_max_iter
        else:
            assert model.n_iter_ <= Solver.default_max_iter

    @pytest.mark.parametrize(
        ("solver", "parameters"),
        [
            ("als", {}),
            ("als", {"early_stopping": True, "alpha": 0.1}),
            ("lbfgs", {"penalty": "start"}),
            ("lbfgs", {"feature_map": "affine"}),
            ("als", {"patches": ImagePatches((2, 2), (1, 2)), "alpha": 1e-3}),
        ],
    )
    @short_fits
    def test_auto(self, solver, parameters):
        X, y = blobs()
        model = TTClassifier(rank=3, random_state=0, tol=0.01, max_iter=3, **parameters)
        auto = model.fit(X, y).loss_curve_
        assert model.set_params(solver=solver).fit(X, y).loss_curve_ == auto

    @pytest.mark.parametrize("name", ["adam", "lbfgs"])
    def test_a_name_is_the_solver_with_its_defaults(self, name):
        X, y = blobs()
        solver = {"adam": Adam(), "lbfgs": LBFGS()}[name]
        model = TTClassifier(random_state=0, solver=name, alpha=0.1, tol=0.01)
        curve = model.fit(X, y).loss_curve_
        assert model.set_params(solver=solver).fit(X, y).loss_curve_ == curve


class TestDropout:
    @each_format
    @pytest.mark.parametrize("feature_map", ["polynomial", "trigonometric", "affine"])
    def test_acts_in_training_only(self, Format, feature_map):
        X, y = blobs()
        parameters = {"feature_map": feature_map, "max_iter": 3}
        with_, without = (
            short(Format, solver=Adam(dropout=rate, learning_rate=1e-2), **parameters).fit(X, y)
            for rate in (0.5, 0.0)
        )
        assert not np.allclose(cores_of(with_), cores_of(without))
        np.testing.assert_array_equal(with_.decision_function(X), with_.decision_function(X))

    def test_never_drops_the_constant(self):
        """Of columns that are constant only the constant says anything: dropout changes nothing."""
        y = np.array([0, 0, 1] * 20)
        X = np.full((60, 4), 3.0)
        curves = [
            short(HTClassifier, solver=Adam(dropout=rate), max_iter=3).fit(X, y).loss_curve_
            for rate in (0.0, 0.9)
        ]
        np.testing.assert_allclose(curves[1], curves[0], rtol=1e-12)


class TestExpectedDecrease:
    @pytest.mark.parametrize(
        ("values", "expected"),
        [
            ((5.0, 4.0), 1.0),
            ((9.0, 5.0, 3.0), 1.0),
            # Only the last two count,
            ((90.0, 7.0, 5.0, 4.0), 0.5),
            # which need not become less,
            ((6.0, 5.0, 3.0), 2.0),
            ((5.0, 5.0, 3.0), 2.0),
            ((4.0, 5.0, 3.0), 2.0),
            # nor be there.
            ((5.0, 3.0, 3.0), 0.0),
            ((5.0, 3.0, 4.0), -1.0),
        ],
    )
    def test_goes_on_as_a_geometric_series(self, values, expected):
        assert expected_decrease(values) == expected

    @pytest.mark.parametrize(
        ("opening", "values", "n_iter"),
        [
            # Decreases of 8, 4 and 2, of which the next would be 1.
            ((), (116.0, 108.0, 104.0, 102.0, 101.0), 4),
            ((132.0,), (116.0, 108.0, 104.0, 102.0, 101.0), 4),
            # What came before the first iteration counts, but not that iteration alone.
            ((200.0,), (110.0, 101.0, 100.0), 2),
            ((100.5,), (100.0, 99.9), 2),
            ((), (110.0, 101.0, 100.0), 3),
        ],
    )
    def test_ends_before_an_iteration_that_would_gain_little(self, opening, values, n_iter):
        callbacks = Callbacks(
            TTClassifier(), {"X": None, "y": None, "metadata": None}, lambda fitted: {}
        )
        training = Training(
            callbacks,
            max_iter=9,
            snapshot=lambda point: None,
            least_share=0.0101,
            opening=lambda: opening,
        )
        callbacks.begin(9, "sweep")
        training.begin(None)
        stopped = [training(None, value) for value in values[:n_iter]]
        callbacks.end()
        assert stopped == [False] * (n_iter - 1) + [True]
