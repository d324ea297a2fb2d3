"""Compiled passes against those of NumPy."""

from functools import partial

import numpy as np
import pytest

from sktensornet._arrays._workspace import Workspace, aligned
from sktensornet.networks import (
    canonical_polyadic,
    hierarchical_tucker,
    recurrent_train,
    tensor_train,
)
from sktensornet.networks._passes import _pass, _table
from sktensornet.networks._passes._contraction import Contraction
from sktensornet.networks._passes._numpy import Memory
from sktensornet.networks._passes._rules import CoreRule
from sktensornet.networks._passes._steps import Builder, Kind, Place
from sktensornet.networks._starts._identity import identity_start

pytest.importorskip("numba")


@pytest.fixture(params=[(300_000, 192), (0, 3)], ids=["whole", "tiles of 3"])
def passes(request, monkeypatch):
    """Compiled passes whatever their size, and how many there were."""
    made = []

    def compiled(part, memory):
        function = _table.compiled(part, memory)
        if memory.n > 1:
            made.append(function)
        return function

    monkeypatch.setattr(_pass, "WORTH_COMPILING", 0)
    monkeypatch.setattr(_pass, "compiled", compiled)
    monkeypatch.setattr(_table, "_LARGEST", request.param[0])
    monkeypatch.setattr(_table, "_TILE", request.param[1])
    return made


def close(found, expected, rtol=1e-12):
    scale = np.abs(expected).max() or 1.0
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol * scale)


def test_compiled_passes_are_those_of_new_memory(case, passes, replays):
    for found, wanted in replays:
        for a, b in zip(found, wanted, strict=True):
            close(a, b)
    tree = case.contraction.tree
    if tree.is_multilinear and (tree.n_sites > 1 or not tree.multiplied):
        assert passes
        assert all(function is not None for function in passes)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_batch", [1, 3])
@pytest.mark.parametrize(
    "tree",
    [
        tensor_train(6),
        tensor_train(6, 0),
        hierarchical_tucker((((0, 1), 2), (3, (4, 5)))),
        canonical_polyadic(6),
    ],
)
def test_every_kind_of_step_in_both_precisions(tree, n_batch, dtype, passes, both_passes):
    rng = np.random.default_rng(0)
    contraction = Contraction(tree, tree.message_sizes((5, 2, 3, 4, 3, 2), 4, 3), n_batch)
    cores = [rng.standard_normal(shape).astype(dtype) for shape in contraction.core_shapes]
    prepared, work = contraction.prepare(cores), Workspace()
    for _ in range(3):
        features = [rng.standard_normal((26, m)).astype(dtype) for m in contraction.mode_sizes]
        for a, b in zip(*both_passes(contraction, cores, prepared, features, work), strict=True):
            assert a.dtype == dtype
            close(a, b, 100 * float(np.finfo(dtype).eps))
    assert len(passes) == 2
    assert all(function is not None for function in passes)


@pytest.mark.parametrize("size", [1e6, 1e-6])
@pytest.mark.parametrize("wants_tape", [True, False])
@pytest.mark.parametrize("tree", [tensor_train(60), canonical_polyadic(60)])
def test_messages_out_of_range_are_rescaled_all_the_same(
    tree, wants_tape, size, passes, numpy_alone
):
    contraction = Contraction(tree, tree.message_sizes((2,) * 60, 3, 2))
    rng = np.random.default_rng(1)
    constants = [np.array([1.0, 0.0])] * 60
    cores = identity_start(contraction, constants, np.zeros((1, 2)), rng, 0.1, 0.1)
    prepared, work = contraction.prepare(cores), Workspace()
    for scale in (1.0, size, 1.0):
        features = [scale * np.column_stack([np.ones(13), rng.random(13)]) for _ in range(60)]
        work.clear()
        scores, tape = contraction.forward(prepared, features, work, wants_tape)
        assert bool(tape.shifts) == (scale != 1.0)
        with numpy_alone():
            expected, _ = contraction.forward(cores, features)
        close(scores, expected, 1e-10)
    (function,) = passes
    assert function is not None


@pytest.mark.parametrize("n_batch", [1, 3])
@pytest.mark.parametrize("tree", [tensor_train(9), tensor_train(8, 0), recurrent_train(7)])
def test_merged_sites_and_their_derivatives(tree, n_batch, passes, both_passes, numpy_alone):
    rng = np.random.default_rng(2)
    sizes = tree.message_sizes((2,) * tree.n_sites, 4, 3)
    contraction = Contraction(tree, sizes, n_batch, merges_sites=True)
    assert len(contraction.gradient_shapes) < len(contraction.core_shapes)
    cores = [rng.standard_normal(shape) for shape in contraction.core_shapes]
    prepared, work = contraction.prepare(cores), Workspace()
    for _ in range(2):
        features = rng.standard_normal((tree.n_sites, 26, 2))
        found = both_passes(contraction, cores, prepared, features, work)[0]
        scores, *by_core = found[: 1 + len(contraction.gradient_shapes)]
        by_feature = found[1 + len(by_core) :]
        gradient = np.random.default_rng(6).standard_normal(scores.shape)
        plain = Contraction(tree, sizes, n_batch)
        with numpy_alone():
            wanted, tape = plain.forward(cores, features)
            own, back = plain.backward(tape, gradient, True)
        close(scores, wanted)
        for a, b in zip(contraction.gradients(prepared, by_core), own, strict=True):
            close(a, b, 1e-11)
        for a, b in zip(by_feature, back, strict=True):
            close(a, b, 1e-11)
    assert all(function is not None for function in passes)


