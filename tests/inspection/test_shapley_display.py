"""What pictures of Shapley values show."""

from itertools import pairwise

import matplotlib as mpl
import numpy as np
import pytest

from sktensornet.inspection import ShapleyDisplay, shapley_values

mpl.use("agg")
import matplotlib.pyplot as plt


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def labels(ax):
    return [text.get_text() for text in ax.get_yticklabels()]


def test_a_waterfall_leads_from_the_base_value_to_the_score(make_fitted):
    clf, X = make_fitted()
    display = ShapleyDisplay.from_estimator(clf, X[3:4], max_columns=2, output="b")
    bars = display.ax_.containers[0]
    found = display.shapley
    base, score = found.base_values[0], clf.decision_function(X[3:4])[0, 1]
    assert bars[-1].get_x() == pytest.approx(base)
    assert bars[0].get_x() + bars[0].get_width() == pytest.approx(score)
    for upper, lower in pairwise(bars):
        assert upper.get_x() == pytest.approx(lower.get_x() + lower.get_width())
    largest = np.argsort(-np.abs(found.values[0, :, 0]))[:2]
    np.testing.assert_allclose([bar.get_width() for bar in bars[:2]], found.values[0, largest, 0])
    names = labels(display.ax_)
    assert names[-1] == "2 other columns"
    for name, k in zip(names, largest, strict=False):
        column = X.columns[k]
        value = X[column].iloc[3]
        shown = value if isinstance(value, str) else f"{value:.4g}"
        assert name == f"{column} = {shown}"


def test_swarms_have_a_point_for_each_sample(make_fitted):
    clf, X = make_fitted()
    X.iloc[2, 0] = np.nan
    display = ShapleyDisplay(shapley_values(clf, X)).plot(output="a", max_columns=3)
    points = np.concatenate([part.get_offsets() for part in display.ax_.collections])
    assert len(points) == 3 * len(X)
    values = display.shapley.values[..., 0]
    shown = np.argsort(-np.abs(values).mean(axis=0))[:3]
    assert labels(display.ax_) == [X.columns[k] for k in shown]
    np.testing.assert_allclose(np.sort(points[:, 0]), np.sort(values[:, shown].ravel()))
    for line, k in enumerate(shown):
        own = points[np.abs(points[:, 1] - line) < 0.45]
        np.testing.assert_allclose(np.sort(own[:, 0]), np.sort(values[:, k]))
    assert "score of a" in display.ax_.get_xlabel()


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"kind": "pie"}, "kind='pie' is unknown"),
        ({"row": 60}, "row=60 must be less than the 60 samples"),
        ({"output": "z"}, "output='z' must be one of"),
        ({"max_columns": 0}, "max_columns=0"),
    ],
)
def test_bad_parameters(make_fitted, parameters, said):
    clf, X = make_fitted()
    with pytest.raises(ValueError, match=said):
        ShapleyDisplay(shapley_values(clf, X)).plot(**parameters)
