"""The same sweeps over several parts of the samples, which meet at every sum."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from copy import copy
from functools import reduce
from queue import Queue
from threading import Thread
from typing import Any, Protocol

import numpy as np

from .._arrays._parallel import ChunkPool

MONITOR, END, ERROR = "monitor", "end", "error"
Request = tuple[str, Any]
"""What is asked for: one of the above, or else the name of what is to be added."""


class Stopped(BaseException):
    """Ends the thread of a part that no one waits for any more."""


class SharedPool(ChunkPool):
    """Threads for the chunks of a part, whose sums are those of all parts.

    Parameters
    ----------
    n_threads : int
    ask : callable
        ``ask(what, value)`` gives the sum of what all parts ask with.
    """

    holds_part = True

    def __init__(self, n_threads: int, ask: Callable[[str, Any], Any]) -> None:
        super().__init__(n_threads)
        self._ask = ask

    def total(self, value, what):
        return self._ask(what, value)


class Part:
    """Work on some samples in a thread, which waits at each question.

    Parameters
    ----------
    work : callable
        ``work(ask)``, where ``ask(kind, value)`` gives the answer of `run`.
    """

    def __init__(self, work: Callable[[Callable[[str, Any], Any]], Any]) -> None:
        self._requests: Queue[Request] = Queue()
        self._answers: Queue = Queue()
        self._thread = Thread(target=self._run, args=(work,), daemon=True)

    def step(self, answer: Any) -> Request:
        """Go on with an answer, up to the next question or the end."""
        if self._thread.ident is None:
            self._thread.start()
        else:
            self._answers.put(answer)
        return self._requests.get()

    def close(self) -> None:
        """End the thread."""
        self._answers.put(Stopped())

    def _run(self, work: Callable[[Callable[[str, Any], Any]], Any]) -> None:
        try:
            self._requests.put((END, work(self._ask)))
        except Stopped:
            pass
        except BaseException as error:
            self._requests.put((ERROR, error))

    def _ask(self, kind: str, value: Any) -> Any:
        self._requests.put((kind, value))
        answer = self._answers.get()
        if isinstance(answer, Stopped):
            raise answer
        # Parts of one process are given the same object, and may change it.
        return copy(answer)


class Steps(Protocol):
    """Parts wherever they are."""

    def step(self, answer: Any) -> Sequence[Request]: ...

    def close(self) -> None: ...


class LocalParts:
    """Parts in this process, one after the other."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = parts

    def step(self, answer: Any) -> list[Request]:
        return [part.step(answer) for part in self._parts]

    def close(self) -> None:
        for part in self._parts:
            part.close()


def run(
    parts: Steps,
    monitor: Callable[..., bool],
    agree: Callable[[Sequence[Any]], bool] = lambda values: True,
) -> Any:
    """Let parts work until their end, adding what they ask with in order.

    Parameters
    ----------
    parts : Steps
        They ask for the same at the same time, since all that they decide
        follows from sums.
    monitor : callable
        What answers the question `MONITOR`, asked with its arguments.
    agree : callable
        Whether what the parts ask the monitor with is the same.

    Returns
    -------
    object
        What the work on the first part gave.

    Raises
    ------
    RuntimeError
        If the parts do not do the same.
    """
    answer = None
    try:
        while True:
            kinds, values = zip(*parts.step(answer), strict=True)
            if ERROR in kinds:
                raise values[kinds.index(ERROR)]
            kind = kinds[0]
            own = kind in (MONITOR, END)
            asked = {(k, None if own else np.shape(v)) for k, v in zip(kinds, values, strict=True)}
            if len(asked) > 1 or (kind == MONITOR and not agree(values)):
                raise RuntimeError(
                    f"the parts of a dask array no longer do the same at {sorted(set(kinds))!r}: "
                    "their workers round differently, or a block changed meanwhile; use workers of "
                    "one kind, or solver='lbfgs'."
                )
            if kind == END:
                return values[0]
            answer = monitor(*values[0]) if kind == MONITOR else reduce(operator.add, values)
    finally:
        parts.close()
