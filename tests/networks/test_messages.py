"""What a core and messages do, against einsum, whatever the order in memory."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sktensornet.networks._messages import (
    contract_core,
    khatri_rao,
    leading,
    product_over_samples,
)

N = 5


def draw(*shape, seed=0):
    return np.random.default_rng((seed, *shape)).normal(size=shape)


def samples_outermost(x):
    return np.ascontiguousarray(x.mT).mT


orders = pytest.mark.parametrize("order", [samples_outermost, np.ascontiguousarray])


@orders
@pytest.mark.parametrize(("a", "b"), [(1, 1), (1, 3), (3, 1), (3, 3)])
def test_khatri_rao_is_a_kronecker_product_of_each_sample(a, b, order):
    x, y = order(draw(a, 2, N)), order(draw(b, 4, N))
    expected = [
        [np.kron(x[t % a, :, n], y[t % b, :, n]) for n in range(N)] for t in range(max(a, b))
    ]
    np.testing.assert_array_equal(khatri_rao(x, y), np.array(expected).mT)


@orders
@pytest.mark.parametrize(("i", "j"), [(2, 4), (4, 2), (3, 3)])
def test_product_over_samples(i, j, order):
    x, y = order(draw(3, i, N)), order(draw(1, j, N))
    expected = np.einsum("bin,jn->bij", x, y[0])
    np.testing.assert_allclose(product_over_samples(x, y), expected, rtol=1e-12)


@given(st.lists(st.integers(1, 3), min_size=1, max_size=4), st.sampled_from([1, 3]), st.booleans())
def test_contract_core_is_the_contraction_of_all_legs(legs, batch, shared):
    n_batch = 1 if shared else batch
    messages = [draw(n_batch, size, N, seed=k) for k, size in enumerate(legs)]
    core = draw(batch, *legs, 2)
    letters = "ijkl"[: len(legs)]
    terms = ",".join(f"b{letter}n" for letter in letters)
    expected = np.einsum(
        f"b{letters}o,{terms}->bon",
        core,
        *(np.broadcast_to(message, (batch, *message.shape[1:])) for message in messages),
    )
    found = contract_core(core, leading(messages), messages[2:])
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


def test_results_have_their_samples_innermost():
    x, y = draw(2, 2, N), draw(2, 4, N)
    core = draw(2, 2, 4, 3)
    for result in (khatri_rao(x, y), contract_core(core, khatri_rao(x, y), [])):
        assert result.flags.c_contiguous


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_types_are_kept(dtype):
    x, y = draw(1, 2, N).astype(dtype), draw(1, 3, N).astype(dtype)
    core = draw(1, 2, 3, 2).astype(dtype)
    assert contract_core(core, x, [y]).dtype == dtype
