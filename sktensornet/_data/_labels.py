"""Class labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils.multiclass import check_classification_targets

from .._arrays._namespace import namespace, place_of, to_numpy
from .._arrays._typing import FloatArray, IntArray
from ..losses import ClassificationLoss
from ._targets import Targets
from ._weights import hold_out, weigh_classes


@dataclass(frozen=True, eq=False)
class Labels(Targets):
    """Labels as indices into the classes.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        Sorted.
    loss : ClassificationLoss
    are_separate : bool
    """

    classes: np.ndarray
    loss: ClassificationLoss
    are_separate: bool

    @property
    def n_scores(self) -> int:
        n_classes = len(self.classes)
        return 1 if n_classes == 2 else n_classes

    def encode(self, y):
        check_classification_targets(y)
        unknown = np.setdiff1d(y, self.classes)
        if len(unknown):
            raise ValueError(f"y contains {unknown!r}, not in classes_={self.classes!r}.")
        return np.searchsorted(self.classes, y)

    def weigh(self, y, weight, class_weight=None):
        return weigh_classes(class_weight, self.classes, y, weight)

    def hold_out(self, y, fraction, random_state):
        return hold_out(y, fraction, random_state)

    def baseline(self, y, weight):
        return self.loss.baseline(np.bincount(y, weight, len(self.classes)) / weight.sum())

    def score(self, scores, y, weight):
        # Loaded here: it takes 12 ms.
        from sklearn.metrics import accuracy_score

        return float(accuracy_score(y, winner(scores), sample_weight=weight))


def labels_of(classes: np.ndarray, index: Any) -> Any:
    """The labels of some indices, where these are, unless labels are text."""
    place = place_of(index)
    if place is None or classes.dtype.kind not in "iufb":
        return classes[to_numpy(index)]
    return place.xp.take(place.put(classes), index, axis=0)


def check_classes(classes: np.ndarray, known: np.ndarray | None, owner: Any) -> np.ndarray:
    """Classes that can be learnt; `known` are those that may not change."""
    if len(classes) < 2:
        raise ValueError(
            f"{type(owner).__name__} needs samples of at least two classes; y has one class: "
            f"{classes.tolist()[0]!r}. If y is a part of more data, take a part that has all "
            "classes, as train_test_split(..., stratify=y) and StratifiedKFold do; for "
            "partial_fit, pass all of them as classes."
        )
    if known is not None and not np.array_equal(classes, known):
        raise ValueError(
            f"warm_start=True needs the same classes as before: y has {classes!r}, the "
            f"fitted model has {known!r}."
        )
    return classes


def winner(scores: FloatArray) -> IntArray:
    """Index of the predicted class of each row of scores."""
    xp = namespace(scores)
    if scores.shape[1] == 1:
        return xp.astype(scores[:, 0] > 0, xp.int64)
    return xp.argmax(scores, axis=1)
