"""Starting points: a constant without noise, of order one with it."""

import numpy as np
import pytest

from sktensornet.networks import balanced, canonical_polyadic, hierarchical_tucker, tensor_train
from sktensornet.networks._passes._contraction import Contraction
from sktensornet.networks._starts._identity import identity_start

LONG = {
    "TT": tensor_train(1000),
    "TT, leg first": tensor_train(1000, 0),
    "HT": hierarchical_tucker(balanced(1000)),
    "CP": canonical_polyadic(1000),
}


def start(contraction, random_state, bias, mode_sizes):
    constants = [np.eye(m)[0] for m in mode_sizes]
    noise = None if random_state is None else np.random.RandomState(random_state)
    return identity_start(contraction, constants, bias, noise)


def bias_of(case):
    return np.random.default_rng(1).standard_normal((case.n_batch, case.n_outputs))


def test_without_noise_the_network_is_the_bias_wherever_the_covector_reads_one(case):
    rng = np.random.default_rng(0)
    constants = [rng.standard_normal(m) for m in case.mode_sizes]
    features = [f / (f @ u)[:, None] for f, u in zip(case.features, constants, strict=True)]
    bias = bias_of(case)
    cores = identity_start(case.contraction, constants, bias, None)
    scores, _ = case.contraction.forward(cores, features)
    np.testing.assert_allclose(
        scores, np.broadcast_to(bias[:, None], scores.shape), rtol=1e-9, atol=1e-9
    )


def test_without_noise_the_constant_feature_gives_the_bias_exactly(case):
    for features in case.features:
        features[:, 0] = 1
    bias = bias_of(case)
    cores = start(case.contraction, None, bias, case.mode_sizes)
    scores, _ = case.contraction.forward(cores, case.features)
    np.testing.assert_array_equal(scores, np.broadcast_to(bias[:, None], scores.shape))


def test_cores_have_the_shapes_of_the_contraction_in_float64(case):
    for random_state in (None, 0):
        cores = start(case.contraction, random_state, bias_of(case), case.mode_sizes)
        assert [core.shape for core in cores] == list(case.contraction.core_shapes)
        assert {core.dtype for core in cores} == {np.dtype(np.float64)}


def test_the_random_state_decides_the_noise(case):
    one, same, other = (
        start(case.contraction, seed, bias_of(case), case.mode_sizes) for seed in (0, 0, 1)
    )
    for a, b in zip(one, same, strict=True):
        np.testing.assert_array_equal(a, b)
    assert any(np.any(a != b) for a, b in zip(one, other, strict=True))


def test_every_tensor_of_a_batch_has_its_own_noise(topology):
    tree, _ = topology
    modes = (2, 3, 4, 2, 3, 2)[: tree.n_sites]
    contraction = Contraction(tree, tree.message_sizes(modes, 3, 2), 2)
    cores = start(contraction, 0, np.zeros((2, 2)), modes)
    assert any(np.any(core[0] != core[1]) for core in cores)


@pytest.mark.parametrize(
    "tree",
    [
        tensor_train(9),
        tensor_train(9, 0),
        hierarchical_tucker(balanced(9)),
        hierarchical_tucker(((0, 3, 1), (2, 4))),
        canonical_polyadic(9),
    ],
    ids=["TT", "TT, leg first", "HT", "HT, ternary", "CP"],
)
def test_channel_zero_of_every_message_stays_one(tree):
    d = tree.n_sites
    contraction = Contraction(tree, tree.message_sizes((3,) * d, 4, 2), 2)
    cores = start(contraction, 0, np.zeros((2, 2)), (3,) * d)
    features = np.random.default_rng(0).standard_normal((d, 5, 3))
    features[..., 0] = 1
    _, tape = contraction.forward(cores, features)
    for message in tape.messages[:-1]:
        np.testing.assert_allclose(message[:, 0], 1, rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "mode_size"), [("TT", 2), ("TT, leg first", 16), ("HT", 16), ("CP", 2)]
)
def test_a_noisy_start_of_a_thousand_sites_is_of_order_one(name, mode_size):
    tree = LONG[name]
    contraction = Contraction(tree, tree.message_sizes((mode_size,) * 1000, 8, 3))
    cores = start(contraction, 0, np.zeros((1, 3)), (mode_size,) * 1000)
    features = np.random.default_rng(0).standard_normal((1000, 10, mode_size))
    features[..., 0] = 1
    scores, tape = contraction.forward(cores, features)
    assert np.all(np.abs(scores) < 30)
    assert np.std(scores) > 1e-5
    assert all(np.all(np.abs(message) < 100) for message in tape.messages)


@pytest.mark.parametrize("name", LONG)
def test_a_noisy_start_has_a_gradient_at_every_site(name):
    tree = LONG[name]
    contraction = Contraction(tree, tree.message_sizes((2,) * 1000, 4, 2))
    cores = start(contraction, 0, np.zeros((1, 2)), (2,) * 1000)
    features = np.random.default_rng(0).standard_normal((1000, 5, 2))
    features[..., 0] = 1
    scores, tape = contraction.forward(cores, features)
    _, by_feature = contraction.backward(tape, np.ones_like(scores), True)
    sizes = np.linalg.norm(by_feature, axis=(1, 2))
    assert sizes.min() > 1e-6
    assert sizes.max() < 1e3
