"""The trainable map of the paper."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .._arrays._namespace import filled, namespace
from .._arrays._samples import positive_scale, weighted_moments
from .._support._checks import check_integer, check_option
from .._support._optional import WORTH_COMPILING, compiled_module
from ._base import LIMIT, FeatureMap, FittedMap, empty_features, standardise, unit_covectors


def _relu(h):
    return np.maximum(h, 0, out=h)


def _relu_adjoint(f, gradient):
    return gradient * namespace(f).astype(f > 0, f.dtype)


def _tanh_adjoint(f, gradient):
    return gradient * (1 - f * f)


ACTIVATIONS = {
    "relu": (_relu, _relu_adjoint),
    "tanh": (lambda h: np.tanh(h, out=h), _tanh_adjoint),
    "identity": (lambda h: h, lambda f, gradient: gradient),
}

_LEAST = {"relu": 0.0, "identity": -np.inf}
"""The least feature, for activations that compiled code knows."""


def _compiled_for(*arrays: np.ndarray) -> Any:
    """The compiled code for arrays (d, n, any), or None."""
    if arrays[0].size < WORTH_COMPILING:
        return None
    module: Any = compiled_module("sktensornet._compiled._affine")
    return None if module is None or not module.fits(*arrays) else module


class AffineMap(FeatureMap):
    r"""A trainable affine map and a nonlinearity, shared by all sites.

    .. math:: f(x) = (1, \; \sigma(A^\top z + b)), \qquad z = (x - \mu) / \sigma_x

    A and b are trained together with the network, so this map needs a gradient
    solver. Inputs are standardised with one mean and scale per place in the
    patch, taken over all sites, and limited to 4 standard deviations.

    Parameters
    ----------
    n_components : int, default=16
        Number m of local features, the constant included.
    activation : {"relu", "tanh", "identity"}, default="relu"
        The nonlinearity.

    References
    ----------
    Khrulkov, Novikov, Oseledets, "Expressive power of recurrent neural
    networks", ICLR 2018: f(x) = sigma(A x + b).

    Examples
    --------
    >>> from sktensornet import TTClassifier
    >>> from sktensornet.feature_maps import AffineMap
    >>> TTClassifier(feature_map=AffineMap(n_components=8))
    TTClassifier(feature_map=AffineMap(n_components=8))
    """

    allow_nan = True
    trainable = True
    array_api_support = True

    def __init__(self, n_components: int = 16, activation: str = "relu") -> None:
        self.n_components = n_components
        self.activation = activation

    def fit(self, X, columns, sample_weight, random_state) -> FittedMap:
        size = check_integer(
            "n_components", self.n_components, 2, ", since the constant counts as one"
        )
        check_option("activation", self.activation, ACTIVATIONS)
        n_sites, site_size = columns.shape
        mean, variance = weighted_moments(X, sample_weight)
        place_mean = (mean[columns] / n_sites).sum(axis=0)
        with np.errstate(over="ignore"):
            spread = variance[columns] + (mean[columns] - place_mean) ** 2
            scale = positive_scale(spread.mean(axis=0), place_mean, X.dtype)
        matrix = random_state.standard_normal((site_size, size - 1))
        matrix *= site_size**-0.5
        return FittedAffineMap(
            mode_sizes=(size,) * n_sites,
            constants=unit_covectors((size,) * n_sites, X.dtype),
            has_constant=True,
            parameters=(
                matrix.astype(X.dtype),
                np.zeros(size - 1, dtype=X.dtype),
            ),
            mean=place_mean.astype(X.dtype),
            scale=scale,
            column_means=mean[columns][:, None, :].astype(X.dtype),
            activation=self.activation,
        )


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class FittedAffineMap(FittedMap):
    """Fitted `AffineMap`; ``parameters`` are A (p, m - 1) and b (m - 1,)."""

    by_site: ClassVar = ("column_means",)

    mean: np.ndarray
    scale: np.ndarray
    column_means: np.ndarray
    activation: str

    def forward(self, parameters, sites):
        matrix, offset = parameters
        if not isinstance(sites, np.ndarray):
            return self._forward_there(matrix, offset, sites)
        silent = None
        if np.isnan(sites.min(initial=0)):
            missing = np.isnan(sites)
            sites = np.where(missing, self.column_means, sites)
            silent = np.nonzero(missing[..., 0]) if sites.shape[2] == 1 else None
        z = empty_features(sites.shape, sites.shape[2] + 1, sites.dtype)
        features = empty_features(sites.shape, len(offset) + 1, z.dtype)
        self._affine(matrix, offset, sites, z, features)
        if silent is not None:
            features[silent[0], silent[1], 1:] = 0
        return features, (z, features, silent)

    def _affine(self, matrix, offset, sites, z, features) -> None:
        """Write standardised inputs with a one at the end, and the features."""
        with np.errstate(over="ignore"):
            factor = 1 / self.scale
        compiled = _compiled_for(sites) if np.isfinite(factor).all() else None
        if compiled is not None and self.activation in _LEAST:
            least = _LEAST[self.activation]
            compiled.affine(sites, self.mean, factor, LIMIT, matrix, offset, least, z, features)
            return
        standardise(sites, self.mean, self.scale, z[..., :-1], is_complete=True)
        z[..., -1] = 1
        # With an input 1 one matrix product gives the constant and the offset too.
        whole = np.zeros((z.shape[2], features.shape[2]), z.dtype)
        whole[:-1, 1:], whole[-1, 0], whole[-1, 1:] = matrix, 1, offset
        np.matmul(whole.T, z.mT, out=features.mT)
        ACTIVATIONS[self.activation][0](features[..., 1:])

    def _forward_there(self, matrix, offset, sites):
        """The same for arrays of other libraries, without a question to the device."""
        xp = namespace(sites)
        missing = xp.isnan(sites)
        z = standardise(xp.where(missing, self.column_means, sites), self.mean, self.scale)
        hidden = matrix.mT @ z.mT + offset[:, None]
        if self.activation == "relu":
            hidden = xp.clip(hidden, 0.0, None)
        elif self.activation == "tanh":
            hidden = xp.tanh(hidden)
        silent = missing.mT if sites.shape[2] == 1 else None
        if silent is not None:
            hidden = xp.where(silent, xp.zeros_like(hidden), hidden)
        constant = filled(1.0, (hidden.shape[0], 1, hidden.shape[2]), hidden)
        return xp.concat([constant, hidden], axis=1).mT, (z, hidden, silent)

    def _backward_there(self, z, hidden, silent, gradient):
        xp = namespace(z)
        if isinstance(gradient, list | tuple):
            gradient = xp.stack(gradient)
        by_hidden = ACTIVATIONS[self.activation][1](hidden, gradient.mT[:, 1:, :])
        if silent is not None:
            by_hidden = xp.where(silent, xp.zeros_like(by_hidden), by_hidden)
        by_matrix = xp.sum(by_hidden @ z, axis=0).mT
        return [by_matrix, xp.sum(by_hidden, axis=(0, 2))]

    def backward(self, parameters, saved, gradient):
        z, features, silent = saved
        if not isinstance(z, np.ndarray):
            return self._backward_there(z, features, silent, gradient)
        if not isinstance(gradient, np.ndarray):
            gradient = np.stack(gradient)
        compiled = _compiled_for(z, features, gradient) if silent is None else None
        if compiled is not None and self.activation in _LEAST:
            whole = compiled.affine_adjoint(z, features, gradient, _LEAST[self.activation] == 0)
            return [whole[:-1], whole[-1]]
        hidden = ACTIVATIONS[self.activation][1](features[..., 1:], gradient[..., 1:])
        if silent is not None:
            hidden = hidden.copy()
            hidden[silent] = 0
        whole = np.matmul(z.mT, hidden).sum(axis=0)
        return [whole[:-1], whole[-1]]
