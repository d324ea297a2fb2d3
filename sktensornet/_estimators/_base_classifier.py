"""Targets, scores and probabilities: what all classifiers share."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets

from .._arrays._namespace import host, namespace, place_of, to_numpy, widest
from .._arrays._typing import FloatArray
from .._data._labels import Labels, check_classes, labels_of, winner
from .._data._multilabels import Multilabels, has_label, is_multilabel
from .._distributed._by_block import by_block
from .._fitting._callbacks import with_callbacks
from .._fitting._moderation import Moderation
from .._fitting._needs import why_no_batches
from .._fitting._plan import Plan
from .._fitting._uncertainty import Remembered, remember
from .._support._only_if import only_if
from .._support._undo import all_or_nothing
from ..losses import CLASSIFICATION_LOSSES, EachLabel, LogLoss
from ._base import BaseTensorNetwork
from ._constraints import CLASSIFIER_CONSTRAINTS, validated
from ._views import mean


def _why_no_probabilities(estimator: Any) -> str | None:
    """By the loss that was fitted; before the fit, by the one that will be."""
    targets = getattr(estimator, "_targets", None)
    loss = CLASSIFICATION_LOSSES.get(estimator.loss) if targets is None else targets.loss
    if loss is None or loss.has_probabilities:
        return None
    return (
        f"with loss={loss.name!r}, whose scores are no probabilities; use loss='log_loss', "
        "'calibrated_squared_error', or decision_function."
    )


class BaseTensorNetworkClassifier(ClassifierMixin, BaseTensorNetwork):
    """Targets, scores and probabilities of the classifiers."""

    _parameter_constraints: dict = CLASSIFIER_CONSTRAINTS
    _targets: Labels | Multilabels
    classes_: np.ndarray
    posterior: bool
    n_views: int
    _remembered: Remembered | None = None

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
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Class labels; or columns of 0 and 1, which labels each sample has.
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
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Class labels; or columns of 0 and 1.
        classes : array-like of shape (n_classes,) or None, default=None
            All class labels; needed at the first call, unless y has columns.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Weights of the samples.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        if classes is not None and hasattr(self, "classes_"):
            given = np.unique(host("classes", classes))
            if not np.array_equal(given, self._targets.classes):
                raise ValueError(
                    f"classes={classes!r} is not the same as at the first call to partial_fit: "
                    f"{self._targets.classes!r}."
                )
        if isinstance(self.class_weight, str):
            raise ValueError(
                f"class_weight={self.class_weight!r} does not go with partial_fit; pass the "
                "weights as a dict or as sample_weight."
            )

        return self._partial_fit(X, y, sample_weight, classes=classes)

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
            predicted; for several labels the score of each. Scores saturate at 2**100
            (float32) or 2**300 (float64).
        """
        scores = mean(self._moderated_scores(X, "decision_function"))
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
        ndarray of shape (n_samples,) or (n_samples, n_labels)
            Predicted labels; for several of them 0 and 1.
        """
        if self.n_views > 1 and self._targets.loss.has_probabilities:
            # Those that are more likely than not have a positive sum.
            scores = self._log_probabilities(X, "predict") + math.log(2.0)
        else:
            scores = mean(scores for _, scores in self._views(X, "predict"))
        if isinstance(self._targets, Multilabels):
            return has_label(scores)
        return labels_of(self._targets.classes, winner(scores))

    @only_if(_why_no_probabilities)
    @by_block
    def predict_proba(self, X: ArrayLike) -> FloatArray:
        """Probabilities of the classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples; a dask array gives a dask array.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``. Of several labels the probability of each, which
            need not sum to one.
        """
        found = self._log_probabilities(X, "predict_proba")
        return namespace(found).exp(found)

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
            In the order of ``classes_``. Of several labels the probability of each, which
            need not sum to one.
        """
        return self._log_probabilities(X, "predict_log_proba")

    def _log_probabilities(self, X: Any, method: str) -> FloatArray:
        """Of the mean of the probabilities over views."""
        found = []
        for scores in self._moderated_scores(X, method):
            xp = namespace(scores)
            each = self._targets.loss.log_probabilities(xp.astype(scores, widest(scores)))
            found.append(xp.astype(each, scores.dtype))
        return found[0] if len(found) == 1 else np.logaddexp.reduce(found) - math.log(len(found))

    def _moderated_scores(self, X: Any, method: str) -> Iterator[FloatArray]:
        """Scores of views, less certain by what the data leave open if that was asked for."""
        for rows, scores in self._views(X, method):
            yield scores * self._factors(rows) if self.posterior else scores

    def _factors(self, rows: Any) -> Any:
        """What makes scores less certain."""
        if self._remembered is None:
            raise ValueError("posterior=True needs a fit with it, which keeps samples; fit again.")
        known = self._fitted().model, self.network_, self.alpha_, self._targets.loss
        each = isinstance(self._targets, Multilabels)
        factors = self._remembered.learnt(Moderation, *known, each).factors(to_numpy(rows))
        place = place_of(rows)
        factors = factors.astype(self.network_.dtype)
        return factors if place is None else place.put(factors)

    def _remember(self, plan: Plan) -> None:
        self._remembered = None
        if self.posterior:
            self._remembered = remember(plan, self.alpha_, self._fitted().model)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def _learn(self, y, weight, known, **options):
        check_classification_targets(y)
        # What "auto" means the plan of a fit says, and a warm start keeps.
        usual = LogLoss.name if known is None else known.loss.name
        loss = CLASSIFICATION_LOSSES[usual if self.loss == "auto" else self.loss]()
        are_separate = self.class_tensors == "separate"
        if is_multilabel(y):
            labels = np.arange(y.shape[1])
            classes = options.get("classes")
            if not all(
                given is None or np.array_equal(np.unique(given), labels)
                for given in (classes, None if known is None else known.classes)
            ):
                before = classes if known is None else known.classes
                raise ValueError(
                    f"y has {len(labels)} columns of labels, but the classes are {before!r}; they "
                    "must be the numbers of the columns, and the same as before."
                )
            return Multilabels(labels, EachLabel(loss), are_separate)
        classes = options.get("classes", y)
        if classes is None:
            raise ValueError("classes must be passed at the first call to partial_fit.")
        found = np.unique(host("classes", classes))
        return Labels(
            check_classes(found, None if known is None else known.classes, self),
            loss,
            are_separate,
        )

    def _attributes(self, targets, fitted):
        own = {"classes_": targets.classes, "temperature_": targets.loss.temperature}
        return super()._attributes(targets, fitted) | own
