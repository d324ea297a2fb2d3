"""The objective by hand and its derivative by finite differences."""

import numpy as np
import pytest

from sktensornet._arrays._parallel import ChunkPool
from sktensornet._problems._objective import Objective
from sktensornet.losses import LogLoss, SquaredError, SquaredHinge

TREES = ["TT", "HT", "CP"]
LOSSES = {"log_loss": LogLoss(), "squared_error": SquaredError(), "squared_hinge": SquaredHinge()}
each_tree = pytest.mark.parametrize("tree", TREES)
each_penalty = pytest.mark.parametrize("penalty", ["frobenius", "start"])


def problem(make_model, tree="TT", feature_map="affine", **options):
    """An objective with unequal weights, and a parameter vector."""
    settings = {"alpha": 0.3, "penalty": "frobenius", "loss": LogLoss(), "n_threads": 1}
    for name in settings:
        settings[name] = options.pop(name, settings[name])
    weight = options.pop("weight", None)
    model, theta, X = make_model(tree, feature_map, **options)
    rng = np.random.default_rng(2)
    y = rng.integers(0, max(2, options.get("n_outputs", 3)), len(X))
    weight = rng.random(len(X)) if weight is None else weight
    objective = Objective(
        model,
        settings["loss"],
        X,
        y,
        weight,
        alpha=settings["alpha"],
        penalty=settings["penalty"],
        origin=np.random.default_rng(3).standard_normal(model.size),
        pool=ChunkPool(settings["n_threads"]),
    )
    return objective, theta, weight


@each_penalty
@each_tree
def test_value_is_weighted_mean_loss_plus_penalty(make_model, tree, penalty):
    objective, theta, weight = problem(make_model, tree, penalty=penalty)
    scores = objective.model.scores(theta, objective.X, 1)
    losses, _ = LogLoss().value_and_gradient(scores, objective.y)
    if penalty == "start":
        size = np.sum((theta - objective.origin) ** 2)
    else:
        size = np.sum(objective.model.network(theta).to_dense() ** 2)
    expected = np.average(losses, weights=weight) + 0.5 * 0.3 * size
    np.testing.assert_allclose(objective.value_and_gradient(theta)[0], expected, rtol=1e-11)


@each_penalty
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("batched", [False, True], ids=["joint", "separate"])
@each_tree
def test_gradient_is_the_derivative(
    make_model, assert_derivative, tree, batched, n_outputs, loss, penalty
):
    objective, theta, _ = problem(
        make_model, tree, batched=batched, n_outputs=n_outputs, loss=LOSSES[loss], penalty=penalty
    )
    _, gradient = objective.value_and_gradient(theta)
    assert_derivative(lambda t: objective.value_and_gradient(t)[0], theta, gradient, rtol=1e-5)


@pytest.mark.parametrize("dropout", [0.0, 0.5])
@pytest.mark.parametrize(
    "feature_map", ["affine", "relu", "polynomial", "trigonometric", "one_hot"]
)
@each_tree
def test_gradient_of_a_batch_is_the_derivative(
    make_model, assert_derivative, tree, feature_map, dropout
):
    objective, theta, _ = problem(make_model, tree, feature_map)
    rows = np.array([7, 1, 4, 4])
    _, gradient = objective.value_and_gradient(theta, rows, dropout, 5)
    assert_derivative(
        lambda t: objective.value_and_gradient(t, rows, dropout, 5)[0], theta, gradient, rtol=1e-5
    )


def test_gradient_over_several_chunks_with_dropout_is_the_derivative(make_model, assert_derivative):
    objective, theta, _ = problem(make_model, n=600)
    assert objective.model.chunk_size < 600
    _, gradient = objective.value_and_gradient(theta, None, 0.3, 1)
    assert_derivative(
        lambda t: objective.value_and_gradient(t, None, 0.3, 1)[0], theta, gradient, rtol=1e-5
    )


