"""Local problems: gradients, systems, line searches."""

import numpy as np
import pytest

from sktensornet._local import LocalProblem
from sktensornet._parallel import ChunkPool
from sktensornet.losses import LogLoss, SquaredError, SquaredHinge
from sktensornet.networks._blocks import CoreBlock, FactorBlock

RNG = np.random.default_rng()
N = 50


@pytest.fixture(autouse=True)
def same_draws_whatever_ran_before():
    RNG.bit_generator.state = np.random.default_rng(0).bit_generator.state


def messages(*sizes, batch=1):
    return [RNG.standard_normal((batch, N, size)) for size in sizes]


def gram(size, batch=1):
    factor = RNG.standard_normal((batch, size + 2, size))
    return factor.mT @ factor


def value(*shape):
    return 0.3 * RNG.standard_normal(shape)


BLOCKS = {
    "leg": lambda: (CoreBlock(value(1, 2, 3, 4, 3), messages(2, 3, 4), 0.7), 3),
    "one message": lambda: (CoreBlock(value(1, 5, 3), messages(5), 2.0), 3),
    "four messages": lambda: (CoreBlock(value(1, 2, 3, 2, 2, 3), messages(2, 3, 2, 2), 1.0), 3),
    "batch": lambda: (
        CoreBlock(value(3, 2, 4, 1), [*messages(2), *messages(4, batch=3)], 1.0),
        3,
    ),
    "shared": lambda: (
        CoreBlock(value(1, 2, 4, 1), [*messages(2), *messages(4, batch=3)], 1.0),
        3,
    ),
    "single": lambda: (CoreBlock(value(1, 2, 4, 1), messages(2, 4), 1.0), 1),
    "readout": lambda: (CoreBlock(value(1, 6, 3), messages(6), gram(6)), 3),
    "factor": lambda: (
        FactorBlock(value(1, 3, 5, 1), *messages(3, 5), value(1, 5, 3), gram(5)),
        3,
    ),
    "factors": lambda: (
        FactorBlock(
            value(3, 3, 5, 1), *messages(3), *messages(5, batch=3), value(3, 5, 1), gram(5, 3)
        ),
        3,
    ),
}
each_block = pytest.mark.parametrize("name", BLOCKS)
each_loss = pytest.mark.parametrize(
    "loss", [LogLoss(), SquaredError(), SquaredHinge()], ids=lambda loss: type(loss).__name__
)


def make(name, loss=None, alpha=0.1):
    block, n_outputs = BLOCKS[name]()
    y = RNG.integers(0, max(2, n_outputs), N)
    weight = RNG.uniform(0, 2, N)
    weight /= weight.mean()
    loss = loss or SquaredError()
    return block, LocalProblem(block, n_outputs, loss, y, weight, alpha, ChunkPool(1))


def dense_operator(block, shape):
    """Scores as a matrix acting on the flat value."""
    columns = []
    for j in range(np.prod(shape)):
        unit = np.zeros(np.prod(shape))
        unit[j] = 1.0
        columns.append(block.scores(unit.reshape(shape), slice(None)).ravel())
    return np.stack(columns, axis=1)


def dense_penalty(block, shape):
    size = int(np.prod(shape))
    return np.stack([block.penalty(unit.reshape(shape)).ravel() for unit in np.eye(size)], axis=1)


