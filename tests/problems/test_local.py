"""Local problems: gradients, systems, line searches."""

import itertools

import numpy as np
import pytest
from scipy.linalg import block_diag

from sktensornet._arrays._parallel import ChunkPool
from sktensornet._problems._local_problem import LocalProblem
from sktensornet._problems._sweep_problem import SweepProblem
from sktensornet.losses import LogLoss, SquaredError, SquaredHinge
from sktensornet.networks._sweeps._blocks import CoreBlock, FactorBlock

RNG = np.random.default_rng()
N = 50


@pytest.fixture(autouse=True)
def same_draws_whatever_ran_before():
    RNG.bit_generator.state = np.random.default_rng(0).bit_generator.state


def messages(*sizes, batch=1):
    return [RNG.standard_normal((batch, N, size)).mT for size in sizes]


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
    solve = local.cholesky()
    gradient = RNG.standard_normal(shape)
    expected = np.linalg.solve(hessian, gradient.ravel()).reshape(shape)
    np.testing.assert_allclose(solve(gradient), expected, rtol=1e-6, atol=1e-8)


@each_block
def test_kronecker_systems_are_symmetric_and_positive(name):
    block, local = make(name)
    solve = local.kronecker()
    size = block.value.size
    matrix = np.stack(
        [solve(unit.reshape(block.value.shape)).ravel() for unit in np.eye(size)], axis=1
    )
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-9 * np.abs(matrix).max())
    assert np.linalg.eigvalsh(matrix).min() > 0


