"""Patches of images against plain slicing, and the orders of their chain."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sktensornet.patches import ImagePatches, SingleColumns

quick = settings(max_examples=40, deadline=None, derandomize=True, database=None)


def images(shape, n=3):
    """Distinct pixels, as images and as rows of X."""
    pixels = np.random.default_rng(0).permutation(n * int(np.prod(shape))).astype(float)
    return pixels.reshape(n, *shape), pixels.reshape(n, -1)


def slices(image, patch, stride):
    """Flattened patches by place in the grid."""
    rows = range(0, image.shape[1] - patch[0] + 1, stride[0])
    columns = range(0, image.shape[2] - patch[1] + 1, stride[1])
    return {
        (i, j): image[:, r : r + patch[0], c : c + patch[1]].reshape(len(image), -1)
        for i, r in enumerate(rows)
        for j, c in enumerate(columns)
    }


def assert_patches(shape, patch, stride, order, **options):
    image, X = images(shape)
    sites = ImagePatches(shape, patch, stride, order, **options).fit(X.shape[1])
    if stride is None:
        stride = patch
    elif isinstance(stride, int):
        stride = (stride, stride)
    expected = slices(image, patch, stride)
    assert sites.n_sites == len(expected)
    assert sites.grid.size == len(expected)
    extracted = sites.extract(X)
    assert extracted.shape == (len(expected), len(X), sites.site_size)
    for place, patch_pixels in expected.items():
        np.testing.assert_array_equal(extracted[sites.grid[place]], patch_pixels)


@pytest.mark.parametrize("order", ["raster", "snake", "hilbert"])
@pytest.mark.parametrize(
    ("shape", "patch", "stride"),
    [
        ((4, 4), (2, 2), None),
        ((4, 6), (2, 3), None),
        ((4, 6, 3), (2, 2), None),
        ((6, 6), (4, 4), 2),
        ((5, 7, 2), (3, 3), (1, 2)),
        ((4, 4), (1, 1), None),
        ((4, 4), (4, 4), None),
        ((4, 4, 1), (4, 2), 2),
        ((1, 8), (1, 3), 1),
        ((3, 3), (3, 3), 5),
    ],
)
def test_sites_are_slices_of_the_image(shape, patch, stride, order):
    assert_patches(shape, patch, stride, order)


@given(st.data())
@quick
def test_sites_are_slices_of_the_image_for_random_shapes(data):
    def draw(low, high):
        return data.draw(st.integers(low, high))

    shape = (draw(1, 7), draw(1, 7), *data.draw(st.sampled_from([(), (1,), (3,)])))
    patch = (draw(1, shape[0]), draw(1, shape[1]))
    stride = (draw(1, 4), draw(1, 4))
    order = data.draw(st.sampled_from(["raster", "snake", "hilbert"]))
    assert_patches(shape, patch, stride, order, uncovered="ignore")


@pytest.mark.parametrize("order", ["raster", "snake", "hilbert"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (4, 4), (3, 5), (6, 2), (8, 8), (16, 16)])
def test_orders_are_permutations_of_the_grid(shape, order):
    grid = ImagePatches(shape, (1, 1), order=order).fit(shape[0] * shape[1]).grid
    assert grid.shape == shape
    assert sorted(grid.ravel()) == list(range(grid.size))


@pytest.mark.parametrize(
    ("order", "shape"),
    [("snake", (4, 4)), ("snake", (3, 5)), ("snake", (5, 2))]
    + [("hilbert", (n, n)) for n in (1, 2, 4, 8, 16)],
)
def test_neighbours_in_the_chain_are_neighbours_in_the_image(order, shape):
    grid = ImagePatches(shape, (1, 1), order=order).fit(shape[0] * shape[1]).grid
    places = np.argwhere(grid >= 0)[np.argsort(grid.ravel())]
    assert np.all(np.abs(np.diff(places, axis=0)).sum(axis=1) == 1)


@pytest.mark.parametrize("block", [2, 4])
def test_hilbert_visits_each_quadrant_at_a_stretch(block):
    grid = ImagePatches((8, 8), (1, 1), order="hilbert").fit(64).grid
    for r in range(0, 8, block):
        for c in range(0, 8, block):
            part = grid[r : r + block, c : c + block]
            assert np.ptp(part) == block * block - 1


def test_raster_goes_row_by_row():
    grid = ImagePatches((2, 3), (1, 1)).fit(6).grid
    np.testing.assert_array_equal(grid, [[0, 1, 2], [3, 4, 5]])


@pytest.mark.parametrize(
    ("parameters", "n_features", "message"),
    [
        ({"image_shape": 16}, 16, r"image_shape=16 must be 2 or 3 integers >= 1"),
        ({"image_shape": (16,)}, 16, r"image_shape=\(16,\) must be 2 or 3 integers"),
        ({"image_shape": (4, 4, 1, 1)}, 16, "image_shape=.* must be 2 or 3 integers"),
        ({"image_shape": (4.0, 4)}, 16, r"image_shape=\(4\.0, 4\) must be"),
        ({"image_shape": (0, 4)}, 0, r"image_shape=\(0, 4\) must be"),
        ({"image_shape": (True, 4)}, 4, r"image_shape=\(True, 4\) must be"),
        ({"image_shape": "44"}, 16, "image_shape='44' must be"),
        ({"image_shape": None}, 16, "image_shape=None must be"),
        ({"image_shape": (4, 5)}, 16, r"\(4, 5\) means 20 columns, but X has 16; .* must multiply"),
        ({"patch_shape": (2, 2, 1)}, 16, r"patch_shape=\(2, 2, 1\) must be 2 integers"),
        ({"patch_shape": (0, 2)}, 16, r"patch_shape=\(0, 2\) must be"),
        ({"patch_shape": (5, 2)}, 16, r"patch_shape=\(5, 2\) is larger than .* must fit"),
        ({"patch_shape": (2, 5)}, 16, r"patch_shape=\(2, 5\) is larger than"),
        ({"stride": 0}, 16, r"stride=\(0, 0\) must be 2 integers >= 1|stride=0 must be"),
        ({"stride": (1, 2, 1)}, 16, r"stride=\(1, 2, 1\) must be 2 integers"),
        ({"stride": 1.5}, 16, r"stride=1\.5 must be"),
        ({"stride": -1}, 16, "stride=.*-1.* must be"),
        ({"stride": 3}, 16, "stride=3 .*uncovered.* strides in .*'ignore'"),
        ({"stride": (2, 3)}, 16, r"stride=\(2, 3\) .* leaves pixels of an image of 4 x 4"),
        ({"patch_shape": (1, 1), "stride": (3, 1)}, 16, "uncovered"),
        ({"patch_shape": (3, 3)}, 16, r"patch_shape=\(3, 3\) leaves pixels"),
        ({"order": "spiral"}, 16, "order='spiral' is unknown; it must be one of .*'hilbert'"),
        ({"order": None}, 16, "order=None is unknown"),
        ({"uncovered": True}, 16, "uncovered=True is unknown; it must be one of .*'ignore'"),
    ],
)
def test_a_bad_parameter_is_refused_by_name_value_and_mend(parameters, n_features, message):
    patches = ImagePatches((4, 4), (2, 2)).set_params(**parameters)
    with pytest.raises(ValueError, match=message):
        patches.fit(n_features)


def test_uncovered_pixels_can_be_ignored():
    sites = ImagePatches((5, 5), (2, 2), stride=3, uncovered="ignore").fit(25)
    assert sorted(sites.columns.ravel()) == [0, 1, 3, 4, 5, 6, 8, 9, 15, 16, 18, 19, 20, 21, 23, 24]


def test_covering_patches_cover_every_pixel():
    sites = ImagePatches((5, 7, 2), (3, 3), stride=(1, 2)).fit(70)
    assert set(sites.columns.ravel()) == set(range(70))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("patches", [SingleColumns(), ImagePatches((2, 3), (2, 1))])
def test_extraction_copies_and_keeps_the_dtype(patches, order, dtype):
    X = np.asarray(np.arange(12.0).reshape(2, 6), dtype, order=order)
    X.flags.writeable = False
    sites = patches.fit(6)
    extracted = sites.extract(X)
    assert extracted.dtype == dtype
    assert not np.shares_memory(extracted, X)
    for k, columns in enumerate(sites.columns):
        np.testing.assert_array_equal(extracted[k], X[:, columns])


def test_every_column_can_be_a_site():
    sites = SingleColumns().fit(4)
    assert (sites.n_sites, sites.site_size, sites.grid) == (4, 1, None)
    np.testing.assert_array_equal(sites.columns.ravel(), range(4))


@pytest.mark.parametrize("name", ["columns", "grid"])
def test_sites_are_read_only(name):
    sites = ImagePatches((4, 4), (2, 2)).fit(16)
    with pytest.raises(ValueError, match="read-only"):
        getattr(sites, name)[0, 0] = 1
    with pytest.raises(AttributeError):
        setattr(sites, name, None)
