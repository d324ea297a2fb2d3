"""Contraction of a network with local features, and its adjoint.

One upward pass over the tree gives the scores, one downward pass the derivative
with respect to every core and every feature. Messages are rescaled by powers of
two, which is exact, and the exponents are carried along, so that a product over
thousands of sites neither overflows nor vanishes.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from ..._arrays._typing import Features, FloatArray
from ..._arrays._workspace import Workspace
from ..._support._optional import can_compile
from .._cores import core_shapes
from .._tree import Tree
from ._core_kernel import CoreKernel, core_kernel
from ._product_kernel import ProductKernel
from ._products import PRODUCTS, Elementwise
from ._steps import add_exponents, in_range, sum_batch
from ._tape import (
    SCORE_EXPONENT,
    BackwardProgram,
    Matrices,
    Program,
    Step,
    Tape,
    by_site,
    copy_features,
    nodes_to_check,
)

_MOST_PROGRAMS = 6
_WIDEST_COMPILED_SUM = 96


class Contraction:
    r"""The network function of a tree whose message sizes are fixed.

    .. math:: s_c(X) = \langle W_c, f_1(x_1) \otimes \dots \otimes f_d(x_d) \rangle

    With another product than "multiply" it is the function that the same rules
    give with it; its messages are not rescaled.

    Parameters
    ----------
    tree : Tree
        The topology.
    message_sizes : tuple of int
        Length of the outgoing message of every node.
    n_batch : int, default=1
        Number of tensors over the same features (the classes, for separate
        class tensors).

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.networks import Contraction, tensor_train
    >>> contraction = Contraction(tensor_train(3), tensor_train(3).message_sizes((2, 2, 2), 2, 1))
    >>> cores = [np.ones(shape) for shape in contraction.core_shapes]
    >>> features = [np.full((5, 2), 0.5)] * 3
    >>> scores, tape = contraction.forward(cores, features)
    >>> scores.shape, float(scores[0, 0, 0])
    ((1, 5, 1), 4.0)
    >>> gradients, _ = contraction.backward(cores, tape, np.ones_like(scores), False)
    >>> [gradient.shape for gradient in gradients] == [core.shape for core in cores]
    True
    """

    def __init__(self, tree: Tree, message_sizes: tuple[int, ...], n_batch: int = 1) -> None:
        self.tree = tree
        self.message_sizes = message_sizes
        self.n_batch = n_batch
        self.product = PRODUCTS[tree.product]
        self.core_shapes = core_shapes(tree, message_sizes, n_batch)
        self.gradient_shapes = self.core_shapes
        self._site_nodes = {
            node.site: index for index, node in enumerate(tree.nodes) if node.site is not None
        }
        sizes = [message_sizes[self._site_nodes[site]] for site in range(tree.n_sites)]
        self.mode_sizes = tuple(sizes)
        ends = list(accumulate(sizes))
        self._rows = [slice(end - size, end) for size, end in zip(sizes, ends, strict=True)]
        checked = nodes_to_check(tree) if self.product.is_multilinear else [False] * len(tree.nodes)
        # The calls of a wide sum are long, and there is no core whose steps share a cache.
        self._compiles = not tree.multiplied or max(message_sizes) <= _WIDEST_COMPILED_SUM
        self._steps = [
            self._step(index, checked[index])
            for index, node in enumerate(tree.nodes)
            if node.site is None
        ]
        kept = sum(
            len(step.children) * message_sizes[step.node]
            if step.kernel is None
            else step.kernel.entries
            for step in self._steps
        )
        self.entries_per_sample = n_batch * kept + 2 * sum(sizes)
        """About how many numbers a forward and a backward pass keep for each sample."""

    def _step(self, index: int, checked: bool) -> Step:
        node = self.tree.nodes[index]
        if node.axes is None:
            return Step(index, node.children, None, -1, checked)
        position, out = self.tree.core_of[index], self.message_sizes[index]
        kernel: CoreKernel | ProductKernel
        if isinstance(self.product, Elementwise):
            kernel = ProductKernel(self.product, out)
        else:
            sizes = tuple(self.message_sizes[child] for child in node.children)
            fused = self._compiles and can_compile()
            kernel = core_kernel(sizes, out, fused)
        return Step(index, node.children, kernel, position, checked)

    def prepare(self, cores: Sequence[FloatArray], into: Matrices | None = None) -> Matrices:
        """Copy the cores as both passes use them, for many chunks of samples.

        Parameters
        ----------
        cores : sequence of ndarray
            The cores, as for `forward`.
        into : Matrices or None
            The result of an earlier call, into whose memory the cores are written;
            what workspaces have recorded of the passes is then used again.

        Returns
        -------
        Matrices
            What `forward` and `backward` take.
        """
        prepared = Matrices(cores) if into is None else into
        for step in self._steps:
            if step.kernel is not None:
                core = cores[step.position]
                if into is None:
                    prepared[step.position] = step.kernel.matrices(core)
                else:
                    step.kernel.refresh(prepared[step.position], core)
        return prepared

    def forward(
        self,
        cores: Sequence[FloatArray] | Matrices,
        features: Features,
        work: Workspace | None = None,
        wants_tape: bool = True,
    ) -> tuple[FloatArray, Tape]:
        """Scores of n samples.

        Parameters
        ----------
        cores : sequence of ndarray
            The cores (n_batch, children..., out), or what `prepare` made of them.
        features : sequence of ndarray of shape (n, m_k)
            Local features of each site, best with the samples innermost in memory.
        work : Workspace or None
            Where the tape is kept.
        wants_tape : bool, default=True
            Whether `backward` follows.

        Returns
        -------
        scores : ndarray of shape (n_batch, n, n_outputs)
            Saturated at 2**100 (float32) or 2**300 (float64).
        tape : Tape
            What `backward` needs.
        """
        work = Workspace() if work is None else work
        matrices = cores if isinstance(cores, Matrices) else self.prepare(cores)
        key = (id(matrices), len(features[0]), wants_tape)
        program = work.programs.get(key)
        if program is None and matrices is cores and self.product.is_multilinear:
            if len(work.programs) >= _MOST_PROGRAMS:
                work.programs.clear()
            program = self._record(matrices, features[0], wants_tape)
            work.programs[key] = program
        if program is None:
            rows = work.keep((sum(self.mode_sizes), len(features[0])), features[0].dtype)
            copy_features(features, self.mode_sizes, rows)
        else:
            rows = program.rows
            copy_features(features, self.mode_sizes, rows)
            if program.run():
                return program.tape.scores(self.tree.root), program.tape
        tape = self._forward(matrices, rows, work, wants_tape)
        return tape.scores(self.tree.root), tape

    def _record(self, matrices: Matrices, like: FloatArray, wants_tape: bool) -> Program:
        """The pass for as many samples as some features have, not yet made."""
        work = Workspace()
        rows = work.keep((sum(self.mode_sizes), len(like)), like.dtype)
        program = Program(matrices, rows, work, self._compiles)
        with work.recording(program.calls):
            program.tape = self._forward(matrices, rows, work, wants_tape)
        program.tape.program = program
        program.compile(program)
        return program

    def _forward(
        self, matrices: Matrices, rows: FloatArray, work: Workspace, wants_tape: bool
    ) -> Tape:
        tape = Tape([np.empty(0)] * len(self.tree.nodes))
        messages, exponents = tape.messages, tape.exponent
        for site, index in self._site_nodes.items():
            messages[index] = rows[None, self._rows[site]]
        for index, children, kernel, position, checked in self._steps:
            own = [messages[child] for child in children]
            work.clear_spare()
            if kernel is None:
                message, tape.partial[index], inner = self.product.combine(own, work, wants_tape)
                if inner is not None:
                    exponents[index] = inner
            else:
                message, tape.partial[index] = kernel.apply(
                    matrices[position], own, work, wants_tape
                )
            if checked:
                message, shift = in_range(message, work)
                if shift is not None:
                    tape.shift[index] = exponents[index] = shift
            messages[index] = message
            for child in children if exponents else ():
                inner = add_exponents(exponents.get(index), exponents.get(child))
                if inner is not None:
                    exponents[index] = inner
        return tape

    def backward(
        self,
        cores: Sequence[FloatArray] | Matrices,
        tape: Tape,
        score_gradient: FloatArray,
        wants_features: bool,
        work: Workspace | None = None,
    ) -> tuple[list[FloatArray], Features | None]:
        """Derivatives of a loss, given its derivative with respect to the scores.

        Parameters
        ----------
        cores : sequence of ndarray
            The cores, as for `forward`.
        tape : Tape
            What `forward` returned.
        score_gradient : ndarray of shape (n_batch, n, n_outputs)
            Derivative of the loss by the scores.
        wants_features : bool
            Whether the derivative by the features is asked for.
        work : Workspace or None
            Where the tape was kept.

        Returns
        -------
        core_gradients : list of ndarray
            Derivative by each core, in its shape.
        feature_gradients : list of ndarray of shape (n, m_k), or None
            Derivative by the features of each site, if asked for; one array where
            all sites have as many. All derivatives last until `work` is cleared.
        """
        by_core, rows = self._backward_rows(cores, tape, score_gradient, wants_features, work)
        return by_core, None if rows is None else by_site(rows, self.mode_sizes)

    def gradients(self, prepared: Matrices, by_core: list[FloatArray]) -> list[FloatArray]:
        """Derivatives by core from what `backward` gives, or sums of it over chunks.

        Parameters
        ----------
        prepared : Matrices
            What `prepare` returned.
        by_core : list of ndarray
            The derivatives.

        Returns
        -------
        list of ndarray
            For this class as they are.
        """
        return by_core

    def _backward_rows(
        self,
        cores: Sequence[FloatArray] | Matrices,
        tape: Tape,
        score_gradient: FloatArray,
        wants_features: bool,
        work: Workspace | None = None,
    ) -> tuple[list[FloatArray], FloatArray | None]:
        """As `backward`, with the feature derivatives as rows (all m_k in turn, n)."""
        work = Workspace() if work is None else work
        matrices = cores if isinstance(cores, Matrices) else self.prepare(cores)
        program = tape.program
        if program is None or program.matrices is not matrices:
            return self._backward(matrices, tape, score_gradient, wants_features, work)
        known = program.backward.get(wants_features)
        if known is None:
            known = BackwardProgram(np.empty_like(score_gradient.mT, order="C"))
            with program.work.recording(known.calls):
                known.result = self._backward(
                    matrices, tape, known.score_gradient.mT, wants_features, program.work
                )
            known.compile(program)
            program.backward[wants_features] = known
        known.score_gradient[...] = score_gradient.mT
        known.run()
        return known.result

    def _backward(
        self,
        matrices: Matrices,
        tape: Tape,
        score_gradient: FloatArray,
        wants_features: bool,
        work: Workspace,
    ) -> tuple[list[FloatArray], FloatArray | None]:
        core_gradients: list[FloatArray] = [np.empty(0)] * len(matrices)
        exponent = tape.exponent.get(self.tree.root)
        if exponent is not None:
            limit = SCORE_EXPONENT[score_gradient.dtype]
            inside = np.abs(exponent) <= limit
            score_gradient = np.ldexp(score_gradient * inside, np.where(inside, exponent, 0))
        n, dtype = score_gradient.shape[1], score_gradient.dtype
        rows = work.keep((sum(self.mode_sizes), n), dtype) if wants_features else None
        pending = self._targets(rows, n, dtype, work)
        pending[-1] = np.ascontiguousarray(score_gradient.mT)
        for index, children, kernel, position, _ in reversed(self._steps):
            gradient = pending[index]
            own = [tape.messages[child] for child in children]
            into = [pending[child] for child in children]
            work.clear_spare()
            if kernel is None:
                message, partial = tape.messages[index], tape.partial[index]
                self.product.combine_adjoint(own, partial, message, gradient, into, work)
                continue
            if index in tape.shift:
                gradient = np.ldexp(gradient, -tape.shift[index].mT)
            core_gradients[position] = kernel.adjoint(
                matrices[position],
                own,
                tape.partial[index],
                gradient,
                into,
                work,
            )
        if rows is not None and self.n_batch > 1:
            for site, index in self._site_nodes.items():
                work.run(sum_batch, pending[index], out=rows[self._rows[site]])
        return core_gradients, rows

    def _targets(
        self, rows: FloatArray | None, n: int, dtype: np.dtype, work: Workspace
    ) -> list[Any]:
        """For each node where to write the derivative with respect to its message."""
        targets: list[Any] = [None] * len(self.tree.nodes)
        if rows is not None:
            for site, index in self._site_nodes.items():
                part = self._rows[site]
                targets[index] = (
                    rows[None, part]
                    if self.n_batch == 1
                    else work.keep((self.n_batch, part.stop - part.start, n), dtype)
                )
        for _, children, *_ in self._steps:
            for child in children:
                if self.tree.nodes[child].site is None:
                    size = self.message_sizes[child]
                    targets[child] = work.keep((self.n_batch, size, n), dtype)
        return targets
