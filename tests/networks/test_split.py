"""Truncated splits against dense singular value decompositions."""

import numpy as np
import pytest

from sktensornet.networks._sweeps import _split
from sktensornet.networks._sweeps._split import _half, truncated_split


def draw(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def gram(size, batch, seed):
    factor = draw((batch, size + 3, size), seed)
    return factor.mT @ factor


def product(q, f):
    return np.einsum("bik,bkjc->bijc", q, f)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize(("rows", "columns", "c"), [(6, 4, 1), (4, 3, 5), (5, 5, 2)])
@pytest.mark.parametrize("weighted", [False, True])
def test_nothing_is_lost_at_full_rank(batch, rows, columns, c, weighted):
    tensor = draw((batch, rows, columns, c))
    grams = (gram(rows, batch, 1), gram(columns, batch, 2)) if weighted else ()
    q, f, _, loss = truncated_split(tensor, 99, 0.0, *grams)
    np.testing.assert_allclose(product(q, f), tensor, atol=1e-8)
    np.testing.assert_allclose(
        q.mT @ q, np.broadcast_to(np.eye(q.shape[-1]), (batch, *q.shape[-1:] * 2)), atol=1e-10
    )
    assert loss == 0


@pytest.mark.parametrize("cap", [1, 2, 3])
@pytest.mark.parametrize("weighted", [False, True])
def test_is_the_best_of_its_rank_in_the_norm(cap, weighted):
    tensor = draw((1, 6, 4, 3))
    left, right = np.eye(6), np.eye(4)
    grams = ()
    if weighted:
        grams = gram(6, 1, 1), gram(4, 1, 2)
        left, right = (np.linalg.cholesky(g[0]).T for g in grams)
    q, f, spectrum, loss = truncated_split(tensor, cap, 0.0, *grams)

    def scaled(t):
        return np.einsum("ij,jkc,lk->ilc", left, t[0], right).reshape(6, -1)

    values = np.linalg.svd(scaled(tensor))[1]
    best = np.sqrt(np.sum(values[cap:] ** 2))
    assert q.shape[-1] == cap
    assert np.linalg.norm(scaled(tensor - product(q, f))) == pytest.approx(best, rel=1e-6)
    assert loss == pytest.approx(best / np.linalg.norm(values), rel=1e-6)
    np.testing.assert_allclose(spectrum[0], values, rtol=1e-6)


@pytest.mark.parametrize("least", [1e-3, 1e-6])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("rows", "columns", "c"), [(70, 9, 8), (90, 40, 2)])
def test_large_matrices_are_split_as_by_singular_values(
    rows, columns, c, weighted, least, monkeypatch
):
    """By a Gram matrix, unless what is kept is too small for that."""
    calls = []
    plain = _split._by_values
    monkeypatch.setattr(_split, "_by_values", lambda x: [calls.append(1), plain(x)][1])
    u, v = np.linalg.qr(draw((2, rows, 12)))[0], np.linalg.qr(draw((2, columns * c, 12), 1))[0]
    values = least ** (np.arange(12) / 11)
    tensor = ((u * values) @ v.mT).reshape(2, rows, columns, c)
    grams = (gram(rows, 2, 1), gram(columns, 2, 2)) if weighted else ()
    q, f, spectrum, loss = truncated_split(tensor, 12, 0.0, *grams)
    assert (len(calls) == 1) == (least < 1e-4)
    np.testing.assert_allclose(product(q, f), tensor, atol=1e-11)
    np.testing.assert_allclose(q.mT @ q, np.broadcast_to(np.eye(12), (2, 12, 12)), atol=1e-12)
    assert loss < 1e-7
    if not weighted:
        np.testing.assert_allclose(spectrum[:, :12], [values] * 2, rtol=1e-8)
        found = truncated_split(tensor, 5, 0.0)
        np.testing.assert_allclose(
            product(*found[:2]).reshape(2, rows, -1),
            (u[..., :5] * values[:5]) @ v[..., :5].mT,
            atol=1e-9,
        )


def test_singular_values_of_single_precision_are_not_squared():
    low = (draw((1, 80, 12)) * 1e-3 ** (np.arange(12) / 11)) @ draw((1, 12, 140), 1)
    tensor = low.reshape(1, 80, 70, 2).astype(np.float32)
    q, f, _, loss = truncated_split(tensor, 12, 0.0)
    assert np.abs(product(q, f) - tensor).max() < 1e-5 * np.abs(tensor).max()
    assert loss < 1e-5


@pytest.mark.parametrize("tolerance", [0.01, 0.2, 0.6])
def test_tolerance_is_a_share_of_the_norm(tolerance):
    tensor = draw((2, 8, 8, 1)) * (0.5 ** np.arange(8))[:, None]
    q, f, spectrum, loss = truncated_split(tensor, 99, tolerance)
    error = np.linalg.norm((tensor - product(q, f)).reshape(2, -1), axis=1)
    norms = np.linalg.norm(tensor.reshape(2, -1), axis=1)
    assert np.all(error <= tolerance * norms)
    assert loss == pytest.approx((error / norms).max())
    smaller = np.sqrt(np.sum(spectrum[:, q.shape[-1] - 1 :] ** 2, axis=1))
    assert np.any(smaller > tolerance * norms)


def test_rounding_noise_makes_no_channels():
    tensor = draw((1, 6, 2, 1)) @ draw((1, 1, 1, 4)) + 1e-14 * draw((1, 6, 2, 4), 5)
    assert truncated_split(tensor, 6, 0.0)[0].shape[-1] == 2


@pytest.mark.parametrize("rank", [0, 2])
def test_singular_gram_matrices_and_zeros(rank):
    basis = draw((6, rank), 3)
    singular = (basis @ basis.T)[None]
    q, f, _, _ = truncated_split(draw((1, 6, 4, 2)), 3, 0.0, singular, np.zeros((1, 4, 4)))
    assert np.isfinite(product(q, f)).all()
    q, f, _, loss = truncated_split(np.zeros((1, 6, 4, 2)), 3, 0.1)
    assert q.shape == (1, 6, 1)
    assert not f.any()
    assert loss == 0


@pytest.mark.parametrize("least", [0.5, 0.0, -1e-7])
def test_half_of_a_gram_matrix_and_its_inverse(least):
    """Rounding in float32 leaves eigenvalues that are negative, which count as zero."""
    basis = np.linalg.qr(draw((5, 5)))[0]
    given = (basis * [least, 1.0, 2.0, 3.0, 4.0]) @ basis.T
    (half,), (inverse,) = _half(given[None])
    kept = (basis * [max(least, 0.0), 1.0, 2.0, 3.0, 4.0]) @ basis.T
    np.testing.assert_allclose(half.T @ half, kept, atol=1e-8)
    np.testing.assert_allclose(half @ inverse, np.eye(5), atol=1e-8)
