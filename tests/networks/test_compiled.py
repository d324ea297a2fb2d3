"""Compiled passes against the calls that they stand for."""

from types import SimpleNamespace

import numpy as np
import pytest

from sktensornet._arrays._workspace import Workspace, replay
from sktensornet.networks import (
    Contraction,
    canonical_polyadic,
    hierarchical_tucker,
    identity_start,
    tensor_train,
)
from sktensornet.networks._passes import _steps, _tape
from sktensornet.networks._passes import _table as _compiled

pytest.importorskip("numba")


@pytest.fixture(params=[(300_000, 192), (0, 3)], ids=["whole", "tiles of 3"])
def passes(request, monkeypatch):
    """Compiled passes whatever their size, and how many there were."""
    made = []

    def compiled(calls, work, n):
        function = _compiled.compiled(calls, work, n)
        if n > 1:
            made.append(function)
        return function

    monkeypatch.setattr(_tape, "_WORTH_COMPILING", 0)
    monkeypatch.setattr(_tape, "compiled", compiled)
    monkeypatch.setattr(_compiled, "_LARGEST", request.param[0])
    monkeypatch.setattr(_compiled, "_TILE", request.param[1])
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
def test_messages_out_of_range_are_rescaled_all_the_same(tree, wants_tape, size, passes):
    contraction = Contraction(tree, tree.message_sizes((2,) * 60, 3, 2))
    rng = np.random.default_rng(1)
    constants = [np.array([1.0, 0.0])] * 60
    cores = identity_start(contraction, constants, np.zeros((1, 2)), rng, 0.1, 0.1)
    prepared, work = contraction.prepare(cores), Workspace()
    for scale in (1.0, size, 1.0):
        features = [scale * np.column_stack([np.ones(13), rng.random(13)]) for _ in range(60)]
        work.clear()
        scores, _ = contraction.forward(prepared, features, work, wants_tape)
        expected, _ = contraction.forward(cores, features)
        close(scores, expected, 1e-10)
    (function,) = passes
    assert function is not None


def test_without_the_extra_nothing_is_compiled(monkeypatch):
    monkeypatch.setattr(_compiled, "_jit", lambda: None)
    assert _compiled.compiled([(np.add, (), np.empty(1))], Workspace(), 2) is None


def test_a_call_without_code_leaves_the_pass_to_the_interpreter():
    x = np.ones((1, 2, 3))
    assert _compiled.compiled([(np.negative, (x,), x)], Workspace(), 3) is None


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("batches", [(1, 1, 1), (3, 1, 1), (3, 1, 3), (3, 3, 1)])
@pytest.mark.parametrize("n", [24, 25, 101])
@pytest.mark.parametrize(
    ("n_x", "n_y", "n_out"),
    [(1, 1, 1), (3, 2, 4), (4, 7, 5), (5, 4, 9), (40, 9, 3), (2, 200, 6), (300, 2, 2)],
)
def test_a_core_with_two_children_is_as_in_the_interpreter(
    n_x, n_y, n_out, n, batches, dtype, guarded
):
    rng = np.random.default_rng(n_x * n_y)

    def drawn(*shape, gap=0):
        return guarded(rng.standard_normal(shape).astype(dtype), gap)

    n_batch, b_x, b_y = batches
    x, y = drawn(b_x, n_x, n, gap=1), drawn(b_y, n_y, n, gap=2)
    gradient, out = (drawn(n_batch, n_out, n, gap=gap) for gap in (3, 0))
    split = SimpleNamespace(
        rest_is_last=True,
        by_message=lambda a, size: a.reshape(len(a), n_out, size, -1).swapaxes(1, 2),
    )
    core, back = drawn(n_batch, n_y * n_out, n_x), drawn(n_batch, n_x * n_y, n_out)
    between, design = drawn(n_batch, n_y * n_out, n), drawn(max(b_x, b_y), n_x * n_y, n)
    by_core, products = drawn(*back.shape), drawn(n_batch, n_x * n_y, n)
    to_x, to_y = drawn(n_batch, n_x, n, gap=4), drawn(n_batch, n_y, n, gap=5)
    for call, results in (
        ((_steps.sum_products, (core, x, y, between, split), out), (out,)),
        ((_steps.by_core, (gradient, x, y, design), by_core), (by_core,)),
        ((_steps.by_messages, (back, gradient, x, y, to_x, to_y), products), (to_x, to_y)),
        ((_steps.by_messages, (back, gradient, x, y, None, to_y), products), (to_y,)),
        ((_steps.by_messages, (back, gradient, x, y, to_x, None), products), (to_x,)),
    ):
        replay([call])
        expected = [np.array(result) for result in results]
        for result in results:
            result[...] = np.nan
        function = _compiled.compiled([call], Workspace(), n)
        assert function is not None
        *table, memory = function.args
        assert function.func(*table, guarded(memory, 0))
        for found, wanted in zip(results, expected, strict=True):
            close(found, wanted, 400 * float(np.finfo(dtype).eps))


def test_a_core_whose_rows_lie_apart_is_left_to_the_interpreter():
    x = np.ones((1, 2, 24))
    apart = np.ones((1, 4, 3))[..., :2]
    by_core = (_steps.by_core, (x, x, x, np.ones((1, 4, 24))), apart)
    by_messages = (_steps.by_messages, (apart, x, x, x, x, None), np.ones((1, 4, 24)))
    for call in (by_core, by_messages):
        assert _compiled.compiled([call], Workspace(), 24) is None


def test_too_few_samples_for_a_tile_are_left_to_the_interpreter():
    x = np.ones((1, 2, 11))
    call = (_steps.by_core, (x, x, x, np.ones((1, 4, 11))), np.ones((1, 4, 2)))
    assert _compiled.compiled([call], Workspace(), 11) is None
