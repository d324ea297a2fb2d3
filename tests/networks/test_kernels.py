"""Every kernel beside its reference in einsum."""

import string

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sktensornet._arrays._workspace import Workspace
from sktensornet.networks._passes._core_kernel import CoreKernel, outer

quick = settings(max_examples=60, deadline=None, derandomize=True, database=None)
lengths = st.integers(1, 5)


@st.composite
def problems(draw):
    """A core, the messages of its children, and a derivative by its message."""
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    n_batch, n = draw(st.sampled_from([1, 3])), draw(lengths)
    sizes = draw(st.lists(lengths, min_size=1, max_size=4))
    out = draw(lengths)
    messages = [
        rng.standard_normal((draw(st.sampled_from([1, n_batch])), size, n)) for size in sizes
    ]
    gradient = rng.standard_normal((n_batch, out, n))
    return rng.standard_normal((n_batch, *sizes, out)), messages, gradient


def kernel_of(core, messages):
    return CoreKernel([message.shape[1] for message in messages], core.shape[-1])


def both_ways(core, messages, gradient, wanted=None, work=None):
    """The message, and the derivatives with respect to the core and the messages."""
    kernel = kernel_of(core, messages)
    work = Workspace() if work is None else work
    matrices = kernel.matrices(core)
    result, partial = kernel.apply(matrices, messages, work)
    n_batch, n = len(core), gradient.shape[2]
    into = [
        np.full((n_batch, message.shape[1], n), np.nan, core.dtype)
        if wanted is None or wanted[j]
        else None
        for j, message in enumerate(messages)
    ]
    by_core = kernel.adjoint(matrices, messages, partial, gradient, into, work)
    return result, by_core, into


def einsum_terms(n_children):
    """Subscripts of a core and of the messages of its children."""
    axes = string.ascii_lowercase[:n_children]
    return f"B{axes}o", [f"B{axis}n" for axis in axes]


def spread(core, messages):
    """Messages that share the batch axis of the core."""
    return [np.broadcast_to(m, (core.shape[0], *m.shape[1:])) for m in messages]


@given(st.integers(0, 2**16), st.sampled_from([(1, 1), (1, 3), (3, 3)]), lengths, lengths, lengths)
@quick
def test_outer_is_the_product_of_all_entries(seed, batches, n, i, j):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((batches[0], i, n))
    y = rng.standard_normal((batches[1], j, n))
    wide = np.broadcast_to(x, (batches[1], i, n))
    expected = np.einsum("bin,bjn->bijn", wide, y).reshape(batches[1], i * j, n)
    np.testing.assert_array_equal(outer(x, y, Workspace()), expected)


@given(problems(), st.booleans())
@quick
def test_apply_is_the_einsum(problem, wants_tape):
    core, messages, _ = problem
    kernel = kernel_of(core, messages)
    result, _ = kernel.apply(kernel.matrices(core), messages, Workspace(), wants_tape)
    name, names = einsum_terms(len(messages))
    expected = np.einsum(f"{name},{','.join(names)}->Bon", core, *spread(core, messages))
    np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-12)


@given(problems())
@quick
def test_adjoint_is_the_einsum(problem):
    core, messages, gradient = problem
    name, names = einsum_terms(len(messages))
    wide = spread(core, messages)
    _, by_core, by_message = both_ways(core, messages, gradient)
    expected = np.einsum(f"{','.join(names)},Bon->{name}", *wide, gradient)
    assert by_core.shape == core.shape
    np.testing.assert_allclose(by_core, expected, rtol=1e-12, atol=1e-12)
    for j, result in enumerate(by_message):
        others = [wide[i] for i in range(len(wide)) if i != j]
        terms = [names[i] for i in range(len(names)) if i != j]
        expected = np.einsum(f"{','.join([name, *terms])},Bon->{names[j]}", core, *others, gradient)
        np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("sizes", "out", "keeps"),
    [((3, 2), 3, False), ((2, 5), 2, True), ((5, 2), 2, True), ((2, 2), 5, False)],
    ids=["square", "wide site", "wide bond", "wide result"],
)
def test_matrix_products_take_the_largest_leg(sizes, out, keeps):
    rng = np.random.default_rng(0)
    messages = [rng.standard_normal((1, size, 7)) for size in sizes]
    kernel = CoreKernel(sizes, out)
    legs = sorted([*sizes, out])
    assert kernel.keeps == keeps
    assert kernel.entries == 2 * out + (legs[0] * legs[1] if keeps else 0)
    work = Workspace()
    matrices = kernel.matrices(rng.standard_normal((1, *sizes, out)))
    _, partial = kernel.apply(matrices, messages, work)
    assert all(part.size == legs[0] * legs[1] * 7 for part in partial)


@pytest.mark.parametrize("sizes", [(3, 2), (2, 5), (2, 2), (2, 2, 2), (2, 2, 2, 2), (3,)])
def test_adjoint_leaves_out_what_is_not_wanted(sizes):
    rng = np.random.default_rng(0)
    core = rng.standard_normal((1, *sizes, 3))
    messages = [rng.standard_normal((1, size, 5)) for size in sizes]
    gradient = rng.standard_normal((1, 3, 5))
    _, every, by_message = both_ways(core, messages, gradient)
    for j in range(len(sizes)):
        wanted = [i == j for i in range(len(sizes))]
        _, by_core, into = both_ways(core, messages, gradient, wanted)
        np.testing.assert_array_equal(into[j], by_message[j])
        np.testing.assert_array_equal(by_core, every)


@given(problems())
@quick
def test_memory_that_is_used_again_gives_the_same(problem):
    core, messages, gradient = problem
    work = Workspace()
    first = both_ways(core, messages, gradient, work=work)
    expected = [np.array(first[0]), np.array(first[1]), *map(np.array, first[2])]
    work.clear()
    half = messages[0].shape[2] // 2 + 1
    fewer = [message[..., :half] for message in messages]
    both_ways(core + 1, fewer, gradient[..., :half], work=work)
    work.clear()
    again = both_ways(core, messages, gradient, work=work)
    for a, b in zip(expected, [again[0], again[1], *again[2]], strict=True):
        np.testing.assert_array_equal(a, b)


@given(problems())
@quick
def test_nothing_that_came_in_is_changed(problem):
    core, messages, gradient = problem
    before = [array.copy() for array in (core, *messages, gradient)]
    for array in (core, *messages, gradient):
        array.flags.writeable = False
    both_ways(core, messages, gradient)
    for array, copy in zip((core, *messages, gradient), before, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize("sizes", [(2,), (2, 4), (4, 2), (2, 3, 2)])
def test_kernels_keep_float32(sizes):
    core = np.ones((1, *sizes, 3), np.float32)
    messages = [np.ones((1, size, 4), np.float32) for size in sizes]
    gradient = np.ones((1, 3, 4), np.float32)
    result, by_core, by_message = both_ways(core, messages, gradient)
    assert {a.dtype for a in [result, by_core, *by_message]} == {np.dtype(np.float32)}
