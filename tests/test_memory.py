"""Memory beyond the data and the model does not grow with the number of samples."""

import tracemalloc

import numpy as np
import pytest

from sktensornet import CPClassifier, HTClassifier, TTClassifier
from sktensornet.feature_maps import AffineMap
from sktensornet.patches import ImagePatches


def peak_of_fit(estimator, n_samples):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_samples, 64)).astype(np.float32)
    y = np.arange(n_samples) % 3
    tracemalloc.start()
    try:
        estimator.fit(X, y)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
@pytest.mark.parametrize("estimator", [TTClassifier(), HTClassifier(), CPClassifier()])
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
    peak_of_fit(estimator, 256)
    few, many = (peak_of_fit(estimator, n_samples) for n_samples in (2_000, 10_000))
    # A float64 weight, an index and a few temporaries of them per sample.
    assert many - few < 8_000 * 200
    # One copy of the features of all samples would be 9 sites x 8 features x 4 bytes.
    assert 8_000 * 200 < 8_000 * 9 * 8 * 4
