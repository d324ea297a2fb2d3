"""Several labels of a sample, as columns of zeros and ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils.multiclass import type_of_target

from .._arrays._namespace import namespace
from .._arrays._typing import FloatArray
from ..losses import EachLabel
from ._targets import Targets
from ._weights import hold_out_rows


def is_multilabel(y: Any) -> bool:
    """Whether targets are a matrix of labels that samples have or have not."""
    if not hasattr(y, "shape"):
        try:
            y = np.asarray(y)
        except ValueError:
            # Rows of other lengths, which are no matrix.
            return False
    return len(y.shape) == 2 and type_of_target(y) == "multilabel-indicator"


@dataclass(frozen=True, eq=False)
class Multilabels(Targets):
    """Labels that each sample has (1) or has not (0), a score for each.

    Parameters
    ----------
    classes : ndarray of int, shape (n_labels,)
        The numbers of the columns.
    loss : EachLabel
    are_separate : bool
    """

    classes: np.ndarray
    loss: EachLabel
    are_separate: bool

    @property
    def n_scores(self) -> int:
        return len(self.classes)

    def with_loss(self, loss):
        return super().with_loss(loss if isinstance(loss, EachLabel) else EachLabel(loss))

    def encode(self, y):
        y = np.asarray(y)
        if y.ndim != 2 or y.shape[1] != len(self.classes):
            raise ValueError(
                f"y has shape {y.shape}; it must be (n_samples, {len(self.classes)}) as before, "
                "with a column of 0 and 1 for each label."
            )
        if not np.isin(y, (0, 1)).all():
            raise ValueError(
                f"y has {y.shape[1]} columns of labels with the values {np.unique(y).tolist()}; "
                "they must be 0 and 1, as MultiLabelBinarizer makes them."
            )
        return y.astype(np.float64)

    def weigh(self, y, weight, class_weight=None):
        if class_weight is not None:
            raise ValueError(
                f"class_weight={class_weight!r} is for one class a sample, but y has "
                f"{y.shape[1]} columns of labels; pass sample_weight, or class_weight=None."
            )
        return weight

    def hold_out(self, y, fraction, random_state):
        return hold_out_rows(len(y), fraction, random_state)

    def baseline(self, y, weight):
        return self.loss.baseline(np.average(y, axis=0, weights=weight))

    def score(self, scores, y, weight):
        # Loaded here: it takes 12 ms.
        from sklearn.metrics import accuracy_score

        return float(accuracy_score(y.astype(int), has_label(scores), sample_weight=weight))


def has_label(scores: FloatArray) -> np.ndarray:
    """Zeros and ones (n_samples, n_labels) that are predicted."""
    xp = namespace(scores)
    return xp.astype(scores > 0, xp.int64)
