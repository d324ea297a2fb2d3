"""Which rank? Held-out scores of one large fit, compressed again and again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone, is_classifier
from sklearn.metrics import check_scoring
from sklearn.model_selection import check_cv
from sklearn.utils import _safe_indexing

from .._arrays._typing import FloatArray, IntArray
from .._estimators._base import BaseTensorNetwork
from .._fitting._automatic import automatic_rank
from .._support._checks import check_integer
from ..networks import bond_spectra
from ._drawing import BLUE, GREY, PALE, RED, BaseDisplay, tidy
from ._entanglement_display import entropy


@dataclass(frozen=True, eq=False)
class RankCurve:
    """What `rank_curve` found.

    Parameters
    ----------
    ranks : ndarray of int, shape (n_ranks,)
        Caps of the ranks, rising; the last is that of the large fit.
    scores : ndarray of shape (n_ranks, n_folds)
        Held-out scores.
    n_parameters : ndarray of shape (n_ranks,)
        Mean number of entries of all cores.
    effective_ranks : ndarray of shape (n_bonds,)
        Two to the power of the entropy of the squared singular values at every bond
        of the large fits, the mean over folds and tensors: how many are not small. Empty for a
        canonical polyadic sum.

    Attributes
    ----------
    best_rank : int
        The smallest rank whose mean score is within a standard error of the best.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.inspection import RankCurve
    >>> scores = np.array([[0.5, 0.6], [0.88, 0.90], [0.88, 0.92]])
    >>> RankCurve(np.array([1, 2, 4]), scores, np.array([9, 30, 90]), np.array([1.8])).best_rank
    2
    """

    ranks: IntArray
    scores: FloatArray
    n_parameters: FloatArray
    effective_ranks: FloatArray

    @property
    def best_rank(self) -> int:
        """The smallest rank whose mean score is within a standard error of the best."""
        means = self.scores.mean(axis=1)
        best = int(means.argmax())
        # Of the difference to the best, which has the folds in common.
        apart = self.scores[best] - self.scores
        error = apart.std(axis=1, ddof=1) / np.sqrt(apart.shape[1])
        return int(self.ranks[np.flatnonzero(apart.mean(axis=1) <= error)[0]])

    def __repr__(self) -> str:
        score = self.scores.mean(axis=1)[self.ranks == self.best_rank][0]
        return f"RankCurve(best_rank={self.best_rank}, score={score:.3g}, ranks={self.ranks})"


def rank_curve(
    estimator: Any,
    X: ArrayLike,
    y: ArrayLike,
    *,
    ranks: Sequence[int] | None = None,
    cv: Any = 5,
    scoring: Any = None,
) -> RankCurve:
    r"""Held-out scores by rank, from one large fit for each fold.

    .. math:: s(r) = \operatorname{score}(\tilde W_r), \qquad \operatorname{rank} \tilde W_r \le r

    On every fold the estimator is fitted once, at its own rank, and then compressed to each
    smaller one with the training data, from the larger to the smaller, which takes a sweep each
    instead of a fit with its choice of alpha.

    Parameters
    ----------
    estimator : estimator of this package
        With the largest rank in question, which may be "auto"; clones of it are fitted.
    X : array-like of shape (n_samples, n_features)
        The samples.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Their targets.
    ranks : sequence of int or None, default=None
        Caps to compress to; None halves the rank again and again.
    cv : int, splitter or iterable, default=5
        The folds, at least two.
    scoring : str, callable or None, default=None
        None is ``estimator.score``.

    Returns
    -------
    RankCurve
        The scores, numbers of parameters and effective ranks.

    Raises
    ------
    ValueError
        If a rank is larger than that of the estimator, or it cannot be compressed.

    See Also
    --------
    RankCurveDisplay : Draws it.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sktensornet import TTClassifier
    >>> from sktensornet.inspection import rank_curve
    >>> from sktensornet.feature_maps import PolynomialMap
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = TTClassifier(rank=8, feature_map=PolynomialMap(scale=1.0), alpha=1e-3, max_iter=3)
    >>> curve = rank_curve(clf, X, y, ranks=[2, 4], cv=3)
    >>> curve.ranks.tolist(), curve.best_rank <= 4
    ([2, 4, 8], True)
    """
    if not isinstance(estimator, BaseTensorNetwork):
        raise ValueError(
            f"estimator={estimator!r} must be an estimator of sktensornet, such as "
            "TTClassifier(rank=16); put what goes before it into X."
        )
    scorer = check_scoring(estimator, scoring)
    folds = list(check_cv(cv, y, classifier=is_classifier(estimator)).split(X, y))
    if len(folds) < 2:
        raise ValueError(f"cv={cv!r} gives one fold; at least two are needed.")
    fits: Iterator[Any] = (clone(estimator).fit(*_rows(train, X, y)) for train, _ in folds)
    largest = estimator.rank
    if largest == "auto":
        first = next(fits)
        largest = automatic_rank(first, first.network_.tree, first._targets)
        fits = chain([first], fits)
    largest = check_integer("rank", largest, 1)
    if ranks is None:
        ranks = [largest >> k for k in range(1, largest.bit_length())]
    smaller = sorted({check_integer("ranks", rank, 1) for rank in ranks} - {largest})
    if smaller and smaller[-1] > largest:
        raise ValueError(
            f"ranks={list(ranks)!r} must not be above rank={largest} of the estimator; give it a "
            "larger rank."
        )
    scores, sizes, spread = [], [], []
    for (train, test), model in zip(folds, fits, strict=True):
        X_train, y_train = _rows(train, X, y)
        X_test, y_test = _rows(test, X, y)
        if not model.network_.tree.multiplied:
            spectra = bond_spectra(model.network_)
            spread.append([np.exp2(entropy(own)).mean() for own in spectra])
        models = [model]
        for rank in reversed(smaller):
            models.append(models[-1].compress(rank=rank, X=X_train, y=y_train))
        scores.append([scorer(one, X_test, y_test) for one in reversed(models)])
        sizes.append([one.network_.n_parameters for one in reversed(models)])
    return RankCurve(
        np.array([*smaller, largest]),
        np.transpose(scores),
        np.mean(sizes, axis=0),
        np.mean(spread, axis=0) if spread else np.zeros(0),
    )


def _rows(rows: Any, X: Any, y: Any) -> tuple[Any, Any]:
    return _safe_indexing(X, rows), _safe_indexing(y, rows)


class RankCurveDisplay(BaseDisplay):
    """Held-out scores against the rank, with the smallest that is about as good as the best.

    Parameters
    ----------
    curve : RankCurve
        What `rank_curve` returns.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.inspection import RankCurve, RankCurveDisplay
    >>> scores = np.array([[0.5, 0.6], [0.88, 0.90], [0.88, 0.92]])
    >>> curve = RankCurve(np.array([1, 2, 4]), scores, np.array([9, 30, 90]), np.array([1.8]))
    >>> RankCurveDisplay(curve).plot().ax_.get_xlabel()
    'rank'
    """

    def __init__(self, curve: RankCurve) -> None:
        self.curve = curve

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: ArrayLike, y: ArrayLike, *, ax: Any = None, **options: Any
    ) -> Self:
        """Compute the curve of an estimator and draw it.

        Parameters
        ----------
        estimator : estimator of this package
            With the largest rank in question.
        X : array-like of shape (n_samples, n_features)
            The samples.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Their targets.
        ax : matplotlib Axes or None, default=None
            Where to draw; None is a new figure.
        **options : dict
            ``ranks``, ``cv`` and ``scoring`` of `rank_curve`.

        Returns
        -------
        RankCurveDisplay
            The display, drawn.
        """
        return cls(rank_curve(estimator, X, y, **options)).plot(ax)

    def _draw(self):
        curve = self.curve
        for own in curve.scores.T:
            self.ax_.plot(curve.ranks, own, color=PALE, lw=1, zorder=1)
        means = curve.scores.mean(axis=1)
        self.ax_.plot(curve.ranks, means, color=BLUE, marker="o", zorder=2, label="mean of folds")
        best = curve.best_rank
        at = means[curve.ranks == best]
        self.ax_.scatter([best], at, color=RED, s=70, zorder=3, label=f"rank {best}")
        if len(curve.effective_ranks):
            largest = curve.effective_ranks.max()
            label = f"effective rank, at most {largest:.1f}"
            self.ax_.axvline(largest, color=GREY, lw=1, ls="--", zorder=0, label=label)
        self.ax_.set(xscale="log", xlabel="rank", ylabel="held-out score")
        self.ax_.set_xticks(curve.ranks, [str(rank) for rank in curve.ranks])
        self.ax_.set_xticks([], minor=True)
        self.ax_.legend(frameon=False)
        tidy(self.ax_, "bottom", grid="y")
