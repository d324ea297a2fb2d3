"""ALS on problems that know no network: the order of the calls, the stops, the local solve."""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.sparse.linalg import LinearOperator, cg

from sktensornet.solvers import ALS


@dataclass
class Place:
    """A value of a block, and the objective there."""

    value: np.ndarray
    objective: float


class Quadratic:
    """Half the squared distance to an optimum, in the norm of a matrix, plus a constant."""

    def __init__(self, matrix, inverse=None, *, is_exact=False, least=0.0, seed=0):
        rng = np.random.default_rng(seed)
        self.matrix = matrix
        self.inverse = np.eye(len(matrix)) if inverse is None else inverse
        self.is_exact = is_exact
        self.least = least
        self.optimum = rng.standard_normal(len(matrix))
        self.value = rng.standard_normal(len(matrix))
        self.searches = 0
        self.finished = []

    def at(self, value):
        off = value - self.optimum
        return Place(value, 0.5 * float(off @ self.matrix @ off) + self.least)

    def start(self):
        return self.at(self.value)

    def gradient(self, state):
        return self.matrix @ (state.value - self.optimum)

    def preconditioner(self):
        return lambda gradient: self.inverse @ gradient, self.is_exact

    def search(self, state, direction):
        self.searches += 1
        slope, bend = self.gradient(state) @ direction, direction @ self.matrix @ direction
        return self.at(state.value - slope / bend * direction)

    def finish(self, state):
        self.finished.append(state)


class Scripted:
    """A problem whose sweeps end at given values; it writes down what is asked of it."""

    def __init__(self, values, *, n_first=2, n_blocks=3):
        self.values = values
        self.n_first = n_first
        self.n_blocks = n_blocks
        self.n_sweeps = 0
        self.log = []

    def open(self, start, **options):
        self.log.append("open")
        self.start, self.options = start, options

    def begin(self):
        self.log.append("begin")
        yield from self._locals([np.inf] * self.n_first)

    def sweep(self):
        self.log.append("sweep")
        # What counts is the objective of the last block.
        values = [-99.0] * (self.n_blocks - 1) + [self.values[self.n_sweeps]]
        self.n_sweeps += 1
        yield from self._locals(values)

    def _locals(self, values):
        for value in values:
            local = Quadratic(np.eye(1), least=value)
            local.value = local.optimum
            yield local
            assert len(local.finished) == 1
            self.log.append("finished")

    def point(self):
        self.log.append("point")
        return f"point {self.n_sweeps}"

    def record(self, objective, point):
        self.log.append("record")
        return self.n_sweeps, objective


def minimize(problem, solver=None, *, max_iter=None, tol=0.0, stop_after=None):
    """The outcome, and what the monitor saw."""
    seen = []

    def monitor(point, value):
        problem.log.append("monitor")
        seen.append((point, value))
        return len(seen) == stop_after

    outcome = (solver or ALS()).minimize(
        problem,
        "start",
        max_iter=len(problem.values) if max_iter is None else max_iter,
        tol=tol,
        patience=1,
        random_state=np.random.RandomState(0),
        monitor=monitor,
    )
    return outcome, seen


@pytest.mark.parametrize(("n_first", "n_blocks"), [(0, 1), (1, 4), (2, 3)])
def test_order_of_the_calls(n_first, n_blocks):
    problem = Scripted([3.0, 2.0], n_first=n_first, n_blocks=n_blocks)
    minimize(problem)
    one_sweep = ["sweep", *["finished"] * n_blocks, "point", "record", "monitor"]
    assert problem.log == ["open", "begin", *["finished"] * n_first, *one_sweep, *one_sweep]
    assert problem.start == "start"


DEFAULTS = {
    "two_site": False,
    "rank_tol": 0.0,
    "leg_moves": True,
    "function_space": True,
    "budget": 2e9,
}


@pytest.mark.parametrize(
    ("parameters", "options"),
    [
        ({}, {}),
        ({"sweep": "two_site"}, {"two_site": True}),
        ({"rank_tol": 0.25}, {"rank_tol": 0.25}),
        ({"truncation": "frobenius"}, {"function_space": False}),
        ({"class_leg": "fixed"}, {"leg_moves": False}),
        ({"memory": 0.5}, {"budget": 5e8}),
    ],
)
def test_parameters_reach_the_problem(parameters, options):
    problem = Scripted([1.0])
    minimize(problem, ALS(**parameters))
    assert problem.options == DEFAULTS | options


