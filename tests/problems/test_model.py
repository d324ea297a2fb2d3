"""The score function of a flat parameter vector, against the dense tensor."""

import itertools

import numpy as np
import pytest

from sktensornet._problems._model import Model
from sktensornet.networks._starts._identity import identity_start

TREES = ["TT", "HT", "CP"]
MAPS = ["affine", "relu", "polynomial", "trigonometric", "one_hot"]
each_tree = pytest.mark.parametrize("tree", TREES)
each_map = pytest.mark.parametrize("feature_map", MAPS)
each_batched = pytest.mark.parametrize("batched", [False, True], ids=["joint", "separate"])
each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def dense_scores(model, theta, X):
    """Scores by contracting the dense tensor of the network with the features."""
    features = model.fitted_map(theta).transform(model.sites.extract(X))
    dense = model.network(theta).to_dense()
    result = np.einsum("na,a...->n...", features[0], dense)
    for array in features[1:]:
        result = np.einsum("na,na...->n...", array, result)
    return result


@each_batched
@each_map
@each_tree
def test_scores_are_those_of_the_dense_tensor(make_model, tree, feature_map, batched):
    model, theta, X = make_model(tree, feature_map, batched=batched)
    scores = model.scores(theta, X, 1)
    assert scores.shape == (len(X), 3)
    np.testing.assert_allclose(scores, dense_scores(model, theta, X), rtol=1e-10, atol=1e-10)


