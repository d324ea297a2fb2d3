"""DataFrames of dask: blocks and names stay."""

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("distributed")
dask = pytest.importorskip("dask")
dd = pytest.importorskip("dask.dataframe")

from sktensornet import TTClassifier, TTRegressor  # noqa: E402


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.standard_normal((90, 3)), columns=["a", "b", "c"])
    X["b"] = X["b"].astype(np.float32)
    return X, pd.Series(np.where(X["a"] * X["c"] > 0, "yes", "no"))


@pytest.fixture(autouse=True)
def local():
    with dask.config.set(scheduler="synchronous"):
        yield


def classifier():
    return TTClassifier(rank=2, feature_map="polynomial", solver="lbfgs", alpha=1e-2, tol=1e-3)


def in_blocks(*data):
    return [dd.from_pandas(one, npartitions=2) for one in data]


@pytest.mark.filterwarnings("error")
def test_blocks_and_names_are_those_of_the_frame(table):
    X, y = table
    model = classifier().set_params(random_state=0).fit(*in_blocks(X, y))
    alone = classifier().set_params(random_state=0).fit(X.astype(float), y)
    assert model.feature_names_in_.tolist() == ["a", "b", "c"]
    assert model.columns_.names == ["a", "b", "c"]
    frame, labels = in_blocks(X, y)
    shares = model.predict_proba(frame)
    assert shares.numblocks == (2, 1)
    np.testing.assert_allclose(shares.compute(), alone.predict_proba(X), atol=1e-6)
    assert model.predict(frame).compute().tolist() == alone.predict(X).tolist()
    assert model.score(frame, labels) == alone.score(X, y) > 0.9


def test_columns_in_another_order_are_refused(table):
    X, y = table
    model = classifier().fit(*in_blocks(X, y))
    (swapped,) = in_blocks(X[["b", "a", "c"]])
    for method in (model.predict, lambda X: model.score(X, y), model.decision_function):
        with pytest.raises(ValueError, match="must be in the same order as they were in fit"):
            method(swapped)


def test_columns_of_text_are_named(table):
    X, y = table
    frame, labels = in_blocks(X.assign(town="Ulm", day=pd.Timestamp("2020-01-01")), y)
    with pytest.raises(ValueError, match=r"the columns \['town', 'day'\].*X.compute\(\)"):
        classifier().fit(frame, labels)


def test_a_batch_is_read_and_keeps_its_names(table):
    X, y = table
    reg = TTRegressor(rank=2, random_state=0).partial_fit(*in_blocks(X, (y == "yes").astype(float)))
    assert reg.feature_names_in_.tolist() == ["a", "b", "c"]
    assert reg.predict(X).shape == (90,)
