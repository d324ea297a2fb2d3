"""Probabilities of the squared error: which fits have them, and from which samples."""

import pickle

import numpy as np
import pytest
import skops.io
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from sktensornet import CPClassifier, HTClassifier, TTClassifier
from sktensornet._fitting import _fit
from sktensornet.feature_maps import AffineMap, PCAMap
from sktensornet.losses import CalibratedSquaredError, EachLabel, LogLoss
from sktensornet.patches import ImagePatches
from sktensornet.persistence import TRUSTED_TYPES
from sktensornet.solvers import ALS, LBFGS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

PATCHES = ImagePatches((2, 4), (2, 2))
LOSS = {"loss": "calibrated_squared_error", "feature_map": PCAMap(4), "alpha": 1e-3}


def images(n=150, n_classes=3, seed=0):
    """Images of 2 x 4 pixels, and classes that depend on products of their halves."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 8))
    score = X[:, 0] * X[:, 2] + 0.5 * X[:, 1] + 0.3 * rng.standard_normal(n)
    return X, np.digitize(score, np.quantile(score, np.arange(1, n_classes) / n_classes))


def fitted(X, y, Format=TTClassifier, **parameters):
    settings = {"rank": 3, "patches": PATCHES, "random_state": 0} | LOSS | parameters
    return Format(**settings).fit(X, y)


class TestWhatAutoMeans:
    """The loss, the solver and the map of patches."""

    @pytest.mark.parametrize("Format", [TTClassifier, HTClassifier, CPClassifier])
    def test_few_patches_are_swept_and_calibrated(self, Format):
        clf = fitted(*images(), Format, loss="auto", feature_map="auto", alpha="auto")
        assert isinstance(clf._targets.loss, CalibratedSquaredError)
        assert type(clf.feature_map_).__name__ == "FittedPCAMap"
        assert clf.sweeps_ is not None
        assert clf.temperature_ > 0
        assert 2 <= len(clf.trials_) <= 3

    @pytest.mark.parametrize(
        "parameters",
        [
            {"solver": "lbfgs"},
            {"feature_map": AffineMap(3)},
            {"product": "max", "alpha": 0},
            {"shared_cores": True},
            {"penalty": "start"},
        ],
        ids=str,
    )
    def test_what_is_not_swept_has_the_log_loss(self, parameters):
        X, y = images(60)
        clf = fitted(X, y, **({"loss": "auto", "feature_map": "auto", "max_iter": 2} | parameters))
        assert isinstance(clf._targets.loss, LogLoss)
        assert clf.temperature_ is None
        assert clf.sweeps_ is None

    def test_columns_have_the_log_loss(self):
        clf = fitted(*images(), patches=None, loss="auto", feature_map="polynomial", max_iter=1)
        assert isinstance(clf._targets.loss, LogLoss)
        assert clf.sweeps_ is not None

    def test_more_samples_have_mini_batches(self, monkeypatch):
        monkeypatch.setattr("sktensornet._fitting._needs.MOST_SWEPT_PATCHES", 100)
        clf = fitted(*images(), loss="auto", feature_map="auto", max_iter=1)
        assert isinstance(clf._targets.loss, LogLoss)
        assert clf.sweeps_ is None


class TestTheTemperature:
    """It comes from samples that the fit has not seen."""

    @pytest.mark.parametrize("solver", [ALS(), LBFGS()], ids=["als", "lbfgs"])
    @pytest.mark.parametrize("n_classes", [2, 3])
    def test_is_about_the_best_for_new_samples(self, solver, n_classes):
        X, y = images(600, n_classes)
        X, X_new, y, y_new = train_test_split(X, y, random_state=0)
        clf = fitted(X, y, solver=solver)
        scores = clf.decision_function(X_new).reshape(len(X_new), -1)
        best = CalibratedSquaredError().calibrated(scores, y_new, np.ones(len(y_new)))
        found = log_loss(y_new, clf.predict_proba(X_new))
        assert found <= 1.05 * log_loss(y_new, np.exp(best.log_probabilities(scores)))
        assert abs(np.log(clf.temperature_ / best.temperature)) < 0.5

    def test_does_not_change_predictions(self):
        X, y = images()
        clf = fitted(X, y, solver="lbfgs")
        plain = fitted(X, y, solver="lbfgs", loss="squared_error")
        np.testing.assert_array_equal(clf.decision_function(X), plain.decision_function(X))

    def test_parts_are_not_predicted_by_fits_to_them(self, monkeypatch):
        X, y = images()
        seen, carry_out = [], _fit._carry_out

        def remember(plan, choice, *others):
            seen.append((plan.train.X[:, 0].tolist(), choice.network is None))
            return carry_out(plan, choice, *others)

        monkeypatch.setattr(_fit, "_carry_out", remember)
        fitted(X, y)
        *parts, (whole, begins_anew) = seen
        assert sorted(whole) == sorted(X[:, 0])
        assert not begins_anew
        assert len(parts) == 3
        assert all(anew for _, anew in parts)
        # Each sample is left out once.
        assert sorted(x for part, _ in parts for x in part) == sorted([*X[:, 0], *X[:, 0]])

    def test_does_not_depend_on_the_order_of_the_samples(self):
        X, y = images()
        order = np.random.default_rng(1).permutation(len(X))
        one, other = fitted(X, y), fitted(X[order], y[order])
        np.testing.assert_allclose(one.temperature_, other.temperature_, rtol=1e-6)

    def test_weights_are_repetitions(self):
        X, y = images(60)
        weight = np.random.default_rng(2).integers(0, 3, 60)
        rows = np.repeat(np.arange(60), weight)
        clf = TTClassifier(rank=3, patches=PATCHES, random_state=0, **LOSS)
        whole = clf.fit(X, y, sample_weight=weight).predict_proba(X)
        np.testing.assert_allclose(whole, clf.fit(X[rows], y[rows]).predict_proba(X), atol=1e-7)

    def test_is_one_where_samples_are_too_few(self):
        X, y = images(15)
        clf = fitted(X, y)
        assert clf.temperature_ is None
        np.testing.assert_allclose(clf.predict_proba(X).sum(axis=1), 1)

    def test_of_several_labels(self):
        X, y = images(200)
        Y = np.column_stack([y > 0, y > 1]).astype(int)
        clf = fitted(X, Y)
        assert isinstance(clf._targets.loss, EachLabel)
        expected = 1 / (1 + np.exp(-clf.decision_function(X) / clf.temperature_))
        np.testing.assert_allclose(clf.predict_proba(X), expected, rtol=1e-9)

    def test_with_early_stopping(self):
        X, y = images(200)
        clf = fitted(X, y, early_stopping=True)
        assert clf.temperature_ > 0
        assert len(clf.validation_scores_) == clf.n_iter_


class TestItStays:
    """Files, warm starts and what goes on."""

    def test_a_warm_start_keeps_it(self):
        X, y = images()
        clf = fitted(X, y, warm_start=True, max_iter=1, loss="auto")
        before = clf.temperature_
        clf.fit(X[:100], y[:100])
        assert clf.temperature_ == before

    def test_files_keep_it(self):
        X, y = images()
        clf = fitted(X, y)
        saved = skops.io.dumps(clf)
        for again in (
            pickle.loads(pickle.dumps(clf)),
            skops.io.loads(saved, trusted=TRUSTED_TYPES),
        ):
            np.testing.assert_array_equal(again.predict_proba(X), clf.predict_proba(X))

    def test_batches_have_none(self):
        clf = TTClassifier(**LOSS)
        with pytest.raises(AttributeError, match=r"loss='calibrated_squared_error', for which"):
            clf.partial_fit  # noqa: B018

    def test_blocks_have_none(self):
        da = pytest.importorskip("dask.array")
        X, y = images(60)
        with pytest.raises(ValueError, match=r"holds out single samples, which a dask array X"):
            fitted(da.from_array(X, chunks=20), y)
        clf = fitted(da.from_array(X, chunks=20), y, loss="auto", max_iter=1)
        assert isinstance(clf._targets.loss, LogLoss)
