"""Forward and adjoint passes against the dense tensor, and the rescaling of messages."""

import pickle
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sktensornet._arrays._workspace import Workspace
from sktensornet.networks import balanced, canonical_polyadic, hierarchical_tucker, tensor_train
from sktensornet.networks._passes._contraction import Contraction
from sktensornet.networks._starts._identity import identity_start

LIMIT = {np.float32: 2.0**100, np.float64: 2.0**300}


def ternary(first, last):
    """Nested tuples that cut the sites in three again and again."""
    third = (last - first) // 3
    if third == 0:
        return first
    return tuple(ternary(first + j * third, first + (j + 1) * third) for j in range(3))


LONG = {
    "TT, d=2000": tensor_train(2000),
    "HT, d=500": hierarchical_tucker(balanced(500)),
    "CP, d=500": canonical_polyadic(500),
}
"""Beyond the range of float32, and once beyond that of float64."""
MEDIUM = {
    "TT, leg first": tensor_train(200, 0),
    "TT, d=15": tensor_train(15),
    "TT, d=200": tensor_train(200),
    "HT, d=28": hierarchical_tucker(balanced(28)),
    "HT, d=200": hierarchical_tucker(balanced(200)),
    "HT, ternary": hierarchical_tucker(ternary(0, 81)),
    "CP, d=200": canonical_polyadic(200),
}
ALL = LONG | MEDIUM


def loss_of(contraction, weight):
    """A smooth function of the scores, its derivative, as functions of cores and features."""

    def value(cores, features):
        scores, _ = contraction.forward(cores, features)
        return np.sum(weight * np.sin(scores))

    def gradient(cores, features):
        scores, tape = contraction.forward(cores, features)
        return contraction.backward(tape, weight * np.cos(scores), True)

    return value, gradient


def replaced(arrays, place, array):
    return [*arrays[:place], array, *arrays[place + 1 :]]


def assert_adjoint(contraction, cores, features, assert_derivative):
    rng = np.random.default_rng(3)
    shape = (contraction.n_batch, len(features[0]), contraction.message_sizes[-1])
    value, gradient = loss_of(contraction, rng.standard_normal(shape))
    by_core, by_feature = gradient(cores, features)
    assert [g.shape for g in by_core] == list(contraction.core_shapes)
    for k, core in enumerate(cores):
        assert_derivative(
            lambda c, k=k: value(replaced(cores, k, c), features), core, by_core[k], rtol=1e-5
        )
    for k, array in enumerate(features):
        assert_derivative(
            lambda f, k=k: value(cores, replaced(features, k, f)), array, by_feature[k], rtol=1e-5
        )


def test_scores_are_those_of_the_dense_tensor(case):
    scores, _ = case.contraction.forward(case.cores, case.features)
    assert scores.shape == (case.n_batch, 4, case.n_outputs)
    flat = scores[..., 0].T if case.batched else scores[0]
    np.testing.assert_allclose(flat, case.dense_scores, rtol=1e-11, atol=1e-11)


def test_adjoint_is_the_derivative(case, assert_derivative):
    assert_adjoint(case.contraction, case.cores, case.features, assert_derivative)


def test_each_tensor_of_a_batch_is_on_its_own(topology):
    tree, _ = topology
    rng = np.random.default_rng(0)
    modes = (2, 3, 2, 4, 2, 3)[: tree.n_sites]
    sizes = tree.message_sizes(modes, 3, 2)
    batch, single = Contraction(tree, sizes, 3), Contraction(tree, sizes)
    cores = [rng.standard_normal(shape) for shape in batch.core_shapes]
    features = [rng.standard_normal((5, m)) for m in modes]
    scores, tape = batch.forward(cores, features)
    weight = rng.standard_normal(scores.shape)
    by_core, by_feature = batch.backward(tape, weight, True)
    total = [np.zeros_like(f) for f in features]
    for b in range(3):
        mine = [core[b : b + 1] for core in cores]
        own, own_tape = single.forward(mine, features)
        np.testing.assert_allclose(scores[b], own[0], rtol=1e-12, atol=1e-12)
        own_core, own_feature = single.backward(own_tape, weight[b : b + 1], True)
        for whole, part in zip(by_core, own_core, strict=True):
            np.testing.assert_allclose(whole[b], part[0], rtol=1e-11, atol=1e-12)
        total = [a + b for a, b in zip(total, own_feature, strict=True)]
    for whole, part in zip(by_feature, total, strict=True):
        np.testing.assert_allclose(whole, part, rtol=1e-11, atol=1e-11)


