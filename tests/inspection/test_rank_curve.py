"""Which rank: the curve of one large fit."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_wine
from sklearn.pipeline import make_pipeline

from sktensornet import CPRegressor, TTClassifier, TTRegressor
from sktensornet.feature_maps import PolynomialMap
from sktensornet.inspection import RankCurve, RankCurveDisplay, rank_curve

LINE = {"feature_map": PolynomialMap(scale=1.0), "alpha": 1e-5, "max_iter": 10, "random_state": 0}
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def planted():
    """Two products across the middle of four columns, and the mean: rank three."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 4))
    return X, 5 + X[:, 0] * X[:, 2] + X[:, 1] * X[:, 3] + 0.1 * rng.standard_normal(200)


def test_finds_the_rank_that_was_planted(planted):
    curve = rank_curve(TTRegressor(rank=4, **LINE), *planted, ranks=[1, 2, 3], cv=3)
    assert curve.ranks.tolist() == [1, 2, 3, 4]
    assert curve.scores.shape == (4, 3)
    assert curve.best_rank == 3
    assert (np.diff(curve.n_parameters) > 0).all()
    assert 1.5 < curve.effective_ranks.max() < 4
    assert "best_rank=3" in repr(curve)


def test_of_a_sum_there_are_no_bonds(planted):
    curve = rank_curve(CPRegressor(rank=8, **LINE), *planted, cv=2)
    assert curve.ranks.tolist() == [1, 2, 4, 8]
    assert curve.effective_ranks.size == 0
    assert RankCurveDisplay(curve).plot().ax_.get_legend() is not None


def test_a_smaller_rank_must_be_within_the_error_of_the_difference():
    ranks, sizes = np.array([1, 2]), np.array([1, 2])
    alike = RankCurve(ranks, np.array([[0.80, 0.92], [0.81, 0.91]]), sizes, np.zeros(0))
    worse = RankCurve(ranks, np.array([[0.50, 0.90], [0.52, 0.93]]), sizes, np.zeros(0))
    assert (alike.best_rank, worse.best_rank) == (1, 2)


def test_display_draws_what_it_computes(planted):
    display = RankCurveDisplay.from_estimator(TTRegressor(rank=2, **LINE), *planted, cv=2)
    assert display.curve.ranks.tolist() == [1, 2]
    assert display.ax_.get_ylabel() == "held-out score"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ranks": [8]}, "larger rank"),
        ({"ranks": [0]}, "ranks"),
        ({"cv": [(np.arange(50), np.arange(50, 60))]}, "at least two"),
    ],
)
def test_bad_options_are_named(planted, options, message):
    with pytest.raises(ValueError, match=message):
        rank_curve(TTRegressor(rank=2, **LINE), *planted, **options)


def test_takes_estimators_of_the_package_only(planted):
    with pytest.raises(ValueError, match="put what goes before it into X"):
        rank_curve(make_pipeline(TTRegressor()), *planted)


def test_of_an_automatic_rank_the_largest_is_what_it_was_in_the_fit():
    X, y = load_wine(return_X_y=True)
    clf = TTClassifier(feature_map="polynomial", alpha=1e-3, max_iter=1, random_state=0)
    curve = rank_curve(clf, X[:, :8], y, ranks=[2], cv=2)
    again = rank_curve(clone(clf).set_params(rank=8), X[:, :8], y, ranks=[2], cv=2)
    assert curve.ranks.tolist() == again.ranks.tolist() == [2, 8]
    np.testing.assert_array_equal(curve.scores, again.scores)


def test_of_an_automatic_rank_the_largest_is_the_cap_where_the_fit_needs_less():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((40, 3))
    reg = TTRegressor(**LINE)
    curve = rank_curve(reg, X, X[:, 0], ranks=[1], cv=2)
    assert max(clone(reg).fit(X, X[:, 0]).network_.ranks) < 8
    assert curve.ranks.tolist() == [1, 8]
