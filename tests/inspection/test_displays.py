"""What the displays draw, and that they say what they lack."""

import sys

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")
import matplotlib.pyplot as plt

from sktensornet.inspection import (
    InteractionsDisplay,
    VarianceSharesDisplay,
    interactions,
    variance_shares,
)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def labels(ax):
    return [text.get_text() for text in ax.get_yticklabels()]


def test_bars_are_the_coefficients(make_fitted):
    clf, _ = make_fitted()
    display = InteractionsDisplay.from_estimator(clf, 3, output="b", max_terms=7)
    found = interactions(clf, 3, output="b", top=7)
    widths = [bar.get_width() for bar in display.bars_]
    np.testing.assert_allclose(widths, found.coefficients[:, 0])
    assert labels(display.ax_) == [found.name(k) for k in range(7)]
    colours = {bar.get_facecolor() for bar in display.bars_ if bar.get_width() > 0}
    others = {bar.get_facecolor() for bar in display.bars_ if bar.get_width() < 0}
    assert len(colours) == len(others) == 1
    assert colours != others
    assert display.image_ is None
    assert display.ax_.figure is display.figure_


def test_several_outputs_are_a_heat_map(make_fitted):
    clf, _ = make_fitted()
    found = interactions(clf, 2)
    figure, ax = plt.subplots()
    display = InteractionsDisplay(found).plot(ax, max_terms=5)
    assert display.ax_ is ax
    assert display.figure_ is figure
    np.testing.assert_allclose(display.image_.get_array(), found.coefficients[:5])
    limit = np.abs(found.coefficients[:5]).max()
    assert display.image_.get_clim() == (-limit, limit)
    assert [text.get_text() for text in ax.get_xticklabels()] == ["a", "b", "c"]
    assert display.bars_ is None


def test_columns_by_their_total_share(make_fitted):
    clf, X = make_fitted()
    display = VarianceSharesDisplay.from_estimator(clf, X, max_columns=3)
    shares = variance_shares(clf, X).pooled()
    order = np.argsort(-shares.total[0])[:3]
    assert labels(display.ax_) == [shares.columns[k] for k in order]
    main, rest = display.ax_.containers
    np.testing.assert_allclose([bar.get_width() for bar in main], 100 * shares.main[0, order])
    ends = [bar.get_x() + bar.get_width() for bar in rest]
    np.testing.assert_allclose(ends, 100 * shares.total[0, order])


def test_orders_have_a_bar_each(make_fitted):
    clf, X = make_fitted()
    display = VarianceSharesDisplay.from_estimator(clf, X, kind="orders", max_order=2, output="c")
    shares = variance_shares(clf, X, max_order=2, output="c")
    heights = [bar.get_height() for bar in display.ax_.containers[0]]
    np.testing.assert_allclose(heights, 100 * shares.by_order[0])
    names = [text.get_text() for text in display.ax_.get_xticklabels()]
    assert names == ["1", "2", "above 2"]


def test_pairs_are_below_the_diagonal(make_fitted):
    clf, X = make_fitted()
    display = VarianceSharesDisplay.from_estimator(clf, X, kind="pairs", output="a")
    shares = variance_shares(clf, X, pairs=True, output="a")
    order = np.argsort(-shares.total[0])
    values = display.ax_.images[0].get_array()
    np.testing.assert_allclose(np.diagonal(values), 100 * shares.main[0, order])
    i, j = np.tril_indices(4, -1)
    np.testing.assert_allclose(values[i, j], 100 * shares.pairs[0][order[i], order[j]])
    assert np.ma.getmaskarray(values)[j, i].all()


def test_bad_parameters(make_fitted):
    clf, X = make_fitted()
    with pytest.raises(ValueError, match="max_terms=0"):
        InteractionsDisplay.from_estimator(clf, max_terms=0)
    with pytest.raises(ValueError, match="kind='rows' is unknown"):
        VarianceSharesDisplay.from_estimator(clf, X, kind="rows")
    with pytest.raises(ValueError, match="max_columns=0"):
        VarianceSharesDisplay.from_estimator(clf, X, max_columns=0)
    with pytest.raises(ValueError, match="pairs=True"):
        VarianceSharesDisplay(variance_shares(clf, X)).plot(kind="pairs")


def test_matplotlib_is_only_needed_to_draw(make_fitted, monkeypatch):
    clf, X = make_fitted()
    displays = [
        InteractionsDisplay(interactions(clf, 1)),
        VarianceSharesDisplay(variance_shares(clf, X)),
    ]
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    for display in displays:
        with pytest.raises(ImportError, match=r"sktensornet\[plots\]"):
            display.plot()