def test_kronecker_is_exact_for_independent_messages():
    """On a full grid the Gram matrix of the design is the Kronecker product of those."""
    one, two = RNG.standard_normal((5, 2)), RNG.standard_normal((10, 4))
    grid = [np.repeat(one, 10, axis=0).T[None], np.tile(two, (5, 1)).T[None]]
    block = CoreBlock(value(1, 2, 4, 3), grid, 0.5)
    local = LocalProblem(
        block, 3, SquaredError(), RNG.integers(0, 3, N), np.ones(N), 0.1, ChunkPool(1)
    )
    gradient = RNG.standard_normal(block.value.shape)
    np.testing.assert_allclose(
        local.kronecker()(gradient), local.cholesky()(gradient), rtol=1e-5, atol=1e-7
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
    found = local.search(state, -local.cholesky()(local.gradient(state)))
    assert np.abs(local.gradient(found)).max() < 1e-8


@each_block
def test_chunks_do_not_matter(name, monkeypatch):
    _, local = make(name, LogLoss())
    whole = local.gradient(local.start())
    monkeypatch.setattr(local, "_chunks", lambda width=None: [slice(0, 13), slice(13, N)])
    np.testing.assert_allclose(local.gradient(local.start()), whole, atol=1e-12)


@pytest.mark.parametrize("n", [5, 2_000])
@pytest.mark.parametrize(("size", "is_small"), [(10, True), (250, False)])
@pytest.mark.parametrize("loss", [LogLoss(), SquaredError()], ids=["log", "squared"])
def test_small_systems_are_factored_however_many_samples(size, is_small, loss, n):
    design = RNG.standard_normal((1, size, n))
    block = CoreBlock(value(1, size, 3), [design], 1.0)
    local = LocalProblem(block, 3, loss, RNG.integers(0, 3, n), np.ones(n), 0.1, ChunkPool(1))
    _, is_exact = local.preconditioner()
    assert is_exact == (loss.is_quadratic and is_small)


def test_singular_systems_are_damped():
    block = CoreBlock(value(1, 4, 1), [np.zeros((1, 4, N))], 0.0)
    local = LocalProblem(
        block, 1, SquaredError(), RNG.integers(0, 2, N), np.ones(N), 0.0, ChunkPool(1)
    )
    state = local.start()
    assert np.isfinite(local.cholesky()(local.gradient(state))).all()
    assert np.isfinite(local.kronecker()(local.gradient(state))).all()


SWEEPS = {
    "moving leg": ({}, {}),
    "fixed leg": ({}, {"leg_moves": False}),
    "separate": ({"batched": True}, {}),
    "one output": ({"n_outputs": 1}, {}),
}


@each_loss
@pytest.mark.parametrize("sweep", SWEEPS)
@pytest.mark.parametrize("tree", ["TT", "HT", "CP"])
def test_gradient_in_a_sweep(tree, sweep, loss, make_model, assert_derivative):
    model_options, sweep_options = SWEEPS[sweep]
    model, theta, X = make_model(tree, "trigonometric", n=15, **model_options)
    weight = RNG.uniform(0.5, 2.0, len(X))
    y = RNG.integers(0, max(2, model_options.get("n_outputs", 3)), len(X))
    problem = SweepProblem(model, loss, X, y, weight, alpha=0.3, rank=3, pool=ChunkPool(1))
    problem.open(problem.start(theta), **sweep_options)
    for local in itertools.chain(problem.begin(), itertools.islice(problem.sweep(), 5)):
        block, state = local._block, local.start()
        own = block.value

        def objective(value, local=local, block=block):
            block.value = value
            return local.start().objective

        gradient = local.gradient(state)
        if loss.shift_free and block.shares_system:
            gradient = gradient - gradient.mean(axis=-1, keepdims=True)
        assert_derivative(objective, state.value.copy(), gradient, rtol=1e-5, n_directions=3)
        block.value = own


@each_block
@each_loss
def test_states_are_consistent(name, loss):
    block, local = make(name, loss)
    state = local.start()
    for _ in range(3):
        scores = np.concatenate(
            [block.scores(state.value, slice(k, k + 10)) for k in range(0, N, 10)]
        )
        values, gradient = loss.value_and_gradient(scores, local._y)
        penalty = 0.05 * np.vdot(state.value, block.penalty(state.value))
        np.testing.assert_allclose(state.scores, scores, atol=1e-9)
        assert state.objective == pytest.approx(local._weight @ values / N + penalty, rel=1e-9)
        np.testing.assert_allclose(
            state.score_gradient, gradient * local._weight[:, None] / N, atol=1e-9
        )
        state = local.search(state, -local.cholesky()(local.gradient(state)))
    local.finish(state)
    assert block.value is state.value


@each_block
def test_the_start_leaves_out_what_the_loss_does_not_see(name):
    block, local = make(name, LogLoss())
    value = block.value.copy()
    state = local.start()
    np.testing.assert_array_equal(block.value, value)
    if block.shares_system:
        np.testing.assert_allclose(state.value.mean(axis=-1), 0, atol=1e-15)
        assert np.any(value.mean(axis=-1) != 0)
    else:
        np.testing.assert_array_equal(state.value, value)
    shift = block.scores(value, slice(None)) - state.scores
    np.testing.assert_allclose(shift, shift[:, :1] * np.ones(shift.shape[1]), atol=1e-12)


@each_block
@each_loss
def test_search_finds_the_least_objective_along_the_line(name, loss):
    """Exactly for a quadratic; most of the way in two steps of Newton's method otherwise."""
    block, local = make(name, loss)
    state = local.start()
    direction = -local.gradient(state)
    found = local.search(state, direction)

    def objective(step):
        value = state.value + step * direction
        losses, _ = loss.value_and_gradient(block.scores(value, slice(None)), local._y)
        return local._weight @ losses / N + 0.05 * np.vdot(value, block.penalty(value))

    step = np.vdot(found.value - state.value, direction) / np.vdot(direction, direction)
    np.testing.assert_allclose(found.value, state.value + step * direction, atol=1e-12)
    around = [objective(step * factor) for factor in np.geomspace(0.1, 10.0, 401)]
    gain = state.objective - found.objective
    assert gain >= (1 - 1e-9 if loss.is_quadratic else 0.75) * (state.objective - min(around))


@each_block
@each_loss
def test_systems_majorise_the_second_derivative(name, loss):
    """A Newton-like step of length one then never climbs."""
    _, local = make(name, loss)
    state = local.start()
    for _ in range(4):
        gradient = local.gradient(state)
        step = local.cholesky()(gradient)
        value = state.value - step
        scores = local.scores(value)
        losses, _ = loss.value_and_gradient(scores, local._y)
        objective = local._weight @ losses / N + local._penalty(value, value)
        decrease = 0.5 * np.vdot(gradient, step)
        assert objective <= state.objective - decrease * (1 - 1e-6) + 1e-12
        state = local.search(state, -step)


@pytest.mark.parametrize("columns", [3, 1])
@pytest.mark.parametrize("alpha", [0.0, 1e-6, 0.3])
def test_optimum_is_that_of_dense_least_squares(alpha, columns):
    """Copies of columns, empty columns and fewer samples than unknowns included."""
    features = messages(4, 5)
    features[0][:, 3] = features[0][:, 1]
    features[1][:, 2] = 0.0
    block = CoreBlock(value(1, 4, 5, columns), features, 1.0)
    y, weight = RNG.integers(0, max(2, columns), N), RNG.uniform(0.0, 2.0, N)
    weight[:35] = 0
    weight /= weight.mean()
    local = LocalProblem(block, columns, SquaredError(), y, weight, alpha, ChunkPool(1))
    solve, is_exact = local.preconditioner()
    assert is_exact
    start = local.start()
    found = local.search(start, -solve(local.gradient(start)))

    design = np.einsum("in,jn->nij", features[0][0], features[1][0]).reshape(N, -1)
    target = 2.0 * (y[:, None] == ([1] if columns == 1 else np.arange(columns))) - 1.0
    root = np.sqrt(weight / N)[:, None]
    rows = np.vstack([root * design, np.sqrt(alpha) * np.eye(20)])
    best = np.linalg.lstsq(rows, np.vstack([root * target, np.zeros((20, columns))]))[0]
    expected = 0.5 * np.sum((root * (design @ best - target)) ** 2) + 0.5 * alpha * np.sum(best**2)
    assert found.objective == pytest.approx(expected, rel=1e-6, abs=1e-9)
    if alpha > 1e-3:
        np.testing.assert_allclose(found.value[0].reshape(20, columns), best, atol=1e-8)


def test_systems_of_separate_tensors_are_solved_one_by_one():
    block, local = make("batch")
    shape = block.value.shape
    hessian = []
    for c in range(3):
        one = [block.messages[0][0], block.messages[1][c]]
        design = np.einsum("in,jn->nij", *one).reshape(N, -1)
        hessian.append(design.T @ (local._weight[:, None] / N * design) + 0.1 * np.eye(8))
    gradient = RNG.standard_normal(shape)
    expected = np.linalg.solve(block_diag(*hessian), gradient.ravel()).reshape(shape)
    np.testing.assert_allclose(local.cholesky()(gradient), expected, rtol=1e-8, atol=1e-10)


@each_block
def test_chunks_matter_to_no_system(name, monkeypatch):
    block, local = make(name, LogLoss())
    gradient = RNG.standard_normal(block.value.shape)
    gradient -= gradient.mean(axis=-1, keepdims=True) if block.shares_system else 0.0
    whole = [local.cholesky()(gradient), local.kronecker()(gradient)]
    found = local.search(local.start(), -gradient)
    parts = [slice(0, 1), slice(1, 30), slice(30, N)]
    monkeypatch.setattr(local, "_chunks", lambda width=None: parts)
    np.testing.assert_allclose(local.cholesky()(gradient), whole[0], rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(local.kronecker()(gradient), whole[1], rtol=1e-6, atol=1e-8)
    again = local.search(local.start(), -gradient)
    assert again.objective == pytest.approx(found.objective, rel=1e-12)


@pytest.mark.parametrize("score", [600.0, 711.0, 730.0])
def test_steps_of_a_saturated_loss_keep_scores_finite(score):
    y = np.array([0, 1] * (N // 2))
    # All are on the wrong side: the slope is about one, and the curvature exp(-score).
    design = np.where(y == 1, -1.0, 1.0)[None]
    block = CoreBlock(np.full((1, 1, 1), score), [design[None]], 1.0)
    with ChunkPool(1) as pool:
        problem = LocalProblem(block, 1, LogLoss(), y, np.ones(N), 0.0, pool)
        state = problem.start()
        found = problem.search(state, np.full((1, 1, 1), -10.0))
    assert np.isfinite(found.scores).all()
    assert found.objective < state.objective
