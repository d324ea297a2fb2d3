"""Picture of what the features of a patch look for."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from .._arrays._typing import FloatArray
from ..feature_maps._affine import FittedAffineMap
from ..patches import ImagePatches
from ._drawing import BaseDisplay, tidy
from ._fitted import fitted_estimator

_GAP = 1
"""Pixels between filters."""


class FiltersDisplay(BaseDisplay):
    """The trained filters of an `AffineMap` on patches of images, the strongest first.

    Filters are the columns of A in f(x) = sigma(A^T z + b), shaped as patches.
    Of colour images the mean over the channels is drawn.

    Parameters
    ----------
    filters : ndarray of shape (n_filters, height, width)
        The filters, as pictures.

    Attributes
    ----------
    mosaic : ndarray
        All filters side by side, each divided by its largest absolute value, NaN between them.
    image_ : matplotlib AxesImage
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sktensornet import HTClassifier
    >>> from sktensornet.inspection import FiltersDisplay
    >>> from sktensornet.patches import ImagePatches
    >>> X, y = load_digits(return_X_y=True)
    >>> patches = ImagePatches((8, 8), (4, 4))
    >>> clf = HTClassifier(rank=4, patches=patches, feature_map="affine", tol=1.0)
    >>> clf = clf.fit(X[:200], y[:200])
    >>> FiltersDisplay.from_estimator(clf).filters.shape
    (15, 4, 4)
    """

    def __init__(self, filters: FloatArray) -> None:
        self.filters = np.asarray(filters, float)
        if self.filters.ndim != 3 or not self.filters.size:
            raise ValueError(
                f"filters has shape {self.filters.shape}; it must be (n_filters, height, width)."
            )
        n_filters, height, width = self.filters.shape
        across = int(np.ceil(np.sqrt(n_filters * height / width)))
        down = -(-n_filters // across)
        self.mosaic = np.full(
            (down * (height + _GAP) - _GAP, across * (width + _GAP) - _GAP), np.nan
        )
        for k, own in enumerate(self.filters):
            row, column = divmod(k, across)
            top, left = row * (height + _GAP), column * (width + _GAP)
            largest = np.abs(own).max()
            self.mosaic[top : top + height, left : left + width] = own / (largest or 1.0)

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Any = None) -> Self:
        """Draw the filters of a fitted estimator.

        Parameters
        ----------
        estimator : object
            A fitted estimator with ``patches=ImagePatches(...)`` and an `AffineMap`.
        ax : matplotlib Axes or None, default=None
            Where to draw; None is a new figure.

        Returns
        -------
        FiltersDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If it has other patches or another feature map.
        """
        fitted = fitted_estimator(estimator)
        patches, feature_map = fitted.patches, fitted.feature_map_
        if not isinstance(feature_map, FittedAffineMap):
            name = type(feature_map).__name__.removeprefix("Fitted")
            raise ValueError(
                f"filters are those of feature_map='affine', but the model has {name}."
            )
        if not isinstance(patches, ImagePatches):
            raise ValueError(f"patches={patches!r} must be ImagePatches to have filters to draw.")
        matrix = feature_map.parameters[0].astype(np.float64)
        strongest = np.argsort(-np.linalg.norm(matrix, axis=0), kind="stable")
        patch, _ = patches.window()
        shaped = matrix.T[strongest].reshape(len(strongest), *patch, -1)
        return cls(shaped.mean(axis=-1)).plot(ax)

    def _size(self):
        rows, columns = self.mosaic.shape
        size = 6.0 / max(rows, columns)
        return max(2.0, size * columns), max(2.0, size * rows)

    def _draw(self):
        self.image_ = self.ax_.imshow(self.mosaic, cmap="RdBu", vmin=-1, vmax=1)
        self.ax_.set(xticks=[], yticks=[])
        tidy(self.ax_)