@each_block
def test_adjoint_is_the_transpose(name):
    block, _ = make(name)
    operator = dense_operator(block, block.value.shape)
    for rows in (slice(None), slice(7, 20)):
        gradient = RNG.standard_normal((N, operator.shape[0] // N))[rows]
        padded = np.zeros((N, gradient.shape[1]))
        padded[rows] = gradient
        expected = (operator.T @ padded.ravel()).reshape(block.value.shape)
        np.testing.assert_allclose(block.adjoint(gradient, rows), expected, atol=1e-10)


@each_block
@each_loss
def test_gradient(name, loss, assert_derivative):
    block, local = make(name, loss)
    state = local.start()

    def objective(flat):
        block.value = flat
        return local.start().objective

    point = state.value.copy()
    gradient = local.gradient(state)
    if loss.shift_free and block.shares_system:
        gradient = gradient - gradient.mean(axis=-1, keepdims=True)
    assert_derivative(objective, point, gradient, rtol=1e-5)


@each_block
def test_systems_are_the_second_derivative(name):
    """For the squared error, kappa N + alpha H of each system, from dense columns."""
    block, local = make(name)
    shape = block.value.shape
    operator = dense_operator(block, shape)
    weight = np.repeat(local._weight / N, operator.shape[0] // N)
    hessian = operator.T @ (weight[:, None] * operator) + 0.1 * dense_penalty(block, shape)
    solve = local._cholesky()
    gradient = RNG.standard_normal(shape)
    expected = np.linalg.solve(hessian, gradient.ravel()).reshape(shape)
    np.testing.assert_allclose(solve(gradient), expected, rtol=1e-6, atol=1e-8)


@each_block
def test_kronecker_systems_are_symmetric_and_positive(name):
    block, local = make(name)
    solve = local._kronecker()
    size = block.value.size
    matrix = np.stack(
        [solve(unit.reshape(block.value.shape)).ravel() for unit in np.eye(size)], axis=1
    )
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-9 * np.abs(matrix).max())
    assert np.linalg.eigvalsh(matrix).min() > 0


def test_kronecker_is_exact_for_independent_messages():
    """On a full grid the Gram matrix of the design is the Kronecker product of those."""
    one, two = RNG.standard_normal((5, 2)), RNG.standard_normal((10, 4))
    grid = [np.repeat(one, 10, axis=0)[None], np.tile(two, (5, 1))[None]]
    block = CoreBlock(value(1, 2, 4, 3), grid, 0.5)
    local = LocalProblem(
        block, 3, SquaredError(), RNG.integers(0, 3, N), np.ones(N), 0.1, ChunkPool(1)
    )
    gradient = RNG.standard_normal(block.value.shape)
    np.testing.assert_allclose(
        local._kronecker()(gradient), local._cholesky()(gradient), rtol=1e-5, atol=1e-7
    )


@each_block
@each_loss
def test_search_descends(name, loss):
    _, local = make(name, loss)
    state = local.start()
    gradient = local.gradient(state)
    for scale in (1e-3, 1.0, 1e3):
        found = local.search(state, -scale * gradient)
        assert found.objective < state.objective
        np.testing.assert_allclose(found.scores, local.scores(found.value), atol=1e-8)
    assert local.search(state, gradient) is state
    assert local.search(state, np.zeros_like(gradient)) is state


@each_block
def test_one_step_reaches_the_optimum_of_a_quadratic(name):
    _, local = make(name)
    state = local.start()
    found = local.search(state, -local._cholesky()(local.gradient(state)))
    assert np.abs(local.gradient(found)).max() < 1e-8


@each_block
def test_chunks_do_not_matter(name, monkeypatch):
    _, local = make(name, LogLoss())
    whole = local.gradient(local.start())
    monkeypatch.setattr(local, "_chunks", lambda width=None: [slice(0, 13), slice(13, N)])
    np.testing.assert_allclose(local.gradient(local.start()), whole, atol=1e-12)


@pytest.mark.parametrize("size", [10, 200, 500])
@pytest.mark.parametrize("loss", [LogLoss(), SquaredError()], ids=["log", "squared"])
def test_rule_for_factoring_does_not_depend_on_samples(size, loss):
    block = CoreBlock(value(1, size, 3), messages(size), 1.0)
    local = LocalProblem(block, 3, loss, RNG.integers(0, 3, N), np.ones(N), 0.1, ChunkPool(1))
    _, is_exact = local.preconditioner()
    assert is_exact == (loss.is_quadratic and size <= 3 * 80)


def test_singular_systems_are_damped():
    block = CoreBlock(value(1, 4, 1), [np.zeros((1, N, 4))], 0.0)
    local = LocalProblem(
        block, 1, SquaredError(), RNG.integers(0, 2, N), np.ones(N), 0.0, ChunkPool(1)
    )
    state = local.start()
    assert np.isfinite(local._cholesky()(local.gradient(state))).all()
    assert np.isfinite(local._kronecker()(local.gradient(state))).all()
