"""Grid tensors: the scores of a network at all combinations of templates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .._arrays._parallel import chunks
from .._arrays._typing import FloatArray
from ..networks import TensorNetwork, change_modes
from ..networks._cores import message_cores
from ..networks._network import DENSE_LIMIT
from ..networks._passes._contraction import Contraction

_ROWS = 4_096
"""Combinations of templates whose scores are found at once."""


def on_templates(model: Any, templates: Any) -> TensorNetwork:
    r"""The network whose weight tensor is the grid tensor of another.

    .. math:: \Gamma_{i_1 \dots i_d} = W \times_1 F_1 \cdots \times_d F_d, \qquad
              F_k = \big[ f(x^{(1)}), \dots, f(x^{(M)}) \big]^\top

    Parameters
    ----------
    model : TensorNetwork or fitted estimator
        What is evaluated.
    templates : array-like
        For a network, local features: of shape (M, m), the same for all sites,
        or a sequence of d arrays (M_k, m_k). For an estimator, values of the
        columns of a site: of shape (M, p), which every site takes, or (d, M, p).

    Returns
    -------
    TensorNetwork
        Over the same tree with mode sizes M, in float64. Its ranks of
        matricizations are those of the network where all F_k are invertible.

    Raises
    ------
    ValueError
        If the templates have other sizes than the sites.

    References
    ----------
    Khrulkov, Hrinchuk, Oseledets, "Generalized tensor models for recurrent
    neural networks", ICLR 2019, section 5; Cohen, Shashua, "Convolutional
    rectifier networks as generalized tensor decompositions", ICML 2016.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.expressivity import on_templates, random_network
    >>> from sktensornet.networks import tensor_train
    >>> network = random_network(tensor_train(4), 3, rank=2, random_state=0)
    >>> on_templates(network, np.ones((5, 3))).mode_sizes
    (5, 5, 5, 5)
    """
    if isinstance(model, TensorNetwork):
        return _multiplied(model, _features(model, templates))
    check_is_fitted(model, "network_")
    n_sites, size = model.patches_.columns.shape
    values = np.asarray(templates, model.network_.dtype)
    if values.ndim == 2:
        values = np.broadcast_to(values, (n_sites, *values.shape))
    if values.ndim != 3 or values.shape[::2] != (n_sites, size):
        raise ValueError(
            f"templates has shape {np.shape(templates)}; for this {type(model).__name__} it must "
            f"have shape (n_templates, {size}) or ({n_sites}, n_templates, {size})."
        )
    return _multiplied(model.network_, model.feature_map_.transform(values))


def grid_tensor(model: Any, templates: Any) -> FloatArray:
    r"""Scores of a network at all combinations of templates.

    .. math:: \Gamma_{i_1 \dots i_d} = s\big(x^{(i_1)}, \dots, x^{(i_d)}\big)

    Parameters
    ----------
    model : TensorNetwork or fitted estimator
        What is evaluated.
    templates : array-like
        As in `on_templates`.

    Returns
    -------
    ndarray of shape (M_1, ..., M_d, n_outputs)
        For an estimator, the raw scores: of a regressor in scaled units, and
        one score for two classes.

    Raises
    ------
    ValueError
        If the templates do not fit, or the tensor would have more than
        10,000,000 entries; the matricizations of ``on_templates(model,
        templates)`` can be had without it where ``product="multiply"``.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sktensornet import TTClassifier
    >>> from sktensornet.expressivity import grid_tensor
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = TTClassifier(rank=3, random_state=0).fit(X, y)
    >>> grid_tensor(clf, [[1.0], [3.0], [5.0]]).shape
    (3, 3, 3, 3, 3)
    """
    network = on_templates(model, templates)
    return network.to_dense() if network.tree.is_multilinear else _evaluated(network)


def _evaluated(network: TensorNetwork) -> FloatArray:
    """Scores at all combinations of unit vectors, where there is no weight tensor."""
    sizes = network.mode_sizes
    if math.prod(sizes) * network.n_outputs > DENSE_LIMIT:
        raise ValueError(
            f"templates gives a grid tensor of {math.prod(sizes) * network.n_outputs:,} entries; "
            f"the limit is {DENSE_LIMIT:,}, so use fewer templates or sites."
        )
    n_tensors = network.n_outputs if network.batched else 1
    contraction = Contraction(network.tree, network.message_sizes, n_tensors)
    cores = message_cores(network, network.dtype)
    scores = np.empty((math.prod(sizes), network.n_outputs))
    for rows in chunks(len(scores), _ROWS):
        places = np.unravel_index(np.arange(rows.start, rows.stop), sizes)
        features = [np.eye(size)[own] for size, own in zip(sizes, places, strict=True)]
        raw, _ = contraction.forward(cores, features)
        scores[rows] = raw[..., 0].T if network.batched else raw[0]
    return scores.reshape(*sizes, -1)


def _features(network: TensorNetwork, templates: Any) -> Sequence[FloatArray]:
    modes = network.mode_sizes
    one = isinstance(templates, np.ndarray) and templates.ndim == 2
    given = [templates] * len(modes) if one else list(templates)
    features = [np.asarray(each, np.float64) for each in given]
    shapes = [each.shape for each in features]
    if [shape[1:] for shape in shapes] != [(m,) for m in modes]:
        raise ValueError(
            f"templates has features of shapes {shapes}; the {len(modes)} site(s) need arrays "
            f"(n_templates, m) with m of {list(modes)}."
        )
    return features


def _multiplied(network: TensorNetwork, features: Sequence[FloatArray]) -> TensorNetwork:
    """The network with the features of templates in place of its legs."""
    free = TensorNetwork(network.tree.free(), network.cores, network.batched)
    return change_modes(free, [feature.T for feature in features])
