"""A cluster of threads, which share what is sent; in a file of its own, as there is one client."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_wine

from sktensornet import CPClassifier, TTClassifier, TTRegressor
from sktensornet.feature_maps import PolynomialMap

pytest.importorskip("distributed")
da = pytest.importorskip("dask.array")
from distributed import Client, LocalCluster  # noqa: E402


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_sweeps_are_those_of_numpy():
    """Three blocks on two workers, so that one of them has two."""
    X, y = load_wine(return_X_y=True)
    X = X[:, :6]
    cluster = LocalCluster(
        n_workers=2, threads_per_worker=2, processes=False, dashboard_address=":0"
    )
    with cluster, Client(cluster):
        for Format in (TTClassifier, CPClassifier, TTRegressor):
            model = Format(
                rank=3,
                solver="als",
                feature_map=PolynomialMap(scale=1.0),
                alpha=1e-2,
                max_iter=1,
                random_state=0,
            )
            expected = clone(model).fit(X, y).loss_curve_
            found = model.fit(da.from_array(X, (60, -1)), y).loss_curve_
            np.testing.assert_allclose(found, expected, rtol=1e-9)
