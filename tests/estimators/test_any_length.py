"""Equal cores on samples of other lengths than those of the fit, against dense tensors."""

import tracemalloc
from functools import reduce

import numpy as np
import pytest

from sktensornet import CPClassifier, HTClassifier, TTClassifier, TTRegressor
from sktensornet.feature_maps import EmbeddingMap, OneHotMap, PolynomialMap
from sktensornet.patches import SequencePatches

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(0)
X = RNG.standard_normal((40, 4))
Y = np.digitize(X.sum(axis=1), [-1, 1])
LEAST = {TTClassifier: 2, HTClassifier: 2, CPClassifier: 1}


def fitted(kind, **parameters):
    options = {"rank": 3, "feature_map": PolynomialMap(2, 1.0), "alpha": 0.0, "solver": "lbfgs"}
    options |= {"shared_cores": True, "max_iter": 4, "random_state": 0}
    return kind(**(options | parameters))


def oracle(estimator, steps, n_sites):
    """Scores by the dense tensor over so many sites; `steps` is (n_samples, n_sites, p)."""
    weights = estimator.network_.with_n_sites(n_sites).to_dense()
    features = estimator.feature_map_.repeated(n_sites).transform(steps.swapaxes(0, 1))
    return np.stack(
        [
            reduce(lambda rest, one: np.tensordot(one[i], rest, axes=(0, 0)), features, weights)
            for i in range(len(steps))
        ]
    )


@pytest.mark.parametrize("class_tensors", ["joint", "separate"])
@pytest.mark.parametrize("kind", [TTClassifier, HTClassifier, CPClassifier])
def test_other_lengths_equal_the_dense_tensor(kind, class_tensors):
    clf = fitted(kind, class_tensors=class_tensors).fit(X, Y)
    for length in (1, 2, 3, 5, 7):
        other = RNG.standard_normal((6, length))
        if kind is HTClassifier and length > 4:
            with pytest.raises(ValueError, match=r"5 columns.* 5 steps.*fitted to 4.*\[2, 4\]"):
                clf.predict(other[:, :5])
            continue
        n_sites = 4 if kind is HTClassifier and length == 3 else max(length, LEAST[kind])
        filled = np.hstack([other, np.full((6, n_sites - length), np.nan)])
        expected = oracle(clf, filled[..., None], n_sites)
        np.testing.assert_allclose(clf.decision_function(other), expected, rtol=1e-9, atol=1e-9)
        np.testing.assert_array_equal(clf.predict(other), clf.classes_[expected.argmax(axis=1)])
        assert clf.predict_proba(other).shape == (6, 3)
        assert 0 <= clf.score(other, clf.predict(other)) <= 1


def test_long_samples_may_end_early():
    clf = fitted(TTClassifier).fit(X, Y)
    other = RNG.standard_normal((5, 150))
    known = [150, 1, 4, 5, 90]
    short = np.where(np.arange(150) < np.array(known)[:, None], other, np.nan)
    scores = clf.decision_function(short)
    for row, n in enumerate(known):
        own = clf.decision_function(other[row : row + 1, :n])
        np.testing.assert_allclose(scores[row : row + 1], own, rtol=1e-9)


