"""The kernel of the tangent space against the projection of dense tensors."""

import numpy as np
import pytest

from sktensornet.networks import (
    TensorNetwork,
    canonical_polyadic,
    hierarchical_tucker,
    tensor_train,
)
from sktensornet.networks._cores import network_of
from sktensornet.networks._tensors._tangents import Tangents, diagonal, kernel

MODES = (3, 2, 3, 2)
TREES = {
    "one site": tensor_train(1),
    "train": tensor_train(4),
    "train from the left": tensor_train(4, 0),
    "tree": hierarchical_tucker(((0, 1), (2, 3))),
    "uneven tree": hierarchical_tucker(((0, 1, 2), 3)),
    "one term": canonical_polyadic(3),
}


def network(tree, rank, rng):
    sizes = tree.message_sizes(MODES[: tree.n_sites], rank, 1)
    cores = []
    for index in tree.order:
        shape = [sizes[child] for child in tree.nodes[index].children] + [sizes[index]]
        cores.append(rng.standard_normal((1, *shape)))
    return network_of(tree, cores, False, np.float64)


def dense_kernel(network, features):
    """Inner products of the features, projected on what changes of single entries add."""
    directions = []
    for k, core in enumerate(network.cores):
        for index in np.ndindex(core.shape):
            cores = list(network.cores)
            cores[k] = np.zeros_like(core)
            cores[k][index] = 1.0
            directions.append(TensorNetwork(network.tree, tuple(cores)).to_dense().ravel())
    basis, values, _ = np.linalg.svd(np.transpose(directions), full_matrices=False)
    products = features[0]
    for own in features[1:]:
        products = np.einsum("na,nb->nab", products, own).reshape(len(own), -1)
    inside = products @ basis[:, values > 1e-9 * values[0]]
    return inside @ inside.T


@pytest.mark.parametrize("name", TREES)
@pytest.mark.parametrize("seed", range(3))
def test_is_the_projection(name, seed):
    tree, rng = TREES[name], np.random.default_rng(seed)
    rank = 1 if name == "one term" else 2
    one = network(tree, rank, rng)
    features = [rng.standard_normal((7, m)) for m in MODES[: tree.n_sites]]
    parts = Tangents(one).parts(features)
    expected = dense_kernel(one, features)
    np.testing.assert_allclose(kernel(parts, parts), expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(diagonal(parts), np.diag(expected), rtol=1e-9, atol=1e-9)


def test_of_a_sum_is_about_the_projection():
    rng = np.random.default_rng(0)
    ratios = []
    for _ in range(10):
        one = network(canonical_polyadic(3), 2, rng)
        features = [rng.standard_normal((7, m)) for m in MODES[:3]]
        parts = Tangents(one).parts(features)
        found, expected = kernel(parts, parts), dense_kernel(one, features)
        assert np.linalg.eigvalsh(found).min() > -1e-9 * np.trace(found)
        ratios.append(np.trace(found) / np.trace(expected))
    assert 0.8 < np.median(ratios) < 1.25


def test_does_not_depend_on_the_gauge():
    rng = np.random.default_rng(0)
    one = network(tensor_train(4), 2, rng)
    cores = list(one.cores)
    turn = rng.standard_normal((2, 2))
    cores[0] = cores[0] @ turn
    cores[1] = np.tensordot(np.linalg.inv(turn), cores[1], axes=1)
    features = [rng.standard_normal((5, m)) for m in MODES]
    a, b = (Tangents(n).parts(features) for n in (one, TensorNetwork(one.tree, tuple(cores))))
    np.testing.assert_allclose(kernel(a, a), kernel(b, b), rtol=1e-8)
