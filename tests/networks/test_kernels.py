"""Every kernel beside its reference in einsum."""

import string

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sktensornet.networks._kernels import apply_core, apply_core_adjoint, khatri_rao

quick = settings(max_examples=40, deadline=None, derandomize=True, database=None)
lengths = st.integers(1, 4)


@st.composite
def problems(draw):
    """A core, the messages of its children, and where its outgoing axis is."""
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    n_batch, n = draw(st.sampled_from([1, 3])), draw(lengths)
    sizes = draw(st.lists(lengths, min_size=1, max_size=4))
    out = draw(lengths)
    out_first = len(sizes) <= 2 and draw(st.booleans())
    shape = (n_batch, out, *sizes) if out_first else (n_batch, *sizes, out)
    messages = [
        rng.standard_normal((draw(st.sampled_from([1, n_batch])), n, size)) for size in sizes
    ]
    gradient = rng.standard_normal((n_batch, n, out))
    return rng.standard_normal(shape), messages, gradient, out_first


def einsum_terms(n_children, out_first):
    """Subscripts of a core and of the messages of its children."""
    axes = string.ascii_lowercase[:n_children]
    core = f"Bo{axes}" if out_first else f"B{axes}o"
    return core, [f"Bn{axis}" for axis in axes]


def spread(core, messages):
    """Messages that share the batch axis of the core."""
    return [np.broadcast_to(m, (core.shape[0], *m.shape[1:])) for m in messages]


@given(st.integers(0, 2**16), st.sampled_from([(1, 1), (1, 3), (3, 3)]), lengths, lengths, lengths)
@quick
def test_khatri_rao_is_a_row_wise_outer_product(seed, batches, n, i, j):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((batches[0], n, i))
    y = rng.standard_normal((batches[1], n, j))
    wide = np.broadcast_to(x, (batches[1], n, i))
    expected = np.einsum("bni,bnj->bnij", wide, y).reshape(batches[1], n, i * j)
    np.testing.assert_array_equal(khatri_rao(x, y), expected)


@given(problems())
@quick
def test_apply_core_is_the_einsum(problem):
    core, messages, _, out_first = problem
    name, names = einsum_terms(len(messages), out_first)
    expected = np.einsum(f"{name},{','.join(names)}->Bno", core, *spread(core, messages))
    result, _ = apply_core(core, messages, out_first)
    np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-12)


@given(problems())
@quick
def test_adjoint_is_the_einsum(problem):
    core, messages, gradient, out_first = problem
    name, names = einsum_terms(len(messages), out_first)
    wide = spread(core, messages)
    _, partial = apply_core(core, messages, out_first)
    wanted = [True] * len(messages)
    by_core, by_message = apply_core_adjoint(core, messages, partial, gradient, wanted, out_first)
    expected = np.einsum(f"{','.join(names)},Bno->{name}", *wide, gradient)
    np.testing.assert_allclose(by_core, expected, rtol=1e-12, atol=1e-12)
    for j, result in enumerate(by_message):
        others = [wide[i] for i in range(len(wide)) if i != j]
        terms = [names[i] for i in range(len(names)) if i != j]
        expected = np.einsum(f"{','.join([name, *terms])},Bno->{names[j]}", core, *others, gradient)
        np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("n_children", [1, 2, 3, 4])
def test_adjoint_leaves_out_what_is_not_wanted(n_children):
    rng = np.random.default_rng(0)
    core = rng.standard_normal((1, *[2] * n_children, 3))
    messages = [rng.standard_normal((1, 5, 2)) for _ in range(n_children)]
    gradient = rng.standard_normal((1, 5, 3))
    _, partial = apply_core(core, messages)
    every = apply_core_adjoint(core, messages, partial, gradient, [True] * n_children)
    for j in range(n_children):
        wanted = [i == j for i in range(n_children)]
        by_core, by_message = apply_core_adjoint(core, messages, partial, gradient, wanted)
        assert [part is not None for part in by_message] == wanted
        np.testing.assert_array_equal(by_message[j], every[1][j])
        np.testing.assert_array_equal(by_core, every[0])


@pytest.mark.parametrize(
    ("n_children", "out_first"), [(1, False), (2, False), (2, True), (3, False)]
)
def test_kernels_keep_float32(n_children, out_first):
    shape = (1, 3, *[2] * n_children) if out_first else (1, *[2] * n_children, 3)
    core = np.ones(shape, np.float32)
    messages = [np.ones((1, 4, 2), np.float32)] * n_children
    result, partial = apply_core(core, messages, out_first)
    wanted = [True] * n_children
    by_core, by_message = apply_core_adjoint(core, messages, partial, result, wanted, out_first)
    assert {a.dtype for a in [result, by_core, *by_message]} == {np.dtype(np.float32)}
