"""What a fitted network has made of a sample before it gives scores, as features."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin, clone
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from .._arrays._parallel import chunks
from .._arrays._typing import FloatArray
from .._estimators._reading import read_input
from .._support._documentation_links import DocumentationLinkMixin
from ..networks import TensorNetwork
from ..networks._cores import message_cores, network_of
from ..networks._tensors._bond_grams import bond_grams, messages_up, whitening
from ._fitted import transformed, unwrapped

_ROWS = 512
_LEAST = 1e-8
"""Of the largest squared singular value: below, no score reads a state that is told from noise."""


class HiddenStates(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, DocumentationLinkMixin, BaseEstimator
):
    r"""The messages that arrive where a network is read out, as features.

    .. math:: h_b(x) = U_b^\top \bigotimes_{k \in b} f_k(x_k), \qquad
              W_{(b) \times (\text{rest}, c)} = U_b \operatorname{diag}(\sigma) V^\top

    For each leg b of the core with the class leg (for a tensor train those to the left and
    to the right, and the site in the middle; for a canonical polyadic sum its one product) the
    features are the coordinates of the product of local features in the singular vectors of the
    weight tensor: orthonormal, by falling singular value, and the largest entry over the
    training samples positive, so that they do not depend on the gauge.
    Linear models, neighbours and clusterings see what the network has learnt.

    Parameters
    ----------
    estimator : estimator of this package
        A classifier or regressor, or a pipeline that ends in one.
    prefit : bool, default=False
        Whether `estimator` is fitted and taken as it is. Else a clone is fitted.

    Attributes
    ----------
    estimator_ : estimator
        The fitted one.
    singular_values_ : ndarray of shape (n_states,)
        That of each feature.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, where X had names.

    See Also
    --------
    sktensornet.networks.bond_spectra : The singular values at all bonds.

    References
    ----------
    Grasedyck, "Hierarchical singular value decomposition of tensors", SIAM J. Matrix
    Anal. Appl. 31 (2010) 2029-2054.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from sklearn.pipeline import make_pipeline
    >>> from sktensornet import TTClassifier
    >>> from sktensornet.inspection import HiddenStates
    >>> X, y = load_iris(return_X_y=True)
    >>> states = HiddenStates(TTClassifier(rank=3, random_state=0))
    >>> make_pipeline(states, KNeighborsClassifier()).fit(X, y).score(X, y) > 0.95
    True
    >>> states.fit(X, y).get_feature_names_out()[:2].tolist()
    ['hiddenstates0', 'hiddenstates1']
    """

    def __init__(self, estimator: Any, *, prefit: bool = False) -> None:
        self.estimator = estimator
        self.prefit = prefit

    def fit(self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the estimator, and find the bases.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training data, which also give the features their signs.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), or None, default=None
            Targets; not needed with ``prefit=True``.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Weights of the samples.

        Returns
        -------
        self : object
            The fitted transformer.

        Raises
        ------
        ValueError
            If the network has no weight tensor, or shares cores.
        """
        if self.prefit:
            fitted = self.estimator
        else:
            options = {} if sample_weight is None else {"sample_weight": sample_weight}
            fitted = clone(self.estimator).fit(X, y, **options)
        inner, before = unwrapped(fitted)
        network = inner.network_
        network.tree.require_multilinear("HiddenStates")
        if network.shares_cores:
            raise ValueError(
                "HiddenStates needs singular vectors of the weight tensor, which are not found "
                "with shared_cores=True; fit with shared_cores=False."
            )
        self.estimator_ = fitted
        each = [_bases(one) for one in _tensors(network)]
        self._bases = [basis for basis, _ in each]
        self.singular_values_ = np.concatenate([values for _, values in each])
        data = read_input(inner, transformed(before, X))
        used = slice(None) if sample_weight is None else np.asarray(sample_weight) > 0
        found = self._states(inner, data[used])
        largest = np.abs(found).argmax(axis=0)
        self._signs = np.where(found[largest, np.arange(found.shape[1])] < 0, -1.0, 1.0)
        self.n_features_in_ = fitted.n_features_in_
        if hasattr(fitted, "feature_names_in_"):
            self.feature_names_in_ = fitted.feature_names_in_
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
        return self

    def transform(self, X: ArrayLike) -> FloatArray:
        """The states of samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        ndarray of shape (n_samples, n_states)
            The features.
        """
        check_is_fitted(self)
        inner, before = unwrapped(self.estimator_)
        data = read_input(inner, transformed(before, X))
        return (self._states(inner, data) * self._signs).astype(inner.network_.dtype)

    def _states(self, inner: Any, data: FloatArray) -> FloatArray:
        tree = inner.network_.tree
        found = []
        for rows in chunks(len(data), _ROWS):
            features = inner.feature_map_.transform(inner.patches_.extract(data[rows]))
            own = []
            for cores, bases in self._bases:
                up = messages_up(tree, cores, features)
                own += [up[node] @ basis for node, basis in bases.items()]
            found.append(np.hstack(own))
        return np.concatenate(found)

    @property
    def _n_features_out(self) -> int:
        return len(self.singular_values_)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "estimator_")

    def __sklearn_tags__(self):
        tags, inner = super().__sklearn_tags__(), get_tags(self.estimator)
        tags.input_tags = inner.input_tags
        tags.target_tags = inner.target_tags
        tags.target_tags.required = not self.prefit
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _tensors(network: TensorNetwork) -> list[TensorNetwork]:
    """Each tensor by itself; its core of the root then has a leg of one."""
    if not network.batched:
        return [network]
    cores = message_cores(network)
    return [
        network_of(network.tree, [core[c : c + 1] for core in cores], False)
        for c in range(network.n_outputs)
    ]


def _bases(network: TensorNetwork) -> tuple[Any, FloatArray]:
    """Cores, with the basis at each node below the root, and the singular values."""
    cores, inside, beyond = bond_grams(network)
    bases, spectra = {}, []
    for child in network.tree.nodes[-1].children:
        plain = whitening(inside[child])
        back = inside[child] @ plain
        values, vectors = np.linalg.eigh(back.T @ beyond[child] @ back)
        kept = np.flatnonzero(values > _LEAST * max(values[-1], np.finfo(float).tiny))[::-1]
        bases[child] = plain @ vectors[:, kept]
        spectra.append(np.sqrt(values[kept]))
    return (cores, bases), np.concatenate(spectra)
