"""Solvers on convex quadratics whose minimum is known."""

from math import ceil
from platform import machine
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from sktensornet._arrays._parallel import ChunkPool
from sktensornet.solvers import ALS, LBFGS, SOLVERS, Adam, Spectral, _adam


class LeastSquares:
    """Half the mean squared residual of a linear system, plus a constant."""

    def __init__(self, n=60, size=5, noise=0.0, dtype=np.float64, constant=0.0, scale=1.0):
        rng = np.random.default_rng(0)
        self.A = scale * rng.standard_normal((n, size))
        self.optimum = rng.standard_normal(size)
        self.b = self.A @ self.optimum + noise * rng.standard_normal(n)
        self.optimum = np.linalg.lstsq(self.A, self.b)[0]
        self.constant = constant
        self.dtype = np.dtype(dtype)
        self.origin = np.zeros(size)
        self.calls = []

    @property
    def n_samples(self):
        return len(self.A)

    def value_and_gradient(self, theta, rows=None, dropout=0.0, seed=0):
        self.calls.append((theta.copy(), rows, dropout, seed))
        A, b = (self.A, self.b) if rows is None else (self.A[rows], self.b[rows])
        residual = A @ theta - b
        gradient = A.T @ residual / len(A)
        value = 0.5 * float(np.mean(residual**2)) + self.constant
        return value, gradient if rows is None else gradient.astype(self.dtype)


class Slope(LeastSquares):
    """A linear objective: the gradient is the same everywhere."""

    slope = 1.0

    def value_and_gradient(self, theta, rows=None, dropout=0.0, seed=0):
        super().value_and_gradient(theta, rows, dropout, seed)
        return self.slope * float(theta.sum()), np.full(theta.shape, self.slope, self.dtype)


class Flat(Slope):
    """An objective without slope."""

    slope = 0.0


class Cliff(LeastSquares):
    """A quadratic that is huge, and finite, where the first step would lead."""

    def value_and_gradient(self, theta, rows=None, dropout=0.0, seed=0):
        value, gradient = super().value_and_gradient(theta)
        return (1e60, 1e80 * gradient) if len(self.calls) == 2 else (value, gradient)


class Deceptive(LeastSquares):
    """A constant whose gradient promises a fall that does not come."""

    def value_and_gradient(self, theta, rows=None, dropout=0.0, seed=0):
        return 1.0, np.ones_like(theta)


def minimize(solver, problem, *, max_iter=60, tol=1e-8, patience=10, seed=0, stop_after=None):
    """The outcome, and the values that the monitor saw."""
    values = []

    def monitor(theta, value):
        assert theta.shape == problem.origin.shape
        values.append(value)
        return len(values) == stop_after

    solver.check()
    outcome = solver.minimize(
        problem,
        np.ones(problem.origin.shape),
        max_iter=max_iter,
        tol=tol,
        patience=patience,
        random_state=np.random.RandomState(seed),
        monitor=monitor,
    )
    return outcome, values


def test_registry_has_every_solver_by_name():
    assert {"lbfgs": LBFGS, "adam": Adam, "als": ALS, "spectral": Spectral} == SOLVERS


@pytest.mark.parametrize("memory", [1, 10])
@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_lbfgs_finds_the_minimum(noise, memory):
    problem = LeastSquares(noise=noise)
    outcome, values = minimize(LBFGS(memory=memory), problem)
    np.testing.assert_allclose(outcome.point, problem.optimum, atol=1e-5)
    assert outcome.converged
    assert np.all(np.diff(values) <= 0)


def test_lbfgs_looks_at_all_samples_without_dropout():
    problem = LeastSquares()
    minimize(LBFGS(), problem)
    assert all(rows is None and dropout == 0 for _, rows, dropout, _ in problem.calls)


def test_lbfgs_stops_at_a_small_gradient():
    problem = LeastSquares()
    outcome, _ = minimize(LBFGS(), problem, tol=1e-2)
    gradient = problem.value_and_gradient(outcome.point)[1]
    assert outcome.converged
    assert 1e-9 < np.abs(gradient).max() <= 1e-2


@pytest.mark.parametrize("patience", [1, 3])
def test_lbfgs_stops_where_the_value_no_longer_falls(patience):
    problem = LeastSquares(constant=1e6, size=20)
    outcome, values = minimize(LBFGS(), problem, tol=1e-3, patience=patience)
    assert outcome.converged
    assert len(values) == patience + 1


def test_lbfgs_says_when_it_wanted_more_iterations():
    outcome, values = minimize(LBFGS(), LeastSquares(noise=1.0), max_iter=2)
    assert not outcome.converged
    assert len(values) == 2


