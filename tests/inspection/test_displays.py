"""What the displays draw, and that they say what they lack."""

import sys

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

mpl.use("Agg")
import matplotlib.pyplot as plt

from sktensornet import CPClassifier, TTClassifier
from sktensornet.feature_maps import AffineMap
from sktensornet.inspection import (
    EntanglementDisplay,
    FiltersDisplay,
    InteractionsDisplay,
    NetworkDisplay,
    ParetoDisplay,
    TrainingDisplay,
    VarianceSharesDisplay,
    interactions,
    variance_shares,
)
from sktensornet.networks import bond_spectra
from sktensornet.patches import ImagePatches
from sktensornet.solvers import ALS


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def labels(ax):
    return [text.get_text() for text in ax.get_yticklabels()]


def test_bars_are_the_coefficients(make_fitted):
    clf, _ = make_fitted(feature_map="auto")
    display = InteractionsDisplay.from_estimator(clf, 3, by="functions", output="b", max_terms=7)
    found = interactions(clf, 3, by="functions", output="b", top=7)
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
    found = interactions(clf, 2, by="functions")
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
        InteractionsDisplay(interactions(clf, 1, by="functions")),
        VarianceSharesDisplay(variance_shares(clf, X)),
    ]
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    for display in displays:
        with pytest.raises(ImportError, match=r"needs the package matplotlib, .*'\.\[plots\]'"):
            display.plot()


@pytest.mark.parametrize("separate", [False, True])
@pytest.mark.parametrize("name", ["TT", "HT", "CP"])
def test_diagram_has_every_bond_with_its_rank(make_fitted, name, separate):
    clf, _ = make_fitted(name, separate=separate)
    network = clf.network_
    display = NetworkDisplay.from_estimator(clf)
    nodes = network.tree.nodes
    n_edges = sum(len(node.children) for node in nodes)
    assert len(display.ax_.lines) == n_edges + 1
    shown = sorted(int(text.get_text()) for text in display.ax_.texts)
    sizes = [network.message_sizes[c] for n in nodes if not n.is_product for c in n.children]
    assert shown == sorted([*sizes, 3])
    spots = np.concatenate([part.get_offsets() for part in display.ax_.collections])
    assert len(np.unique(spots.round(6), axis=0)) == len(nodes)


def test_a_chain_is_drawn_as_a_chain(make_fitted):
    clf, _ = make_fitted("TT")
    display = NetworkDisplay.from_estimator(clf)
    cores, _, sites = (part.get_offsets() for part in display.ax_.collections)
    np.testing.assert_allclose(cores[:, 1], 1)
    np.testing.assert_allclose(sorted(cores[:, 0]), range(4))
    np.testing.assert_allclose(sorted(sites[:, 0]), range(4))


@pytest.mark.parametrize("separate", [False, True])
@pytest.mark.parametrize("name", ["TT", "HT"])
def test_entropy_of_every_bond(make_fitted, name, separate):
    clf, _ = make_fitted(name, separate=separate)
    display = EntanglementDisplay.from_estimator(clf)
    spectra = bond_spectra(clf.network_)
    heights = [bar.get_height() for bar in display.ax_.containers[0]]
    for values, height in zip(spectra, heights, strict=True):
        p = values**2 / (values**2).sum(axis=1, keepdims=True)
        expected = -np.sum(p * np.log2(np.maximum(p, 1e-300)), axis=1).mean()
        assert height == pytest.approx(expected)
        assert height <= np.log2(values.shape[1]) + 1e-12
    most = [bar.get_height() for bar in display.ax_.containers[1]]
    np.testing.assert_allclose(most, np.log2(clf.network_.ranks))
    display.plot(kind="spectrum")
    drawn = np.concatenate([part.get_segments() for part in display.ax_.collections])[:, 0, 1]
    assert drawn.max() == 1
    assert len(drawn) == sum(values.size for values in spectra)


def test_entropy_of_known_spectra():
    flat, pure, none = np.full((1, 4), 2.0), np.array([[3.0, 0.0]]), np.zeros((1, 2))
    display = EntanglementDisplay([flat, pure, none])
    np.testing.assert_allclose(display.entropies, [[2], [0], [0]])
    display.plot(kind="spectrum")


def test_a_sum_of_products_has_no_bonds_to_draw(make_fitted):
    with pytest.raises(ValueError, match="CP network"):
        EntanglementDisplay.from_estimator(make_fitted("CP")[0])
    with pytest.raises(ValueError, match="kind='rank' is unknown"):
        EntanglementDisplay.from_estimator(make_fitted("TT")[0], kind="rank")


def test_curves_of_the_training():
    X = np.random.default_rng(0).standard_normal((60, 5))
    y = (X[:, 0] * X[:, 1] > 0).astype(int)
    clf = TTClassifier(
        alpha=1e-3, solver=ALS(sweep="two_site", rank_tol=0.1), early_stopping=True, tol=1e3
    ).fit(X, y)
    display = TrainingDisplay.from_estimator(clf)
    np.testing.assert_array_equal(display.ax_.lines[0].get_ydata(), clf.loss_curve_)
    other = next(ax for ax in display.figure_.axes if ax is not display.ax_)
    np.testing.assert_array_equal(other.lines[0].get_ydata(), clf.validation_scores_)
    display = TrainingDisplay.from_estimator(clf, kind="ranks")
    assert [tuple(line.get_ydata()) for line in display.ax_.lines] == [
        record.ranks for record in clf.sweeps_
    ]
    with pytest.raises(ValueError, match="kind='ranks' needs a fit by sweeps"):
        TrainingDisplay([1.0, 0.5]).plot(kind="ranks")


