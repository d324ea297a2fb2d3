"""Attributions in the tools of others, where these are installed."""

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline

from sktensornet import TTClassifier, TTRegressor
from sktensornet.inspection import interactions, shapley_interactions, shapley_values

SHORT = {"rank": 3, "alpha": 1e-2, "max_iter": 2, "tol": 1e9}


def data():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "age": rng.uniform(20, 70, 80),
            "colour": rng.choice(["blue", "green", "red"], 80),
            "dose": rng.standard_normal(80),
        }
    )
    return X, X["dose"] * (X["colour"] == "red") + X["age"] / 20


def test_columns_of_a_table_vectorizer_keep_their_names():
    skrub = pytest.importorskip("skrub")
    X, y = data()
    model = make_pipeline(skrub.TableVectorizer(), TTRegressor(**SHORT)).fit(X, y)
    found = shapley_values(model, X[:4], X[:10])
    assert found.columns == tuple(model[:-1].get_feature_names_out())
    assert {"age", "colour_red", "dose"} <= set(found.columns)
    total = found.base_values + found.values.sum(axis=1)
    np.testing.assert_allclose(total[:, 0], model.predict(X[:4]), rtol=1e-5)
    listed = interactions(model)
    assert {name for k in range(len(listed)) for name in listed.columns(k)} == set(found.columns)


@pytest.mark.filterwarnings("ignore")
def test_plots_of_shap_take_what_it_is_given(monkeypatch):
    shap = pytest.importorskip("shap")
    plt = pytest.importorskip("matplotlib.pyplot")
    X, y = data()
    reg = TTRegressor(**SHORT).fit(X, y)
    explanation = shapley_values(reg, X[:20]).to_shap()
    assert isinstance(explanation, shap.Explanation)
    for plot in (shap.plots.beeswarm, shap.plots.bar):
        plot(explanation, show=False)
        plt.close("all")
    shap.plots.waterfall(explanation[0], show=False)
    shap.plots.scatter(explanation[:, "age"], show=False)
    plt.close("all")
    labels = np.digitize(y, np.quantile(y, [0.3, 0.7]))
    clf = TTClassifier(**SHORT).fit(X, labels)
    shap.plots.beeswarm(shapley_values(clf, X[:20]).to_shap()[..., 2], show=False)
    plt.close("all")
    assert shapley_interactions(clf, X[:5]).to_shap().shape == (5, 3, 3, 3)


def test_values_are_those_of_the_exact_explainer_of_shap():
    shap = pytest.importorskip("shap")
    X, y = data()
    table = X.drop(columns="colour").assign(other=np.cos(X["age"]))
    reg = TTRegressor(**SHORT).fit(table, y)
    rows, background = table.to_numpy()[:3], table.to_numpy()[10:17]

    def predict(values):
        return reg.predict(pd.DataFrame(values, columns=table.columns))

    masker = shap.maskers.Independent(background, max_samples=7)
    expected = shap.explainers.ExactExplainer(predict, masker)(rows).values
    found = shapley_values(reg, table[:3], table[10:17]).values[..., 0]
    np.testing.assert_allclose(found, expected, atol=1e-10)