def test_windows_of_channels_take_whole_steps():
    series = RNG.standard_normal((30, 12))
    patches = SequencePatches(window=2, n_channels=2)
    reg = fitted(TTRegressor, patches=patches, feature_map="pca", loss="squared_error")
    reg.fit(series, series.sum(axis=1))
    other = RNG.standard_normal((4, 20))
    steps = other.reshape(4, 2, 5, 2).transpose(0, 2, 1, 3).reshape(4, 5, 4)
    scores = oracle(reg, steps, 5)[:, 0]
    expected = scores * reg.target_scale_ + reg.target_mean_
    np.testing.assert_allclose(reg.predict(other), expected, rtol=1e-9)
    with pytest.raises(ValueError, match="18 columns, which are no whole number of steps"):
        reg.predict(RNG.standard_normal((4, 18)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_thousands_of_steps_stay_finite(dtype):
    clf = fitted(TTClassifier, rank=2).fit(X.astype(dtype), Y)
    scores = clf.decision_function(RNG.standard_normal((1, 4_000)).astype(dtype))
    assert scores.dtype == dtype
    assert np.isfinite(scores).all()
    assert np.abs(scores).max() <= 2.0 ** (100 if dtype is np.float32 else 300)


def test_distinct_cores_and_tables_keep_their_length():
    pandas = pytest.importorskip("pandas")
    with pytest.raises(ValueError, match="5 features, but TTClassifier is expecting 4"):
        fitted(TTClassifier, shared_cores=False).fit(X, Y).predict(np.zeros((2, 5)))
    named = fitted(TTClassifier).fit(pandas.DataFrame(X, columns=list("abcd")), Y)
    with pytest.raises(ValueError, match="feature names should match"):
        named.predict(pandas.DataFrame(np.zeros((2, 5)), columns=list("abcde")))
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        named.predict(np.zeros((2, 5)))
    by_column = fitted(TTClassifier, feature_map={0: PolynomialMap(2, 1.0), 1: "polynomial"})
    with pytest.raises(ValueError, match="as many local features"):
        by_column.fit(X, Y)


def test_two_steps_do_not_say_what_the_inner_ones_are():
    clf = fitted(TTClassifier).fit(X[:, :2], Y)
    with pytest.raises(ValueError, match=r"3 columns.*fitted to 2.*needs cores"):
        clf.predict(X[:, :3])


@pytest.mark.parametrize("feature_map", [PolynomialMap(1, 1.0), OneHotMap(1.0), "spline", "affine"])
def test_a_map_of_equal_cores_is_the_same_at_every_site(feature_map):
    tokens = RNG.integers(0, 3, (40, 4)).astype(float)
    clf = fitted(TTClassifier, feature_map=feature_map).fit(tokens, Y)
    features = clf.feature_map_.transform(np.ones((4, 1, 1)))
    for one in features:
        np.testing.assert_array_equal(one, features[0])


def test_indicators_of_tokens_are_fixed():
    tokens = RNG.integers(0, 5, (40, 4))
    clf = fitted(TTClassifier, feature_map=EmbeddingMap(n_components="one_hot")).fit(tokens, Y)
    assert clf.network_.mode_sizes == (6,) * 4
    assert clf.feature_map_.parameters == ()
    np.testing.assert_array_equal(
        clf.feature_map_.transform(np.array([[[2.0]], [[-1.0]], [[0.0]], [[4.0]]]))[:2, 0],
        [[1, 0, 0, 1, 0, 0], [1, 0, 0, 0, 0, 0]],
    )


def test_dask_arrays_take_other_lengths():
    da = pytest.importorskip("dask.array")
    clf = fitted(TTClassifier).fit(da.from_array(X, chunks=(10, 4)), Y)
    again = fitted(TTClassifier).fit(X, Y)
    other = RNG.standard_normal((9, 7))
    expected = again.decision_function(other)
    found = clf.decision_function(da.from_array(other, chunks=(4, 7))).compute()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_hidden_states_are_those_of_a_loop(dtype):
    clf = fitted(TTClassifier).fit(X.astype(dtype), Y)
    other = RNG.standard_normal((3, 6)).astype(dtype)
    other[0, 4:] = np.nan
    states = clf.hidden_states(other)
    assert states.shape == (3, 6, 3)
    assert states.dtype == dtype
    first, inner, *_ = clf.network_.cores
    features = clf.feature_map_.repeated(6).transform(other.T[..., None])
    state = features[0] @ first[0]
    tol = {"rtol": 1e-4} if dtype is np.float32 else {"rtol": 1e-10}
    np.testing.assert_allclose(states[:, 0], state, **tol)
    for t in range(1, 6):
        state = np.einsum("nr,rmk,nm->nk", state, inner, features[t])
        np.testing.assert_allclose(states[1:, t], state[1:], **tol)
    np.testing.assert_array_equal(states[0, 3], states[0, 5])
    np.testing.assert_array_equal(clf.hidden_states(other, bond=2), states[:, 1])
    np.testing.assert_array_equal(clf.hidden_states(other, bond=-1), states[:, -1])
    parts, powers = clf.hidden_states(other, exponents=True)
    np.testing.assert_array_equal(np.ldexp(parts, powers[..., None]), states)
    assert ((np.abs(parts).max(axis=-1) >= 0.5) & (np.abs(parts).max(axis=-1) < 1)).all()


def test_a_stream_is_read_like_a_sample():
    clf = fitted(TTClassifier, class_tensors="separate").fit(X, Y)
    other = RNG.standard_normal((3, 9))
    state = None
    for column in other.T:
        step = clf.feature_map_.repeated(1).transform(column[None, :, None])[0]
        state = clf.network_.read(state, step)
    np.testing.assert_allclose(state.scores, clf.decision_function(other), rtol=1e-9)


def test_a_stream_needs_constant_memory():
    clf = fitted(TTClassifier).fit(X, Y)
    steps = clf.feature_map_.repeated(1).transform(RNG.standard_normal((1, 2_000, 1)))[0]
    state, before = None, 0
    tracemalloc.start()
    for t in range(2_000):
        state = clf.network_.read(state, steps[t : t + 1])
        if t == 100:
            tracemalloc.reset_peak()
            before, _ = tracemalloc.get_traced_memory()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert np.isfinite(state.scores).all()
    # States kept for each step would be many times that.
    assert most - before < 20_000


def test_hidden_states_say_what_they_need():
    clf = fitted(TTClassifier).fit(X, Y)
    for bond in (0, 7, -8, 1.5):
        with pytest.raises(ValueError, match=f"bond={bond}.* from 1 to 6"):
            clf.hidden_states(np.zeros((1, 6)), bond=bond)
    with pytest.raises(ValueError, match="one tensor for all scores"):
        fitted(TTClassifier, class_tensors="separate").fit(X, Y).hidden_states(X)
    with pytest.raises(ValueError, match="at least three equal cores"):
        fitted(CPClassifier).fit(X, Y).hidden_states(X)
