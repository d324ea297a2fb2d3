"""Sizes of the interactions of whole columns, all of their functions taken together."""

from __future__ import annotations

import numpy as np

from .._arrays._typing import FloatArray, IntArray
from .._fitting._feature_moments import FeatureMoments
from ..networks import TensorNetwork, change_modes
from ..networks._cores import message_core, network_of
from ..networks._tensors._entry_search import Entries, EntrySearch, count_entries

MOST_TERMS = 2_000_000
"""The largest number of functions, or of sets of columns, that are listed one by one."""
_MOST_SQUARES = 20_000_000
"""The largest number of entries of cores squared: 160 MB."""


def column_terms(
    network: TensorNetwork, moments: FeatureMoments, order: int
) -> tuple[FloatArray, Entries]:
    r"""Mean of the scores, and the standard deviation of what each set of columns adds.

    .. math:: \sigma_S^2 = \operatorname{Var} s_S
              = \sum_{i_k \ge 1, \, k \in S} (W'^{\,i_S \, 0 \dots 0})^2

    with the weight tensor W' in features that are 1 and functions of mean 0 and
    covariance I. Where its entries are too many, the sums over the functions of a site
    are taken in the network whose tensor is the square of W'.

    Parameters
    ----------
    network : TensorNetwork
    moments : FeatureMoments
    order : int
        The largest number of columns of a set.
    """
    network = change_modes(network, moments.roots())
    mean = EntrySearch(network, 0).run().values[0][0]
    if count_entries(network.mode_sizes, order) <= MOST_TERMS:
        entries = EntrySearch(network, order).run()
        return mean, Entries(*_by_sites(entries))
    if count_entries((2,) * network.n_sites, order) > MOST_TERMS:
        raise ValueError(
            f"order={order} has {count_entries((2,) * network.n_sites, order):,} sets of columns, "
            f"more than {MOST_TERMS:,}; pass a smaller order, or by='functions' and top."
        )
    entries = EntrySearch(_squared(network), order).run()
    roots = {j: np.sqrt(np.maximum(values, 0)) for j, values in entries.values.items()}
    return mean, Entries(entries.indices, roots)


def _by_sites(entries: Entries) -> tuple[dict[int, IntArray], dict[int, FloatArray]]:
    """Roots of the sums of squares of the entries of the same sites."""
    indices: dict[int, IntArray] = {}
    values: dict[int, FloatArray] = {}
    for j, chosen in entries.indices.items():
        sites, places = np.unique(np.sort(chosen[:, :, 0], axis=1), axis=0, return_inverse=True)
        squares = np.zeros((len(sites), entries.values[j].shape[1]))
        np.add.at(squares, places.ravel(), entries.values[j] ** 2)
        indices[j] = np.stack([sites, np.ones_like(sites)], axis=-1)
        values[j] = np.sqrt(squares)
    return indices, values


def _squared(network: TensorNetwork) -> TensorNetwork:
    """The network of the squares of a weight tensor, with sums over the functions of a site.

    Index 0 of a site is its index 0, and 1 the sum over all others.
    """
    tree, sizes = network.tree, network.message_sizes
    total = 0
    for index in tree.order:
        bonds = [c for c in tree.nodes[index].children if tree.nodes[c].site is None]
        above = sizes[index] if index == tree.root else sizes[index] ** 2
        total += int(np.prod([float(sizes[c]) ** 2 for c in bonds])) * 2 * above
    if total > _MOST_SQUARES:
        raise ValueError(
            f"the functions of the columns are too many for ranks up to {max(network.ranks)}; "
            "compress the estimator, pass a smaller order, or by='functions' and top."
        )
    cores = []
    for index in tree.order:
        node = tree.nodes[index]
        core = message_core(network, index)
        names = "abcdefgh"[: core.ndim - 1]
        sites = [k for k, child in enumerate(node.children) if tree.nodes[child].site is not None]
        first, second, shape, out = "z", "z", [len(core)], "z"
        for k, name in enumerate(names):
            kept = k in sites or (k == len(names) - 1 and index == tree.root)
            other = name if kept else name.upper()
            first, second = first + name, second + other
            out += name if kept else name + other
            shape.append(core.shape[k + 1] if kept else core.shape[k + 1] ** 2)
        square = np.einsum(f"{first},{second}->{out}", core, core).reshape(shape)
        for k in sites:
            square = np.add.reduceat(square, [0, 1], axis=k + 1) if shape[k + 1] > 1 else square
        cores.append(square)
    return network_of(tree, cores, network.batched)
