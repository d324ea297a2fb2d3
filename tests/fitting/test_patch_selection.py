"""The choice of map, scale and penalty for patches: what is tried, and what it gains."""

import numpy as np
import pytest
from sklearn.base import clone

from sktensornet import CPClassifier, HTClassifier, TTClassifier, TTRegressor
from sktensornet._fitting import _selection
from sktensornet.feature_maps import PCAMap
from sktensornet.patches import SequencePatches

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

WINDOWS = SequencePatches(10, 5)


def waves(n, seed=0):
    """Waves of 40 steps that begin anywhere, with classes by their amplitude."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    phase = rng.uniform(0, 2 * np.pi, (n, 1))
    frequency = rng.uniform(1.0, 1.6, (n, 1))
    X = (1 + 0.5 * y[:, None]) * np.sin(np.arange(40) * frequency + phase)
    return X + 0.5 * rng.standard_normal(X.shape), y


def many_channels(n, seed=0):
    """Six channels of noise, and a linear function of all that is in them."""
    X = np.random.default_rng(seed).standard_normal((n, 6 * 15))
    return X, X @ np.random.default_rng(9).standard_normal(6 * 15)


def fitted(X, y, Format=TTClassifier, **parameters):
    settings = {"rank": 3, "patches": WINDOWS, "random_state": 0} | parameters
    return Format(**settings).fit(X, y)


@pytest.mark.parametrize("Format", [TTClassifier, HTClassifier, CPClassifier])
def test_what_begins_anywhere_gets_moduli(Format):
    clf = fitted(*waves(60), Format)
    assert clf.feature_map_.modulus is not None
    plain = fitted(*waves(60), Format, feature_map=PCAMap())
    X, y = waves(400, seed=1)
    assert clf.score(X, y) > 0.9
    assert plain.score(X, y) < 0.6


def test_many_channels_get_more_components():
    windows = SequencePatches(5, n_channels=6)
    X, y = many_channels(400, seed=1)
    reg = fitted(*many_channels(200), TTRegressor, patches=windows)
    assert reg.feature_map_.mode_sizes == (31, 31, 31)
    assert reg.score(X, y) > 0.9
    few = fitted(*many_channels(200), TTRegressor, patches=windows, feature_map=PCAMap())
    assert few.score(X, y) < 0.5


def test_an_additive_series_gets_a_small_scale():
    """A linear function of many steps: orders beyond the first are noise."""
    rng = np.random.default_rng(0)
    X, coefficients = rng.standard_normal((80, 40)), rng.standard_normal(40)
    reg = fitted(X, X @ coefficients, TTRegressor)
    assert reg.scale_ < 0.5
    fixed = fitted(X, X @ coefficients, TTRegressor, feature_map=PCAMap(11))
    Z = rng.standard_normal((400, 40))
    assert reg.score(Z, Z @ coefficients) > fixed.score(Z, Z @ coefficients)


def test_trials_tell_what_was_tried():
    clf = fitted(*waves(100))
    assert len(clf.trials_) == 3, "the kernel, what it begins with, and what it found"
    assert [trial.mode_size for trial in clf.trials_[:2]] == [10, 10]
    assert clf.trials_[2].mode_size == clf.feature_map_.mode_sizes[0]
    assert clf.trials_[2].loss < clf.trials_[1].loss
    assert clf.scale_ == clf.trials_[2].scale
    assert f"mode_size={clf.feature_map_.mode_sizes[0]}" in repr(clf.trials_[2])


def test_a_given_map_is_not_another():
    clf = fitted(*waves(100), feature_map=PCAMap(6))
    assert clf.feature_map_.mode_sizes[0] == 6
    assert clf.feature_map_.modulus is None
    assert clf.scale_ is None
    assert len(clf.trials_) == 1
    open_scale = fitted(*waves(100), feature_map=PCAMap(6, scale="auto"))
    assert open_scale.scale_ is not None
    assert {trial.mode_size for trial in open_scale.trials_} == {None}


def test_a_given_penalty_leaves_map_and_scale_to_choose():
    clf = fitted(*waves(100), alpha=1e-3)
    assert clf.alpha_ == 1e-3
    assert clf.feature_map_.modulus is not None
    assert {trial.alpha for trial in clf.trials_} == {1e-3}


def test_few_samples_take_the_first_map():
    X, y = waves(8)
    clf = fitted(X, y)
    assert clf.feature_map_.mode_sizes[0] == 10
    assert clf.scale_ == 0.5


def test_a_warm_start_keeps_the_map():
    X, y = waves(100)
    clf = fitted(X, y, warm_start=True)
    before = clf.feature_map_
    clf.fit(X[:90], y[:90])
    assert clf.feature_map_.same_kind(before)
    assert clf.scale_ == before.scale
    assert clf.feature_map_.scale == before.scale


@pytest.mark.parametrize("least", [0, np.inf], ids=["beside", "in turn"])
def test_neither_threads_nor_copies_change_the_choice(least, monkeypatch):
    monkeypatch.setattr(_selection, "_BESIDE", least)
    X, y = waves(100)
    clf = fitted(X, y, n_jobs=1)
    other = clone(clf).set_params(n_jobs=2).fit(X, y)
    assert repr(clf.trials_) == repr(other.trials_)
    np.testing.assert_allclose(clf.predict_proba(X), other.predict_proba(X), atol=1e-10)


def test_types_stay():
    X, y = waves(100)
    clf = fitted(X.astype(np.float32), y)
    assert clf.network_.dtype == np.float32
    assert clf.predict_proba(X.astype(np.float32)).dtype == np.float32
