"""Small networks of every topology, with an index label for every axis of every core."""

from dataclasses import dataclass
from itertools import count
from unittest import mock

import numpy as np
import pytest

from sktensornet._arrays._workspace import Workspace, aligned
from sktensornet.networks import (
    Tree,
    balanced,
    balanced_grid,
    canonical_polyadic,
    hierarchical_tucker,
    tensor_train,
)
from sktensornet.networks._cores import network_of
from sktensornet.networks._passes import _pass
from sktensornet.networks._passes._contraction import Contraction
from sktensornet.networks._passes._numpy import Memory, bind, run
from sktensornet.networks._passes._steps import Builder

MODES = (2, 3, 4, 2, 3, 2)
CLASS, BOND = 100, 200


def chain(n_sites, centre=None):
    """A tensor train, and the labels of its cores (bond, site, bond)."""
    labels = [[BOND + k, k, BOND + k + 1] for k in range(n_sites)]
    labels[n_sites // 2 if centre is None else centre].append(CLASS)
    return tensor_train(n_sites, centre), labels


def nested(branches):
    """A tree, and the labels of its frames (site, out), then nodes (*children, out)."""
    frames, inner, fresh = {}, [], count(BOND)

    def visit(branch, out):
        if not isinstance(branch, tuple):
            frames[branch] = [branch, out]
            return
        outs = [next(fresh) for _ in branch]
        for part, own in zip(branch, outs, strict=True):
            visit(part, own)
        inner.append([*outs, out])

    visit(branches, CLASS)
    return hierarchical_tucker(branches), [frames[site] for site in sorted(frames)] + inner


def product(n_sites):
    """A CP, and the labels of its factors (site, rank), then the readout."""
    labels = [[k, BOND] for k in range(n_sites)] + [[BOND, CLASS]]
    return canonical_polyadic(n_sites), labels


TOPOLOGIES = {
    "TT, d=1": chain(1),
    "TT, d=2": chain(2),
    "TT, d=5": chain(5),
    "TT, d=6": chain(6),
    "TT, d=5, leg first": chain(5, 0),
    "TT, d=5, leg last": chain(5, 4),
    "TT, d=4, leg at 1": chain(4, 1),
    "HT, d=1": nested(0),
    "HT, d=2": nested(balanced(2)),
    "HT, d=4": nested(balanced(4)),
    "HT, d=5": nested(balanced(5)),
    "HT, grid 2 x 3": nested(balanced_grid(np.array([[4, 1, 2], [3, 0, 5]]))),
    "HT, sites out of order": nested(((3, 0), (4, (2, 1)))),
    "HT, caterpillar": nested((0, (1, (2, 3)))),
    "HT, ternary nodes": nested(((1, 0, 2), 4, (3, 5))),
    "HT, node of four": nested((2, 0, 3, 1)),
    "CP, d=1": product(1),
    "CP, d=2": product(2),
    "CP, d=5": product(5),
}


@dataclass
class Case:
    """A small network with random cores and features in float64."""

    tree: Tree
    labels: list
    n_batch: int
    n_outputs: int

    def __post_init__(self):
        rng = np.random.default_rng(7)
        self.mode_sizes = MODES[: self.tree.n_sites]
        self.message_sizes = self.tree.message_sizes(self.mode_sizes, 3, self.n_outputs)
        self.contraction = Contraction(self.tree, self.message_sizes, self.n_batch)
        self.cores = [rng.standard_normal(shape) for shape in self.contraction.core_shapes]
        self.features = [rng.standard_normal((4, m)) for m in self.mode_sizes]
        self.batched = self.n_batch > 1

    @property
    def network(self):
        return network_of(self.tree, self.cores, self.batched)

    @property
    def dense(self):
        """The weight tensor by one einsum over the public cores."""
        operands = []
        for core, labels in zip(self.network.cores, self.labels, strict=True):
            kept = [label for label in labels if not (self.batched and label == CLASS)]
            operands += [core, [CLASS, *kept] if self.batched else kept]
        every = sorted({label for labels in self.labels for label in labels})
        short = {label: place for place, label in enumerate(every)}
        operands = [
            [short[label] for label in item] if isinstance(item, list) else item
            for item in operands
        ]
        out = [short[label] for label in [*range(self.tree.n_sites), CLASS]]
        return np.einsum(*operands, out, optimize="greedy")

    @property
    def dense_scores(self):
        """Scores (n_samples, n_outputs) by contracting the dense tensor site by site."""
        result = np.einsum("na,a...->n...", self.features[0], self.dense)
        for features in self.features[1:]:
            result = np.einsum("na,na...->n...", features, result)
        return result


@pytest.fixture(params=TOPOLOGIES)
def topology(request):
    """Tree and labels of one topology."""
    return TOPOLOGIES[request.param]


@pytest.fixture(params=["joint", "separate"])
def case(request, topology):
    """A network with three classes, in one tensor or in three."""
    n_batch, n_outputs = (1, 3) if request.param == "joint" else (3, 1)
    return Case(*topology, n_batch, n_outputs)


TREES = [name for name in TOPOLOGIES if not name.startswith("CP")]


@pytest.fixture(params=TREES)
def joint_tree(request):
    """A tree with a class leg of three classes."""
    return Case(*TOPOLOGIES[request.param], 1, 3)


@pytest.fixture(params=TREES)
def separate_trees(request):
    """Three trees, one for each class."""
    return Case(*TOPOLOGIES[request.param], 3, 1)


@pytest.fixture(params=[(name, n_batch) for name in TREES for n_batch in (1, 3)], ids=str)
def tree_case(request):
    """Either of the two."""
    name, n_batch = request.param
    return Case(*TOPOLOGIES[name], n_batch, 1 if n_batch > 1 else 3)


def both_passes(contraction, cores, prepared, features, work, wants_features=True):
    """Scores and derivatives of passes that `work` keeps, and those by NumPy in new memory."""

    def act(own, memory):
        scores, tape = contraction.forward(own, features, memory)
        gradient = np.random.default_rng(6).standard_normal(scores.shape).astype(scores.dtype)
        by_core, by_feature = contraction.backward(tape, gradient, wants_features)
        assert (by_feature is None) == (not wants_features)
        return [scores, *by_core, *(() if by_feature is None else by_feature)]

    work.clear()
    found = act(prepared, work)
    with numpy_alone():
        return found, act(cores, None)


def numpy_alone():
    """A context in which no pass is bound to compiled code."""
    return mock.patch.object(_pass, "compiled", return_value=None)


def single_node(rule, n_batch, messages, gradient, core=None, wanted=None, **options):
    """Both ways through one node: its message, and the derivatives by the core and the messages.

    Parameters
    ----------
    rule : object
        As in `_rules`.
    n_batch : int
    messages : list of ndarray of shape (b, r, n)
    gradient : ndarray of shape (n_batch, out, n), or None
        Without it there is no way down, and nothing is kept for one.
    core : ndarray of shape (n_batch, children..., out), or None
    wanted : list of bool, or None
        Which messages have derivatives.
    product : Product, optional
    take : callable, optional
        Runs the steps of a part on a memory, instead of NumPy.
    block_of : callable, optional
        Gives memory.
    """
    take = options.get("take") or (
        lambda part, memory: run(bind(part, memory, options.get("product"), {}, False))
    )
    block_of, n = options.get("block_of", aligned), messages[0].shape[2]
    matrices = [() if core is None else rule.matrices(core)]
    if core is None:
        matrices = [(messages[0][..., :0],)]
    build = Builder(n_batch)
    places = [build.keep(*message.shape[:2]) for message in messages]
    position = None if core is None else 0
    build.next_node()
    out, saved = rule.up(build, position, places, gradient is not None)
    up = build.end()
    memory = Memory(up, matrices, n, block_of)
    for place, message in zip(places, messages, strict=True):
        memory.array(place)[...] = message
    take(up, memory)
    result = memory.array(out)
    if gradient is None:
        return result, None, None
    build = Builder(n_batch, up)
    start = build.keep(*gradient.shape[:2])
    into = [
        build.keep(n_batch, message.shape[1]) if wanted is None or wanted[j] else None
        for j, message in enumerate(messages)
    ]
    build.next_node()
    by_core = rule.down(build, position, places, saved, out, start, into)
    down = build.end()
    memory = Memory(down, matrices, n, block_of, memory)
    memory.array(start)[...] = gradient
    take(down, memory)
    return result, None if core is None else memory.array(by_core), [*map(memory.array, into)]


@pytest.fixture(name="single_node", scope="session")
def single_node_fixture():
    """The function of this name."""
    return single_node


def replays(case):
    """`both_passes` of a network whose cores, features and numbers of samples change."""
    rng, work, prepared = np.random.default_rng(8), Workspace(), None
    sizes = [(14, 1.0), (14, 1.0), (13, 1.0), (14, 1e30), (14, 1.0), (14, 1e-30), (1, 1.0)]
    for n, scale in sizes:
        cores = [rng.standard_normal(core.shape) for core in case.cores]
        prepared = case.contraction.prepare(cores, prepared)
        features = [scale * rng.standard_normal((n, f.shape[1])) for f in case.features]
        for wants_features in (True, False, True):
            found, wanted = both_passes(
                case.contraction, cores, prepared, features, work, wants_features
            )
            yield found, wanted
            alone, _ = case.contraction.forward(prepared, features, work, False)
            yield [alone], wanted[:1]


@pytest.fixture(name="both_passes", scope="session")
def both_passes_fixture():
    """The function of this name."""
    return both_passes


@pytest.fixture(name="numpy_alone", scope="session")
def numpy_alone_fixture():
    """The function of this name."""
    return numpy_alone


@pytest.fixture(name="replays")
def replays_fixture(case):
    """The pairs that the function of this name gives for each case."""
    return replays(case)
