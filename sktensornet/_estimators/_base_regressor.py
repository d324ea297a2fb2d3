"""Targets and predictions: what all regressors share."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_is_fitted

from .._arrays._namespace import kept_place, namespace
from .._arrays._typing import FloatArray
from .._data._reals import Reals
from .._distributed._by_block import by_block
from .._fitting._callbacks import with_callbacks
from .._fitting._needs import why_no_batches
from .._fitting._plan import Plan
from .._fitting._uncertainty import Remembered, Uncertainty, remember
from .._support._checks import check_real
from .._support._only_if import only_if
from .._support._undo import all_or_nothing
from ..losses import REGRESSION_LOSSES, Huber, Quantile, RegressionLoss
from ._base import BaseTensorNetwork
from ._constraints import REGRESSOR_CONSTRAINTS, validated
from ._reading import read_input
from ._views import mean


class BaseTensorNetworkRegressor(RegressorMixin, BaseTensorNetwork):
    """Targets and predictions of the regressors."""

    _parameter_constraints: dict = REGRESSOR_CONSTRAINTS
    loss: str
    huber_epsilon: float
    quantile: float
    target_mean_: FloatArray
    target_scale_: FloatArray
    _targets: Reals
    _remembered: Remembered | None
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
            Targets; not negative with ``loss="poisson"``, positive with "gamma".
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

    def predict(self, X: ArrayLike, return_std: bool = False) -> Any:
        r"""Predict targets, and how far off they may be.

        .. math:: \operatorname{var}(y \mid x) = \sigma^2(x) \, (1 + v(x))

        v is what the data leave open about the weights, the posterior variance of the
        score to first order in all cores, and sigma the deviation of the noise, which
        depends on x where that predicts the residuals better. They are computed at the
        first call, from the residuals that training samples would have if they were
        left out (`early_stopping` has held-out ones), of at most 5,000 samples, which a
        fitted estimator keeps.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples; a dask array gives a dask array.
        return_std : bool, default=False
            Whether to return the standard deviation of the targets, too.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            In the units of y, shaped as y was; they end at the largest number of their
            type.
        y_std : ndarray of the same shape
            Standard deviation of a new target about its prediction, if asked for.

        Raises
        ------
        ValueError
            If a deviation is asked for and there is none: with the losses "poisson", "gamma",
            "quantile" and "absolute_error", which have no constant noise; after
            `partial_fit`; and where no residual of a left-out sample is known, as with trained
            feature maps, ``shared_cores``, another ``product``, dask arrays or ``alpha=0``,
            unless ``early_stopping`` held samples out.

        References
        ----------
        Immer, Korzepa, Bauer, "Improving predictions of Bayesian neural nets via local
        linearization", AISTATS 2021.

        Examples
        --------
        >>> import numpy as np
        >>> from sktensornet import TTRegressor
        >>> rng = np.random.default_rng(0)
        >>> X = rng.uniform(-1, 1, (300, 2))
        >>> y = X[:, 0] + np.where(X[:, 1] > 0, 0.5, 0.05) * rng.standard_normal(300)
        >>> reg = TTRegressor(rank=2, random_state=0).fit(X, y)
        >>> _, std = reg.predict([[0, -0.5], [0, 0.5]], return_std=True)
        >>> bool(std[0] < 0.2 < 0.4 < std[1])
        True
        """
        if not return_std:
            return self._predicted(X)
        self._uncertainty("return_std=True")
        return self._predicted(X), self._deviation(X)

    def predict_interval(self, X: ArrayLike, coverage: float = 0.9) -> FloatArray:
        r"""Intervals that hold a share of new targets.

        .. math:: \hat y(x) \pm q_\gamma \, \operatorname{std}(y \mid x)^\gamma, \qquad
                  \gamma \in \{0, \tfrac12, 1\}

        q is the quantile of the residuals of left-out samples, each divided by that power
        of its deviation, whose rank is that of conformal prediction, the next whole number
        from (n + 1) coverage, and the power the one with which intervals are the shortest
        on average: with samples that early stopping held out new samples like them
        are covered in finite samples, if deviation and power were given. By default they
        are left out to first order, and the deviation by folds, so that the coverage is
        that of the tables in the guide.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples; a dask array gives a dask array.
        coverage : float, default=0.9
            Share of new targets that the intervals should hold, between 0 and 1.

        Returns
        -------
        ndarray of shape (n_samples, 2) or (n_samples, n_outputs, 2)
            Lower and upper ends, infinite where there are too few residuals for the coverage.

        Raises
        ------
        ValueError
            If `coverage` is out of range, or there is no deviation, as for `predict`.

        References
        ----------
        Lei, G'Sell, Rinaldo, Tibshirani, Wasserman, "Distribution-free predictive
        inference for regression", J. Amer. Statist. Assoc. 113 (2018), section 5.2.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from sktensornet import TTRegressor
        >>> X, y = load_diabetes(return_X_y=True)
        >>> reg = TTRegressor(rank=2, random_state=0).fit(X[:300], y[:300])
        >>> lower, upper = reg.predict_interval(X[300:], coverage=0.8).T
        >>> inside = (lower <= y[300:]) & (y[300:] <= upper)
        >>> 0.7 < float(inside.mean()) < 0.9
        True
        """
        check_real("coverage", coverage, 0, 1)
        factor, power = self._uncertainty("predict_interval").shortest(coverage)
        predicted, deviation = self._predicted(X), self._deviation(X)
        # Both are in the units of scaled targets.
        factor = factor * self._targets.scale ** (1 - power)
        place = kept_place("X", X)
        if place is not None:
            factor, power = place.put(factor), place.put(power)
        if self._targets.is_flat:
            factor, power = factor[0], power[0]
        width = namespace(predicted).astype(factor * deviation**power, predicted.dtype)
        return namespace(predicted).stack([predicted - width, predicted + width], axis=-1)

    @by_block
    def _predicted(self, X: ArrayLike) -> FloatArray:
        views = self._views(X, "predict")
        predicted = mean(self._targets.predictions(scores) for _, scores in views)
        return predicted[:, 0] if self._targets.is_flat else predicted

    @by_block
    def _deviation(self, X: ArrayLike) -> FloatArray:
        """Standard deviation in the units of y."""
        variance = self._uncertainty("a deviation").variance(read_input(self, X))
        with np.errstate(over="ignore"):
            found = self._targets.scale * np.sqrt(variance)
        found = np.minimum(found, np.finfo(self.network_.dtype).max).astype(self.network_.dtype)
        place = kept_place("X", X)
        found = found if place is None else place.put(found)
        return found[:, 0] if self._targets.is_flat else found

    def _remember(self, plan: Plan) -> None:
        has_noise = plan.targets.loss.has_noise
        self._remembered = remember(plan, self.alpha_, self._fitted().model) if has_noise else None

    def _partial_fit(self, X, y, sample_weight, **options):
        super()._partial_fit(X, y, sample_weight, **options)
        self._remembered = None
        return self

    def _uncertainty(self, asked: str) -> Any:
        """What is known of the errors of predictions; raise if that is nothing."""
        check_is_fitted(self)
        loss, remembered = self._targets.loss, getattr(self, "_remembered", None)
        if not loss.has_noise:
            name = getattr(loss, "name", type(loss).__name__)
            raise ValueError(
                f"{asked} needs a noise of mean zero, which loss={name!r} has not; use "
                "loss='squared_error' or 'huber', or for a bound loss='quantile'."
            )
        if remembered is None:
            raise ValueError(
                f"{asked} needs samples that were left out, of which partial_fit, and a fit that "
                "has not ended, keep none; use fit."
            )
        if remembered.train is None and remembered.held is None:
            raise ValueError(
                f"{asked} needs residuals of samples that were left out, and there are none with "
                f"{remembered.why_not}; use early_stopping=True, which holds some out."
            )
        model = self._fitted().model
        return remembered.learnt(Uncertainty, model, self.network_, self.alpha_, loss)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        loss = REGRESSION_LOSSES.get(self.loss)
        tags.target_tags.positive_only = loss is not None and not loss.takes_negative
        return tags

    def _loss(self) -> RegressionLoss:
        """The loss that the parameters ask for; a subclass may have one of its own."""
        if self.loss == "huber":
            return Huber(self.huber_epsilon)
        if self.loss == "quantile":
            return Quantile(self.quantile)
        return REGRESSION_LOSSES[self.loss]()

    def _learn(self, y, weight, known, **options):
        loss = self._loss()
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
