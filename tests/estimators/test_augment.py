"""Mini-batches of changed samples, and predictions averaged over views."""

import pickle

import joblib
import numpy as np
import pytest
import skops.io
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV

from sktensornet import CPClassifier, HTClassifier, HTRegressor, TTClassifier, TTRegressor
from sktensornet._fitting._augment import Augment
from sktensornet.augmentation import (
    Augmentation,
    Jitter,
    RandomElastic,
    RandomFlip,
    RandomRotation,
    RandomScaling,
    RandomShift,
    RandomTimeShift,
)
from sktensornet.callbacks import Checkpoint
from sktensornet.feature_maps import AffineMap, PolynomialMap
from sktensornet.patches import ImagePatches, Patches, SequencePatches
from sktensornet.persistence import TRUSTED_TYPES
from sktensornet.solvers import Adam

X, Y = load_digits(return_X_y=True)
IMAGES = X.reshape(-1, 8, 8)[:160].astype(np.float32)
LABELS = Y[:160]
CHANGES = [RandomShift(1), RandomRotation(10)]
STILL = [RandomShift(0), RandomRotation(0), RandomFlip(probability=0), RandomScaling(0)]


def adam(Format=HTClassifier, **parameters):
    own = {
        "rank": 10 if Format is CPClassifier else 3,
        "patches": ImagePatches((8, 8), (4, 4), stride=2),
        "feature_map": AffineMap(n_components=4),
        "solver": Adam(batch_size=20, dropout=0.1),
        "max_iter": 2,
        "random_state": 0,
    }
    return Format(**(own | parameters))


def parameters_of(model):
    return np.concatenate(
        [one.ravel() for one in (*model.network_.cores, *model.feature_map_.parameters)]
    )


def same(model, other):
    return (
        np.array_equal(parameters_of(model), parameters_of(other))
        and model.loss_curve_ == other.loss_curve_
    )


class Seen(Augmentation):
    """Leaves samples as they are, and keeps them."""

    seen = ()

    def __init__(self, name="seen"):
        self.name = name

    def draw(self, shape, rng):
        return rng.random(shape[0])

    def change(self, X, drawn):
        type(self).seen += (X.copy(),)
        return X


class Breaking(Augmentation):
    """Changes nothing, and breaks when it is told to."""

    left = 10**6

    def draw(self, shape, rng):
        type(self).left -= 1
        if self.left < 0:
            raise OSError("broken")

    def change(self, X, drawn):
        return X


@pytest.fixture
def seen():
    """What was given to `Seen`, first of all two samples that it is tried on."""
    Seen.seen = ()
    yield lambda: np.concatenate(Seen.seen[1:])
    Seen.seen = ()


