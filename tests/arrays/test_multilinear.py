"""Mode products, unfoldings and ranks against einsum and dense errors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sktensornet._arrays._linalg import kept_rank, tail_norms
from sktensornet._arrays._multilinear import mode_gram, mode_product, move_axis, outer, unfold

SHAPE = (2, 3, 4, 2, 5)
LETTERS = "bijkl"


def draw(*shape, seed=0):
    return np.random.default_rng((seed, *shape)).standard_normal(shape)


each_axis = pytest.mark.parametrize("axis", [1, 2, 3, 4, -1])
memory = pytest.mark.parametrize("order", ["C", "F"])


@memory
@each_axis
@pytest.mark.parametrize(("b", "c"), [(2, 2), (1, 2), (2, 1)])
def test_mode_product(b, c, axis, order):
    tensor = np.asarray(draw(b, *SHAPE[1:]), order=order)
    matrices = draw(c, 6, SHAPE[axis])
    letter = LETTERS[axis]
    expected = np.einsum(
        f"{LETTERS},bz{letter}->{LETTERS.replace(letter, 'z')}",
        np.broadcast_to(tensor, (2, *SHAPE[1:])),
        np.broadcast_to(matrices, (2, *matrices.shape[1:])),
    )
    np.testing.assert_allclose(
        mode_product(tensor, matrices, axis), expected, rtol=1e-12, atol=1e-14
    )


@pytest.mark.parametrize("axis", [2, 3, 4, -1])
def test_a_batch_of_two_axes_is_each_of_the_first(axis):
    x, y, matrices = draw(*SHAPE), draw(1, *SHAPE[1:]), draw(SHAPE[1], 6, SHAPE[axis])
    own = axis if axis < 0 else axis - 1
    product = mode_product(x, matrices, axis, n_batch=2)
    np.testing.assert_array_equal(product, [mode_product(part, matrices, own) for part in x])
    gram = mode_gram(x, y, axis, n_batch=2)
    np.testing.assert_allclose(gram, [mode_gram(part, y[0], own) for part in x], rtol=1e-12)


@each_axis
def test_unfolding_and_gram(axis):
    x, y = draw(*SHAPE), draw(*SHAPE, seed=1)
    letter = LETTERS[axis]
    rest = LETTERS[1:].replace(letter, "")
    rows = np.einsum(f"{LETTERS}->b{letter}{rest}", x).reshape(2, SHAPE[axis], -1)
    np.testing.assert_array_equal(unfold(x, axis), rows)
    expected = np.einsum(f"{LETTERS},{LETTERS.replace(letter, 'z')}->b{letter}z", x, y)
    np.testing.assert_allclose(mode_gram(x, y, axis), expected, rtol=1e-11, atol=1e-12)


@given(st.integers(1, 5).flatmap(lambda n: st.tuples(st.just(n), *[st.integers(-n, n - 1)] * 2)))
def test_move_axis_is_that_of_numpy(drawn):
    ndim, source, to = drawn
    tensor = draw(*range(2, 2 + ndim))
    np.testing.assert_array_equal(move_axis(tensor, source, to), np.moveaxis(tensor, source, to))


def test_outer():
    x, y, z = draw(2), draw(3), draw(4)
    np.testing.assert_allclose(outer([x, y, z]), np.einsum("i,j,k->ijk", x, y, z), rtol=1e-12)
    np.testing.assert_array_equal(outer([x]), x)
    assert outer([]) == 1


@given(
    st.lists(st.floats(0, 10), min_size=1, max_size=6),
    st.floats(0, 5),
    st.none() | st.integers(1, 4),
)
def test_the_kept_rank_is_the_least_within_the_threshold(values, threshold, cap):
    ordered = np.sort(values)[::-1]
    rank = kept_rank(ordered[None], threshold, cap)
    rounding = 1e-12 * ordered[0]
    assert 1 <= rank <= (len(values) if cap is None else cap)
    if rank < (len(values) if cap is None else min(cap, len(values))):
        assert np.linalg.norm(ordered[rank:]) <= max(threshold, rounding) * (1 + 1e-12)
    if rank > 1:
        assert np.linalg.norm(ordered[rank - 1 :]) > threshold * (1 - 1e-12)


def test_the_worst_tensor_of_a_batch_says_what_is_kept():
    values = np.array([[4.0, 3.0, 0.1], [4.0, 0.1, 0.1]])
    np.testing.assert_allclose(tail_norms(values)[:, -1], [0.1, 0.1])
    assert kept_rank(values, 0.5, None) == 2
    assert kept_rank(values, np.array([[5.0], [0.15]]), None) == 1
    assert kept_rank(values, 0.0, 2) == 2
