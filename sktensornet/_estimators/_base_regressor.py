"""Targets and predictions: what all regressors share."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score

from .._arrays._samples import merged_rows, positive_scale, weighted_moments
from .._arrays._typing import FloatArray
from .._data._weights import hold_out_rows
from .._distributed._by_block import by_block
from .._fitting._plan import why_no_batches
from .._fitting._training import with_callbacks
from .._support._only_if import only_if
from ..feature_maps import SplineMap
from ..losses import REGRESSION_LOSSES, Huber, RegressionLoss
from ._base import BaseTensorNetwork
from ._constraints import REGRESSOR_CONSTRAINTS, validated


class BaseTensorNetworkRegressor(RegressorMixin, BaseTensorNetwork):
    """Targets and predictions of the regressors."""

    _parameter_constraints: dict = REGRESSOR_CONSTRAINTS
    target_mean_: FloatArray
    target_scale_: FloatArray
    _is_flat: bool
    _target_checks: ClassVar = {"multi_output": True, "y_numeric": True}

    @with_callbacks
    @validated
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the network.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training data; images flattened in C order. NaN is missing; a
            DataFrame may have columns of categories. The rows of a dask array
            stay in their blocks, for which the solver is L-BFGS.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets; not negative with ``loss="poisson"``.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Weights of the samples; a weight of two is the sample twice.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If the data or a parameter are not usable; the message names it.
        """
        return self._fit(X, y, sample_weight)

    @only_if(why_no_batches)
    @validated
    def partial_fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Train on one more batch of samples, by one pass of mini-batches.

        The scaling of inputs and targets is fixed at the first call. The step
        size stays constant; weights count relative to the others of the same
        call. Callbacks are not called.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training data.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Weights of the samples.

        Returns
        -------
        self : object
            The fitted estimator.
        """

        def learn(targets, weight, first: bool) -> FloatArray:
            if first:
                return self._learn_targets(targets, weight, keep=False)
            return self._encode_targets(targets)

        return self._partial_fit(X, y, sample_weight, learn)

    @by_block
    def predict(self, X: ArrayLike) -> FloatArray:
        """Predict targets.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples; a dask array gives a dask array.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            In the units of y, shaped as y was.
        """
        predicted = self._predictions(self._raw_scores(X))
        return predicted[:, 0] if self._is_flat else predicted

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.positive_only = self.loss == "poisson"
        return tags

    def _column_map(self):
        # A real target says more about a column than a class does.
        return SplineMap(n_knots=10, degree=3)

    def _loss(self) -> RegressionLoss:
        if self.loss == "huber":
            return Huber(self.huber_epsilon)
        return REGRESSION_LOSSES[self.loss]()

    def _outputs(self):
        return len(self.target_mean_), self.output_tensors == "separate"

    def _learn_targets(self, targets, weight, keep):
        if not keep:
            self._is_flat = targets.ndim == 1
            y = self._checked(targets)
            self.target_mean_, self.target_scale_ = np.zeros(y.shape[1]), np.ones(y.shape[1])
            if self._loss().scales_targets:
                rows, weights = merged_rows(y[:, :0], y, weight)
                # In the order of the values, so that units change no rounding.
                order = np.lexsort(y[rows].T)
                self.target_mean_, variance = weighted_moments(y[rows[order]], weights[order])
                self.target_scale_ = positive_scale(variance, self.target_mean_, y.dtype)
            elif not (weight @ y > 0).all():
                raise ValueError(
                    f"loss={self.loss!r} needs a positive mean of each output, but the means of y "
                    f"are {(weight @ y / weight.sum()).tolist()}; use loss='squared_error'."
                )
        return self._encode_targets(targets)

    def _checked(self, targets) -> FloatArray:
        """Targets as columns, where the loss can take them."""
        y = np.asarray(targets, np.float64).reshape(len(targets), -1)
        if self.loss == "poisson" and y.min() < 0:
            raise ValueError(
                f"loss='poisson' needs y >= 0, but y has a minimum of {y.min():g}; use "
                "loss='squared_error' or 'huber'."
            )
        return y

    def _encode_targets(self, targets):
        y = self._checked(targets)
        if y.shape[1] != len(self.target_mean_) or (targets.ndim == 1) != self._is_flat:
            wanted = "(n_samples,)" if self._is_flat else f"(n_samples, {len(self.target_mean_)})"
            raise ValueError(f"y has shape {targets.shape}; it must be {wanted} as before.")
        return (y - self.target_mean_) / self.target_scale_

    def _split(self, y, random_state):
        return hold_out_rows(len(y), self.validation_fraction, random_state)

    def _mean_target(self, y, weight):
        return np.average(y, axis=0, weights=weight)

    def _predictions(self, scores: FloatArray) -> FloatArray:
        predicted = self._loss().predictions(scores) * self.target_scale_ + self.target_mean_
        return predicted.astype(scores.dtype, copy=False)

    def _held_score(self, scores, y, weight):
        targets = y * self.target_scale_ + self.target_mean_
        return float(r2_score(targets, self._predictions(scores), sample_weight=weight))