def test_lbfgs_steps_back_from_a_huge_value():
    problem = Cliff()
    outcome, _ = minimize(LBFGS(), problem)
    np.testing.assert_allclose(outcome.point, problem.optimum, atol=1e-5)
    assert outcome.converged


def test_lbfgs_has_not_converged_where_it_never_moved():
    outcome, _ = minimize(LBFGS(), Deceptive())
    assert not outcome.converged


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_lbfgs_steps_back_from_where_the_objective_is_not_finite(bad):
    beyond = []

    class Barrier(LeastSquares):
        def value_and_gradient(self, theta, rows=None, dropout=0.0, seed=0):
            if np.min(theta) <= 0:
                beyond.append(theta)
                return bad, np.full_like(theta, bad)
            return float(np.sum(theta - 0.01 * np.log(theta))), 1 - 0.01 / theta

    outcome, values = minimize(LBFGS(), Barrier(), max_iter=200)
    np.testing.assert_allclose(outcome.point, 0.01, rtol=1e-3)
    assert np.all(np.isfinite(values))
    assert beyond


def test_adam_finds_the_minimum():
    problem = LeastSquares()
    outcome, values = minimize(Adam(learning_rate=0.1), problem)
    np.testing.assert_allclose(outcome.point, problem.optimum, atol=1e-3)
    assert outcome.converged
    assert len(values) == 60
    assert values[-1] < 1e-4 * values[0]


@pytest.mark.parametrize(
    ("n", "batch_size", "largest"),
    [(60, "auto", ceil(60 / 8)), (7, "auto", 1), (2000, "auto", 128), (60, 25, 25), (60, 99, 60)],
)
def test_every_sample_is_in_one_batch_of_each_pass(n, batch_size, largest):
    problem = LeastSquares(n=n)
    minimize(Adam(batch_size=batch_size), problem, max_iter=3)
    batches = [rows for _, rows, _, _ in problem.calls]
    per_pass = ceil(n / largest)
    assert len(batches) == 3 * per_pass
    passes = [np.concatenate(batches[k : k + per_pass]) for k in range(0, len(batches), per_pass)]
    assert all(sorted(rows) == list(range(n)) for rows in passes)
    assert max(map(len, batches)) == largest
    if n > 7:
        assert any(np.any(passes[0] != rows) for rows in passes[1:])


def step_sizes(solver, max_iter):
    """How far each step goes where the slope is the same everywhere."""
    problem = Slope()
    outcome, _ = minimize(solver, problem, max_iter=max_iter)
    thetas = [theta for theta, *_ in problem.calls] + [outcome.point]
    return -np.diff(np.stack(thetas), axis=0)[:, 0]


def test_one_cycle_rises_for_a_fifth_and_falls_to_zero_as_a_cosine():
    steps = step_sizes(Adam(learning_rate=0.1, batch_size=6), 20)
    n, peak = len(steps), int(np.argmax(steps))
    assert n == 200
    assert abs(peak - n / 5) <= 1
    assert np.all(np.diff(steps[: peak + 1]) > 0)
    assert np.all(np.diff(steps[peak:]) < 0)
    assert 0.095 < steps[peak] <= 0.1 + 1e-9
    assert steps[0] < 0.005
    assert 0 < steps[-1] < 1e-4
    np.testing.assert_allclose(np.diff(steps[:peak]), 0.1 / 40, rtol=1e-3)
    rest = (np.arange(n) + 0.5 - 40) / 160
    np.testing.assert_allclose(
        steps[41:], 0.05 * (1 + np.cos(np.pi * rest[41:])), rtol=1e-2, atol=1e-5
    )


def test_constant_schedule_has_one_step_size():
    steps = step_sizes(Adam(learning_rate=0.1, schedule="constant"), 5)
    np.testing.assert_allclose(steps, 0.1, rtol=1e-5)


def test_weight_decay_pulls_towards_the_origin():
    problem = Flat()
    problem.origin = np.full(5, 3.0)
    solver = Adam(learning_rate=0.1, weight_decay=0.5, schedule="constant", batch_size=30)
    outcome, _ = minimize(solver, problem, max_iter=4)
    np.testing.assert_allclose(outcome.point, 3 + (1 - 3) * (1 - 0.1 * 0.5) ** 8, rtol=1e-12)


class Wide:
    """Many parameters, each with a slope of its own that changes from call to call."""

    n_samples, dtype = 3, np.dtype(float)

    def __init__(self, size, pool=None):
        self.origin = np.random.default_rng(1).standard_normal(size)
        self.slopes = []
        if pool is not None:
            self.pool = pool

    def value_and_gradient(self, theta, rows=None, dropout=0.0, seed=0):
        rng = np.random.default_rng(len(self.slopes))
        self.slopes.append(rng.standard_normal(theta.size))
        return 0.0, self.slopes[-1].copy()