def test_frobenius_penalty_leaves_the_feature_map_alone(make_model):
    free, theta, _ = problem(make_model, alpha=0.0)
    bound, _, _ = problem(make_model, alpha=2.0)
    n_cores = sum(np.prod(shape) for shape in free.model.core_shapes)
    a, b = free.value_and_gradient(theta)[1], bound.value_and_gradient(theta)[1]
    np.testing.assert_array_equal(a[n_cores:], b[n_cores:])
    assert np.any(a[:n_cores] != b[:n_cores])


def test_start_penalty_holds_every_parameter(make_model):
    free, theta, _ = problem(make_model, alpha=0.0)
    bound, _, _ = problem(make_model, alpha=2.0, penalty="start")
    difference = bound.value_and_gradient(theta)[1] - free.value_and_gradient(theta)[1]
    np.testing.assert_allclose(difference, 2.0 * (theta - bound.origin), rtol=1e-9, atol=1e-12)


@each_penalty
def test_weight_is_repetition(make_model, penalty):
    counts = np.random.default_rng(1).integers(0, 4, 10)
    weighted, theta, _ = problem(make_model, weight=counts.astype(float), penalty=penalty)
    repeated, _, _ = problem(make_model, penalty=penalty)
    rows = np.repeat(np.arange(10), counts)
    repeated = Objective(
        repeated.model,
        LogLoss(),
        repeated.X[rows],
        repeated.y[rows],
        np.ones(len(rows)),
        alpha=0.3,
        penalty=penalty,
        origin=repeated.origin,
        pool=ChunkPool(1),
    )
    a, b = weighted.value_and_gradient(theta), repeated.value_and_gradient(theta)
    np.testing.assert_allclose(a[0], b[0], rtol=1e-11)
    np.testing.assert_allclose(a[1], b[1], rtol=1e-9, atol=1e-11)


def test_scale_of_the_weights_does_not_matter(make_model):
    weight = np.random.default_rng(1).random(10)
    one, theta, _ = problem(make_model, weight=weight)
    other, _, _ = problem(make_model, weight=1e3 * weight)
    rows = np.arange(4)
    for where in (None, rows):
        a, b = one.value_and_gradient(theta, where), other.value_and_gradient(theta, where)
        np.testing.assert_allclose(a[0], b[0], rtol=1e-12)
        np.testing.assert_allclose(a[1], b[1], rtol=1e-9, atol=1e-12)


def test_the_caller_keeps_weights_and_parameters(make_model):
    weight = np.random.default_rng(1).random(10)
    before = weight.copy()
    objective, theta, _ = problem(make_model, weight=weight)
    theta.flags.writeable = False
    objective.value_and_gradient(theta)
    np.testing.assert_array_equal(weight, before)


