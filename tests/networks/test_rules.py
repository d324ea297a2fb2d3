"""The rule of a core beside its reference in einsum."""

import string

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sktensornet.networks._passes._rules import CoreRule
from sktensornet.networks._passes._steps import Builder

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


def rule_of(core, messages):
    return CoreRule([message.shape[1] for message in messages], core.shape[-1])


@pytest.fixture(scope="session")
def both_ways(single_node):
    """The message, and the derivatives with respect to the core and the messages."""

    def act(core, messages, gradient, wanted=None, **options):
        rule = rule_of(core, messages)
        return single_node(rule, len(core), messages, gradient, core, wanted, **options)

    return act


def einsum_terms(n_children):
    """Subscripts of a core and of the messages of its children."""
    axes = string.ascii_lowercase[:n_children]
    return f"B{axes}o", [f"B{axis}n" for axis in axes]


def spread(core, messages):
    """Messages that share the batch axis of the core."""
    return [np.broadcast_to(m, (core.shape[0], *m.shape[1:])) for m in messages]


@given(problems(), st.booleans())
@quick
def test_up_is_the_einsum(both_ways, problem, wants_tape):
    core, messages, gradient = problem
    result, *_ = both_ways(core, messages, gradient if wants_tape else None)
    name, names = einsum_terms(len(messages))
    expected = np.einsum(f"{name},{','.join(names)}->Bon", core, *spread(core, messages))
    np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-12)


@given(problems())
@quick
def test_down_is_the_einsum(both_ways, problem):
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
    rule, build = CoreRule(sizes, out), Builder(1)
    legs = sorted([*sizes, out])
    assert rule.keeps == keeps
    assert rule.entries == 2 * out + (legs[0] * legs[1] if keeps else 0)
    _, partial = rule.up(build, 0, [build.keep(1, size) for size in sizes], True)
    assert bool(partial) == keeps
    assert all(np.prod(part.shape) == legs[0] * legs[1] for part in partial)


@pytest.mark.parametrize("sizes", [(3, 2), (2, 5), (2, 2), (2, 2, 2), (2, 2, 2, 2), (3,)])
def test_down_leaves_out_what_is_not_wanted(both_ways, sizes):
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
def test_memory_holds_anything_before(both_ways, problem):
    core, messages, gradient = problem
    expected = both_ways(core, messages, gradient)

    def full(size):
        return np.full(size + 8, np.nan).view(np.uint8)[:size]

    found = both_ways(core, messages, gradient, block_of=full)
    for a, b in zip([*expected[:2], *expected[2]], [*found[:2], *found[2]], strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("sizes", [(2,), (2, 4), (4, 2), (2, 3, 2)])
def test_rules_keep_float32(both_ways, sizes):
    core = np.ones((1, *sizes, 3), np.float32)
    messages = [np.ones((1, size, 4), np.float32) for size in sizes]
    gradient = np.ones((1, 3, 4), np.float32)
    result, by_core, by_message = both_ways(core, messages, gradient)
    assert {a.dtype for a in [result, by_core, *by_message]} == {np.dtype(np.float32)}


@pytest.mark.parametrize("sizes", [(3,), (3, 2), (2, 5), (4, 5, 4)])
def test_compiled_code_takes_one_copy_of_a_core_in_its_order(sizes):
    core = np.random.default_rng(0).standard_normal((2, *sizes, 4))
    rule = CoreRule(sizes, 4, True)
    (copy,) = rule.matrices(core)
    np.testing.assert_array_equal(copy.ravel(), core.ravel())
    assert not np.shares_memory(copy, core)
    rule.refresh((copy,), 2 * core)
    np.testing.assert_array_equal(copy.ravel(), 2 * core.ravel())
