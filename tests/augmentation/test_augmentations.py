"""Each augmentation against a loop over samples and pixels."""

import numpy as np
import pytest
from scipy import ndimage
from sklearn.base import clone

from sktensornet.augmentation import (
    Augmentation,
    Jitter,
    RandomAffine,
    RandomElastic,
    RandomFlip,
    RandomRotation,
    RandomScaling,
    RandomShift,
    RandomTimeShift,
)
from sktensornet.augmentation._warps import matrices, resampled, turned_places

RNG = np.random.default_rng(0)
IMAGES = RNG.random((70, 6, 9, 3))
SERIES = RNG.random((20, 2, 11))
MODES = {"edge": "nearest", "reflect": "mirror", "wrap": "grid-wrap", 0.5: "grid-constant"}
"""Fills, and what `scipy.ndimage` calls them."""

OF_IMAGES = [
    RandomShift(),
    RandomShift((0, 3), fill=0.25),
    RandomFlip(),
    RandomFlip("vertical", probability=0.3),
    RandomAffine(),
    RandomRotation(),
    RandomElastic(),
    RandomScaling(),
    Jitter(),
]
OF_SERIES = [RandomTimeShift(), RandomTimeShift(4, fill="wrap"), RandomScaling(), Jitter()]
CASES = [(one, IMAGES) for one in OF_IMAGES] + [(one, SERIES) for one in OF_SERIES]
each = pytest.mark.parametrize(("augmentation", "X"), CASES, ids=repr)
STILL = [
    RandomShift(0),
    RandomFlip(probability=0),
    RandomAffine(0, 0, 0),
    RandomRotation(0),
    RandomElastic(0),
    RandomScaling(0),
    Jitter(0),
]


def rng():
    return np.random.default_rng(3)


@each
class TestEach:
    """What all have in common."""

    @pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
    def test_shape_and_type_stay_and_the_samples_themselves(self, augmentation, X, dtype):
        X = (200 * X).astype(dtype)
        before = X.copy()
        found = augmentation(X, rng())
        assert found.shape == X.shape
        assert found.dtype == dtype
        assert (found != X).any()
        np.testing.assert_array_equal(X, before)

    def test_is_decided_by_the_generator(self, augmentation, X):
        found = augmentation(X, rng())
        np.testing.assert_array_equal(found, clone(augmentation)(X, rng()))
        assert (found != augmentation(X, np.random.default_rng(4))).any()

    def test_changes_each_sample_in_its_own_way(self, augmentation, X):
        found = augmentation(np.repeat(X[:1], 20, axis=0), rng())
        assert len(np.unique(found, axis=0)) > 1

    def test_one_draw_serves_all_samples(self, augmentation, X):
        """As for views; and each sample is changed as alone."""
        drawn = augmentation.draw((1, *X.shape[1:]), rng())
        found = augmentation.change(X, drawn)
        for k in (0, len(X) - 1):
            np.testing.assert_allclose(
                found[k], augmentation.change(X[k : k + 1], drawn)[0], rtol=1e-12
            )

    def test_a_part_of_a_draw_serves_a_part_of_the_samples(self, augmentation, X):
        """Samples do not depend on each other."""
        found = augmentation(X, rng())
        turned = augmentation.change(X, augmentation.draw(X.shape, rng()))
        np.testing.assert_array_equal(found, turned)


@pytest.mark.parametrize("augmentation", STILL, ids=repr)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
def test_nothing_happens_without_size(augmentation, dtype):
    X = (200 * IMAGES).astype(dtype)
    np.testing.assert_array_equal(augmentation(X, rng()), X)


@pytest.mark.parametrize("fill", MODES)
def test_shifts_are_those_of_pixels(fill):
    drawn = rng().integers(-2, 3, (2, len(IMAGES)))
    found = RandomShift(2, fill=fill).change(IMAGES, drawn)
    constant = fill if isinstance(fill, float) else 0
    for k, image in enumerate(IMAGES):
        expected = ndimage.shift(image, (*drawn[:, k], 0), order=0, mode=MODES[fill], cval=constant)
        np.testing.assert_array_equal(found[k], expected)


