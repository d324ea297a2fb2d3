"""Singular values at the bonds against those of the dense matricizations."""

import numpy as np
import pytest

from sktensornet.networks import TensorNetwork, bond_spectra, canonical_polyadic


def below(tree, index):
    node = tree.nodes[index]
    if node.site is not None:
        return [node.site]
    return [site for child in node.children for site in below(tree, child)]


def test_spectra_are_those_of_the_matricizations(tree_case):
    network = tree_case.network
    spectra = bond_spectra(network)
    for values, rank in zip(spectra, network.ranks, strict=True):
        assert values.shape[1] <= rank
    ends = [index for index in network.tree.order if index != network.tree.root]
    assert len(spectra) == len(ends)
    dense = tree_case.dense
    tensors = np.moveaxis(dense, -1, 0)[..., None] if network.batched else dense[None]
    for index, found in zip(ends, spectra, strict=True):
        sites = below(network.tree, index)
        for tensor, values in zip(tensors, found, strict=True):
            first = np.moveaxis(tensor, sites, range(len(sites)))
            matrix = first.reshape(int(np.prod(first.shape[: len(sites)])), -1)
            expected = np.linalg.svd(matrix, compute_uv=False)[: len(values)]
            np.testing.assert_allclose(values[: len(expected)], expected, atol=1e-10 * expected[0])


def test_a_sum_of_products_has_no_bonds():
    network = TensorNetwork(canonical_polyadic(2), (np.ones((2, 1)),) * 2 + (np.ones((1, 1)),))
    with pytest.raises(ValueError, match="CP network"):
        bond_spectra(network)
