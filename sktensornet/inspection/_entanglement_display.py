"""Picture of the singular values at the bonds."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from .._arrays._typing import FloatArray
from ..networks import bond_spectra
from ._drawing import BLUE, PALE, BaseDisplay, tidy, whole_numbers
from ._fitted import fitted_network

_WIDTH = 0.7
"""Of bars, in units of their distance."""


class EntanglementDisplay(BaseDisplay):
    r"""Singular values, or their entropy, at every bond of a tree.

    .. math:: S = - \sum_j p_j \log_2 p_j, \qquad p_j = \sigma_j^2 / \sum_i \sigma_i^2

    The entropy is 0 where the two sides of a bond act independently, and log2 of
    the rank where all singular values are equal. Of several tensors the mean is
    drawn. Bonds are in the order of ``network_.ranks``.

    Parameters
    ----------
    spectra : sequence of ndarray of shape (n_tensors, rank)
        What `networks.bond_spectra` returns.

    Attributes
    ----------
    entropies : ndarray of shape (n_bonds, n_tensors)
        In bits.
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    References
    ----------
    Stoudenmire, Schwab, "Supervised Learning with Tensor Networks", NIPS 2016.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sktensornet import TTClassifier
    >>> from sktensornet.inspection import EntanglementDisplay
    >>> clf = TTClassifier(rank=3, alpha=1e-3).fit(*load_iris(return_X_y=True))
    >>> EntanglementDisplay.from_estimator(clf).entropies.shape
    (3, 1)
    """

    _KINDS = ("entropy", "spectrum")

    def __init__(self, spectra: Any) -> None:
        self.spectra: tuple[FloatArray, ...] = tuple(spectra)
        self.entropies = np.array([entropy(values) for values in self.spectra])

    @classmethod
    def from_estimator(cls, estimator: Any, *, kind: str = "entropy", ax: Any = None) -> Self:
        """Draw the bonds of a fitted tensor train or tree.

        Parameters
        ----------
        estimator : object
            A fitted estimator of the package.
        kind : {"entropy", "spectrum"}, default="entropy"
            What to draw.
        ax : matplotlib Axes or None, default=None
            Where to draw; None is a new figure.

        Returns
        -------
        EntanglementDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If the network is a canonical polyadic sum, which has no bonds.
        """
        return cls(bond_spectra(fitted_network(estimator))).plot(ax, kind=kind)

    def plot(self, ax: Any = None, *, kind: str = "entropy") -> Self:
        """Draw the entropies or the singular values.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None is a new figure.
        kind : {"entropy", "spectrum"}, default="entropy"
            What to draw.

        Returns
        -------
        self : object
            The display, which holds what it drew.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        return self._drawn(ax, kind=self._check_kind(kind))

    def _draw(self, *, kind):
        super()._draw(kind=kind)
        self.ax_.set(xlabel="bond", xlim=(0.4, len(self.spectra) + 0.6))
        whole_numbers(self.ax_.xaxis)
        tidy(self.ax_, "bottom", grid="y")

    def _draw_entropy(self):
        bonds = np.arange(1, len(self.spectra) + 1)
        most = [np.log2(values.shape[1]) for values in self.spectra]
        own = {"color": BLUE, "label": "entropy"}
        self.ax_.bar(bonds, self.entropies.mean(axis=1), width=_WIDTH, zorder=2, **own)
        self.ax_.bar(bonds, most, width=_WIDTH, color=PALE, label="most that the rank allows")
        self.ax_.set(ylabel="entropy (bits)")
        self.ax_.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False)

    def _draw_spectrum(self):
        for bond, values in enumerate(self.spectra, start=1):
            for own in values:
                shares = own[own > 0] / max(own.max(initial=0), np.finfo(float).tiny)
                ends = bond - _WIDTH / 2, bond + _WIDTH / 2
                self.ax_.hlines(shares, *ends, color=BLUE, lw=1.5)
        self.ax_.set(ylabel="singular value, relative", yscale="log")
        self.ax_.yaxis.set_major_formatter("{x:g}")


def entropy(spectrum: FloatArray) -> FloatArray:
    """Entropy of the squares of singular values, by rows."""
    squares = spectrum**2
    whole = squares.sum(axis=1, keepdims=True)
    p = squares / np.where(whole > 0, whole, 1.0)
    return -(p * np.log2(np.where(p > 0, p, 1.0))).sum(axis=1)
