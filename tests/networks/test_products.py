"""Networks with other products against loops over their formulas, and their adjoints."""

import math
from itertools import product as pairs

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sktensornet.networks import (
    TensorNetwork,
    balanced,
    canonical_polyadic,
    hierarchical_tucker,
    norm,
    orthogonalise,
    recurrent_train,
    to_tensorly,
)
from sktensornet.networks._cores import message_cores, network_of
from sktensornet.networks._passes._contraction import Contraction
from sktensornet.networks._passes._products import PRODUCTS
from sktensornet.networks._passes._rules import JoinRule, MultiplyRule
from sktensornet.networks._tensors._frobenius import squared_norm_and_gradient

XI = {
    "multiply": lambda x, y: x * y,
    "max": lambda x, y: max(x, y, 0.0),
    "logaddexp": lambda x, y: math.log(math.exp(x) + math.exp(y)),
    "add": lambda x, y: x + y,
    "hypot": lambda x, y: math.sqrt(x * x + y * y),
}
UNITS = {"multiply": 1.0, "max": 0.0, "logaddexp": -math.inf, "add": 0.0, "hypot": 0.0}
OTHERS = [name for name in XI if name != "multiply"]
NESTED = {"HT, d=4": balanced(4), "HT, d=3": balanced(3), "HT, node of three": ((2, 0, 3), 1)}
FORMATS = ["TT, d=1", "TT, d=2", "TT, d=4", "CP, d=1", "CP, d=4", "HT, d=1", *NESTED]


def make_tree(name, product, **options):
    kind, d = name[:2], int(name[-1]) if name[-1].isdigit() else 4
    if kind == "TT":
        return recurrent_train(d, product, **options)
    if kind == "CP":
        return canonical_polyadic(d, product, **options)
    return hierarchical_tucker(NESTED.get(name, 0), product, **options)


def train_by_loops(xi, unit, cores, features):
    """h_k = sum_ij G_ijk xi([C f]_i, h_j), from h = unit."""
    d = len(features)
    hidden = [unit]
    for frame, core, f in zip(cores[:d], cores[d:], features):
        reading = frame.T @ f
        core = core[:, :, 0, :] if core.ndim == 4 else core
        new = np.zeros(core.shape[2])
        for j, i in pairs(range(len(hidden)), range(len(reading))):
            new += core[j, i] * xi(hidden[j], reading[i])
        hidden = new
    return hidden


def sum_by_loops(xi, unit, cores, features):
    """L = sum_r lambda_r xi(<f_1, v_r>, ..., <f_d, v_r>)."""
    readings = [core.T @ f for core, f in zip(cores, features)]
    scores = np.zeros(cores[-1].shape[1])
    for r in range(len(cores[-1])):
        value = unit
        for reading in readings:
            value = xi(value, reading[r])
        scores += value * cores[-1][r]
    return scores


def tree_by_loops(xi, nested, cores, features):
    """h_k = sum G_(i..)k xi(a_i, b_j, ...) from the leaves to the root."""
    inner = iter(cores[len(features) :])

    def visit(branch):
        if not isinstance(branch, tuple):
            return cores[branch].T @ features[branch]
        messages = [visit(part) for part in branch]
        core = next(inner)
        out = np.zeros(core.shape[-1])
        for index in np.ndindex(*core.shape[:-1]):
            value = messages[0][index[0]]
            for message, i in zip(messages[1:], index[1:]):
                value = xi(value, message[i])
            out += value * core[index]
        return out

    return visit(nested)


def by_loops(name, product, cores, features):
    xi, unit = XI[product], UNITS[product]
    if name.startswith("TT"):
        return train_by_loops(xi, unit, cores, features)
    if name.startswith("CP"):
        return sum_by_loops(xi, unit, cores, features)
    return tree_by_loops(xi, NESTED.get(name, 0), cores, features)


