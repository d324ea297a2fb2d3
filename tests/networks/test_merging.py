"""Merged neighbours against the contraction of every site on its own."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sktensornet._arrays._workspace import Workspace
from sktensornet.networks import (
    balanced,
    canonical_polyadic,
    hierarchical_tucker,
    recurrent_train,
    tensor_train,
)
from sktensornet.networks._passes._contraction import Contraction

CHAINS = {
    "leg last": tensor_train(6, 5),
    "leg last, odd": tensor_train(7, 6),
    "leg first": tensor_train(6, 0),
    "leg in the middle": tensor_train(7),
    "two sites": tensor_train(2, 1),
    "recurrent": recurrent_train(5),
}


def merged(plain):
    """The contraction with pairs of small sites merged, or None where there are none."""
    whole = Contraction(plain.tree, plain.message_sizes, plain.n_batch, merges_sites=True)
    return None if whole.gradient_shapes == plain.core_shapes else whole


each_chain = pytest.mark.parametrize("chain", CHAINS)


def problem(tree, modes, n_batch=1, rank=3, n_outputs=3, n=5, seed=0):
    rng = np.random.default_rng(seed)
    sizes = tree.message_sizes(modes, rank, n_outputs)
    plain = Contraction(tree, sizes, n_batch)
    cores = [rng.standard_normal(shape) for shape in plain.core_shapes]
    features = [rng.standard_normal((n, m)) for m in modes]
    gradient = rng.standard_normal((n_batch, n, n_outputs))
    return plain, cores, features, gradient


def assert_same(plain, cores, features, gradient, work=None):
    whole = merged(plain)
    scores, tape = plain.forward(cores, features)
    by_core, by_feature = plain.backward(tape, gradient, True)
    prepared = whole.prepare(cores)
    found, own = whole.forward(prepared, features, work)
    np.testing.assert_allclose(found, scores, rtol=1e-10, atol=1e-10)
    by_merged, back = whole.backward(own, gradient, True)
    assert [array.shape for array in by_merged] == list(whole.gradient_shapes)
    for a, b in zip(whole.gradients(prepared, by_merged), by_core, strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)
    assert len(back) == len(by_feature)
    for a, b in zip(back, by_feature, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("n_batch", [1, 2])
@each_chain
def test_scores_and_derivatives_are_those_of_single_sites(chain, n_batch):
    tree = CHAINS[chain]
    assert_same(*problem(tree, (2,) * tree.n_sites, n_batch))


@given(
    st.lists(st.integers(1, 3), min_size=2, max_size=7),
    st.data(),
    st.integers(1, 4),
    st.integers(1, 2),
    st.integers(1, 6),
)
@settings(max_examples=60, deadline=None, derandomize=True, database=None)
def test_any_modes_and_any_place_of_the_leg(modes, data, rank, n_batch, n):
    tree = tensor_train(len(modes), data.draw(st.integers(0, len(modes) - 1)))
    given_problem = problem(tree, tuple(modes), n_batch, rank, n=n, seed=len(modes))
    if merged(given_problem[0]) is not None:
        assert_same(*given_problem)


@each_chain
def test_features_may_be_one_array(chain):
    tree = CHAINS[chain]
    plain, cores, features, gradient = problem(tree, (2,) * tree.n_sites)
    assert_same(plain, cores, np.stack(features), gradient)


def test_memory_that_is_used_again_gives_the_same():
    work = Workspace()
    for n in (6, 3, 6):
        work.clear()
        assert_same(*problem(tensor_train(7), (2,) * 7, n=n), work)


def test_feature_derivatives_can_be_left_out():
    plain, cores, features, gradient = problem(tensor_train(6, 5), (2,) * 6)
    whole = merged(plain)
    prepared = whole.prepare(cores)
    _, tape = whole.forward(prepared, features)
    full, _ = whole.backward(tape, gradient, True)
    part, none = whole.backward(tape, gradient, False)
    assert none is None
    for a, b in zip(full, part, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("d", "m", "rank", "n_cores"),
    [(16, 2, 20, 8), (16, 2, 10, 8), (9, 2, 20, 5), (16, 3, 10, 8), (16, 2, 4, 3)],
)
def test_sites_are_merged_as_long_as_steps_cost_more_than_products(d, m, rank, n_cores):
    plain, *given_problem = problem(tensor_train(d, d - 1), (m,) * d, rank=rank, n_outputs=10)
    assert len(merged(plain).gradient_shapes) == n_cores
    assert_same(plain, *given_problem)


def test_sites_of_other_sizes_are_left_alone():
    plain, *_ = problem(tensor_train(8, 7), (2, 2, 2, 30, 2, 2, 2, 2), rank=20)
    assert len(merged(plain).gradient_shapes) == 5


@pytest.mark.parametrize(
    "tree",
    [
        tensor_train(1),
        hierarchical_tucker(balanced(4)),
        canonical_polyadic(4),
        recurrent_train(4, "max"),
        recurrent_train(4, shared=True),
    ],
    ids=["one site", "HT", "CP", "max", "shared"],
)
def test_other_networks_are_left_alone(tree):
    assert merged(problem(tree, (2,) * tree.n_sites)[0]) is None


def test_larger_sites_are_left_alone():
    assert merged(problem(tensor_train(8, 7), (16,) * 8, rank=16)[0]) is None
    assert merged(problem(tensor_train(16, 15), (4,) * 16, rank=40)[0]) is None


def test_float32_stays():
    plain, cores, features, gradient = problem(tensor_train(5), (2,) * 5)
    cores = [core.astype(np.float32) for core in cores]
    features = [f.astype(np.float32) for f in features]
    whole = merged(plain)
    prepared = whole.prepare(cores)
    scores, tape = whole.forward(prepared, features)
    by_merged, back = whole.backward(tape, gradient.astype(np.float32), True)
    arrays = [scores, *by_merged, *back, *whole.gradients(prepared, by_merged)]
    assert {a.dtype for a in arrays} == {np.dtype(np.float32)}