def test_shifts_reach_all_that_was_asked_for_and_no_more():
    rows, columns = RandomShift((1, 2)).draw((500, 6, 9, 3), rng())
    assert sorted(set(rows.tolist())) == [-1, 0, 1]
    assert sorted(set(columns.tolist())) == [-2, -1, 0, 1, 2]
    steps = RandomTimeShift(1).draw((500, 2, 11), rng())
    assert sorted(set(steps.tolist())) == [-1, 0, 1]


def test_series_are_shifted_in_time():
    drawn = rng().integers(-3, 4, len(SERIES))
    found = RandomTimeShift(3, fill="wrap").change(SERIES, drawn)
    for own, series, step in zip(found, SERIES, drawn, strict=True):
        np.testing.assert_array_equal(own, np.roll(series, step, axis=1))


@pytest.mark.parametrize(("axis", "number"), [("horizontal", 1), ("vertical", 0)])
def test_flips_are_reflections_of_some(axis, number):
    found = RandomFlip(axis, probability=0.4)(IMAGES, rng())
    flipped = [(own != image).any() for own, image in zip(found, IMAGES, strict=True)]
    assert 0.2 < np.mean(flipped) < 0.6
    for own, image, is_flipped in zip(found, IMAGES, flipped, strict=True):
        np.testing.assert_array_equal(own, np.flip(image, number) if is_flipped else image)


@pytest.mark.parametrize("fill", MODES)
def test_interpolation_is_bilinear(fill):
    places = rng().uniform(-3, 11, (2, len(IMAGES), 6, 9))
    found = resampled(IMAGES, *places, fill=fill)
    constant = fill if isinstance(fill, float) else 0
    for k in range(0, len(IMAGES), 7):
        for channel in range(3):
            expected = ndimage.map_coordinates(
                IMAGES[k, ..., channel], places[:, k], order=1, mode=MODES[fill], cval=constant
            )
            np.testing.assert_allclose(found[k, ..., channel], expected, rtol=1e-9, atol=1e-12)


def test_rotation_by_right_angles_moves_pixels():
    """A quarter turn is exact, and in the same direction for all channels."""
    X = IMAGES[:, :, :6]
    found = resampled(X, *turned_places((6, 6), matrices(np.full(len(X), 90.0))), fill=0)
    # Sines and cosines of right angles are not exact, and the pixels at the border are
    # mixed with what is beyond it.
    np.testing.assert_allclose(found, np.rot90(X, -1, (1, 2)), atol=1e-5)


@pytest.mark.parametrize("augmentation", [RandomRotation(25), RandomAffine(25, 0.2, 0.3)], ids=repr)
def test_affine_changes_turn_zoom_and_shear_about_the_centre(augmentation):
    matrix = augmentation.draw((len(IMAGES), 6, 9, 3), rng())
    found = augmentation.change(IMAGES, matrix)
    centre = np.array([2.5, 4.0])
    for k in range(0, len(IMAGES), 7):
        offset = centre - matrix[k] @ centre
        for channel in range(3):
            expected = ndimage.affine_transform(
                IMAGES[k, ..., channel], matrix[k], offset, order=1, mode="nearest"
            )
            np.testing.assert_allclose(found[k, ..., channel], expected, atol=1e-5)


def test_matrices_are_products_of_a_turn_a_zoom_and_a_shear():
    angle, zoom, shear = np.array([30.0, -10.0]), np.array([1.2, 0.9]), np.array([0.1, -0.3])
    for k, found in enumerate(matrices(angle, zoom, shear)):
        cos, sin = np.cos(np.deg2rad(angle[k])), np.sin(np.deg2rad(angle[k]))
        turn = np.array([[cos, -sin], [sin, cos]])
        expected = turn @ np.array([[1, 0], [shear[k], 1]]) / zoom[k]
        np.testing.assert_allclose(found, expected)
    np.testing.assert_allclose(matrices(angle)[0] @ matrices(-angle)[0], np.eye(2), atol=1e-12)


def test_drawn_angles_zooms_and_shears_stay_within_bounds():
    found = RandomAffine(20, 0.1, 0.3).draw((400, 6, 9, 1), rng())
    zooms = np.linalg.det(found) ** -0.5
    assert 0.9 < zooms.min() < 0.93
    assert 1.08 < zooms.max() < 1.11
    turned = RandomRotation(20).draw((400, 6, 9, 1), rng())
    angles = np.rad2deg(np.arcsin(turned[:, 1, 0]))
    assert -20 < angles.min() < -18 < 18 < angles.max() < 20


