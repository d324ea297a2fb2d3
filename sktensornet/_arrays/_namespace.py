"""Arrays of other libraries: where an array lives, and how it gets there and back.

What is computed for users' arrays is written in the functions of the array API
standard, which NumPy has too, so that one text serves all. Whether arrays of other
libraries are kept at all, scikit-learn's ``array_api_dispatch`` decides at the door;
below it the type of an array says what to do.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
from sklearn._config import get_config
from sklearn.externals import array_api_compat
from sklearn.utils import _array_api


def namespace(array: Any) -> Any:
    """The functions for an array: NumPy, or those of the standard of another library."""
    return np if isinstance(array, np.ndarray) else array_api_compat.array_namespace(array)


def device_of(array: Any) -> Any:
    """Where an array is."""
    return array_api_compat.device(array)


def widest(array: Any) -> Any:
    """The most precise float where an array is: some devices have none of 64 bits."""
    if isinstance(array, np.ndarray):
        return np.float64
    return _array_api._max_precision_float_dtype(namespace(array), device_of(array))


def to_numpy(array: Any) -> np.ndarray:
    """An array of any library and device as one of NumPy."""
    if isinstance(array, np.ndarray):
        return array
    array = detached(array)
    if str(array.dtype) == "torch.bfloat16":
        array = array.float()  # which NumPy has not got
    return _array_api._convert_to_numpy(array, array_api_compat.array_namespace(array))


def detached(array: Any) -> Any:
    """An array that no library records what is done to, for derivatives of its own."""
    return array.detach() if hasattr(array, "detach") else array


def contiguous(array: Any) -> Any:
    """A copy whose memory is in C order."""
    if isinstance(array, np.ndarray):
        return np.array(array, order="C")
    xp = namespace(array)
    copy = xp.empty(array.shape, dtype=array.dtype, device=device_of(array))
    copy[...] = array
    return copy


def filled(value: float, shape: tuple[int, ...], like: Any) -> Any:
    """An array of one number, of the type of another one and where that is."""
    return namespace(like).full(shape, value, dtype=like.dtype, device=device_of(like))


def rows_of(array: Any, rows: Any) -> Any:
    """Some rows of an array, by a slice or by integers, of NumPy or where the array is."""
    if isinstance(array, np.ndarray):
        return array[rows]
    if isinstance(rows, slice):
        return array[rows, ...]
    place = Place(namespace(array), device_of(array))
    return place.xp.take(array, place.put(rows), axis=0)


def each(arrays: Any) -> list[Any]:
    """The items along the first axis of an array, or of a sequence of arrays."""
    if isinstance(arrays, list | tuple):
        return list(arrays)
    return [arrays[k, ...] for k in range(arrays.shape[0])]


def stacked(arrays: Any) -> Any:
    """Arrays of one shape along a new first axis; of one array it is a view."""
    if len(arrays) == 1:
        return arrays[0][None, ...]
    return namespace(arrays[0]).stack(list(arrays))


LIBRARIES = ("torch", "cupy", "array_api_strict")
"""Whose arrays are taken: they can be written to, and views of them show it."""


class Place(NamedTuple):
    """A library, and a device of it.

    Parameters
    ----------
    xp : module
        The functions of the standard.
    device : object
    """

    xp: Any
    device: Any

    @property
    def name(self) -> str:
        """Of the library."""
        return self.xp.__name__.rpartition(".")[2]

    def __str__(self) -> str:
        return f"{self.name} on {self.device}"

    @property
    def names(self) -> tuple[str, str]:
        """Of library and device, for `restored`."""
        number = getattr(self.device, "id", None)
        return self.name, str(self.device if number is None else number)

    @property
    def is_host(self) -> bool:
        """Whether it is the processor, with its caches and its memory."""
        return str(self.device) == "cpu" or self.name == "array_api_strict"

    @property
    def widest(self) -> Any:
        """The most precise float of the device: some have none of 64 bits."""
        return _array_api._max_precision_float_dtype(self.xp, self.device)

    def dtype(self, like: Any) -> Any:
        """The type of a type of NumPy, or the nearest that the device has."""
        name = np.dtype(like).name
        return self.widest if name == "float64" else getattr(self.xp, name)

    def numpy_dtype(self, array: Any) -> np.dtype:
        """The type of NumPy that is that of an array."""
        return np.dtype(np.float64 if array.dtype == self.xp.float64 else np.float32)

    def put(self, array: Any, dtype: Any = None) -> Any:
        """An array there, in a type of NumPy or its own; itself, if it is there."""
        if isinstance(array, np.ndarray):
            own = np.ascontiguousarray(array, array.dtype if dtype is None else dtype)
            wanted = self.dtype(own.dtype)
            # A copy, for arrays of other libraries cannot be read-only.
            return self.xp.asarray(own.copy(), dtype=wanted, device=self.device)
        return array if dtype is None else self.xp.astype(array, self.dtype(dtype), copy=False)

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """Memory there, of a type of NumPy."""
        return self.xp.empty(shape, dtype=self.dtype(dtype), device=self.device)


def place_of(array: Any) -> Place | None:
    """Where an array is, if that is in another library."""
    if isinstance(array, np.ndarray):
        return None
    return Place(namespace(array), device_of(array))


def kept_place(name: str, array: Any) -> Place | None:
    """Where an array that a user passes by some name is to stay; None for what becomes NumPy's.

    Raises
    ------
    ValueError
        If it is of a library whose arrays cannot be written to, or on a device and
        scikit-learn is not told to leave it there.
    """
    place = _elsewhere(array)
    if place is None:
        return None
    if get_config()["array_api_dispatch"]:
        if place.name in LIBRARIES:
            return place
        raise ValueError(
            f"{name} is an array of {place.name}, but those of {', '.join(LIBRARIES)} and NumPy "
            f"are taken; pass numpy.asarray({name})."
        )
    if place.name in LIBRARIES and not place.is_host:
        raise ValueError(
            f"{name} is an array of {place}, which NumPy cannot read; call within "
            "sklearn.config_context(array_api_dispatch=True), with SCIPY_ARRAY_API=1 in the "
            "environment before scipy is imported, to compute there, or pass an array of the host."
        )
    return None


def host(name: str, array: Any) -> Any:
    """What a user passes by some name, in NumPy if it is an array of another library."""
    kept_place(name, array)
    place = _elsewhere(array)
    return array if place is None or place.name not in LIBRARIES else to_numpy(array)


def _elsewhere(array: Any) -> Place | None:
    """Where an array is, if it is one, and neither NumPy's nor of blocks."""
    if not array_api_compat.is_array_api_obj(array) or array_api_compat.is_dask_array(array):
        return None
    return place_of(array)


def restored(name: str, device: str) -> Place | None:
    """The place of some `names`, or None on a machine that has not got it."""
    try:
        library = import_module(name)
        if name == "cupy":
            found = library.cuda.Device(int(device))
        elif name == "torch":
            found = library.device(device)
        else:
            known = {str(one): one for one in library.__array_namespace_info__().devices()}
            found = known[device]
        place = Place(array_api_compat.array_namespace(library.empty(0)), found)
        place.empty((0,), np.float32)
    except Exception:
        return None
    return place