class TestFit:
    """What mini-batches are trained on."""

    @pytest.mark.parametrize("dropout", [0.0, 0.1])
    @pytest.mark.parametrize("Format", [TTClassifier, HTClassifier, CPClassifier])
    def test_what_changes_nothing_gives_the_fit_without(self, Format, dropout):
        solver = Adam(batch_size=20, dropout=dropout)
        plain = adam(Format, solver=solver).fit(IMAGES, LABELS)
        for augment in ([], STILL):
            assert same(adam(Format, solver=solver, augment=augment).fit(IMAGES, LABELS), plain)
        changed = adam(Format, solver=solver, augment=CHANGES).fit(IMAGES, LABELS)
        assert not same(changed, plain)

    def test_depends_on_the_seed_and_on_nothing_else(self):
        model = adam(augment=CHANGES).fit(IMAGES, LABELS)
        for n_jobs in (1, 2, 3):
            assert same(adam(augment=CHANGES, n_jobs=n_jobs).fit(IMAGES, LABELS), model)
        assert same(clone(model).fit(IMAGES, LABELS), model)
        assert not same(clone(model).set_params(random_state=1).fit(IMAGES, LABELS), model)

    def test_every_epoch_changes_samples_anew(self, seen):
        adam(augment=[RandomShift(2), Seen()], max_iter=3).fit(IMAGES, LABELS)
        found = seen().reshape(3, 160, 64)
        assert all(len(np.unique(epoch, axis=0)) > 150 for epoch in found)
        assert len(np.unique(found.reshape(-1, 64), axis=0)) > 400

    def test_each_sample_comes_once_an_epoch(self, seen):
        adam(augment=[Seen()], max_iter=2).fit(IMAGES, LABELS)
        for epoch in seen().reshape(2, 160, 64):
            np.testing.assert_array_equal(
                np.unique(epoch, axis=0), np.unique(IMAGES.reshape(160, 64), axis=0)
            )

    def test_changes_follow_each_other_in_order(self):
        first = adam(augment=[RandomScaling(0.3), RandomShift(1, fill=9.0)]).fit(IMAGES, LABELS)
        other = adam(augment=[RandomShift(1, fill=9.0), RandomScaling(0.3)]).fit(IMAGES, LABELS)
        assert not same(first, other)

    def test_held_out_samples_stay_as_they_are(self):
        model = adam(
            augment=[lambda X, rng: 0 * X],
            early_stopping=True,
            feature_map=PolynomialMap(),
            init="moments",
            solver=Adam(learning_rate=1e-30),
        )
        plain = clone(model).set_params(augment=None).fit(IMAGES, LABELS)
        assert model.fit(IMAGES, LABELS).validation_scores_ == plain.validation_scores_
        assert plain.validation_scores_[0] > 0.3
        assert model.loss_curve_ != plain.loss_curve_

    @pytest.mark.parametrize("early_stopping", [False, True])
    def test_only_rows_of_the_training_part_are_changed(self, seen, early_stopping):
        model = adam(augment=[Seen()], early_stopping=early_stopping, max_iter=1)
        model.fit(IMAGES, LABELS)
        assert len(seen()) == (144 if early_stopping else 160)

    def test_maps_and_starts_see_the_samples_as_they_are(self):
        model = adam(
            augment=CHANGES,
            feature_map=PolynomialMap(scale=0.5),
            init="moments",
            solver=Adam(learning_rate=1e-30),
            alpha=1e-3,
        )
        plain = clone(model).set_params(augment=None).fit(IMAGES, LABELS)
        model.fit(IMAGES, LABELS)
        np.testing.assert_allclose(
            model.decision_function(IMAGES), plain.decision_function(IMAGES), rtol=1e-6
        )

    def test_weights_stay_with_their_samples(self):
        """Samples without weight may be anything."""
        weight = np.arange(160) % 2.0
        other = IMAGES.copy()
        other[::2] = 3.0
        model = adam(augment=[RandomShift(1)], feature_map=PolynomialMap(), solver=Adam(), alpha=0)
        found = clone(model).fit(IMAGES, LABELS, weight)
        assert same(clone(model).fit(other, LABELS, weight), found)
        assert not same(clone(model).fit(other, LABELS), found)

    @pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
    def test_types_are_those_of_the_fit(self, seen, dtype):
        model = adam(augment=[RandomShift(1), Seen()]).fit(IMAGES.astype(dtype), LABELS)
        expected = np.float64 if dtype == np.float64 else np.float32
        assert seen().dtype == expected == model.network_.dtype
        assert model.predict_proba(IMAGES[:5].astype(dtype)).dtype == expected

    @pytest.mark.parametrize(
        ("patches", "X", "shape"),
        [
            (ImagePatches((8, 8), 4), IMAGES, (8, 8, 1)),
            (ImagePatches((8, 4, 2), 4), IMAGES.reshape(160, 8, 4, 2), (8, 4, 2)),
            (
                ImagePatches((8, 4, 2), 4, channels="first"),
                IMAGES.reshape(160, 8, 4, 2).transpose(0, 3, 1, 2),
                (8, 4, 2),
            ),
            (ImagePatches((8, 4, 2), 4), IMAGES.reshape(160, 64), (8, 4, 2)),
            (SequencePatches(8), IMAGES.reshape(160, 64), (1, 64)),
            (SequencePatches(8, n_channels=4), IMAGES.reshape(160, 4, 16), (4, 16)),
            (
                SequencePatches(8, n_channels=4, channels="last"),
                IMAGES.reshape(160, 4, 16).transpose(0, 2, 1),
                (4, 16),
            ),
        ],
        ids=repr,
    )
    def test_samples_have_the_axes_of_the_patches(self, seen, patches, X, shape):
        adam(patches=patches, augment=[Seen()], max_iter=1).fit(X, LABELS)
        assert seen().shape == (160, *shape)
        np.testing.assert_array_equal(
            np.unique(seen().reshape(160, -1), axis=0), np.unique(IMAGES.reshape(160, -1), axis=0)
        )

    def test_series_and_real_targets(self):
        series = IMAGES.reshape(160, 2, 32)
        reg = adam(
            TTRegressor,
            patches=SequencePatches(8, n_channels=2),
            augment=[RandomTimeShift(1), RandomScaling(0.02), Jitter()],
            solver=Adam(2e-2, batch_size=20),
            feature_map=PolynomialMap(),
            n_views=3,
            max_iter=20,
        )
        y = series[:, 0].mean(axis=1)
        assert reg.fit(series, y).score(series, y) > 0.5

    def test_partial_fit_changes_its_batches(self, seen):
        model = adam(augment=[RandomShift(1), Seen()])
        other = clone(model).set_params(augment=[RandomShift(0)])
        plain = clone(model).set_params(augment=None)
        for part in (slice(0, 80), slice(80, 160)):
            for one in (model, other, plain):
                one.partial_fit(IMAGES[part], LABELS[part], classes=range(10))
        assert same(other, plain)
        assert not same(model, plain)
        # Two more that each call tries it on.
        assert len(seen()) == 160 + 2

    def test_automatic_solver_is_that_of_mini_batches(self, seen):
        model = adam(augment=[Seen()], solver="auto", feature_map="auto").fit(IMAGES, LABELS)
        assert model.sweeps_ is None
        assert len(seen()) == 320
        assert type(model.feature_map_).__name__ == "FittedAffineMap"

    def test_learns_what_shifted_images_are(self):
        """A bright pixel in the upper or the lower half, in training always in one column."""
        rng = np.random.default_rng(0)
        rows = rng.integers(1, 7, 400)
        shifted, still = np.zeros((2, 400, 8, 8))
        still[np.arange(400), rows, 3] = 1.0
        shifted[np.arange(400), rows, rng.integers(1, 7, 400)] = 1.0
        y = rows > 3
        model = adam(solver=Adam(3e-2, batch_size=20), max_iter=15, feature_map="affine")
        assert clone(model).fit(still, y).score(shifted, y) < 0.9
        model.set_params(augment=[RandomShift((0, 3))])
        assert model.fit(still, y).score(shifted, y) > 0.95