@pytest.mark.parametrize("least", [0, np.inf], ids=["compiled", "numpy"])
@pytest.mark.parametrize("n_threads", [None, 1, 2])
def test_adam_updates_many_parameters_part_by_part(n_threads, least, monkeypatch):
    """By the formula, whoever takes the parts; the last one is shorter."""
    monkeypatch.setattr(_adam, "_LONG_UPDATE", least)
    size = 2 * _adam._UPDATED + 5
    solver = Adam(0.1, batch_size=1, weight_decay=0.5, schedule="constant", epsilon=1e-3)
    if n_threads is None:
        problem = Wide(size)
        outcome, _ = minimize(solver, problem, max_iter=1)
    else:
        with ChunkPool(n_threads) as pool:
            problem = Wide(size, pool)
            outcome, _ = minimize(solver, problem, max_iter=1)
    theta, first, second = np.ones(size), 0, 0
    for step, slope in enumerate(problem.slopes, start=1):
        theta = theta - 0.1 * 0.5 * (theta - problem.origin)
        first = 0.9 * first + 0.1 * slope
        second = 0.99 * second + 0.01 * slope**2
        mean, square = first / (1 - 0.9**step), second / (1 - 0.99**step)
        theta = theta - 0.1 * mean / (square**0.5 + 1e-3)
    np.testing.assert_allclose(outcome.point, theta, rtol=1e-10)


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_compiled_updates_are_those_of_numpy(weight_decay, monkeypatch):
    pytest.importorskip("numba")
    found = []
    for least in (0, np.inf):
        monkeypatch.setattr(_adam, "_LONG_UPDATE", least)
        problem = LeastSquares(dtype=np.float32)
        solver = Adam(0.1, weight_decay=weight_decay)
        found.append(minimize(solver, problem, max_iter=5)[0].point)
    np.testing.assert_allclose(found[0], found[1], rtol=1e-5)


@pytest.mark.skipif(machine() not in ("x86_64", "AMD64"), reason="names of instructions")
def test_compiled_updates_take_several_parameters_at_a_time():
    """One at a time takes ten times as long."""
    numba = pytest.importorskip("numba")
    from sktensornet._compiled._adam import _update

    # Compiled anew, since what is read from a file has no text.
    options = {key: value for key, value in _update.targetoptions.items() if key != "nopython"}
    update = numba.njit(**options)(_update.py_func)
    update(*np.ones((5, 8), np.float32), (np.float32(0.5),) * 7)
    (text,) = update.inspect_asm().values()
    assert "sqrtps" in text


def test_without_a_pull_no_array_overlaps_another(monkeypatch):
    """Where one may, the loop takes one parameter at a time."""
    calls = []
    module = SimpleNamespace(update=lambda *arrays: calls.append(arrays[:5]))
    monkeypatch.setattr(_adam, "compiled_module", lambda name: module)
    monkeypatch.setattr(_adam, "_LONG_UPDATE", 0)
    minimize(Adam(), LeastSquares(), max_iter=1)
    for theta, towards, gradient, first, second in calls:
        for written in (theta, first, second):
            assert sum(np.shares_memory(written, own) for own in (theta, towards, gradient)) <= 1
            assert np.shares_memory(first, second) is False
    assert calls


def test_without_weight_decay_or_slope_nothing_moves():
    outcome, _ = minimize(Adam(), Flat(), max_iter=3)
    np.testing.assert_array_equal(outcome.point, 1)


