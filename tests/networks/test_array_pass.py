"""The plan of a pass on arrays of other libraries against NumPy."""

import numpy as np
import pytest

from sktensornet._arrays._namespace import Place, each, to_numpy
from sktensornet.networks import (
    balanced,
    canonical_polyadic,
    hierarchical_tucker,
    recurrent_train,
    tensor_train,
)
from sktensornet.networks._cores import network_of
from sktensornet.networks._passes import _folding
from sktensornet.networks._passes._contraction import Contraction

TREES = {
    "chain": tensor_train(9),
    "leg last": tensor_train(12, 11),
    "leg first": tensor_train(13, 0),
    "recurrent": recurrent_train(6),
    "tree": hierarchical_tucker(balanced(7)),
    "three children": hierarchical_tucker(((0, 1, 2), (3, (4, 5)))),
    "sum": canonical_polyadic(19),
}


def drawn(tree, n_batch, size, factor, merges, place=None):
    """A contraction with random cores, features, and derivatives by the scores."""
    rng = np.random.default_rng(0)
    sizes = tree.message_sizes((size,) * tree.n_sites, 4, 3 if n_batch == 1 else 1)
    contraction = Contraction(tree, sizes, n_batch, merges, place=place)
    cores = [factor * rng.standard_normal(shape) for shape in contraction.core_shapes]
    features = rng.standard_normal((tree.n_sites, 5, size))
    gradient = rng.standard_normal((n_batch, 5, sizes[-1]))
    return contraction, cores, features, gradient


def assert_both_passes_are_those_of_numpy(place, *asked, n_runs=None):
    contraction, cores, features, gradient = drawn(*asked)
    scores, tape = contraction.forward(cores, features)
    by_core, by_feature = contraction.backward(tape, gradient, True)

    there, *_ = drawn(*asked, place)
    moved = [place.put(core) for core in cores]
    for _ in range(2):  # the second run knows whether messages have to be rescaled
        found, own = there.forward(moved, place.put(features))
        by_own, by_own_feature = there.backward(own, place.put(gradient), True)
    rtol = 1e-12 if place.widest == place.xp.float64 else 1e-4
    pairs = [(scores, found), *zip(by_core, by_own), *zip(by_feature, each(by_own_feature))]
    for wanted, got in pairs:
        np.testing.assert_allclose(to_numpy(got), wanted, rtol, rtol * np.abs(wanted).max())
    if n_runs is not None:
        assert len(there.plan(True, True).up.nodes) < len(there.plan(True).up.nodes)
        assert len(there._runs) == n_runs


SETTINGS = [
    (1, 2, 1.0, True),
    (1, 3, 1.0, False),
    (3, 2, 1.0, True),
    (1, 2, 1e3, False),
    (3, 2, 1e-4, True),
]


@pytest.mark.parametrize("name", TREES)
@pytest.mark.parametrize(("n_batch", "size", "factor", "merges"), SETTINGS)
def test_scores_and_derivatives_are_those_of_numpy(
    place, monkeypatch, name, n_batch, size, factor, merges
):
    """With factors that take messages out of the safe range, too."""
    monkeypatch.setattr(_folding, "_HOST_CALLS", 0.0)
    monkeypatch.setattr(_folding, "_DEVICE_CALLS", 0.0)
    assert_both_passes_are_those_of_numpy(place, TREES[name], n_batch, size, factor, merges)


LONG = {
    "from the left": (tensor_train(26, 25), 1),
    "from both ends": (tensor_train(49), 2),
    "from the right": (tensor_train(33, 0), 1),
}


@pytest.mark.parametrize("name", LONG)
@pytest.mark.parametrize(
    ("n_batch", "size", "factor", "merges"),
    [(1, 2, 1.0, True), (3, 3, 1.0, False), (1, 2, 30.0, False), (3, 2, 0.03, True)],
)
def test_folded_runs_are_the_pass_of_numpy(place, name, n_batch, size, factor, merges):
    """Which has no runs that are folded."""
    tree, n_runs = LONG[name]
    asked = tree, n_batch, size, factor, merges
    assert_both_passes_are_those_of_numpy(place, *asked, n_runs=n_runs)