def test_elastic_shifts_have_the_stated_size_and_smoothness():
    shape = 2, 30, 30
    own = RandomElastic(scale=1.5, smoothness=3.0)
    drawn = own.draw((400, *shape[1:], 1), rng())
    rows, columns = own._sources(shape[1:], drawn)
    places = np.arange(30)
    shifts = np.stack([rows - places[:, None], columns - places])
    np.testing.assert_allclose(shifts.std(axis=1), 1.5, rtol=0.2)
    middle = shifts[:, :, 15]
    for distance in (2, 5):
        a, b = middle[..., 10], middle[..., 10 + distance]
        found = np.mean(a * b) / 1.5**2
        assert abs(found - np.exp(-(distance**2) / (4 * 3.0**2))) < 0.1
    assert abs(np.mean(shifts[0] * shifts[1])) < 0.1


def test_noise_and_factors_have_the_stated_size():
    X = 50.0 + 8.0 * RNG.standard_normal((300, 2, 40))
    X[:, 1] *= 0.01
    noise = Jitter(0.1)(X, rng()) - X
    np.testing.assert_allclose(noise.std(axis=(0, 2)), [0.8, 0.008], rtol=0.05)
    ratio = RandomScaling(0.1)(X, rng()) / X
    np.testing.assert_allclose(ratio, np.broadcast_to(ratio[..., :1], X.shape))
    np.testing.assert_allclose(ratio[..., 0].std(axis=0), 0.1, rtol=0.15)
    np.testing.assert_allclose(ratio.mean(), 1, atol=0.02)


def test_what_is_missing_stays_missing_and_says_nothing_of_the_rest():
    X = SERIES.copy()
    X[:, 0, 8:] = np.nan
    X[3, 1] = np.nan
    found = Jitter(0.1)(X, rng())
    np.testing.assert_array_equal(np.isnan(found), np.isnan(X))
    whole = Jitter(0.1).change(X[:, :1, :8], Jitter(0.1).draw(X.shape, rng())[:, :1, :8])
    np.testing.assert_allclose(found[:, :1, :8], whole)


def test_numbers_of_small_types_end_at_their_limits():
    X = np.full((30, 4, 4, 1), 250, np.uint8)
    found = RandomScaling(0.5)(X, rng())
    assert found.max() == 255
    assert found.min() < 200


@pytest.mark.parametrize(
    ("augmentation", "X", "words"),
    [
        (RandomShift(-1), IMAGES, "max_shift=-1 must be an integer >= 0, or two of them"),
        (RandomShift((1, 2.5)), IMAGES, "max_shift=2.5 must"),
        (RandomShift("2"), IMAGES, "max_shift='2' must"),
        (RandomShift(fill="zero"), IMAGES, "fill='zero' is unknown.*'edge', 'reflect', 'wrap'"),
        (RandomShift(fill=True), IMAGES, "fill=True"),
        (RandomFlip("left"), IMAGES, "axis='left' is unknown"),
        (RandomFlip(probability=1.5), IMAGES, "probability=1.5 must"),
        (RandomRotation(-5), IMAGES, "max_angle=-5 must"),
        (RandomRotation(fill="zero"), IMAGES, "fill='zero'"),
        (RandomAffine(max_zoom=-0.1), IMAGES, "max_zoom=-0.1 must"),
        (RandomAffine(max_shear=None), IMAGES, "max_shear=None must"),
        (RandomElastic(-1), IMAGES, "scale=-1 must"),
        (RandomElastic(smoothness=0), IMAGES, "smoothness=0 must"),
        (RandomTimeShift(1.5), SERIES, "max_shift=1.5 must"),
        (RandomScaling(-0.1), SERIES, "scale=-0.1 must"),
        (Jitter(np.nan), SERIES, "scale=nan must"),
        (RandomShift(), SERIES, r"images, X of shape \(n_samples, H, W, C\).*\(20, 2, 11\)"),
        (RandomRotation(), SERIES, "images"),
        (RandomTimeShift(), IMAGES, r"series, X of shape \(n_samples, n_channels, length\)"),
    ],
    ids=repr,
)
def test_what_is_not_usable_is_named(augmentation, X, words):
    with pytest.raises(ValueError, match=words):
        augmentation(X, rng())


def test_all_are_augmentations():
    assert all(isinstance(one, Augmentation) for one, _ in CASES)
