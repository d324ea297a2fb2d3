"""Images and series in their own shape against the same as rows."""

import numpy as np
import pytest
from sklearn.base import clone

from sktensornet import HTClassifier, TTClassifier, TTRegressor
from sktensornet.patches import ImagePatches, SequencePatches
from sktensornet.patches._base import automatic_window, covering_strides

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(0)
IMAGES = RNG.standard_normal((60, 4, 6, 3))
SERIES = RNG.standard_normal((60, 2, 12))
SHORT = {"rank": 2, "alpha": 1e-2, "max_iter": 1, "random_state": 0}
FIRST = (0, 3, 1, 2)

CASES = {
    "grey": (ImagePatches((4, 6), (2, 3)), IMAGES[..., 0], IMAGES[..., 0]),
    "last": (ImagePatches((4, 6, 3), (2, 3)), IMAGES, IMAGES),
    "first": (
        ImagePatches((4, 6, 3), (2, 3), channels="first"),
        IMAGES.transpose(FIRST),
        IMAGES,
    ),
    "series": (SequencePatches(4, 2, n_channels=2), SERIES, SERIES),
    "steps": (
        SequencePatches(4, 2, n_channels=2, channels="last"),
        SERIES.transpose(0, 2, 1),
        SERIES,
    ),
    "one channel": (SequencePatches(4), SERIES[:, :1], SERIES[:, 0]),
}


@pytest.fixture(params=CASES, ids=list(CASES))
def case(request):
    """Patches, samples in their own shape, and the same as rows."""
    patches, natural, image = CASES[request.param]
    return patches, natural, image.reshape(len(image), -1)


def test_rows_have_all_axes_again(case):
    patches, _, rows = case
    image = {"grey": (4, 6, 1), "one channel": (1, 12)}
    shapes = image | {"last": (4, 6, 3), "first": (4, 6, 3), "series": (2, 12), "steps": (2, 12)}
    name = next(name for name, known in CASES.items() if known[0] is patches)
    found = patches.unflatten(rows)
    assert found.shape == (60, *shapes[name])
    np.testing.assert_array_equal(found.reshape(60, -1), rows)


def target(rows):
    return rows[:, 0] * rows[:, 1] > 0


class TestEstimators:
    """Fits and predictions do not depend on the shape."""

    def test_fit_and_predictions_are_those_of_rows(self, case):
        patches, natural, rows = case
        y = target(rows)
        clf = TTClassifier(patches=patches, **SHORT).fit(natural, y)
        flat = TTClassifier(patches=patches, **SHORT).fit(rows, y)
        assert clf.n_features_in_ == rows.shape[1]
        assert not hasattr(clf, "feature_names_in_")
        expected = flat.decision_function(rows)
        for X in (natural, rows, natural.tolist(), list(natural)):
            np.testing.assert_array_equal(clf.decision_function(X), expected)

    def test_batches_and_regressors_too(self, case):
        patches, natural, rows = case
        y = rows[:, 0] * rows[:, 1]
        reg, flat = TTRegressor(patches=patches, **SHORT), TTRegressor(patches=patches, **SHORT)
        for part in (slice(0, 30), slice(30, 60)):
            reg.partial_fit(natural[part], y[part])
            flat.partial_fit(rows[part], y[part])
        np.testing.assert_array_equal(reg.predict(natural), flat.predict(rows))

    def test_blocks_too(self, case):
        da = pytest.importorskip("dask.array")
        patches, natural, rows = case
        blocks = da.from_array(natural, chunks=(25, *(2 for _ in natural.shape[1:])))
        clf = TTClassifier(patches=patches, **SHORT).fit(blocks, target(rows))
        found = clf.decision_function(blocks)
        assert found.chunks == ((25, 25, 10),)
        np.testing.assert_allclose(found.compute(), clf.decision_function(rows), rtol=1e-9)

    def test_arrays_of_other_libraries_too(self, case, dispatch):
        xp = pytest.importorskip("array_api_strict")
        patches, natural, rows = case
        clf = TTClassifier(patches=patches, solver="lbfgs", **SHORT)
        clf.fit(xp.asarray(natural), xp.asarray(target(rows)))
        found = clf.decision_function(xp.asarray(natural))
        flat = TTClassifier(patches=patches, solver="lbfgs", **SHORT).fit(rows, target(rows))
        expected = flat.decision_function(rows)
        np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-6, atol=1e-9)

    def test_what_was_fitted_says_the_shape(self):
        patches, natural, image = CASES["first"]
        clf = TTClassifier(patches=patches, **SHORT).fit(natural, target(image.reshape(60, -1)))
        before = clf.predict(natural)
        clf.set_params(patches=clone(patches).set_params(channels="last"))
        np.testing.assert_array_equal(clf.predict(natural), before)

    def test_a_warm_start_goes_by_what_was_fitted(self):
        patches, natural, rows = CASES["last"]
        y = target(rows.reshape(60, -1))
        clf = TTClassifier(patches=patches, warm_start=True, **SHORT).fit(natural, y)
        assert clf.fit(natural, y).n_features_in_ == 72

    def test_longer_series_of_shared_cores(self):
        patches = SequencePatches(2, n_channels=2, channels="last")
        X = SERIES.transpose(0, 2, 1)
        clf = TTClassifier(patches=patches, shared_cores=True, **SHORT)
        clf.fit(X[:, :8], SERIES[:, 0, 0] > 0)
        longer = SERIES.reshape(60, -1)
        np.testing.assert_array_equal(clf.decision_function(X), clf.decision_function(longer))


