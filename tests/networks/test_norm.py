"""The norm by contraction against the norm of the dense tensor."""

import numpy as np
import pytest

from sktensornet._arrays._parallel import ChunkPool
from sktensornet._arrays._workspace import Scratch
from sktensornet.networks import balanced, canonical_polyadic, hierarchical_tucker, tensor_train
from sktensornet.networks._passes._contraction import Contraction
from sktensornet.networks._starts._identity import identity_start
from sktensornet.networks._tensors._frobenius import squared_norm_and_gradient


def test_value_is_the_norm_of_the_dense_tensor(case):
    value, _ = squared_norm_and_gradient(case.contraction, case.cores)
    np.testing.assert_allclose(value, np.sum(case.dense**2), rtol=1e-11)


def test_gradient_is_the_derivative(case, assert_derivative):
    _, gradients = squared_norm_and_gradient(case.contraction, case.cores)
    assert [g.shape for g in gradients] == list(case.contraction.core_shapes)
    for k, gradient in enumerate(gradients):

        def norm(core, k=k):
            cores = [*case.cores[:k], core, *case.cores[k + 1 :]]
            return squared_norm_and_gradient(case.contraction, cores)[0]

        assert_derivative(norm, case.cores[k], gradient, step=1e-4)


def test_norm_of_several_tensors_with_several_outputs_is_their_sum(topology):
    tree, _ = topology
    rng = np.random.default_rng(0)
    sizes = tree.message_sizes((2, 3, 2, 4, 2, 3)[: tree.n_sites], 3, 2)
    batch, single = Contraction(tree, sizes, 3), Contraction(tree, sizes)
    cores = [rng.standard_normal(shape) for shape in batch.core_shapes]
    value, gradients = squared_norm_and_gradient(batch, cores)
    parts = [
        squared_norm_and_gradient(single, [core[b : b + 1] for core in cores]) for b in range(3)
    ]
    np.testing.assert_allclose(value, sum(part for part, _ in parts), rtol=1e-12)
    for k, gradient in enumerate(gradients):
        own = np.concatenate([by_core[k] for _, by_core in parts])
        np.testing.assert_allclose(gradient, own, rtol=1e-11, atol=1e-10)


def assert_like_float64(contraction, cores, constants=None, **options):
    value, gradients = squared_norm_and_gradient(contraction, cores, constants, **options)
    wide = [core.astype(np.float64) for core in cores]
    expected, derivatives = squared_norm_and_gradient(contraction, wide, constants)
    np.testing.assert_allclose(value, expected, rtol=1e-5)
    assert isinstance(value, float)
    for core, gradient, derivative in zip(cores, gradients, derivatives, strict=True):
        assert gradient.dtype == core.dtype
        scale = np.abs(derivative).max(axis=tuple(range(1, derivative.ndim)), keepdims=True)
        np.testing.assert_allclose(gradient / scale, derivative / scale, atol=1e-5)


def test_float32_stays_float32(case):
    cores = [core.astype(np.float32) for core in case.cores]
    assert_like_float64(case.contraction, cores)


@pytest.mark.parametrize("norm", [1e-30, 1e30])
def test_no_step_between_leaves_the_range_of_float32(case, norm):
    cores = [core.astype(np.float32) for core in case.cores]
    # The squares of these cores have no place in float32, unlike the derivatives.
    cores[0] *= np.float32(norm)
    cores[-1] /= np.float32(norm)
    cores[-1][0] /= np.float32(100)
    assert_like_float64(case.contraction, cores)


@pytest.mark.parametrize("norm", [1e-30, 1e30])
def test_value_of_an_extreme_tensor(case, norm):
    n_cores = len(case.cores)
    cores = [(norm ** (1 / n_cores) * core).astype(np.float32) for core in case.cores]
    value, _ = squared_norm_and_gradient(case.contraction, cores)
    np.testing.assert_allclose(value / norm**2, np.sum(case.dense**2), rtol=1e-5)


def test_gradients_are_added_by_any_number_of_threads(case):
    cores = [core.astype(np.float32) for core in case.cores]
    start = [np.ones_like(core) for core in cores]
    into = [core.copy() for core in start]
    work = Scratch()
    with ChunkPool(3) as pool:
        for _ in range(2):
            value, _ = squared_norm_and_gradient(
                case.contraction, cores, factor=0.5, into=into, each=pool.runs, work=work
            )
    expected, gradients = squared_norm_and_gradient(case.contraction, cores, factor=0.5)
    assert value == expected
    for one, before, gradient in zip(into, start, gradients, strict=True):
        np.testing.assert_array_equal(one, before + gradient + gradient)


@pytest.mark.parametrize(
    "tree",
    [tensor_train(300), hierarchical_tucker(balanced(300)), canonical_polyadic(300)],
    ids=["TT", "HT", "CP"],
)
def test_norm_of_a_long_rank_one_network(tree):
    contraction = Contraction(tree, tree.message_sizes((2,) * 300, 1, 1))
    cores = [np.full(shape, 0.8) for shape in contraction.core_shapes]
    value, gradients = squared_norm_and_gradient(contraction, cores)
    n_scalars = sum(core.size == 1 for core in cores)
    expected = (2 * 0.64) ** (len(cores) - n_scalars) * 0.64**n_scalars
    np.testing.assert_allclose(value, expected, rtol=1e-10)
    for core, gradient in zip(cores, gradients, strict=True):
        np.testing.assert_allclose(np.sum(core * gradient), 2 * value, rtol=1e-10)


def test_norm_relative_to_the_constant_is_that_of_scaled_tensors(case):
    rng = np.random.default_rng(1)
    contraction, nodes = case.contraction, case.contraction.tree.nodes
    sizes = {node.site: contraction.message_sizes[i] for i, node in enumerate(nodes)}
    constants = [rng.standard_normal(sizes[site]) for site in range(contraction.tree.n_sites)]
    share = np.prod([u @ u for u in constants])
    value, gradients = squared_norm_and_gradient(contraction, case.cores)
    relative, relative_gradients = squared_norm_and_gradient(contraction, case.cores, constants)
    np.testing.assert_allclose(relative, value / share, rtol=1e-11)
    for gradient, expected in zip(relative_gradients, gradients, strict=True):
        np.testing.assert_allclose(gradient, expected / share, rtol=1e-9)


@pytest.mark.parametrize(
    "tree", [tensor_train(3000), hierarchical_tucker(balanced(3000)), canonical_polyadic(3000)]
)
def test_norm_of_the_constant_function_is_one_whatever_the_covectors(tree):
    contraction = Contraction(tree, tree.message_sizes((2,) * 3000, 3, 1))
    constants = [np.array([0.9, 0.7])] * 3000
    cores = identity_start(contraction, constants, np.ones((1, 1)), None)
    value, gradients = squared_norm_and_gradient(contraction, cores, constants)
    np.testing.assert_allclose(value, 1.0, rtol=1e-9)
    assert all(np.isfinite(gradient).all() for gradient in gradients)
