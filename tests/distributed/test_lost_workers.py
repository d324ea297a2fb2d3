"""What is said where a worker of dask ends during a fit."""

from types import SimpleNamespace

import pytest

pytest.importorskip("distributed")

from sktensornet._distributed._block_sweeps import ActorParts
from sktensornet._distributed._blocks import read
from sktensornet._distributed._lockstep import ERROR


class FutureCancelledError(Exception):
    """As dask raises it."""


def failing(error):
    def fail(*args, **kwargs):
        raise error

    return fail


def test_of_blocks_that_only_it_had():
    array = SimpleNamespace(compute=failing(FutureCancelledError("lost")))
    with pytest.raises(RuntimeError, match=r"worker of dask was lost.*fit again.*Checkpoint"):
        read(array)


def test_other_errors_stay():
    with pytest.raises(ValueError, match="of the data"):
        read(SimpleNamespace(compute=failing(ValueError("of the data"))))


def test_of_a_part_of_the_sweeps():
    parts = object.__new__(ActorParts)
    error = OSError("Unable to contact Actor's worker")
    future = SimpleNamespace(result=failing(error))
    parts._actors = [SimpleNamespace(step=lambda answer: future)]
    ((kind, found),) = parts.step(None)
    assert kind == ERROR
    assert isinstance(found, RuntimeError)
    assert "Unable to contact" in str(found)