@each_batched
@each_tree
def test_a_single_output_has_one_column(make_model, tree, batched):
    model, theta, X = make_model(tree, n_outputs=1, batched=batched)
    scores = model.scores(theta, X, 1)
    assert scores.shape == (len(X), 1)
    np.testing.assert_allclose(scores, dense_scores(model, theta, X), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("dropout", [None, 0.4], ids=["", "dropout"])
@each_batched
@each_map
@each_tree
def test_backward_is_the_derivative(
    make_model, assert_derivative, tree, feature_map, batched, dropout
):
    model, theta, X = make_model(tree, feature_map, batched=batched)
    weight = np.random.default_rng(0).standard_normal((len(X), 3))

    def forward(theta):
        noise = None if dropout is None else (dropout, np.random.default_rng(3))
        return model.forward(*model.prepared(theta), X, noise)

    scores, tape = forward(theta)
    total = np.full(model.gradient_size, np.nan)
    cores, parameters = model.prepared(theta)
    model.backward(parameters, tape, weight * np.cos(scores), total)
    gradient = model.gradient(cores, total)
    assert gradient.shape == (model.size,)
    assert_derivative(
        lambda theta: np.sum(weight * np.sin(forward(theta)[0])), theta, gradient, rtol=1e-5
    )


@each_batched
@each_tree
def test_packing_and_unpacking_are_inverse(make_model, tree, batched):
    model, theta, _ = make_model(tree, batched=batched)
    assert theta.shape == (model.size,)
    cores, parameters = model.unpack(theta)
    assert [core.shape for core in cores] == list(model.core_shapes)
    np.testing.assert_array_equal(model.pack(cores, parameters), theta)


@pytest.mark.parametrize("n_outputs", [1, 3])
@each_batched
@each_tree
def test_network_and_map_hold_all_parameters(make_model, tree, batched, n_outputs):
    model, theta, X = make_model(tree, batched=batched, n_outputs=n_outputs)
    network, fitted = model.network(theta), model.fitted_map(theta)
    assert network.n_outputs == n_outputs
    assert network.n_parameters + fitted.n_parameters == model.size
    np.testing.assert_array_equal(model.theta_of(network, fitted), theta)
    again = Model.from_fitted(model.sites, fitted, network)
    assert again.same_kind(model)
    np.testing.assert_array_equal(again.scores(theta, X, 1), model.scores(theta, X, 1))


def test_handed_out_parameters_do_not_follow_the_vector(make_model):
    model, theta, _ = make_model()
    network, fitted = model.network(theta), model.fitted_map(theta)
    before = theta.copy()
    theta[...] = 7
    np.testing.assert_array_equal(model.theta_of(network, fitted), before)


SHAPES = [
    {},
    {"tree": "CP"},
    {"batched": True},
    {"n_outputs": 2},
    {"n_outputs": 1},
    {"n_outputs": 1, "batched": True},
    {"feature_map": "relu"},
    {"feature_map": "one_hot"},
]


def test_only_equal_specifications_have_the_same_kind(make_model):
    models, others = ([make_model(**shape)[0] for shape in SHAPES] for _ in range(2))
    for (j, one), (k, other) in itertools.product(enumerate(models), enumerate(others)):
        assert one.same_kind(other) == (j == k), (SHAPES[j], SHAPES[k])


@each_dtype
@each_map
@each_tree
def test_all_work_is_in_the_dtype_of_the_model(make_model, tree, feature_map, dtype):
    model, theta, X = make_model(tree, feature_map, dtype=dtype)
    assert theta.dtype == np.float64
    assert model.scores(theta, X, 1).dtype == dtype
    assert model.network(theta).dtype == dtype
    assert all(array.dtype == dtype for array in model.fitted_map(theta).parameters)
    cores, parameters = model.prepared(theta.astype(dtype))
    noise = (0.5, np.random.default_rng(0))
    scores, (_, masks, tape) = model.forward(cores, parameters, X, noise)
    assert scores.dtype == np.float64
    messages = [message for *_, own in tape for message in own.messages]
    assert {array.dtype for array in (*masks, *messages)} == {np.dtype(dtype)}
    gradient = np.empty(model.gradient_size, dtype)
    model.backward(parameters, (_, masks, tape), np.ones_like(scores), gradient)
    assert model.gradient(cores, gradient).dtype == dtype
    assert np.all(np.isfinite(gradient))


@each_tree
def test_float32_scores_are_close_to_float64(make_model, tree):
    single, theta, X = make_model(tree, dtype=np.float32)
    double, _, _ = make_model(tree)
    expected = double.scores(theta, X.astype(np.float64), 1)
    np.testing.assert_allclose(single.scores(theta, X, 1), expected, rtol=1e-3, atol=1e-3)


@each_tree
def test_scores_do_not_depend_on_threads_or_on_other_rows(make_model, tree):
    model, theta, X = make_model(tree, n=600)
    scores = model.scores(theta, X, 1)
    np.testing.assert_array_equal(model.scores(theta, X, 3), scores)
    assert model.chunk_size < len(X)
    parts = [model.scores(theta, X[i : i + 1], 1) for i in (0, 299, 599)]
    np.testing.assert_allclose(np.concatenate(parts), scores[[0, 299, 599]], rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("feature_map", ["affine", "polynomial", "one_hot"])
@each_tree
def test_dropout_never_drops_the_constant(make_model, tree, feature_map):
    model, _, X = make_model(tree, feature_map)
    bias = np.array([[1.0, -2.0, 3.0]])
    cores = identity_start(model.contraction, model.feature_map.constants, bias, None)
    noise = (0.9, np.random.default_rng(0))
    theta = model.pack(cores, model.feature_map.parameters)
    scores, _ = model.forward(*model.prepared(theta), X, noise)
    np.testing.assert_array_equal(scores, np.broadcast_to(bias, scores.shape))


@each_map
def test_dropout_keeps_the_mean_of_every_feature(make_model, feature_map):
    model, theta, X = make_model("TT", feature_map)
    repeated = np.repeat(X[:1], 4000, axis=0)
    features = model.fitted_map(theta).transform(model.sites.extract(repeated))
    masks = model._masks(features, 0.3, np.random.default_rng(0))
    dropped = model._drop(features, masks)
    for k, (before, after) in enumerate(zip(features, dropped, strict=True)):
        noise = np.linalg.norm(before[0]) * np.sqrt(0.3 / 0.7 / len(before))
        assert np.all(np.abs(after.mean(axis=0) - before[0]) <= 5 * noise)
        first = 1 if model.feature_map.has_constant else 0
        assert np.mean(masks[k][:, first:] == 0) == pytest.approx(0.3, abs=0.03)
        constant = model.feature_map.constants[k]
        np.testing.assert_allclose(after @ constant, before @ constant, rtol=1e-12)


@pytest.mark.parametrize("rate", [1e-9, 0.25, 1 - 1e-9])
def test_a_rate_is_taken_to_sixteen_bits_and_is_never_none_or_all(make_model, rate):
    model, _, _ = make_model("TT", "affine")
    mask = model._mask((3, 400_000, 2), rate, np.random.default_rng(0))
    taken = np.clip(rate, 2**-16, 1 - 2**-16)
    spread = 5 * np.sqrt(taken * (1 - taken) / mask[..., 1].size)
    assert abs(np.mean(mask[..., 1] == 0) - taken) <= spread
    assert 0 < np.count_nonzero(mask[..., 1]) < mask[..., 1].size
    np.testing.assert_allclose(mask[mask[..., 1] != 0, 1], 1 / (1 - taken))


@each_map
def test_dropout_is_a_symmetric_map(make_model, feature_map):
    model, theta, X = make_model("TT", feature_map)
    features = model.fitted_map(theta).transform(model.sites.extract(X))
    masks = model._masks(features, 0.3, np.random.default_rng(0))
    others = [np.random.default_rng(1).standard_normal(part.shape) for part in features]
    for dropped, other, part, back in zip(
        model._drop(features, masks), others, features, model._drop(others, masks), strict=True
    ):
        assert np.sum(dropped * other) == pytest.approx(np.sum(part * back))


def test_dropout_depends_on_the_generator_alone(make_model):
    model, theta, X = make_model()
    one, same, other = (
        model.forward(*model.prepared(theta), X, (0.5, np.random.default_rng(seed)))[0]
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, same)
    assert np.any(one != other)
