"""Inner products and sums of networks against those of their dense tensors."""

import numpy as np
import pytest

from sktensornet.networks import TensorNetwork, add, inner, norm, tensor_train


def other(case, factor=-0.5):
    """Another network in the same space."""
    network = case.network
    rng = np.random.default_rng(3)
    cores = tuple(factor * rng.standard_normal(core.shape) for core in network.cores)
    return TensorNetwork(network.tree, cores, network.batched)


def test_inner_product_is_that_of_the_dense_tensors(case):
    a, b = case.network, other(case)
    expected = np.sum(a.to_dense() * b.to_dense())
    scale = np.linalg.norm(a.to_dense()) * np.linalg.norm(b.to_dense())
    assert inner(a, b) == pytest.approx(expected, abs=1e-12 * scale)
    assert inner(a, b) == pytest.approx(inner(b, a), abs=1e-12 * scale)
    assert norm(a) == pytest.approx(np.linalg.norm(a.to_dense()))


def test_sum_is_the_sum_of_the_dense_tensors(case):
    a, b = case.network, other(case)
    total = add(a, b)
    expected = a.to_dense() + b.to_dense()
    np.testing.assert_allclose(total.to_dense(), expected, atol=1e-11 * np.abs(expected).max())
    assert total.ranks == tuple(x + y for x, y in zip(a.ranks, b.ranks, strict=True))


def test_sum_takes_networks_of_different_ranks(case):
    a = case.network
    twice = add(a, a)
    np.testing.assert_allclose(add(twice, a).to_dense(), 3 * a.to_dense(), rtol=1e-9, atol=1e-9)
    assert inner(twice, a) == pytest.approx(2 * inner(a, a))


@pytest.mark.parametrize("operation", [add, inner])
@pytest.mark.parametrize(
    ("shapes", "said"),
    [
        ([(1, 2, 2), (2, 3, 1, 1)], "mode_sizes"),
        ([(1, 2, 2), (2, 2, 1, 4)], "n_outputs"),
        ([(1, 2, 2), (2, 2, 2, 1), (2, 2, 1)], "tree"),
    ],
)
def test_networks_of_other_spaces_are_refused(operation, shapes, said):
    def network(shapes):
        return TensorNetwork(tensor_train(len(shapes)), tuple(np.ones(s) for s in shapes))

    with pytest.raises(ValueError, match=said):
        operation(network([(1, 2, 2), (2, 2, 1, 1)]), network(shapes))
