"""The start from the products of features that say most about the targets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

import numpy as np

from ..._arrays._indicators import Indicators
from ..._arrays._parallel import chunks
from ..._arrays._typing import Features, FloatArray, IntArray, SiteFeatures
from .._cores import network_of
from .._network import TensorNetwork
from .._passes._contraction import Contraction
from .._tree import Tree
from ._linear import embedded, independent, within_ranks

MOST_ORDER, MOST_PRODUCTS = 6, 2_000_000
"""Products of up to so many columns, as long as they are no more than this: on 20,000 samples their
sums are 4e10 products."""
_ROWS = 2_000
"""Rows whose products are compared at once."""
_CANDIDATES = 20
"""For each term that is wanted, so many are kept to choose from; not tuned."""
_MOST_CATEGORIES = 1_000
"""Of each site that are compared; two sites of 1,000 have half as many pairs as are compared."""

Atom = tuple[int, int]
"""A site and one of its features."""
Term = tuple[Atom, ...]


def interaction_start(
    contraction: Contraction,
    constants: Sequence[FloatArray],
    features: Features,
    targets: FloatArray,
    weight: FloatArray,
    random_state: np.random.RandomState | None,
) -> list[FloatArray]:
    r"""Cores of the network that is a sum of the most telling products of features.

    .. math:: s_c = b_c + \sum_{t=1}^{r-1} \lambda_{tc} \prod_{(k, i) \in S_t} f_{k, i}(x_k)

    All products of features of up to K different sites are compared with the
    targets. K is the largest order up to 6 of which there are no more than
    2,000,000; the cost is two operations for each sample and product. Of the
    20 r that correlate most with the targets, orthogonal matching pursuit picks
    r - 1 with their weights; at rank 1 the best product stands alone, or b if that
    is better. Interactions of high order are found though no lower order hints at
    them, which no sweep or gradient would do.

    Parameters
    ----------
    contraction : Contraction
        The network function whose cores are wanted.
    constants : sequence of ndarray of shape (m_k,)
        The covectors of the constant, which is the first feature of each site.
    features : sequence of ndarray of shape (n_samples, m_k)
        Local features of each site.
    targets : ndarray of shape (n_samples, n_scores)
        What the scores should be.
    weight : ndarray of shape (n_samples,)
        Weights of the samples.
    random_state : RandomState or None
        Draws the channels that are left over; None leaves them out.

    Returns
    -------
    list of ndarray of float64
        The cores, as for `Contraction.forward`.

    References
    ----------
    Pati, Rezaiifar, Krishnaprasad, "Orthogonal matching pursuit", Asilomar
    Conference on Signals, Systems and Computers 1993.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.networks import tensor_train
    >>> from sktensornet.networks._passes._contraction import Contraction
    >>> from sktensornet.networks._starts._interactions import interaction_start
    >>> tree = tensor_train(3)
    >>> contraction = Contraction(tree, tree.message_sizes((2, 2, 2), rank=2, n_outputs=1))
    >>> one = [np.array([1.0, 0.0])] * 3
    >>> X = np.array([[i, j, k] for i in (-1, 1) for j in (-1, 1) for k in (-1, 1)], float)
    >>> features = [np.stack([np.ones(8), x], axis=1) for x in X.T]
    >>> y = X.prod(axis=1, keepdims=True)  # a parity
    >>> cores = interaction_start(contraction, one, features, y, np.ones(8), None)
    >>> bool(np.allclose(contraction.forward(cores, features)[0][0], y))
    True
    """
    n_terms = max(contraction.tree.bond_ranks(contraction.message_sizes), default=2) - 1
    n_batch = contraction.n_batch
    share = weight / weight.sum()
    mean = share @ targets
    atoms = [
        (site, i)
        for site, own in enumerate(features)
        for i in _telling_features(own, targets - mean, share)
    ]
    every = [targets] if n_batch == 1 else np.split(targets, targets.shape[1], axis=1)
    exact: list[TensorNetwork] = []
    for own in every:
        chosen = mean if n_batch == 1 else mean[[len(exact)]]
        n_found = _CANDIDATES * max(1, n_terms)
        found = telling_products(features, atoms, own - chosen, share, n_found)
        terms, coefficients = _pursuit(features, found, own, share, n_terms)
        network = _sum_of_terms(contraction.tree, constants, terms, coefficients)
        exact.append(within_ranks(network, contraction))
    return embedded(contraction, constants, exact, random_state)


def _telling_features(own: SiteFeatures, residual: FloatArray, share: FloatArray) -> Sequence[int]:
    """All features of a site but the constant; of many categories those that correlate most."""
    if not isinstance(own, Indicators) or own.size <= _MOST_CATEGORIES:
        return range(1, own.shape[1])
    weighted = np.column_stack([residual * share[:, None], share])
    sums = own.adjoint(weighted)[1:]
    score = (sums[:, :-1] ** 2).sum(axis=1) / np.maximum(np.abs(sums[:, -1]), 1e-300)
    return np.sort(1 + np.argsort(-score, kind="stable")[:_MOST_CATEGORIES]).tolist()


def _values(own: SiteFeatures, feature: int, rows: slice = slice(None)) -> FloatArray:
    """One feature of some samples."""
    return own[rows].column(feature) if isinstance(own, Indicators) else own[rows, feature]


def highest_order(n_atoms: int, n_sites: int) -> int:
    """The largest order of which all products are compared."""
    total = 0
    for order in range(1, min(MOST_ORDER, n_sites) + 1):
        total += math.comb(n_atoms, order)
        if total > MOST_PRODUCTS:
            return max(1, order - 1)
    return min(MOST_ORDER, n_sites)


def telling_products(
    features: Features,
    atoms: Sequence[Atom],
    residual: FloatArray,
    share: FloatArray,
    n_products: int,
) -> list[Term]:
    r"""The products that correlate most with a residual, best first.

    .. math:: \rho_S^2 = \frac{\| \sum_n w_n r_n p_S(x_n) \|^2}{\sum_n w_n p_S(x_n)^2}, \qquad
              p_S = \prod_{(k, i) \in S} f_{k, i}

    A product of order k is that of its first ceil(k / 2) atoms and of the rest,
    so that all of them are entries of matrix products of halves.

    Parameters
    ----------
    features : sequence of ndarray of shape (n_samples, m_k)
    atoms : sequence of (site, feature)
        By site.
    residual : ndarray of shape (n_samples, n_scores)
    share : ndarray of shape (n_samples,)
        Weights of sum one.
    n_products : int
        How many to return.
    """
    if not atoms:
        return []
    order = highest_order(len(atoms), len(features))
    site_of = np.array([site for site, _ in atoms])
    halves = [
        half
        for size in range((order + 1) // 2 + 1)
        for half in combinations(range(len(atoms)), size)
        if len({atoms[k][0] for k in half}) == size
    ]
    sizes = np.array([len(half) for half in halves])
    first = np.array([site_of[half[0]] if half else len(features) for half in halves])
    last = np.array([site_of[half[-1]] if half else -1 for half in halves])
    blocks = []
    for size in range(1, (order + 1) // 2 + 1):
        for site in range(len(features)):
            rows = np.flatnonzero((sizes == size) & (last == site))
            fits = (sizes == size) & (2 * size <= order) | (sizes == size - 1)
            columns = np.flatnonzero(fits & (first > site))
            if len(rows) and len(columns):
                blocks.append((rows, columns))
    sums = [np.zeros((residual.shape[1], len(a), len(b)), np.float32) for a, b in blocks]
    squares = [np.zeros((len(a), len(b)), np.float32) for a, b in blocks]
    place = {half: k for k, half in enumerate(halves)}
    before = [place[half[:-1]] for half in halves[1:]]
    for part in chunks(len(share), _ROWS):
        values = np.stack([_values(features[site], i, part) for site, i in atoms]).astype(
            np.float32
        )
        products = np.ones((len(halves), values.shape[1]), np.float32)
        for k, half in enumerate(halves[1:], start=1):
            np.multiply(products[before[k - 1]], values[half[-1]], out=products[k])
        weighed = (residual[part] * share[part, None]).T.astype(np.float32)
        own = share[part].astype(np.float32)
        squared = products * products
        for (a, b), total, square in zip(blocks, sums, squares, strict=True):
            for c, row in enumerate(weighed):
                total[c] += (products[a] * row) @ products[b].T
            square += (squared[a] * own) @ squared[b].T
    found: list[tuple[float, Term]] = []
    for (a, b), total, square in zip(blocks, sums, squares, strict=True):
        with np.errstate(divide="ignore", invalid="ignore"):
            score = np.where(square > 0, (total * total).sum(axis=0) / square, 0.0)
        # Products that overflow tell nothing.
        score[np.isnan(score)] = 0.0
        for k in _largest(score.ravel(), n_products):
            i, j = divmod(int(k), len(b))
            term = tuple(atoms[atom] for atom in (*halves[a[i]], *halves[b[j]]))
            found.append((float(score[i, j]), term))
    found.sort(key=lambda pair: (-pair[0], pair[1]))
    return [term for _, term in found[:n_products]]


def _largest(score: FloatArray, n: int) -> IntArray:
    """Places of the largest numbers, these first, and of equal ones the first first."""
    places = np.arange(len(score))
    if n < len(score):
        places = np.flatnonzero(score >= np.partition(score, -n)[-n])
    return places[np.argsort(-score[places], kind="stable")][:n]


def _pursuit(
    features: Features,
    candidates: Sequence[Term],
    targets: FloatArray,
    share: FloatArray,
    n_terms: int,
) -> tuple[list[Term], FloatArray]:
    """Choose n_terms beside the constant, with the weights (n_terms + 1, n_scores) of a fit.

    Where there is room for no other, the constant competes with the candidates.
    """
    design = np.ones((len(share), 1 + len(candidates)))
    for column, term in enumerate(candidates, start=1):
        for site, i in term:
            design[:, column] *= _values(features[site], i)
    weighted = design * share[:, None]
    gram, right = weighted.T @ design, weighted.T @ targets
    used = [0] if n_terms else []
    norms = np.diag(gram)
    while True:
        weights = np.linalg.lstsq(gram[np.ix_(used, used)], right[used], rcond=1e-10)[0]
        if len(used) > min(n_terms, len(candidates)):
            break
        left = right - gram[:, used] @ weights
        score = (left * left).sum(axis=1) / np.where(norms > 0, norms, np.inf)
        score[used] = -1.0
        used.append(int(np.argmax(score)))
    return [candidates[k - 1] if k else () for k in used], weights


def _sum_of_terms(
    tree: Tree, constants: Sequence[FloatArray], terms: Sequence[Term], weights: FloatArray
) -> TensorNetwork:
    """The network of a sum of products: every message has one entry for each term."""
    n_terms = len(weights)
    readings = [np.repeat(u[:, None].astype(np.float64), n_terms, axis=1) for u in constants]
    for t, term in enumerate(terms):
        for site, i in term:
            readings[site][:, t] = 0.0
            readings[site][i, t] = 1.0
    # From the message of a node to the terms.
    reads: dict[int, FloatArray] = {}
    cores = {}
    for index, node in enumerate(tree.nodes):
        if node.site is not None:
            reads[index] = readings[node.site]
            continue
        if node.is_product:
            reads[index] = np.eye(n_terms)
            continue
        core = np.ones((1, n_terms))
        for child in node.children:
            core = (core[:, None] * reads[child]).reshape(-1, n_terms)
        if index == tree.root:
            core = core @ weights
        elif tree.multiplied:
            reads[index] = np.eye(n_terms)
        else:
            chosen, reads[index] = independent(core)
            core = core[:, chosen]
        cores[index] = core.reshape(1, *(len(reads[child]) for child in node.children), -1)
    return network_of(tree, [cores[index] for index in tree.order])