class TestPixels:
    """Of eight bits they are taken in single precision, which holds them exactly."""

    @pytest.mark.parametrize("shape", [(40, 4, 6), (40, 24)])
    def test_bytes_are_floats_of_single_precision(self, shape):
        X = RNG.integers(0, 256, shape, dtype=np.uint8)
        y = X.reshape(40, -1)[:, 0] > 127
        clf = TTClassifier(patches=ImagePatches((4, 6), 2), **SHORT).fit(X, y)
        same = TTClassifier(patches=ImagePatches((4, 6), 2), **SHORT)
        same.fit(X.astype(np.float32), y)
        assert clf.network_.dtype == np.float32
        np.testing.assert_array_equal(clf.predict_proba(X), same.predict_proba(X.astype(float)))

    def test_without_patches_they_stay_what_they_were(self):
        X = RNG.integers(0, 256, (40, 3), dtype=np.uint8)
        clf = TTClassifier(feature_map="polynomial", **SHORT).fit(X, X[:, 0] > 127)
        assert clf.network_.dtype == np.float64


class TestWhatIsRefused:
    """The message names the shape of X and that of the patches."""

    @pytest.mark.parametrize(
        ("name", "X", "said"),
        [
            ("last", IMAGES.transpose(FIRST), r"\(60, 3, 4, 6\).*\(4, 6, 3\).*channels='first'\."),
            ("first", IMAGES, r"\(60, 4, 6, 3\).*\(n_samples, 3, 4, 6\).*set channels='last'\."),
            ("grey", IMAGES, r"\(60, 4, 6, 3\), but image_shape=\(4, 6\)"),
            ("last", IMAGES[..., :2], r"\(60, 4, 6, 2\), but image_shape=\(4, 6, 3\)"),
            ("grey", IMAGES[..., None], r"\(60, 4, 6, 3, 1\), but image_shape=\(4, 6\)"),
            ("series", SERIES.transpose(0, 2, 1), r"\(60, 12, 2\).*set channels='last'\."),
            ("steps", SERIES, r"\(60, 2, 12\).*\(n_samples, length, 2\).*channels='first'\."),
            ("series", IMAGES, r"\(60, 4, 6, 3\), but n_channels=2"),
            ("grey", [IMAGES[0, ..., 0], IMAGES[1, :3, :, 0]], r"2 shapes, such as \(4, 6\)"),
            ("grey", [[[1.0, 2.0], [3.0]]] * 60, "own rows differ in length"),
            ("last", IMAGES + 1j, "Complex data not supported"),
            ("grey", np.full((60, 4, 6), "a"), "could not convert string to float"),
        ],
    )
    def test_at_once(self, name, X, said):
        with pytest.raises(ValueError, match=said):
            TTClassifier(patches=CASES[name][0], **SHORT).fit(X, np.arange(len(X)) % 2)

    def test_in_prediction(self):
        patches, natural, image = CASES["last"]
        clf = TTClassifier(patches=patches, **SHORT).fit(natural, target(image.reshape(60, -1)))
        with pytest.raises(ValueError, match=r"\(60, 4, 6, 2\), but image_shape=\(4, 6, 3\)"):
            clf.predict(natural[..., :2])

    def test_arrays_of_arrays_of_several_shapes(self):
        X = np.empty(60, dtype=object)
        X[:] = [np.ones((4, 6 - k % 2)) for k in range(60)]
        with pytest.raises(ValueError, match=r"samples of 2 shapes, such as \(4, 6\) and \(4, 5\)"):
            TTClassifier(patches=CASES["grey"][0]).fit(X, np.arange(60) % 2)

    def test_patches_that_are_larger_than_the_image(self):
        with pytest.raises(ValueError, match=r"patch_shape=7 is larger than image_shape=\(4, 6\)"):
            HTClassifier(patches=ImagePatches((4, 6), 7)).fit(IMAGES[..., 0], np.arange(60) % 2)

    @pytest.mark.parametrize("patches", [ImagePatches((4, 6)), SequencePatches(4)])
    def test_an_unknown_place_of_channels(self, patches):
        with pytest.raises(ValueError, match="channels='middle' is unknown"):
            patches.set_params(channels="middle").fit(24)


class TestAutomaticPatches:
    """What "auto" means for the size of patches and windows."""

    @pytest.mark.parametrize("length", range(1, 200))
    def test_windows_cover_the_length_and_overlap(self, length):
        window, stride = automatic_window(length)
        assert window == length or 4 <= window < length
        assert stride in covering_strides(length, window)
        assert (length - window) // stride < 7
        assert window == length or 2 * stride <= window + 1

    def test_of_usual_sizes(self):
        found = {length: automatic_window(length) for length in (8, 28, 32, 64)}
        assert found == {8: (4, 2), 28: (8, 4), 32: (8, 4), 64: (16, 8)}

    def test_images_have_it_on_each_axis(self):
        sites = ImagePatches((8, 28)).fit(8 * 28)
        same = ImagePatches((8, 28), (4, 8), (2, 4)).fit(8 * 28)
        np.testing.assert_array_equal(sites.columns, same.columns)

    def test_one_number_is_for_both_axes(self):
        sites, same = (ImagePatches((8, 8), side).fit(64) for side in (4, (4, 4)))
        np.testing.assert_array_equal(sites.columns, same.columns)

    def test_series_have_it(self):
        sites, same = SequencePatches().fit(28), SequencePatches(8, 4).fit(28)
        np.testing.assert_array_equal(sites.columns, same.columns)
        assert SequencePatches(stride=1).fit(28).n_sites == 21