@pytest.mark.parametrize("d", [8, 9, 11])
@pytest.mark.parametrize("n_batch", [1, 2])
def test_folded_runs_are_the_dense_tensor(place, d, n_batch):
    tree = tensor_train(d, d - 1)
    contraction, cores, features, gradient = drawn(tree, n_batch, 2, 1.0, False, place)
    (run,) = contraction._runs
    scores, tape = contraction.forward([place.put(core) for core in cores], place.put(features))
    assert tape.plan is contraction.plan(True, True)
    _, back = contraction.backward(tape, place.put(gradient), True)
    dense = network_of(tree, cores, n_batch > 1).to_dense()
    flat = gradient[..., 0].T if n_batch > 1 else gradient[0]

    def of(*left_out):
        """Of each sample, the dense tensor met by the features of all sites but these."""
        found = dense[None]
        for site in reversed(range(d)):
            if site in left_out:
                found = np.moveaxis(found, 1 + site, -1)
            else:
                axis = 1 + site
                shape = [5, *[1] * (found.ndim - 1)]
                shape[axis] = 2
                found = (found * features[site].reshape(shape)).sum(axis=axis)
        return found

    rtol = 1e-12 if place.widest == place.xp.float64 else 1e-4
    got = to_numpy(scores)
    got = got[..., 0].T if n_batch > 1 else got[0]
    np.testing.assert_allclose(got, of(), rtol, rtol * np.abs(got).max())
    for site in (0, 3, len(run.sites), d - 1):
        wanted = np.einsum("ncm,nc->nm", of(site), flat)
        np.testing.assert_allclose(
            to_numpy(each(back)[site]), wanted, rtol, rtol * np.abs(wanted).max()
        )


@pytest.mark.parametrize("way", ["up", "down"])
def test_steps_of_folded_runs_grow_as_the_logarithm(place, way):
    def n_steps(d):
        contraction, *_ = drawn(tensor_train(d, d - 1), 1, 3, 1.0, False, place)
        plan = contraction.plan(True, True)
        part = plan.up if way == "up" else plan.down(True).part
        return sum(map(len, part.nodes))

    each_doubling = np.diff([n_steps(2**k + 6) for k in (4, 5, 6, 7)])
    assert each_doubling.max() <= 3  # a product, and perhaps a check or an odd one


def test_runs_are_folded_where_calls_cost_more(place):
    """Few samples and small cores everywhere, many on a device whose calls are slow."""
    contraction, *_ = drawn(tensor_train(16, 15), 1, 3, 1.0, False, place)
    (run,) = contraction._runs
    device = Place(pytest, "a device")
    few, some, many = 1, 2_000, 10_000_000
    assert [run.pays(device, n, 1, True) for n in (few, some, many)] == [True, True, False]
    if place.is_host:
        assert [run.pays(place, n, 1, True) for n in (few, some, many)] == [True, False, False]
        assert run.pays(place, some, 1, wants_tape=False)


def test_features_of_several_sizes_come_as_a_list(place):
    tree = tensor_train(3)
    contraction = Contraction(tree, tree.message_sizes((2, 3, 2), 2, 1), 1, True, place=place)
    rng = np.random.default_rng(0)
    cores = [rng.standard_normal(shape) for shape in contraction.core_shapes]
    features = [rng.standard_normal((4, m)) for m in (2, 3, 2)]
    found, tape = contraction.forward(
        [place.put(core) for core in cores], [place.put(one) for one in features]
    )
    here = Contraction(tree, contraction.message_sizes)
    wanted, own = here.forward(cores, features)
    np.testing.assert_allclose(to_numpy(found), wanted, 1e-4)
    _, back = contraction.backward(tape, found, True)
    _, wanted_back = here.backward(own, wanted, True)
    for got, one in zip(each(back), wanted_back, strict=True):
        np.testing.assert_allclose(to_numpy(got), one, 1e-4)


def test_autograd_gives_the_same_derivatives():
    """Of the sum by terms, whose scores are a product of matrix products."""
    torch = pytest.importorskip("torch")
    contraction, cores, features, gradient = drawn(TREES["sum"], 1, 3, 1.0, False)
    _, tape = contraction.forward(cores, features)
    by_core, by_feature = contraction.backward(tape, gradient, True)
    own = [torch.tensor(core, requires_grad=True) for core in cores]
    x = torch.tensor(features, requires_grad=True)
    terms = torch.ones(1)
    for k, factor in enumerate(own[:-1]):
        terms = terms * (x[k] @ factor[0])
    (terms @ own[-1][0]).backward(torch.tensor(gradient[0]))
    for core, wanted in zip(own, by_core, strict=True):
        np.testing.assert_allclose(wanted, core.grad.numpy(), 1e-10, 1e-10)
    np.testing.assert_allclose(by_feature, x.grad.numpy(), 1e-10, 1e-10)