def problem(tree, n_batch=1, n_outputs=3, seed=0):
    rng = np.random.default_rng(seed)
    modes = (2, 3, 4, 2)[: tree.n_sites]
    contraction = Contraction(tree, tree.message_sizes(modes, 3, n_outputs), n_batch)
    cores = [rng.standard_normal(shape) for shape in contraction.core_shapes]
    return contraction, cores, [rng.standard_normal((4, m)) for m in modes]


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("product", OTHERS)
def test_scores_are_those_of_the_formula(name, product):
    contraction, cores, features = problem(make_tree(name, product))
    scores, _ = contraction.forward(cores, features)
    for n, row in enumerate(scores[0]):
        public = network_of(contraction.tree, cores).cores
        wanted = by_loops(name, product, public, [f[n] for f in features])
        np.testing.assert_allclose(row, wanted, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("product", OTHERS)
@pytest.mark.parametrize("n_batch", [1, 2])
def test_adjoint_is_the_derivative(name, product, n_batch, assert_derivative):
    contraction, cores, features = problem(make_tree(name, product), n_batch, seed=5)
    rng = np.random.default_rng(3)
    weight = rng.standard_normal((n_batch, 4, 3))

    def value(cores, features):
        return np.sum(weight * np.sin(contraction.forward(cores, features)[0]))

    scores, tape = contraction.forward(cores, features)
    by_core, by_feature = contraction.backward(tape, weight * np.cos(scores), True)
    only_cores, none = contraction.backward(tape, weight * np.cos(scores), False)
    assert none is None
    for k, core in enumerate(cores):
        np.testing.assert_array_equal(by_core[k], only_cores[k])
        assert_derivative(
            lambda c, k=k: value([*cores[:k], c, *cores[k + 1 :]], features),
            core,
            by_core[k],
            step=1e-6,
            rtol=2e-5,
        )
    for k, array in enumerate(features):
        assert_derivative(
            lambda f, k=k: value(cores, [*features[:k], f, *features[k + 1 :]]),
            array,
            by_feature[k],
            step=1e-6,
            rtol=2e-5,
        )


@pytest.mark.parametrize("product", OTHERS)
@given(st.integers(0, 2**16), st.integers(1, 2), st.integers(2, 3))
@settings(max_examples=10, deadline=None, derandomize=True, database=None)
def test_adjoint_of_a_core_for_random_shapes(
    product, assert_derivative, single_node, seed, n_batch, k
):
    rng = np.random.default_rng(seed)
    lengths = [int(n) for n in rng.integers(1, 4, k)]
    core = rng.standard_normal((n_batch, *lengths, 3))
    messages = [rng.standard_normal((n_batch, n, 5)) for n in lengths]
    weight = rng.standard_normal((n_batch, 3, 5))
    rule, xi = JoinRule(lengths, 3), PRODUCTS[product]

    def apply(core, messages):
        return single_node(rule, n_batch, messages, weight, core, product=xi)

    result, by_core, back = apply(core, messages)
    assert result.shape == weight.shape

    def value(core, messages):
        return np.sum(weight * apply(core, messages)[0])

    assert_derivative(lambda c: value(c, messages), core, by_core, step=1e-6, rtol=1e-5)
    for j, message in enumerate(messages):
        assert_derivative(
            lambda m, j=j: value(core, [*messages[:j], m, *messages[j + 1 :]]),
            message,
            back[j],
            step=1e-6,
            rtol=1e-5,
        )


def test_multiply_through_a_recurrent_train_is_the_dense_tensor():
    tree = recurrent_train(4)
    contraction, cores, features = problem(tree)
    scores, _ = contraction.forward(cores, features)
    dense = network_of(tree, cores).to_dense()
    np.testing.assert_allclose(
        scores[0], np.einsum("abcds,na,nb,nc,nd->ns", dense, *features), rtol=1e-10
    )


@pytest.mark.parametrize("product", OTHERS)
def test_products_are_associative_commutative_and_have_their_unit(product):
    x, y, z = (array[None] for array in np.random.default_rng(0).standard_normal((3, 4, 5)))
    join = PRODUCTS[product].join

    both = join([x, y])
    np.testing.assert_array_equal(both, join([y, x]))
    np.testing.assert_allclose(join([both, z]), join([x, join([y, z])]), rtol=1e-12)
    np.testing.assert_allclose(join([both, z]), join([x, y, z]), rtol=1e-12)
    alone = [[XI[product](float(v), UNITS[product]) for v in row] for row in x[0]]
    np.testing.assert_allclose(join([x])[0], alone, rtol=1e-12)


@pytest.mark.parametrize("product", OTHERS)
def test_extreme_messages_give_finite_results(product, single_node):
    x = np.array([0.0, 1e4, -1e4, 0.0], np.float32).reshape(1, 4, 1)
    y = np.array([0.0, -1e4, -1e4, 1e4], np.float32).reshape(1, 4, 1)
    core = np.eye(16, dtype=np.float32).reshape(1, 4, 4, 16)
    one = np.ones((1, 16, 1), np.float32)
    z, _, back = single_node(JoinRule((4, 4), 16), 1, [x, y], one, core, product=PRODUCTS[product])
    assert z.dtype == np.float32
    assert np.isfinite(z).all()
    assert all(np.isfinite(part).all() and np.abs(part).max() <= 4 for part in back)
    if product == "logaddexp":
        np.testing.assert_allclose(z[0, 10, 0], -1e4 + math.log(2), rtol=1e-6)


@pytest.mark.parametrize("product", OTHERS)
@pytest.mark.parametrize("name", ["TT, d=4", "CP, d=4", "HT, d=4"])
def test_passes_keep_float32(name, product):
    contraction, cores, features = problem(make_tree(name, product))
    cores = [core.astype(np.float32) for core in cores]
    features = [f.astype(np.float32) for f in features]
    scores, tape = contraction.forward(cores, features)
    by_core, by_feature = contraction.backward(tape, scores, True)
    assert {a.dtype for a in (scores, *by_core, *by_feature)} == {np.dtype(np.float32)}


@pytest.mark.parametrize(
    "act",
    [
        norm,
        orthogonalise,
        TensorNetwork.to_dense,
        lambda network: to_tensorly(network, 0),
        lambda network: squared_norm_and_gradient(
            Contraction(network.tree, network.message_sizes), message_cores(network)
        ),
    ],
)
@pytest.mark.parametrize("name", ["TT, d=4", "CP, d=4"])
def test_what_needs_a_weight_tensor_raises(act, name):
    contraction, cores, _ = problem(make_tree(name, "max"))
    network = network_of(contraction.tree, cores)
    assert network.product == "max"
    with pytest.raises(ValueError, match=r"needs product='multiply'.*product='max'"):
        act(network)


@pytest.mark.parametrize("wants_tape", [True, False])
@pytest.mark.parametrize("n_messages", [1, 2, 5, 20])
def test_messages_of_one_tensor_and_of_several_meet(single_node, n_messages, wants_tape):
    rng = np.random.default_rng(0)
    messages = [rng.uniform(0.8, 1.25, (1 + 2 * (j % 2), 2, 5)) for j in range(n_messages)]
    expected = np.prod(np.broadcast_arrays(*messages), axis=0)
    n_batch = len(expected)
    gradient = rng.standard_normal(expected.shape) if wants_tape else None
    rule = MultiplyRule(n_messages, 2)
    result, _, into = single_node(rule, n_batch, messages, gradient)
    np.testing.assert_allclose(result, expected, rtol=1e-12)
    for message, found in zip(messages, into, strict=True) if wants_tape else ():
        np.testing.assert_allclose(found * message, gradient * result, rtol=1e-10)
