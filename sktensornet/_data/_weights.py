"""Weights of classes, and samples to hold out."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import compute_class_weight

from .._arrays._typing import FloatArray, IntArray
from .._support._checks import check_real


def weigh_classes(
    class_weight: dict | str | None, classes: np.ndarray, y: IntArray, weight: FloatArray
) -> FloatArray:
    """Weights of the samples times those of their classes.

    Parameters
    ----------
    class_weight : dict, "balanced" or None
        A dict may name labels that are not here, as in a fold without them, where
        it names all that are.
    classes : ndarray of shape (n_classes,)
    y : ndarray of int, shape (n_samples,)
        Indices into the classes.
    weight : ndarray of shape (n_samples,)

    Returns
    -------
    ndarray of shape (n_samples,)

    Raises
    ------
    ValueError
        If a label is unknown beside one without weight, a weight negative, or all
        weights are zero.
    """
    if class_weight is None:
        return weight
    seen = weight > 0
    present = np.unique(y[seen])
    by_index: Any = class_weight
    if isinstance(class_weight, dict):
        labels = classes.tolist()
        unknown = [label for label in class_weight if label not in labels]
        without = [label for label in labels if label not in class_weight]
        if unknown and without:
            raise ValueError(
                f"class_weight has label(s) {unknown!r} that are not in y and none of "
                f"{without!r}; its keys must be among {labels!r}, or name them all."
            )
        for label, value in class_weight.items():
            check_real(f"class_weight[{label!r}]", value, 0, low_allowed=True)
        by_index = {index: class_weight.get(labels[index], 1.0) for index in present}
    factors = np.zeros(len(classes))
    if len(present):
        factors[present] = compute_class_weight(
            by_index, classes=present, y=y[seen], sample_weight=weight[seen]
        )
    weight = weight * factors[y]
    if not weight.any():
        raise ValueError(
            f"class_weight={class_weight!r} and sample_weight leave every sample with "
            "weight zero; at least one needs a positive weight."
        )
    return weight


def hold_out(
    y: IntArray, fraction: float, random_state: np.random.RandomState
) -> tuple[IntArray, IntArray]:
    """Rows to train on, and rows that early stopping holds out, by class."""
    try:
        return _split(len(y), test_size=fraction, stratify=y, random_state=random_state)
    except ValueError as error:
        raise ValueError(
            f"early_stopping=True with validation_fraction={fraction!r} needs "
            f"at least two samples of each class and room for each class in both parts, but "
            f"the classes have {np.bincount(y).tolist()} samples; use more samples, another "
            "fraction, or early_stopping=False."
        ) from error


def hold_out_rows(
    n_samples: int, fraction: float, random_state: np.random.RandomState
) -> tuple[IntArray, IntArray]:
    """Rows to train on, and rows that early stopping holds out."""
    if not 2 <= fraction * n_samples <= n_samples - 1:
        raise ValueError(
            f"early_stopping=True with validation_fraction={fraction!r} needs at least two "
            f"samples to validate with and one to train on, but n_samples={n_samples}; use more "
            "samples, another fraction, or early_stopping=False."
        )
    return _split(n_samples, test_size=fraction, random_state=random_state)


def _split(n: int, **parameters: Any) -> tuple[IntArray, IntArray]:
    """The numbers below n in two parts."""
    # Loaded here: with the metrics it takes 16 ms.
    from sklearn.model_selection import train_test_split

    rows, held = train_test_split(np.arange(n), **parameters)
    return rows, held
