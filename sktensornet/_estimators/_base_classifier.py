"""Targets, scores and probabilities: what all classifiers share."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils.multiclass import check_classification_targets

from .._arrays._typing import FloatArray, IntArray
from .._data._weights import hold_out, weigh_classes
from .._distributed._by_block import by_block
from .._fitting._plan import why_no_batches
from .._fitting._selection import SEARCH_SWEEPS
from .._fitting._training import with_callbacks
from .._support._only_if import only_if
from ..losses import CLASSIFICATION_LOSSES, ClassificationLoss
from ._base import BaseTensorNetwork
from ._constraints import CLASSIFIER_CONSTRAINTS, validated


def _why_no_probabilities(estimator: Any) -> str | None:
    loss = CLASSIFICATION_LOSSES.get(estimator.loss)
    if loss is None or loss.has_probabilities:
        return None
    return (
        f"with loss={estimator.loss!r}, whose scores are no probabilities; use loss='log_loss', "
        "or decision_function."
    )


class BaseTensorNetworkClassifier(ClassifierMixin, BaseTensorNetwork):
    """Targets, scores and probabilities of the classifiers."""

    _parameter_constraints: dict = CLASSIFIER_CONSTRAINTS
    _searched_sweeps = SEARCH_SWEEPS
    classes_: np.ndarray

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
        y : array-like of shape (n_samples,)
            Class labels.
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
        self,
        X: ArrayLike,
        y: ArrayLike,
        classes: Any = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Train on one more batch of samples, by one pass of mini-batches.

        The scaling of the inputs and the classes are fixed at the first call.
        The step size stays constant; weights count relative to the others of
        the same call. Callbacks are not called.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training data.
        y : array-like of shape (n_samples,)
            Class labels.
        classes : array-like of shape (n_classes,) or None, default=None
            All class labels; needed at the first call.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Weights of the samples.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        if isinstance(self.class_weight, str):
            raise ValueError(
                f"class_weight={self.class_weight!r} does not go with partial_fit; pass the "
                "weights as a dict or as sample_weight."
            )

        def learn(targets, weight, first: bool) -> IntArray:
            if first and classes is None:
                raise ValueError("classes must be passed at the first call to partial_fit.")
            if first:
                self._set_classes(np.unique(classes), keep=False)
            elif classes is not None and not np.array_equal(np.unique(classes), self.classes_):
                raise ValueError(
                    f"classes={classes!r} is not the same as at the first call to partial_fit: "
                    f"{self.classes_!r}."
                )
            return self._encode_targets(targets)

        return self._partial_fit(X, y, sample_weight, learn)

    @by_block
    def decision_function(self, X: ArrayLike) -> FloatArray:
        """Scores of the classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples; a dask array gives a dask array.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            For two classes the score of ``classes_[1]``, positive where it is
            predicted. Scores saturate at 2**100 (float32) or 2**300 (float64).
        """
        scores = self._raw_scores(X)
        return scores[:, 0] if scores.shape[1] == 1 else scores

    @by_block
    def predict(self, X: ArrayLike) -> np.ndarray:
        """Predict class labels.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples; a dask array gives a dask array.

        Returns
        -------
        ndarray of shape (n_samples,)
            Predicted labels.
        """
        scores = self._raw_scores(X)
        return self.classes_[_winner(scores)]

    @only_if(_why_no_probabilities)
    def predict_proba(self, X: ArrayLike) -> FloatArray:
        """Probabilities of the classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples; a dask array gives a dask array.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``.
        """
        return np.exp(self.predict_log_proba(X))

    @only_if(_why_no_probabilities)
    @by_block
    def predict_log_proba(self, X: ArrayLike) -> FloatArray:
        """Logarithms of the probabilities of the classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples; a dask array gives a dask array.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``.
        """
        scores = self._raw_scores(X)
        return self._loss().log_probabilities(scores.astype(np.float64)).astype(scores.dtype)

    def _loss(self) -> ClassificationLoss:
        return CLASSIFICATION_LOSSES[self.loss]()

    def _outputs(self):
        n_classes = len(self.classes_)
        return 1 if n_classes == 2 else n_classes, self.class_tensors == "separate"

    def _set_classes(self, classes, keep: bool) -> None:
        if len(classes) < 2:
            raise ValueError(
                f"{type(self).__name__} needs samples of at least two classes; y has one class: "
                f"{classes.tolist()[0]!r}. If y is a part of more data, take a part that has all "
                "classes, as train_test_split(..., stratify=y) and StratifiedKFold do; for "
                "partial_fit, pass all of them as classes."
            )
        if keep and not np.array_equal(classes, self.classes_):
            raise ValueError(
                f"warm_start=True needs the same classes as before: y has {classes!r}, the "
                f"fitted model has {self.classes_!r}."
            )
        self.classes_ = classes

    def _learn_targets(self, targets, weight, keep):
        check_classification_targets(targets)
        self._set_classes(np.unique(targets), keep)
        return np.searchsorted(self.classes_, targets)

    def _encode_targets(self, targets):
        check_classification_targets(targets)
        unknown = np.setdiff1d(targets, self.classes_)
        if len(unknown):
            raise ValueError(f"y contains {unknown!r}, not in classes_={self.classes_!r}.")
        return np.searchsorted(self.classes_, targets)

    def _weigh(self, y, weight):
        return weigh_classes(self.class_weight, self.classes_, y, weight)

    def _split(self, y, random_state):
        return hold_out(y, self.validation_fraction, random_state)

    def _mean_target(self, y, weight):
        return np.bincount(y, weight, len(self.classes_)) / weight.sum()

    def _held_score(self, scores, y, weight):
        return float(accuracy_score(y, _winner(scores), sample_weight=weight))


def _winner(scores: FloatArray) -> IntArray:
    """Index of the predicted class of each row of scores."""
    return (scores[:, 0] > 0).astype(int) if scores.shape[1] == 1 else scores.argmax(axis=1)