def test_features_may_be_one_array(case):
    features = [np.resize(f, (4, 3)) for f in case.features]
    sizes = case.tree.message_sizes((3,) * len(features), 3, case.n_outputs)
    contraction = Contraction(case.tree, sizes, case.n_batch)
    rng = np.random.default_rng(0)
    cores = [rng.standard_normal(shape) for shape in contraction.core_shapes]
    from_list, _ = contraction.forward(cores, features)
    from_array, _ = contraction.forward(cores, np.stack(features))
    np.testing.assert_array_equal(from_list, from_array)


def test_feature_gradients_can_be_left_out(case):
    scores, tape = case.contraction.forward(case.cores, case.features)
    full, _ = case.contraction.backward(tape, np.ones_like(scores), True)
    part, none = case.contraction.backward(tape, np.ones_like(scores), False)
    assert none is None
    for a, b in zip(full, part, strict=True):
        np.testing.assert_array_equal(a, b)


def test_feature_gradients_alone(case):
    scores, tape = case.contraction.forward(case.cores, case.features)
    weight = np.cos(scores)
    _, full = case.contraction.backward(tape, weight, True)
    full = [np.array(own) for own in full]
    none, alone = case.contraction.backward(tape, weight, True, wants_cores=False)
    assert none == []
    for own, expected in zip(alone, full, strict=True):
        np.testing.assert_array_equal(own, expected)


