"""Memory beyond the data and the model does not grow with the number of samples."""

import tracemalloc

import numpy as np
import pytest

from sktensornet import CPClassifier, HTClassifier, TTClassifier
from sktensornet.feature_maps import AffineMap, PolynomialMap
from sktensornet.patches import ImagePatches


def peak_of_fit(estimator, n_samples):
    rng = np.random.default_rng(0)
    return peak_with(estimator, rng.standard_normal((n_samples, 64)).astype(np.float32))


@pytest.mark.parametrize(
    ("estimator", "solver"),
    [(TTClassifier(), "lbfgs"), (HTClassifier(), "adam"), (CPClassifier(), "lbfgs")],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_fit_keeps_only_vectors_of_labels_and_weights(estimator, solver):
    estimator.set_params(
        patches=ImagePatches((8, 8), (4, 4), stride=2),
        feature_map=AffineMap(8),
        solver=solver,
        max_iter=1,
        n_jobs=1,
        random_state=0,
    )
    # What is compiled at the first fit takes more memory than all the rest.
    _, few, many = (peak_of_fit(estimator, n_samples) for n_samples in (1_000, 1_000, 3_000))
    # A float64 weight, an index and a few temporaries of them per sample; one copy of the
    # features of all samples would be 9 sites x 8 features x 4 bytes = 288, with the rows 256.
    assert many - few < 2_000 * 200


@pytest.mark.parametrize(
    "changes",
    [
        {"patches": ImagePatches((8, 8), (4, 4), stride=4), "feature_map": AffineMap(4)},
        {"feature_map": PolynomialMap(scale=1.0), "rank": 2},
    ],
    ids=["patches", "columns"],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_fit_does_not_copy_a_file(tmp_path, changes):
    made = np.random.default_rng(0).standard_normal((3_000, 64), np.float32)
    np.save(tmp_path / "X.npy", made)
    X = np.load(tmp_path / "X.npy", mmap_mode="r")
    model = TTClassifier(solver="lbfgs", alpha=1e-3, max_iter=1, n_jobs=1, random_state=0)
    model.set_params(**changes)
    _, few, many = (peak_with(model, X[:n]) for n in (1_000, 1_000, 3_000))
    # Labels, weights, hashes and one column, not the 256 bytes of a row.
    assert many - few < 2_000 * 120


def peak_with(estimator, X):
    y = np.arange(len(X)) % 3
    tracemalloc.start()
    try:
        estimator.fit(X, y)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