@each_penalty
def test_batches_are_unbiased(make_model, penalty):
    objective, theta, _ = problem(make_model, penalty=penalty)
    batches = np.random.default_rng(0).permutation(10).reshape(5, 2)
    parts = [objective.value_and_gradient(theta, rows) for rows in batches]
    value, gradient = objective.value_and_gradient(theta)
    np.testing.assert_allclose(np.mean([part for part, _ in parts]), value, rtol=1e-11)
    mean = np.mean([part for _, part in parts], axis=0)
    np.testing.assert_allclose(mean, gradient, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize(("size", "chunk_size"), [(None, None), (200, None), (200, 16)])
@each_tree
def test_results_do_not_depend_on_the_number_of_threads(
    make_model, tree, size, chunk_size, dropout, dtype
):
    rows = None if size is None else np.random.default_rng(0).permutation(600)[:size]
    results = []
    for n_threads in (1, 2, 5):
        objective, theta, _ = problem(make_model, tree, n=600, dtype=dtype, n_threads=n_threads)
        objective.model.chunk_size = chunk_size or objective.model.chunk_size
        with objective.pool:
            results.append(objective.value_and_gradient(theta, rows, dropout, 3))
    for value, gradient in results[1:]:
        assert value == results[0][0]
        np.testing.assert_array_equal(gradient, results[0][1])


def test_dropout_follows_its_seed(make_model):
    objective, theta, _ = problem(make_model)
    rows = np.arange(8)
    one, same, other, none = (
        objective.value_and_gradient(theta, rows, rate, seed)[0]
        for rate, seed in [(0.5, 0), (0.5, 0), (0.5, 1), (0.0, 0)]
    )
    assert one == same
    assert one != other
    assert none == objective.value_and_gradient(theta, rows)[0]
    assert one != none


@each_penalty
def test_float32_batches_stay_float32_and_full_sums_are_float64(make_model, penalty):
    objective, theta, _ = problem(make_model, dtype=np.float32, penalty=penalty)
    narrow = theta.astype(np.float32)
    assert objective.dtype == np.float32
    assert objective.value_and_gradient(narrow, np.arange(4))[1].dtype == np.float32
    assert objective.value_and_gradient(theta)[1].dtype == np.float64
    double, _, _ = problem(make_model, penalty=penalty)
    np.testing.assert_allclose(
        objective.value_and_gradient(theta)[1],
        double.value_and_gradient(theta)[1],
        rtol=1e-2,
        atol=1e-3,
    )


def test_sizes_are_those_of_the_data(make_model):
    objective, theta, _ = problem(make_model)
    assert objective.n_samples == 10
    assert objective.value_and_gradient(theta)[1].shape == (objective.model.size,)


@pytest.mark.parametrize("n_threads", [1, 2])
@each_tree
def test_results_do_not_change_with_later_calls(make_model, tree, n_threads):
    objective, theta, _ = problem(make_model, tree, n=600, n_threads=n_threads, dtype=np.float32)
    with objective.pool:
        for rows in (None, np.arange(300)):
            _, gradient = objective.value_and_gradient(theta, rows)
            scores = objective.scores(theta, objective.X)
            before = gradient.copy(), scores.copy()
            objective.value_and_gradient(1.5 * theta, rows)
            objective.scores(1.5 * theta, objective.X)
            np.testing.assert_array_equal(gradient, before[0])
            np.testing.assert_array_equal(scores, before[1])
            np.testing.assert_array_equal(objective.value_and_gradient(theta, rows)[1], gradient)


class TestAugment:
    """Rows of a batch are changed by the seed, all samples never."""

    @staticmethod
    def noisy(X, rng):
        return X + rng.normal(size=X.shape)

    def test_a_batch_is_that_of_the_changed_rows(self, make_model):
        objective, theta, _ = problem(make_model, n=100)
        whole = objective.value_and_gradient(theta)
        rows = np.arange(90)[::-1]
        objective.augment = self.noisy
        found = objective.value_and_gradient(theta, rows, seed=5)
        objective.augment = None
        for part in objective._chunks(90, False):
            draws = np.random.default_rng((5, part.start, 1))
            objective.X[rows[part]] = self.noisy(objective.X[rows[part]], draws)
        expected = objective.value_and_gradient(theta, rows)
        np.testing.assert_allclose(found[0], expected[0])
        np.testing.assert_allclose(found[1], expected[1], rtol=1e-9, atol=1e-12)
        assert whole[0] != objective.value_and_gradient(theta)[0]

    def test_seeds_differ_and_all_samples_stay(self, make_model):
        objective, theta, _ = problem(make_model)
        whole = objective.value_and_gradient(theta)[0]
        objective.augment = self.noisy
        assert objective.value_and_gradient(theta)[0] == whole
        rows = np.arange(10)
        values = [objective.value_and_gradient(theta, rows, seed=seed)[0] for seed in (0, 0, 1)]
        assert values[0] == values[1] != values[2]
        assert values[0] != whole

    def test_draws_have_nothing_to_do_with_those_of_dropout(self, make_model):
        """Else the samples with the same noise would lose the same features."""
        objective, theta, _ = problem(make_model)
        seen = []

        def draws(X, rng):
            seen.append(rng.random(5, dtype=np.float32))
            return X

        objective.augment = draws
        objective.value_and_gradient(theta, np.arange(10), dropout=0.5, seed=3)
        assert (seen[0] != np.random.default_rng((3, 0)).random(5, dtype=np.float32)).all()