def test_passes_change_neither_cores_nor_features(case):
    before = [array.copy() for array in (*case.cores, *case.features)]
    for array in (*case.cores, *case.features):
        array.flags.writeable = False
    scores, tape = case.contraction.forward(case.cores, case.features)
    case.contraction.backward(tape, np.ones_like(scores), True)
    for array, copy in zip((*case.cores, *case.features), before, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_passes_keep_float32(case):
    cores = [core.astype(np.float32) for core in case.cores]
    features = [f.astype(np.float32) for f in case.features]
    scores, tape = case.contraction.forward(cores, features)
    by_core, by_feature = case.contraction.backward(tape, scores, True)
    assert {a.dtype for a in (scores, *by_core, *by_feature)} == {np.dtype(np.float32)}
    wide, _ = case.contraction.forward(case.cores, case.features)
    np.testing.assert_allclose(scores, wide, rtol=1e-3, atol=1e-4)


@st.composite
def trees(draw):
    """A random topology with random mode sizes and rank."""
    modes = tuple(draw(st.lists(st.integers(1, 3), min_size=1, max_size=6)))
    sites = draw(st.permutations(range(len(modes))))

    def split(part):
        if len(part) == 1:
            return part[0]
        n_cuts = draw(st.integers(1, min(2, len(part) - 1)))
        at = sorted(
            draw(
                st.lists(
                    st.integers(1, len(part) - 1), min_size=n_cuts, max_size=n_cuts, unique=True
                )
            )
        )
        bounds = [0, *at, len(part)]
        return tuple(split(part[a:b]) for a, b in pairwise(bounds))

    kind = draw(st.sampled_from(["TT", "HT", "CP"]))
    if kind == "TT":
        tree = tensor_train(len(modes), draw(st.integers(0, len(modes) - 1)))
    else:
        tree = hierarchical_tucker(split(sites)) if kind == "HT" else canonical_polyadic(len(modes))
    return tree, modes, draw(st.integers(1, 4)), draw(st.integers(1, 3)), draw(st.integers(1, 2))


@given(trees(), st.integers(0, 2**16))
@settings(max_examples=25, deadline=None, derandomize=True, database=None)
def test_adjoint_is_the_derivative_for_random_shapes(assert_derivative, problem, seed):
    tree, modes, rank, n_outputs, n_batch = problem
    rng = np.random.default_rng(seed)
    contraction = Contraction(tree, tree.message_sizes(modes, rank, n_outputs), n_batch)
    cores = [0.7 * rng.standard_normal(shape) for shape in contraction.core_shapes]
    features = [rng.standard_normal((2, m)) for m in modes]
    assert_adjoint(contraction, cores, features, assert_derivative)


def steady_problem(tree, dtype, random_state=0):
    """A network whose messages stay near one, and which core each site meets."""
    d = tree.n_sites
    contraction = Contraction(tree, tree.message_sizes((2,) * d, 3, 2))
    noise = None if random_state is None else np.random.RandomState(random_state)
    cores = identity_start(contraction, [np.eye(2)[0]] * d, np.array([[1.0, -1.0]]), noise)
    rng = np.random.default_rng(5)
    features = np.ones((d, 3, 2), dtype)
    features[..., 1] = rng.standard_normal((d, 3))
    site_core = [
        next(tree.core_of[i] for i in tree.order if site in tree.nodes[i].children)
        for site in range(d)
    ]
    return contraction, [core.astype(dtype) for core in cores], features, site_core


def run(contraction, cores, features):
    scores, tape = contraction.forward(cores, features)
    by_core, by_feature = contraction.backward(tape, np.ones_like(scores), True)
    return scores, by_core, by_feature


@pytest.mark.parametrize(
    ("name", "dtype", "first"),
    [(name, np.float32, 10) for name in ALL] + [(name, np.float64, -10) for name in MEDIUM],
)
def test_scale_of_the_messages_on_the_way_does_not_matter(name, dtype, first):
    tree = ALL[name]
    d = tree.n_sites
    contraction, cores, features, site_core = steady_problem(tree, dtype)
    scores, by_core, by_feature = run(contraction, cores, features)
    assert np.abs(scores).max() < 100
    exponents = [first] * (d // 2) + [-first] * (d // 2) + [0] * (d % 2)
    scaled = list(cores)
    for core, exponent in zip(site_core, exponents, strict=True):
        scaled[core] = scaled[core] * 2.0**exponent
    other, other_core, other_feature = run(contraction, scaled, features)
    for core, exponent in zip(site_core, exponents, strict=True):
        other_core[core] = other_core[core] * 2.0**exponent
    close = {"rtol": 2e-3, "atol": 2e-3} if dtype is np.float32 else {"rtol": 1e-9, "atol": 1e-9}
    np.testing.assert_allclose(other, scores, **close)
    np.testing.assert_allclose(other_feature, by_feature, **close)
    for a, b in zip(other_core, by_core, strict=True):
        np.testing.assert_allclose(a, b, **close)


@pytest.mark.parametrize(
    ("name", "dtype"),
    [(name, np.float32) for name in ALL]
    + [(name, np.float64) for name in MEDIUM if MEDIUM[name].n_sites > 40],
)
def test_scores_beyond_the_limit_saturate(name, dtype):
    contraction, cores, features, site_core = steady_problem(ALL[name], dtype, None)
    for core in site_core:
        cores[core] = cores[core] * 1e3
    scores, by_core, by_feature = run(contraction, cores, features)
    assert scores.dtype == dtype
    size = scores * np.array([1, -1])
    assert np.all((size >= LIMIT[dtype] / 2) & (size <= LIMIT[dtype]))
    assert all(np.all(np.isfinite(g)) for g in (*by_core, *by_feature))


@pytest.mark.parametrize(
    ("name", "dtype"),
    [("TT, d=2000", np.float32), ("CP, d=500", np.float32)]
    + [(name, np.float64) for name in MEDIUM if MEDIUM[name].n_sites > 40],
)
def test_scores_that_vanish_become_tiny(name, dtype):
    contraction, cores, features, site_core = steady_problem(ALL[name], dtype)
    for core in site_core:
        cores[core] = cores[core] * 1e-3
    scores, by_core, by_feature = run(contraction, cores, features)
    assert np.all(np.abs(scores) <= 1 / LIMIT[dtype])
    assert all(np.all(np.abs(g) < 1e-20) for g in (*by_core, *by_feature))


@pytest.mark.parametrize("name", MEDIUM)
def test_gradient_along_a_core_or_a_feature_is_the_score(name):
    contraction, cores, features, site_core = steady_problem(MEDIUM[name], np.float64)
    for site, core in enumerate(site_core):
        cores[core] = cores[core] * 1e3 ** (1 if site % 40 < 20 else -1)
    scores, by_core, by_feature = run(contraction, cores, features)
    assert np.all(np.isfinite(scores))
    along_cores = [np.sum(a * b) for a, b in zip(cores, by_core, strict=True)]
    np.testing.assert_allclose(along_cores, np.full(len(cores), scores.sum()), rtol=1e-8)
    along_features = np.sum(features * by_feature, axis=2)
    np.testing.assert_allclose(
        along_features, np.broadcast_to(scores[0].sum(axis=1), along_features.shape), rtol=1e-8
    )


def test_samples_of_very_different_size_do_not_disturb_each_other():
    contraction, cores, features, _ = steady_problem(tensor_train(200), np.float64)
    scale = np.array([1.0, 1e3, 1e-3])[:, None]
    mixed = [f * (scale if site < 100 else 1 / scale) for site, f in enumerate(features)]
    scores, by_core, _ = run(contraction, cores, features)
    other, other_core, _ = run(contraction, cores, mixed)
    np.testing.assert_allclose(other, scores, rtol=1e-9)
    for a, b in zip(by_core, other_core, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("name", MEDIUM)
def test_a_site_of_zeros_gives_a_score_of_zero_and_the_gradient_of_any_other_site(name):
    contraction, cores, features, _ = steady_problem(MEDIUM[name], np.float64)
    _, _, by_feature = run(contraction, cores, features)
    features[3, 0] = 0
    scores, by_core, other = run(contraction, cores, features)
    np.testing.assert_array_equal(scores[:, 0], 0)
    np.testing.assert_allclose(other[3], by_feature[3], rtol=1e-9, atol=1e-12)
    assert all(np.all(np.isfinite(g)) for g in (*by_core, *other))


def test_replayed_passes_are_those_of_new_memory(replays):
    for found, wanted in replays:
        for a, b in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_pass_that_is_kept_rescales_when_it_has_to():
    tree = tensor_train(20, 19)
    contraction = Contraction(tree, tree.message_sizes((2,) * 20, 3, 2))
    cores = [np.random.default_rng(0).standard_normal(s) for s in contraction.core_shapes]
    prepared, work = contraction.prepare(cores), Workspace()
    kept = None
    for scale in (1.0, 1e10, 1.0, 1e-10, 1.0):
        work.clear()
        features = scale * np.random.default_rng(1).standard_normal((20, 5, 2))
        scores, tape = contraction.forward(prepared, features, work)
        expected, fresh = contraction.forward(cores, features)
        assert bool(tape.shifts) == bool(fresh.shifts) == (scale != 1.0)
        np.testing.assert_array_equal(scores, expected)
        found = contraction.backward(tape, np.ones_like(scores), True)
        wanted = contraction.backward(fresh, np.ones_like(scores), True)
        np.testing.assert_array_equal(found[1], wanted[1])
        assert kept in (None, tape)
        kept = tape


def test_few_passes_are_kept_and_their_memory_is_used_again(monkeypatch):
    tree = tensor_train(3)
    contraction = Contraction(tree, tree.message_sizes((2,) * 3, 3, 2))
    cores = [np.ones(shape) for shape in contraction.core_shapes]
    prepared, work = contraction.prepare(cores), Workspace()
    made = []
    monkeypatch.setattr(
        "sktensornet._arrays._workspace.aligned",
        lambda size: made.append(np.empty(size, np.uint8)) or made[-1],
    )
    for n in range(40, 0, -1):
        work.clear()
        features = np.random.default_rng(n).standard_normal((3, n, 2))
        scores, _ = contraction.forward(prepared, features, work)
        np.testing.assert_array_equal(scores, contraction.forward(cores, features)[0])
    own = len(made) - 40  # the others are those of passes in new memory
    assert 0 < own < 10


def test_cores_that_come_later_are_not_those_prepared():
    tree = tensor_train(3)
    contraction = Contraction(tree, tree.message_sizes((2,) * 3, 3, 2))
    cores = [np.ones(shape) for shape in contraction.core_shapes]
    prepared = contraction.prepare(cores)
    before, _ = contraction.forward(prepared, np.ones((3, 4, 2)))
    for core in cores:
        core[...] = 0
    after, _ = contraction.forward(prepared, np.ones((3, 4, 2)))
    np.testing.assert_array_equal(before, after)


def test_plans_are_not_sent_to_other_processes():
    contraction = Contraction(tree := tensor_train(30), tree.message_sizes((2,) * 30, 3, 2))
    before = pickle.dumps(contraction)
    cores = [np.full(shape, 0.5) for shape in contraction.core_shapes]
    scores, _ = contraction.forward(cores, np.ones((30, 4, 2)))
    assert pickle.dumps(contraction) == before
    again, _ = pickle.loads(before).forward(cores, np.ones((30, 4, 2)))
    np.testing.assert_array_equal(again, scores)
