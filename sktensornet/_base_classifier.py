"""Targets, scores and probabilities: what all classifiers share."""

from __future__ import annotations

from copy import copy
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from ._classes import hold_out, weigh_classes
from ._estimator import BaseTensorNetwork
from ._init import make_start
from ._training import with_callbacks
from ._typing import FloatArray, IntArray
from ._validation import CLASSIFIER_CONSTRAINTS, validated
from .losses import CLASSIFICATION_LOSSES, ClassificationLoss
from .networks import TensorNetwork
from .solvers import Adam


def _gives_probabilities(estimator) -> bool:
    if not CLASSIFICATION_LOSSES[estimator.loss].has_probabilities:
        raise AttributeError(
            f"probability estimates are not available for loss={estimator.loss!r}; "
            "use loss='log_loss'."
        )
    return True


def _takes_batches(estimator) -> bool:
    if estimator.early_stopping:
        raise AttributeError(
            "partial_fit is not available with early_stopping=True; set it to False."
        )
    if not estimator._resolve_solver(Adam).takes_batches:
        raise AttributeError(
            f"partial_fit is not available for solver={estimator.solver!r}; use solver='adam'."
        )
    return True


class BaseTensorNetworkClassifier(ClassifierMixin, BaseTensorNetwork):
    """Targets, scores and probabilities of the classifiers."""

    _parameter_constraints: dict = CLASSIFIER_CONSTRAINTS
    classes_: np.ndarray

    @with_callbacks
    @validated
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the network.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training data; images flattened in C order.
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
        data, labels, own_weight = self._check_data(X, y, sample_weight, reset=True)
        random_state = check_random_state(self.random_state)
        warm = self.warm_start and hasattr(self, "network_")
        self._set_classes(np.unique(labels), keep=warm)
        self._check_rank()
        indices = np.searchsorted(self.classes_, labels)
        weights = self._weigh_classes(indices, own_weight)
        rows, held = self._split(indices, random_state)
        data_held, indices_held, weights_held = data[held], indices[held], weights[held]
        data, indices, weights = data[rows], indices[rows], weights[rows]
        if self.early_stopping and not (weights.any() and weights_held.any()):
            raise ValueError(
                "early_stopping=True left only samples of weight zero to train on or to "
                "validate with; pass sample_weight with more positive weights, or set "
                "early_stopping=False."
            )
        model = self._new_model(data, weights, random_state)
        self._bias = self._baseline(indices, weights)
        if warm:
            model = self._resume(model)
        make = self._make_start(model, data, indices, weights, random_state)
        start = self._fitted_theta() if warm else make(random_state)
        follows = warm and isinstance(self.init, TensorNetwork)

        def accuracy(scores: FloatArray) -> float:
            winners = _winner(scores)
            return float(accuracy_score(indices_held, winners, sample_weight=weights_held))

        self._train(
            model,
            self._loss(),
            data,
            indices,
            weights,
            start=start,
            origin=lambda: start if follows else make(None),
            held=(data_held, accuracy) if self.early_stopping else None,
            random_state=random_state,
            shown={
                "X": data,
                "y": lambda: self.classes_[indices],
                "metadata": None if sample_weight is None else {"sample_weight": own_weight[rows]},
            },
        )
        return self

    @available_if(_takes_batches)
    @validated
    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        classes: ArrayLike | None = None,
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
        first = not hasattr(self, "network_")
        if isinstance(self.class_weight, str):
            raise ValueError(
                f"class_weight={self.class_weight!r} does not go with partial_fit; pass the "
                "weights as a dict or as sample_weight."
            )
        X, y, weight = self._check_data(X, y, sample_weight, reset=first)
        if first:
            if classes is None:
                raise ValueError("classes must be passed at the first call to partial_fit.")
            self._set_classes(np.unique(classes), keep=False)
            self._check_rank()
        elif classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ValueError(
                f"classes={classes!r} is not the same as at the first call to partial_fit: "
                f"{self.classes_!r}."
            )
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ValueError(f"y contains {unknown!r}, not in classes={self.classes_!r}.")
        y = np.searchsorted(self.classes_, y)
        weight = self._weigh_classes(y, weight)
        if first:
            self._random_state = check_random_state(self.random_state)
            model = self._new_model(X, weight, self._random_state)
            self._bias = self._baseline(y, weight)
        else:
            model = self._fitted_model()
        make = self._make_start(model, X, y, weight, self._random_state)
        theta = make(self._random_state) if first else self._fitted_theta()
        if getattr(self, "_origin", None) is None:
            follows = not first and isinstance(self.init, TensorNetwork)
            self._origin = theta if follows else make(None)
        self._advance(model, self._loss(), X, y, weight, theta, self._origin)
        return self

    def compress(
        self,
        rank: int | None = None,
        rank_tol: float | None = None,
        X: ArrayLike | None = None,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        r"""Return a classifier with a smaller network.

        .. math:: \tilde W \approx W, \qquad \operatorname{rank} \tilde W \le r

        Without data the weight tensor is rounded: trees by the hierarchical
        SVD, with an error within the root of the number of truncated bonds of
        the best, and a canonical polyadic sum by keeping the terms that matter
        most. With data, the truncation that changes the scores least competes
        with it, and a sweep of `solvers.ALS` polishes the better one, core by
        core, for the estimator's loss and ``alpha``; the feature map stays as
        it is.

        Parameters
        ----------
        rank : int or None, default=None
            Cap of all ranks.
        rank_tol : float or None, default=None
            Relative error allowed at each bond.
        X : array-like of shape (n_samples, n_features) or None, default=None
            Samples to truncate and polish with, such as the training data.
        y : array-like of shape (n_samples,) or None, default=None
            Their labels, all of them in ``classes_``.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Their weights.

        Returns
        -------
        object
            A fitted estimator of the same class; this one does not change.

        Raises
        ------
        ValueError
            If neither `rank` nor `rank_tol` is given, one is out of range, or
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
            samples, labels, weight = self._check_data(X, y, sample_weight, reset=False)
            unknown = np.setdiff1d(labels, self.classes_)
            if len(unknown):
                raise ValueError(f"y contains {unknown!r}, not in classes_={self.classes_!r}.")
            indices = np.searchsorted(self.classes_, labels)
            samples = samples.astype(self.network_.dtype, copy=False)
            data = self._loss(), samples, indices, self._weigh_classes(indices, weight)
        elif not (X is None and y is None and sample_weight is None):
            raise ValueError("X and y must both be given, or neither of X, y and sample_weight.")
        smaller = copy(self)
        smaller.network_ = self._compressed(rank, rank_tol, data)
        smaller._solver_state = None
        if rank is not None:
            smaller.rank = rank
        return smaller

    def decision_function(self, X: ArrayLike) -> FloatArray:
        """Scores of the classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            For two classes the score of ``classes_[1]``, positive where it is
            predicted. Scores saturate at 2**100 (float32) or 2**300 (float64).
        """
        scores = self._raw_scores(X)
        return scores[:, 0] if scores.shape[1] == 1 else scores

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Predict class labels.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        ndarray of shape (n_samples,)
            Predicted labels.
        """
        scores = self._raw_scores(X)
        return self.classes_[_winner(scores)]

    @available_if(_gives_probabilities)
    def predict_proba(self, X: ArrayLike) -> FloatArray:
        """Probabilities of the classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``.
        """
        return np.exp(self.predict_log_proba(X))

    @available_if(_gives_probabilities)
    def predict_log_proba(self, X: ArrayLike) -> FloatArray:
        """Logarithms of the probabilities of the classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``.
        """
        scores = self._raw_scores(X)
        return self._loss().log_probabilities(scores.astype(np.float64)).astype(scores.dtype)

    def _check_rank(self) -> None:
        """Warn if the format needs a larger rank for this number of classes."""

    def _loss(self) -> ClassificationLoss:
        return CLASSIFICATION_LOSSES[self.loss]()

    def _check_data(self, X: Any, y: Any, sample_weight: Any, reset: bool) -> tuple[Any, Any, Any]:
        X, y = validate_data(self, X, y, dtype=[np.float64, np.float32], reset=reset)
        check_classification_targets(y)
        weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        return X, y, weight

    def _set_classes(self, classes, keep: bool) -> None:
        if len(classes) < 2:
            raise ValueError(
                f"{type(self).__name__} needs samples of at least two classes; y has one class: "
                f"{classes[0]!r}."
            )
        if keep and not np.array_equal(classes, self.classes_):
            raise ValueError(
                f"warm_start=True needs the same classes as before: y has {classes!r}, the "
                f"fitted model has {self.classes_!r}."
            )
        self.classes_ = classes

    def _weigh_classes(self, y: IntArray, weight: FloatArray) -> FloatArray:
        return weigh_classes(self.class_weight, self.classes_, y, weight)

    def _split(self, y, random_state):
        """Rows to train on, and rows that early stopping holds out."""
        if not self.early_stopping:
            return slice(None), slice(0)
        return hold_out(y, self.validation_fraction, random_state)

    def _new_model(self, X, weight, random_state):
        n_classes = len(self.classes_)
        return self._build(
            X,
            weight,
            random_state,
            n_outputs=1 if n_classes == 2 else n_classes,
            batched=self.class_tensors == "separate",
        )

    def _make_start(self, model, X, y, weight, random_state):
        return make_start(
            self.init,
            model,
            self._loss(),
            X,
            y,
            weight,
            alpha=self.alpha,
            bias=self._bias,
            random_state=random_state,
        )

    def _baseline(self, y, weight):
        frequency = np.bincount(y, weight, len(self.classes_)) / weight.sum()
        bias = self._loss().baseline(frequency)
        return bias[:, None] if self.class_tensors == "separate" else bias[None]


def _winner(scores: FloatArray) -> IntArray:
    """Index of the predicted class of each row of scores."""
    return (scores[:, 0] > 0).astype(int) if scores.shape[1] == 1 else scores.argmax(axis=1)
