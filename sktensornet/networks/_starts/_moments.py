"""The start from weighted sums of product states."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..._arrays._linalg import thin_qr, with_signs
from ..._arrays._typing import Features, FloatArray
from .._messages import khatri_rao
from .._passes._contraction import Contraction

_MOST_SAMPLES = 1_000
"""Of the samples that the moments weigh: their kernel is a matrix of this size."""
_LANDMARKS_PER_RANK = 6
"""Landmarks for each column of the rank that is wanted; not tuned."""
_ROUNDING = 1e-12
"""Scores below, beside the terms that they are sums of, and singular values are rounding."""


def moment_start(
    contraction: Contraction,
    features: Features,
    moments: FloatArray,
    random_state: np.random.RandomState,
    spread: float = 1.0,
) -> list[FloatArray]:
    r"""Cores of a network near weighted sums of the samples' feature tensors.

    .. math:: W_c \approx \gamma \sum_i p_{ic} \, f_1(x_i) \otimes \dots \otimes f_d(x_i)

    The sum is over all samples, or 1,000 of them drawn at random. From the
    leaves to the root, each bond takes the leading directions of the
    matricization at that bond applied to landmarks, some of the samples: the
    tensor is never formed, and the time is linear in the number of sites. In a
    canonical polyadic sum the landmarks are the terms.

    Parameters
    ----------
    contraction : Contraction
        The network function whose cores are wanted.
    features : sequence of ndarray of shape (n_samples, m_k)
        Local features of each site.
    moments : ndarray of shape (n_samples, n_scores)
        The weights p, for example class indicators by class size, centred.
    random_state : RandomState
        Draws samples and landmarks.
    spread : float, default=1.0
        Root mean square of the scores of the samples, which sets gamma.

    Returns
    -------
    list of ndarray of float64
        The cores, as for `Contraction.forward`.

    Raises
    ------
    ValueError
        If all weights are zero.

    References
    ----------
    Stoudenmire, Schwab, "Supervised Learning with Tensor Networks", NIPS 2016
    (start from a sum of training product states); Halko, Martinsson, Tropp,
    "Finding structure with randomness", SIAM Review 53 (2011).

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.networks import tensor_train
    >>> from sktensornet.networks._passes._contraction import Contraction
    >>> from sktensornet.networks._starts._moments import moment_start
    >>> tree = tensor_train(3)
    >>> contraction = Contraction(tree, tree.message_sizes((2, 2, 2), rank=2, n_outputs=1))
    >>> features = [np.array([[1.0, 1.0], [1.0, -1.0]])] * 3
    >>> moments = np.array([[1.0], [-1.0]])
    >>> cores = moment_start(contraction, features, moments, np.random.RandomState(0))
    >>> contraction.forward(cores, features)[0][0, :, 0].round(3)
    array([ 1., -1.])
    """
    used = np.flatnonzero(np.abs(moments).sum(axis=1))
    if not len(used):
        raise ValueError("moments are all zero; at least one sample needs a weight.")
    used = np.sort(random_state.permutation(used)[:_MOST_SAMPLES])
    states = [np.asarray(feature[used], np.float64) for feature in features]
    norms = [float(np.sqrt(np.mean(np.sum(state**2, axis=1)))) for state in states]
    states = [state / norm for state, norm in zip(states, norms, strict=True)]
    contraction.tree.require_multilinear('init="moments"')
    build = _terms if contraction.tree.multiplied else _leading_directions
    columns = np.split(moments[used], contraction.n_batch, axis=1)
    tensors = [build(contraction, states, own, random_state, spread) for own in columns]
    cores = []
    for index, *parts in zip(contraction.tree.order, *tensors, strict=True):
        node = contraction.tree.nodes[index]
        sites = [contraction.tree.nodes[child].site for child in node.children]
        scale = np.prod([norms[site] for site in sites if site is not None])
        cores.append(np.stack(parts) / scale)
    return cores


def _leading_directions(
    contraction: Contraction,
    states: Sequence[FloatArray],
    moments: FloatArray,
    random_state: np.random.RandomState,
    spread: float,
) -> list[FloatArray]:
    tree, sizes = contraction.tree, contraction.message_sizes
    n_landmarks = min(len(moments), _LANDMARKS_PER_RANK * max(sizes))
    landmarks = random_state.permutation(len(moments))[:n_landmarks]
    inside: list[FloatArray] = []
    for node in tree.nodes:
        if node.site is not None:
            state = states[node.site]
            inside.append(state @ state[landmarks].T)
        else:
            inside.append(_near_one(np.multiply.reduce([inside[j] for j in node.children])))
    # Inner products of what lies beyond the bond above a node, class axis included.
    outside: list[FloatArray] = [np.empty(0)] * len(tree.nodes)
    outside[tree.root] = moments @ moments[landmarks].T
    for index in range(tree.root, -1, -1):
        for child in tree.nodes[index].children:
            others = [inside[other] for other in tree.nodes[index].children if other != child]
            outside[child] = _near_one(np.multiply.reduce([outside[index], *others]))
    messages: list[FloatArray] = []
    cores: list[FloatArray] = [np.empty(0)] * len(tree.order)
    for index, node in enumerate(tree.nodes):
        if node.site is not None:
            messages.append(states[node.site])
            continue
        design = messages[node.children[0]]
        for child in node.children[1:]:
            design = khatri_rao(design.T, messages[child].T).T
        if index == tree.root:
            matrix = design.T @ moments
            largest = np.abs(design) @ (np.abs(design).T @ np.abs(moments))
            matrix = matrix * _gain(design @ matrix, largest, spread)
        else:
            u, values, _ = np.linalg.svd(design.T @ outside[index], full_matrices=False)
            lead = np.zeros((len(u), sizes[index]))
            lead[:, : len(values)] = (u * values)[:, : sizes[index]]
            # Directions that no landmark has are fixed ones.
            matrix = thin_qr(with_signs(lead)[None])[0][0]
            message = design @ matrix
            size = max(float(np.sqrt(np.mean(message**2))), 1e-300)
            matrix = matrix / size
            messages.append(message / size)
        lengths = [sizes[child] for child in node.children]
        cores[tree.core_of[index]] = matrix.reshape(*lengths, -1)
    return cores


def _terms(
    contraction: Contraction,
    states: Sequence[FloatArray],
    moments: FloatArray,
    random_state: np.random.RandomState,
    spread: float,
) -> list[FloatArray]:
    rank = contraction.message_sizes[contraction.tree.root - 1]
    # Beyond the number of samples terms repeat, and share their weight.
    chosen = np.resize(random_state.permutation(len(moments)), rank)
    hidden = np.ones((len(moments), rank))
    log_scale = np.zeros(rank)
    factors = []
    for state in states:
        factor = state[chosen].T
        reading = hidden * (state @ factor)
        size = np.maximum(np.sqrt(np.mean(reading**2, axis=0)), 1e-300)
        hidden = reading / size
        log_scale += np.log(size)
        factors.append(factor / size)
    shares = np.exp(log_scale - log_scale.max()) / np.bincount(chosen)[chosen]
    readout = moments[chosen] * shares[:, None]
    gain = _gain(hidden @ readout, np.abs(hidden) @ np.abs(readout), spread)
    return [*factors, readout * gain]


def _gain(scores: FloatArray, largest: FloatArray, spread: float) -> float:
    """What gives scores their size, or 0 if they are what rounding leaves of larger terms."""
    size, most = (float(np.sqrt(np.mean(values**2))) for values in (scores, largest))
    return spread / size if size > max(_ROUNDING * most, 1e-300) else 0.0


def _near_one(kernel: FloatArray) -> FloatArray:
    return kernel / max(float(np.sqrt(np.mean(kernel**2))), 1e-300)
