"""The states of a recurrent network, as a method of estimators."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from .._arrays._typing import FloatArray
from .._problems._any_length import states_of
from .._support._checks import check_boolean
from ._reading import read_input


class HiddenStatesMixin:
    """Mixin of estimators."""

    network_: Any
    _parts: Any

    def hidden_states(self, X: ArrayLike, bond: int | None = None, exponents: bool = False) -> Any:
        r"""Return what a recurrent network remembers after each step.

        .. math:: h^{(t)}_k = \sum_{ij} G_{ijk} \, f(x^{(t)})_i \, h^{(t-1)}_j

        Parameters
        ----------
        X : array-like of shape (n_samples, n_columns)
            Samples of any number of steps. After the end of a sample, where all is
            missing, its state stays.
        bond : int or None, default=None
            The bond between step `bond` and the next, the last step for -1; None is all.
        exponents : bool, default=False
            Whether states come with their largest entry between a half and one, and with
            the powers of two that they are to be multiplied by. Otherwise numbers beyond
            2**100 (float32) or 2**300 (float64) become that.

        Returns
        -------
        states : ndarray of shape (n_samples, n_steps, r), or (n_samples, r) of one bond
            The states.
        powers : ndarray of int, shape (n_samples, n_steps), or (n_samples,) of one bond
            Only with `exponents`.

        Raises
        ------
        ValueError
            If the network is no train of equal cores over at least three steps with
            one tensor for all scores, or there is no such bond.

        See Also
        --------
        sktensornet.networks.TensorNetwork.read : Reads a stream, step by step.

        Examples
        --------
        >>> import numpy as np
        >>> from sktensornet import TTClassifier
        >>> X = np.random.default_rng(0).integers(0, 2, (200, 6))
        >>> X[::2, 5] = -1
        >>> clf = TTClassifier(
        ...     rank=3, shared_cores=True, feature_map="embedding", solver="spectral"
        ... )
        >>> clf = clf.fit(X, X.sum(axis=1, where=X >= 0) % 2)
        >>> clf.hidden_states([[1, 0, 1, 1]]).shape
        (1, 4, 2)
        >>> bool((clf.hidden_states([[1, 0]], bond=1) == clf.hidden_states([[1]], bond=-1)).all())
        True
        """
        check_is_fitted(self)
        check_boolean("exponents", exponents)
        values: FloatArray = read_input(self, X, any_length=True)
        sites, feature_map, network = self._parts()
        return states_of(sites, feature_map, network, values, bond, exponents)