@pytest.mark.parametrize(
    ("values", "tol", "n_sweeps", "converged"),
    [
        # The decrease counts by the objective where that is above one ...
        ([50.0, 30.0, 29.0, 20.0], 0.04, 3, True),
        ([50.0, 30.0, 29.0, 20.0], 0.03, 4, False),
        # ... and as it is below.
        ([0.5, 0.4, 0.36, 0.1], 0.05, 3, True),
        ([0.5, 0.4, 0.36, 0.1], 0.03, 4, False),
        # One sweep cannot tell; a standstill always ends it, and a rise does not.
        ([3.0, 2.0, 1.0], 1e9, 2, True),
        ([3.0, 2.0, 2.0, 1.0], 0.0, 3, True),
        ([3.0, 2.0, 2.5, 1.0], 0.0, 4, False),
        ([3.0, 2.0, 2.5, 2.5], 0.1, 4, False),
        ([3.0, 2.0, 2.01, 1.0], 0.1, 3, True),
        ([3.0, 2.0, 1.0], 0.0, 3, False),
        # The last sweep that is allowed may be the one that settles.
        ([3.0, 1.0, 1.0], 1e-3, 3, True),
    ],
)
def test_stops_when_a_sweep_gains_little(values, tol, n_sweeps, converged):
    problem = Scripted(values)
    outcome, seen = minimize(problem, tol=tol)
    assert len(seen) == problem.n_sweeps == n_sweeps
    assert outcome.converged is converged


@pytest.mark.parametrize("max_iter", [1, 2, 4])
def test_stops_at_max_iter(max_iter):
    problem = Scripted([5.0, 4.0, 3.0, 2.0, 1.0])
    outcome, _ = minimize(problem, max_iter=max_iter)
    assert problem.n_sweeps == max_iter
    assert outcome.point == f"point {max_iter}"
    assert not outcome.converged


def test_the_monitor_sees_every_sweep_and_stops():
    problem = Scripted([5.0, 4.0, 3.0, 2.0])
    outcome, seen = minimize(problem, stop_after=2)
    assert seen == [("point 1", 5.0), ("point 2", 4.0)]
    assert problem.n_sweeps == 2
    assert outcome.point == "point 2"
    assert not outcome.converged


def test_the_monitor_is_called_on_the_sweep_that_settles():
    outcome, seen = minimize(Scripted([2.0, 2.0, 1.0]), stop_after=2)
    assert len(seen) == 2
    assert outcome.converged


def test_every_sweep_is_recorded():
    outcome, _ = minimize(Scripted([5.0, 4.0, 3.0]))
    assert outcome.records == [(1, 5.0), (2, 4.0), (3, 3.0)]


@pytest.mark.parametrize(
    ("values", "best"),
    [
        ([3.0, 1.0, 2.0], "point 2"),
        ([1.0, 2.0], "point 1"),
        ([3.0, 2.0, 1.0], "point 3"),
        ([3.0, np.nan, 2.0], "point 3"),
        ([3.0, 2.0, np.nan], "point 2"),
        ([np.nan, np.inf], "start"),
    ],
)
def test_the_best_point_is_kept(values, best):
    outcome, _ = minimize(Scripted(values))
    assert outcome.point == best


def test_a_point_from_before_the_sweeps_is_kept_where_they_are_worse():
    problem = Scripted([5.0, 5.0, 5.0])
    problem.begin = lambda: problem._locals([1.0])
    outcome, seen = minimize(problem)
    assert outcome.point == "point 0"
    assert len(seen) == 3
    assert not outcome.converged


def spread(size, condition, seed=1):
    """A symmetric matrix with eigenvalues from one to its condition number."""
    q, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((size, size)))
    return q * np.geomspace(1.0, condition, size) @ q.T


@pytest.mark.parametrize("local_iter", [1, 4])
@pytest.mark.parametrize("condition", [1.0, 1e3, 1e6])
def test_one_step_is_enough_with_the_exact_inverse(condition, local_iter):
    matrix = spread(7, condition)
    local = Quadratic(matrix, np.linalg.inv(matrix), is_exact=True, least=1.0)
    value = ALS(local_iter=local_iter).solve(local)
    assert local.searches == 1
    (state,) = local.finished
    np.testing.assert_allclose(state.value, local.optimum, rtol=1e-8, atol=1e-8)
    assert value == state.objective == pytest.approx(1.0)


def test_as_many_steps_as_asked_without_it():
    local = Quadratic(spread(7, 100.0))
    ALS(local_iter=3).solve(local)
    assert local.searches == 3
    assert len(local.finished) == 1


@pytest.mark.parametrize("local_iter", [1, 2, 3, 5])
@pytest.mark.parametrize("preconditioned", [False, True])
def test_steps_are_those_of_conjugate_gradients(local_iter, preconditioned):
    matrix = spread(8, 100.0)
    inverse = np.linalg.inv(spread(8, 30.0, seed=5)) if preconditioned else np.eye(8)
    local = Quadratic(matrix, inverse)
    expected, _ = cg(
        matrix,
        matrix @ local.optimum,
        x0=local.value,
        rtol=0.0,
        maxiter=local_iter,
        M=LinearOperator((8, 8), matvec=lambda g: inverse @ g),
    )
    ALS(local_iter=local_iter).solve(local)
    np.testing.assert_allclose(local.finished[0].value, expected, rtol=1e-8, atol=1e-8)


def test_conjugate_gradients_with_the_identity_reach_the_optimum():
    local = Quadratic(spread(5, 50.0))
    value = ALS(local_iter=5).solve(local)
    np.testing.assert_allclose(local.finished[0].value, local.optimum, atol=1e-8)
    assert value < 1e-14