def test_models_against_their_size():
    X = np.random.default_rng(0).standard_normal((60, 4))
    y = (X[:, 0] > 0).astype(int)
    models = {
        "small": TTClassifier(rank=2, alpha=1e-3, tol=1e3, max_iter=2).fit(X, y),
        "large": CPClassifier(rank=30, alpha=1e-3, tol=1e3, max_iter=2).fit(X, y),
    }
    display = ParetoDisplay.from_estimators(models, X, y)
    assert display.sizes.tolist() == [one.network_.n_parameters for one in models.values()]
    assert display.scores.tolist() == [one.score(X, y) for one in models.values()]
    assert [text.get_text() for text in display.ax_.texts] == ["small", "large"]
    other = ParetoDisplay.from_estimators(list(models.values()), X, y)
    assert other.names == ["TT, rank 2", "CP, rank 30"]
    np.testing.assert_array_equal(other.scores, display.scores)


def test_a_model_is_best_unless_another_beats_it():
    sizes, scores = [10, 10, 20, 30, 40], [0.5, 0.6, 0.6, 0.7, 0.6]
    display = ParetoDisplay(sizes, scores, "abcde").plot()
    assert display.best.tolist() == [False, True, False, True, False]
    np.testing.assert_array_equal(display.ax_.lines[0].get_xdata(), [10, 30])
    with pytest.raises(ValueError, match="lengths 1, 1 and 0"):
        ParetoDisplay([1], [1], [])


@pytest.mark.parametrize("n_classes", [2, 3])
def test_names_with_dollars_are_no_mathematics(n_classes):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.standard_normal((40, 2)), columns=["price ($_{$)", r"\$^$"])
    X["$x$"] = pd.Series(np.resize([r"$\frac$", "$_$", "other"], 40)).astype("category")
    y = np.array([r"$\frac{$", "$$", "$^$"])[np.arange(40) % n_classes]
    clf = TTClassifier(rank=2, alpha=1e-2, max_iter=2, tol=1e9).fit(X, y)
    displays = [
        InteractionsDisplay.from_estimator(clf, 2),
        *(VarianceSharesDisplay.from_estimator(clf, X, kind=k) for k in ("columns", "pairs")),
        NetworkDisplay.from_estimator(clf),
        EntanglementDisplay.from_estimator(clf),
        TrainingDisplay.from_estimator(clf),
        ParetoDisplay.from_estimators({"$_$": clf, "$x^$": clf}, X, y),
    ]
    for display in displays:
        display.figure_.canvas.draw()
    assert set(labels(displays[1].ax_)) == set(X.columns)
    assert [text.get_text() for text in displays[-1].ax_.texts] == ["$_$", "$x^$"]


@pytest.mark.parametrize(
    "display", [NetworkDisplay, EntanglementDisplay, FiltersDisplay, TrainingDisplay]
)
def test_other_objects_are_refused(display):
    with pytest.raises(ValueError, match="must be a fitted estimator of sktensornet"):
        display.from_estimator(object())


def test_filters_are_shaped_as_patches():
    X = np.random.default_rng(0).random((12, 4 * 6 * 2))
    clf = TTClassifier(
        rank=2,
        patches=ImagePatches((4, 6, 2), (2, 3)),
        feature_map=AffineMap(6),
        solver="lbfgs",
        max_iter=3,
        tol=1e9,
    ).fit(X, np.arange(12) % 2)
    display = FiltersDisplay.from_estimator(clf)
    matrix = clf.feature_map_.parameters[0]
    norms = np.linalg.norm(matrix, axis=0)
    order = np.argsort(-norms)
    assert display.filters.shape == (5, 2, 3)
    # The columns of a patch are (row, column, channel).
    expected = matrix[:, order[0]].reshape(2, 3, 2).mean(axis=-1)
    np.testing.assert_allclose(display.filters[0], expected)
    np.testing.assert_allclose(display.mosaic[:2, :3], expected / np.abs(expected).max())
    assert np.isfinite(display.mosaic).sum() == 5 * 6
    with pytest.raises(ValueError, match=r"filters has shape \(2, 2\)"):
        FiltersDisplay(np.eye(2))
    with pytest.raises(ValueError, match="the model has SplineMap"):
        FiltersDisplay.from_estimator(
            TTClassifier(rank=2, alpha=1e-3, tol=1e9, max_iter=2).fit(X[:, :2], np.arange(12) % 2)
        )


def test_single_columns_have_no_filters():
    X = np.random.default_rng(0).random((12, 3))
    clf = TTClassifier(
        rank=2, feature_map=AffineMap(3), solver="lbfgs", max_iter=3, tol=1e9, alpha=1e-3
    ).fit(X, np.arange(12) % 2)
    with pytest.raises(ValueError, match="patches=None must be ImagePatches"):
        FiltersDisplay.from_estimator(clf)
