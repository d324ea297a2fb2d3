"""Windows of sequences against plain slicing, and what they mean to the estimators."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sktensornet import HTClassifier, TTClassifier
from sktensornet.networks import balanced, hierarchical_tucker
from sktensornet.patches import ImagePatches, SequencePatches, pad_sequences

quick = settings(max_examples=40, deadline=None, derandomize=True, database=None)


def assert_windows(n_channels, length, window, stride, **options):
    values = np.random.default_rng(0).permutation(3 * n_channels * length)
    series = values.reshape(3, n_channels, length).astype(float)
    X = series.reshape(3, -1)
    patches = SequencePatches(window, stride, n_channels, **options)
    sites = patches.fit(X.shape[1])
    first = range(0, length - window + 1, window if stride is None else stride)
    assert sites.n_sites == len(first)
    assert sites.site_size == n_channels * window
    for windows, start in zip(sites.extract(X), first, strict=True):
        expected = series[:, :, start : start + window].reshape(3, -1)
        np.testing.assert_array_equal(windows, expected)


@pytest.mark.parametrize(
    ("n_channels", "length", "window", "stride"),
    [
        (1, 6, 2, None),
        (3, 6, 2, None),
        (1, 8, 4, 2),
        (2, 9, 3, 1),
        (1, 5, 1, None),
        (4, 5, 5, None),
        (2, 5, 5, 7),
        (6, 1, 1, None),
    ],
)
def test_sites_are_slices_of_the_series(n_channels, length, window, stride):
    assert_windows(n_channels, length, window, stride)


@given(st.data())
@quick
def test_sites_are_slices_of_random_series(data):
    def draw(low, high):
        return data.draw(st.integers(low, high))

    length = draw(1, 12)
    assert_windows(draw(1, 4), length, draw(1, length), draw(1, 5), uncovered="ignore")


@given(st.data())
@quick
def test_all_steps_are_covered_unless_it_raises(data):
    length = data.draw(st.integers(1, 12))
    window = data.draw(st.integers(1, length))
    stride = data.draw(st.none() | st.integers(1, 13))
    n_channels = data.draw(st.integers(1, 3))
    patches = SequencePatches(window, stride, n_channels, uncovered="ignore")
    covered = set(patches.fit(n_channels * length).columns.ravel()) == set(
        range(n_channels * length)
    )
    patches.set_params(uncovered="raise")
    if covered:
        patches.fit(n_channels * length)
    else:
        with pytest.raises(ValueError, match=f"stride={stride} .* uncovered"):
            patches.fit(n_channels * length)


def test_one_channel_is_an_image_of_one_row():
    windows = SequencePatches(4, 2).fit(12).columns
    np.testing.assert_array_equal(windows, ImagePatches((1, 12), (1, 4), (1, 2)).fit(12).columns)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"window": 0}, "window=0 must be an integer >= 1"),
        ({"window": 2.0}, "window=2.0 must be an integer"),
        ({"window": True}, "window=True must be an integer"),
        ({"window": 13}, "window=13 is longer than the series, which have 12 steps"),
        ({"window": 7, "n_channels": 2}, "window=7 is longer than the series, which have 6 steps"),
        ({"window": 2, "stride": 0}, "stride=0 must be an integer >= 1"),
        ({"window": 2, "stride": (1,)}, "stride=(1,) must be an integer"),
        ({"window": 2, "n_channels": 0}, "n_channels=0 must be an integer >= 1"),
        ({"window": 2, "n_channels": 5}, "n_channels=5 does not divide the 12 columns of X"),
        ({"window": 2, "n_channels": 13}, "n_channels=13 does not divide the 12 columns of X"),
        ({"window": 5}, "stride=None with window=5 leaves steps of a series of 12 uncovered"),
        ({"window": 4, "stride": 3}, "strides in [1, 2, 4] cover them"),
        ({"window": 2, "stride": 5}, "stride=5 with window=2 leaves steps"),
        ({"window": 2, "uncovered": "warn"}, "uncovered='warn' is unknown"),
    ],
)
def test_bad_parameters_are_named(parameters, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        SequencePatches(**parameters).fit(12)


@pytest.fixture(scope="module")
def waves():
    """Two channels of 16 steps; the class is whether a bump is in both at once."""
    rng = np.random.default_rng(0)
    place = rng.integers(0, 4, (2, 120))
    series = 0.1 * rng.standard_normal((120, 2, 4, 4))
    for channel in range(2):
        series[np.arange(120), channel, place[channel]] += 1
    return series.reshape(120, -1), (place[0] == place[1]).astype(int)


def test_a_chain_of_windows_sees_what_is_in_one_window_of_two_channels(waves):
    X, y = waves
    patches = SequencePatches(4, n_channels=2)
    model = TTClassifier(rank=4, patches=patches, random_state=0).fit(X[:80], y[:80])
    assert model.score(X[80:], y[80:]) > 0.9
    assert model.network_.n_sites == 4
    assert model.get_params()["patches__stride"] is None


def test_a_tree_over_windows_halves_time(waves):
    X, y = waves
    patches = SequencePatches(2, n_channels=2)
    model = HTClassifier(rank=3, patches=patches, solver="als", max_iter=2, tol=1.0).fit(X, y)
    assert model.network_.tree == hierarchical_tucker(balanced(8))


def test_sequences_are_padded():
    short, long = np.array([[1.0, 2.0], [3.0, 4.0]]), np.arange(6.0).reshape(3, 2)
    padded = pad_sequences([short, long])
    np.testing.assert_array_equal(padded, [[1, 3, np.nan, 2, 4, np.nan], [0, 2, 4, 1, 3, 5]])
    assert pad_sequences([[1]], length=4).shape == (1, 4)
    with pytest.raises(ValueError, match="length=2 is less than the 3 steps"):
        pad_sequences([short, long], length=2)
    with pytest.raises(ValueError, match="as many channels"):
        pad_sequences([short, long[:, :1]])