def test_without_the_extra_nothing_is_compiled(monkeypatch, case):
    part = case.contraction.plan(True).up
    matrices = case.contraction.prepare(case.cores).matrices
    memory = Memory(part, matrices, 30, aligned)
    assert (_table.compiled(part, memory) is None) == (not part.nodes)
    monkeypatch.setattr(_table, "_jit", lambda: None)
    assert _table.compiled(part, memory) is None


def test_a_step_without_code_leaves_the_pass_to_numpy():
    for kinds, has_code in [([Kind.MULTIPLY], True), ([Kind.MULTIPLY, Kind.COPY], False)]:
        build = Builder(1)
        x = build.keep(1, 3)
        for kind in kinds:
            build.add(kind, *[x] * (2 if kind is Kind.MULTIPLY else 1), out=build.keep(1, 3))
        part = build.end()
        memory = Memory(part, [(np.ones(1),)], 30, aligned)
        assert (_table.compiled(part, memory) is not None) == has_code


class Guarded:
    """Blocks of NaN with more of it around, and compiled runs that write only where they may."""

    def __init__(self):
        self._wholes = []

    def block(self, size):
        whole = np.full(size // 8 + 32, np.nan).view(np.uint8)
        self._wholes.append(whole)
        return whole[128 : 128 + size]

    def take(self, part, memory):
        """Run a part: it may write outputs, spare memory and its own."""
        function = _table.compiled(part, memory)
        *table, own = function.args
        own = self.block(own.nbytes).view(own.dtype)
        outputs = {v.buffer for step in part.nodes[0] for v in step.outputs if v is not None}
        free = [(own.ctypes.data, own.nbytes)]
        for k, buffer in enumerate(memory.buffers):
            if k in outputs or buffer.place is Place.SPARE:
                length = buffer.size * own.itemsize * (memory.n if buffer.sampled else 1)
                free.append((memory.address(k), length))
        before = [whole.copy() for whole in self._wholes]
        assert function.func(*table, own)
        for whole, old in zip(self._wholes, before):
            kept = np.ones(len(whole), bool)
            for address, length in free:
                start = address - whole.ctypes.data
                if 0 <= start < len(whole):
                    kept[start : start + length] = False
            np.testing.assert_array_equal(whole[kept], old[kept])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("batches", [(1, 1, 1), (3, 1, 1), (3, 1, 3), (3, 3, 1)])
@pytest.mark.parametrize(
    ("n_x", "n_y", "n_out"),
    [
        (1, 1, 1),
        (5, 1, 1),
        (1, 6, 1),
        (7, 1, 3),
        (1, 5, 4),
        (3, 2, 1),
        (3, 2, 4),
        (4, 7, 5),
        (5, 4, 9),
        (40, 9, 3),
        (2, 200, 6),
        (300, 2, 2),
    ],
)
def test_a_core_with_two_children_is_as_in_numpy(n_x, n_y, n_out, batches, dtype, single_node):
    for n in (24, 25, 101):
        assert_as_in_numpy(n_x, n_y, n_out, n, batches, dtype, single_node)


def assert_as_in_numpy(n_x, n_y, n_out, n, batches, dtype, single_node):
    rng = np.random.default_rng(n_x * n_y)
    n_batch, b_x, b_y = batches
    messages = [rng.standard_normal((b, m, n)).astype(dtype) for b, m in ((b_x, n_x), (b_y, n_y))]
    gradient = rng.standard_normal((n_batch, n_out, n)).astype(dtype)
    core = rng.standard_normal((n_batch, n_x, n_y, n_out)).astype(dtype)
    rule = CoreRule((n_x, n_y), n_out, True)
    for wanted in ([True, True], [False, True], [True, False]):
        both = partial(single_node, rule, n_batch, messages, gradient, core, wanted)
        guarded = Guarded()
        expected, found = both(), both(take=guarded.take, block_of=guarded.block)
        for a, b in zip([*found[:2], *found[2]], [*expected[:2], *expected[2]], strict=True):
            assert (a is None) == (b is None)
            if a is not None:
                close(a, b, 400 * float(np.finfo(dtype).eps))


def test_too_few_samples_for_a_tile_are_left_to_numpy():
    contraction = Contraction(tree := tensor_train(3, 2), tree.message_sizes((2,) * 3, 2, 1))
    prepared = contraction.prepare([np.ones(shape) for shape in contraction.core_shapes])
    part = contraction.plan(True).up
    for n in (11, 12):
        memory = Memory(part, prepared.matrices, n, aligned)
        assert (_table.compiled(part, memory) is None) == (n < 12)