@pytest.mark.parametrize("is_exact", [False, True])
def test_nothing_is_searched_at_the_optimum(is_exact):
    local = Quadratic(np.eye(3), is_exact=is_exact, least=2.0)
    local.value = local.optimum
    assert ALS().solve(local) == 2.0
    assert local.searches == 0
    assert local.finished[0].value is local.optimum


@pytest.mark.parametrize(("share", "searches"), [(1e-9, 0), (1e-7, 1)])
def test_a_decrease_below_rounding_is_not_worth_a_search(share, searches):
    local = Quadratic(np.eye(1), least=100.0)
    local.value = local.optimum + np.sqrt(100.0 * share)
    ALS(local_iter=1).solve(local)
    assert local.searches == searches


@pytest.mark.parametrize(("share", "searches"), [(0.01, 0), (0.5, 1)])
def test_a_step_below_the_tolerance_is_not_taken(share, searches):
    """The decrease that is expected is twice that of a quadratic."""
    local = Quadratic(np.eye(1), least=1.0)
    local.value = local.optimum + np.sqrt(share)
    ALS(local_tol=0.1).solve(local)
    assert local.searches == searches


def test_a_search_that_finds_nothing_ends_the_solve():
    class Stuck(Quadratic):
        def search(self, state, direction):
            self.searches += 1
            return state

    local = Stuck(spread(4, 10.0))
    before = local.start().objective
    assert ALS(local_iter=6).solve(local) == before
    assert local.searches == 1
    np.testing.assert_array_equal(local.finished[0].value, local.value)


def test_a_gradient_that_is_not_finite_leaves_the_block():
    class Broken(Quadratic):
        def gradient(self, state):
            return np.full_like(state.value, np.nan)

    local = Broken(np.eye(2))
    ALS().solve(local)
    assert local.searches == 0
    np.testing.assert_array_equal(local.finished[0].value, local.value)


@pytest.mark.parametrize(
    ("first", "second", "direction"),
    [
        ((1.0, 0.0), (0.0, 1.0), (-1.0, -1.0)),
        ((1.0, 0.0), (0.5, 1.0), (-1.25, -1.0)),
        # A negative share of the last direction is none,
        ((2.0, 0.0), (1.0, 0.0), (-1.0, 0.0)),
        # and one that would climb neither.
        ((1.0, 0.0), (-2.0, 0.0), (2.0, 0.0)),
    ],
)
def test_directions_are_those_of_polak_and_ribiere(first, second, direction):
    class Given(Quadratic):
        directions = ()

        def gradient(self, state):
            return np.array(second if self.directions else first)

        def search(self, state, direction):
            self.directions = (*self.directions, direction)
            return Place(state.value, state.objective - 0.1)

    local = Given(np.eye(2))
    ALS(local_iter=2).solve(local)
    np.testing.assert_allclose(local.directions, [-np.array(first), direction])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"sweep": "both"}, r"sweep='both' is unknown; .*'one_site', 'two_site'"),
        ({"sweep": 2}, "sweep=2 is unknown"),
        ({"rank_tol": -0.1}, r"rank_tol=-0\.1 must be a number in \[0, 1\)"),
        ({"rank_tol": 1.0}, r"rank_tol=1\.0 must be a number in \[0, 1\)"),
        ({"rank_tol": np.nan}, "rank_tol=nan must be a number"),
        ({"rank_tol": "auto"}, "rank_tol='auto' must be a number"),
        ({"truncation": None}, "truncation=None is unknown; .*'function', 'frobenius'"),
        ({"class_leg": "root"}, "class_leg='root' is unknown; .*'moving', 'fixed'"),
        ({"local_iter": 0}, "local_iter=0 must be an integer >= 1"),
        ({"local_iter": 1.5}, r"local_iter=1\.5 must be an integer"),
        ({"local_iter": True}, "local_iter=True must be an integer"),
        ({"local_tol": -1e-9}, r"local_tol=-1e-09 must be a number in \[0, 1\)"),
        ({"local_tol": 1.0}, r"local_tol=1\.0 must be a number in \[0, 1\)"),
        ({"memory": 0}, r"memory=0 must be a number in \(0, inf\)"),
        ({"memory": np.inf}, "memory=inf must be a number"),
    ],
)
def test_a_bad_parameter_is_refused_by_name_and_value(parameters, message):
    with pytest.raises(ValueError, match=message):
        ALS(**parameters).check()


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"sweep": "two_site", "rank_tol": 0.999},
        {"truncation": "frobenius", "class_leg": "fixed"},
        {"local_iter": np.int64(1), "memory": 1e-12, "rank_tol": 0},
    ],
)
def test_good_parameters_pass(parameters):
    ALS(**parameters).check()


def test_a_bad_parameter_does_not_get_past_the_constructor_alone():
    """As scikit-learn wants it, the constructor only stores."""
    assert ALS(local_iter=0).get_params()["local_iter"] == 0
