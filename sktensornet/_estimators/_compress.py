"""Smaller networks from fitted estimators."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any, Self

from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from .._arrays._parallel import ChunkPool, effective_threads
from .._problems._sweep_problem import SweepProblem
from .._support._checks import check_integer, check_real
from ..networks import TensorNetwork, round_network
from ..solvers import ALS


class CompressionMixin:
    """Adds ``compress`` to an estimator."""

    network_: TensorNetwork
    rank: int
    alpha_: float
    n_jobs: int | None
    _solver_state: Any
    _check_data: Callable
    _encode_targets: Callable
    _weigh: Callable
    _loss: Callable
    _fitted_model: Callable

    def compress(
        self,
        rank: int | None = None,
        rank_tol: float | None = None,
        X: ArrayLike | None = None,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        r"""Return an estimator with a smaller network.

        .. math:: \tilde W \approx W, \qquad \operatorname{rank} \tilde W \le r

        Without data the weight tensor is rounded: trees by the hierarchical
        SVD, with an error within the root of the number of truncated bonds of
        the best, and a canonical polyadic sum by keeping the terms that matter
        most. With data, the truncation that changes the scores least competes
        with it, and a sweep of `solvers.ALS` polishes the better one, core by
        core, for the estimator's loss and penalty; the feature map stays as it
        is.

        Parameters
        ----------
        rank : int or None, default=None
            Cap of all ranks.
        rank_tol : float or None, default=None
            Relative error allowed at each bond.
        X : array-like of shape (n_samples, n_features) or None, default=None
            Samples to truncate and polish with, such as the training data.
        y : array-like of shape (n_samples,) or None, default=None
            Their targets, for a classifier all of them in ``classes_``.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Their weights.

        Returns
        -------
        object
            A fitted estimator of the same class; this one does not change.

        Raises
        ------
        ValueError
            If cores are shared or the product is another than "multiply", if
            neither `rank` nor `rank_tol` is given, one is out of range, or
            only one of `X` and `y` is given.

        Examples
        --------
        >>> from sklearn.datasets import load_wine
        >>> from sktensornet import TTClassifier
        >>> X, y = load_wine(return_X_y=True)
        >>> clf = TTClassifier(rank=8, solver="als", max_iter=2, tol=1.0).fit(X, y)
        >>> small = clf.compress(rank=3, X=X, y=y)
        >>> max(clf.network_.ranks), max(small.network_.ranks), small.score(X, y) > 0.95
        (8, 3, True)
        """
        check_is_fitted(self)
        data = None
        if X is not None and y is not None:
            samples, targets, weight = self._check_data(X, y, sample_weight, reset=False)
            encoded = self._encode_targets(targets)
            samples = samples.astype(self.network_.dtype, copy=False)
            data = samples, encoded, self._weigh(encoded, weight)
        elif not (X is None and y is None and sample_weight is None):
            raise ValueError("X and y must both be given, or neither of X, y and sample_weight.")
        smaller = copy(self)
        smaller.network_ = self._compressed(rank, rank_tol, data)
        smaller._solver_state = None
        if rank is not None:
            smaller.rank = rank
        return smaller

    def _compressed(self, rank, rank_tol, data) -> TensorNetwork:
        """A smaller network; `data` is None, or X, y and weights to polish with."""
        self.network_.tree.require_multilinear("compress")
        if self.network_.shares_cores:
            raise ValueError(
                "compress makes every core another one, which shared_cores=True rules out; fit "
                "with a smaller rank."
            )
        if rank is None and rank_tol is None:
            raise ValueError("compress needs rank, rank_tol or both; pass a cap or a tolerance.")
        cap = None if rank is None else check_integer("rank", rank, 1)
        tolerance = 0.0
        if rank_tol is not None:
            tolerance = check_real("rank_tol", rank_tol, 0, 1, low_allowed=True)
        if data is None:
            return round_network(self.network_, cap, tolerance)
        X, y, weight = data
        with ChunkPool(effective_threads(self.n_jobs)) as pool:
            problem = SweepProblem(
                self._fitted_model(),
                self._loss(),
                X,
                y,
                weight,
                alpha=self.alpha_,
                rank=max(self.network_.ranks, default=1) if cap is None else cap,
                pool=pool,
            )
            outcome = ALS(class_leg="fixed", local_iter=1).minimize(
                problem,
                problem.reduce(self.network_, tolerance),
                max_iter=1,
                tol=0.0,
                patience=1,
                random_state=None,
                monitor=lambda point, value: True,
            )
        return outcome.point