def test_the_random_state_decides_the_batches():
    one, same, other = (minimize(Adam(), LeastSquares(), seed=seed)[0].point for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert np.any(one != other)


def test_dropout_reaches_the_problem_with_a_seed_for_each_batch():
    problem = LeastSquares()
    minimize(Adam(dropout=0.3), problem, max_iter=3)
    assert {dropout for _, _, dropout, _ in problem.calls} == {0.3}
    seeds = [seed for *_, seed in problem.calls]
    assert len(set(seeds)) == len(seeds)


@pytest.mark.parametrize("bad", [np.inf, np.nan])
def test_adam_passes_over_batches_that_are_not_finite(bad):
    class Gap(LeastSquares):
        def value_and_gradient(self, theta, rows=None, dropout=0.0, seed=0):
            value, gradient = super().value_and_gradient(theta, rows)
            gap = 0 in rows
            return (bad, np.full_like(gradient, bad)) if gap else (value, gradient)

    problem = Gap()
    with pytest.warns(ConvergenceWarning, match=r"learning_rate than 0\.1"):
        outcome, _ = minimize(Adam(learning_rate=0.1), problem)
    np.testing.assert_allclose(outcome.point, problem.optimum, atol=1e-2)


@pytest.mark.parametrize("solver", [LBFGS(), Adam()])
def test_an_objective_that_is_never_finite_raises(solver):
    class Nowhere(LeastSquares):
        def value_and_gradient(self, theta, rows=None, dropout=0.0, seed=0):
            return np.inf, np.zeros_like(theta)

    with pytest.raises(ValueError, match="smaller"):
        minimize(solver, Nowhere())


@pytest.mark.parametrize("solver", [LBFGS(), Adam()])
def test_the_monitor_stops_the_solver(solver):
    _, values = minimize(solver, LeastSquares(noise=1.0), stop_after=2)
    assert len(values) == 2


@pytest.mark.parametrize("solver", [LBFGS(), Adam(learning_rate=0.1, weight_decay=1e-9)])
def test_the_parameters_come_back_in_float64(solver):
    problem = LeastSquares(dtype=np.float32)
    outcome, _ = minimize(solver, problem)
    assert outcome.point.dtype == np.float64
    np.testing.assert_allclose(outcome.point, problem.optimum, atol=1e-2)


def test_adam_works_in_the_dtype_of_the_problem():
    problem = LeastSquares(dtype=np.float32)
    minimize(Adam(weight_decay=0.1), problem, max_iter=2)
    assert {theta.dtype for theta, *_ in problem.calls} == {np.dtype(np.float32)}


@pytest.mark.parametrize("solver", [LBFGS(), Adam(batch_size=10)])
def test_the_start_is_left_as_it_is(solver):
    problem, start = LeastSquares(), np.ones(5)
    start.flags.writeable = False
    solver.minimize(
        problem,
        start,
        max_iter=3,
        tol=1e-9,
        patience=10,
        random_state=np.random.RandomState(0),
        monitor=lambda point, value: False,
    )
    np.testing.assert_array_equal(start, 1)


def test_advance_goes_on_where_the_pass_before_ended():
    problem, rng = LeastSquares(), np.random.RandomState(0)
    solver = Adam(learning_rate=0.1)
    theta, state, values = np.ones(5), None, []
    for _ in range(60):
        outcome, value = solver.advance(problem, theta, state, rng)
        theta, state = outcome.point, outcome.state
        values.append(value)
    np.testing.assert_allclose(theta, problem.optimum, atol=1e-2)
    assert values[-1] < 1e-3 * values[0]


def test_advance_equals_a_constant_schedule():
    solver = Adam(learning_rate=0.1, schedule="constant")
    expected, values = minimize(solver, LeastSquares(), max_iter=3)
    rng, theta, state, seen = np.random.RandomState(0), np.ones(5), None, []
    for _ in range(3):
        outcome, value = Adam(learning_rate=0.1).advance(LeastSquares(), theta, state, rng)
        theta, state = outcome.point, outcome.state
        seen.append(value)
    np.testing.assert_allclose(theta, expected.point, rtol=1e-12)
    np.testing.assert_allclose(seen, values, rtol=1e-12)


def test_only_adam_takes_batches():
    assert Adam.takes_batches
    assert not LBFGS.takes_batches


@pytest.mark.parametrize(
    ("solver", "message"),
    [
        (LBFGS(memory=0), "memory=0 must be an integer >= 1"),
        (LBFGS(memory=2.5), r"memory=2\.5 must be an integer"),
        (Adam(learning_rate=0), r"learning_rate=0 must be a number in \(0, inf\)"),
        (Adam(learning_rate="fast"), "learning_rate='fast' must be a number"),
        (Adam(batch_size=0), "batch_size=0 must be an integer >= 1 or 'auto'"),
        (Adam(batch_size="all"), "batch_size='all' must be an integer >= 1 or 'auto'"),
        (Adam(dropout=1.0), r"dropout=1\.0 must be a number in \[0, 1\)"),
        (Adam(dropout=-0.1), r"dropout=-0\.1 must be a number in \[0, 1\)"),
        (Adam(weight_decay=-1), r"weight_decay=-1 must be a number in \[0, inf\)"),
        (Adam(weight_decay=np.nan), "weight_decay=nan must be a number"),
        (Adam(schedule="linear"), "schedule='linear' is unknown; .*'one_cycle', 'constant'"),
        (Adam(beta_1=1.0), r"beta_1=1\.0 must be a number in \[0, 1\)"),
        (Adam(beta_2=-0.5), r"beta_2=-0\.5 must be a number in \[0, 1\)"),
        (Adam(epsilon=0.0), r"epsilon=0\.0 must be a number in \(0, inf\)"),
    ],
)
def test_a_bad_parameter_is_refused_by_name_and_value(solver, message):
    with pytest.raises(ValueError, match=message):
        solver.check()


@pytest.mark.parametrize("solver", [LBFGS(), Adam(), Adam(batch_size=np.int64(3), beta_1=0)])
def test_good_parameters_pass(solver):
    solver.check()
