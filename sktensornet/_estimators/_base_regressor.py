"""Targets and predictions: what all regressors share."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Self

from numpy.typing import ArrayLike
from sklearn.base import RegressorMixin

from .._arrays._typing import FloatArray
from .._data._reals import Reals
from .._distributed._by_block import by_block
from .._fitting._callbacks import with_callbacks
from .._fitting._plan import Automatic, why_no_batches
from .._support._only_if import only_if
from .._support._undo import all_or_nothing
from ..feature_maps import SplineMap
from ..losses import REGRESSION_LOSSES, Huber
from ._base import BaseTensorNetwork
from ._constraints import REGRESSOR_CONSTRAINTS, validated


class BaseTensorNetworkRegressor(RegressorMixin, BaseTensorNetwork):
    """Targets and predictions of the regressors."""

    _parameter_constraints: dict = REGRESSOR_CONSTRAINTS
    target_mean_: FloatArray
    target_scale_: FloatArray
    # A real target says more about a column than a class does.
    _automatic = Automatic(SplineMap(n_knots=10, degree=3))
    _targets: Reals
    _target_checks: ClassVar = {"multi_output": True, "y_numeric": True}

    @all_or_nothing
    @with_callbacks
    @validated
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the network.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training data; images flattened in C order. NaN is missing; a
            DataFrame may have columns of categories. The rows of a dask array
            stay in their blocks, which "lbfgs" and "als" take and "auto" gives to
            "lbfgs". A torch tensor stays on its device under scikit-learn's
            ``array_api_dispatch``, with "lbfgs" and "adam".
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets; not negative with ``loss="poisson"``.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Weights of the samples. Whole numbers are counts: a weight of two is the
            sample twice. Weights of importance, which are none, should be divided by
            their mean, so that the choice of ``alpha`` sees as many observations as
            there are samples.

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
    @all_or_nothing
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
        return self._partial_fit(X, y, sample_weight)

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
            In the units of y, shaped as y was; they end at the largest number of their
            type.
        """
        scores = self._raw_scores(X, "predict")
        predicted = self._targets.predictions(scores)
        return predicted[:, 0] if self._targets.is_flat else predicted

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.positive_only = self.loss == "poisson"
        return tags

    def _learn(self, y, weight, known, **options):
        is_huber = self.loss == "huber"
        loss = Huber(self.huber_epsilon) if is_huber else REGRESSION_LOSSES[self.loss]()
        are_separate = self.output_tensors == "separate"
        if known is not None:
            if loss.scales_targets != known.loss.scales_targets:
                raise ValueError(
                    f"warm_start=True cannot go on from loss={known.loss.name!r} with "
                    f"loss={loss.name!r}, for which y is in other units; set warm_start=False to "
                    "start anew."
                )
            return replace(known, loss=loss, are_separate=are_separate)
        return Reals.learn(y, weight, loss, are_separate)

    def _attributes(self, targets, fitted):
        own = {"target_mean_": targets.mean, "target_scale_": targets.scale}
        return super()._attributes(targets, fitted) | own