class TestViews:
    """Predictions averaged over views."""

    @pytest.fixture(scope="class")
    @classmethod
    def model(cls):
        return adam(augment=CHANGES, max_iter=6).fit(IMAGES, LABELS)

    @staticmethod
    def views(model, n_views):
        """The samples as they are and as they are changed, one view after the other."""
        rows = IMAGES.reshape(160, 64)
        augment = Augment(model.augment, model.patches)
        return [rows, *(augment.view(rows, k) for k in range(1, n_views))]

    def test_probabilities_scores_and_values_are_means(self, model):
        each = self.views(model, 4)
        probabilities = np.mean([model.predict_proba(view) for view in each], axis=0)
        scores = np.mean([model.decision_function(view) for view in each], axis=0)
        many = clone_fitted(model, n_views=4)
        np.testing.assert_allclose(many.predict_proba(IMAGES), probabilities, rtol=1e-5)
        np.testing.assert_allclose(
            many.predict_log_proba(IMAGES), np.log(probabilities), rtol=1e-4, atol=1e-6
        )
        np.testing.assert_allclose(many.decision_function(IMAGES), scores, rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(many.predict(IMAGES), probabilities.argmax(axis=1))
        assert (probabilities.argmax(axis=1) != model.predict(IMAGES)).any()

    def test_of_a_regressor(self):
        y = IMAGES.mean(axis=(1, 2))
        reg = adam(HTRegressor, loss="gamma", augment=CHANGES).fit(IMAGES, 1 + y)
        expected = np.mean([reg.predict(view) for view in self.views(reg, 3)], axis=0)
        np.testing.assert_allclose(
            clone_fitted(reg, n_views=3).predict(IMAGES), expected, rtol=1e-5
        )

    def test_of_two_classes_and_of_labels_and_without_probabilities(self):
        for loss, y in (
            ("log_loss", LABELS > 4),
            ("log_loss", np.stack([LABELS > 4, LABELS % 2], axis=1).astype(int)),
            ("squared_hinge", LABELS),
        ):
            clf = adam(augment=CHANGES, loss=loss, max_iter=4).fit(IMAGES, y)
            many = clone_fitted(clf, n_views=5)
            scores = np.mean([clf.decision_function(v) for v in self.views(clf, 5)], axis=0)
            np.testing.assert_allclose(many.decision_function(IMAGES), scores, rtol=1e-4, atol=1e-5)
            found = many.predict(IMAGES)
            if loss == "squared_hinge":
                np.testing.assert_array_equal(found, scores.argmax(axis=1))
                continue
            likely = np.mean([clf.predict_proba(v) for v in self.views(clf, 5)], axis=0)
            expected = likely > 0.5 if y.ndim > 1 else likely[:, 1] > 0.5
            np.testing.assert_array_equal(found, expected)

    def test_do_not_depend_on_other_samples_or_the_call(self, model):
        many = clone_fitted(model, n_views=3)
        found = many.predict_proba(IMAGES)
        np.testing.assert_array_equal(found, many.predict_proba(IMAGES))
        order = np.random.default_rng(0).permutation(160)[:70]
        np.testing.assert_allclose(many.predict_proba(IMAGES[order]), found[order], rtol=1e-4)

    def test_functions_give_views_too(self, model):
        def brighter(X, rng):
            return X * rng.uniform(0.5, 1.5, (len(X), 1, 1, 1)).astype(X.dtype)

        many = clone_fitted(model, augment=[RandomShift(1), brighter], n_views=3)
        found = many.predict_proba(IMAGES)
        np.testing.assert_allclose(many.predict_proba(IMAGES[5:9]), found[5:9], rtol=1e-4)
        assert (found != model.predict_proba(IMAGES)).any()

    def test_do_not_need_a_fit_with_them(self):
        clf = TTClassifier(patches=ImagePatches((8, 8), 4), max_iter=2, random_state=0)
        clf.fit(IMAGES, LABELS).set_params(augment=[RandomShift(1)], n_views=3)
        assert clf.sweeps_ is not None
        assert clf.score(IMAGES, LABELS) > 0.8

    def test_posterior_moderates_each_view(self):
        y = LABELS > 4
        clf = adam(
            augment=[RandomShift(1)], posterior=True, feature_map=PolynomialMap(), alpha=1e-2
        ).fit(IMAGES, y)
        expected = np.mean([clf.predict_proba(view) for view in self.views(clf, 3)], axis=0)
        np.testing.assert_allclose(
            clone_fitted(clf, n_views=3).predict_proba(IMAGES), expected, rtol=1e-4
        )

    def test_a_graph_has_none(self, model):
        onnx = pytest.importorskip("sktensornet.onnx")
        pytest.importorskip("onnx")
        onnx.to_onnx(model)
        with pytest.raises(ValueError, match=r"n_views=2.*set n_views=1"):
            onnx.to_onnx(clone_fitted(model, n_views=2))

    def test_blocks_of_dask_give_the_same(self, model):
        da = pytest.importorskip("dask.array")
        many = clone_fitted(model, n_views=3)
        found = many.predict_proba(da.from_array(IMAGES, chunks=(50, 8, 8))).compute()
        np.testing.assert_allclose(found, many.predict_proba(IMAGES), rtol=1e-4)


def clone_fitted(model, **parameters):
    return pickle.loads(pickle.dumps(model)).set_params(**parameters)


class TestState:
    """Copies, files, searches, and fits that go on."""

    def test_files_and_copies(self):
        model = adam(augment=[*CHANGES, RandomElastic(0.5)], n_views=2).fit(IMAGES, LABELS)
        saved = skops.io.dumps(model)
        for other in (
            clone_fitted(model),
            skops.io.loads(saved, trusted=TRUSTED_TYPES),
        ):
            np.testing.assert_array_equal(other.predict_proba(IMAGES), model.predict_proba(IMAGES))
            assert same(clone(other).fit(IMAGES, LABELS), model)
        copied = clone(model)
        assert repr(copied.augment) == repr(model.augment)
        assert copied.augment[0] is not model.augment[0]
        assert copied.get_params()["augment"] is copied.augment

    def test_a_search_chooses_among_them(self):
        grid = {"augment": [None, [RandomShift(1)], [RandomShift(5)]], "n_views": [1]}
        search = GridSearchCV(adam(max_iter=8), grid, cv=2).fit(IMAGES, LABELS)
        assert repr(search.best_params_["augment"]) != "[RandomShift(max_shift=5)]"

    def test_conversions_keep_them(self):
        model = adam(TTClassifier, augment=CHANGES, n_views=2).fit(IMAGES, LABELS)
        other = HTClassifier.from_fitted(model)
        assert other.n_views == 2
        np.testing.assert_allclose(
            other.predict_proba(IMAGES), model.predict_proba(IMAGES), rtol=1e-3, atol=1e-5
        )

    def test_a_warm_start_may_change_them(self):
        model = adam(augment=CHANGES, warm_start=True).fit(IMAGES, LABELS)
        model.set_params(augment=None).fit(IMAGES, LABELS)
        assert len(model.loss_curve_) == 2

    def test_a_fit_that_was_cut_off_goes_on_in_every_digit(self, tmp_path, monkeypatch):
        path = tmp_path / "fit.joblib"
        model = adam(augment=[*CHANGES, Breaking()], max_iter=4, warm_start=True)
        whole = clone(model).fit(IMAGES, LABELS)
        monkeypatch.setattr(Breaking, "left", 20)
        with pytest.raises(OSError, match="broken"):
            clone(model).set_callbacks(Checkpoint(path)).fit(IMAGES, LABELS)
        monkeypatch.undo()
        broken = joblib.load(path)
        assert 0 < broken.n_iter_ < 4
        assert same(broken.set_callbacks().fit(IMAGES, LABELS), whole)
        other = joblib.load(path).set_callbacks().set_params(augment=[RandomShift(2), Breaking()])
        with pytest.warns(UserWarning, match="parameters are others"):
            other.fit(IMAGES, LABELS)


class TestErrors:
    """What does not go together is named."""

    @pytest.mark.parametrize("solver", ["als", "lbfgs", "spectral"])
    def test_other_solvers_raise(self, solver):
        words = rf"solver='{solver}'.*augment=\[RandomShift\(\)\].*solver='adam' or 'auto'"
        with pytest.raises(ValueError, match=words):
            adam(solver=solver, augment=[RandomShift()], feature_map="auto").fit(IMAGES, LABELS)

    @pytest.mark.parametrize(
        ("parameters", "words"),
        [
            ({"patches": None}, r"augment=\[RandomShift\(\)\].*patches=None.*ImagePatches"),
            ({"augment": RandomShift()}, "'augment' parameter.*list of callables.*RandomShift"),
            ({"augment": [RandomShift]}, "'augment' parameter.*list of callables.*class"),
            ({"augment": [3]}, "'augment' parameter.*list of callables"),
            ({"augment": "shift"}, "'augment' parameter.*list of callables"),
            ({"augment": [RandomShift(-1)]}, "max_shift=-1 must"),
            ({"patches": SequencePatches(8)}, "RandomShift().*changes images"),
            ({"n_views": 0}, "'n_views' parameter"),
            ({"augment": None, "n_views": 2}, "n_views=2.*augment=None"),
            ({"augment": [lambda X, rng: X[0]]}, r"\(8, 8, 1\).*\(2, 8, 8, 1\)"),
            ({"augment": [lambda X, rng: None]}, r"None.*\(2, 8, 8, 1\)"),
            ({"augment": [lambda X, rng: X + 1j]}, "complex64"),
        ],
    )
    def test_what_is_not_usable(self, parameters, words):
        model = adam(**({"augment": [RandomShift()]} | parameters))
        with pytest.raises(ValueError, match=words):
            model.fit(IMAGES.reshape(160, 64), LABELS)

    def test_patches_that_state_no_shape(self):
        class Halves(Patches):
            def fit(self, n_features):
                return ImagePatches((8, 8), (4, 8)).fit(n_features)

        with pytest.raises(ValueError, match=r"patches=Halves\(\) says nothing of the shape"):
            adam(patches=Halves(), augment=CHANGES).fit(IMAGES.reshape(160, 64), LABELS)

    def test_predictions_check_what_was_set_since(self):
        model = adam().fit(IMAGES, LABELS).set_params(n_views=2)
        with pytest.raises(ValueError, match=r"n_views=2.*augment=None"):
            model.predict(IMAGES)
        with pytest.raises(ValueError, match="n_views=0 must"):
            model.set_params(n_views=0).predict(IMAGES)

    @pytest.mark.parametrize("solver", ["auto", "adam"])
    def test_blocks_of_dask(self, solver):
        da = pytest.importorskip("dask.array")
        model = adam(augment=[RandomShift()], solver=solver)
        with pytest.raises(ValueError, match=r"dask array X"):
            model.fit(da.from_array(IMAGES, chunks=(50, 8, 8)), LABELS)

    def test_arrays_of_other_libraries(self, place, dispatch):
        there = place.put(IMAGES)
        labels = place.put(LABELS)
        with pytest.raises(ValueError, match=r"augment=\[RandomShift\(\)\].*an X of"):
            adam(augment=[RandomShift()]).fit(there, labels)
        model = adam().fit(there, labels).set_params(augment=[RandomShift()], n_views=2)
        with pytest.raises(ValueError, match=r"n_views=2.*an X of"):
            model.predict(there)

    def test_parameters_inside_the_list(self):
        with pytest.raises(ValueError, match=r"augment__max_shift sets.*augment=\[RandomShift"):
            adam(augment=CHANGES).set_params(augment__max_shift=3)

    def test_sparse_matrices(self):
        from scipy.sparse import csr_array

        with pytest.raises(TypeError, match="Sparse"):
            adam(augment=CHANGES).fit(csr_array(IMAGES.reshape(160, 64)), LABELS)
