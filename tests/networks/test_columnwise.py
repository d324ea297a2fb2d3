"""The kernels of sweeps against einsum, whatever the order in memory."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sktensornet.networks._sweeps._columnwise import columnwise, contract, first_legs, linear, pairs

N = 5


def draw(*shape, seed=0):
    return np.random.default_rng((seed, *shape)).normal(size=shape)


orders = pytest.mark.parametrize("order", [columnwise, np.ascontiguousarray])


@orders
@pytest.mark.parametrize(("a", "b"), [(1, 1), (1, 3), (3, 1), (3, 3)])
def test_pairs_are_row_wise_kronecker_products(a, b, order):
    x, y = order(draw(a, N, 2)), order(draw(b, N, 4))
    expected = x[..., :, None] * y[..., None, :]
    np.testing.assert_array_equal(pairs(x, y), expected.reshape(max(a, b), N, 8))


@orders
def test_linear_is_a_product(order):
    x, matrix = order(draw(3, N, 4)), draw(3, 4, 2)
    np.testing.assert_allclose(linear(x, matrix), x @ matrix, rtol=1e-12)


@given(st.lists(st.integers(1, 3), min_size=1, max_size=4), st.sampled_from([1, 3]), st.booleans())
def test_contract_is_the_contraction_of_all_legs(legs, batch, shared):
    n_batch = 1 if shared else batch
    messages = [columnwise(draw(n_batch, N, size, seed=k)) for k, size in enumerate(legs)]
    core = draw(batch, *legs, 2)
    letters = "ijkl"[: len(legs)]
    terms = ",".join(f"bn{letter}" for letter in letters)
    expected = np.einsum(
        f"b{letters}o,{terms}->bno",
        core,
        *(np.broadcast_to(message, (batch, *message.shape[1:])) for message in messages),
    )
    found = contract(core, first_legs(messages), messages[2:])
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


def test_results_have_their_samples_innermost():
    x, y = columnwise(draw(2, N, 2)), columnwise(draw(2, N, 4))
    core = draw(2, 2, 4, 3)
    for result in (x, pairs(x, y), linear(x, draw(2, 2, 3)), contract(core, pairs(x, y), [])):
        assert result.mT.flags.c_contiguous


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_types_are_kept(dtype):
    x, y = columnwise(draw(1, N, 2).astype(dtype)), columnwise(draw(1, N, 3).astype(dtype))
    core = draw(1, 2, 3, 2).astype(dtype)
    assert contract(core, x, [y]).dtype == dtype
